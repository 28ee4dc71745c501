//! Where targets come from.

use crate::plugin::Settings;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// One agent to poll, or another source that is read directly.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Target {
    /// Unique; what a person calls it.
    pub name: Arc<str>,
    /// Base URL of the agent: `http://web-1:7070`; empty where `direct` says how it is read.
    pub url: String,
    /// Where its token is.
    pub token: TokenFrom,
    /// Become columns.
    pub labels: BTreeMap<String, String>,
    /// How it is read in this process, with no agent between.
    pub direct: Option<Direct>,
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
}
