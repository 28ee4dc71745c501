//! Which polls are this collector's: claimed from the store many at a time, held longer than needed, given back at
//! the end. Asking happens beside the loop: a store that is slow to answer delays nobody whose claim is held.

use super::{poll::blocking, timetable::PollKey};
use crate::{definitions::Definitions, error::Result, id::Id128, plugin::Store, time::Time};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// How long a claim lasts by the store's clock, and so how long the targets of a collector that died wait at most.
pub(super) const HOLD: Duration = Duration::from_secs(15);
/// How long it is counted on here: the rest is for clocks and pauses. (A claim that ended too early is harmless.)
const COUNTED_ON: Duration = Duration::from_secs(11);
/// A claim is renewed once this much of it is over.
const RENEW_AFTER: Duration = Duration::from_secs(5);
/// How often is looked for claims to renew.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The most polls claimed in one statement.
const CLAIM_MAX: usize = 100;
/// The most polls claimed before the answers are taken: what is due must not wait for a whole fleet's renewals.
const ASK_MAX: usize = 500;

/// The claims of one collector process.
pub(super) struct Leases {
    store: Arc<dyn Store>,
    owner: String,
    held: HashMap<PollKey, Time>,
    /// Due, and to be claimed first.
    waiting: Vec<PollKey>,
    /// How many that are due the question under way is about.
    asking: usize,
    look_at: Time,
}

/// A question to the store: who is ours? Tables come first, if they are not made yet.
pub(super) struct Question {
    keys: Vec<PollKey>,
    /// So many of them, at the front, are due.
    due: usize,
    at: Time,
    /// Whose tables are to be made.
    unprepared: Option<Arc<Definitions>>,
}

/// What the store said.
pub(super) struct Answer {
    question: Question,
    won: Result<HashSet<String>>,
}

/// What an answer means for the polls that were due.
pub(super) struct Claimed {
    /// Ours to start now.
    pub(super) mine: Vec<PollKey>,
    /// Somebody else's.
    pub(super) others: Vec<PollKey>,
    /// Whose tables were made.
    pub(super) prepared: Option<Arc<Definitions>>,
}

impl Leases {
    /// No claims yet; the owner is random, so that a restarted process never meets its own ghost.
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        let owner = Id128(rand::random()).to_string();
        Self { store, owner, held: HashMap::new(), waiting: Vec::new(), asking: 0, look_at: Time(i64::MIN) }
    }

    /// Who this collector is to the store.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Whether a poll may start without asking.
    pub(super) fn holds(&self, key: &PollKey, now: Time) -> bool {
        self.held.get(key).is_some_and(|at| now < at.plus(COUNTED_ON))
    }

    /// A poll is due and not known to be ours: it is asked for next.
    pub(super) fn want(&mut self, key: PollKey) {
        self.waiting.push(key);
    }

    /// How many wait to be asked for, or for the answer.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.asking
    }

    /// Forgets the claims of polls that are no longer wanted: they end by themselves.
    pub(super) fn keep(&mut self, wanted: impl Fn(&PollKey) -> bool) {
        self.held.retain(|key, _| wanted(key));
    }

    /// The wall clock was set back, so that it is not known how old the claims are: they are asked for anew.
    pub(super) fn doubt(&mut self) {
        self.held.clear();
        self.look_at = Time(i64::MIN);
    }

    /// What to ask now, if anything: those that wait, and claims that grow old. `urgent`: whether the store answers
    /// at all is to be found out.
    pub(super) fn question(
        &mut self,
        now: Time,
        urgent: bool,
        unprepared: Option<Arc<Definitions>>,
    ) -> Option<Question> {
        let mut keys = std::mem::take(&mut self.waiting);
        let due = keys.len();
        if now >= self.look_at && !urgent {
            let room = ASK_MAX.saturating_sub(due);
            let old = self.held.iter().filter(|(_, at)| now >= at.plus(RENEW_AFTER)).map(|(key, _)| key);
            keys.extend(old.take(room).cloned());
            // As long as there are more than fit, they go on at once.
            if keys.len() < ASK_MAX {
                self.look_at = now.plus(LOOK_EVERY);
            }
        }
        if keys.is_empty() && urgent {
            keys.extend(self.held.keys().next().cloned());
        }
        self.asking = due;
        (!keys.is_empty()).then_some(Question { keys, due, at: now, unprepared })
    }

    /// Asks; to be run beside everything else.
    pub(super) fn ask(&self, question: Question) -> impl Future<Output = Answer> + Send + use<> {
        let (store, owner) = (self.store.clone(), self.owner.clone());
        async move {
            let names: Vec<String> = question.keys.iter().map(ToString::to_string).collect();
            let unprepared = question.unprepared.clone();
            let won = blocking(move || {
                if let Some(definitions) = unprepared {
                    store.migrate()?;
                    store.prepare(&definitions.tables)?;
                }
                let mut won = HashSet::new();
                for names in names.chunks(CLAIM_MAX) {
                    won.extend(store.claim(&owner, names, HOLD)?);
                }
                Ok(won)
            });
            Answer { won: won.await, question }
        }
    }

    /// Takes an answer over. After an error the due ones wait on.
    pub(super) fn take(&mut self, answer: Answer) -> Result<Claimed> {
        let Answer { question: Question { keys, due, at, unprepared }, won } = answer;
        self.asking = 0;
        let won = match won {
            Ok(won) => won,
            Err(error) => {
                self.waiting.splice(0..0, keys.into_iter().take(due));
                return Err(error);
            }
        };
        let mut claimed = Claimed { mine: Vec::new(), others: Vec::new(), prepared: unprepared };
        for (index, key) in keys.into_iter().enumerate() {
            let mine = won.contains(&key.to_string());
            if mine {
                self.held.insert(key.clone(), at);
            } else {
                self.held.remove(&key);
            }
            if index < due {
                if mine { claimed.mine.push(key) } else { claimed.others.push(key) }
            }
        }
        Ok(claimed)
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
