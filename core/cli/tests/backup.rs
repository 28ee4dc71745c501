//! Backup while entries come in, and restore elsewhere: the very commands of deploy/OPERATIONS.md. What was stored
//! after the backup is read again, nothing is lost and nothing is there twice.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    ask::figure,
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs, run, stdout},
    repository, wait_for,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const ENTRIES: u64 = 40_000;
const MACHINE: u128 = 0x7171_0000_1111_2222_3333_4444_5555_6666;
/// Every tenth entry is a failed login.
const LOGINS: u64 = 10;

/// The command of a line of the operations page that begins so.
fn told(begins: &str) -> String {
    let page = fs::read_to_string(repository().join("deploy/OPERATIONS.md")).expect("the page");
    let found = page.split('`').find(|part| part.starts_with(begins));
    found.unwrap_or_else(|| panic!("deploy/OPERATIONS.md says `{begins} …`")).to_owned()
}

/// Runs a command of a person in a folder, whose home it is.
fn shell(command: &str, here: &Path) {
    let mut shell = Command::new("bash");
    let done =
        shell.args(["-o", "pipefail", "-c", command]).current_dir(here).env("HOME", here).output().expect("bash");
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A machine with an agent, and a folder for each place where its entries are stored.
struct World {
    folder: TempDir,
    journal: journal::Writer,
    agent_at: String,
    _agent: Program,
}

/// What a store holds.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    rows: u64,
    distinct: u64,
    newest: u64,
    checkpoint: u64,
    logins: u64,
    gaps: u64,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        copy_scripts(here);
        let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).limit(200);";
        fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
        fs::create_dir(here.join("journal")).expect("a folder");
        let mut journal = journal::Writer::new(&here.join("journal"), "web-1", MACHINE);
        journal.write(ENTRIES);
        fs::write(here.join("token"), "backup-test-token\n").expect("written");
        let agent_at = format!("127.0.0.1:{}", free_port());
        let args = ["--journal", "journal", "--listen", &agent_at, "--token-file", "token"];
        let mut agent = Program::start(&agent(), &args, here);
        agent.wait_for(&agent_at);
        Self { folder, journal, agent_at, _agent: agent }
    }

    /// A place of its own with this store, made ready as the page says of an upgrade.
    fn place(&self, name: &str, store: &str) -> PathBuf {
        let place = self.folder.path().join(name);
        fs::create_dir_all(place.join("data")).expect("a folder");
        let config = format!(
            "scripts: ../scripts\nstore: {store}\ninventories:\n  fleet:\n    \
             - {{ name: web-1, url: \"http://{}\", token_file: ../token }}\n",
            self.agent_at
        );
        fs::write(place.join("infralogs.yaml"), config).expect("written");
        place
    }

    fn collect(place: &Path) -> (Program, String) {
        stdout(run(&["check", "--config", "infralogs.yaml"], place));
        stdout(run(&["migrate"], place));
        let ops = format!("127.0.0.1:{}", free_port());
        (Program::start(&infralogs(), &["collect", "--listen", &ops], place), format!("http://{ops}"))
    }

    /// Stores entries in one place, and backs up in the midst of it.
    fn back_up(&self, place: &Path, back_up: impl FnOnce()) {
        let (collecting, ops) = Self::collect(place);
        let stored = || figure(&ops, "infralogs_entries_total");
        wait_for("entries", || (stored() >= 1_000.0).then_some(()));
        let before = stored();
        back_up();
        // Then the place is gone, before everything was stored.
        let after = stored();
        collecting.kill();
        assert!(before < ENTRIES as f64, "entries came in when the backup began: {before}");
        println!("{before} entries were stored when the backup began, {after} when it was made");
    }

    /// What the backup holds agrees with itself; what came after it is read again.
    fn go_on(&mut self, place: &Path, held: impl Fn() -> Held) {
        let backup = held();
        println!("the backup: {backup:?}");
        let newest = backup.newest;
        assert!((1_000..ENTRIES).contains(&newest), "made in the midst: {newest}");
        let whole = |entries: u64| {
            let (rows, distinct, newest, checkpoint) = (entries, entries, entries, entries);
            Held { rows, distinct, newest, checkpoint, logins: entries / LOGINS, gaps: 0 }
        };
        assert_eq!(backup, whole(newest), "rows of all tables up to one entry, which is the checkpoint's");
        let (collecting, _ops) = Self::collect(place);
        self.journal.write(100);
        let all = self.journal.written();
        wait_for("what came after the backup", || (held().rows >= all).then_some(()));
        assert!(collecting.interrupt(), "it ends well");
        assert_eq!(held(), whole(all));
        stdout(run(&["audit", "--config", "infralogs.yaml"], place));
    }
}

/// The numbers of one row, and the entry a checkpoint stands at.
fn held(numbers: &str, cursor: &str) -> Held {
    let mut numbers = numbers.split_whitespace().map(|number| number.parse().expect("a number"));
    let mut next = || numbers.next().expect("another");
    let at = cursor.split(';').find_map(|part| part.trim().strip_prefix("i=")).expect("a cursor");
    let checkpoint = u64::from_str_radix(at, 16).expect("hexadecimal");
    Held { rows: next(), distinct: next(), newest: next(), checkpoint, logins: next(), gaps: next() }
}

const HELD: &str = "SELECT count(*), count(DISTINCT seqnum), max(seqnum), (SELECT count(*) FROM failed_ssh), \
                    (SELECT count(*) FROM gaps) FROM logs WHERE identifier NOT LIKE 'infralogs-%'";

#[test]
fn sqlite_is_restored_elsewhere_and_goes_on() {
    let mut world = World::new();
    let url = "sqlite://data/infralogs.db";
    let (here, elsewhere) = (world.place("here", url), world.place("elsewhere", url));
    world.back_up(&here, || shell(&told("sqlite3 "), &here.join("data")));
    fs::rename(here.join("data/copy.db"), elsewhere.join("data/infralogs.db")).expect("moved");
    // What a newer version added is no hindrance.
    let data = elsewhere.join("data");
    shell("sqlite3 infralogs.db 'ALTER TABLE logs ADD COLUMN of_a_newer_version TEXT'", &data);
    let ask = |sql: &str| parts::sqlite(&elsewhere, sql).remove(0);
    let joined = HELD.replace(
        "count(*), count(DISTINCT seqnum), max(seqnum), (",
        "count(*) || ' ' || count(DISTINCT seqnum) || ' ' || max(seqnum) || ' ' || (",
    );
    let joined = joined.replace("failed_ssh), (", "failed_ssh) || ' ' || (");
    let logs = "SELECT c.cursor FROM checkpoints c WHERE c.seqnum_id IN \
                (SELECT seqnum_id FROM logs WHERE identifier NOT LIKE 'infralogs-%')";
    world.go_on(&elsewhere, || held(&ask(&joined), &ask(logs)));
    // Unless it says that it is another schema.
    shell("sqlite3 infralogs.db 'INSERT INTO schema_version VALUES (99)'", &data);
    let refused = run(&["migrate"], &elsewhere);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("schema version 99") && said.contains("help:"), "{said}");
}

#[test]
fn mariadb_is_restored_elsewhere_and_goes_on() {
    let mut world = World::new();
    let (first, second) = (Server::start(&["--log-bin=binlog", "--server-id=7"]), Server::start(&[]));
    let places = [("here", &first), ("elsewhere", &second)].map(|(name, server)| {
        server.sql("CREATE DATABASE infralogs");
        let place = world.place(name, &server.url("infralogs"));
        // Where a person's client finds its server.
        fs::write(place.join(".my.cnf"), format!("[client]\nuser=root\nsocket={}\n", server.path("sock").display()))
            .expect("written");
        place
    });
    let [here, elsewhere] = &places;
    world.back_up(here, || shell(&told("mariadb-dump "), here));
    fs::rename(here.join("infralogs.sql.zst"), elsewhere.join("infralogs.sql.zst")).expect("moved");
    first.kill();
    shell(&told("zstd -d "), elsewhere);
    let ask = |sql: &str| second.sql(&format!("USE infralogs; {sql}"));
    let logs = "SELECT c.cursor FROM checkpoints c WHERE c.seqnum_id IN \
                (SELECT seqnum_id FROM logs WHERE identifier NOT LIKE 'infralogs-%')";
    world.go_on(elsewhere, || held(&ask(HELD), &ask(logs)));
}
