//! Which of two entries comes first.

use infralogs_core::cursor::Cursor;
use std::cmp::Ordering;

/// How old a counter's files are among those that one journald wrote in one folder.
///
/// When journald finds its files not closed in order it begins new ones with a new counter. The old ones end where
/// the new ones begin, so they come first as a whole, whatever the wall clock says: it may have been set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    /// All its files are closed: the so-maniest.
    Closed(usize),
    /// Still written.
    Live,
}

/// The order of entries of which both counters' ages are known, if they are of one folder: by number if they were
/// counted by the same counter, else by the clock of the boot they share, by the age of the counters, by the wall
/// clock, and at last by their hashes. Equal are only copies of one entry.
pub(crate) fn compare(a: &Cursor, b: &Cursor, ages: Option<(Age, Age)>) -> Ordering {
    if a.seqnum_id == b.seqnum_id && a.seqnum != b.seqnum {
        return a.seqnum.cmp(&b.seqnum);
    }
    if a.boot == b.boot && a.monotonic != b.monotonic {
        return a.monotonic.cmp(&b.monotonic);
    }
    let by_age = match ages {
        Some((age_a, age_b)) if a.boot != b.boot => age_a.cmp(&age_b),
        _ => Ordering::Equal,
    };
    by_age.then(a.realtime.cmp(&b.realtime)).then(a.xor_hash.cmp(&b.xor_hash))
}
