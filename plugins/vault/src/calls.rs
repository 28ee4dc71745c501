//! One call each: vaultrs' endpoints with their whole envelope, those it lacks, and what a refusal means.

use crate::wire::Wire;
use infralogs_core::{Error, Kind};
use rustify::{endpoint::Endpoint, errors::ClientError};
use rustify_derive::Endpoint;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Debug;
use vaultrs::api::EndpointResult;

/// The most of Vault's own words that is repeated, in characters.
const WORDS_MAX: usize = 200;

/// Prolongs a lease.
#[derive(Endpoint)]
#[endpoint(path = "sys/leases/renew", method = "PUT", response = "Value")]
pub(crate) struct RenewLease {
    pub lease_id: String,
}

/// Ends a lease.
#[derive(Endpoint)]
#[endpoint(path = "sys/leases/revoke", method = "PUT")]
pub(crate) struct RevokeLease {
    pub lease_id: String,
}

/// Prolongs our token. (vaultrs' own has a tab in its path.)
#[derive(Endpoint)]
#[endpoint(path = "auth/token/renew-self", method = "POST")]
pub(crate) struct RenewSelf {}

/// Ends our token and all it was used for.
#[derive(Endpoint)]
#[endpoint(path = "auth/token/revoke-self", method = "POST")]
pub(crate) struct RevokeSelf {}

/// What is left of our token. (vaultrs' own fails at `num_uses: -1`.)
#[derive(Endpoint)]
#[endpoint(path = "auth/token/lookup-self", response = "Looked")]
pub(crate) struct LookupSelf {}

#[derive(Deserialize, Debug)]
pub(crate) struct Looked {
    /// Seconds; 0: it never ends.
    pub ttl: u64,
    #[serde(default)]
    pub renewable: bool,
    #[serde(default)]
    pub policies: Vec<String>,
}

/// What our token may do at these paths.
#[derive(Endpoint)]
#[endpoint(path = "sys/capabilities-self", method = "POST", response = "Value")]
pub(crate) struct Capabilities {
    pub paths: Vec<String>,
}

/// How Vault is.
#[derive(Endpoint)]
#[endpoint(path = "sys/health", response = "Value")]
pub(crate) struct Health {}

/// What the wrapping token given as our token holds.
#[derive(Endpoint)]
#[endpoint(path = "sys/wrapping/unwrap", method = "POST", response = "Unwrapped")]
pub(crate) struct Unwrap {}

#[derive(Deserialize)]
pub(crate) struct Unwrapped {
    pub secret_id: String,
}

/// Why a call brought nothing.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// `None`: no answer at all.
    pub status: Option<u16>,
    /// Vault's words.
    pub words: String,
}

impl Refusal {
    /// As our error, about what was wanted.
    pub fn error(self, origin: &str, wanted: &str) -> Error {
        let Self { status, words } = self;
        let (kind, what, help) = match status {
            None => (Kind::Unavailable, "Vault does not answer", "check that it runs and can be reached"),
            Some(301..=308) => (
                Kind::Unavailable,
                "this Vault points to another host, which is not followed with a token",
                "give the address of the active node, or let standbys forward",
            ),
            Some(429 | 472 | 473) => (Kind::Unavailable, "Vault is busy or a standby", "it is tried again"),
            Some(503) => (Kind::Unavailable, "Vault is sealed or not ready", "unseal it"),
            Some(403) => (Kind::Denied, "Vault denies it", "add the path to the policy of our role"),
            Some(404) => (Kind::Invalid, "Vault has nothing there", "write it there, or mend the path"),
            Some(500) if words.contains("allowed role") => {
                (Kind::Denied, "the role is not among the database's allowed_roles", "add it there")
            }
            Some(500..) => (Kind::Unavailable, "Vault failed", "its log tells more; it is tried again"),
            Some(400) if words.contains("unknown role") => (Kind::Invalid, "Vault knows no such role", "make it there"),
            Some(_) => (Kind::Failed, "Vault refuses it", "its words tell why"),
        };
        let words = match status {
            Some(status) if !words.is_empty() => format!("{status} {words}"),
            Some(status) => status.to_string(),
            None => words,
        };
        Error::new(kind, format!("{what}: {wanted}")).at(origin).because(words).help(help)
    }
}

/// Asks; the whole envelope, `None` where the answer has no body.
pub(crate) async fn ask<E: Endpoint>(
    wire: &Wire,
    token: &str,
    endpoint: E,
) -> Result<Option<EndpointResult<E::Response>>, Refusal> {
    let caller = wire.caller(token);
    let answer = endpoint.with_middleware(&caller).exec(wire).await.map_err(refusal)?;
    if answer.response.body().is_empty() {
        return Ok(None);
    }
    let envelope = answer.wrap::<EndpointResult<_>>();
    envelope.map(Some).map_err(|_| Refusal { status: None, words: "its answer is not what Vault says".into() })
}

/// Asks for something that must bring data.
pub(crate) async fn data<E: Endpoint>(wire: &Wire, token: &str, endpoint: E) -> Result<E::Response, Refusal> {
    let envelope = ask(wire, token, endpoint).await?;
    envelope.and_then(|envelope| envelope.data).ok_or_else(empty)
}

/// Asks for something that answers without the usual envelope. Health answers with any status.
pub(crate) async fn plain<E: Endpoint<Response = Value>>(
    wire: &Wire,
    token: &str,
    endpoint: E,
) -> Result<(u16, Value), Refusal> {
    let caller = wire.caller(token);
    let text = |text: &str| serde_json::from_str(text).map_err(|_| empty());
    match endpoint.with_middleware(&caller).exec(wire).await {
        Ok(answer) => Ok((
            answer.response.status().as_u16(),
            serde_json::from_slice(answer.response.body()).map_err(|_| empty())?,
        )),
        Err(ClientError::ServerResponseError { code, content: Some(content) }) => Ok((code, text(&content)?)),
        Err(error) => Err(refusal(error)),
    }
}

pub(crate) fn empty() -> Refusal {
    Refusal { status: None, words: "its answer lacks what was asked for".into() }
}

fn refusal(error: ClientError) -> Refusal {
    match error {
        ClientError::ServerResponseError { code, content } => {
            Refusal { status: Some(code), words: words(content.as_deref().unwrap_or_default()) }
        }
        ClientError::ResponseError { source } => Refusal { status: None, words: source.to_string() },
        other => Refusal { status: None, words: other.to_string() },
    }
}

/// Vault's own words in one line. What follows `near` is SQL, which may hold a password.
fn words(body: &str) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<String>,
    }
    let errors = serde_json::from_str::<Errors>(body).map(|body| body.errors.join("; ")).unwrap_or_default();
    let line = errors.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_start_matches("1 error occurred: * ");
    line.split(" near ").next().unwrap_or_default().chars().take(WORDS_MAX).collect()
}
