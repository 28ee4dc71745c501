//! Where Vault is and how we log in there. Nothing secret is held here, only the files that hold it.

use infralogs_core::{Error, Result, plugin::Settings};
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    address: String,
    namespace: Option<String>,
    ca_file: Option<PathBuf>,
    identity_file: Option<PathBuf>,
    auth: Auth,
    #[serde(default = "database")]
    database: String,
}

fn database() -> String {
    "database".into()
}

/// How we log in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Auth {
    Approle(Approle),
    Kubernetes(Kubernetes),
    #[serde(rename = "token_file")]
    TokenFile(PathBuf),
}

/// By role id and secret id.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approle {
    #[serde(default = "approle")]
    pub mount: String,
    pub role_id: String,
    /// Holds the secret id, or where `wrapped` the token that wraps it.
    pub secret_id_file: PathBuf,
    #[serde(default)]
    pub wrapped: bool,
    /// The role's name: a wrapped secret id must have been made for it.
    pub role: Option<String>,
}

fn approle() -> String {
    "approle".into()
}

/// By the pod's service account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kubernetes {
    #[serde(default = "kubernetes")]
    pub mount: String,
    pub role: String,
    #[serde(default = "account")]
    pub token_file: PathBuf,
}

fn kubernetes() -> String {
    "kubernetes".into()
}

fn account() -> PathBuf {
    "/var/run/secrets/kubernetes.io/serviceaccount/token".into()
}

/// Everything, checked.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// `https://vault:8200`
    pub origin: String,
    /// What stands before `/v1`: empty, or `/prefix`.
    pub prefix: String,
    pub namespace: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub identity_file: Option<PathBuf>,
    pub auth: Auth,
    /// Where the database engine is mounted.
    pub database: String,
}

impl Chosen {
    pub fn of(settings: &Settings) -> Result<Self> {
        let raw: Raw = settings.read()?;
        let wrong = |what: &str, help: &str| Err(Error::invalid(what.to_owned()).at(&settings.place).help(help));
        let Ok(url) = reqwest::Url::parse(raw.address.trim()) else {
            return wrong("Vault's address is no URL", "write https://vault:8200");
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return wrong("Vault's address has no http:// or https://", "write https://vault:8200");
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return wrong("Vault's address carries a user, a password or a query", "write https://vault:8200");
        }
        let below = |path: PathBuf| settings.folder.join(path);
        let auth = match raw.auth {
            Auth::Approle(auth) => {
                Auth::Approle(Approle { secret_id_file: below(auth.secret_id_file.clone()), ..auth })
            }
            Auth::Kubernetes(auth) => {
                Auth::Kubernetes(Kubernetes { token_file: below(auth.token_file.clone()), ..auth })
            }
            Auth::TokenFile(path) => Auth::TokenFile(below(path)),
        };
        let prefix = url.path().trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            prefix,
            namespace: raw.namespace.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
            ca_file: raw.ca_file.map(below),
            identity_file: raw.identity_file.map(below),
            auth,
            database: raw.database.trim_matches('/').to_owned(),
        })
    }
}
