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
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{Instant, sleep},
};

/// How soon a refused value is read again at most: a wrong value must not flood where it comes from.
const AGAIN_EVERY: Duration = Duration::from_secs(1);
/// How often a value that is followed is looked at; where it comes from is asked only when it is due.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How soon doubt about a value that is followed makes it be read again: strangers may cause doubt.
const DOUBT_EVERY: Duration = Duration::from_secs(5);
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

/// The text of a secret, now and from now on; empty while it is not known. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Told {
    text: watch::Receiver<Arc<str>>,
    doubt: Arc<Notify>,
}

impl Told {
    /// The text.
    pub fn text(&self) -> Arc<str> {
        self.text.borrow().clone()
    }
    /// Somebody knew another one: it is read again soon.
    pub fn doubt(&self) {
        self.doubt.notify_one();
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

    /// Its text now and from now on. Needs a tokio runtime; ends when nobody listens.
    pub fn follow(self: &Arc<Self>) -> Told {
        let (says, text) = watch::channel(Arc::from(""));
        let told = Told { text, doubt: Arc::default() };
        tokio::spawn(self.clone().tell(says, told.doubt.clone()));
        told
    }

    async fn tell(self: Arc<Self>, says: watch::Sender<Arc<str>>, doubt: Arc<Notify>) {
        let mut failures = 0_u32;
        let mut doubted = Instant::now();
        while !says.is_closed() {
            match self.get().await {
                Ok(secret) => {
                    failures = 0;
                    says.send_if_modified(|text| replace(text, &secret.password));
                    let in_doubt = tokio::select! {
                        () = sleep(FOLLOW_EVERY) => false,
                        () = doubt.notified(), if doubted.elapsed() >= DOUBT_EVERY => true,
                    };
                    if in_doubt {
                        doubted = Instant::now();
                        // What it brings is told with the next look; a failure was said and leaves the last one.
                        let _ = self.again(&secret).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    if failures.is_power_of_two() {
                        tracing::warn!(path = self.path, "a value is not known yet: {error}");
                    }
                    let pace = if error.kind == Kind::Unavailable { Pace::Soon } else { Pace::Slow };
                    sleep(backoff(failures, pace, rand::random())).await;
                }
            }
        }
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

/// Whether it is another text than before.
fn replace(text: &mut Arc<str>, new: &str) -> bool {
    let other = **text != *new;
    if other {
        *text = new.into();
    }
    other
}

impl std::fmt::Debug for Cached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cached({})", self.path)
    }
}
