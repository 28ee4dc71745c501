//! Credentials of HashiCorp Vault or OpenBao: issued, prolonged and revoked with their leases.

mod calls;
mod examine;
mod login;
mod settings;
mod token;
mod wire;

use calls::{Refusal, RenewLease, RevokeLease, ask, data};
use infralogs_core::{
    Error, Result,
    plugin::{Build, Finding, Later, Life, Plugin, Secret, Secrets, Settings},
};
use login::Token;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use token::Tokens;
use vaultrs::api::{
    database::requests::{GenerateCredentialsRequest, GetStaticCredentialsRequest},
    kv2::requests::ReadSecretRequest,
};

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "vault",
    about: "Takes credentials from HashiCorp Vault or OpenBao and renews their leases.",
    sample: include_str!("../sample.yaml"),
    build: Build::Secrets(|settings| Ok(Arc::new(Vault::new(settings)?))),
};

/// How often a value of the key-value store is read again.
const VALUE_EVERY: Duration = Duration::from_secs(60);
/// Fields looked for where a path names none.
const FIELDS: [&str; 4] = ["token", "password", "value", "key"];

/// One Vault.
pub struct Vault {
    tokens: Tokens,
    database: String,
}

/// What a path means.
#[derive(Debug, PartialEq, Eq)]
enum Place<'p> {
    /// `database/creds/il-writer`
    Dynamic(&'p str),
    /// `database/static-creds/il-writer`
    Static(&'p str),
    /// `secret/infralogs/agents/web-1#token`: mount, path, field.
    Value(&'p str, &'p str, Option<&'p str>),
}

impl Vault {
    /// Reads and checks settings; connects nowhere.
    ///
    /// # Errors
    /// `Invalid` if a setting is missing or wrong.
    pub fn new(settings: &Settings) -> Result<Self> {
        let chosen = settings::Chosen::of(settings)?;
        let tokens = Tokens::new(wire::Wire::new(&chosen)?, login::Login::new(chosen.auth));
        Ok(Self { tokens, database: chosen.database })
    }

    fn place<'p>(&self, path: &'p str) -> Result<Place<'p>> {
        let bad = |what: &str| {
            Err(Error::invalid(what.to_owned())
                .at(path.escape_debug().to_string())
                .help("write database/creds/ROLE, database/static-creds/ROLE or MOUNT/PATH#FIELD"))
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+".contains(c);
        let (whole, field) = path.split_once('#').map_or((path, None), |(whole, field)| (whole, Some(field)));
        let parts = || whole.split('/');
        if !whole.chars().all(plain) || parts().any(|part| matches!(part, "" | "." | "..")) {
            return bad("a secret's path has letters or parts that Vault reads differently");
        }
        if let Some(rest) = whole.strip_prefix(&*self.database).and_then(|rest| rest.strip_prefix('/')) {
            return match rest.split_once('/') {
                Some(("creds", role)) if !role.contains('/') => Ok(Place::Dynamic(role)),
                Some(("static-creds", role)) if !role.contains('/') => Ok(Place::Static(role)),
                _ => bad("the database engine has no such path"),
            };
        }
        match whole.split_once('/') {
            Some((mount, rest)) => Ok(Place::Value(mount, rest.strip_prefix("data/").unwrap_or(rest), field)),
            None => bad("a secret's path has no mount"),
        }
    }

    async fn read(&self, path: &str, token: &Token) -> Result<Result<Secret>, Refusal> {
        let wire = self.tokens.wire();
        match self.place(path) {
            Err(error) => Ok(Err(error)),
            Ok(Place::Dynamic(role)) => {
                let (mount, name) = (self.database.clone(), role.to_owned());
                let answer = ask(wire, &token.text, GenerateCredentialsRequest { mount, name }).await?;
                let answer = answer.ok_or_else(calls::empty)?;
                let made = answer.data.ok_or_else(calls::empty)?;
                self.tokens.owns(&answer.lease_id, token).await;
                let lease = Duration::from_secs(answer.lease_duration.into());
                let life = Life::Ends { within: shorter(lease, token.left()), renewable: answer.renewable };
                Ok(Ok(Secret {
                    user: Some(made.username),
                    password: made.password,
                    life,
                    lease: Some(answer.lease_id),
                }))
            }
            Ok(Place::Static(role)) => {
                let (mount, name) = (self.database.clone(), role.to_owned());
                let made = data(wire, &token.text, GetStaticCredentialsRequest { mount, name }).await?;
                // Read again just behind the next rotation, and now and then before: it may be rotated by hand.
                let every = Duration::from_secs(made.ttl.saturating_add(1)).min(VALUE_EVERY);
                let life = Life::Watched { every };
                Ok(Ok(Secret { user: Some(made.username), password: made.password, life, lease: None }))
            }
            Ok(Place::Value(mount, inside, field)) => {
                let request = ReadSecretRequest { mount: mount.into(), path: inside.into(), version: None };
                let read = data(wire, &token.text, request).await?;
                Ok(value(&read.data, field, path))
            }
        }
    }

    /// Does it with our token; if that is dead, once more with a new one.
    async fn issued(&self, path: &str) -> Result<Secret> {
        // A path that can't be right costs no login.
        self.place(path)?;
        for last in [false, true] {
            let token = self.tokens.current().await?;
            match self.read(path, &token).await {
                Ok(secret) => return secret,
                Err(refusal) if refusal.status == Some(403) && !last && self.tokens.refused(&token).await => {}
                Err(refusal) => return Err(self.error(refusal, path)),
            }
        }
        Err(Error::unavailable("Vault refuses the token it just gave").at(&self.tokens.wire().origin))
    }

    async fn renewed(&self, path: &str, secret: &Secret) -> Result<Secret> {
        let Some(lease) = &secret.lease else { return self.issued(path).await };
        for last in [false, true] {
            let token = self.tokens.current().await?;
            match ask(self.tokens.wire(), &token.text, RenewLease { lease_id: lease.clone() }).await {
                Ok(answer) => {
                    let answer = answer.ok_or_else(|| self.error(calls::empty(), path))?;
                    let lease_left = Duration::from_secs(answer.lease_duration.into());
                    let within = shorter(lease_left, self.tokens.owner_left(lease).await);
                    let life = Life::Ends { within, renewable: answer.renewable };
                    return Ok(Secret { life, ..secret.clone() });
                }
                Err(refusal) if refusal.status == Some(403) && !last && self.tokens.refused(&token).await => {}
                Err(refusal) => return Err(self.error(refusal, path)),
            }
        }
        Err(Error::unavailable("Vault refuses the token it just gave").at(&self.tokens.wire().origin))
    }

    async fn revoked(&self, secret: &Secret) -> Result<()> {
        let Some(lease) = &secret.lease else { return Ok(()) };
        let token = self.tokens.current().await?;
        match ask(self.tokens.wire(), &token.text, RevokeLease { lease_id: lease.clone() }).await {
            Ok(_) => {
                self.tokens.released(lease).await;
                Ok(())
            }
            // Also 400 while MySQL is down: Vault could not drop the user yet.
            Err(refusal) => {
                let error = self.error(refusal, "revoking a lease");
                Err(Error { kind: infralogs_core::Kind::Unavailable, ..error })
            }
        }
    }

    fn error(&self, refusal: Refusal, wanted: &str) -> Error {
        refusal.error(&self.tokens.wire().origin, wanted)
    }
}

fn shorter(lease: Duration, token: Option<Duration>) -> Duration {
    token.map_or(lease, |token| lease.min(token))
}

/// One value of the key-value store.
fn value(read: &Value, field: Option<&str>, path: &str) -> Result<Secret> {
    let text = |name: &str| read.get(name).and_then(Value::as_str).map(|text| text.trim().to_owned());
    let found = match field {
        Some(field) => text(field),
        None => FIELDS.iter().find_map(|field| text(field)),
    };
    let password = found.filter(|found| !found.is_empty()).ok_or_else(|| {
        let wanted = field.map_or_else(|| FIELDS.join("`, `"), str::to_owned);
        Error::invalid(format!("the secret has no field `{wanted}` with text")).at(path).help("name one: PATH#FIELD")
    })?;
    let user = text("username").or_else(|| text("user"));
    Ok(Secret { user, password, life: Life::Watched { every: VALUE_EVERY }, lease: None })
}

impl Secrets for Vault {
    fn issue<'a>(&'a self, path: &'a str) -> Later<'a, Result<Secret>> {
        Box::pin(self.issued(path))
    }
    fn renew<'a>(&'a self, path: &'a str, secret: &'a Secret) -> Later<'a, Result<Secret>> {
        Box::pin(self.renewed(path, secret))
    }
    fn revoke<'a>(&'a self, secret: &'a Secret) -> Later<'a, Result<()>> {
        Box::pin(self.revoked(secret))
    }
    fn end(&self) -> Later<'_, Result<()>> {
        Box::pin(async {
            self.tokens.end().await;
            Ok(())
        })
    }
    fn examine<'a>(&'a self, paths: &'a [String]) -> Later<'a, Vec<Finding>> {
        Box::pin(examine::examine(self, paths))
    }
}
