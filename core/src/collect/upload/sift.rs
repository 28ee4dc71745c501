//! Which of the entries that a machine sends were stored before: it sends again whatever it was not told is stored,
//! and may lose the connection at any moment. Pure.

use crate::{cursor::Cursor, entry::Gap};

/// What one counter's checkpoint says of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Behind it.
    New,
    /// Stored with it, or before.
    Old,
    /// Only what is stored itself can tell.
    Unsure,
}

/// Judges by number. In another boot number and time must agree: a machine that lost power counts some numbers again,
/// and one without a clock of its own begins each boot in the past.
fn judge(checkpoint: Option<&Cursor>, cursor: &Cursor) -> Verdict {
    let Some(last) = checkpoint else { return Verdict::Unsure };
    let further = cursor.seqnum > last.seqnum;
    let agrees = if further { cursor.realtime >= last.realtime } else { cursor.realtime <= last.realtime };
    match further {
        _ if cursor.boot != last.boot && !agrees => Verdict::Unsure,
        true => Verdict::New,
        false => Verdict::Old,
    }
}

/// What is to be stored of entries of one counter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sifted {
    /// Their places among those that were sent.
    pub(super) new: Vec<usize>,
    /// Holes before or among them.
    pub(super) gaps: Vec<Gap>,
}

/// Sifts entries of one counter in the order they were sent. `first`: whether the sender looked for its place just
/// before them. What is missing there was removed from its journal; what is missing later is in files it does not send.
pub(super) fn sift(
    mut checkpoint: Option<Cursor>,
    cursors: &[Cursor],
    first: bool,
    is_stored: impl Fn(&Cursor) -> bool,
) -> Sifted {
    let mut sifted = Sifted::default();
    for (index, cursor) in cursors.iter().enumerate() {
        let new = match judge(checkpoint.as_ref(), cursor) {
            Verdict::New => true,
            Verdict::Old => false,
            Verdict::Unsure => !is_stored(cursor),
        };
        if !new {
            continue;
        }
        if let Some(last) = checkpoint {
            let gap = |lost| Gap { after: Some(last), before: *cursor, lost };
            match cursor.seqnum.checked_sub(last.seqnum) {
                Some(1) => {}
                Some(step @ 2..) if first && index == 0 => sifted.gaps.push(gap(Some(step - 1))),
                Some(2..) => {}
                // It counts again: nobody knows what else went with the power.
                Some(0) | None => sifted.gaps.push(gap(None)),
            }
        }
        checkpoint = Some(*cursor);
        sifted.new.push(index);
    }
    sifted
}

/// Whether numbers tell all of them, so that nobody need look at what is stored.
pub(super) fn is_sure(mut checkpoint: Option<Cursor>, cursors: &[Cursor]) -> bool {
    cursors.iter().all(|cursor| {
        let verdict = judge(checkpoint.as_ref(), cursor);
        if verdict == Verdict::New {
            checkpoint = Some(*cursor);
        }
        verdict != Verdict::Unsure
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id128;

    /// Entry `seqnum` of a boot, written at this time.
    fn at(boot: u8, seqnum: u64, realtime: u64) -> Cursor {
        Cursor { seqnum, boot: Id128::of(&[&[boot]]), realtime, ..Cursor::default() }
    }

    fn run(boot: u8, seqnums: std::ops::RangeInclusive<u64>, from: u64) -> Vec<Cursor> {
        seqnums.map(|seqnum| at(boot, seqnum, from + seqnum)).collect()
    }

    const NOTHING: fn(&Cursor) -> bool = |_| false;

    #[test]
    fn what_was_stored_is_passed_over_and_the_rest_is_new() {
        let sent = run(1, 1..=10, 100);
        let again = sift(Some(sent[5]), &sent, true, NOTHING);
        assert_eq!(again, Sifted { new: vec![6, 7, 8, 9], gaps: vec![] });
        assert_eq!(sift(Some(sent[9]), &sent, true, NOTHING), Sifted::default());
        assert_eq!(sift(None, &sent, true, NOTHING).new.len(), 10, "the first time");
    }

    #[test]
    fn a_hole_where_the_sender_began_is_lost_and_one_later_is_not() {
        let sent = [at(1, 20, 120), at(1, 21, 121), at(1, 30, 130)];
        let last = at(1, 9, 109);
        let sifted = sift(Some(last), &sent, true, NOTHING);
        assert_eq!(sifted.gaps, [Gap { after: Some(last), before: sent[0], lost: Some(10) }]);
        assert_eq!(sift(Some(last), &sent, false, NOTHING).gaps, []);
        let after_old_ones = [at(1, 9, 109), at(1, 20, 120)];
        assert_eq!(sift(Some(last), &after_old_ones, true, NOTHING).gaps, [], "it began at a place it has");
    }

    #[test]
    fn a_later_boot_is_new_and_an_earlier_one_old() {
        let (first, second) = (run(1, 1..=5, 100), run(2, 6..=9, 1_000));
        let sent = [first.clone(), second.clone()].concat();
        assert_eq!(sift(Some(first[4]), &sent, true, NOTHING).new, [5, 6, 7, 8]);
        assert_eq!(sift(Some(second[1]), &sent, true, NOTHING).new, [7, 8]);
        assert!(is_sure(Some(first[4]), &sent) && is_sure(Some(second[1]), &sent));
    }

    #[test]
    fn a_machine_that_counts_again_or_has_no_clock_is_looked_up() {
        // It lost power at 100, and had written down only up to 90: 91 to 95 are there twice, of two boots.
        let (first, second) = (run(1, 86..=100, 1_000), run(2, 91..=95, 5_000));
        let sent = [first.clone(), second.clone()].concat();
        let stored = |upto: usize| sent[..upto].to_vec();
        for upto in 1..=sent.len() {
            let (checkpoint, stored) = (sent[upto - 1], stored(upto));
            let sifted = sift(Some(checkpoint), &sent, true, |cursor| stored.contains(cursor));
            assert_eq!(sifted.new, (upto..sent.len()).collect::<Vec<_>>(), "after {upto}");
        }
        let gaps = sift(Some(first[14]), &sent, true, |cursor| first.contains(cursor)).gaps;
        assert_eq!(gaps, [Gap { after: Some(first[14]), before: second[0], lost: None }]);
        // The second boot begins in 1970 and the third after the clock was set.
        let sent = [run(1, 1..=5, 9_000), run(2, 6..=9, 0), run(3, 10..=12, 9_900)].concat();
        for upto in 1..=sent.len() {
            let (checkpoint, stored) = (sent[upto - 1], sent[..upto].to_vec());
            let sifted = sift(Some(checkpoint), &sent, true, |cursor| stored.contains(cursor));
            assert_eq!(sifted.new, (upto..sent.len()).collect::<Vec<_>>(), "after {upto}");
            assert_eq!(is_sure(Some(checkpoint), &sent), upto > 9, "after {upto}");
        }
    }
}
