//! `infralogs definitions`: writes definition files of the script language for Rhai's editor tools.

use infralogs_core::{Error, Result, script::definition_files};
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(clap::Args)]
pub struct Args {
    /// The folder they are written to
    #[arg(long, value_name = "DIR", default_value = ".rhai")]
    out: PathBuf,
}

impl Args {
    pub fn run(self) -> Result<ExitCode> {
        let failed = |error: std::io::Error| {
            Error::failed("cannot write definition files").at(self.out.display().to_string()).because(error)
        };
        fs::create_dir_all(&self.out).map_err(failed)?;
        let files = definition_files();
        for (name, text) in &files {
            fs::write(self.out.join(name), text).map_err(failed)?;
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        eprintln!("wrote {} to {}", names.join(", "), self.out.display());
        Ok(ExitCode::SUCCESS)
    }
}
