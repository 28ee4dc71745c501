//! Hot reload: the ways files really change, replayed; what the scripts were before goes on until the new ones are right.

#![allow(clippy::unwrap_used)] // what fails here fails the test

use infralogs_core::{
    Error,
    script::{Change, Reload, Scripts},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch::Receiver, time::timeout};

/// Twenty times what a person is promised.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than any debounce and poll together: what has not happened by then does not happen.
const NOTHING_HAPPENS: Duration = Duration::from_millis(3_500);

/// A rule of this name.
fn rule(name: &str) -> String {
    format!("rule(\"{name}\").drop(level == \"debug\");\n")
}

/// Scripts below a folder of their own, watched.
struct Live {
    scripts: Arc<Scripts>,
    changes: Receiver<Change>,
}

impl Live {
    fn watch(root: &Path) -> Self {
        let live = Self::open(root);
        live.scripts.watch();
        live
    }
    fn open(root: &Path) -> Self {
        let scripts = Scripts::open(&[root.to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
        let mut changes = scripts.changes();
        changes.mark_unchanged();
        Self { scripts, changes }
    }
    fn rules(&self) -> Vec<String> {
        self.scripts.current().rules.iter().map(|rule| rule.name.to_string()).collect()
    }
    /// Waits until these rules are there.
    async fn becomes(&mut self, rules: &[&str]) {
        let wait = async {
            while self.rules() != rules {
                self.changes.changed().await.expect("the scripts live");
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("still {:?}, never {rules:?}", self.rules()));
    }
    /// Waits until the newest contents are refused, and gives the reason.
    async fn is_refused(&mut self) -> String {
        let wait = async {
            while self.scripts.rejected().is_none() {
                self.changes.changed().await.expect("the scripts live");
            }
            self.scripts.rejected().map(|rejected| rejected.to_string()).unwrap_or_default()
        };
        timeout(PATIENCE, wait).await.expect("never refused")
    }
    /// Nothing is loaded or refused for a while.
    async fn stays(&mut self) {
        let change = timeout(NOTHING_HAPPENS, self.changes.changed()).await;
        assert!(change.is_err(), "reloaded without need: {:?}", self.changes.borrow());
    }
}

/// What the kubelet does to a ConfigMap's folder: a new `..<time>` folder, and `..data` turned to it in one step.
struct ConfigMap {
    folder: PathBuf,
    swaps: u32,
}

impl ConfigMap {
    fn mount(folder: &Path, files: &[(&str, String)]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut map = Self { folder: folder.to_owned(), swaps: 0 };
        map.swap(files);
        for (name, _) in files {
            symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
        map
    }
    fn swap(&mut self, files: &[(&str, String)]) {
        self.swaps += 1;
        let fresh = format!("..2026_01_31_12_00_0{}.{}", self.swaps, self.swaps * 977);
        fs::create_dir(self.folder.join(&fresh)).unwrap();
        for (name, text) in files {
            fs::write(self.folder.join(&fresh).join(name), text).unwrap();
        }
        let before = fs::read_link(self.folder.join("..data")).ok();
        symlink(&fresh, self.folder.join("..data_tmp")).unwrap();
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).unwrap();
        // New names get links after the swap, gone ones lose theirs, then the old folder goes.
        for (name, _) in files {
            let link = self.folder.join(name);
            if before.is_some() && link.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
        for entry in fs::read_dir(&self.folder).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with("..") && !files.iter().any(|(own, _)| *own == name) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        if let Some(before) = before {
            fs::remove_dir_all(self.folder.join(before)).unwrap();
        }
    }
}

#[tokio::test]
async fn config_map_swaps() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("scripts");
    let mut map = ConfigMap::mount(&root, &[("a.rhai", rule("one"))]);
    let mut live = Live::watch(&root);
    map.swap(&[("a.rhai", rule("two"))]);
    live.becomes(&["two"]).await;
    map.swap(&[("a.rhai", rule("three")), ("b.rhai", rule("more"))]);
    live.becomes(&["more", "three"]).await;
    map.swap(&[("a.rhai", "rule(\"four\".drop();".into()), ("b.rhai", rule("more"))]);
    assert!(live.is_refused().await.contains("a.rhai:1:"));
    assert_eq!(live.rules(), ["more", "three"], "the last good one goes on");
    map.swap(&[("b.rhai", rule("five"))]);
    live.becomes(&["five"]).await;
    assert_eq!(live.scripts.rejected(), None);
}

/// Projected volumes are swapped like ConfigMaps, with folders below.
#[tokio::test]
async fn projected_volume_swaps() {
    let place = tempfile::tempdir().unwrap();
    let data = |n: u32| place.path().join(format!("..2026_{n}"));
    for (n, name) in [(1, "one"), (2, "two"), (3, "three")] {
        fs::create_dir_all(data(n).join("rules")).unwrap();
        fs::write(data(n).join("rules/agent.rhai"), rule(name)).unwrap();
    }
    let turn = |n: u32| {
        symlink(format!("..2026_{n}"), place.path().join("..data_tmp")).unwrap();
        fs::rename(place.path().join("..data_tmp"), place.path().join("..data")).unwrap();
    };
    turn(1);
    symlink("..data/rules", place.path().join("rules")).unwrap();
    let mut live = Live::watch(place.path());
    assert_eq!(live.rules(), ["one"]);
    turn(2);
    live.becomes(&["two"]).await;
    turn(3);
    fs::remove_dir_all(data(1)).unwrap();
    live.becomes(&["three"]).await;
}

/// The system calls of each editor's save, as strace shows them.
#[tokio::test]
async fn editors_save() {
    let place = tempfile::tempdir().unwrap();
    let (root, file) = (place.path(), place.path().join("a.rhai"));
    fs::write(&file, rule("first")).unwrap();
    let mut live = Live::watch(root);

    // vim: a test file, the old one moved to a backup, the new one written, the backup removed.
    File::create(root.join("4913")).unwrap();
    fs::remove_file(root.join("4913")).unwrap();
    fs::rename(&file, root.join("a.rhai~")).unwrap();
    let mut new = OpenOptions::new().write(true).create(true).truncate(true).open(&file).unwrap();
    new.write_all(rule("vim").as_bytes()).unwrap();
    new.sync_all().unwrap();
    drop(new);
    fs::remove_file(root.join("a.rhai~")).unwrap();
    live.becomes(&["vim"]).await;

    // vim with `backupcopy=yes`: written in place.
    fs::copy(&file, root.join("a.rhai~")).unwrap();
    fs::write(&file, rule("vim-in-place")).unwrap();
    fs::remove_file(root.join("a.rhai~")).unwrap();
    live.becomes(&["vim-in-place"]).await;

    // emacs: a lock link while it is edited, a backup, written in place, an autosave file removed.
    symlink("user@host.123:456", root.join(".#a.rhai")).unwrap();
    fs::write(root.join("#a.rhai#"), rule("autosaved")).unwrap();
    fs::rename(&file, root.join("a.rhai~")).unwrap();
    fs::write(&file, rule("emacs")).unwrap();
    fs::remove_file(root.join(".#a.rhai")).unwrap();
    fs::remove_file(root.join("#a.rhai#")).unwrap();
    live.becomes(&["emacs"]).await;

    // VS Code: opened, truncated, written.
    let mut open = OpenOptions::new().write(true).open(&file).unwrap();
    open.set_len(0).unwrap();
    open.write_all(rule("vs-code").as_bytes()).unwrap();
    drop(open);
    live.becomes(&["vs-code"]).await;

    // sed -i: a new file beside it, renamed over it.
    let fresh = root.join("sedT1k9Xa");
    fs::write(&fresh, rule("sed")).unwrap();
    fs::rename(&fresh, &file).unwrap();
    live.becomes(&["sed"]).await;
}

#[tokio::test]
async fn written_in_two_halves() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.rhai");
    fs::write(&file, rule("first")).unwrap();
    let mut live = Live::watch(place.path());
    let text = format!("{}{}", rule("left"), rule("right"));
    let (one, other) = text.split_at(text.len() / 2 + 5);
    let mut open = OpenOptions::new().write(true).truncate(true).open(&file).unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    open.write_all(one.as_bytes()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    open.seek(SeekFrom::End(0)).unwrap();
    open.write_all(other.as_bytes()).unwrap();
    drop(open);
    live.becomes(&["left", "right"]).await;
    assert_eq!(live.changes.borrow().generation, 2, "no half was ever loaded");
}

#[tokio::test]
async fn scripts_come_and_go() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("scripts");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a.rhai"), rule("a")).unwrap();
    let mut live = Live::watch(&root);
    fs::create_dir_all(root.join("deep/below")).unwrap();
    fs::write(root.join("deep/below/b.rhai"), rule("b")).unwrap();
    live.becomes(&["a", "b"]).await;
    fs::remove_file(root.join("a.rhai")).unwrap();
    live.becomes(&["b"]).await;
    fs::write(root.join("deep/below/b.rhai"), rule("bb")).unwrap();
    live.becomes(&["bb"]).await;

    // The root replaced by a link to another folder.
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("c.rhai"), rule("c")).unwrap();
    fs::rename(&root, place.path().join("old")).unwrap();
    symlink(&other, &root).unwrap();
    live.becomes(&["c"]).await;
    fs::write(other.join("c.rhai"), rule("cc")).unwrap();
    live.becomes(&["cc"]).await;

    // A library is a script's content too.
    fs::create_dir(other.join("lib")).unwrap();
    fs::write(other.join("lib/names.rhai"), "const name = \"d\";\n").unwrap();
    fs::write(other.join("c.rhai"), "import \"names\" as names;\nrule(names::name).drop(level == \"debug\");\n")
        .unwrap();
    live.becomes(&["d"]).await;
    fs::write(other.join("lib/names.rhai"), "const name = \"e\";\n").unwrap();
    live.becomes(&["e"]).await;
}

/// Touching and changing modes changes no content: nothing is loaded.
#[tokio::test]
async fn a_thousand_touches() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.rhai");
    fs::write(&file, rule("a")).unwrap();
    let mut live = Live::watch(place.path());
    for _ in 0..1_000 {
        File::options().append(true).open(&file).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    }
    fs::write(&file, rule("a")).unwrap();
    live.stays().await;
    fs::write(&file, rule("b")).unwrap();
    live.becomes(&["b"]).await;
}

#[tokio::test]
async fn without_notifications() {
    let place = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::mount(place.path(), &[("a.rhai", rule("one"))]);
    let mut live = Live::open(place.path());
    live.scripts.watch_by_polling(Duration::from_millis(50));
    map.swap(&[("a.rhai", rule("two"))]);
    live.becomes(&["two"]).await;
    fs::write(place.path().join("..data/a.rhai"), rule("six")).unwrap();
    live.becomes(&["six"]).await;
}

/// A mistake is told once, mended by undoing it, and never hides a later one.
#[tokio::test]
async fn refused_and_taken_back() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.rhai");
    fs::write(&file, rule("good")).unwrap();
    let mut live = Live::watch(place.path());
    fs::write(&file, "rule(\"good\").drp(level == \"debug\");\n").unwrap();
    assert!(live.is_refused().await.contains("did you mean `drop`?"));
    assert_eq!(live.changes.borrow_and_update().outcome, Reload::Rejected);
    live.stays().await;
    fs::write(&file, rule("good")).unwrap();
    timeout(PATIENCE, live.changes.wait_for(|change| change.outcome == Reload::Unchanged)).await.unwrap().unwrap();
    assert_eq!(live.scripts.rejected(), None);
    assert_eq!(live.changes.borrow().generation, 1);
    fs::write(&file, rule("better")).unwrap();
    live.becomes(&["better"]).await;
}

/// SIGHUP calls `reload`; the collector's gate is asked before anything becomes current.
#[test]
fn a_gate_refuses() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("a.rhai");
    let parser = |port: &str| format!("parser(\"p\").pattern(\"port {{port:{port}}}\").into(\"ports\");\n");
    fs::write(&file, parser("int")).unwrap();
    let live = Live::open(place.path());
    assert_eq!(live.scripts.reload(), Reload::Unchanged);
    live.scripts.set_gate(Box::new(|definitions| {
        let text = definitions.tables[0].columns[0].kind.name();
        if text == "int" { Ok(()) } else { Err(Error::invalid(format!("table `ports` has `port` as int, not {text}"))) }
    }));
    fs::write(&file, format!("// the type changed\n{}", parser("text"))).unwrap();
    assert_eq!(live.scripts.reload(), Reload::Rejected);
    let rejected = live.scripts.rejected().unwrap();
    assert!(rejected.problems[0].place().ends_with("a.rhai:2:1"), "{rejected}");
    assert_eq!(live.scripts.current().tables[0].columns[0].kind.name(), "int");
    fs::write(&file, format!("{}// and back\n", parser("int"))).unwrap();
    assert_eq!(live.scripts.reload(), Reload::Loaded);
    assert_eq!(live.scripts.rejected(), None);
}

/// The thread ends, and closures let go of their engines, when the last owner lets go.
#[tokio::test]
async fn nothing_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let text = "parser(\"p\").pattern(\"{a}\").map(|r| { r.b = r.a; }, #{ b: \"text\" });\n";
    fs::write(place.path().join("a.rhai"), text).unwrap();
    let live = Live::watch(place.path());
    let (scripts, definitions) = (Arc::downgrade(&live.scripts), Arc::downgrade(&live.scripts.current()));
    drop(live);
    let gone = async {
        while scripts.strong_count() + definitions.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("scripts are kept alive");
}
