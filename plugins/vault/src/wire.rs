//! Carries vaultrs' endpoints over HTTP: a limit on every wait and body, no token to another host, Retry-After kept.

use crate::settings::Chosen;
use async_trait::async_trait;
use http::{HeaderValue, Request, Response, Uri};
use infralogs_core::{Error, Result};
use reqwest::{Certificate, Identity, redirect::Policy};
use rustify::{
    client::Client,
    endpoint::{Endpoint, MiddleWare},
    errors::ClientError,
};
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The longest any call may take: a frozen node accepts the connection and never answers.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const BODY_BYTES_MAX: usize = 1 << 20;
/// The largest PEM file read, in bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;
/// The longest rest a server may ask for.
const REST_MAX: Duration = Duration::from_secs(300);
/// Redirects to the same host that are followed.
const REDIRECTS_MAX: usize = 3;

/// One server.
pub(crate) struct Wire {
    http: reqwest::Client,
    pub origin: String,
    prefix: String,
    namespace: Option<HeaderValue>,
    /// Until then the server asked to be left alone.
    rest: Mutex<Option<Instant>>,
}

impl Wire {
    pub fn new(chosen: &Chosen) -> Result<Self> {
        infralogs_http::install_crypto();
        let mut builder = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .connect_timeout(CALL_TIMEOUT)
            .no_proxy()
            .referer(false)
            .redirect(Policy::custom(|attempt| {
                let from = attempt.previous().last().map(reqwest::Url::origin);
                let same = from.is_some_and(|from| from == attempt.url().origin());
                if same && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
            }))
            .user_agent(concat!("infralogs/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &chosen.ca_file {
            let found = Certificate::from_pem_bundle(&read(path)?).map_err(|error| unusable(path, error))?;
            if found.is_empty() {
                return Err(Error::invalid("no certificate in the file")
                    .at(path.display().to_string())
                    .help("name the PEM file of the authority that signed Vault's certificate"));
            }
            builder = builder.tls_certs_only(found);
        } else if chosen.origin.starts_with("http://") {
            builder = builder.tls_certs_only(Vec::new());
        }
        if let Some(path) = &chosen.identity_file {
            builder = builder.identity(Identity::from_pem(&read(path)?).map_err(|error| unusable(path, error))?);
        }
        let http = builder.build().map_err(|error| Error::failed("can't make an HTTP client").because(error))?;
        let namespace = chosen.namespace.as_deref().map(HeaderValue::from_str).transpose();
        let namespace = namespace.map_err(|_| Error::invalid("a namespace with letters no header can hold"))?;
        let (origin, prefix) = (chosen.origin.clone(), chosen.prefix.clone());
        Ok(Self { http, origin, prefix, namespace, rest: Mutex::default() })
    }

    /// How long the server still wants to be left alone.
    fn resting(&self) -> Option<Duration> {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// What is added to each call: where the API is, and who we are.
    pub fn caller<'w>(&'w self, token: &'w str) -> Caller<'w> {
        Caller { wire: self, token }
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let cannot = |what: &str| Error::invalid(what.to_owned()).at(path.display().to_string());
    let size = std::fs::metadata(path).map_err(|error| cannot("can't read the file").because(error))?.len();
    if size > PEM_BYTES_MAX {
        return Err(cannot("the file is too large for PEM"));
    }
    std::fs::read(path).map_err(|error| cannot("can't read the file").because(error))
}

fn unusable(path: &Path, error: reqwest::Error) -> Error {
    Error::invalid("not usable as PEM").at(path.display().to_string()).because(error)
}

/// Words of ours as the library's error.
fn said(what: String) -> ClientError {
    ClientError::ResponseError { source: std::io::Error::other(what).into() }
}

#[async_trait]
impl Client for Wire {
    fn base(&self) -> &str {
        &self.origin
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        if let Some(left) = self.resting() {
            return Err(said(format!("it asked for {} s more of rest", left.as_secs() + 1)));
        }
        let request = reqwest::Request::try_from(request).map_err(|error| said(error.without_url().to_string()))?;
        let sent = self.http.execute(request).await;
        let mut answer = sent.map_err(|error| said(reason(&error)))?;
        let status = answer.status();
        if let Some(seconds) = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok()) {
            let rest = Instant::now() + Duration::from_secs(seconds).min(REST_MAX);
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| said(reason(&error)))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(said(format!("its answer is longer than {BODY_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Response::builder().status(status).body(body).map_err(|error| said(error.to_string()))
    }
}

/// Why there is no answer, in a word; the URL is known.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", CALL_TIMEOUT.as_secs());
    }
    // The innermost cause says what a person can act on.
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Adds prefix, version, token and namespace.
pub(crate) struct Caller<'w> {
    wire: &'w Wire,
    token: &'w str,
}

impl MiddleWare for Caller<'_> {
    fn request<E: Endpoint>(&self, _: &E, request: &mut Request<Vec<u8>>) -> Result<(), ClientError> {
        let rest = request.uri().path_and_query().map_or("", |path| path.as_str()).trim_start_matches('/');
        let whole = format!("{}{}/v1/{rest}", self.wire.origin, self.wire.prefix);
        *request.uri_mut() = whole.parse::<Uri>().map_err(|source| ClientError::UrlBuildError { source })?;
        let headers = request.headers_mut();
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if !self.token.is_empty() {
            let mut token = HeaderValue::from_str(self.token).map_err(|_| said("a token no header can hold".into()))?;
            token.set_sensitive(true);
            headers.insert("x-vault-token", token);
        }
        if let Some(namespace) = &self.wire.namespace {
            headers.insert("x-vault-namespace", namespace.clone());
        }
        Ok(())
    }

    fn response<E: Endpoint>(&self, _: &E, _: &mut Response<Vec<u8>>) -> Result<(), ClientError> {
        Ok(())
    }
}
