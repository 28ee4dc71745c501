//! `infralogs health`: asks a running program how it is; for container health checks without a shell or curl.

use infralogs_core::Result;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    /// Base address of the program
    #[arg(default_value = "http://127.0.0.1:8080")]
    url: String,
}

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        println!("{}", infralogs_http::ops::ask(&self.url).await?);
        Ok(ExitCode::SUCCESS)
    }
}
