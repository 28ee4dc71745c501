//! What the program says of itself on standard error: text for people, JSON for machines.

use clap::{Args, ValueEnum};
use std::io::IsTerminal;
use tracing::Metadata;
use tracing_subscriber::{EnvFilter, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Args)]
pub struct Options {
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "FORMAT")]
    log_format: Format,
    /// The least severe log lines shown: error, warn, info, debug, trace
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL", env = "INFRALOGS_LOG")]
    log: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Libraries that say the words of a request where it is made, secrets among them; we say what became of it. No level
/// that a person asks for brings them out. And one that tells, of a log in a watched folder, each line, which is the next.
const SILENT: [&str; 3] = ["rustify", "vaultrs", "notify"];

/// Starts logging. An unreadable level falls back to `info`, and is said.
pub fn start(options: &Options) {
    let (filter, wrong) = match EnvFilter::try_new(&options.log) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match options.log_format {
        Format::Text => lines.finish().with(filter_fn(may_speak)).init(),
        Format::Json => lines.json().finish().with(filter_fn(may_speak)).init(),
    }
    if let Some(error) = wrong {
        tracing::warn!("`--log {}` is no log level: {error}; using info", options.log);
    }
}

fn may_speak(of: &Metadata<'_>) -> bool {
    let from = of.target().split("::").next().unwrap_or_default();
    !SILENT.contains(&from)
}
