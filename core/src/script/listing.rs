//! Finds scripts below the roots without reading them; also what a watcher looks at to see whether any changed.

use super::limits::{FILES_MAX, FOLDER_DEPTH_MAX};
use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Something found below a root.
pub(super) enum Found {
    Script(Script),
    /// A folder that may hold scripts.
    Folder(PathBuf),
    /// What can't be a script though it is named like one, with the reason.
    Odd(PathBuf, String),
}

/// A script that can be read.
pub(super) struct Script {
    /// With the root as given.
    pub path: PathBuf,
    /// Below its root, with `/` between the parts.
    pub below: String,
    /// Whether a link leads out of the root to it.
    pub outside: bool,
}

/// Changes when a file is written, replaced, or a link to it turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// Of what is there now, links followed; nothing if nothing can be seen there.
    pub fn at(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
    /// Which file or folder it is, whatever it holds.
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

/// Everything below the roots, in order of roots, then of paths. A root may be a folder or one script.
pub(super) fn list(roots: &[PathBuf]) -> Vec<Found> {
    let mut walk = Walk::default();
    for root in roots {
        match fs::metadata(root) {
            Ok(found) if found.is_dir() => {
                walk.real_root = root.canonicalize().unwrap_or_else(|_| root.clone());
                walk.folder(root, Path::new(""), 0);
            }
            Ok(found) => walk.alone(root, &found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                walk.odd(root, "this script root does not exist; give an existing folder of .rhai files");
            }
            Err(error) => walk.odd(root, &format!("this script root can't be read: {error}")),
        }
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    real_root: PathBuf,
    found: Vec<Found>,
    scripts: usize,
}

impl Walk {
    fn odd(&mut self, path: &Path, what: &str) {
        self.found.push(Found::Odd(path.to_owned(), what.to_owned()));
    }

    /// One script named by itself; the libraries beside it or one folder up can be imported.
    fn alone(&mut self, path: &Path, found: &Metadata) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.script(path, name, false, found);
        let parent = path.parent().map(Path::to_owned).unwrap_or_default();
        for folder in [parent.join("lib"), parent.join("../lib")] {
            if let Ok(real) = folder.canonicalize() {
                self.real_root = real;
                self.folder(&folder, Path::new("lib"), 0);
                return;
            }
        }
    }

    fn folder(&mut self, folder: &Path, below: &Path, depth: usize) {
        if depth > FOLDER_DEPTH_MAX {
            return self.odd(folder, &format!("folders are nested deeper than {FOLDER_DEPTH_MAX}"));
        }
        let mut names: Vec<_> = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect(),
            Err(error) => return self.odd(folder, &format!("this folder can't be read: {error}")),
        };
        self.found.push(Found::Folder(folder.to_owned()));
        names.sort();
        for name in names {
            let shown = name.to_string_lossy();
            // Names that begin with a dot are editors' temporary files, and a ConfigMap's `..data`.
            if !shown.starts_with('.') {
                self.entry(&folder.join(&name), &below.join(&name), shown.ends_with(".rhai"), depth);
            }
        }
    }

    fn entry(&mut self, path: &Path, below: &Path, is_script: bool, depth: usize) {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() && is_script => self.odd(path, "this is a folder, not a script"),
            Ok(found) if found.is_dir() => {
                // A link to a folder is followed only where it can't lead around in circles.
                let circles = path.canonicalize().is_ok_and(|real| self.real_root.starts_with(&real));
                if !circles {
                    self.folder(path, below, depth + 1);
                }
            }
            Ok(found) if is_script => {
                let outside = path.canonicalize().is_ok_and(|real| !real.starts_with(&self.real_root));
                let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                self.script(path, parts.join("/"), outside, &found);
            }
            Err(error) if is_script => self.odd(path, &format!("this script can't be read: {error}")),
            _ => {}
        }
    }

    fn script(&mut self, path: &Path, below: String, outside: bool, found: &Metadata) {
        self.scripts += 1;
        if self.scripts > FILES_MAX {
            if self.scripts == FILES_MAX + 1 {
                self.odd(path, &format!("there are more than {FILES_MAX} scripts"));
            }
        } else if found.is_file() {
            self.found.push(Found::Script(Script { path: path.to_owned(), below, outside }));
        } else {
            self.odd(path, "this is no plain file");
        }
    }
}
