//! Our token: one login at a time, prolonged by half its life, replaced while the old one lives, ended in order.

use crate::{
    calls::{LookupSelf, RenewSelf, RevokeSelf, ask},
    login::{Login, Token},
    wire::Wire,
};
use infralogs_core::{Result, rotate::shrunk};
use std::{collections::HashMap, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// The current token, and older ones whose leases are still in use.
#[derive(Default)]
struct Held {
    current: Option<Token>,
    old: Vec<Token>,
    /// Which token each lease hangs on, by the login's number.
    leases: HashMap<String, u64>,
    logins: u64,
}

pub(crate) struct Tokens {
    wire: Wire,
    login: Login,
    held: Mutex<Held>,
}

impl Tokens {
    pub fn new(wire: Wire, login: Login) -> Self {
        Self { wire, login, held: Mutex::default() }
    }

    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    pub fn login_name(&self) -> &'static str {
        self.login.name()
    }

    /// A token with at least half its life before it, if that can be had. Askers wait for one login.
    pub async fn current(&self) -> Result<Token> {
        let mut held = self.held.lock().await;
        let alive = held.current.take().filter(|token| token.left().is_none_or(|left| !left.is_zero()));
        let Some(mut token) = alive else { return self.log_in(&mut held).await };
        let half = token.first.map(|first| first / 2);
        if token.left() >= half {
            held.current = Some(token.clone());
            return Ok(token);
        }
        if token.renewable && self.prolong(&mut token).await {
            held.current = Some(token.clone());
            return Ok(token);
        }
        // Near its maximum: a new one while this one lives, which stays until its leases are revoked.
        held.current = Some(token.clone());
        match self.log_in(&mut held).await {
            Ok(new) => {
                self.retire(&mut held, token).await;
                Ok(new)
            }
            Err(error) => {
                tracing::warn!(
                    "a new login failed while {} s are left: {error}",
                    token.left().unwrap_or_default().as_secs()
                );
                Ok(token)
            }
        }
    }

    /// The token was refused. Whether another one may be tried: false if it is alive, so that a policy is missing.
    pub async fn refused(&self, refused: &Token) -> bool {
        let mut held = self.held.lock().await;
        if held.current.as_ref().is_some_and(|current| current.number != refused.number) {
            return true;
        }
        match ask(&self.wire, &refused.text, LookupSelf {}).await {
            Err(refusal) if refusal.status == Some(403) => {
                tracing::info!("our Vault token is no longer taken: logging in anew");
                held.current = None;
                held.leases.retain(|_, owner| *owner != refused.number);
                true
            }
            _ => false,
        }
    }

    async fn log_in(&self, held: &mut Held) -> Result<Token> {
        held.logins += 1;
        let token = self.login.login(&self.wire, held.logins).await?;
        tracing::info!(
            by = self.login.name(),
            lives_s = token.lives.map(|lives| lives.as_secs()),
            "logged in to Vault"
        );
        held.current = Some(token.clone());
        Ok(token)
    }

    /// Prolongs it; false if it was refused or cut short.
    async fn prolong(&self, token: &mut Token) -> bool {
        let asked = Instant::now();
        let auth = match ask(&self.wire, &token.text, RenewSelf {}).await {
            Ok(answer) => answer.and_then(|answer| answer.auth),
            Err(_) => None,
        };
        let Some(auth) = auth else { return false };
        let lives = Duration::from_secs(auth.lease_duration);
        (token.lives, token.since) = (Some(lives), asked);
        !shrunk(token.first.unwrap_or_default(), lives)
    }

    async fn retire(&self, held: &mut Held, old: Token) {
        if held.leases.values().any(|owner| *owner == old.number) {
            held.old.push(old);
        } else {
            self.revoke(&old).await;
        }
    }

    /// Notes whose lease it is.
    pub async fn owns(&self, lease: &str, token: &Token) {
        self.held.lock().await.leases.insert(lease.to_owned(), token.number);
    }

    /// How long the token lives that a lease hangs on: its end kills the lease.
    pub async fn owner_left(&self, lease: &str) -> Option<Duration> {
        let held = self.held.lock().await;
        let owner = held.leases.get(lease)?;
        let token = held.current.iter().chain(&held.old).find(|token| token.number == *owner);
        token.map_or(Some(Duration::ZERO), Token::left)
    }

    /// A lease is gone: an old token without leases is ended.
    pub async fn released(&self, lease: &str) {
        let mut held = self.held.lock().await;
        held.leases.remove(lease);
        let Held { old, leases, .. } = &mut *held;
        let (kept, done): (Vec<_>, Vec<_>) =
            old.drain(..).partition(|token| leases.values().any(|owner| *owner == token.number));
        *old = kept;
        for token in done {
            self.revoke(&token).await;
        }
    }

    /// Ends all tokens, and with them every lease.
    pub async fn end(&self) {
        let mut held = self.held.lock().await;
        let all: Vec<Token> = held.current.take().into_iter().chain(held.old.drain(..)).collect();
        held.leases.clear();
        for token in all {
            self.revoke(&token).await;
        }
    }

    async fn revoke(&self, token: &Token) {
        if !token.own {
            return;
        }
        match ask(&self.wire, &token.text, RevokeSelf {}).await {
            // 403: it is dead already.
            Err(refusal) if refusal.status != Some(403) => {
                let error = refusal.error(&self.wire.origin, "revoking our token");
                tracing::warn!("our Vault token ends by itself: {error}");
            }
            _ => {}
        }
    }
}
