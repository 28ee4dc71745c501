//! `infralogs collect`: polls the fleet on schedule and stores what it brings.

use crate::{connect, scripts, stop};
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
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        let current = scripts.clone();
        let collector = Collector {
            current: Arc::new(move || current.current()),
            store: store.clone(),
            open: connect::targets(),
            inventories: Inventories { named: config.inventories, folder: config.folder },
            polls_max: config.polls_max,
            status: Arc::new(Status::default()),
        };
        if self.once {
            let totals = collector.run_once().await?;
            println!("{} entries, {} rows stored in {}", totals.entries, totals.rows, store.name());
            return Ok(ExitCode::SUCCESS);
        }
        let stop = stop::on_signal()?;
        scripts::follow(&scripts, Some(store));
        let ops = crate::ops::serve(self.listen.as_deref(), &scripts, &collector.status, stop.clone()).await?;
        collector.run(stop).await?;
        ops.await;
        Ok(ExitCode::SUCCESS)
    }
}
