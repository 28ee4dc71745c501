//! The agent: any source served over HTTP to whoever has the token.
//!
//! It carries no store and no dashboards. Rules of the scripts apply before anything leaves.

mod answer;
mod ask;
pub mod disk;
mod pool;
mod rules;

use infralogs_core::{Result, definitions::Definitions, plugin::Source};
use infralogs_http::{
    Tokens,
    ops::{self, Health, Ops, Page},
    token::Guard,
};
use pool::Pool;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tide::Request;

/// Opens a source for one reader; several may read at once.
pub type Open = Arc<dyn Fn() -> Result<Box<dyn Source>> + Send + Sync>;
/// Gives the current generation of the scripts, whose rules apply.
pub type Current = Arc<dyn Fn() -> Arc<Definitions> + Send + Sync>;

/// What an agent serves.
pub struct Agent {
    streams: BTreeMap<&'static str, Open>,
    tokens: Tokens,
    rules: Current,
}

#[derive(Clone)]
pub(crate) struct State {
    streams: Arc<BTreeMap<&'static str, Pool>>,
    rules: Current,
    served: Arc<Served>,
}

/// Sums since the start.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) entries: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) answers: AtomicU64,
}

impl Agent {
    /// Serves a journal (or any other source) at `/logs` to whoever has one of the tokens.
    pub fn new(logs: Open, tokens: Tokens) -> Self {
        Self { streams: BTreeMap::from([("/logs", logs)]), tokens, rules: Arc::new(Arc::default) }
    }

    /// Also serves disk usage at `/reports/disk`.
    #[must_use]
    pub fn disk(mut self, disk: Open) -> Self {
        self.streams.insert("/reports/disk", disk);
        self
    }

    /// Applies the rules of these scripts, whatever they are at each request.
    #[must_use]
    pub fn rules(self, rules: Current) -> Self {
        Self { rules, ..self }
    }

    /// The routes, to be served by [`infralogs_http::serve`].
    pub fn app(self) -> tide::Server<impl Clone + Send + Sync + 'static> {
        let served = Arc::new(Served::default());
        let paths: Vec<&'static str> = self.streams.keys().copied().collect();
        let streams = self.streams.into_iter().map(|(path, open)| (path, Pool::new(open))).collect();
        let state = State { streams: Arc::new(streams), rules: self.rules, served: served.clone() };
        let mut app = tide::with_state(state);
        app.with(Guard::new(self.tokens).except(ops::PATHS));
        app.with(infralogs_http::answer::Errors);
        for path in paths {
            app.at(path).get(move |request: Request<State>| answer::stream(request, path));
        }
        ops::mount(&mut app, Arc::new(AgentOps { served }));
        app
    }
}

struct AgentOps {
    served: Arc<Served>,
}

impl Ops for AgentOps {
    fn health(&self) -> Health {
        Health::ok(format!("{} answers served", self.served.answers.load(Ordering::Relaxed)))
    }

    fn metrics(&self, page: &mut Page) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.counter("infralogs_agent_answers_total", "Answers begun", &[], read(&self.served.answers));
        page.counter("infralogs_agent_entries_total", "Entries served", &[], read(&self.served.entries));
        page.counter(
            "infralogs_agent_dropped_total",
            "Entries that rules or filters left out",
            &[],
            read(&self.served.dropped),
        );
    }
}
