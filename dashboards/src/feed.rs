//! One view as all its tabs see it: what is drawn now, and the events that bring an open page there.
//!
//! Every change has a number. A page says which number it has; it gets what came after, or is told to load anew.

use crate::{Layouts, layout};
use infralogs_core::{
    Result,
    plugin::{Document, Renderer},
    time::Time,
    view::{Answers, Shown, View, tick},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Mutex as Turn, watch};

/// How many events are kept for pages that come back.
const EVENTS_KEPT: usize = 64;

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
}

impl Feed {
    /// A feed that has drawn nothing yet.
    pub fn new(
        view: View,
        layouts: watch::Receiver<Layouts>,
        answers: Arc<Answers>,
        renderer: Arc<dyn Renderer>,
    ) -> Self {
        let shared = Shared { drawn: None, problem: Value::Null, events: VecDeque::new(), used: Instant::now() };
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

    /// Draws what is to be seen now, unless that is done already. `force`: do not wait for the next refresh.
    pub async fn draw(&self, force: bool) -> Result<Arc<Drawn>> {
        let _turn = self.drawing.lock().await;
        let Layouts { current, rejected } = self.layouts.borrow().clone();
        let problem = layout::problem(rejected.as_deref());
        let refresh = current.dashboard(&self.view.dashboard).map_or(FORCED, |dashboard| dashboard.refresh);
        let now = tick(Time::now(), if force { FORCED } else { refresh });
        let before = self.drawn();
        if let Some(drawn) = &before {
            let fresh = !self.view.is_live() || drawn.at >= now;
            if fresh && drawn.shown.generation == current.hash {
                self.publish_problem(problem);
                return Ok(drawn.clone());
            }
        }
        let shown = self.answers.show(&current, &self.view, now).await?;
        let renderer = self.renderer.clone();
        let from = before.clone();
        let rendered = tokio::task::spawn_blocking(move || -> Result<_> {
            let document = renderer.render(&shown.scene())?;
            let patch = from.as_ref().and_then(|from| renderer.patch(&from.document, &document));
            Ok((shown, document, patch))
        });
        let (shown, document, patch) =
            rendered.await.map_err(|_| infralogs_core::Error::failed("the renderer stopped in the middle"))??;
        let (page, frame) = (layout::page(&shown, &document), layout::frame(&shown, &self.view));
        let drawn = Arc::new(Drawn { shown, document, page, frame, at: now });
        self.publish_problem(problem);
        self.publish_drawn(before.as_deref(), &drawn, patch);
        Ok(drawn)
    }

    /// What was drawn last, which is what open pages show; drawn now if nothing was.
    pub async fn latest(&self) -> Result<Arc<Drawn>> {
        match self.drawn() {
            Some(drawn) => Ok(drawn),
            None => self.draw(false).await,
        }
    }

    /// What is to be seen now, and its number: no event up to it is missing, none after it is in it.
    pub async fn snapshot(&self, force: bool) -> Result<(u64, Arc<Drawn>)> {
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

    fn publish_drawn(&self, before: Option<&Drawn>, drawn: &Arc<Drawn>, patch: Option<Value>) {
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

/// The moment of the next refresh, from now.
pub fn until_next(refresh: Duration) -> Duration {
    let refresh = refresh.max(FORCED);
    let now = Time::now();
    let next = tick(now, refresh).plus(refresh);
    Duration::from_micros(u64::try_from(next.0 - now.0).unwrap_or_default())
}
