//! Runs any program as a source: NDJSON on its standard output.

mod report;
mod run;

use infralogs_core::{
    error::{Error, Result},
    plugin::{Build, Plugin, Settings, Source},
    time::parse_span,
};
use report::Reports;
use run::Program;
use serde::Deserialize;
use std::time::Duration;

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "exec",
    about: "Runs a program at each poll and takes the entries it prints.",
    sample: include_str!("../sample.yaml"),
    build: Build::Source(build),
};

/// How long a program may run when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that may be said.
const TIMEOUT_MAX: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    #[serde(default, rename = "source")]
    _source: Option<String>,
    command: Vec<String>,
    #[serde(default)]
    timeout: Option<String>,
}

fn build(settings: &Settings) -> Result<Box<dyn Source>> {
    let chosen: Chosen = settings.read()?;
    let wrong = |what: &str, help: &str| Err(Error::invalid(what).at(&settings.place).help(help));
    let Some((name, arguments)) = chosen.command.split_first().filter(|(name, _)| !name.is_empty()) else {
        return wrong("`command` names no program", "write `command: [program, argument]`");
    };
    let timeout =
        chosen.timeout.as_deref().map_or(Ok(TIMEOUT), parse_span).map_err(|error| error.at(&settings.place))?;
    if timeout > TIMEOUT_MAX || timeout.is_zero() {
        return wrong("`timeout` is not between 1ms and 10m", "write 30s");
    }
    let path = if name.contains('/') { settings.folder.join(name) } else { name.into() };
    let program = Program { path, arguments: arguments.to_vec(), folder: settings.folder.clone(), timeout };
    Ok(Box::new(Reports::new(program)))
}
