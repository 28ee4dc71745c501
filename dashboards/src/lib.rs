//! The dashboard service: routes, page, live patches, embedded BokehJS.
//!
//! A request names a view (see [`infralogs_core::view`]). All tabs with one view share one [`feed`]: it asks the
//! store, renders, and sends what changed. Layouts come in as [`Layouts`], whoever loads them.

mod access;
mod assets;
mod choices;
mod entry;
mod feed;
mod health;
mod hub;
mod layout;
mod offline;
mod page;
mod panel;
mod preview;
mod reach;
mod reply;
mod routes;

pub use access::Access;
pub use offline::self_contained;
pub use preview::Preview;

use hub::Hub;
use infralogs_core::{
    definitions::Definitions,
    plugin::{Renderer, Store},
    rotate::Watch,
    script::{Rejected, Scripts},
    view::Answers,
};
use infralogs_http::ops::Ops;
use std::sync::{Arc, atomic::AtomicBool};
use tokio::sync::watch;

/// What the scripts say now: the generation in force, and what is wrong with a newer one that was refused.
#[derive(Debug, Clone, Default)]
pub struct Layouts {
    /// The last good generation.
    pub current: Arc<Definitions>,
    /// Why a newer one is not in force.
    pub rejected: Option<Arc<Rejected>>,
}

impl Layouts {
    /// What live scripts say now and from now on. Needs a tokio runtime; ends when nobody listens.
    pub fn follow(scripts: &Arc<Scripts>) -> watch::Receiver<Self> {
        let mut changes = scripts.changes();
        changes.mark_unchanged();
        let (says, hears) = watch::channel(Self::now(scripts));
        let scripts = scripts.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = says.closed() => return,
                }
                says.send_replace(Self::now(&scripts));
            }
        });
        hears
    }

    fn now(scripts: &Scripts) -> Self {
        Self { current: scripts.current(), rejected: scripts.rejected() }
    }
}

/// What a dashboard service is made of.
pub struct Dashboards {
    /// The scripts, as they change.
    pub layouts: watch::Receiver<Layouts>,
    /// What is asked.
    pub store: Arc<dyn Store>,
    /// What draws.
    pub renderer: Arc<dyn Renderer>,
    /// Who may look.
    pub access: Access,
    /// The credentials the store is kept supplied with.
    pub credentials: Vec<Watch>,
    /// Set while this process can't write its row of `processes`: a page over that table says so.
    pub unlisted: Arc<AtomicBool>,
}

/// What every route sees.
#[derive(Clone)]
struct State {
    layouts: watch::Receiver<Layouts>,
    answers: Arc<Answers>,
    hub: Arc<Hub>,
    access: Access,
    unlisted: Arc<AtomicBool>,
}

impl Dashboards {
    /// The routes, `/health`, `/ready` and `/metrics` among them. They need a tokio runtime around them.
    pub fn app(self) -> tide::Server<()> {
        let (mut app, ops) = self.parts();
        infralogs_http::ops::mount(&mut app, ops);
        app
    }

    /// The routes, and how the service does, for a program that also has others to tell of.
    pub fn parts(self) -> (tide::Server<()>, Arc<dyn Ops>) {
        let reach = reach::watch(self.store.clone());
        let answers = Arc::new(Answers::new(self.store));
        let hub = Arc::new(Hub::new(self.layouts.clone(), answers.clone(), self.renderer));
        let state = State { layouts: self.layouts, answers, hub, access: self.access, unlisted: self.unlisted };
        let (layouts, hub, credentials) = (state.layouts.clone(), state.hub.clone(), self.credentials);
        let ops = health::Looking { layouts, hub, credentials, reach };
        let mut outer = tide::new();
        outer.at("/").nest(routes::routes(state));
        (outer, Arc::new(ops))
    }
}
