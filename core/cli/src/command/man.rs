//! `infralogs man`: manual pages, generated from the command list.

use clap::CommandFactory;
use infralogs_core::{Error, Result};
use std::{path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Args {
    /// Where the pages are written: infralogs.1 and one for each command
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let cannot =
            |error| Error::failed("cannot write the manual").at(self.folder.display().to_string()).because(error);
        std::fs::create_dir_all(&self.folder).map_err(cannot)?;
        clap_mangen::generate_to(crate::Typed::command(), &self.folder).map_err(cannot)?;
        Ok(ExitCode::SUCCESS)
    }
}
