//! What goes wrong in the shop, and when: the same for all its hosts.

use crate::chance::Chance;

/// One incident begins in every such span of time. In seconds.
const EVERY_S: u64 = 3 * 3_600;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incident {
    /// The database has no connection left; pages fail.
    Database,
    /// Somebody guesses passwords.
    Guessing,
    /// The application grows until it is killed.
    Crashes,
}

impl Incident {
    /// The incident going on in this second, if any.
    pub fn at(seed: u64, second: u64) -> Option<Self> {
        let window = second / EVERY_S;
        let mut chance = Chance::of(&[seed, window, 77]);
        let length = 360 + chance.below(480);
        let begin = window * EVERY_S + chance.below(EVERY_S - length);
        // In turns, so that a day shows each of them.
        let kind = [Self::Database, Self::Guessing, Self::Crashes][((window + seed) % 3) as usize];
        (begin..begin + length).contains(&second).then_some(kind)
    }
}
