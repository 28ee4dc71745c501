//! Searches a file whose arrays are damaged for its entries, object by object.

use crate::format::{
    blocks::{Blocks, Disk},
    header::Header,
    object::{ENTRY_HEAD_BYTES, EntryHead, OBJECT_HEAD_BYTES, ObjectHead, TYPE_ENTRY, TYPE_LAST},
};

/// Entries found, in the order they were written.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// Their offsets in units of 8 bytes.
    entries: Vec<u32>,
    /// Before which entry how many numbers are left out.
    holes: Vec<(u64, u64)>,
    /// How many of these are missing entries.
    missing: Vec<(u64, u64)>,
    last_seqnum: u64,
    /// Where to search on.
    searched: u64,
}

impl Salvaged {
    pub(crate) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn get(&self, index: u64) -> Option<u64> {
        Some(u64::from(*self.entries.get(usize::try_from(index).ok()?)?) * 8)
    }

    pub(crate) fn missing_before(&self, index: u64) -> u64 {
        self.missing.binary_search_by_key(&index, |(at, _)| *at).map_or(0, |found| self.missing[found].1)
    }

    /// Searches what was not searched yet. Every step goes forward by at least 8 bytes.
    pub(crate) fn search(&mut self, blocks: &mut Blocks, disk: &Disk, header: &Header, length_bytes: u64) {
        let mut at = self.searched.max(header.header_size);
        while at + OBJECT_HEAD_BYTES as u64 <= length_bytes && at / 8 <= u64::from(u32::MAX) {
            let Some(bytes) = blocks.from(disk, at, OBJECT_HEAD_BYTES) else { break };
            let end = |head: ObjectHead| {
                at.checked_add(head.size)?.checked_next_multiple_of(8).filter(|end| *end <= length_bytes)
            };
            let whole = ObjectHead::parse(bytes)
                .filter(|head| (1..=TYPE_LAST).contains(&head.kind) && bytes[2..8] == [0; 6])
                .and_then(|head| Some((head.kind, end(head)?)));
            let Some((kind, end)) = whole else {
                at += 8;
                continue;
            };
            if kind != TYPE_ENTRY {
                at = end;
                continue;
            }
            match blocks.from(disk, at, ENTRY_HEAD_BYTES).and_then(|bytes| EntryHead::parse(bytes, header, at)) {
                Some(entry) if self.follows(&entry, header) => {
                    self.found(&entry, header);
                    at = end;
                }
                _ => at += 8,
            }
        }
        self.searched = at;
        self.count_missing(header);
    }

    fn follows(&self, entry: &EntryHead, header: &Header) -> bool {
        entry.seqnum > self.last_seqnum
            && entry.seqnum >= header.head_seqnum
            && (header.tail_seqnum == 0 || entry.seqnum <= header.tail_seqnum)
    }

    /// A hole in the numbers is what is missing, as far as the header counts more entries than are found. (Other
    /// holes are entries of other files.)
    fn found(&mut self, entry: &EntryHead, header: &Header) {
        let before = if self.entries.is_empty() { header.head_seqnum.max(1) - 1 } else { self.last_seqnum };
        let hole = entry.seqnum.saturating_sub(before + 1);
        if hole > 0 {
            self.holes.push((self.len(), hole));
        }
        self.entries.push((entry.at / 8) as u32);
        self.last_seqnum = entry.seqnum;
    }

    /// Shares what the header counts beyond what was found among the holes, the first ones first.
    fn count_missing(&mut self, header: &Header) {
        let mut left = header.n_entries.saturating_sub(self.len());
        self.missing.clear();
        for (before, hole) in self.holes.iter().copied().chain([(self.len(), u64::MAX)]) {
            let missing = hole.min(left);
            if missing == 0 {
                break;
            }
            self.missing.push((before, missing));
            left -= missing;
        }
    }
}
