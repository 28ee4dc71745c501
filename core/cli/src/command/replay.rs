//! `infralogs replay`: runs a parser again on its records in quarantine, after it was mended.

use crate::{
    place::{self, Place, Places, ever},
    scripts,
    secrets::supplied,
};
use infralogs_core::{Error, Result, collect::replay};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Whose records
    #[arg(long, value_name = "PARSER")]
    parser: String,
    /// Only records of entries from this time on: an RFC 3339 time, or a span back from now such as 7d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Says what would become of them and writes nothing
    #[arg(long)]
    pretend: bool,
    #[command(flatten)]
    place: Place,
}

impl Args {
    /// Exit code 1 if records failed again.
    pub async fn run(self) -> Result<ExitCode> {
        let since = self.since.as_deref().map_or(Ok(ever().from), place::since)?;
        let Places { roots, write, secrets, .. } = self.place.find()?;
        let Some(scripts) = scripts::open(&roots) else { return Ok(ExitCode::from(2)) };
        let definitions = scripts.current();
        let Some(parser) = definitions.parser(&self.parser).cloned() else {
            return Err(definitions.no_parser(&self.parser));
        };
        let store = supplied(&write, secrets.as_ref()).await?;
        let pretend = self.pretend;
        let work = tokio::task::spawn_blocking(move || {
            store.migrate()?;
            replay(&*store, &parser, since, pretend)
        });
        let done = work.await.map_err(|_| Error::failed("the store stopped in the middle"))??;
        let would = if pretend { "would be " } else { "" };
        println!("{} records of `{}` in quarantine: {} {would}stored", done.records, self.parser, done.rows);
        let others = [
            (done.dropped, "dropped by the parser"),
            (done.failed, "fail again and stay"),
            (done.unmatched, "are no longer this parser's and stay"),
            (done.gone, "stay: their entries are not in `logs` any more"),
        ];
        for (count, what) in others.iter().filter(|(count, _)| *count > 0) {
            println!("  {count} {what}");
        }
        if let Some(reason) = done.reason {
            println!("  the first fails because: {}", crate::output::plain(&reason));
        }
        Ok(if done.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
