//! What is no script: each gives one clear error, and the last good generation goes on. A closure that runs away
//! does not hold a batch up.

use infralogs_core::{
    cursor::Cursor,
    entry::Entries,
    parse::Plan,
    script::{Rejected, Reload, Scripts, load},
    time::Time,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

const GOOD: &str = "rule(\"good\").drop(level == \"debug\");\n";

/// Makes one thing wrong beside a good script; gives what is said of it.
fn spoil(spoil: impl FnOnce(&Path)) -> Rejected {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("good.rhai"), GOOD).expect("a script");
    let scripts = Scripts::open(&[folder.path().to_owned()]).expect("it loads");
    let before = scripts.current().hash.clone();
    spoil(folder.path());
    assert_eq!(scripts.reload(), Reload::Rejected);
    assert_eq!(scripts.current().hash, before, "the last good generation goes on");
    (*scripts.rejected().expect("it was refused")).clone()
}

fn one(rejected: &Rejected, says: &str) {
    assert_eq!(rejected.problems.len(), 1, "{rejected}");
    assert!(rejected.problems[0].what.contains(says), "{rejected}");
}

#[test]
fn an_empty_file_declares_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.rhai"), "").unwrap();
    let definitions = load(&[folder.path().to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    assert!(definitions.parsers.is_empty() && definitions.files.len() == 1);
}

#[test]
fn what_is_no_script_is_one_error() {
    one(&spoil(|at| fs::write(at.join("big.rhai"), " ".repeat(10 << 20)).unwrap()), "larger than");
    one(&spoil(|at| fs::write(at.join("binary.rhai"), b"\x7fELF\0\0\0").unwrap()), "binary file");
    one(&spoil(|at| fs::write(at.join("latin.rhai"), b"// caf\xe9\n").unwrap()), "no UTF-8");
    one(&spoil(|at| fs::create_dir(at.join("x.rhai")).unwrap()), "folder");
    one(&spoil(|at| fs::write(at.join("again.rhai"), GOOD).unwrap()), "already declared");
}

#[test]
fn a_script_that_can_not_be_read_is_one_error() {
    // A link to itself can't be read by anyone, root included.
    one(&spoil(|at| std::os::unix::fs::symlink("loop.rhai", at.join("loop.rhai")).unwrap()), "can't be");
    let secret = |at: &Path| {
        let file = at.join("secret.rhai");
        fs::write(&file, GOOD.replace("good", "other")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    };
    // Who may read everything (root, in a container) sees a fine script.
    let folder = tempfile::tempdir().unwrap();
    secret(folder.path());
    if fs::read(folder.path().join("secret.rhai")).is_err() {
        one(&spoil(secret), "can't be read");
    }
}

#[test]
fn a_runaway_closure_rests_and_others_go_on() {
    const ENTRIES: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let script = "parser(\"endless\").pattern(\"entry {n:int}\").map(|r| { loop {} });\n\
                  parser(\"fine\").pattern(\"entry {n:int}\");\n";
    fs::write(folder.path().join("p.rhai"), script).unwrap();
    let definitions = load(&[folder.path().to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    let mut entries = Entries::default();
    for n in 0..ENTRIES {
        entries.push_field(b"MESSAGE", format!("entry {n}").as_bytes());
        entries.end(Cursor::default());
    }
    let begun = Instant::now();
    let parsed = Plan::new(definitions.parsers.clone()).run(&entries, Time::now());
    // Three cuts of at most 50 ms, and the rest is not run: 20 times that is still no stall.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(parsed.resting.iter().map(|name| &**name).collect::<Vec<_>>(), ["endless"]);
    assert_eq!(parsed.quarantined.len(), ENTRIES);
    let rows: Vec<_> = parsed.rows.iter().map(|rows| (&*rows.parser, rows.entry.len())).collect();
    assert_eq!(rows, [("fine", ENTRIES)]);
}
