//! Tells what is missing between two entries of one counter: lost, in files we may not read, or damaged.

use infralogs_core::{
    cursor::Cursor,
    entry::{Batch, Gap},
};

/// Watches one counter.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holes {
    /// The oldest number still kept: what came before is lost.
    pub(crate) oldest: u64,
    /// The last entry that was passed.
    pub(crate) last: Option<Cursor>,
    /// So many of the numbers that come next are damaged entries, and counted as such already or elsewhere.
    pub(crate) damaged: u64,
}

impl Holes {
    /// Notes in the batch what is missing before `entry`, `damaged` of which were seen.
    pub(crate) fn pass(&mut self, entry: &Cursor, damaged: u64, batch: &mut Batch) {
        batch.unreadable += damaged;
        let damaged = damaged + std::mem::take(&mut self.damaged);
        let Some(last) = self.last.replace(*entry) else { return };
        let missing_from = last.seqnum + 1;
        if entry.seqnum <= missing_from {
            return;
        }
        let kept_from = self.oldest.clamp(missing_from, entry.seqnum);
        let lost = kept_from - missing_from;
        if lost > 0 {
            batch.gaps.push(Gap { after: Some(last), before: *entry, lost: Some(lost) });
        }
        batch.unread += (entry.seqnum - kept_from).saturating_sub(damaged);
    }
}
