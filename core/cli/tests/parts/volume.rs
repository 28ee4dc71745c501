//! A volume of a ConfigMap or a Secret, as the kubelet keeps it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// The kubelet's atomic writer: files in a folder of their own, names that lead through `..data`, one rename.
pub struct Volume {
    folder: PathBuf,
    generation: u32,
}

impl Volume {
    /// An empty one.
    pub fn new(folder: PathBuf) -> Self {
        fs::create_dir_all(&folder).expect("a folder");
        Self { folder, generation: 0 }
    }

    /// Another generation of files, all at once.
    pub fn push(&mut self, files: &BTreeMap<String, String>) {
        let at = |name: &str| self.folder.join(name);
        let old = fs::read_link(at("..data")).ok();
        self.generation += 1;
        let own = format!("..2026_11_26_12_00_00.{}", self.generation);
        fs::create_dir(at(&own)).expect("a folder");
        for (name, text) in files {
            fs::write(at(&own).join(name), text).expect("written");
        }
        symlink(&own, at("..data_tmp")).expect("a link");
        fs::rename(at("..data_tmp"), at("..data")).expect("swapped");
        for name in files.keys().filter(|name| fs::symlink_metadata(at(name)).is_err()) {
            symlink(Path::new("..data").join(name), at(name)).expect("a link");
        }
        for entry in fs::read_dir(&self.folder).expect("the volume").flatten() {
            let name = entry.file_name().into_string().expect("UTF-8");
            if !name.starts_with("..") && !files.contains_key(&name) {
                fs::remove_file(entry.path()).expect("removed");
            }
        }
        if let Some(old) = old {
            fs::remove_dir_all(at(&old.display().to_string())).expect("removed");
        }
    }
}
