//! `infralogs status` on a terminal: what it says once, and the view that lives.

mod parts;

use parts::{
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs},
    wait_for,
};
use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
};

/// What begins each look of the view.
const EMPTY_SCREEN: &str = "\x1b[2J\x1b[H";

/// Runs `infralogs status` on a terminal of its own; what is shown there goes to a file.
fn on_a_terminal(here: &Path, args: &str, shown: &str) -> Child {
    let command = format!("stty cols 200; exec {} status --config infralogs.yaml {args}", infralogs().display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--flush", "--return", "--command", &command, shown]).current_dir(here);
    script.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("script of util-linux is installed")
}

#[test]
fn the_view_follows_what_is_stored_until_ctrl_c() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    fs::write(
        here.join("scripts/schedules/fleet.rhai"),
        "schedule(\"fleet\").targets(inventory(\"fleet\")).every(300.millis);\n",
    )
    .expect("written");
    fs::create_dir(here.join("journal")).expect("a folder");
    journal::write(&here.join("journal"), "web-1", 0x61, 1, 40);
    fs::write(here.join("token"), "status-test-token-1\n").expect("written");
    let listen = format!("127.0.0.1:{}", free_port());
    let config = format!(
        "scripts: scripts\nstore: sqlite://data/infralogs.db\ninventories:\n  fleet:\n    - {{ name: web-1, url: \"http://{listen}\", token_file: token }}\n"
    );
    fs::write(here.join("infralogs.yaml"), config).expect("written");
    let mut agent =
        Program::start(&agent(), &["--journal", "journal", "--listen", &listen, "--token-file", "token"], here);
    agent.wait_for(&listen);
    let collector = Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], here);

    let shown = || fs::read_to_string(here.join("view")).unwrap_or_default();
    let mut view = on_a_terminal(here, "--watch", "view");
    let last = || shown().rsplit(EMPTY_SCREEN).next().unwrap_or_default().to_owned();
    let entries = |look: &str| {
        let line = look.lines().find(|line| line.contains("web-1"))?.to_owned();
        line.split_whitespace().filter_map(|cell| cell.parse::<u64>().ok()).max()
    };
    wait_for("the first entries", || entries(&last()).filter(|count| *count >= 40));
    let look = last();
    for column in ["state", "lag", "entries/s", "lost", "last error", "1 of 1 machines up", "Ctrl-C ends"] {
        assert!(look.contains(column), "`{column}` in:\n{look}");
    }
    journal::write(&here.join("journal"), "web-1", 0x61, 41, 25);
    wait_for("further entries", || entries(&last()).filter(|count| *count >= 65));
    // A machine that goes is shown as failing, and why.
    drop(agent);
    wait_for("the trouble", || last().contains("failing").then_some(()));
    assert!(shown().matches(EMPTY_SCREEN).count() >= 3, "each look begins anew");
    view.stdin.as_mut().expect("its keys").write_all(b"\x03").expect("Ctrl-C pressed");
    assert!(wait_for("its end", || view.try_wait().expect("its state")).success(), "Ctrl-C ends it well");

    // Once: it says how to look on, and the exit code that one fails.
    let once = on_a_terminal(here, "", "once").wait().expect("it ends");
    let said = fs::read_to_string(here.join("once")).expect("what it said");
    assert!(said.contains("failing") && said.contains("status --watch"), "{said}");
    assert_eq!(once.code(), Some(1), "{said}");
    assert!(!said.contains(EMPTY_SCREEN), "{said}");
    assert!(collector.interrupt(), "it ends well");
}
