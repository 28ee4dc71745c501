//! The files of one counter: their entries in the order they were counted.

use super::{holes::Holes, order::Age};
use crate::{
    files::{
        file::{JournalFile, Refused},
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
    pub(crate) head: EntryHead,
    pub(crate) cursor: Cursor,
    pub(crate) damaged: u64,
}

impl Lane {
    /// Which feed has the lane's next entry.
    pub(crate) fn next(&mut self, files: &mut Files, blocks: &mut Blocks) -> Result<Option<usize>, Refused> {
        loop {
            let first = self.reading.iter().enumerate().min_by_key(|(_, feed)| feed.head.seqnum);
            let (at, seqnum) = first.map_or((None, u64::MAX), |(at, feed)| (Some(at), feed.head.seqnum));
            match self.waiting.last() {
                Some(part) if at.is_none() || part.seqnum <= seqnum => {
                    let part = *part;
                    self.waiting.pop();
                    let file = &mut files.list[part.file];
                    file.reopen()?;
                    self.reading.extend(Feed::start(part, file, blocks));
                }
                _ => return Ok(at),
            }
        }
    }
}

impl Feed {
    /// `None`: there is nothing (more) to read.
    fn start(part: Part, file: &JournalFile, blocks: &mut Blocks) -> Option<Self> {
        let Part { file: number, from, to, .. } = part;
        let (index, head) = file.readable(blocks, from, to)?;
        let damaged = index - from + (from..=index).map(|at| file.index.missing_before(at)).sum::<u64>();
        let cursor = head.cursor(file.header.as_ref()?);
        Some(Self { file: number, index, to, head, cursor, damaged })
    }

    /// Moves on. `Err`: there is no further entry, but so many damaged ones.
    pub(crate) fn advance(&mut self, file: &mut JournalFile, blocks: &mut Blocks) -> Result<(), u64> {
        let part = Part { file: self.file, from: self.index + 1, to: self.to, seqnum: 0 };
        match Self::start(part, file, blocks) {
            Some(next) => *self = next,
            None if self.to < file.len() => return Err(0),
            None if file.may_be_unfinished() => {
                file.retry |= part.from < part.to;
                return Err(0);
            }
            None => return Err(part.to - part.from + file.index.missing_before(part.to)),
        }
        Ok(())
    }
}
