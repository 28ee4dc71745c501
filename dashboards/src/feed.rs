//! One view as all its tabs see it: what is drawn now, and the events that bring an open page there.
//!
//! Every change has a number. A page says which number it has; it gets what came after, or is told to load anew.

use crate::{Layouts, layout};
use infralogs_core::{
    Result,
    dashboard::Answer,
    plugin::{Document, Renderer},
    time::Time,
    view::{Answers, Asking, Shown, View, tick},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex as Turn, watch},
    task::JoinHandle,
};

/// How many events are kept for pages that come back.
const EVENTS_KEPT: usize = 64;

/// How long a page waits for all its answers; those that take longer come by a patch.
const PATIENCE: Duration = Duration::from_secs(2);

/// The present that a forced refresh is rounded to.
const FORCED: Duration = Duration::from_secs(1);

/// What is drawn.
#[derive(Debug)]
pub struct Drawn {
    /// The answers.
    pub shown: Shown,
    /// The document made of them.
    pub document: Document,
    /// What the page around the charts needs to know.
    pub page: Value,
    frame: Value,
    at: Time,
    /// The places of panels whose answer is still to come.
    pub asked: Vec<usize>,
}

/// How a whole document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In digits, which is smaller once it is zipped.
    Lists,
    /// Packed, which is smaller as it is.
    Packed,
}

/// An event for pages: its number and its JSON text.
pub type Event = (u64, Arc<str>);

/// One view, shared by its tabs.
pub struct Feed {
    /// What it shows.
    pub view: View,
    layouts: watch::Receiver<Layouts>,
    answers: Arc<Answers>,
    renderer: Arc<dyn Renderer>,
    drawing: Turn<()>,
    shared: Mutex<Shared>,
    revision: watch::Sender<u64>,
}

struct Shared {
    drawn: Option<Arc<Drawn>>,
    problem: Value,
    events: VecDeque<Event>,
    used: Instant,
    /// Waits for the answers that took long.
    asking: Option<JoinHandle<()>>,
}

impl Feed {
    /// A feed that has drawn nothing yet.
    pub fn new(
        view: View,
        layouts: watch::Receiver<Layouts>,
        answers: Arc<Answers>,
        renderer: Arc<dyn Renderer>,
    ) -> Self {
        let shared =
            Shared { drawn: None, problem: Value::Null, events: VecDeque::new(), used: Instant::now(), asking: None };
        // Numbers never begin at the same place twice: a page from before a restart must not think it is up to date.
        let start = u64::try_from(Time::now().0 / 1_000).unwrap_or_default();
        Self {
            view,
            layouts,
            answers,
            renderer,
            drawing: Turn::new(()),
            shared: Mutex::new(shared),
            revision: watch::Sender::new(start),
        }
    }

    /// Draws what is to be seen now, unless that is done already. `force`: do not wait for the next refresh. Panels whose
    /// answer takes long do not hold up the others: they are drawn as they were, and once more when it is there.
    pub async fn draw(self: &Arc<Self>, force: bool) -> Result<Arc<Drawn>> {
        let _turn = self.drawing.lock().await;
        let Layouts { current, rejected } = self.layouts.borrow().clone();
        let problem = layout::problem(rejected.as_deref());
        let refresh = current.dashboard(&self.view.dashboard).map_or(FORCED, |dashboard| dashboard.refresh);
        let now = tick(Time::now(), if force { FORCED } else { refresh });
        let before = self.drawn();
        if let Some(drawn) = &before {
            let fresh = drawn.asked.is_empty() && (!self.view.is_live() || drawn.at >= now);
            if drawn.shown.generation == current.hash && (fresh || self.is_asking()) {
                self.publish_problem(problem);
                return Ok(drawn.clone());
            }
        }
        self.give_up(); // what is still asked is of a layout that is gone
        let mut asking = self.answers.ask(&current, &self.view, now)?;
        let (shown, all) = match asking.within(PATIENCE).await {
            true => (asking.all().await, None),
            false => (asking.so_far(), Some(asking)),
        };
        let drawn = self.rendered(before.clone(), shown, now).await?;
        self.publish_problem(problem);
        let at = drawn.0.clone();
        self.publish_drawn(before.as_deref(), drawn);
        if let Some(asking) = all {
            self.go_on(asking, now);
        }
        Ok(at)
    }

    /// Draws once more when everything is answered.
    fn go_on(self: &Arc<Self>, asking: Asking, now: Time) {
        let feed = self.clone();
        let task = tokio::spawn(async move {
            let shown = asking.all().await;
            let _turn = feed.drawing.lock().await;
            let before = feed.drawn();
            match feed.rendered(before.clone(), shown, now).await {
                Ok(drawn) => feed.publish_drawn(before.as_deref(), drawn),
                Err(error) => feed.fail(&error),
            }
        });
        self.shared().asking = Some(task);
    }

    /// Whether answers are to come for what is drawn.
    pub fn is_asking(&self) -> bool {
        self.shared().asking.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Ends what is still asked.
    pub fn give_up(&self) {
        if let Some(task) = self.shared().asking.take() {
            task.abort();
        }
    }

    /// The document of what is shown, and the patch that leads there.
    async fn rendered(
        &self,
        before: Option<Arc<Drawn>>,
        mut shown: Shown,
        at: Time,
    ) -> Result<(Arc<Drawn>, Option<Value>)> {
        let asked = to_come(&mut shown, before.as_deref());
        let (renderer, from) = (self.renderer.clone(), before);
        let rendered = tokio::task::spawn_blocking(move || -> Result<_> {
            let document = renderer.render(&shown.scene())?;
            let patch = from.as_ref().and_then(|from| renderer.patch(&from.document, &document));
            Ok((shown, document, patch))
        });
        let (shown, document, patch) =
            rendered.await.map_err(|_| infralogs_core::Error::failed("the renderer stopped in the middle"))??;
        let (page, frame) = (layout::page(&shown, &document, &asked), layout::frame(&shown, &self.view));
        Ok((Arc::new(Drawn { shown, document, page, frame, at, asked }), patch))
    }

    /// What was drawn last, which is what open pages show; drawn now if nothing was.
    pub async fn latest(self: &Arc<Self>) -> Result<Arc<Drawn>> {
        match self.drawn() {
            Some(drawn) => Ok(drawn),
            None => self.draw(false).await,
        }
    }

    /// What is to be seen now, with the answer of this panel, however long it takes.
    pub async fn answered(self: &Arc<Self>, place: usize) -> Result<Arc<Drawn>> {
        let mut news = self.subscribe();
        let mut drawn = self.draw(false).await?;
        while drawn.asked.contains(&place) {
            news.changed().await.map_err(|_| infralogs_core::Error::unavailable("nobody draws any more"))?;
            drawn = self.latest().await?;
        }
        Ok(drawn)
    }

    /// What is to be seen now, and its number: no event up to it is missing, none after it is in it.
    pub async fn snapshot(self: &Arc<Self>, force: bool) -> Result<(u64, Arc<Drawn>)> {
        let drawn = self.draw(force).await?;
        let _turn = self.drawing.lock().await;
        let revision = *self.revision.borrow();
        Ok((revision, self.drawn().unwrap_or(drawn)))
    }

    /// Everything a page starts with at this number.
    pub fn whole(&self, revision: u64, drawn: &Drawn, form: Form) -> Value {
        let problem = self.shared().problem.clone();
        json!({
            "revision": revision.to_string(),
            "document": match form {
                Form::Lists => drawn.document.json.clone(),
                Form::Packed => self.renderer.packed(&drawn.document),
            },
            "page": drawn.page,
            "frame": drawn.frame,
            "problem": problem,
        })
    }

    /// What came after `revision`; `None`: load anew.
    pub fn since(&self, revision: u64) -> Option<Vec<Event>> {
        let newest = *self.revision.borrow();
        let shared = self.shared();
        if revision == newest {
            return Some(Vec::new());
        }
        let oldest = shared.events.front()?.0;
        let known = revision < newest && revision + 1 >= oldest;
        known.then(|| shared.events.iter().filter(|(at, _)| *at > revision).cloned().collect())
    }

    /// Says over the page why it can't be drawn anew; what is drawn stays.
    pub fn fail(&self, error: &infralogs_core::Error) {
        let problem =
            json!({ "problems": [{ "what": error.what, "place": error.place, "help": error.help }], "more": 0 });
        self.publish_problem(problem);
    }

    /// Tells of every new event; while somebody holds it, the feed keeps itself fresh.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// How many pages listen.
    pub fn listeners(&self) -> usize {
        self.revision.receiver_count()
    }

    /// Waits until no page listens.
    pub async fn deserted(&self) {
        self.revision.closed().await;
    }

    /// Notes that somebody asked for it.
    pub fn touch(&self) {
        self.shared().used = Instant::now();
    }

    /// How long nobody asked for it.
    pub fn idle(&self) -> Duration {
        self.shared().used.elapsed()
    }

    fn drawn(&self) -> Option<Arc<Drawn>> {
        self.shared().drawn.clone()
    }

    fn publish_problem(&self, problem: Value) {
        let changed = {
            let mut shared = self.shared();
            let changed = shared.problem != problem;
            shared.problem = problem.clone();
            changed
        };
        if changed {
            self.push(&json!({ "problem": problem }));
        }
    }

    fn publish_drawn(&self, before: Option<&Drawn>, (drawn, patch): (Arc<Drawn>, Option<Value>)) {
        self.shared().drawn = Some(drawn.clone());
        let Some(before) = before else { return };
        let Some(patch) = patch else { return self.push(&json!({ "reload": true })) };
        let mut event = json!({ "patch": patch, "frame": drawn.frame });
        if before.page != drawn.page {
            event["page"] = drawn.page.clone();
        }
        self.push(&event);
    }

    fn push(&self, event: &Value) {
        let text: Arc<str> = event.to_string().into();
        let number = *self.revision.borrow() + 1;
        let mut shared = self.shared();
        shared.events.push_back((number, text));
        if shared.events.len() > EVENTS_KEPT {
            shared.events.pop_front();
        }
        drop(shared);
        self.revision.send_replace(number);
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places of panels whose answer is to come. They get what the same question was answered before.
fn to_come(shown: &mut Shown, before: Option<&Drawn>) -> Vec<usize> {
    let known = before.map(|before| before.shown.dashboard.rows.iter().flatten().zip(&before.shown.answers));
    let known: Vec<_> = known.into_iter().flatten().collect();
    let panels = shown.dashboard.rows.iter().flatten();
    let mut asked = Vec::new();
    for (place, (panel, answer)) in panels.zip(&mut shown.answers).enumerate() {
        if !matches!(answer, Answer::ToCome) {
            continue;
        }
        asked.push(place);
        let same = known.iter().find(|(other, _)| other.query == panel.query && other.kind == panel.kind);
        if let Some((_, Answer::Rows(rows))) = same {
            *answer = Answer::Rows(rows.clone());
        }
    }
    asked
}

/// The moment of the next refresh, from now.
pub fn until_next(refresh: Duration) -> Duration {
    let refresh = refresh.max(FORCED);
    let now = Time::now();
    let next = tick(now, refresh).plus(refresh);
    Duration::from_micros(u64::try_from(next.0 - now.0).unwrap_or_default())
}
