//! Which journal files there are now: folders are listed again only when they changed.

use super::{
    file::{Inode, JournalFile, Numbers, Refused},
    name::{Name, is_machine},
};
use crate::{format::blocks::Blocks, settings::Paths};
use infralogs_core::error::{Error, Result};
use std::{
    collections::{HashMap, HashSet},
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How often a listing is begun anew because journald rotated meanwhile.
const LISTINGS_MAX: u32 = 8;
/// A folder changed more recently than this may have changed again within the same tick of its clock.
const SETTLED: Duration = Duration::from_secs(2);
/// The most journal files that are looked at; journald keeps 100 by default.
pub(crate) const FILES_MAX: usize = 4_096;

/// The files of a journal.
#[derive(Debug)]
pub(crate) struct Files {
    paths: Paths,
    /// In no particular order.
    pub(crate) list: Vec<JournalFile>,
    /// Files we may not read, as of the last refresh.
    pub(crate) denied: Vec<PathBuf>,
    /// How often something was found changed.
    pub(crate) changes: u64,
    folders: Vec<(PathBuf, Stamp)>,
    listed: Option<SystemTime>,
    numbers: Numbers,
    warned: HashSet<Inode>,
}

type Stamp = Option<(Inode, i64, i64)>;

/// What a listing found.
#[derive(Default)]
struct Found {
    folders: Vec<(PathBuf, Stamp)>,
    files: HashMap<Inode, (PathBuf, Name)>,
    denied: Vec<PathBuf>,
    missing: usize,
}

impl Files {
    pub(crate) fn new(paths: Paths) -> Self {
        let (list, denied, folders) = Default::default();
        Self {
            paths,
            list,
            denied,
            folders,
            changes: 0,
            listed: None,
            numbers: Numbers::default(),
            warned: Default::default(),
        }
    }

    /// Looks which files there are and what was added to them. `again` lists even folders that look unchanged.
    ///
    /// # Errors
    /// `Unavailable`, with what to do, when there is no journal or none that may be read.
    pub(crate) fn refresh(&mut self, blocks: &mut Blocks, again: bool) -> Result<()> {
        let mut list = again;
        for _ in 0..LISTINGS_MAX {
            if list || !self.is_current() {
                self.list()?;
            }
            list = !self.refresh_each(blocks);
            if !list {
                break;
            }
        }
        if self.list.is_empty() && !self.denied.is_empty() {
            return Err(denied(&self.denied[0]));
        }
        self.try_foreign()
    }

    /// Finds out which files of a newer systemd can be read through `journalctl`.
    fn try_foreign(&mut self) -> Result<()> {
        for file in self.list.iter_mut().filter(|file| file.is_foreign()) {
            if !file.has_entries() || !file.foreign.try_out(&self.paths.journalctl, &file.path) {
                continue;
            }
            self.changes += 1;
            let path = file.path.display();
            match file.foreign.failure() {
                None => tracing::warn!(file = %path, "a newer systemd wrote this file: it is read through journalctl"),
                Some(why) => {
                    tracing::warn!(file = %path, why, "a newer systemd wrote this file, and journalctl can't read it");
                }
            }
        }
        // What the system writes must not be passed over in silence.
        let lost = self.list.iter().filter(|file| file.is_system());
        match lost.into_iter().find_map(|file| Some((file, file.foreign.failure()?))) {
            Some((file, why)) => Err(Error::unavailable("a newer systemd wrote the journal, in a form unknown here")
                .at(file.path.display().to_string())
                .because(format!("journalctl can't read it either: {why}"))
                .help("update infralogs, or give it the `journalctl` of the systemd that writes this journal")),
            None => Ok(()),
        }
    }

    /// Lists folders even if they look unchanged. Whether there are other files than before.
    pub(crate) fn has_others(&mut self, blocks: &mut Blocks) -> Result<bool> {
        let inodes = |files: &Self| files.list.iter().map(|file| file.inode).collect::<HashSet<_>>();
        let was = inodes(self);
        self.refresh(blocks, true)?;
        Ok(inodes(self) != was)
    }

    /// Closes all files.
    pub(crate) fn close(&mut self) {
        self.list.iter_mut().for_each(JournalFile::close);
    }

    fn is_current(&self) -> bool {
        let settled = |stamp: &Stamp| match (stamp, self.listed) {
            (Some((_, seconds, _)), Some(listed)) => {
                let changed = SystemTime::UNIX_EPOCH + Duration::from_secs((*seconds).max(0) as u64);
                listed.duration_since(changed).is_ok_and(|age| age > SETTLED)
            }
            (None, Some(_)) => true,
            _ => false,
        };
        self.listed.is_some()
            && self.denied.is_empty()
            && self.folders.iter().all(|(path, stamp)| settled(stamp) && stamp_of(path) == *stamp)
            && self.paths.list.iter().filter(|path| path.is_file()).all(|path| {
                let inode = std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
                self.list.iter().any(|file| file.path == *path && Some(file.inode) == inode)
            })
    }

    /// Whether every file still is where it was.
    fn refresh_each(&mut self, blocks: &mut Blocks) -> bool {
        let mut at = 0;
        while let Some(file) = self.list.get_mut(at) {
            if !file.may_differ() {
                at += 1;
                continue;
            }
            match file.refresh(blocks, &mut self.numbers) {
                Ok(changed) => {
                    self.changes += u64::from(changed);
                    at += 1;
                }
                Err(Refused::Moved) => return false,
                Err(Refused::Denied) => {
                    let file = self.list.swap_remove(at);
                    self.denied.push(file.path);
                }
                Err(Refused::Failed(error)) => {
                    let file = self.list.swap_remove(at);
                    if self.warned.insert(file.inode) {
                        tracing::warn!(file = %file.path.display(), %error, "this journal file can't be read");
                    }
                }
            }
        }
        true
    }

    fn list(&mut self) -> Result<()> {
        let mut found = Found::default();
        for _ in 0..LISTINGS_MAX {
            found = self.find()?;
            // A file renamed while a folder is read may be listed twice or not at all.
            if found.folders.iter().all(|(path, stamp)| stamp_of(path) == *stamp) {
                break;
            }
        }
        if found.missing == self.paths.list.len() {
            return Err(missing(&self.paths));
        }
        self.listed = Some(SystemTime::now());
        self.folders = found.folders;
        self.denied = found.denied;
        self.list.retain_mut(|file| match found.files.remove(&file.inode) {
            Some((path, name)) => {
                file.renamed |= file.path != path;
                (file.path, file.name) = (path, name);
                true
            }
            None => false,
        });
        let room = FILES_MAX.saturating_sub(self.list.len());
        if found.files.len() > room {
            tracing::warn!(files = found.files.len(), limit = FILES_MAX, "too many journal files; some are not read");
        }
        let new = found.files.into_iter().take(room);
        self.list.extend(new.map(|(inode, (path, name))| JournalFile::new(path, name, inode)));
        self.warned.retain(|inode| self.list.iter().any(|file| file.inode == *inode));
        Ok(())
    }

    fn find(&self) -> Result<Found> {
        let mut found = Found::default();
        for path in &self.paths.list {
            match std::fs::metadata(path) {
                Ok(meta) if meta.is_dir() => {
                    let machine = self.paths.local.then(crate::machine::local).flatten();
                    folder(path, &mut found, &|below| match machine {
                        Some(machine) => below.file_name().is_some_and(|name| name == machine.to_string().as_str()),
                        None => is_machine(below),
                    });
                }
                Ok(meta) => {
                    let name = Name::of(path).unwrap_or(Name::PLAIN);
                    found.files.insert((meta.dev(), meta.ino()), (path.clone(), name));
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => found.denied.push(path.clone()),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    found.missing += 1;
                    found.folders.push((path.clone(), None));
                }
                Err(error) => {
                    return Err(Error::unavailable("can't look for journal files")
                        .at(path.display().to_string())
                        .because(error));
                }
            }
        }
        Ok(found)
    }
}

/// Adds the journal files in a folder, and those in folders of it that `wanted` takes.
fn folder(path: &Path, found: &mut Found, wanted: &dyn Fn(&Path) -> bool) {
    found.folders.push((path.to_owned(), stamp_of(path)));
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() == ErrorKind::PermissionDenied {
                found.denied.push(path.to_owned());
            }
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if let Some(name) = Name::of(&path) {
            if let Ok(meta) = std::fs::metadata(&path)
                && meta.is_file()
            {
                found.files.insert((meta.dev(), meta.ino()), (path, name));
            }
        } else if wanted(&path) && path.is_dir() {
            folder(&path, found, &|_| false);
        }
    }
}

fn stamp_of(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some(((meta.dev(), meta.ino()), meta.mtime(), meta.mtime_nsec()))
}

fn denied(path: &Path) -> Error {
    Error::unavailable("no permission to read the journal").at(path.display().to_string()).help(
        "add the user to the group systemd-journal (`usermod -aG systemd-journal USER`, in a container the host's \
         numeric id of that group) and start again",
    )
}

fn missing(paths: &Paths) -> Error {
    let all = paths.list.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" or ");
    Error::unavailable(format!("there is no journal in {all}"))
        .help("start systemd-journald, or say where the journal is with `path` (`--journal DIR|FILE`)")
}
