//! `infralogs migrate`: makes or upgrades the store's tables, which collectors else do when they start.

use crate::{configured::Configured, scripts, secrets};
use infralogs_core::{Error, Result};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    configured: Configured,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let config = self.configured.load()?;
        let store = secrets::supplied(&config.store, config.secrets.as_ref()).await?;
        let Some(scripts) = scripts::open(&config.scripts) else { return Ok(ExitCode::from(2)) };
        let definitions = scripts.current();
        let (name, tables) = (store.name(), definitions.tables.clone());
        let migrated = tokio::task::spawn_blocking(move || {
            store.migrate()?;
            store.prepare(&tables)
        });
        migrated.await.map_err(|_| Error::failed("migrating stopped in the middle"))??;
        let names: Vec<&str> = definitions.tables.iter().map(|table| table.name.as_str()).collect();
        println!("{name} has all tables of this program and of the scripts: {}", names.join(", "));
        Ok(ExitCode::SUCCESS)
    }
}
