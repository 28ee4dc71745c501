//! A secret that is only read, like an agent's token: kept, read again when refused or old, the last one held on to.

use super::plan::{Pace, backoff};
use crate::{
    error::{Kind, Result},
    plugin::{Life, Secret, Secrets},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex as Quick, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How soon a refused value is read again at most: a wrong value must not flood where it comes from.
const AGAIN_EVERY: Duration = Duration::from_secs(1);
/// A life shorter than this is not believed.
const LIFE_MIN: Duration = Duration::from_secs(1);

/// All values of one source of secrets: whoever asks for the same path shares one.
pub struct Values {
    secrets: Arc<dyn Secrets>,
    known: Quick<HashMap<String, Arc<Cached>>>,
}

impl Values {
    /// Nothing is read yet.
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets, known: Quick::default() }
    }

    /// The value at a path.
    pub fn at(&self, path: &str) -> Arc<Cached> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(path.to_owned()).or_insert_with(|| Arc::new(Cached::new(self.secrets.clone(), path))).clone()
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Values")
    }
}

/// One value by its path. Askers share one question.
pub struct Cached {
    secrets: Arc<dyn Secrets>,
    path: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    secret: Option<Arc<Secret>>,
    /// When it was read, and when it is due again.
    read: Option<Instant>,
    due: Option<Instant>,
    failures: u32,
}

impl Cached {
    /// Nothing is read yet.
    pub fn new(secrets: Arc<dyn Secrets>, path: &str) -> Self {
        Self { secrets, path: path.to_owned(), known: Mutex::default() }
    }

    /// The value, read again if it is old. While it can't be, the last one.
    ///
    /// # Errors
    /// Of the first reading.
    pub async fn get(&self) -> Result<Arc<Secret>> {
        let mut known = self.known.lock().await;
        match (&known.secret, known.due) {
            (Some(secret), Some(due)) if Instant::now() < due => Ok(secret.clone()),
            _ => self.read(&mut known).await,
        }
    }

    /// The value was refused: reads it again. `None` if it is the same, or was read a moment ago.
    ///
    /// # Errors
    /// If it can't be read.
    pub async fn again(&self, refused: &Secret) -> Result<Option<Arc<Secret>>> {
        let mut known = self.known.lock().await;
        let fresh = known.read.is_some_and(|read| read.elapsed() < AGAIN_EVERY);
        let secret = match &known.secret {
            Some(secret) if fresh || !secret.same(refused) => secret.clone(),
            _ => self.read(&mut known).await?,
        };
        Ok(Some(secret).filter(|secret| !secret.same(refused)))
    }

    async fn read(&self, known: &mut Known) -> Result<Arc<Secret>> {
        let now = Instant::now();
        known.read = Some(now);
        match self.secrets.issue(&self.path).await {
            Ok(secret) => {
                let every = match secret.life {
                    Life::Ends { within, .. } => within.mul_f64(2.0 / 3.0),
                    Life::Watched { every } => every,
                };
                (known.failures, known.due) = (0, Some(now + every.max(LIFE_MIN)));
                let secret = Arc::new(secret);
                known.secret = Some(secret.clone());
                Ok(secret)
            }
            Err(error) => {
                known.failures += 1;
                let pace = if error.kind == Kind::Unavailable { Pace::Soon } else { Pace::Slow };
                known.due = Some(now + backoff(known.failures, pace, rand::random()));
                let Some(last) = &known.secret else { return Err(error) };
                if known.failures.is_power_of_two() {
                    tracing::warn!(path = self.path, "the value read before holds on: {error}");
                }
                Ok(last.clone())
            }
        }
    }
}

impl std::fmt::Debug for Cached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cached({})", self.path)
    }
}
