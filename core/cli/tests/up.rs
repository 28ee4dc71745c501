//! `infralogs up` as a newcomer uses it: one command, a page with the right numbers, edits followed, a tidy end.

mod parts;

use parts::{
    copy_scripts, free_port, journal,
    program::{Program, infralogs, run},
    repository, sqlite, wait_for,
};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

const ENTRIES: u64 = 1_000;
const MACHINE: u128 = 0x5151_0000_1111_2222_3333_4444_5555_6666;
/// The entries' time: the page is asked for just that.
const WINDOW: &str = "from=2026-09-21T14:00:00Z&to=2026-09-21T14:30:00Z&tz=UTC&theme=dark";

fn start(folder: &Path, listen: &str) -> Program {
    let args = ["up", "--journal", "journal", "--data", "data", "--scripts", "scripts", "--listen", listen];
    let mut up = Program::start(&infralogs(), &args, folder);
    up.wait_for(&format!("http://{listen}/d/fleet"));
    up
}

fn stored(folder: &Path) -> u64 {
    let count = sqlite(folder, "SELECT count(*) FROM logs WHERE identifier NOT LIKE 'infralogs-%'");
    count.first().and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[test]
fn a_newcomer_sees_the_right_numbers_and_edits_are_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let scripts = copy_scripts(here);
    std::fs::create_dir(here.join("journal")).expect("a folder");
    journal::write(&here.join("journal"), "web-1", MACHINE, 1, ENTRIES);
    let listen = format!("127.0.0.1:{}", free_port());
    let up = start(here, &listen);
    wait_for("all entries in the store", || (here.join("data").exists() && stored(here) == ENTRIES).then_some(()));

    let edit = Edit { file: scripts.join("dashboards/fleet.rhai") };
    let seen = look(&format!("http://{listen}/d/fleet?{WINDOW}"), &edit);
    let count = |sql: &str| sqlite(here, &format!("SELECT count(*) FROM {sql}"))[0].parse::<u64>().expect("a number");
    assert_eq!(seen["errors"], count("logs WHERE priority <= 3"));
    assert_eq!(seen["logins"], count("failed_ssh"));
    assert_eq!(seen["hosts"], 1, "one host of that time");
    let said = up.said();
    assert!(
        said.contains("fleet.rhai:") && said.contains("did you mean `count`?"),
        "the terminal says it too:\n{said}"
    );

    // The port is taken: one clear error, and nothing else is touched.
    let second = run(&["up", "--demo", "--data", "other", "--scripts", "scripts", "--listen", &listen], here);
    let error = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && error.contains(&listen) && error.contains("error:"), "{error}");
    assert!(!here.join("other").exists(), "nothing was started");

    assert!(up.interrupt(), "Ctrl-C ends it in order");
    let again = start(here, &listen);
    journal::write(&here.join("journal"), "web-1", MACHINE, ENTRIES + 1, 50);
    wait_for("the new entries", || (stored(here) >= ENTRIES + 50).then_some(()));
    assert!(again.interrupt());
    assert_eq!(stored(here), ENTRIES + 50, "nothing twice");
}

/// A layout that the browser's script has edited.
struct Edit {
    file: std::path::PathBuf,
}

impl Edit {
    fn act(&self, what: &str) {
        let text = std::fs::read_to_string(&self.file).expect("the layout");
        let (from, to) = match what {
            "retitle" => (".title(\"Fleet\")", ".title(\"Our fleet\")"),
            "break" => ("errors.count()).good(0)", "errors.cuont()).good(0)"),
            "mend" => ("errors.cuont()).good(0)", "errors.count()).good(0)"),
            other => panic!("the browser asks for `{other}`"),
        };
        assert!(text.contains(from), "the shipped layout has {from}");
        std::fs::write(&self.file, text.replace(from, to)).expect("saved");
    }
}

/// What the browser saw on the page.
fn look(address: &str, edit: &Edit) -> serde_json::Value {
    let script = repository().join("core/cli/tests/browser/up.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .arg(address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut answer = node.stdin.take().expect("its input");
    let mut seen = None;
    for line in BufReader::new(node.stdout.take().expect("its output")).lines() {
        let line = line.expect("text");
        if let Some(what) = line.strip_prefix("please ") {
            edit.act(what);
            answer.write_all(b"done\n").expect("it listens");
        } else if let Some(numbers) = line.strip_prefix("saw ") {
            seen = serde_json::from_str(numbers).ok();
        }
    }
    assert!(node.wait().expect("it ends").success(), "the browser's scenes failed, see above");
    seen.expect("it says what it saw")
}
