//! `--check` as an operator meets it: what is fine, what is wrong, and what to do.

#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use std::{
    fs::Permissions,
    io::{BufRead, BufReader},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

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
    for words in [
        "wrong tokens:",
        "wrong journal:",
        "wrong rules:",
        "rules.rhai",
        "wrong certificate:",
        "4 things",
        "write a token into it",
        "may read it",
    ] {
        assert!(!good && said.contains(words), "{words}: {said}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut agent = Command::new(env!("CARGO_BIN_EXE_infralogs-agent"));
    let done = agent.args(["--check", "--listen", &address]).args(fine).output().expect("it runs");
    assert!(!done.status.success() && String::from_utf8_lossy(&done.stdout).contains("wrong address:"), "{done:?}");
}

#[test]
fn who_may_not_read_the_journal_is_told_the_group_and_serves_no_empty_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let journal = parts::file(folder, "system.journal", 50, 1, &[]);
    let (tokens, program) = (folder.join("tokens"), folder.join("infralogs-agent"));
    std::fs::write(&tokens, "correct-horse-battery-staple\n").expect("the tokens");
    // By a process of its own: a program that we hold open for writing while another test forks can't be run.
    let copied = Command::new("cp").args([env!("CARGO_BIN_EXE_infralogs-agent"), text(&program)]).status();
    assert!(copied.expect("cp is there").success(), "a copy that anyone may run");
    let mode = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
    mode(folder, 0o755);
    mode(&journal, 0o640);
    let agent = |more: &[&str]| {
        let mut agent = Command::new(&program);
        agent.uid(65534).gid(65534).args(["--listen", "127.0.0.1:0", "--token-file", text(&tokens)]);
        agent.args(["--journal", text(folder)]).args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
        agent.spawn().expect("it starts; are you root?")
    };
    let done = agent(&["--check"]).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!done.status.success() && said.contains("wrong journal: no permission"), "{said}");
    assert!(said.contains("usermod -aG systemd-journal"), "{said}");

    let mut serving = agent(&[]);
    let mut lines = BufReader::new(serving.stderr.take().expect("its log")).lines();
    let url = lines.find_map(|line| {
        let line = line.expect("a line");
        line.split(' ').find(|word| word.starts_with("http://")).map(|url| url.trim_end_matches("/logs").to_owned())
    });
    let url = url.expect("it says where it listens");
    for path in ["/logs", "/entries", "/health", "/ready"] {
        let bearer = "authorization: Bearer correct-horse-battery-staple";
        let mut curl = Command::new("curl");
        let done = curl.args(["-sS", "-H", bearer, "-w", " %{http_code}", &format!("{url}{path}")]).output();
        let said = String::from_utf8_lossy(&done.expect("curl is there").stdout).into_owned();
        assert!(said.ends_with(" 503") && said.contains("usermod -aG systemd-journal"), "{path}: {said}");
    }
    // Once it may, it goes on by itself.
    mode(&journal, 0o644);
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-H", "authorization: Bearer correct-horse-battery-staple", &format!("{url}/logs")]);
    let said = String::from_utf8_lossy(&curl.output().expect("curl is there").stdout).into_owned();
    serving.kill().expect("it ran");
    serving.wait().expect("it ended");
    assert!(said.contains("\"entries\":50"), "{said}");
}
