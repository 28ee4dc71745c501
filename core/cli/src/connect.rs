//! Wires plugins together as the configuration says: stores, sources, the renderer, the scripts.

use crate::plugins::PLUGINS;
use infralogs_agent_api::AgentApi;
use infralogs_core::{
    Error, Result,
    collect::{Open, OpenInventory},
    config::{Config, StoreConfig},
    definitions::Definitions,
    inventory::Direct,
    plugin::{Build, Document, Renderer, Settings, Source, Store},
    rotate::{Values, Watch},
    script::Scripts,
    time::Time,
    view::{Answers, View},
};
use infralogs_dashboards::{Access, Dashboards, Layouts};
use infralogs_http::Limits;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};
use tokio::{net::TcpListener, sync::watch};

/// Where scripts are looked for when nobody says.
const SCRIPTS: &str = "scripts";

/// The script folders to load: those typed, else those of the configuration, else `scripts`.
pub fn roots(typed: &[PathBuf], config: Option<&Path>) -> Result<Vec<PathBuf>> {
    if !typed.is_empty() {
        return Ok(typed.to_vec());
    }
    if let Some(path) = config {
        return Ok(Config::load(path)?.scripts);
    }
    if Path::new(SCRIPTS).is_dir() {
        return Ok(vec![SCRIPTS.into()]);
    }
    Err(Error::invalid("there is no folder `scripts` here").help("go to a folder that has one, or give --scripts DIR"))
}

/// The store a URL chooses.
pub fn store(config: &StoreConfig) -> Result<Arc<dyn Store>> {
    let stores = || PLUGINS.iter().filter(|plugin| matches!(plugin.build, Build::Store(_)));
    let found = stores().find(|plugin| plugin.name == config.plugin).map(|plugin| &plugin.build);
    let Some(Build::Store(build)) = found else {
        let known: Vec<String> = stores().map(|plugin| format!("{}://", plugin.name)).collect();
        return Err(Error::invalid(format!("there is no store `{}://`", config.plugin))
            .at(&config.place)
            .help(format!("there are {}", known.join(", "))));
    };
    build(&config.settings())
}

/// The renderer.
pub fn renderer() -> Result<Arc<dyn Renderer>> {
    let build =
        PLUGINS.iter().find_map(|plugin| if let Build::Renderer(build) = &plugin.build { Some(build) } else { None });
    match build {
        Some(build) => build(&Settings::default()),
        None => Err(Error::failed("this infralogs was built without a renderer")),
    }
}

/// Reads targets through their agents' HTTP interface, or directly where they name a source plugin.
pub fn targets(values: Option<Arc<Values>>) -> Open {
    Arc::new(move |target, stream| match &target.direct {
        Some(direct) => source(direct),
        None => Ok(Box::new(AgentApi::open(target, stream, values.as_deref())?)),
    })
}

/// The source that its settings choose.
fn source(direct: &Direct) -> Result<Box<dyn Source>> {
    let sources = || PLUGINS.iter().filter(|plugin| matches!(plugin.build, Build::Source(_)));
    match sources().find(|plugin| plugin.name == direct.plugin).map(|plugin| &plugin.build) {
        Some(Build::Source(build)) => build(&direct.settings),
        _ => {
            let known: Vec<&str> = sources().map(|plugin| plugin.name).collect();
            Err(Error::invalid(format!("there is no source `{}`", direct.plugin.escape_debug()))
                .at(&direct.settings.place)
                .help(format!("there are {}", known.join(", "))))
        }
    }
}

/// Makes the inventory plugins that scripts and the configuration name.
pub fn inventories() -> OpenInventory {
    let all = || PLUGINS.iter().filter(|plugin| matches!(plugin.build, Build::Inventory(_)));
    Arc::new(move |asked| match all().find(|plugin| plugin.name == asked.plugin).map(|plugin| &plugin.build) {
        Some(Build::Inventory(build)) => build(&asked.settings),
        _ => {
            let known: Vec<&str> = all().map(|plugin| plugin.name).collect();
            Err(Error::invalid(format!("there is no inventory plugin `{}`", asked.plugin.escape_debug()))
                .at(&asked.settings.place)
                .help(format!("there are {}", known.join(", "))))
        }
    })
}

/// The address a listener has, for people.
pub fn address(listener: &TcpListener) -> String {
    listener.local_addr().map_or_else(|_| "an unknown address".into(), |address| address.to_string())
}

/// Serves the dashboards until told to stop. With its credentials comes whether this process is in no row of `processes`.
pub async fn dashboards(
    scripts: Arc<Scripts>,
    store: Arc<dyn Store>,
    access: Access,
    (credentials, unlisted): (Vec<Watch>, Arc<AtomicBool>),
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let now = |scripts: &Scripts| Layouts { current: scripts.current(), rejected: scripts.rejected() };
    let (told, layouts) = watch::channel(now(&scripts));
    let mut changes = scripts.changes();
    tokio::spawn(async move { while changes.changed().await.is_ok() && told.send(now(&scripts)).is_ok() {} });
    let app = Dashboards { layouts, store, renderer: renderer()?, access, credentials, unlisted }.app();
    infralogs_http::serve(listener, app, Limits::default(), None, stop).await
}

/// A dashboard as a self-contained page, or as Bokeh's document in JSON.
pub async fn render(
    scripts: &Scripts,
    store: Arc<dyn Store>,
    dashboard: &str,
    parameters: &[(String, String)],
    page: bool,
) -> Result<String> {
    let renderer = renderer()?;
    let now = Time::now();
    let view = View::parse(dashboard, parameters.iter().map(|(name, value)| (&**name, &**value)), now)?;
    let shown = Arc::new(Answers::new(store)).show(&scripts.current(), &view, now).await?;
    let document = renderer.render(&shown.scene())?;
    if !page {
        return Ok(document.json.to_string());
    }
    let packed = Document { json: renderer.packed(&document), ..document };
    infralogs_dashboards::self_contained(&packed, &shown, &view)
}

/// `5 parsers, 1 schedule, 2 rules, 1 dashboard`.
pub fn summary(definitions: &Definitions) -> String {
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    [
        count(definitions.parsers.len(), "parser"),
        count(definitions.schedules.len(), "schedule"),
        count(definitions.rules.len(), "rule"),
        count(definitions.dashboards.len(), "dashboard"),
    ]
    .join(", ")
}
