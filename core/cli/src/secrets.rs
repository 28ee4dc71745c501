//! Where credentials come from, and whoever is kept supplied with them: started in one place, ended in order.

use crate::{connect, plugins::PLUGINS};
use infralogs_core::{
    Error, Result,
    config::{SecretsConfig, StoreConfig},
    plugin::{Build, Secrets, Store},
    rotate::{Cached, END_MAX, Keeper, Kept, Told, Values, Watch},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long a command that runs once waits for credentials.
pub const READY_MAX: Duration = Duration::from_secs(30);

/// The source of credentials, with those who are kept supplied.
pub struct Keys {
    secrets: Option<Arc<dyn Secrets>>,
    kept: Vec<Kept>,
}

impl Keys {
    /// As `secrets:` in the configuration says; without it there are none.
    pub fn of(config: Option<&SecretsConfig>) -> Result<Self> {
        Ok(Self { secrets: config.map(source).transpose()?, kept: Vec::new() })
    }

    /// Values that targets name, such as agents' tokens.
    pub fn values(&self) -> Option<Arc<Values>> {
        self.secrets.clone().map(|secrets| Arc::new(Values::new(secrets)))
    }

    /// The source itself.
    pub fn source(&self) -> Option<&Arc<dyn Secrets>> {
        self.secrets.as_ref()
    }

    /// Keeps these stores supplied, as far as they name a secret.
    pub fn keep(mut self, stores: &[(&StoreConfig, &Arc<dyn Store>)]) -> Result<Self> {
        for (config, store) in stores {
            let Some(path) = config.secret() else { continue };
            let Some(secrets) = self.secrets.clone() else {
                return Err(Error::invalid(format!(
                    "the store logs in with the secret `{path}`, and there is no `secrets:`"
                ))
                .at(&config.place)
                .help("add `secrets: {plugin: vault, …}` to infralogs.yaml"));
            };
            self.kept.push(Keeper { secrets, path: path.to_owned(), store: Arc::clone(store) }.start());
        }
        Ok(self)
    }

    /// Waits for the first credentials of all, for each at most so long.
    pub async fn ready(&self, within: Duration) -> Result<()> {
        for kept in &self.kept {
            kept.ready(within).await?;
        }
        Ok(())
    }

    /// How each of those kept supplied stands, for people.
    pub fn watches(&self) -> Vec<Watch> {
        self.kept.iter().map(Kept::watch).collect()
    }

    /// A secret's text, read again from now on.
    pub fn told(&self, path: &str) -> Result<Told> {
        let missing = || {
            Error::invalid(format!("`{path}` is to come from `secrets:`, and there is none"))
                .help("add `secrets: {plugin: vault, …}` to infralogs.yaml")
        };
        let secrets = self.secrets.clone().ok_or_else(missing)?;
        Ok(Arc::new(Cached::new(secrets, path)).follow())
    }

    /// Closes connections, revokes leases and tokens, within [`END_MAX`] in all.
    pub async fn end(self) {
        let ending = async {
            for kept in self.kept.into_iter().map(|kept| tokio::spawn(kept.end())).collect::<Vec<_>>() {
                let _ = kept.await;
            }
            if let Some(secrets) = &self.secrets
                && let Err(error) = secrets.end().await
            {
                tracing::warn!("what was opened to get secrets ends by itself: {error}");
            }
        };
        if tokio::time::timeout(END_MAX, ending).await.is_err() {
            tracing::warn!("credentials were not all revoked in time; they end by themselves");
        }
    }
}

/// What commands that run once are supplied with, until they end.
static OPEN: Mutex<Vec<Keys>> = Mutex::new(Vec::new());

/// A store for a command that runs once: logged in where it takes its credentials from `secrets:`.
pub async fn supplied(config: &StoreConfig, secrets: Option<&SecretsConfig>) -> Result<Arc<dyn Store>> {
    let store = connect::store(config)?;
    if config.secret().is_some() {
        let keys = Keys::of(secrets)?.keep(&[(config, &store)])?;
        let ready = keys.ready(READY_MAX).await;
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).push(keys);
        ready?;
    }
    Ok(store)
}

/// Gives back whatever [`supplied`] took. Called once, when the command is done.
pub async fn end_all() {
    let open = std::mem::take(&mut *OPEN.lock().unwrap_or_else(PoisonError::into_inner));
    for keys in open {
        keys.end().await;
    }
}

/// The plugin that the configuration names.
fn source(config: &SecretsConfig) -> Result<Arc<dyn Secrets>> {
    let all = || PLUGINS.iter().filter(|plugin| matches!(plugin.build, Build::Secrets(_)));
    match all().find(|plugin| plugin.name == config.plugin).map(|plugin| &plugin.build) {
        Some(Build::Secrets(build)) => build(&config.settings),
        _ => {
            let known: Vec<&str> = all().map(|plugin| plugin.name).collect();
            Err(Error::invalid(format!("there is no secrets plugin `{}`", config.plugin.escape_debug()))
                .at(&config.settings.place)
                .help(format!("there are {}", known.join(", "))))
        }
    }
}
