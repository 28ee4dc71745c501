//! A machine that is polled and pushes all the same: each entry is stored once, whichever way it comes, and the one who
//! pushes is told why it may not.

mod parts;

use parts::{
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs, run, stdout},
    sqlite,
    upload::sender,
    wait_for,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

const MACHINE: u128 = 0xfeed_0000_7777_2222_3333_4444_5555_6666;
/// How the machine is known that pushes.
const PUSHER: &str = "web-1";
const REFUSED: &str = "the machine is polled already";

/// Entries of the machine's journal that are stored: rows, and numbers.
fn stored(here: &Path) -> (u64, u64) {
    let count = |what: &str| {
        let sql = format!("SELECT count({what}) FROM logs WHERE identifier NOT LIKE 'infralogs-%'");
        sqlite(here, &sql)[0].parse().expect("a number")
    };
    (count("*"), count("DISTINCT seqnum_id || seqnum"))
}

struct World {
    folder: tempfile::TempDir,
    journals: PathBuf,
    agent: String,
    upload: String,
    writer: journal::Writer,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        copy_scripts(here);
        let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(300.millis).limit(100).backoff(100.millis, 300.millis);\n";
        fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
        fs::write(here.join("token"), "both-ways-token-1\n").expect("written");
        let (agent, upload) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let config = format!(
            "scripts: scripts\nstore: sqlite://data/infralogs.db\ninventories: {{ fleet: fleet.json }}\n\
             upload:\n  listen: {upload}\n  machines: [{{ name: {PUSHER}, address: 127.0.0.1 }}]\n"
        );
        fs::write(here.join("infralogs.yaml"), config).expect("written");
        let journals = here.join("journals");
        fs::create_dir(&journals).expect("a folder");
        let writer = journal::Writer::new(&journals, "web-1", MACHINE);
        let world = Self { folder, journals, agent, upload, writer };
        world.poll_as(None);
        world
    }

    fn here(&self) -> &Path {
        self.folder.path()
    }

    /// Writes so many further entries, and waits until journalctl reads them.
    fn write(&mut self, count: u64) {
        self.writer.write(count);
        let written = self.writer.written();
        wait_for("the journal", || (journal::keys(&self.journals).len() as u64 == written).then_some(()));
    }

    /// Who is polled from now on: the machine by this name, or nobody.
    fn poll_as(&self, name: Option<&str>) {
        let url = format!("http://{}", self.agent);
        let one = |name| json!({ "name": name, "url": url, "token_file": "token" });
        let fleet: Value = name.into_iter().map(one).collect();
        fs::write(self.here().join("fleet.json"), fleet.to_string()).expect("written");
    }

    fn push(&self) -> Output {
        sender(&format!("http://{}", self.upload), &self.journals, &[]).output().expect("it runs")
    }

    /// Everything written is stored, once; nothing beyond, and nothing is missing by any account.
    fn settle(&self) {
        let written = self.writer.written();
        wait_for("every entry", || (stored(self.here()).0 >= written).then_some(()));
        assert_eq!(stored(self.here()), (written, written), "rows, and numbers");
        let audit = stdout(run(&["audit", "--config", "infralogs.yaml", "--output", "csv"], self.here()));
        assert!(audit.contains(&format!(",{written},{written},0,0,0,0")), "{audit}");
        assert_eq!(sqlite(self.here(), "SELECT count(*) FROM gaps"), ["0"]);
    }
}

/// Known by one name both ways, or by two.
fn both_ways(polled_as: &str) {
    let mut world = World::new();
    world.write(700);
    let listen = ["--journal", "journals", "--listen", &world.agent, "--token-file", "token"];
    let mut agent = Program::start(&agent(), &listen, world.here());
    agent.wait_for(&world.agent);
    let mut collector = Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], world.here());
    collector.wait_for("/upload");
    assert!(world.push().status.success(), "nobody polls it");
    world.settle();

    // It is polled now: from where it pushed to, and what it pushes is refused.
    world.poll_as(Some(polled_as));
    world.write(300);
    world.settle();
    let refused = world.push();
    assert!(!refused.status.success(), "{}", String::from_utf8_lossy(&refused.stderr));
    collector.wait_for(REFUSED);
    for _ in 0..5 {
        // Both at once.
        world.write(150);
        assert!(!world.push().status.success());
    }
    world.settle();

    // Nobody polls it any more, and it sends again from where it was told last that all is stored.
    world.poll_as(None);
    wait_for("a push that is taken", || world.push().status.success().then_some(()));
    world.write(250);
    assert!(world.push().status.success());
    world.settle();

    // It goes on pushing whatever is written, and polls begin in the midst of it.
    let follow = ["--follow=yes".to_owned()];
    let mut child = sender(&format!("http://{}", world.upload), &world.journals, &follow).spawn().expect("it runs");
    world.write(200);
    world.settle();
    world.poll_as(Some(polled_as));
    wait_for("the end of what it pushes", || {
        world.write(20);
        std::thread::sleep(Duration::from_millis(300));
        child.try_wait().expect("its state")
    });
    world.settle();
    assert!(collector.interrupt(), "it ends well");
}

#[test]
fn known_by_one_name_each_entry_is_stored_once() {
    both_ways(PUSHER);
}

#[test]
fn known_by_two_names_each_entry_is_stored_once() {
    both_ways("agent-1");
}
