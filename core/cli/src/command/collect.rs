//! `infralogs collect`: polls the fleet on schedule and stores what it brings.

use crate::{connect, scripts, secrets::Keys, stop};
use infralogs_core::{
    Result,
    collect::{Collector, Inventories, Status},
    config::Config,
};
use std::{path::PathBuf, process::ExitCode, sync::Arc};

#[derive(clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "infralogs.yaml")]
    config: PathBuf,
    /// Poll every target until it has no more, then end
    #[arg(long)]
    once: bool,
    /// Where /health, /ready and /metrics are served
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let config = Config::load(&self.config)?;
        let store = connect::store(&config.store)?;
        let keys = Keys::of(config.secrets.as_ref())?;
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        let current = scripts.clone();
        let collector = Collector {
            current: Arc::new(move || current.current()),
            store: store.clone(),
            open: connect::targets(keys.values()),
            inventories: Inventories { named: config.inventories, folder: config.folder },
            polls_max: config.polls_max,
            status: Arc::new(Status::default()),
        };
        let keys = keys.keep(&[(&config.store, &store)])?;
        if self.once {
            keys.ready().await?;
            let collected = collector.run_once().await;
            keys.end().await;
            let totals = collected?;
            println!("{} entries, {} rows stored in {}", totals.entries, totals.rows, store.name());
            return Ok(ExitCode::SUCCESS);
        }
        let stop = stop::on_signal()?;
        scripts::follow(&scripts, Some(store));
        let ops = crate::ops::serve(self.listen.as_deref(), &scripts, &collector.status, stop.clone()).await?;
        let collected = collector.run(stop).await;
        keys.end().await;
        collected?;
        ops.await;
        Ok(ExitCode::SUCCESS)
    }
}
