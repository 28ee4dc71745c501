//! A source that generates the entries of a small fleet, the same ones for the same seed.

mod chance;
mod database;
mod disk;
mod incident;
mod line;
mod slot;
mod source;
mod system;
mod web;

pub use slot::Stream;
pub use source::Demo;

use infralogs_core::{
    error::{Error, Result},
    plugin::{Build, Plugin, Settings, Source},
    time::{Time, parse_span},
};
use serde::Deserialize;
use std::time::Duration;

/// The plugin's entry in the program's list.
pub const PLUGIN: Plugin = Plugin {
    name: "demo",
    about: "Generates the entries of a small fleet, the same ones for the same seed.",
    sample: include_str!("../sample.yaml"),
    build: Build::Source(build),
};

/// The hosts of the fleet.
pub const HOSTS: [&str; 3] = ["web-1", "web-2", "db-1"];

/// Where a reader without a cursor begins, if nothing else is said.
pub const HISTORY: Duration = Duration::from_secs(6 * 3_600);

/// Entries older than this count as rotated away.
pub const KEPT: Duration = Duration::from_secs(24 * 3_600);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    #[serde(default, rename = "source")]
    _source: Option<String>,
    host: String,
    #[serde(default = "one")]
    seed: u64,
    #[serde(default)]
    history: Option<String>,
    #[serde(default)]
    stream: Stream,
}

fn one() -> u64 {
    1
}

fn build(settings: &Settings) -> Result<Box<dyn Source>> {
    let chosen: Chosen = settings.read()?;
    let history =
        chosen.history.as_deref().map_or(Ok(HISTORY), parse_span).map_err(|error| error.at(&settings.place))?;
    if history > KEPT {
        return Err(Error::invalid("`history` is longer than 24h").at(&settings.place).help("write 24h or less"));
    }
    Ok(Box::new(Demo::new(&chosen.host, chosen.seed, history, chosen.stream, Time::now)))
}
