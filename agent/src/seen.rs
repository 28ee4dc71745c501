//! Remembers how reading went last, so that `/health` answers at once, and says exactly what to do.

use infralogs_core::{Error, Result};
use infralogs_http::ops::{Health, Status};
use std::sync::{Mutex, PoisonError};

/// How reading went last.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    failed: Mutex<Option<(String, Option<String>)>>,
}

impl Seen {
    /// Remembers how a read went. A question that could not be answered says nothing about the source.
    pub(crate) fn note<T>(&self, read: Result<T>) -> Result<T> {
        match &read {
            Ok(_) => self.set(None),
            Err(error) if is_ours(error) => {
                let place = error.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
                self.set(Some((format!("{}{place}", error.what), error.help.as_deref().map(ToOwned::to_owned))));
            }
            Err(_) => {}
        }
        read
    }

    /// The verdict: failed, and the remedy, while the source can't be read.
    pub(crate) fn health(&self, fine: String) -> Health {
        match self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            None => Health::ok(fine),
            Some((what, next)) => {
                let health = Health::new(Status::Failed, what);
                next.into_iter().fold(health, |health, next| health.next(next))
            }
        }
    }

    fn set(&self, failed: Option<(String, Option<String>)>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }
}

fn is_ours(error: &Error) -> bool {
    !matches!(error.kind, infralogs_core::Kind::Invalid | infralogs_core::Kind::Limit)
}
