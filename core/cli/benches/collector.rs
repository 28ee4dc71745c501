//! What one collector carries: `cargo bench -p infralogs --bench collector [-- fleet | backlog | second]`.
//!
//! The collector is the real program in a process of its own. The agents are stand-ins of the tests, in this process
//! and so on the same two cores; each has an address, and so a connection, of its own.

#[path = "../tests/parts/mod.rs"]
mod parts;

use infralogs_core::{
    plugin::Store,
    testing::{
        batch,
        mariadb::Server,
        workload::{Load, median},
    },
    time::Time,
};
use infralogs_sqlite::Sqlite;
use parts::{
    ask::figure,
    copy_scripts, free_port,
    program::{Program, infralogs},
    standin::{Asked, Kept, Machine, Standins},
};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// What issue 6 asks for.
const DELAY_P99_S_MAX: f64 = 1.0;
const RESIDENT_MB_MAX: f64 = 250.0;
const BACKLOG_RATIO_MIN: f64 = 0.6;
const SECOND_RATIO_MIN: f64 = 1.0;

const TARGETS: usize = 5_000;
const BUSY: usize = 50;
/// What each of the busy ones writes.
const BUSY_PER_SECOND: u64 = 100;
const EVERY: Duration = Duration::from_secs(15);
/// The first rounds open connections and look who is there.
const WARM: Duration = Duration::from_secs(35);
const MEASURED: Duration = Duration::from_secs(90);

const MACHINES: usize = 12;
const BACKLOG: u64 = 50_000;
const BATCH: u64 = 5_000;
const ROUNDS: usize = 5;

fn main() {
    let typed: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| typed.is_empty() || typed.iter().any(|typed| typed == part);
    println!("{:<64} {:>12} {:>10}", "collector", "measured", "bound");
    if wanted("fleet") {
        fleet();
    }
    if wanted("backlog") {
        backlog();
    }
    if wanted("second") {
        second("SQLite", &|_| "sqlite://data/infralogs.db".into());
        let server = Server::start(&[]);
        second("MariaDB", &|_| server.url(&server.database()));
    }
}

fn line(what: &str, measured: &str, bound: &str) {
    println!("{what:<64} {measured:>12} {bound:>10}");
}

/// A folder with the shipped scripts, another schedule, and these agents as its fleet.
fn prepare(folder: &Path, schedule: &str, store: &str, agents: &Standins, name: impl Fn(usize) -> String) {
    copy_scripts(folder);
    fs::write(folder.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::write(folder.join("fleet.json"), agents.targets(name).to_string()).expect("written");
    let config = format!("scripts: scripts\nstore: {store}\ninventories: {{ fleet: fleet.json }}\n");
    fs::write(folder.join("infralogs.yaml"), config).expect("written");
}

fn collector(folder: &Path) -> (Program, String) {
    let listen = format!("127.0.0.1:{}", free_port());
    (Program::start(&infralogs(), &["collect", "--listen", &listen], folder), format!("http://{listen}"))
}

/// Five thousand targets every 15 seconds, fifty of which always have something to say.
fn fleet() {
    let name = |index: usize| format!("vm-{index}");
    let machine = |index| match index < BUSY {
        true => Machine::writing(name(index), BUSY_PER_SECOND),
        false => Machine::with(name(index), 1),
    };
    let agents = Standins::start((0..TARGETS).map(machine).collect());
    let folder = tempfile::tempdir().expect("a folder");
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(15.seconds).jitter(0.0);\n";
    prepare(folder.path(), schedule, "sqlite://data/infralogs.db", &agents, name);
    let (program, base) = collector(folder.path());
    std::thread::sleep(WARM);
    let (from, cpu, before) = (Instant::now(), program.cpu_s(), Delays::now(&base));
    std::thread::sleep(MEASURED);
    let (to, cpu, delays) = (Instant::now(), program.cpu_s() - cpu, Delays::now(&base).since(&before));

    // As the agents saw it: how much later than 15 seconds after the last time each was asked.
    let mut late: Vec<f64> = Vec::new();
    for index in 0..TARGETS {
        let asked: Vec<Instant> = agents.asked(index);
        let pairs = asked.windows(2).filter(|pair| pair[0] >= from && pair[1] <= to);
        late.extend(pairs.map(|pair| (pair[1] - pair[0]).as_secs_f64() - EVERY.as_secs_f64()));
    }
    late.sort_by(f64::total_cmp);
    let per_second = late.len() as f64 / (MEASURED - EVERY).as_secs_f64();
    let p99 = late[late.len() * 99 / 100];
    let bound = format!("{DELAY_P99_S_MAX:.0} s");
    line(&format!("{TARGETS} targets at 15 s, {BUSY} busy: polls a second"), &format!("{per_second:.0}"), "333");
    line("  start delay as agents see it, p99", &format!("{p99:.3} s"), &bound);
    line("  the same, longest", &format!("{:.3} s", late.last().expect("polls")), "");
    line("  the same at /metrics, p99", &format!("≤ {} s", delays.p99_s()), &bound);
    line("  resident, most", &format!("{:.0} MB", program.resident_mb_max()), &format!("{RESIDENT_MB_MAX:.0} MB"));
    line("  CPU of two cores", &format!("{:.0} %", cpu / MEASURED.as_secs_f64() * 50.0), "");
    let busy: u64 = figure(&base, "infralogs_entries_total") as u64;
    line("  entries stored since the start", &busy.to_string(), "");
    let failed = figure(&base, "infralogs_polls_failed_total");
    line("  polls that failed", &failed.to_string(), "0");
}

/// The histogram of start delays.
struct Delays(Vec<(f64, f64)>);

impl Delays {
    fn now(base: &str) -> Self {
        let (_, page) = parts::ask::ask(&format!("{base}/metrics"), &[]);
        let own = page.lines().filter_map(|line| line.strip_prefix("infralogs_poll_start_delay_seconds_bucket{le=\""));
        let pair = |line: &str| {
            let (limit, count) = line.split_once("\"} ")?;
            Some((limit.parse().unwrap_or(f64::INFINITY), count.parse().ok()?))
        };
        Self(own.filter_map(pair).collect())
    }

    fn since(&self, before: &Self) -> Self {
        Self(self.0.iter().zip(&before.0).map(|(now, then)| (now.0, now.1 - then.1)).collect())
    }

    /// The smallest limit within which 99 of a hundred are.
    fn p99_s(&self) -> f64 {
        let all = self.0.last().map_or(0.0, |(_, count)| *count);
        self.0.iter().find(|(_, count)| *count >= all * 0.99).map_or(f64::NAN, |(limit, _)| *limit)
    }
}

/// A backlog through the whole line, beside the same entries given to the store alone.
fn backlog() {
    let agents = Behind::new();
    let (mut alone, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(store_alone());
        whole.push(catch_up(&agents, 1, "sqlite://data/infralogs.db"));
    }
    let (alone, whole) = (median(alone), median(whole));
    line(&format!("SQLite alone, {MACHINES} × {BACKLOG} entries: entries/s"), &format!("{alone:.0}"), "");
    line("  polled, parsed and stored: entries/s", &format!("{whole:.0}"), "");
    line("  ratio", &format!("{:.2}", whole / alone), &format!("≥ {BACKLOG_RATIO_MIN}"));
}

/// Machines that have a backlog once it is let loose, and one entry before.
struct Behind {
    agents: Standins,
    loose: Arc<AtomicBool>,
}

impl Behind {
    fn new() -> Self {
        let loose = Arc::<AtomicBool>::default();
        let machine = |index| {
            let loose = loose.clone();
            let head = move || if loose.load(Ordering::Relaxed) { BACKLOG } else { 1 };
            Machine { head: Arc::new(head), kept: Some(Kept::default()), ..Machine::with(format!("vm-{index}"), 0) }
        };
        let machines: Vec<Machine> = (0..MACHINES).map(machine).collect();
        // Made before anything is measured: a fleet's agents take no time on the collector's machine.
        loose.store(true, Ordering::Relaxed);
        for machine in &machines {
            (1..BACKLOG).step_by(BATCH as usize).for_each(|after| _ = machine.answer(&Asked { after, limit: BATCH }));
        }
        Self { agents: Standins::start(machines), loose }
    }
}

fn store_alone() -> f64 {
    let mut loads = Vec::new();
    for first in (1..=BACKLOG).step_by(BATCH as usize) {
        for index in 0..MACHINES {
            let from = Time(batch::START.0 + first as i64 * 1_000);
            loads.push(Load::new(&format!("vm-{index}"), first, BATCH, from, 1_000));
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = Sqlite::new(folder.path().join("logs.db"));
    store.migrate().expect("migrate");
    let begun = Instant::now();
    loads.iter().for_each(|load| load.store(&store));
    (MACHINES as u64 * BACKLOG) as f64 / begun.elapsed().as_secs_f64()
}

/// Entries a second of so many collectors on one store. They run and know every machine before there is a backlog.
fn catch_up(behind: &Behind, collectors: usize, store: &str) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).limit(5000);\n";
    behind.loose.store(false, Ordering::Relaxed);
    prepare(folder.path(), schedule, store, &behind.agents, |index| format!("vm-{index}"));
    let running: Vec<(Program, String)> = (0..collectors).map(|_| collector(folder.path())).collect();
    let stored = || running.iter().map(|(_, base)| figure(base, "infralogs_entries_total")).sum::<f64>();
    let known = MACHINES as f64;
    wait(&stored, known);
    behind.loose.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let all = known * BACKLOG as f64;
    wait(&stored, all);
    (all - known) / begun.elapsed().as_secs_f64()
}

/// Waits until so many entries are stored, and no more.
fn wait(stored: &dyn Fn() -> f64, all: f64) {
    let begun = Instant::now();
    while stored() < all {
        assert!(begun.elapsed() < Duration::from_secs(300), "{} of {all} entries", stored());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!((stored() - all).abs() < 0.5, "{} entries of {all}", stored());
}

/// One collector beside two on the same store.
fn second(name: &str, store: &dyn Fn(usize) -> String) {
    let agents = Behind::new();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        one.push(catch_up(&agents, 1, &store(round)));
        two.push(catch_up(&agents, 2, &store(round)));
    }
    let (one, two) = (median(one), median(two));
    line(&format!("{name}, one collector: entries/s"), &format!("{one:.0}"), "");
    line(&format!("{name}, two collectors: entries/s"), &format!("{two:.0}"), "");
    line("  ratio", &format!("{:.2}", two / one), &format!("≥ {SECOND_RATIO_MIN:.0}"));
}
