//! Real parts for whole-line tests: journal files, the programs, a proxy.

#![allow(dead_code, reason = "each test file uses the parts it needs")]

pub mod ask;
pub mod journal;
pub mod journald;
pub mod program;
pub mod proxy;
pub mod standin;
pub mod upload;
pub mod volume;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Waits this long for an event that takes a second or two on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a loopback port").local_addr().expect("its address").port()
}

/// The repository's folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// Seconds since 1970.
pub fn now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_secs().cast_signed()
}

/// Asks until the answer is there; panics with `what` when patience ends.
pub fn wait_for<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, ask)
}

/// The same with another patience, for what takes longer the more there is of it.
pub fn wait_within<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < patience, "waited {patience:?} for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The first column of an SQL answer from SQLite, asked through Python's own driver rather than ours.
pub fn sqlite(folder: &Path, sql: &str) -> Vec<String> {
    let code = "import sqlite3,sys\nfor r in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print(r[0])";
    let file = folder.join("data/infralogs.db");
    let done = std::process::Command::new("python3").args(["-c", code]).arg(file).arg(sql).output().expect("python3");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).lines().map(str::to_owned).collect()
}

/// Copies the shipped scripts to a folder that a test may edit.
pub fn copy_scripts(to: &Path) -> PathBuf {
    let copied = to.join("scripts");
    copy_folder(&repository().join("scripts"), &copied);
    copied
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the scripts") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
