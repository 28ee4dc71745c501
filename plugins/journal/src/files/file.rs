//! One journal file: opened only while it is read, known by its inode and file id.

use super::{
    foreign::Foreign,
    index::Index,
    name::{Name, Writer},
};
use crate::format::{
    blocks::{Blocks, Disk},
    header::{HEADER_BYTES, Header, State},
    object::{ENTRY_HEAD_BYTES, EntryHead},
};
use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
};

/// What tells a file from others whatever its name.
pub(crate) type Inode = (u64, u64);

/// A journal file as the last refresh saw it.
#[derive(Debug)]
pub(crate) struct JournalFile {
    pub(crate) path: PathBuf,
    pub(crate) name: Name,
    pub(crate) inode: Inode,
    /// Tells this file's objects from those of others; never used twice.
    pub(crate) key: u32,
    /// `None`: not opened yet, or no journal file (yet).
    pub(crate) header: Option<Header>,
    pub(crate) index: Index,
    disk: Option<Disk>,
    version: u32,
    length_bytes: u64,
    /// Something was not yet what it should be: look at it again although the header is the same.
    pub(crate) retry: bool,
    /// Reads it if a newer systemd wrote it.
    pub(crate) foreign: Foreign,
    /// Entries were found that can be read.
    alive: bool,
    /// It goes by another name than before. It may be another file that got the inode of one removed.
    pub(crate) renamed: bool,
}

/// How the entries of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// There are none (yet).
    Empty,
    /// By what stands here.
    Ours,
    /// By the `journalctl` of the systemd that wrote it.
    Journalctl,
    /// There are so many, and none of them can be read.
    Dead(u64),
}

/// The numbers given out so far.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    key: u32,
    version: u32,
}

/// Why a file can't be read now.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its name stands for another file now, or for none: look which files there are again.
    Moved,
    /// We may not read it.
    Denied,
    /// The disk says so.
    Failed(io::Error),
}

impl JournalFile {
    pub(crate) fn new(path: PathBuf, name: Name, inode: Inode) -> Self {
        let index = Index::default();
        let (header, disk, foreign) = (None, None, Foreign::default());
        let (version, length_bytes, retry, alive, renamed) = Default::default();
        Self { path, name, inode, key: 0, header, index, disk, version, length_bytes, retry, foreign, alive, renamed }
    }

    /// Whether it may say something else than when it was last looked at.
    pub(crate) fn may_differ(&self) -> bool {
        self.header.is_none() || self.renamed || self.may_grow()
    }

    /// Whether something may be added to it.
    fn may_grow(&self) -> bool {
        !self.name.given_up && self.header.is_none_or(|header| header.state != State::Archived)
    }

    /// Whether its last entries may be half written: it is being written and as long as it says.
    pub(crate) fn may_be_unfinished(&self) -> bool {
        self.header.is_some_and(|header| {
            header.state == State::Online
                && !self.name.given_up
                && self.length_bytes >= header.header_size.saturating_add(header.arena_size)
        })
    }

    /// Opens it if need be and reads its header and what is new of its arrays. Whether it changed.
    pub(crate) fn refresh(&mut self, blocks: &mut Blocks, numbers: &mut Numbers) -> Result<bool, Refused> {
        let opened = self.disk.is_none();
        let (file, length_bytes) = match self.disk.take() {
            None => self.open()?,
            Some(disk) => {
                let length_bytes = disk.file.metadata().map_err(Refused::Failed)?.len();
                (disk.file, length_bytes)
            }
        };
        let header = read_header(&file).map_err(Refused::Failed)?;
        self.renamed = false;
        if header == self.header && length_bytes == self.length_bytes && !self.retry {
            self.disk = Some(Disk { file, version: self.version });
            return Ok(false);
        }
        numbers.version = numbers.version.wrapping_add(1).max(1);
        self.version = numbers.version;
        let same = self.header.zip(header).is_some_and(|(was, is)| was.file_id == is.file_id);
        let cut = length_bytes < self.length_bytes;
        if !same || cut || self.retry {
            self.index = Index::default();
        }
        if !same {
            numbers.key += 1;
            self.key = numbers.key;
        }
        self.retry = false;
        self.header = header;
        self.length_bytes = length_bytes;
        let disk = Disk { file, version: self.version };
        // A newer systemd may go on writing a file of ours in its own form.
        self.alive &= same && !cut && !self.is_foreign();
        if !same {
            self.foreign = Foreign::default();
        }
        if let Some(header) = self.header.filter(|header| header.unknown_flags == 0) {
            let known = self.index.is_salvaged();
            self.index.refresh(blocks, &disk, &header, length_bytes);
            if self.index.is_salvaged() && !known && opened {
                tracing::warn!(file = %self.path.display(), entries = self.index.len(),
                    "this journal file is damaged; its entries were searched for one by one");
            }
        }
        self.disk = Some(disk);
        self.alive = self.alive || (!self.is_foreign() && self.readable(blocks, 0, self.len()).is_some());
        // Its first entry may be half written.
        self.retry = !self.alive && self.len() > 0 && self.may_be_unfinished() && !self.index.is_salvaged();
        if let (Way::Dead(entries), false) = (self.way(), self.is_foreign()) {
            tracing::warn!(file = %self.path.display(), entries, "nothing of this journal file can be read");
        }
        Ok(true)
    }

    /// How its entries are read.
    pub(crate) fn way(&self) -> Way {
        if self.alive {
            return Way::Ours;
        }
        let entries = self.len().max(self.said());
        match self.foreign.failure() {
            _ if entries == 0 => Way::Empty,
            None if self.is_foreign() => Way::Journalctl,
            Some(_) => Way::Dead(entries),
            None if self.may_be_unfinished() => Way::Empty,
            None => Way::Dead(entries),
        }
    }

    /// How many entries its header speaks of; however damaged it is, there are not more than there is room for.
    fn said(&self) -> u64 {
        self.header.map_or(0, |header| header.n_entries.min(self.length_bytes / ENTRY_HEAD_BYTES as u64))
    }

    /// Whether there are entries in it, readable or not.
    pub(crate) fn has_entries(&self) -> bool {
        self.len().max(self.said()) > 0
    }

    /// Whether a newer systemd wrote it, in a form that is not known here.
    pub(crate) fn is_foreign(&self) -> bool {
        self.header.is_some_and(|header| header.unknown_flags != 0)
    }

    fn open(&self) -> Result<(File, u64), Refused> {
        let file = File::open(&self.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Refused::Moved,
            ErrorKind::PermissionDenied => Refused::Denied,
            _ => Refused::Failed(error),
        })?;
        let meta = file.metadata().map_err(Refused::Failed)?;
        if (meta.dev(), meta.ino()) != self.inode {
            return Err(Refused::Moved);
        }
        Ok((file, meta.len()))
    }

    /// Makes sure it is open: a file never written again is only opened when it is its turn.
    pub(crate) fn reopen(&mut self) -> Result<(), Refused> {
        if self.disk.is_none() {
            let (file, _) = self.open()?;
            self.disk = Some(Disk { file, version: self.version });
        }
        Ok(())
    }

    /// Closes it: an open file keeps its room on the disk after journald removed it.
    pub(crate) fn close(&mut self) {
        self.disk = None;
        self.foreign.stop();
    }

    /// Whether it was removed while it was open. journald then empties it, so what was read of it may be nothing but
    /// zeros.
    pub(crate) fn is_removed(&self) -> bool {
        let meta = self.disk.as_ref().map(|disk| disk.file.metadata());
        meta.is_some_and(|meta| meta.is_ok_and(|meta| meta.nlink() == 0))
    }

    /// How many entries it has, readable or not.
    pub(crate) fn len(&self) -> u64 {
        if self.header.is_some() { self.index.len() } else { 0 }
    }

    /// The open file and its header.
    pub(crate) fn parts(&self) -> Option<(&Disk, &Header)> {
        Some((self.disk.as_ref()?, self.header.as_ref()?))
    }

    /// Entry `index`, or `None` if it is damaged.
    pub(crate) fn entry(&self, blocks: &mut Blocks, index: u64) -> Option<EntryHead> {
        let (disk, header) = self.parts()?;
        self.index.entry(blocks, disk, header, index)
    }

    /// The first readable entry from `index` on, before `end`.
    pub(crate) fn readable(&self, blocks: &mut Blocks, index: u64, end: u64) -> Option<(u64, EntryHead)> {
        (index..end).find_map(|at| Some((at, self.entry(blocks, at)?)))
    }

    /// The last readable entry before `end`.
    pub(crate) fn readable_before(&self, blocks: &mut Blocks, end: u64) -> Option<(u64, EntryHead)> {
        (0..end).rev().find_map(|at| Some((at, self.entry(blocks, at)?)))
    }

    /// Whether journald writes the system's entries to it.
    pub(crate) fn is_system(&self) -> bool {
        self.name.writer == Writer::System
    }
}

/// `None`: it is too short or no journal.
fn read_header(file: &File) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER_BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Header::parse(&bytes[..filled]))
}
