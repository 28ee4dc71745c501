//! `infralogs completions`: tab completion for shells, generated from the command list.

use clap::CommandFactory;
use clap_complete::Shell;
use infralogs_core::Result;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        clap_complete::generate(self.shell, &mut crate::Typed::command(), "infralogs", &mut std::io::stdout());
        Ok(ExitCode::SUCCESS)
    }
}
