//! `infralogs serve`: the dashboards of a store, read from the replica where there is one.

use crate::{configured::Configured, connect, presence::Presence, scripts, secrets::Keys, stop};
use infralogs_core::Result;
use infralogs_dashboards::{Access, Preview};
use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

/// Where a preview is served if nobody says.
const PREVIEW_LISTEN: &str = "127.0.0.1:8090";

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    configured: Configured,
    /// Where the dashboards are served, instead of what the configuration says
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Show the layouts on made-up rows: no store, no configuration
    #[arg(long, conflicts_with = "config")]
    preview: bool,
    /// With --preview, a folder with scripts; may be given several times
    #[arg(long = "scripts", value_name = "DIR", requires = "preview")]
    scripts: Vec<PathBuf>,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        if self.preview {
            return self.preview().await;
        }
        let config = self.configured.load()?;
        let chosen = config.read.as_ref().unwrap_or(&config.store);
        let store = connect::store(chosen)?;
        let keys = Keys::of(config.secrets.as_ref())?;
        let access = Access::of(config.sign_in.as_ref(), &|path| keys.told(path))?.embedded_in(&config.embed)?;
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        let listener = infralogs_http::bind(self.listen.as_deref().unwrap_or(&config.listen)).await?;
        if config.sign_in.is_none() && listener.local_addr().is_ok_and(|address| !address.ip().is_loopback()) {
            tracing::warn!(
                "whoever reaches this address sees everything; `sign_in` in the configuration asks who it is"
            );
        }
        let stop = stop::on_signal()?;
        let keys = keys.keep(&[(chosen, &store)])?;
        let (keys, told_to) = match &config.report {
            Some(report) => {
                let told_to = connect::store(report)?;
                (keys.keep(&[(report, &told_to)])?, Some(told_to))
            }
            None => (keys, None),
        };
        scripts::follow(&scripts, None);
        // A replica takes no rows: without a place to report to, the page and /health say so.
        let unlisted = if config.read.is_none() || told_to.is_some() {
            let (own, kept, credentials) = (scripts.clone(), store.clone(), keys.watches());
            Presence { process: "dashboard", store: kept, told_to, scripts: own, credentials }.tell()
        } else {
            Arc::new(AtomicBool::new(true))
        };
        tracing::info!("dashboards of {} on http://{}", store.name(), connect::address(&listener));
        let served = connect::dashboards(scripts, store, access, (keys.watches(), unlisted), listener, stop).await;
        keys.end().await;
        served?;
        Ok(ExitCode::SUCCESS)
    }

    /// The layouts as they are edited, on rows made up for the tables that parsers declare.
    async fn preview(self) -> Result<ExitCode> {
        let Some(scripts) = scripts::open(&connect::roots(&self.scripts, None)?) else { return Ok(ExitCode::from(2)) };
        let listener = infralogs_http::bind(self.listen.as_deref().unwrap_or(PREVIEW_LISTEN)).await?;
        let stop = stop::on_signal()?;
        scripts::follow(&scripts, None);
        tracing::info!("a preview on made-up rows at http://{}", connect::address(&listener));
        connect::dashboards(scripts, Arc::new(Preview), Access::open(), Default::default(), listener, stop).await?;
        Ok(ExitCode::SUCCESS)
    }
}
