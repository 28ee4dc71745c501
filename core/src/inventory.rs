//! Where targets come from.

use crate::{
    error::{Error, Result},
    plugin::Settings,
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

/// One agent to poll, or another source that is read directly.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Target {
    /// Unique; what a person calls it.
    pub name: Arc<str>,
    /// Base URL of the agent: `http://web-1:7070`; empty where `direct` says how it is read.
    pub url: String,
    /// Where its token is.
    pub token: TokenFrom,
    /// Become fields of each entry, see [`crate::fields::label_field`].
    pub labels: BTreeMap<String, String>,
    /// How it is read in this process, with no agent between.
    pub direct: Option<Direct>,
}

/// What stands for the URL of a machine that pushes.
pub const PUSHED: &str = "upload";

/// A machine that pushes its journal to us.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pusher {
    /// Who it is; its URL says only how it comes.
    pub target: Target,
    /// The names it had before: its journal may be known by one of them.
    pub was: Vec<String>,
}

/// A source plugin with its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// The plugin's name: `exec`, `journal`.
    pub plugin: String,
    /// Everything else that was said of it.
    pub settings: Settings,
}

/// Where a token is read from. Never printed.
#[derive(Clone, PartialEq, Default)]
pub enum TokenFrom {
    /// None: the agent is open (loopback only).
    #[default]
    Open,
    /// The first line of a file, re-read when it is refused.
    File(String),
    /// A secret by path from the secrets plugin.
    Secret(String),
    /// In memory: only for agents this process started itself.
    Held(Arc<str>),
}

impl fmt::Debug for TokenFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("Open"),
            Self::File(path) => write!(f, "File({path})"),
            Self::Secret(path) => write!(f, "Secret({path})"),
            Self::Held(_) => f.write_str("Held(***)"),
        }
    }
}

/// Whom a schedule polls.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Listed in the script itself.
    List(Vec<Target>),
    /// `inventory("fleet")`: listed in infralogs.yaml under `inventories`; `up` fills in the agents it started.
    /// `inventory("targets.yaml")`: a YAML or JSON file beside the configuration, watched.
    Inventory(String),
    /// `dns("agents.infra.svc:7070")`: asked of an inventory plugin.
    Asked(Asked),
    /// A function of the script, called again and again.
    Function(TargetsFn),
}

/// An inventory plugin with its settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The plugin's name: `dns`, `kubernetes`.
    pub plugin: String,
    /// The rest, for the plugin.
    pub settings: Settings,
}

/// Gives the targets there are now.
#[derive(Clone)]
pub struct TargetsFn(pub Arc<dyn Fn() -> Result<Vec<Target>> + Send + Sync>);

impl fmt::Debug for TargetsFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TargetsFn(..)")
    }
}

impl PartialEq for TargetsFn {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The targets that one list or one answer of an inventory may hold.
pub const TARGETS_MAX: usize = 100_000;
/// Where agents listen when nothing is said.
pub const AGENT_PORT: u16 = 7070;

/// How the agents that an inventory finds are reached: the settings that all inventory plugins share.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// Whether agents speak HTTPS.
    #[serde(default)]
    pub tls: bool,
    /// The file with the token of all of them.
    #[serde(default)]
    pub token_file: Option<String>,
    /// The secret that holds it; `{name}` in it stands for the target's name.
    #[serde(default)]
    pub secret: Option<String>,
}

impl Reach {
    const NAMES: [&str; 3] = ["tls", "token_file", "secret"];

    /// Takes what is said of it out of a plugin's settings.
    pub fn take(settings: &Settings) -> Result<(Self, Settings)> {
        let mut rest = settings.clone();
        let Some(map) = rest.value.as_object_mut() else { return Ok((Self::default(), rest)) };
        let own = Self::NAMES.iter().filter_map(|name| Some(((*name).to_owned(), map.remove(*name)?))).collect();
        let own: Self = Settings { value: serde_json::Value::Object(own), ..settings.clone() }.read()?;
        if own.token_file.is_some() && own.secret.is_some() {
            return Err(Error::invalid("both `token_file` and `secret` are given")
                .at(&settings.place)
                .help("keep one"));
        }
        Ok((own, rest))
    }

    /// The agent at `host:port` as a target; files start at `folder`.
    pub fn target(&self, name: &str, address: &str, labels: BTreeMap<String, String>, folder: &Path) -> Target {
        let scheme = if self.tls { "https" } else { "http" };
        let token = match (&self.token_file, &self.secret) {
            (Some(file), _) => TokenFrom::File(folder.join(file).display().to_string()),
            (None, Some(path)) => TokenFrom::Secret(path.replace("{name}", name)),
            (None, None) => TokenFrom::Open,
        };
        Target { name: name.into(), url: format!("{scheme}://{address}"), token, labels, direct: None }
    }
}
