//! The agent: any source served over HTTP to whoever has the token.
//!
//! It carries no store and no dashboards. Rules of the scripts apply before anything leaves.

mod answer;
mod ask;
mod back;
pub mod disk;
mod entries;
mod form;
mod health;
mod out;
mod pool;
mod report;
mod rules;
mod script;
mod seen;
mod units;

use health::AgentOps;
use infralogs_core::{
    Result,
    plugin::{Ask, Source},
    script::Scripts,
};
use infralogs_http::{Tokens, ops, token::Guard};
use infralogs_journal::Noted;
use pool::Pool;
use script::Generation;
use seen::Seen;
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak, atomic::AtomicU64},
    time::Duration,
};
use tide::Request;
use units::Units;

/// Where the journal is served.
const LOGS: &str = "/logs";
/// Where disk usage is.
const DISK: &str = "/reports/disk";
/// Where failed units are.
const UNITS: &str = "/reports/failed_units";
/// Which scripts are in force.
const SCRIPTS: &str = "/reports/scripts";
/// How often the journal is tried, so that `/health` knows: also when nobody asks.
const TRY_EVERY: Duration = Duration::from_secs(20);

/// Opens a source for one reader; several may read at once.
pub type Open = Arc<dyn Fn() -> Result<Box<dyn Source>> + Send + Sync>;
/// Tells what a person should know of the journal's files. Asked often: must not wait.
pub type Files = Arc<dyn Fn() -> Noted + Send + Sync>;

/// What an agent serves.
pub struct Agent {
    streams: BTreeMap<&'static str, Open>,
    tokens: Tokens,
    scripts: Option<Arc<Scripts>>,
    files: Files,
}

#[derive(Clone)]
pub(crate) struct State {
    streams: Arc<BTreeMap<&'static str, Pool>>,
    scripts: Option<Arc<Scripts>>,
    served: Arc<Served>,
    seen: Arc<Seen>,
}

impl State {
    /// Readers of the journal.
    pub(crate) fn logs(&self) -> &Pool {
        &self.streams[LOGS]
    }
}

/// Sums since the start.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) entries: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) unread: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) answers: AtomicU64,
}

impl Agent {
    /// Serves a journal (or any other source) at `/logs` and, as systemd-journal-gatewayd does, at `/entries` to
    /// whoever has one of the tokens, and at `/reports/failed_units` what it says of systemd's units.
    pub fn new(logs: Open, tokens: Tokens) -> Self {
        let units = Units::new(logs.clone());
        Self {
            streams: BTreeMap::from([(LOGS, logs), (UNITS, Arc::new(move || Ok(Box::new(units.clone()))))]),
            tokens,
            scripts: None,
            files: Arc::new(Noted::default),
        }
    }

    /// Also serves disk usage at `/reports/disk`.
    #[must_use]
    pub fn disk(mut self, disk: Open) -> Self {
        self.streams.insert(DISK, disk);
        self
    }

    /// Applies the rules of these scripts, whatever they are at each request, and says at `/health` and
    /// `/reports/scripts` which are in force.
    #[must_use]
    pub fn scripts(self, scripts: Arc<Scripts>) -> Self {
        Self { scripts: Some(scripts), ..self }
    }

    /// Says at `/health` and `/metrics` what is noted of the journal's files.
    #[must_use]
    pub fn files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// The routes, to be served by [`infralogs_http::serve`]. To be called on tokio.
    pub fn app(mut self) -> tide::Server<impl Clone + Send + Sync + 'static> {
        let generation = Generation::new(self.streams[LOGS].clone(), self.scripts.clone());
        self.streams.insert(SCRIPTS, Arc::new(move || Ok(Box::new(generation.clone()))));
        let served = Arc::new(Served::default());
        let paths: Vec<&'static str> = self.streams.keys().copied().collect();
        let streams = self.streams.into_iter().map(|(path, open)| (path, Pool::new(open))).collect();
        let seen = Arc::new(Seen::default());
        let state = State {
            streams: Arc::new(streams),
            served: served.clone(),
            seen: seen.clone(),
            scripts: self.scripts.clone(),
        };
        tokio::spawn(try_now_and_then(Arc::downgrade(&seen), state.logs().clone()));
        let mut app = tide::with_state(state);
        app.with(Guard::new(self.tokens).except(ops::PATHS));
        app.with(infralogs_http::answer::Errors);
        for path in paths {
            app.at(path).get(move |request: Request<State>| answer::stream(request, path));
        }
        app.at("/entries").get(entries::entries);
        ops::mount(&mut app, Arc::new(AgentOps { served, seen, files: self.files, scripts: self.scripts }));
        app
    }
}

/// Reads nothing but who the source is, until the agent is gone.
async fn try_now_and_then(seen: Weak<Seen>, logs: Pool) {
    while let Some(seen) = seen.upgrade() {
        let tried = async {
            let mut source = logs.take()?;
            source.read(&Ask { limit: 0, ..Ask::default() }).await?;
            logs.give(source);
            Ok(())
        };
        if let Err(error) = seen.note(tried.await) {
            tracing::warn!("{error}");
        }
        drop(seen);
        tokio::time::sleep(TRY_EVERY).await;
    }
}
