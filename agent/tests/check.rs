//! `--check` as an operator meets it: what is fine, what is wrong, and what to do.

#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use std::{path::Path, process::Command};

/// Whether all was fine, and what it said.
fn check(arguments: &[&str]) -> (bool, String) {
    let mut agent = Command::new(env!("CARGO_BIN_EXE_infralogs-agent"));
    let done = agent.args(["--check", "--listen", "127.0.0.1:0"]).args(arguments).output().expect("it runs");
    (done.status.success(), String::from_utf8_lossy(&[&done.stdout[..], &done.stderr].concat()).into_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

#[test]
fn each_thing_is_looked_at_and_its_remedy_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let journal = parts::file(folder, "source.journal", 50, 1, &[]);
    let tokens = folder.join("tokens");
    std::fs::write(&tokens, "correct-horse-battery-staple\nanother-correct-horse-battery\n").expect("the tokens");
    let fine = ["--journal", text(&journal), "--token-file", text(&tokens)];
    let (good, said) = check(&fine);
    for words in ["ok    tokens: 2 in", "ok    journal: of machine", "newest entry 20", "ok    address"] {
        assert!(good && said.contains(words), "{words}: {said}");
    }
    assert!(!said.contains("correct-horse"), "{said}");

    let script = folder.join("rules.rhai");
    std::fs::write(&script, "rule(\"quiet\").drop(levle == \"debug\");").expect("the script");
    let none = folder.join("none");
    let (good, said) = check(&[
        "--journal",
        text(&none),
        "--token-file",
        text(&none),
        "--scripts",
        text(&script),
        "--tls-cert",
        text(&none),
        "--tls-key",
        text(&none),
    ]);
    for words in ["wrong tokens:", "wrong journal:", "wrong rules:", "rules.rhai", "wrong certificate:", "4 things"] {
        assert!(!good && said.contains(words), "{words}: {said}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut agent = Command::new(env!("CARGO_BIN_EXE_infralogs-agent"));
    let done = agent.args(["--check", "--listen", &address]).args(fine).output().expect("it runs");
    assert!(!done.status.success() && String::from_utf8_lossy(&done.stdout).contains("wrong address:"), "{done:?}");
}
