//! What a source is asked.

use crate::{
    cursor::Cursor,
    entry::{BATCH_BYTES_MAX, Entry},
    room::Room,
    time::Time,
};
use std::time::Duration;

/// What is wanted of a source.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Only entries behind this one (compared, never skipped blindly). `None`: from the beginning, or `since`.
    pub after: Option<Cursor>,
    /// Only entries from this time on.
    pub since: Option<Time>,
    /// Only entries before this time.
    pub until: Option<Time>,
    /// Only entries that pass.
    pub filter: Filter,
    /// The most entries. 0 asks only who you are (`machine`, `head`).
    pub limit: usize,
    /// The most bytes of all entries together; a first entry that alone has more is given whole.
    pub bytes: usize,
    /// How long to wait for the first entry if there is none yet.
    pub wait: Duration,
    /// Where a source that reads an answer of unknown length asks for room as it grows.
    pub room: Room,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            after: None,
            since: None,
            until: None,
            filter: Filter::default(),
            limit: 5_000,
            bytes: BATCH_BYTES_MAX,
            wait: Duration::ZERO,
            room: Room::default(),
        }
    }
}

/// Simple filters a source evaluates itself. All given ones must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `_SYSTEMD_UNIT` is one of these.
    pub units: Vec<String>,
    /// `PRIORITY` is at most this (more severe or equal).
    pub priority_max: Option<u8>,
    /// `FIELD=value`; several of one field: any of them.
    pub matches: Vec<(String, Vec<u8>)>,
}

impl Filter {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
    /// Whether the entry passes.
    pub fn passes(&self, entry: &Entry<'_>) -> bool {
        let has = |name: &str, value: &[u8]| entry.fields().any(|(own, is)| own == name.as_bytes() && is == value);
        let priority = |entry: &Entry<'_>| std::str::from_utf8(entry.field("PRIORITY")?).ok()?.parse::<u8>().ok();
        (self.units.is_empty() || self.units.iter().any(|unit| has("_SYSTEMD_UNIT", unit.as_bytes())))
            && self.priority_max.is_none_or(|max| priority(entry).is_some_and(|own| own <= max))
            && self.matches.iter().all(|(name, value)| {
                has(name, value) || self.matches.iter().any(|(other, value)| other == name && has(name, value))
            })
    }
}
