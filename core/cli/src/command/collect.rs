//! `infralogs collect`: polls the fleet on schedule and stores what it brings.

use crate::{
    configured::Configured,
    connect,
    presence::Presence,
    scripts,
    secrets::{Keys, READY_MAX},
    stop,
};
use infralogs_core::{
    Result,
    collect::{Collector, Inventories, Status},
};
use std::{process::ExitCode, sync::Arc};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    configured: Configured,
    /// Poll every target until it has no more, then end
    #[arg(long)]
    once: bool,
    /// Where /health, /ready and /metrics are served
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let mut config = self.configured.load()?;
        let upload = config.upload.take();
        let store = connect::store(&config.store)?;
        let keys = Keys::of(config.secrets.as_ref())?;
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        if scripts.current().schedules.is_empty() {
            // Not an error: a schedule may be written while it runs.
            tracing::warn!("no script declares a schedule, so nothing is polled: write schedule(\"fleet\").targets(…)");
        }
        let current = scripts.clone();
        let collector = Collector {
            current: Arc::new(move || current.current()),
            store: store.clone(),
            open: connect::targets(keys.values()),
            inventories: Inventories::new(config.inventories, config.folder, connect::inventories()),
            polls_max: config.polls_max,
            status: Arc::new(Status::default()),
            machines: Arc::default(),
        };
        let keys = keys.keep(&[(&config.store, &store)])?;
        if self.once {
            keys.ready(READY_MAX).await?;
            let collected = collector.run_once().await;
            keys.end().await;
            let totals = collected?;
            println!("{} entries, {} rows stored in {}", totals.entries, totals.rows, store.name());
            return Ok(ExitCode::SUCCESS);
        }
        let stop = stop::on_signal()?;
        let first = scripts.current();
        let (schedules, parsers) = (first.schedules.len(), first.parsers.len());
        tracing::info!(schedules, parsers, scripts = %first.hash, "collecting into {}", store.name());
        scripts::follow(&scripts, Some(store.clone()));
        let (own, credentials) = (scripts.clone(), keys.watches());
        Presence { process: "collector", store, told_to: None, scripts: own, credentials }.tell();
        let listen = self.listen.as_deref();
        let ops = crate::ops::serve(listen, &collector, &scripts, keys.watches(), stop.clone()).await?;
        let uploads = crate::upload::serve(upload, &collector, stop.clone()).await?;
        // A poll before the first credentials could only fail; what is wrong with them is said where they are kept.
        let mut stopped = stop.clone();
        tokio::select! {
            _ = keys.ready(READY_MAX) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        let collected = collector.run(stop).await;
        keys.end().await;
        collected?;
        ops.await;
        uploads.await;
        Ok(ExitCode::SUCCESS)
    }
}
