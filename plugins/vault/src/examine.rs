//! What `infralogs doctor` asks of Vault: does it answer, do we get in, may we, how long does it last, is the clock right.

use crate::{
    Place, Vault,
    calls::{Capabilities, Health, LookupSelf, data, plain},
};
use infralogs_core::{
    Error, Result,
    plugin::{Finding, Life, Secret},
    time::Time,
};
use serde_json::Value;
use std::time::Duration;

/// Clocks further apart than this confuse people who compare logs; certificates and tokens soon after.
const SKEW_MAX_S: i64 = 5;
/// How much of a life may pass between a login and an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

fn found(step: impl Into<String>, result: Result<String>) -> Finding {
    Finding { step: step.into(), result, warning: None }
}

/// One finding a step; after a failure nothing that builds on it is tried.
pub(crate) async fn examine(vault: &Vault, paths: &[String]) -> Vec<Finding> {
    let mut all = vec![health(vault).await];
    if all[0].result.is_err() {
        return all;
    }
    let token = match vault.tokens.current().await {
        Ok(token) => token,
        Err(error) => {
            all.push(found("login", Err(error)));
            return all;
        }
    };
    let by = vault.tokens.login_name();
    let looked = data(vault.tokens.wire(), &token.text, LookupSelf {}).await;
    let looked = looked.map_err(|refusal| vault.error(refusal, "looking up our token"));
    let lives = token.first;
    all.push(found(
        format!("login by {by}"),
        looked.map(|looked| match looked.ttl {
            0 => "a token that never ends".into(),
            ttl => format!("a token for {ttl} s, policies {}", looked.policies.join(", ")),
        }),
    ));
    all.push(capabilities(vault, &token.text, paths).await);
    for path in paths {
        all.push(issue(vault, path, lives).await);
    }
    all
}

async fn health(vault: &Vault) -> Finding {
    let wire = vault.tokens.wire();
    let step = format!("Vault at {}", wire.origin);
    let (status, body) = match plain(wire, "", Health {}).await {
        Ok(answer) => answer,
        Err(refusal) => return found(step, Err(vault.error(refusal, "sys/health"))),
    };
    let version = body["version"].as_str().unwrap_or("of unknown version");
    let result = match status {
        200 => Ok(format!("active, {version}")),
        429 | 473 => Ok(format!("a standby, {version}; it forwards")),
        501 => Err(Error::invalid("Vault is not initialized").at(&wire.origin).help("run `vault operator init`")),
        503 => Err(Error::unavailable("Vault is sealed").at(&wire.origin).help("run `vault operator unseal`")),
        other => Err(Error::failed(format!("Vault's health is status {other}")).at(&wire.origin)),
    };
    let skew = body["server_time_utc"].as_i64().map(|server| Time::now().0 / 1_000_000 - server);
    let warning = skew
        .filter(|skew| skew.abs() > SKEW_MAX_S)
        .map(|skew| format!("this clock and Vault's are {} s apart: check NTP on both", skew.abs()));
    Finding { step, result, warning }
}

/// What our token may do at each path.
async fn capabilities(vault: &Vault, token: &str, paths: &[String]) -> Finding {
    let full: Vec<String> = paths.iter().filter_map(|path| api_path(vault, path)).collect();
    let asked = plain(vault.tokens.wire(), token, Capabilities { paths: full.clone() }).await;
    let result = match asked {
        Err(refusal) => Err(vault.error(refusal, "sys/capabilities-self")),
        Ok((200, body)) => {
            let may = |path: &&String| {
                let list = body["data"][path.as_str()].as_array().map(Vec::as_slice).unwrap_or_default();
                list.iter().filter_map(Value::as_str).any(|word| matches!(word, "read" | "root" | "sudo"))
            };
            match full.iter().find(|path| !may(path)) {
                None => Ok(format!("may read {}", full.join(", "))),
                Some(path) => {
                    Err(Error::new(infralogs_core::Kind::Denied, format!("our policy does not let us read {path}"))
                        .help("add it to the policy: see deploy/vault/policies"))
                }
            }
        }
        Ok((status, _)) => Err(Error::failed(format!("capabilities can't be asked for: status {status}"))),
    };
    found("policy", result)
}

/// The path as the API and policies have it.
fn api_path(vault: &Vault, path: &str) -> Option<String> {
    match vault.place(path).ok()? {
        Place::Dynamic(role) => Some(format!("{}/creds/{role}", vault.database)),
        Place::Static(role) => Some(format!("{}/static-creds/{role}", vault.database)),
        Place::Value(mount, inside, _) => Some(format!("{mount}/data/{inside}")),
    }
}

/// Issues, looks at the life, gives back.
async fn issue(vault: &Vault, path: &str, token: Option<Duration>) -> Finding {
    let step = format!("secret {path}");
    let secret = match vault.issued(path).await {
        Ok(secret) => secret,
        Err(error) => return found(step, Err(error)),
    };
    let warning = vault.revoked(&secret).await.err().map(|error| format!("it could not be given back: {error}"));
    let Finding { warning: short, result, .. } = life(&secret, token);
    Finding { step, result, warning: warning.or(short) }
}

fn life(secret: &Secret, token: Option<Duration>) -> Finding {
    match secret.life {
        Life::Watched { every } => found("", Ok(format!("read; read again every {} s", every.as_secs()))),
        Life::Ends { within, renewable } => {
            // What can be used is never longer than the token lives, so a token that ends first shows as nearly equal.
            let dies_early = token.is_some_and(|token| token <= within + ANSWER_MAX);
            let warning = if dies_early {
                Some("the token dies before or with its lease, and takes it along: give the auth role a longer token_ttl".to_owned())
            } else if within < Duration::from_secs(60) {
                Some(format!("{} s are short: every hiccup of Vault costs a rotation", within.as_secs()))
            } else if !renewable {
                Some("it can't be renewed: it is replaced each time".to_owned())
            } else {
                None
            };
            Finding { warning, ..found("", Ok(format!("issued for {} s and given back", within.as_secs()))) }
        }
    }
}
