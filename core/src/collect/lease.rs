//! Which polls are this collector's: claimed from the store, held longer than needed, given back at the end.

use super::{poll::blocking, timetable::PollKey};
use crate::{error::Result, id::Id128, plugin::Store, time::Time};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// How long a claim lasts by the store's clock.
pub(super) const HOLD: Duration = Duration::from_secs(60);
/// A claim is renewed once this much of it is over.
const RENEW_AFTER: Duration = Duration::from_secs(30);
/// The most polls claimed in one statement.
const CLAIM_MAX: usize = 100;

/// The claims of one collector process.
pub(super) struct Leases {
    store: Arc<dyn Store>,
    owner: String,
    held: HashMap<PollKey, Time>,
}

impl Leases {
    /// No claims yet; the owner is random, so that a restarted process never meets its own ghost.
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let owner = Id128(rand::random()).to_string();
        Self { store, owner, held: HashMap::new() }
    }

    /// Who this collector is to the store.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Those of the polls that are ours to do now.
    pub(super) async fn claim(&mut self, polls: &[PollKey], now: Time) -> Result<BTreeSet<PollKey>> {
        let held = |key: &&PollKey| self.held.get(*key).is_some_and(|at| now < at.plus(RENEW_AFTER));
        let mut mine: BTreeSet<PollKey> = polls.iter().filter(held).cloned().collect();
        let ask: Vec<PollKey> = polls.iter().filter(|key| !mine.contains(*key)).cloned().collect();
        for some in ask.chunks(CLAIM_MAX) {
            let names: Vec<String> = some.iter().map(ToString::to_string).collect();
            let (store, owner) = (self.store.clone(), self.owner.clone());
            let won: BTreeSet<String> =
                blocking(move || store.claim(&owner, &names, HOLD)).await?.into_iter().collect();
            for key in some {
                if won.contains(&key.to_string()) {
                    self.held.insert(key.clone(), now);
                    mine.insert(key.clone());
                } else {
                    self.held.remove(key);
                }
            }
        }
        Ok(mine)
    }

    /// Gives everything back.
    pub(super) async fn release(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.held.clear();
        let (store, owner) = (self.store.clone(), self.owner.clone());
        blocking(move || store.release(&owner)).await
    }
}
