//! The entries of one file by number: through its chain of arrays, or, where that is damaged, as salvaged.

use super::{chain::Chain, salvage};
use crate::format::{
    blocks::{Blocks, Disk},
    header::Header,
    object::EntryHead,
};

/// Finds entry number so and so.
#[derive(Debug, Default)]
pub(crate) struct Index {
    chain: Chain,
    salvaged: Option<salvage::Salvaged>,
    /// How many entries there are, readable or not.
    length: u64,
    /// The header's counters, if they can be true.
    seqnums: Option<(u64, u64)>,
}

impl Index {
    /// How many entries there are, readable or not.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Whether the entries had to be searched for.
    pub(crate) fn is_salvaged(&self) -> bool {
        self.salvaged.is_some()
    }

    /// Takes in what was written since.
    pub(crate) fn refresh(&mut self, blocks: &mut Blocks, disk: &Disk, header: &Header, length_bytes: u64) {
        let Header { n_entries, head_seqnum, tail_seqnum, .. } = *header;
        let span = tail_seqnum.checked_sub(head_seqnum).filter(|span| head_seqnum > 0 && *span >= n_entries.max(1) - 1);
        self.seqnums = span.map(|_| (head_seqnum, tail_seqnum));
        // An entry takes more than its head: whatever the header says, there are not more.
        let wanted =
            n_entries.min(length_bytes.max(header.arena_size) / crate::format::object::ENTRY_HEAD_BYTES as u64);
        if self.salvaged.is_none() && self.chain.follow((blocks, disk, header), header.entry_array, wanted).is_some() {
            self.length = wanted;
            return;
        }
        let salvaged = self.salvaged.get_or_insert_default();
        salvaged.search(blocks, disk, header, length_bytes);
        self.length = salvaged.len();
    }

    /// Entry `index`, or `None` if it is damaged.
    pub(crate) fn entry(&self, blocks: &mut Blocks, disk: &Disk, header: &Header, index: u64) -> Option<EntryHead> {
        if let Some(salvaged) = &self.salvaged {
            return EntryHead::read(blocks, disk, header, salvaged.get(index)?);
        }
        let at = self.chain.get((blocks, disk, header), index)?;
        let entry = EntryHead::read(blocks, disk, header, at)?;
        // Each entry counts at least one up, so its number can't be just any.
        let fits = self.seqnums.is_none_or(|(head, tail)| {
            entry.seqnum >= head.saturating_add(index)
                && entry.seqnum <= tail.saturating_sub(self.length.saturating_sub(index + 1))
        });
        fits.then_some(entry)
    }

    /// How many entries are missing right before `index` that no number stands for.
    pub(crate) fn missing_before(&self, index: u64) -> u64 {
        self.salvaged.as_ref().map_or(0, |salvaged| salvaged.missing_before(index))
    }
}
