//! Everything is killed at any moment, and at the end nothing is missing and nothing is there twice.
//!
//! Real agents on journals that are being written, two collectors on one MariaDB, proxies before all of them, and a
//! seed that says what breaks next: collectors, agents and the database die by `kill -9`, connections are cut or slow,
//! COMMITs and their answers are lost, scripts change, old files are vacuumed under the cursor. At the end the keys of
//! what is stored are those `journalctl` reads from the files, where files were removed what is stored and what is
//! counted as lost are all that was written, and every count is the count of the rows. Short in CI; longer, or with
//! other seeds:
//! `INFRALOGS_CHAOS_S=600 INFRALOGS_CHAOS_SEED=7 INFRALOGS_CHAOS_SEEDS=5 cargo test -p infralogs --test chaos -- --nocapture`

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts, free_port, journal,
    journald::Journald,
    program::{Program, agent, infralogs, run, stdout},
    proxy::{Mood, Proxy},
    wait_for,
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// The last of them loses old files.
const HOSTS: [&str; 4] = ["web-1", "web-2", "db-1", VACUUMED];
const VACUUMED: &str = "small-1";
/// How long it goes on in CI.
const CHAOS_S: u64 = 25;
/// The rollup that tells hosts apart by the minute.
const HOST_BY_MINUTE: u8 = 1;
/// How often something happens.
const PAUSE: Duration = Duration::from_millis(500);

/// SplitMix64: the same seed breaks the same things.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Who writes a machine's journal.
enum Writer {
    Remote(journal::Writer),
    Journald(Journald),
}

impl Writer {
    fn write(&mut self, count: u64) {
        match self {
            Self::Remote(writer) => writer.write(count),
            Self::Journald(journald) => {
                (0..count).for_each(|number| journald.write(&format!("MESSAGE=entry {number}\nPRIORITY=6\n")));
            }
        }
    }

    /// All that was written is in the files; how many entries that were.
    fn finish(&mut self, folder: &Path) -> u64 {
        match self {
            Self::Remote(writer) => writer.finish(),
            Self::Journald(journald) => {
                journald.flush();
                journal::keys(folder).iter().map(|(_, seqnum)| *seqnum).max().expect("entries")
            }
        }
    }
}

/// One machine: a journal that grows and the agent that serves it.
struct Machine {
    folder: PathBuf,
    listen: String,
    proxy: Proxy,
    writer: Writer,
    written: u64,
    agent: Option<Program>,
}

impl Machine {
    fn new(top: &Path, host: &str, number: u128) -> Self {
        let (mut folder, machine) = (top.join(host), 0x7777_0000 + number);
        std::fs::create_dir(&folder).expect("a folder");
        let writer = if host == VACUUMED {
            let journald = Journald::start(&folder, host, machine, "");
            folder = journald.journal();
            Writer::Journald(journald)
        } else {
            Writer::Remote(journal::Writer::new(&folder, host, machine))
        };
        let port = free_port();
        let (listen, proxy) = (format!("127.0.0.1:{port}"), Proxy::before(port));
        Self { folder, listen, proxy, writer, written: 0, agent: None }
    }

    fn start_agent(&mut self, top: &Path) {
        let journal = self.folder.display().to_string();
        let args = ["--journal", &journal, "--listen", &self.listen, "--token-file", "token"];
        self.agent = Some(Program::start(&agent(), &args, top));
    }

    /// Removes all files but the one that is written. How many.
    fn vacuum(&self) -> usize {
        let Writer::Journald(journald) = &self.writer else { return 0 };
        journald.rotate();
        let old = journald.archived();
        old.iter().for_each(|file| std::fs::remove_file(file).expect("removed"));
        old.len()
    }
}

struct Chaos {
    top: PathBuf,
    machines: Vec<Machine>,
    collectors: Vec<Option<Program>>,
    database: Arc<Server>,
    proxy: Proxy,
    chance: Chance,
    edits: u64,
}

impl Chaos {
    /// The configuration of a store on this port.
    fn configure(&self, name: &str, port: u16, schema: &str) {
        let mut config =
            format!("store: mysql://root@127.0.0.1:{port}/{schema}\nscripts: scripts\ninventories:\n  fleet:\n");
        for (host, machine) in HOSTS.iter().zip(&self.machines) {
            let port = machine.proxy.port();
            config += &format!("    - {{ name: {host}, url: \"http://127.0.0.1:{port}\", token_file: token }}\n");
        }
        std::fs::write(self.top.join(name), config).expect("a configuration");
    }

    fn start_collector(&mut self, which: usize) {
        let args = ["collect", "--config", "chaos.yaml"];
        self.collectors[which] = Some(Program::start(&infralogs(), &args, &self.top));
    }

    /// Something breaks, or is mended.
    fn happen(&mut self) -> String {
        match self.chance.below(18) {
            0..=2 => {
                let which = self.chance.below(2) as usize;
                self.collectors[which].take().into_iter().for_each(Program::kill);
                self.start_collector(which);
                format!("collector {which} killed and started")
            }
            3 | 4 => {
                let which = self.chance.below(HOSTS.len() as u64) as usize;
                let top = self.top.clone();
                self.machines[which].agent.take().into_iter().for_each(Program::kill);
                self.machines[which].start_agent(&top);
                format!("agent {} killed and started", HOSTS[which])
            }
            5 | 6 => {
                self.proxy.cut();
                "all connections to the database cut".into()
            }
            7 | 8 => {
                // Everything sent meanwhile is carried out, and nobody hears of it.
                self.proxy.set(Mood::Deaf);
                std::thread::sleep(Duration::from_millis(400));
                self.proxy.cut();
                self.proxy.set(Mood::Fair);
                "answers of the database lost".into()
            }
            9 => {
                let mood = if self.chance.below(2) == 0 { Mood::Slow } else { Mood::Fair };
                self.proxy.set(mood);
                format!("the way to the database is {mood:?}")
            }
            10 | 11 => {
                // A third of the COMMITs, and the answers to another third, until something else happens.
                self.proxy.set(Mood::LosesCommits);
                "COMMITs and their answers are lost".into()
            }
            12 | 13 => {
                let which = self.chance.below(HOSTS.len() as u64) as usize;
                self.machines[which].proxy.cut();
                let mood = if self.chance.below(2) == 0 { Mood::Slow } else { Mood::Fair };
                self.machines[which].proxy.set(mood);
                format!("connections to {} cut, the way to it is {mood:?}", HOSTS[which])
            }
            14 => {
                self.edits += 1;
                let file = self.top.join("scripts/parsers/failed_ssh.rhai");
                let text = std::fs::read_to_string(&file).expect("a parser");
                std::fs::write(file, format!("{text}// edit {}\n", self.edits)).expect("saved");
                "a parser edited".into()
            }
            15 | 16 => {
                // Where its proxy is slow some of it was not read.
                let removed = self.machines.last().map_or(0, Machine::vacuum);
                format!("{removed} files removed on {VACUUMED}")
            }
            _ => {
                self.database.kill();
                std::thread::sleep(Duration::from_millis(self.chance.below(800)));
                self.database.run();
                "the database killed and started".into()
            }
        }
    }
}

fn number_of(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn prepared(top: &Path, seed: u64) -> (Chaos, String) {
    copy_scripts(top);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(300.millis).limit(100).timeout(3.seconds).backoff(200.millis, 1.seconds);\n";
    std::fs::write(top.join("scripts/schedules/fleet.rhai"), schedule).expect("a schedule");
    std::fs::write(top.join("token"), "chaos-test-token-1\n").expect("a token");
    let machines = HOSTS.iter().enumerate().map(|(number, host)| Machine::new(top, host, number as u128)).collect();
    let database = Arc::new(Server::start(&[]));
    let schema = database.database();
    let proxy = Proxy::before(database.port());
    let mut chaos = Chaos {
        top: top.to_owned(),
        machines,
        collectors: vec![None, None],
        database,
        proxy,
        chance: Chance(seed),
        edits: 0,
    };
    chaos.configure("chaos.yaml", chaos.proxy.port(), &schema);
    chaos.configure("calm.yaml", chaos.database.port(), &schema);
    chaos.machines.iter_mut().for_each(|machine| machine.start_agent(top));
    (0..2).for_each(|which| chaos.start_collector(which));
    // From its first entry on all are accounted for.
    let first = format!(
        "SELECT count(*) FROM {schema}.logs WHERE host = '{VACUUMED}' AND seqnum = 1 AND identifier NOT LIKE 'infralogs-%'"
    );
    wait_for("its first entry", || chaos.database.try_sql(&first).ok().filter(|count| count.trim() == "1"));
    (chaos, schema)
}

#[test]
fn nothing_is_missing_and_nothing_is_there_twice() {
    let (seconds, first) = (number_of("INFRALOGS_CHAOS_S", CHAOS_S), number_of("INFRALOGS_CHAOS_SEED", 1));
    for seed in first..first + number_of("INFRALOGS_CHAOS_SEEDS", 1) {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut chaos, schema) = prepared(folder.path(), seed);
        let begun = Instant::now();
        storm(&mut chaos, seconds);
        // What was stored by the collectors under chaos, before calm returns.
        let stormy: u64 =
            chaos.database.sql(&format!("SELECT count(*) FROM {schema}.logs")).trim().parse().expect("a number");
        let written = calm(&mut chaos);
        let (unanswered, unheard) = (chaos.proxy.commits().unanswered(), chaos.proxy.commits().unheard());
        println!(
            "seed {seed}: {written} entries written, {stormy} stored while everything broke; {unanswered} answers to \
             COMMIT lost, and {unheard} COMMITs"
        );
        println!("calm after {:.1} s", begun.elapsed().as_secs_f32());
        settle(&chaos, &schema, seed);
        println!("settled after {:.1} s", begun.elapsed().as_secs_f32());
        assert!(stormy > 0 && written > seconds * 20, "something happened at all");
    }
}

/// Things break, one after the other, while machines write.
fn storm(chaos: &mut Chaos, seconds: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        for machine in &mut chaos.machines {
            machine.writer.write(20 + chaos.chance.below(60));
        }
        let what = chaos.happen();
        println!("{:>6.1} s  {what}", begun.elapsed().as_secs_f32());
        std::thread::sleep(PAUSE);
    }
}

/// Ends the collectors by force, and polls once more with nothing in the way. How many entries were written.
fn calm(chaos: &mut Chaos) -> u64 {
    chaos.collectors.drain(..).flatten().for_each(Program::kill);
    for machine in &mut chaos.machines {
        machine.written = machine.writer.finish(&machine.folder);
    }
    let written = chaos.machines.iter().map(|machine| machine.written).sum();
    let top = chaos.top.clone();
    for machine in &mut chaos.machines {
        machine.proxy.set(Mood::Fair);
        machine.agent.take().into_iter().for_each(Program::kill);
        machine.start_agent(&top);
        machine.agent.as_mut().expect("an agent").wait_for(&machine.listen);
    }
    stdout(run(&["collect", "--config", "calm.yaml", "--once"], &top));
    written
}

/// The account: what the files hold is what is stored, and every count is right.
fn settle(chaos: &Chaos, schema: &str, seed: u64) {
    let ask = |sql: &str| chaos.database.sql(sql).trim().to_owned();
    let mut machines = BTreeSet::new();
    for (host, machine) in HOSTS.iter().zip(&chaos.machines) {
        let journal = journal::keys(&machine.folder);
        if *host != VACUUMED {
            assert_eq!(journal.len() as u64, machine.written, "journalctl reads all of {host}");
        }
        let of_host = format!("FROM {schema}.logs WHERE host = '{host}' AND identifier NOT LIKE 'infralogs-%'");
        let rows = ask(&format!("SELECT seqnum_id, seqnum {of_host}"));
        let key = |line: &str| {
            let (id, seqnum) = line.split_once('\t').expect("two columns");
            (id.to_owned(), seqnum.parse::<u64>().expect("a number"))
        };
        let stored: Vec<(String, u64)> = rows.lines().map(key).collect();
        let distinct: BTreeSet<(String, u64)> = stored.iter().cloned().collect();
        let missing = journal.difference(&distinct).take(5).collect::<Vec<_>>();
        assert!(missing.is_empty(), "seed {seed}: missing of {host}: {missing:?} and maybe more");
        if *host == VACUUMED {
            let numbers = distinct.iter().map(|(_, seqnum)| *seqnum).collect();
            account(
                &ask(&format!("SELECT after_seqnum, before_seqnum, lost FROM {schema}.gaps")),
                numbers,
                machine.written,
            );
        } else {
            let invented = distinct.difference(&journal).take(5).collect::<Vec<_>>();
            assert!(invented.is_empty(), "seed {seed}: {host} never wrote {invented:?}");
        }
        assert_eq!(stored.len(), distinct.len(), "seed {seed}: entries of {host} are there twice");
        let ids = ask(&format!("SELECT DISTINCT machine {of_host}"));
        assert!(ids.lines().count() == 1 && machines.insert(ids.clone()), "one machine, its own: {ids}");
        let logins = journal::messages(&machine.folder);
        let logins = logins.iter().filter(|message| message.starts_with("Failed password")).count();
        let rows = ask(&format!(
            "SELECT count(*), count(DISTINCT seqnum_id, seqnum) FROM {schema}.failed_ssh WHERE host = '{host}'"
        ));
        assert_eq!(
            rows,
            format!("{logins}\t{logins}"),
            "seed {seed}: parsed rows of {host}, as often as their entries"
        );
    }
    let all = ask(&format!("SELECT count(*) FROM {schema}.logs"));
    let counted = ask(&format!("SELECT DISTINCT sum(n) FROM {schema}.rollups GROUP BY cube"));
    assert_eq!(counted, all, "seed {seed}: every rollup counts every row once");
    let unlike = ask(&format!(
        "SELECT count(*) FROM \
         (SELECT time - MOD(time, 60000000) AS b, host AS h, count(*) AS n FROM {schema}.logs GROUP BY b, h) AS l \
         LEFT JOIN (SELECT bucket AS b, host AS h, sum(n) AS n FROM {schema}.rollups WHERE cube = {HOST_BY_MINUTE} \
         GROUP BY b, h) AS r USING (b, h) WHERE r.n IS NULL OR r.n <> l.n"
    ));
    assert_eq!(unlike, "0", "seed {seed}: minutes of hosts whose rollup is not the number of their rows");
    let elsewhere = ask(&format!("SELECT count(*) FROM {schema}.gaps WHERE host <> '{VACUUMED}'"));
    assert_eq!(elsewhere, "0", "nothing was lost on the other machines");
    assert_eq!(ask(&format!("SELECT count(*) FROM {schema}.quarantine")), "0");
}

/// Each number is stored or in one counted hole, and none is in both.
fn account(gaps: &str, mut numbers: BTreeSet<u64>, written: u64) {
    let mut lost = 0;
    for gap in gaps.lines() {
        let cells: Vec<u64> = gap.split('\t').map(|cell| cell.parse().expect("a number")).collect();
        let missing = cells[0] + 1..cells[1];
        assert_eq!(cells[2], missing.end - missing.start, "as many as are missing there: {gap}");
        lost += cells[2];
        missing.for_each(|number| assert!(numbers.insert(number), "{number} is stored, and counted as lost"));
    }
    println!("{VACUUMED}: {written} entries written, {lost} lost");
    assert!(numbers.into_iter().eq(1..=written), "what is stored and what is lost are all that was written");
}
