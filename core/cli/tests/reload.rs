//! Scripts change while a collector stores: nothing is lost or stored twice, no batch mixes two versions.

mod parts;

use parts::{
    free_port, journal,
    program::{Program, agent, infralogs, run, stdout},
    sqlite, wait_for,
};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

const ENTRIES: u64 = 8_000;
/// Entries of one poll, and so of one batch.
const BATCH: u64 = 50;

/// Every login, with the version of the script that read it.
fn parser(version: u32) -> String {
    format!(
        "parser(\"logins\").pattern(\"Failed password for invalid user u{{n:int}} from {{ip:ip}} port {{port:int}} ssh2\")\n    .set(\"version\", {version}).into(\"logins\");\n"
    )
}

/// A machine with a journal, its agent, and a collector's folder.
fn prepare(here: &Path, scripts: &[(&str, &str)]) -> Program {
    fs::create_dir(here.join("journal")).expect("a folder");
    journal::write(&here.join("journal"), "web-1", 0x77, 1, ENTRIES);
    fs::write(here.join("token"), "reload-test-token\n").expect("a token");
    fs::create_dir(here.join("scripts")).expect("a folder");
    let schedule =
        format!("schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).per_second(40).limit({BATCH});\n");
    for (name, text) in [("fleet.rhai", schedule.as_str()), ("logins.rhai", &parser(0))].iter().chain(scripts) {
        fs::write(here.join("scripts").join(name), text).expect("a script");
    }
    let listen = format!("127.0.0.1:{}", free_port());
    let config = format!(
        "scripts: scripts\nstore: sqlite://data/infralogs.db\ninventories:\n  fleet:\n    - {{ name: web-1, url: \"http://{listen}\", token_file: token }}\n"
    );
    fs::write(here.join("infralogs.yaml"), config).expect("a configuration");
    let mut agent =
        Program::start(&agent(), &["--journal", "journal", "--listen", &listen, "--token-file", "token"], here);
    agent.wait_for(&listen);
    agent
}

fn number(here: &Path, sql: &str) -> u64 {
    sqlite(here, sql).first().and_then(|first| first.parse().ok()).unwrap_or(0)
}

#[test]
fn reloads_under_ingest_lose_and_repeat_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let _agent = prepare(here, &[]);
    let mut collector = Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], here);
    collector.wait_for("collecting");
    let file = here.join("scripts/logins.rhai");
    let mut version = 0;
    wait_for("the whole journal, through many versions of the script", || {
        version += 1;
        // Every fourth edit is a mistake: the version before it goes on.
        let text = if version % 4 == 0 { parser(version).replace("into", "inot") } else { parser(version) };
        fs::write(&file, text).expect("saved");
        std::thread::sleep(std::time::Duration::from_millis(400));
        let logs = "SELECT count(*) FROM logs WHERE identifier NOT LIKE 'infralogs-%'";
        (number(here, logs) >= ENTRIES).then_some(())
    });
    assert!(collector.interrupt(), "it ends well");
    let stored = sqlite(here, "SELECT message FROM logs WHERE identifier NOT LIKE 'infralogs-%'");
    assert_eq!(stored.len() as u64, ENTRIES, "every entry once");
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), journal::messages(&here.join("journal")));
    assert_eq!(number(here, "SELECT count(*) FROM logins"), ENTRIES / 10, "every row once");
    assert_eq!(number(here, "SELECT count(DISTINCT n) FROM logins"), ENTRIES / 10);
    let versions = sqlite(here, "SELECT DISTINCT version FROM logins");
    assert!(versions.len() >= 4, "several versions read this journal: {versions:?}");
    assert!(
        versions.iter().all(|version| version.parse::<u32>().is_ok_and(|version| version == 0 || version % 4 != 0))
    );
    // Batches come in order, and so do versions: one that mixed two would show one coming back.
    let turns = sqlite(
        here,
        "SELECT count(*) FROM (SELECT version, lag(version) OVER (ORDER BY n) AS before FROM logins) WHERE version < before",
    );
    assert_eq!(turns, ["0"]);
}

/// SIGHUP reads everything again, also where nothing can tell that a file changed: here its folder is not watched.
#[test]
fn a_hangup_reloads() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let _agent = prepare(here, &[]);
    let mut collector = Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], here);
    collector.wait_for("collecting");
    // The gate refuses a type that does not fit what is stored; SIGHUP tries again and says so again.
    wait_for("rows", || (number(here, "SELECT count(*) FROM logins") > 0).then_some(()));
    fs::write(here.join("scripts/logins.rhai"), parser(1).replace("{n:int}", "{n}")).expect("saved");
    collector.wait_for("scripts rejected");
    let refusals = |said: String| said.matches("scripts rejected").count();
    let before = refusals(collector.said());
    let hangup = Command::new("kill").args(["-HUP", &collector.id().to_string()]).status();
    assert!(hangup.expect("kill runs").success());
    wait_for("another refusal", || (refusals(collector.said()) > before).then_some(()));
    let said = collector.said();
    assert!(said.contains("logins.rhai:1:") && said.contains("`n`"), "the place and the column: {said}");
    assert!(collector.interrupt(), "a hangup does not end it");
    assert!(stdout(run(&["check"], here)).contains("1 parser"), "the script itself is right");
}
