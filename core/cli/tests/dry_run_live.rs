//! A dry run on a journal, and one that runs again when the script is saved.

mod parts;

use parts::{
    copy_scripts, journal,
    program::{Program, infralogs, run, stdout},
};
use std::{fs, path::Path};

const ENTRIES: u64 = 200;
const SINCE: &str = "2026-01-01T00:00:00Z";

fn machine(folder: &Path) -> String {
    copy_scripts(folder);
    let files = folder.join("journal");
    fs::create_dir(&files).expect("a folder");
    journal::write(&files, "web-1", 0x77, 1, ENTRIES);
    files.to_str().expect("a path").to_owned()
}

fn matched(said: &str) -> usize {
    said.lines().filter(|line| line.contains("\"matched\":true")).count()
}

#[test]
fn a_journal_is_read_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = machine(folder.path());
    let list = || fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.path());
    let before: Vec<_> = list().collect();
    let journal = format!("--journal={files}");
    let args = ["dry-run", "failed_ssh", &journal, "--since", SINCE, "--output", "json"];
    let said = stdout(run(&args, folder.path()));
    assert_eq!(matched(&said) as u64, ENTRIES / 10, "{said}");
    let after: Vec<_> = list().collect();
    assert_eq!(before, after, "nothing was written");
}

#[test]
fn a_watched_dry_run_follows_the_script() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |pattern: &str| {
        fs::write(folder.path().join("p.rhai"), format!("parser(\"p\").pattern(\"{pattern}\");\n")).expect("a script");
    };
    write("hello {name}");
    fs::write(folder.path().join("in.log"), "hello world\n").expect("a log");
    let args = ["dry-run", "p.rhai", "--input", "in.log", "--format", "text", "--watch"];
    let mut running = Program::start(&infralogs(), &args, folder.path());
    running.wait_for("1 matched, 0 unmatched");
    write("goodbye {name}");
    running.wait_for("0 matched, 1 unmatched");
    write("goodbye {name");
    running.wait_for("error");
    write("{greeting} world");
    running.wait_for("greeting");
}
