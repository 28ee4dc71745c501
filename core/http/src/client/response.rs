//! An answer whose body is drawn chunk by chunk, up to a cap.

use super::failure;
use bytes::Bytes;
use infralogs_core::{Error, Kind, Result};
use std::time::Duration;
use tokio::time::timeout;

/// How much of an error's body is read for its words. In bytes.
const WORDS_BYTES_MAX: u64 = 16 << 10;

/// An answer.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    place: String,
    left: u64,
    bytes_max: u64,
    stall: Duration,
}

impl Response {
    pub(super) fn new(inner: reqwest::Response, place: String, bytes_max: u64, stall: Duration) -> Self {
        Self { inner, place, left: bytes_max, bytes_max, stall }
    }

    /// The status: 200, 204, 404, …
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// A header's first value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The URL without secrets, for errors.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Caps the body at this many unpacked bytes.
    #[must_use]
    pub fn at_most(mut self, bytes_max: u64) -> Self {
        (self.left, self.bytes_max) = (bytes_max, bytes_max);
        self
    }

    /// The next part of the body, unpacked; `None` when it ended properly.
    ///
    /// # Errors
    /// `Limit` beyond the cap, `Unavailable` if the body breaks off, stalls or the time is over.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let chunk = match timeout(self.stall, self.inner.chunk()).await {
            Err(_) => return Err(Error::unavailable("the answer stalled").at(&self.place)),
            Ok(Err(error)) => return Err(failure::reading(error, &self.place)),
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(chunk))) => chunk,
        };
        let Some(left) = self.left.checked_sub(chunk.len() as u64) else {
            let what = format!("the answer is larger than {} bytes", self.bytes_max);
            return Err(Error::new(Kind::Limit, what).at(&self.place).help("ask for less, or raise the limit"));
        };
        self.left = left;
        Ok(Some(chunk))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As for [`Response::chunk`].
    pub async fn bytes(&mut self) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// The answer if its status says success, else the error it tells.
    ///
    /// # Errors
    /// `Denied`, `Unavailable` or, for any other status, `Failed`, with the server's own words.
    pub async fn success(self) -> Result<Self> {
        if self.inner.status().is_success() { Ok(self) } else { Err(self.into_error().await) }
    }

    /// The error this answer tells, in the server's words if it has any.
    pub async fn into_error(self) -> Error {
        let status = self.status();
        let (kind, what) = match status {
            401 => (Kind::Denied, "the token was refused (401)".into()),
            403 => (Kind::Denied, "not allowed (403)".into()),
            408 | 425 | 429 | 500.. => (Kind::Unavailable, format!("the server answered {status}")),
            _ => (Kind::Failed, format!("the server answered {status}")),
        };
        let place = self.place.clone();
        let mut this = self.at_most(WORDS_BYTES_MAX);
        let body = this.bytes().await.unwrap_or_default();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let said = |name: &str| told["error"][name].as_str().map(printable);
        let mut error = Error::new(kind, what).at(place);
        if let Some(words) = said("what") {
            error = error.because(words);
        }
        match said("next") {
            Some(next) => error.help(next),
            None if kind == Kind::Denied => error.help("give the token the server knows"),
            None => error,
        }
    }
}

/// A stranger's words as one line without control characters.
fn printable(words: &str) -> String {
    words.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
