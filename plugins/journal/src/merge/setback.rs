//! A counter that was set back: a machine lost power before its last entries were on the disk, or was restored from a
//! snapshot. Its journal goes on with numbers that other entries had, which may have been read.

use super::lane::{Lane, Part};
use crate::{
    files::{
        file::{Refused, Way},
        folder::Files,
        seek::Seek,
    },
    format::blocks::Blocks,
};
use infralogs_core::cursor::Cursor;

/// Where a counter that was set back goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SetBack {
    /// The last number that is left of what was read; `None`: nothing of the cursor's boot is left.
    last: Option<u64>,
}

/// Whether the counter of the cursor was set back: another boot has the cursor's number, or ends the counter before it.
pub(crate) fn find(
    lane: &Lane,
    after: &Cursor,
    files: &mut Files,
    blocks: &mut Blocks,
) -> Result<Option<SetBack>, Refused> {
    let headers = || lane.waiting.iter().filter_map(|part| Some((part.file, files.list[part.file].header?.tail())));
    let Some(tail) = headers().map(|(_, tail)| tail).max_by_key(|tail| tail.seqnum) else { return Ok(None) };
    let ends_before = tail.seqnum < after.seqnum && tail.boot != after.boot;
    // Mostly the cursor is near the end of the live file, and of its boot: nothing is to be looked at then.
    if !ends_before && (tail.seqnum < after.seqnum || tail.boot == after.boot) {
        return Ok(None);
    }
    if !ends_before && !has_another(lane, after, files, blocks)? {
        return Ok(None);
    }
    let mut last = None;
    for part in &lane.waiting {
        let file = &mut files.list[part.file];
        if file.way() != Way::Ours {
            continue;
        }
        file.reopen()?;
        let place = Seek { file, blocks }.monotonic(after.boot, after.monotonic);
        let passed = place.and_then(|place| file.readable_before(blocks, place));
        last = last.max(passed.filter(|(_, entry)| entry.boot == after.boot).map(|(_, entry)| entry.seqnum));
    }
    Ok(Some(SetBack { last }))
}

/// Whether the cursor's number is that of another boot's entry.
fn has_another(lane: &Lane, after: &Cursor, files: &mut Files, blocks: &mut Blocks) -> Result<bool, Refused> {
    for part in &lane.waiting {
        let file = &mut files.list[part.file];
        let covers = |head, tail| head <= after.seqnum && after.seqnum <= tail;
        if file.way() != Way::Ours || !file.header.is_some_and(|header| covers(header.head_seqnum, header.tail_seqnum))
        {
            continue;
        }
        file.reopen()?;
        let place = Seek { file, blocks }.seqnum(after.seqnum);
        let entry = file.entry(blocks, place).filter(|entry| entry.seqnum == after.seqnum);
        if entry.is_some_and(|entry| entry.boot != after.boot) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl SetBack {
    /// Sets where a file's part begins.
    pub(crate) fn start(
        self,
        part: &mut Part,
        after: &Cursor,
        files: &mut Files,
        blocks: &mut Blocks,
    ) -> Result<(), Refused> {
        let file = &mut files.list[part.file];
        if file.way() != Way::Ours {
            return Ok(());
        }
        file.reopen()?;
        let mut seek = Seek { file, blocks };
        part.from = match self.last {
            Some(last) => seek.seqnum(last + 1),
            None => seek.time(after.realtime),
        };
        Ok(())
    }
}
