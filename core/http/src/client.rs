//! The one HTTP client: every wait and every body has a limit, every failure says where.

mod failure;
mod response;

pub use response::Response;

use crate::{reread, tls};
use infralogs_core::{Error, Result};
use reqwest::{Certificate, Identity, header::HeaderMap, redirect::Policy};
use std::{path::PathBuf, time::Duration};

/// The most bytes of an answer's body, unpacked, if a request does not say otherwise.
pub const BODY_BYTES_MAX: u64 = 64 << 20;

/// How a client connects.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The longest wait for a connection, TLS included.
    pub connect: Duration,
    /// The longest pause within a body.
    pub stall: Duration,
    /// PEM certificates of the only authorities trusted; without it, the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with our own certificate chain and key, for servers that ask (mTLS).
    pub identity_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), stall: Duration::from_secs(20), ca_file: None, identity_file: None }
    }
}

/// Asks HTTP servers: no proxy, no redirects, gzip and zstd unpacked, connections kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: reqwest::Client,
    stall: Duration,
}

/// What to get.
#[derive(Debug, Clone, Copy)]
pub struct Get<'a> {
    /// The whole URL. A user and password in it go as `Basic` and appear in no error.
    pub url: &'a str,
    /// The token.
    pub bearer: Option<&'a str>,
    /// More headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// The longest the whole exchange may take, body included.
    pub timeout: Duration,
    /// The most bytes of the body, unpacked.
    pub bytes_max: u64,
}

impl Client {
    /// A client with these settings.
    ///
    /// # Errors
    /// `Invalid` if a file can't be read or holds no certificates.
    pub fn new(settings: &Settings) -> Result<Self> {
        tls::install_crypto();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(settings.connect)
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(2)
            .user_agent(concat!("infralogs/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &settings.ca_file {
            let found = tls::certificates(&reread::read(path)?, path)?;
            let found =
                found.iter().map(|certificate| Certificate::from_der(certificate)).collect::<Result<Vec<_>, _>>();
            let found = found.map_err(|error| unusable(path, error))?;
            builder = builder.tls_certs_only(found);
        }
        if let Some(path) = &settings.identity_file {
            let identity = Identity::from_pem(&reread::read(path)?).map_err(|error| unusable(path, error))?;
            builder = builder.identity(identity);
        }
        // Without certificates on the system nothing but plain HTTP can work, and that must.
        let built = if settings.ca_file.is_some() { builder.build() } else { system_roots(builder) };
        let inner = built.map_err(|error| Error::failed("can't make an HTTP client").because(error.without_url()))?;
        Ok(Self { inner, stall: settings.stall })
    }

    /// Gets `url`: [`Client::fetch`] with no more headers and the usual [`BODY_BYTES_MAX`].
    ///
    /// # Errors
    /// As for [`Client::fetch`].
    pub async fn get(&self, url: &str, bearer: Option<&str>, timeout: Duration) -> Result<Response> {
        self.fetch(Get { url, bearer, headers: &[], timeout, bytes_max: BODY_BYTES_MAX }).await
    }

    /// Gets something; the answer's body is still to be drawn.
    ///
    /// # Errors
    /// `Denied` for 401 and 403; `Unavailable` if the server can't be reached in time or answers 408, 425, 429 or
    /// 5xx; `Invalid` if the URL is none. The place is the URL without user, password and query. Any other status
    /// is an answer: look at [`Response::status`].
    pub async fn fetch(&self, get: Get<'_>) -> Result<Response> {
        let url = reqwest::Url::parse(get.url).map_err(|error| Error::invalid("not a URL").because(error))?;
        let place = failure::place(&url);
        let mut headers = HeaderMap::new();
        for (name, value) in get.headers {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes());
            let value = reqwest::header::HeaderValue::from_str(value);
            match (name, value) {
                (Ok(name), Ok(value)) => headers.append(name, value),
                _ => return Err(Error::invalid("a header that can't be sent").at(place)),
            };
        }
        let mut request = self.inner.get(url).headers(headers).timeout(get.timeout);
        if let Some(token) = get.bearer {
            request = request.bearer_auth(token.trim());
        }
        let answer = request.send().await.map_err(|error| failure::sending(error, &place))?;
        let response = Response::new(answer, place, get.bytes_max, self.stall);
        match response.status() {
            401 | 403 | 408 | 425 | 429 | 500.. => Err(response.into_error().await),
            _ => Ok(response),
        }
    }
}

fn system_roots(builder: reqwest::ClientBuilder) -> reqwest::Result<reqwest::Client> {
    builder.build()
}

fn unusable(path: &std::path::Path, error: reqwest::Error) -> Error {
    Error::invalid("the certificate can't be used").at(path.display().to_string()).because(error)
}
