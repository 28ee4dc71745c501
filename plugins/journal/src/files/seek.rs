//! Finds places in one file by halving: by number, by time, by the clock of a boot.

use super::{chain::Chain, file::JournalFile};
use crate::format::{
    blocks::Blocks,
    hash::field_hash,
    object::{EntryHead, ObjectHead, TYPE_DATA, may_begin},
    u64_at,
};
use infralogs_core::id::Id128;

/// The longest chain of equal hashes that is walked.
const HASH_CHAIN_MAX: usize = 10_000;
/// How far the wall clock may drift from a boot's own clock and still count as not set.
const DRIFT_US_MAX: i128 = 1_000_000;
/// The most halvings of one search through clocks that were set.
const TIME_PROBES_MAX: u32 = 4_096;

/// A file that is open, and what it is read through.
pub(crate) struct Seek<'a> {
    pub(crate) file: &'a JournalFile,
    pub(crate) blocks: &'a mut Blocks,
}

impl Seek<'_> {
    /// The first number in `from..to` behind every entry that `before` holds for, which must be so for entries up to
    /// some place and for none after it. Damaged entries right before that place count as behind.
    pub(crate) fn halve(&mut self, from: u64, to: u64, before: impl Fn(&EntryHead) -> bool) -> u64 {
        let (mut low, mut high) = (from, to);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.file.readable(self.blocks, middle, high) {
                Some((at, entry)) if before(&entry) => low = at + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// The first entry counted `seqnum` or more.
    pub(crate) fn seqnum(&mut self, seqnum: u64) -> u64 {
        self.halve(0, self.file.len(), |entry| entry.seqnum < seqnum)
    }

    /// The first entry of a boot at `monotonic` or later, or where that boot's entries end. `None`: there are none.
    pub(crate) fn monotonic(&mut self, boot: Id128, monotonic: u64) -> Option<u64> {
        let field = format!("_BOOT_ID={boot}");
        let data = self.data(field.as_bytes())?;
        let (disk, header) = self.file.parts()?;
        let head = self.blocks.bytes(disk, data, 64)?;
        let (first, array, count) = (u64_at(head, 40)?, u64_at(head, 48)?, u64_at(head, 56)?);
        let mut chain = Chain::default();
        let more = count.checked_sub(1)?.min(self.file.len());
        chain.follow((&mut *self.blocks, disk, header), array, more);
        let (mut low, mut high) = (0, more.min(chain.covers()) + 1);
        let all = high;
        let mut at = |index: u64| -> Option<EntryHead> {
            let at = if index == 0 { first } else { chain.get((&mut *self.blocks, disk, header), index - 1)? };
            EntryHead::read(self.blocks, disk, header, at).filter(|entry| entry.boot == boot)
        };
        while low < high {
            let middle = low + (high - low) / 2;
            match (middle..high).find_map(|index| Some((index, at(index)?))) {
                Some((index, entry)) if entry.monotonic < monotonic => low = index + 1,
                _ => high = middle,
            }
        }
        // The entry found, or the one behind the last.
        let (place, behind) = match (low..all).find_map(&mut at) {
            Some(found) => (found.at, 0),
            None => ((0..all).rev().find_map(at)?.at, 1),
        };
        Some(self.halve(0, self.file.len(), |entry| entry.at < place) + behind)
    }

    /// Where the data object of a field stands.
    fn data(&mut self, field: &[u8]) -> Option<u64> {
        let (disk, header) = self.file.parts()?;
        let payload = if header.compact { 72 } else { 64 };
        let (table, bytes) = header.data_table;
        let buckets = bytes / 16;
        let hash = field_hash(header, field);
        let bucket = table.checked_add(hash.checked_rem(buckets)? * 16)?;
        let mut at = u64_at(self.blocks.bytes(disk, bucket, 8)?, 0)?;
        for _ in 0..HASH_CHAIN_MAX {
            if !may_begin(header, at) {
                return None;
            }
            let bytes = self.blocks.from(disk, at, payload + field.len())?;
            let head = ObjectHead::parse(bytes)?;
            if head.kind != TYPE_DATA {
                return None;
            }
            if u64_at(bytes, 16)? == hash
                && head.size == (payload + field.len()) as u64
                && bytes[payload..].starts_with(field)
            {
                return Some(at);
            }
            at = u64_at(bytes, 24)?;
        }
        None
    }

    /// The first entry of `time` (µs since 1970) or later, although clocks may have been set: where two entries are
    /// of one boot and the wall clock went with the boot's own between them, all between are in order.
    pub(crate) fn time(&mut self, time: u64) -> u64 {
        self.edge(time, End::First).unwrap_or(self.file.len())
    }

    /// Behind the last entry before `time`.
    pub(crate) fn time_end(&mut self, time: u64) -> u64 {
        self.edge(time, End::Last).map_or(0, |last| last + 1)
    }

    fn edge(&mut self, time: u64, end: End) -> Option<u64> {
        let length = self.file.len();
        let low = self.file.readable(self.blocks, 0, length)?;
        let high = self.file.readable_before(self.blocks, length)?;
        let mut probes = TIME_PROBES_MAX;
        self.search(low, high, time, end, &mut probes)
    }

    /// Among `low..=high`, both readable.
    fn search(&mut self, low: Place, high: Place, time: u64, end: End, probes: &mut u32) -> Option<u64> {
        let wanted = |entry: &EntryHead| match end {
            End::First => entry.realtime >= time,
            End::Last => entry.realtime < time,
        };
        match end {
            End::First if wanted(&low.1) => return Some(low.0),
            End::Last if wanted(&high.1) => return Some(high.0),
            _ => {}
        }
        if high.0 <= low.0 + 1 {
            let other = if matches!(end, End::First) { high } else { low };
            return wanted(&other.1).then_some(other.0);
        }
        let drift = |place: &Place| i128::from(place.1.realtime) - i128::from(place.1.monotonic);
        let steady = low.1.boot == high.1.boot && (drift(&low) - drift(&high)).abs() <= DRIFT_US_MAX;
        if steady {
            let first = self.halve(low.0, high.0 + 1, |entry| entry.realtime < time);
            return match end {
                End::First => (first <= high.0).then_some(first),
                End::Last => first.checked_sub(1).filter(|last| *last >= low.0),
            };
        }
        *probes = probes.saturating_sub(1);
        if *probes == 0 {
            // Too many clocks were set: take all, each entry is compared anyway.
            return Some(if matches!(end, End::First) { low.0 } else { high.0 });
        }
        let middle = low.0 + (high.0 - low.0) / 2;
        let right = self.file.readable(self.blocks, middle, high.0).unwrap_or(high);
        let left = self.file.readable_before(self.blocks, right.0).filter(|left| left.0 >= low.0).unwrap_or(low);
        let halves = [(low, left), (right, high)];
        let (near, far) = if matches!(end, End::First) { (halves[0], halves[1]) } else { (halves[1], halves[0]) };
        self.search(near.0, near.1, time, end, probes).or_else(|| self.search(far.0, far.1, time, end, probes))
    }
}

type Place = (u64, EntryHead);

#[derive(Debug, Clone, Copy)]
enum End {
    First,
    Last,
}
