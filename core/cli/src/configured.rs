//! The beginning of every command that does as infralogs.yaml says.

use infralogs_core::{Result, config::Config};
use std::path::PathBuf;

/// The one flag they share.
#[derive(clap::Args)]
pub struct Configured {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "infralogs.yaml")]
    config: PathBuf,
}

impl Configured {
    /// Reads and checks it.
    pub fn load(&self) -> Result<Config> {
        Config::load(&self.config)
    }
}
