//! Which folders a watcher has to hear from, and what in them is ours.

use super::listing::{Found, Stamp, list};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The folders whose changes matter: roots, their parents, where they really are, folders below, and the folders
/// links lead to.
#[derive(Default)]
pub(super) struct Nearby {
    pub folders: BTreeMap<PathBuf, Folder>,
    /// Roots as their parents know them.
    roots: BTreeSet<PathBuf>,
}

/// One of them.
#[derive(Default)]
pub(super) struct Folder {
    /// Which folder it is, whatever its name.
    identity: Option<(u64, u64)>,
    /// Whether everything in it matters; in a root's parent only the root does.
    all: bool,
}

impl Nearby {
    pub fn of(roots: &[PathBuf]) -> Self {
        let mut near = Self::default();
        for root in roots {
            let real = root.canonicalize().ok();
            for root in [Some(root), real.as_ref()].into_iter().flatten() {
                near.root(root);
            }
        }
        for found in list(roots) {
            match found {
                Found::Folder(path) => {
                    near.whole(path.canonicalize().ok());
                    near.whole(Some(path));
                }
                Found::Script(script) => {
                    let real = script.path.canonicalize().ok();
                    near.whole(real.and_then(|real| Some(real.parent()?.to_owned())));
                }
                Found::Odd(..) => {}
            }
        }
        for (path, folder) in &mut near.folders {
            folder.identity = Stamp::at(path).map(|stamp| stamp.identity());
        }
        near
    }

    fn root(&mut self, root: &Path) {
        let Some(parent) = root.parent() else { return };
        // Beside `scripts` stands `.`, and the system tells of `./scripts`.
        let parent = if parent == Path::new("") { Path::new(".") } else { parent };
        self.roots.extend(root.file_name().map(|name| parent.join(name)));
        self.folders.entry(parent.to_owned()).or_default();
    }

    fn whole(&mut self, folder: Option<PathBuf>) {
        if let Some(folder) = folder {
            self.folders.entry(folder).or_default().all = true;
        }
    }

    /// Whether under this name is the folder that was there.
    pub fn is_same(&self, path: &Path, folder: &Folder) -> bool {
        self.folders.get(path).is_some_and(|own| own.identity == folder.identity)
    }

    /// Whether what happened to this path may change a script.
    pub fn matters(&self, path: &Path) -> bool {
        let all = |path| self.folders.get(path).is_some_and(|folder: &Folder| folder.all);
        self.roots.contains(path) || all(path) || path.parent().is_some_and(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root's parent is often a busy place, such as a home or a temporary folder.
    #[test]
    fn what_happens_beside_a_root_is_not_ours() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("scripts");
        std::fs::create_dir_all(root.join("lib")).expect("a folder");
        let near = Nearby::of(std::slice::from_ref(&root));
        for ours in ["", "a.rhai", "lib", "lib/names.rhai", "..data"] {
            assert!(near.matters(&root.join(ours)), "{ours}");
        }
        for other in ["", "core.1234", "scripts.bak"] {
            assert!(!near.matters(&place.path().join(other)), "{other}");
        }
    }
}
