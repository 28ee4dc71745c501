//! `infralogs plugins`: what is built in, with sample configurations.

use crate::{output, plugins::PLUGINS};
use infralogs_core::{Error, Result, plugin::Build};
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Print this plugin's sample configuration
    name: Option<String>,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let Some(name) = self.name else {
            let rows =
                PLUGINS.iter().map(|plugin| vec![plugin.name.into(), kind(&plugin.build).into(), plugin.about.into()]);
            println!("{}", output::table(&["plugin", "kind", "what it is"], rows));
            return Ok(ExitCode::SUCCESS);
        };
        let plugin = PLUGINS.iter().find(|plugin| plugin.name == name).ok_or_else(|| {
            let names: Vec<&str> = PLUGINS.iter().map(|plugin| plugin.name).collect();
            Error::invalid(format!("there is no plugin `{name}`")).help(format!("there are {}", names.join(", ")))
        })?;
        print!("{}", plugin.sample);
        Ok(ExitCode::SUCCESS)
    }
}

fn kind(build: &Build) -> &'static str {
    match build {
        Build::Source(_) => "source",
        Build::Store(_) => "store",
        Build::Secrets(_) => "secrets",
        Build::Inventory(_) => "inventory",
        Build::Renderer(_) => "renderer",
    }
}
