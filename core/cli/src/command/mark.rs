//! `infralogs mark`: writes down a moment, such as a deploy, that dashboards draw over their charts.

use crate::{
    place::{Place, Places},
    secrets::supplied,
};
use infralogs_core::{Error, Result, plugin::Moment, time::Time};
use std::process::ExitCode;

/// The longest note, in characters.
const NOTE_CHARS_MAX: usize = 200;

#[derive(clap::Args)]
pub struct Args {
    /// What happened, as charts show it: "deploy 1.2"
    note: String,
    /// When: an RFC 3339 time or a span back from now such as -10m
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// The version that was deployed, for marks labelled `${version}`
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The one machine it concerns
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    #[command(flatten)]
    place: Place,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let note = self.note.trim().to_owned();
        if note.is_empty() || note.chars().count() > NOTE_CHARS_MAX {
            let what = format!("a mark needs words, at most {NOTE_CHARS_MAX} characters");
            return Err(Error::invalid(what).help("write what happened: infralogs mark \"deploy 1.2\""));
        }
        let now = Time::now();
        let at = self.at.as_deref().map_or(Ok(now), |at| Time::parse(at, now))?;
        let Places { write, secrets, .. } = self.place.find()?;
        let store = supplied(&write, secrets.as_ref()).await?;
        let name = store.name();
        let mark = Moment { at, note, version: self.version, host: self.host };
        let written = tokio::task::spawn_blocking(move || store.migrate().and_then(|()| store.mark(&mark))).await;
        written.map_err(|_| Error::failed("the store stopped in the middle"))??;
        eprintln!("marked {at} in {name}");
        Ok(ExitCode::SUCCESS)
    }
}
