//! Logs in: by AppRole (the secret id may be wrapped), as a pod's service account, or with a token from a file.

use crate::{
    calls::{self, LookupSelf, Refusal, Unwrap, Unwrapped, ask, data},
    settings::{Approle, Auth},
    wire::Wire,
};
use infralogs_core::{Error, Kind, Result};
use std::{
    io::Read,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use vaultrs::api::{
    AuthInfo,
    auth::{approle::requests::LoginWithApproleRequest, kubernetes::requests::LoginWithKubernetesRequest},
    sys::requests::WrappingLookupRequest,
};

/// The largest file with a token taken, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A token of ours. Its text is never shown.
#[derive(Clone)]
pub(crate) struct Token {
    pub text: String,
    /// Counts logins.
    pub number: u64,
    pub since: Instant,
    /// How long it lives from `since`; `None`: for ever.
    pub lives: Option<Duration>,
    /// How long it lived when new.
    pub first: Option<Duration>,
    pub renewable: bool,
    /// Whether it was made for us, so that it is ours to end.
    pub own: bool,
}

impl Token {
    /// What is left; `None`: it never ends.
    pub fn left(&self) -> Option<Duration> {
        self.lives.map(|lives| lives.saturating_sub(self.since.elapsed()))
    }
}

/// How we log in, and a secret id that was unwrapped once.
pub(crate) struct Login {
    auth: Auth,
    unwrapped: Mutex<Option<(String, String)>>,
}

impl Login {
    pub fn new(auth: Auth) -> Self {
        Self { auth, unwrapped: Mutex::default() }
    }

    /// What a person calls it.
    pub fn name(&self) -> &'static str {
        match &self.auth {
            Auth::Approle(_) => "AppRole",
            Auth::Kubernetes(_) => "Kubernetes service account",
            Auth::TokenFile(_) => "token file",
        }
    }

    /// A new token.
    pub async fn login(&self, wire: &Wire, number: u64) -> Result<Token> {
        let since = Instant::now();
        let refused = |refusal: Refusal| refused(refusal, &wire.origin, self.name());
        let answer = match &self.auth {
            Auth::TokenFile(path) => return from_file(wire, path, number).await,
            Auth::Approle(approle) => {
                let secret_id = self.secret_id(wire, approle).await?;
                let (mount, role_id) = (approle.mount.clone(), approle.role_id.trim().to_owned());
                ask(wire, "", LoginWithApproleRequest { mount, role_id, secret_id }).await
            }
            Auth::Kubernetes(kubernetes) => {
                let (mount, role) = (kubernetes.mount.clone(), kubernetes.role.clone());
                let jwt = text(&kubernetes.token_file)?;
                ask(wire, "", LoginWithKubernetesRequest { mount, role, jwt }).await
            }
        };
        let auth: AuthInfo =
            answer.map_err(refused)?.and_then(|answer| answer.auth).ok_or_else(calls::empty).map_err(refused)?;
        let lives = Some(Duration::from_secs(auth.lease_duration)).filter(|lives| !lives.is_zero());
        let renewable = auth.renewable && auth.token_type != "batch";
        let own = auth.token_type != "batch";
        Ok(Token { text: auth.client_token, number, since, lives, first: lives, renewable, own })
    }

    /// The secret id, unwrapped if it comes wrapped: once, since a wrapping token opens only once.
    async fn secret_id(&self, wire: &Wire, approle: &Approle) -> Result<String> {
        let content = text(&approle.secret_id_file)?;
        if !approle.wrapped {
            return Ok(content);
        }
        let known = self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, secret_id)) = known.filter(|(wrapping, _)| *wrapping == content) {
            return Ok(secret_id);
        }
        let looked = data(wire, "", WrappingLookupRequest { token: content.clone() }).await;
        let looked = looked.map_err(|refusal| stolen(refusal, wire, approle))?;
        check_path(&looked.creation_path, approle)?;
        let Unwrapped { secret_id } =
            data(wire, &content, Unwrap {}).await.map_err(|refusal| stolen(refusal, wire, approle))?;
        *self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner) = Some((content, secret_id.clone()));
        Ok(secret_id)
    }
}

/// A wrapping token made for something else was put in the place of ours.
fn check_path(path: &str, approle: &Approle) -> Result<()> {
    let path = path.trim_matches('/');
    let role = path
        .strip_prefix(&format!("auth/{}/role/", approle.mount.trim_matches('/')))
        .and_then(|rest| rest.strip_suffix("/secret-id"))
        .filter(|role| !role.contains('/'));
    if role.is_some_and(|role| approle.role.as_ref().is_none_or(|own| own == role)) {
        return Ok(());
    }
    Err(Error::new(Kind::Denied, "the wrapping token was not made for this role's secret id")
        .at(approle.secret_id_file.display().to_string())
        .help("somebody may have replaced it: make a new one, and look who did"))
}

fn stolen(refusal: Refusal, wire: &Wire, approle: &Approle) -> Error {
    if refusal.status != Some(400) {
        return refused(refusal, &wire.origin, "AppRole, wrapped");
    }
    Error::new(Kind::Denied, "the wrapped secret id was opened before, or is too old")
        .at(approle.secret_id_file.display().to_string())
        .help("if it was not us, it is in other hands: revoke it by its accessor, and wrap a new one")
}

/// Refusals of a login are one class, tried again: Vault says 400, 403 or 500 for the same cause.
fn refused(refusal: Refusal, origin: &str, name: &str) -> Error {
    let error = refusal.error(origin, &format!("logging in by {name}"));
    let kind = match error.kind {
        Kind::Denied | Kind::Invalid | Kind::Failed => Kind::Unavailable,
        kind => kind,
    };
    Error { kind, ..error }.help("check role, mount and the credentials of the login; it is tried again")
}

async fn from_file(wire: &Wire, path: &Path, number: u64) -> Result<Token> {
    let (text, since) = (text(path)?, Instant::now());
    let looked = data(wire, &text, LookupSelf {}).await;
    let looked = looked.map_err(|refusal| refused(refusal, &wire.origin, "token file"))?;
    let lives = Some(Duration::from_secs(looked.ttl)).filter(|lives| !lives.is_zero());
    Ok(Token { text, number, since, lives, first: lives, renewable: looked.renewable, own: false })
}

/// A file's content without white space around it.
fn text(path: &Path) -> Result<String> {
    let place = path.display().to_string();
    let cannot = |what: &str| Error::unavailable(what.to_owned()).at(&place).help("it is read again");
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| cannot("a file needed to log in to Vault can't be read").because(error))?;
    match text.trim() {
        "" => Err(cannot("a file needed to log in to Vault is empty")),
        text => Ok(text.to_owned()),
    }
}
