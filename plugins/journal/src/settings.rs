//! What a person chooses: where the journal is.

use infralogs_core::{error::Result, plugin::Settings};
use serde::Deserialize;
use std::path::PathBuf;

/// Where journald keeps journals: over reboots, and until the next one.
const DEFAULT_PATHS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// What reads files of a newer systemd.
const JOURNALCTL: &str = "journalctl";

/// Where to look, and with what.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Folders and files.
    pub(crate) list: Vec<PathBuf>,
    /// Only this machine's own folder below them, as `journalctl` without `--merge`.
    pub(crate) local: bool,
    /// The program that reads what a newer systemd wrote.
    pub(crate) journalctl: PathBuf,
}

impl Paths {
    /// These, or where journald keeps its journals.
    pub(crate) fn new(list: Vec<PathBuf>) -> Self {
        let (local, journalctl) = (list.is_empty(), JOURNALCTL.into());
        let list = if local { DEFAULT_PATHS.map(PathBuf::from).to_vec() } else { list };
        Self { list, local, journalctl }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Chosen {
    path: OneOrMany,
    journalctl: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(PathBuf),
    Many(Vec<PathBuf>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// Reads the plugin's settings.
pub(crate) fn read(settings: &Settings) -> Result<Paths> {
    let chosen: Chosen = if settings.value.is_null() { Chosen::default() } else { settings.read()? };
    let list = match chosen.path {
        OneOrMany::One(path) => vec![path],
        OneOrMany::Many(paths) => paths,
    };
    let paths = Paths::new(list);
    Ok(Paths { journalctl: chosen.journalctl.unwrap_or(paths.journalctl.clone()), ..paths })
}
