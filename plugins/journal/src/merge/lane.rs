//! The files of one counter: their entries in the order they were counted.

use super::{holes::Holes, order::Age};
use crate::{
    files::{
        file::{JournalFile, Refused, Way},
        folder::Files,
    },
    format::{blocks::Blocks, object::EntryHead},
};
use infralogs_core::{cursor::Cursor, id::Id128};
use std::path::PathBuf;

/// One counter's files.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) seqnum_id: Id128,
    pub(crate) age: Age,
    /// Where journald keeps these files; `None` if something else wrote them.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) holes: Holes,
    /// Files whose turn has not come, the next one last.
    pub(crate) waiting: Vec<Part>,
    /// Files being read.
    pub(crate) reading: Vec<Feed>,
}

/// What to read of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) file: usize,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// No entry of it is counted less.
    pub(crate) seqnum: u64,
}

/// A file being read: its next entry, and how many damaged ones stand before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feed {
    pub(crate) file: usize,
    index: u64,
    to: u64,
    pub(crate) next: Next,
    pub(crate) cursor: Cursor,
    pub(crate) damaged: u64,
}

/// What comes next in a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next {
    /// This entry.
    Ours(EntryHead),
    /// The one that `journalctl` gave.
    Foreign,
    /// Nothing but damaged entries; the place is that of the last one.
    Dead,
}

impl Lane {
    /// Which feed has the lane's next entry.
    pub(crate) fn next(&mut self, files: &mut Files, blocks: &mut Blocks) -> Result<Option<usize>, Refused> {
        loop {
            let first = self.reading.iter().enumerate().min_by_key(|(_, feed)| feed.cursor.seqnum);
            let (at, seqnum) = first.map_or((None, u64::MAX), |(at, feed)| (Some(at), feed.cursor.seqnum));
            match self.waiting.last() {
                Some(part) if at.is_none() || part.seqnum <= seqnum => {
                    let part = *part;
                    self.waiting.pop();
                    let file = &mut files.list[part.file];
                    match Feed::start(part, file, blocks)? {
                        Some(feed) => self.reading.push(feed),
                        // What is damaged at a file's end was counted with its last entry.
                        None if part.from > 0 && part.to == file.len() => {
                            self.holes.damaged += part.to - part.from + file.index.missing_before(part.to);
                        }
                        None => {}
                    }
                }
                _ => return Ok(at),
            }
        }
    }
}

impl Feed {
    /// `None`: there is nothing (more) to read.
    fn start(part: Part, file: &mut JournalFile, blocks: &mut Blocks) -> Result<Option<Self>, Refused> {
        let Part { file: number, from, to, .. } = part;
        let Some(header) = file.header else { return Ok(None) };
        let feed = |next, cursor| Self { file: number, index: from, to, next, cursor, damaged: 0 };
        match file.way() {
            Way::Empty => Ok(None),
            Way::Dead(damaged) => Ok(Some(Self { damaged, ..feed(Next::Dead, header.tail()) })),
            Way::Journalctl => {
                if !file.foreign.is_begun() {
                    file.foreign.start(None).map_err(Refused::Failed)?;
                }
                Ok(file.foreign.entry().map(|entry| feed(Next::Foreign, entry.cursor)))
            }
            Way::Ours => {
                file.reopen()?;
                let Some((index, head)) = file.readable(blocks, from, to) else { return Ok(None) };
                let damaged = index - from + (from..=index).map(|at| file.index.missing_before(at)).sum::<u64>();
                Ok(Some(Self { index, damaged, ..feed(Next::Ours(head), head.cursor(&header)) }))
            }
        }
    }

    /// Moves on. `Some`: there is no further entry, but so many damaged ones.
    pub(crate) fn advance(&mut self, file: &mut JournalFile, blocks: &mut Blocks) -> Result<Option<u64>, Refused> {
        match self.next {
            Next::Dead => return Ok(Some(0)),
            Next::Foreign if !file.foreign.advance().map_err(Refused::Failed)? => return Ok(Some(0)),
            Next::Foreign | Next::Ours(_) => {}
        }
        let part = Part { file: self.file, from: self.index + 1, to: self.to, seqnum: 0 };
        match Self::start(part, file, blocks)? {
            Some(next) => *self = next,
            None if self.to < file.len() => return Ok(Some(0)),
            None if file.may_be_unfinished() => {
                file.retry |= part.from < part.to;
                return Ok(Some(0));
            }
            None => return Ok(Some(part.to - part.from + file.index.missing_before(part.to))),
        }
        Ok(None)
    }
}
