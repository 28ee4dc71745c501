//! `infralogs serve`: the dashboards of a store, read from the replica where there is one.

use crate::{configured::Configured, connect, scripts, secrets::Keys, stop};
use infralogs_core::Result;
use infralogs_dashboards::Access;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    configured: Configured,
    /// Where the dashboards are served, instead of what the configuration says
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let config = self.configured.load()?;
        let chosen = config.read.as_ref().unwrap_or(&config.store);
        let store = connect::store(chosen)?;
        let keys = Keys::of(config.secrets.as_ref())?;
        let access = Access::of(config.sign_in.as_ref(), &|path| keys.told(path))?;
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        let listener = infralogs_http::bind(self.listen.as_deref().unwrap_or(&config.listen)).await?;
        if config.sign_in.is_none() && listener.local_addr().is_ok_and(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                "whoever reaches this address sees everything; `sign_in` in the configuration asks who it is"
            );
        }
        let stop = stop::on_signal()?;
        let keys = keys.keep(&[(chosen, &store)])?;
        scripts::follow(&scripts, None);
        tracing::info!("dashboards of {} on http://{}", store.name(), connect::address(&listener));
        let served = connect::dashboards(scripts, store, access, keys.watches(), listener, stop).await;
        keys.end().await;
        served?;
        Ok(ExitCode::SUCCESS)
    }
}
