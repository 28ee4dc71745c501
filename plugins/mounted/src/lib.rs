//! Secrets in files, as Kubernetes or Vault Agent mounts them: read again when they change.

use infralogs_core::{
    Error, Result,
    plugin::{Build, Later, Life, Plugin, Secret, Secrets, Settings},
};
use serde::Deserialize;
use std::{
    io::Read,
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "mounted",
    about: "Takes secrets from files, and again when they change.",
    sample: include_str!("../sample.yaml"),
    build: Build::Secrets(|settings| Ok(Arc::new(Mounted::new(settings)?))),
};

/// The largest file taken. In bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// How often files are looked at.
const EVERY: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    folder: PathBuf,
}

/// Secrets below one folder.
#[derive(Debug)]
pub struct Mounted {
    folder: PathBuf,
}

impl Mounted {
    /// Reads and checks settings; opens no file.
    ///
    /// # Errors
    /// `Invalid` if a setting is missing or unknown.
    pub fn new(settings: &Settings) -> Result<Self> {
        let chosen: Chosen = settings.read()?;
        Ok(Self { folder: settings.folder.join(chosen.folder) })
    }

    /// `path` is a file with the password or token, or a folder with `username` and `password`.
    fn read(&self, path: &str) -> Result<Secret> {
        let inside = Path::new(path);
        if inside.components().any(|part| !matches!(part, Component::Normal(_))) || path.is_empty() {
            return Err(Error::invalid("a secret's path leads out of its folder")
                .at(path.escape_debug().to_string())
                .help("write it without `..` and without a leading slash"));
        }
        let place = self.folder.join(inside);
        let (user, password) = if place.is_dir() {
            (Some(text(&place.join("username"))?), text(&place.join("password"))?)
        } else {
            (None, text(&place)?)
        };
        Ok(Secret { user, password, life: Life::Watched { every: EVERY }, lease: None })
    }
}

impl Secrets for Mounted {
    fn issue<'a>(&'a self, path: &'a str) -> Later<'a, Result<Secret>> {
        Box::pin(async move { self.read(path) })
    }
    fn renew<'a>(&'a self, path: &'a str, _: &'a Secret) -> Later<'a, Result<Secret>> {
        Box::pin(async move { self.read(path) })
    }
    fn revoke<'a>(&'a self, _: &'a Secret) -> Later<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

/// A file's text without white space around it. Absent and empty files may be in the middle of being replaced.
fn text(path: &Path) -> Result<String> {
    let place = path.display().to_string();
    let cannot = |what: &str| Error::unavailable(what.to_owned()).at(&place).help("it is read again");
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| cannot("a secret's file can't be read").because(error))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::invalid(format!("a secret's file is larger than {FILE_BYTES_MAX} bytes")).at(&place));
    }
    match text.trim() {
        "" => Err(cannot("a secret's file is empty")),
        text => Ok(text.to_owned()),
    }
}
