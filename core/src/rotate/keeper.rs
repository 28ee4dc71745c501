//! Keeps one secret alive for one holder: issue, try, swap, drain, close all, revoke; one task, so never two at once.

use super::plan::{DRAIN_MAX, END_MAX, Pace, backoff, renew_after, shrunk};
use crate::{
    error::{Error, Kind, Result},
    plugin::{Life, Secret, Secrets, Store},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};

/// The longest one question to where secrets come from may take.
const ASK_MAX: Duration = Duration::from_secs(20);
/// How long new credentials may take to arrive everywhere, as on a replica, before they are given back.
const ARRIVE_MAX: Duration = Duration::from_secs(30);
/// How often they are tried until then.
const ARRIVE_EVERY: Duration = Duration::from_millis(200);
/// At most one replacement in this time because a holder was refused; twice as long each time it did not help.
const REFUSED_EVERY: Duration = Duration::from_secs(10);
/// The longest that grows to; without a refusal for so long it begins anew.
const REFUSED_EVERY_MAX: Duration = Duration::from_secs(600);
/// How often revoking is tried; after that the lease ends by itself.
const REVOKE_TRIES: u32 = 4;

/// Who keeps what for whom.
pub struct Keeper {
    /// Where the secret comes from.
    pub secrets: Arc<dyn Secrets>,
    /// Its path there.
    pub path: String,
    /// A store that has a holder.
    pub store: Arc<dyn Store>,
}

/// How it stands, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether credentials are in use.
    pub entered: bool,
    /// How often credentials were replaced.
    pub replaced: u64,
    /// When those in use were issued.
    pub since: Option<Instant>,
    /// When those in use end, if they do.
    pub ends: Option<Instant>,
    /// What is wrong at present.
    pub degraded: Option<String>,
}

/// Looks at one keeper, for whoever tells people. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The secret's path.
    pub path: Arc<str>,
    standing: watch::Receiver<Standing>,
}

impl Watch {
    /// How it stands now.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }
}

impl Standing {
    /// How long those in use still last; `None`: they have no end, or there are none.
    pub fn left(&self) -> Option<Duration> {
        self.ends.filter(|_| self.entered).map(|ends| ends.saturating_duration_since(Instant::now()))
    }
}

/// A keeper at work.
pub struct Kept {
    path: Arc<str>,
    stop: watch::Sender<bool>,
    standing: watch::Receiver<Standing>,
    task: JoinHandle<()>,
}

impl Kept {
    /// Waits until the first credentials are in use.
    ///
    /// # Errors
    /// `Unavailable` with what is wrong if that takes longer than `within`.
    pub async fn ready(&self, within: Duration) -> Result<()> {
        let mut standing = self.standing.clone();
        let found = timeout(within, standing.wait_for(|now| now.entered)).await.is_ok_and(|found| found.is_ok());
        if found {
            return Ok(());
        }
        let why = self.standing.borrow().degraded.clone().unwrap_or_else(|| "no answer yet".into());
        Err(Error::unavailable(format!("no credentials in time: {why}")).help("run `infralogs doctor`"))
    }

    /// How it stands now.
    pub fn standing(&self) -> Standing {
        self.standing.borrow().clone()
    }

    /// For others to look at it.
    pub fn watch(&self) -> Watch {
        Watch { path: self.path.clone(), standing: self.standing.clone() }
    }

    /// Closes all connections and revokes, within [`END_MAX`]; failing that is harmless and said.
    pub async fn end(mut self) {
        let _ = self.stop.send(true);
        if timeout(END_MAX, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("credentials were not revoked in time; they end by themselves with their lease");
        }
    }
}

/// Credentials in use.
struct Live {
    secret: Secret,
    generation: u64,
    since: Instant,
    /// How long they held when new.
    first: Duration,
}

impl Live {
    fn ends(&self) -> Option<Instant> {
        match self.secret.life {
            Life::Ends { within, .. } => Some(self.since + within),
            Life::Watched { .. } => None,
        }
    }
}

struct Work {
    keeper: Keeper,
    told: watch::Sender<Standing>,
    live: Option<Live>,
    /// Issued and not in use yet: to be revoked if we end now.
    pending: Option<Secret>,
    endings: JoinSet<()>,
    /// The last replacement because of a refusal, and how many came in a row.
    refused: Option<(Instant, u32)>,
}

impl Keeper {
    /// Begins to keep. The holder has credentials soon after, or as soon as they can be had.
    pub fn start(self) -> Kept {
        let (stop, mut stopped) = watch::channel(false);
        let (told, standing) = watch::channel(Standing::default());
        let path = Arc::from(&*self.path);
        let task = tokio::spawn(async move {
            let (live, pending, endings) = (None, None, JoinSet::new());
            let mut work = Work { keeper: self, told, live, pending, endings, refused: None };
            tokio::select! {
                () = work.keep() => {}
                _ = stopped.wait_for(|stop| *stop) => {}
            }
            work.end().await;
        });
        Kept { path, stop, standing, task }
    }
}

impl Work {
    async fn keep(&mut self) {
        loop {
            self.replace().await;
            self.hold().await;
        }
    }

    /// Gets new credentials into use, however long that takes; the old ones work on meanwhile.
    async fn replace(&mut self) {
        let mut failures = 0;
        loop {
            match self.fresh().await {
                Ok(live) => {
                    self.told.send_modify(|now| now.since = Some(live.since));
                    if let Some(old) = self.live.replace(live) {
                        self.retire(old);
                        self.told.send_modify(|now| now.replaced += 1);
                    }
                    return self.well();
                }
                Err(error) => {
                    failures += 1;
                    let pace = self.say(&error, failures);
                    sleep(backoff(failures, pace, rand::random())).await;
                }
            }
        }
    }

    /// Issues credentials and tries them until they let in everywhere.
    async fn fresh(&mut self) -> Result<Live> {
        let since = Instant::now();
        let secret = asked(self.keeper.secrets.issue(&self.keeper.path), ASK_MAX).await?;
        self.pending = Some(secret.clone());
        let first = match secret.life {
            Life::Ends { within, .. } => within,
            Life::Watched { every } => every,
        };
        let arrive = if matches!(secret.life, Life::Ends { .. }) { ARRIVE_MAX.min(first / 2) } else { Duration::ZERO };
        let generation = loop {
            match self.enter(&secret).await {
                Ok(generation) => break generation,
                Err(error) if again(&error) && since.elapsed() < arrive => sleep(ARRIVE_EVERY).await,
                Err(error) => {
                    let _ = asked(self.keeper.secrets.revoke(&secret), ASK_MAX).await;
                    self.pending = None;
                    return Err(error);
                }
            }
        };
        self.pending = None;
        Ok(Live { secret, generation, since, first })
    }

    async fn enter(&self, secret: &Secret) -> Result<u64> {
        let (store, secret) = (self.keeper.store.clone(), secret.clone());
        let entered = tokio::task::spawn_blocking(move || match store.holder() {
            Some(holder) => holder.enter(&secret),
            None => Err(Error::invalid("this store logs in nowhere").at(store.name()).help("remove its `secret:`")),
        });
        entered.await.map_err(|error| Error::failed("trying credentials broke off").because(error))?
    }

    /// Keeps those in use alive until they must be replaced.
    async fn hold(&mut self) {
        let mut failures = 0;
        while let Some(live) = &self.live {
            let due = match (failures, live.secret.life) {
                (0, Life::Ends { within, .. }) => live.since + renew_after(within, rand::random()),
                (0, Life::Watched { every }) => live.since + every,
                _ => Instant::now() + backoff(failures, Pace::Soon, rand::random()).min(reserve(live)),
            };
            let store = self.keeper.store.clone();
            let refused = async {
                match store.holder() {
                    Some(holder) => holder.refusals().told().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep_until(due) => {}
                () = refused => {
                    if self.after_refusal(due).await { return; }
                    continue;
                }
            }
            match self.renew().await {
                Ok(true) => failures = 0,
                Ok(false) => return,
                Err(error) => {
                    failures += 1;
                    self.say(&error, failures);
                }
            }
        }
    }

    /// Waits until a replacement because of a refusal may be asked for again; false if renewing is due before.
    async fn after_refusal(&mut self, due: Instant) -> bool {
        let now = Instant::now();
        let before = self.refused.filter(|(last, _)| last.elapsed() < REFUSED_EVERY_MAX);
        let spaced = |times: u32| REFUSED_EVERY.saturating_mul(1 << times.min(10)).min(REFUSED_EVERY_MAX);
        let free = before.map_or(now, |(last, times)| last + spaced(times));
        if due < free {
            sleep_until(due).await;
            return false;
        }
        sleep_until(free).await;
        self.refused = Some((Instant::now(), before.map_or(0, |(_, times)| times + 1)));
        tracing::warn!(path = self.keeper.path, "the credentials in use were refused: new ones are asked for");
        true
    }

    /// Prolongs once. False: replace. An error: try again while there is time.
    async fn renew(&mut self) -> Result<bool> {
        let Some(live) = &mut self.live else { return Ok(false) };
        if matches!(live.secret.life, Life::Ends { renewable: false, .. }) {
            return Ok(false);
        }
        let asked_at = Instant::now();
        let left = live.ends().map_or(ASK_MAX, |ends| ends.saturating_duration_since(asked_at));
        if left < live.first / 6 {
            return Ok(false);
        }
        match asked(self.keeper.secrets.renew(&self.keeper.path, &live.secret), left.min(ASK_MAX)).await {
            Ok(next) if !next.same(&live.secret) => Ok(false),
            Ok(next) => {
                if let Life::Ends { within, .. } = next.life
                    && shrunk(live.first, within)
                {
                    return Ok(false);
                }
                (live.secret, live.since) = (next, asked_at);
                self.well();
                Ok(true)
            }
            Err(error) if error.kind == Kind::Unavailable || live.ends().is_none() => Err(error),
            Err(error) => {
                tracing::debug!(path = self.keeper.path, "not prolonged, so replaced: {error}");
                Ok(false)
            }
        }
    }

    /// Lets the old ones finish, closes all their connections and only then revokes them.
    fn retire(&mut self, old: Live) {
        while self.endings.try_join_next().is_some() {}
        let (secrets, store, path) = (self.keeper.secrets.clone(), self.keeper.store.clone(), self.keeper.path.clone());
        self.endings.spawn(async move {
            leave(store, old.generation, DRAIN_MAX).await;
            revoke(&*secrets, &old.secret, &path).await;
        });
    }

    async fn end(&mut self) {
        let closing = END_MAX / 2;
        if let Some(live) = self.live.take() {
            leave(self.keeper.store.clone(), live.generation, closing).await;
            revoke(&*self.keeper.secrets, &live.secret, &self.keeper.path).await;
        }
        if let Some(secret) = self.pending.take() {
            revoke(&*self.keeper.secrets, &secret, &self.keeper.path).await;
        }
        while self.endings.join_next().await.is_some() {}
    }

    fn well(&self) {
        let ends = self.live.as_ref().and_then(Live::ends);
        let was = self.told.borrow().degraded.is_some();
        self.told.send_modify(|now| (now.entered, now.ends, now.degraded) = (true, ends, None));
        if was {
            tracing::info!(path = self.keeper.path, "credentials are in order again");
        }
    }

    /// Says what is wrong and how long what we have still lasts; answers how patiently to go on.
    fn say(&self, error: &Error, failures: u32) -> Pace {
        let pace = if matches!(error.kind, Kind::Denied | Kind::Invalid) { Pace::Slow } else { Pace::Soon };
        let now = Instant::now();
        let left = match &self.live {
            None => "there are none yet".to_owned(),
            Some(live) => match live.ends() {
                None => "those in use hold on".into(),
                Some(ends) if ends <= now => "those in use have ended".into(),
                Some(ends) => format!("those in use last {} s more", (ends - now).as_secs()),
            },
        };
        self.told.send_modify(|now| now.degraded = Some(format!("{error} ({left})")));
        // The first failure, and then at ever longer distances.
        match (failures.is_power_of_two(), pace) {
            (false, _) => {}
            (true, Pace::Slow) => tracing::error!(path = self.keeper.path, "credentials: {error}; {left}"),
            (true, Pace::Soon) => tracing::warn!(path = self.keeper.path, "credentials: {error}; {left}"),
        }
        pace
    }
}

/// The most one waits between tries: several must fit into what is left.
fn reserve(live: &Live) -> Duration {
    live.ends().map_or(Duration::from_secs(30), |ends| ends.saturating_duration_since(Instant::now()) / 4)
}

/// A login that a little time may mend: the user is not on the replica yet, or the database is away.
fn again(error: &Error) -> bool {
    matches!(error.kind, Kind::Denied | Kind::Unavailable)
}

async fn asked<T>(question: crate::plugin::Later<'_, Result<T>>, within: Duration) -> Result<T> {
    timeout(within, question).await.unwrap_or_else(|_| Err(Error::unavailable("no answer in time")))
}

async fn leave(store: Arc<dyn Store>, generation: u64, within: Duration) {
    let left =
        tokio::task::spawn_blocking(move || store.holder().is_none_or(|holder| holder.leave(generation, within)));
    if !left.await.unwrap_or(false) {
        tracing::warn!(
            "connections of replaced credentials were still at work after {} s and were cut",
            within.as_secs()
        );
    }
}

async fn revoke(secrets: &dyn Secrets, secret: &Secret, path: &str) {
    for tried in 1..=REVOKE_TRIES {
        match asked(secrets.revoke(secret), ASK_MAX).await {
            Ok(()) => return,
            Err(error) if tried == REVOKE_TRIES => {
                tracing::warn!(path, "old credentials were not revoked, they end with their lease: {error}");
            }
            Err(_) => sleep(backoff(tried + 1, Pace::Soon, rand::random())).await,
        }
    }
}
