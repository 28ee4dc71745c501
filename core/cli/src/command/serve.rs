//! `infralogs serve`: the dashboards of a store, read from the replica where there is one.

use crate::{connect, scripts, secrets::Keys, stop};
use infralogs_core::{Result, config::Config};
use infralogs_dashboards::Access;
use std::{path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "infralogs.yaml")]
    config: PathBuf,
    /// Where the dashboards are served, instead of what the configuration says
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let config = Config::load(&self.config)?;
        let chosen = config.read.as_ref().unwrap_or(&config.store);
        let store = connect::store(chosen)?;
        let access = Access::of(config.sign_in.as_ref())?;
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        let listener = infralogs_http::bind(self.listen.as_deref().unwrap_or(&config.listen)).await?;
        if config.sign_in.is_none() && listener.local_addr().is_ok_and(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                "whoever reaches this address sees everything; `sign_in` in the configuration asks who it is"
            );
        }
        let stop = stop::on_signal()?;
        let keys = Keys::of(config.secrets.as_ref())?.keep(&[(chosen, &store)])?;
        scripts::follow(&scripts, None);
        tracing::info!("dashboards of {} on http://{}", store.name(), connect::address(&listener));
        let served = connect::dashboards(scripts, store, access, listener, stop).await;
        keys.end().await;
        served?;
        Ok(ExitCode::SUCCESS)
    }
}
