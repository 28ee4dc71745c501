//! `infralogs health`: asks a running program how it is; for container health checks without a shell or curl.

use infralogs_core::{Error, Result};
use std::{process::ExitCode, time::Duration};

#[derive(clap::Args)]
pub struct Args {
    /// Base address of the program
    #[arg(default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// The longest a health check waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

impl Args {
    pub async fn run(self) -> Result<ExitCode> {
        let client = infralogs_http::Client::new(&infralogs_http::client::Settings::default())?;
        let url = format!("{}/health", self.url.trim_end_matches('/'));
        let mut answer = client.get(&url, None, TIMEOUT).await?.at_most(ANSWER_BYTES_MAX);
        let status = answer.status();
        let text = String::from_utf8_lossy(&answer.bytes().await?).into_owned();
        println!("{}", text.trim_end());
        if status == 200 {
            Ok(ExitCode::SUCCESS)
        } else {
            Err(Error::unavailable(format!("not healthy: status {status}")).at(url))
        }
    }
}
