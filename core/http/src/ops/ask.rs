//! The other end of `/health`: asks a running program how it is, for container health checks without a shell or curl.

use crate::{Client, client::Settings};
use infralogs_core::{Error, Result};
use std::time::Duration;

/// The longest a health check waits.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer read, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// What the program at this base address says of itself. It is an error if that is anything but well.
pub async fn ask(base: &str) -> Result<String> {
    let client = Client::new(&Settings::default())?;
    let url = format!("{}/health", base.trim_end_matches('/'));
    let mut answer = client.get(&url, None, TIMEOUT).await?.at_most(ANSWER_BYTES_MAX);
    let status = answer.status();
    let text = String::from_utf8_lossy(&answer.bytes().await?).trim_end().to_owned();
    if status == 200 {
        Ok(text)
    } else {
        Err(Error::unavailable(format!("not healthy: status {status}")).at(url).because(text))
    }
}
