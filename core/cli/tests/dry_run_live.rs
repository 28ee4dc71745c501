//! A dry run on a journal, and one that runs again when the script is saved.

mod parts;

use parts::{
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs, run, stdout},
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
fn a_live_agent_is_read_with_its_token_and_keeps_no_mark() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = machine(folder.path());
    fs::write(folder.path().join("token"), "dry-run-token-1\n").expect("a token");
    fs::write(folder.path().join("wrong"), "another-token-22\n").expect("a token");
    let listen = format!("127.0.0.1:{}", free_port());
    let args = ["--journal", &files, "--listen", &listen, "--token-file", "token"];
    let mut running = Program::start(&agent(), &args, folder.path());
    running.wait_for(&listen);
    let url = format!("http://{listen}");
    let ask = |since, token| {
        let args =
            ["dry-run", "failed_ssh", "--agent", &url, "--token-file", token, "--since", since, "--output", "json"];
        run(&args, folder.path())
    };
    for _ in 0..2 {
        let said = stdout(ask(SINCE, "token"));
        assert_eq!(matched(&said) as u64, ENTRIES / 10, "the same entries each time: {said}");
    }
    // Entry n is at 1,790,000,000 s + n / 4 s: the second half of them.
    assert_eq!(matched(&stdout(ask("2026-09-21T14:13:46Z", "token"))) as u64, ENTRIES / 20);
    let refused = ask(SINCE, "wrong");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("token") && !said.contains("another-token-22"), "{said}");
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
