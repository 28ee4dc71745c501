//! Answers one ask: which entries are behind the cursor, and what is known to be missing among them.

use crate::{
    entry::{
        decode::{Decode, Read},
        filter::Judge,
    },
    files::{
        file::{JournalFile, Refused, Way},
        folder::Files,
    },
    format::blocks::Blocks,
    machine,
    merge::{
        lane::{Feed, Lane, Next},
        order::compare,
        plan::{self, Known},
    },
    settings::Paths,
    source::Noted,
};
use infralogs_core::{
    cursor::Cursor,
    entry::{BATCH_BYTES_MAX, Batch, Gap},
    error::{Error, Result},
    id::Id128,
    plugin::Ask,
};
use std::cmp::Ordering;

/// How many entries one read looks at when a filter wants few of them.
const SCAN_ENTRIES_MAX: u64 = 200_000;
/// How often a read is begun anew because journald removed a file it needed.
const ATTEMPTS_MAX: u32 = 8;

/// Reads journal files. All calls block.
#[derive(Debug)]
pub(crate) struct Reader {
    files: Files,
    blocks: Blocks,
    decode: Decode,
    local: bool,
    machine: Option<Id128>,
}

impl Reader {
    pub(crate) fn new(paths: Paths) -> Self {
        let local = paths.local;
        let (blocks, decode) = Default::default();
        Self { files: Files::new(paths), blocks, decode, local, machine: None }
    }

    /// What is behind `ask.after` now.
    pub(crate) fn read(&mut self, ask: &Ask) -> Result<Batch> {
        let batch = self.attempts(ask);
        self.files.close();
        batch
    }

    /// Whether there is any entry.
    pub(crate) fn has_entries(&mut self) -> bool {
        let found = self.files.refresh(&mut self.blocks, false).is_ok();
        self.files.close();
        found && self.files.list.iter().any(JournalFile::has_entries)
    }

    /// What of the files a person should know.
    pub(crate) fn noted(&self) -> Noted {
        let mut noted = Noted { denied: self.files.denied.clone(), ..Noted::default() };
        for file in &self.files.list {
            match file.way() {
                Way::Journalctl => noted.through_journalctl.push(file.path.clone()),
                Way::Dead(_) => noted.unreadable.push(file.path.clone()),
                Way::Empty | Way::Ours => {}
            }
        }
        noted
    }

    /// Counts the changes of the files as far as they were seen.
    pub(crate) fn changes(&self) -> u64 {
        self.files.changes
    }

    /// Looks for changes and counts them.
    pub(crate) fn look(&mut self) -> u64 {
        // What is wrong will be said when it is read.
        let _ = self.files.refresh(&mut self.blocks, false);
        self.files.close();
        self.files.changes
    }

    fn attempts(&mut self, ask: &Ask) -> Result<Batch> {
        for attempt in 0..ATTEMPTS_MAX {
            self.files.refresh(&mut self.blocks, attempt > 0)?;
            match self.attempt(ask) {
                Ok(_) if self.files.list.iter().any(JournalFile::is_removed) => {}
                // What seems to be missing may just have been renamed while the folder was listed: look again.
                Ok(batch) if is_whole(&batch) || !self.files.has_others(&mut self.blocks)? => return Ok(batch),
                Ok(_) => {}
                Err(Refused::Moved) => {}
                Err(Refused::Denied) => return Err(Error::unavailable("a journal file may not be read any more")),
                Err(Refused::Failed(error)) => {
                    return Err(Error::unavailable("a journal file can't be read").because(error));
                }
            }
        }
        Err(Error::unavailable("journal files come and go faster than they can be read").help("try again"))
    }

    fn attempt(&mut self, ask: &Ask) -> Result<Batch, Refused> {
        let mut lanes = plan::lanes(&mut self.files, &mut self.blocks)?;
        let head = plan::head(&lanes, &mut self.files, &mut self.blocks)?;
        let mut batch = Batch { machine: self.machine(), head, next: ask.after, ..Batch::default() };
        if ask.limit == 0 {
            return Ok(batch);
        }
        let known = plan::narrow(&mut lanes, ask, &mut self.files, &mut self.blocks)?;
        // A filter that asks too much was refused before.
        self.decode.begin(Judge::new(&ask.filter).unwrap_or_default(), ask.bytes.min(BATCH_BYTES_MAX));
        let mut pass = Pass { known, looked_at: 0, dead: 0 };
        while let Some((lane, feed)) = next(&mut lanes, &mut self.files, &mut self.blocks)? {
            let full = batch.entries.len() >= ask.limit || batch.entries.bytes() >= ask.bytes;
            if full
                || pass.looked_at >= SCAN_ENTRIES_MAX
                || !self.take(&mut lanes, (lane, feed), ask, &mut pass, &mut batch)?
            {
                batch.more = true;
                break;
            }
        }
        if batch.next.is_none() && !batch.more && ask.until.is_none() {
            batch.next = head;
        }
        if head.is_none() {
            batch.unreadable += pass.dead;
        }
        Ok(batch)
    }

    /// Takes a feed's entry into the batch, and moves on. `false`: it has no room.
    fn take(
        &mut self,
        lanes: &mut [Lane],
        (lane, feed): (usize, usize),
        ask: &Ask,
        pass: &mut Pass,
        batch: &mut Batch,
    ) -> Result<bool, Refused> {
        let Feed { file, next, cursor, damaged, .. } = lanes[lane].reading[feed];
        pass.looked_at += 1;
        let time = cursor.time();
        let in_time = ask.since.is_none_or(|since| time >= since) && ask.until.is_none_or(|until| time < until);
        if matches!(next, Next::Dead) {
            // They count when an entry behind them is read: such a place is not to be gone on from.
            pass.dead += if in_time { damaged } else { 0 };
            lanes[lane].holes.damaged += damaged;
            self.advance(lanes, (lane, feed), batch)?;
            return Ok(true);
        }
        if in_time {
            match self.entry(file, &next, batch) {
                Read::Taken => {}
                Read::Unwanted => batch.dropped += 1,
                Read::Damaged => batch.unreadable += 1,
                Read::NoRoom => return Ok(false),
            }
        }
        batch.unreadable += std::mem::take(&mut pass.dead);
        if matches!(pass.known, Known::Gone | Known::SetBack) {
            batch.gaps.push(Gap { after: ask.after, before: cursor, lost: None });
            pass.known = Known::Here;
        }
        lanes[lane].holes.pass(&cursor, damaged, batch);
        batch.next = Some(cursor);
        let alone = lanes.len() == 1 && lanes[0].reading.len() == 1;
        self.advance(lanes, (lane, feed), batch)?;
        if !alone {
            self.skip_copies(lanes, &cursor, batch)?;
        }
        Ok(true)
    }

    /// Reads the fields of a file's next entry into the batch.
    fn entry(&mut self, file: usize, next: &Next, batch: &mut Batch) -> Read {
        let file = &self.files.list[file];
        match next {
            Next::Ours(head) => self.decode.entry(file, &mut self.blocks, head, &mut batch.entries),
            Next::Foreign => match file.foreign.entry() {
                Some(entry) => self.decode.copy(&entry, &mut batch.entries),
                None => Read::Damaged,
            },
            Next::Dead => Read::Damaged,
        }
    }

    fn advance(&mut self, lanes: &mut [Lane], (lane, feed): (usize, usize), batch: &mut Batch) -> Result<(), Refused> {
        let lane = &mut lanes[lane];
        let file = lane.reading[feed].file;
        if let Some(damaged) = lane.reading[feed].advance(&mut self.files.list[file], &mut self.blocks)? {
            batch.unreadable += damaged;
            lane.holes.damaged += damaged;
            lane.reading.swap_remove(feed);
        }
        Ok(())
    }

    /// Other files may hold a copy of the entry just taken: when journald moved it to the disk, or somebody a file.
    fn skip_copies(&mut self, lanes: &mut [Lane], taken: &Cursor, batch: &mut Batch) -> Result<(), Refused> {
        for lane in 0..lanes.len() {
            let mut feed = 0;
            while let Some(own) = lanes[lane].reading.get(feed) {
                if compare(&own.cursor, taken, None) != Ordering::Equal {
                    feed += 1;
                    continue;
                }
                let (cursor, damaged, feeds) = (own.cursor, own.damaged, lanes[lane].reading.len());
                lanes[lane].holes.pass(&cursor, damaged, batch);
                self.advance(lanes, (lane, feed), batch)?;
                feed += usize::from(lanes[lane].reading.len() == feeds);
            }
        }
        Ok(())
    }

    fn machine(&mut self) -> Id128 {
        if self.machine.is_none() {
            self.machine = if self.local { machine::local() } else { None };
        }
        if self.machine.is_none() {
            self.machine = machine::of_files(&mut self.files, &mut self.blocks, &mut self.decode);
        }
        self.machine.or_else(machine::local).unwrap_or_default()
    }
}

/// How far one read is.
struct Pass {
    known: Known,
    looked_at: u64,
    /// Entries of files of which nothing can be read, not counted yet.
    dead: u64,
}

/// The lane and feed of the entry that comes next.
fn next(lanes: &mut [Lane], files: &mut Files, blocks: &mut Blocks) -> Result<Option<(usize, usize)>, Refused> {
    let mut first = None::<(usize, usize)>;
    for at in 0..lanes.len() {
        let Some(feed) = lanes[at].next(files, blocks)? else { continue };
        let earlier = first.is_none_or(|(lane, other)| {
            let (a, b) = (&lanes[at].reading[feed].cursor, &lanes[lane].reading[other].cursor);
            compare(a, b, plan::ages(&lanes[at], &lanes[lane])) == Ordering::Less
        });
        if earlier {
            first = Some((at, feed));
        }
    }
    Ok(first)
}

/// Whether nothing seems to be missing.
fn is_whole(batch: &Batch) -> bool {
    batch.gaps.is_empty() && batch.unread == 0
}
