//! `infralogs up`: the whole line on one machine, in one process, over loopback HTTP.

use crate::{connect, local, presence::Presence, scripts, stop};
use infralogs_core::{
    Result,
    collect::{Collector, Inventories, Status},
    config::{Config, InventoryConfig},
    script::Scripts,
};
use infralogs_dashboards::Access;
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::sync::watch;

/// The inventory that the shipped schedule polls: `up` fills it with the agents it started.
const INVENTORY: &str = "fleet";
/// The dashboard to look at first, where there are several.
const FIRST_PAGE: &str = "fleet";

#[derive(clap::Args)]
pub struct Args {
    /// Where the dashboard is served
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where the store is kept
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// A folder with scripts; may be given several times
    #[arg(long = "scripts", value_name = "DIR")]
    scripts: Vec<PathBuf>,
    /// Read this journal instead of looking for one
    #[arg(long, value_name = "DIR|FILE", conflicts_with = "demo")]
    journal: Option<PathBuf>,
    /// Start the demo fleet even if this machine has a journal
    #[arg(long)]
    demo: bool,
    /// Which demo fleet: the same seed gives the same entries
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let roots = connect::roots(&self.scripts, None)?;
        let Some(scripts) = scripts::open(&roots) else { return Ok(ExitCode::from(2)) };
        let config = Config::built_in(roots, &self.data)?;
        // The port first: if it is taken, nothing else was started.
        let listener = infralogs_http::bind(&self.listen).await?;
        let address = connect::address(&listener);
        let store = connect::store(&config.store)?;
        let stop = stop::on_signal()?;
        // Agents end last: the collector must still reach them while it ends.
        let (agents_stop, agents_stopped) = watch::channel(false);
        let choice = local::Choice { journal: self.journal.clone(), demo: self.demo, seed: self.seed };
        let fleet = local::start(choice, &scripts, agents_stopped).await?;
        let status = Arc::new(Status::default());
        let current = scripts.clone();
        let collector = Collector {
            current: Arc::new(move || current.current()),
            store: store.clone(),
            open: connect::targets(None),
            inventories: Inventories::new(
                BTreeMap::from([(INVENTORY.to_owned(), InventoryConfig::List(fleet.targets.clone()))]),
                config.folder,
                connect::inventories(),
            ),
            polls_max: config.polls_max,
            status,
            machines: Arc::default(),
        };
        scripts::follow(&scripts, Some(store.clone()));
        let (own, kept) = (scripts.clone(), store.clone());
        let presence = Presence { process: "up", store: kept, told_to: None, scripts: own, credentials: Vec::new() };
        let unlisted = presence.tell();
        banner(&fleet.about, &scripts, &store.name(), &address);
        let collecting = collector.run(stop.clone());
        let serving =
            connect::dashboards(scripts.clone(), store, Access::open(), (Vec::new(), unlisted), listener, stop);
        let (collected, served) = tokio::join!(collecting, serving);
        let _ = agents_stop.send(true);
        fleet.ended().await;
        collected.and(served)?;
        let totals = collector.status.totals();
        eprintln!("ended in order: {} entries stored since the start, nothing in flight", totals.entries);
        Ok(ExitCode::SUCCESS)
    }
}

/// Where to look and what runs.
fn banner(about: &str, scripts: &Scripts, store: &str, address: &str) {
    let definitions = scripts.current();
    let page = match (definitions.dashboards.as_slice(), definitions.dashboard(FIRST_PAGE)) {
        ([first], _) | (_, Some(first)) => format!("http://{address}/d/{}", first.name),
        _ => format!("http://{address}"),
    };
    println!("infralogs {}", env!("CARGO_PKG_VERSION"));
    println!("  logs from  {about}");
    println!("  scripts    {} ({})", connect::summary(&definitions), definitions.hash);
    println!("  store      {store}");
    println!("  dashboard  {page}");
    println!("Edit a script and save it: the page follows. Ctrl-C ends everything in order.");
}
