//! What serving a journal costs the machine, beside systemd's own ways to read the same file in the same run: CPU of
//! the serving process, resident memory, and what an agent does that nobody asks.
//!
//! `-- million` makes the memory test serve a file of a million entries (it takes two minutes to make, once).
#![allow(missing_docs)]

#[path = "parts/corpus.rs"]
mod corpus;
#[path = "parts/process.rs"]
mod process;

use process::{Server, run};
use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

const ENTRIES: u64 = 50_000;
const MILLION: u64 = 1_000_000;
const ROUNDS: usize = 5;
/// How often ours is drawn in one round, and polled in vain: the kernel's count is coarse.
const DRAWS: usize = 8;
const POLLS: usize = 400;
const SPAWNS: usize = 40;
const CLIENTS: u64 = 3;
/// What `deploy/systemd` and `deploy/docker` set: one heap for all threads.
const AS_THE_UNIT: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "1")];
const IDLE: Duration = Duration::from_secs(20);
const EXPORT: &str = "accept: application/vnd.fdo.journal\r\n";
const JSON: &str = "accept: application/json\r\n";
const ZSTD: &str = "accept-encoding: zstd\r\n";

/// What is measured, each in µs of CPU an entry (a poll): one number a round.
#[derive(Default)]
struct Measured {
    ndjson: Vec<f64>,
    zstd: Vec<f64>,
    export: Vec<f64>,
    gatewayd_json: Vec<f64>,
    gatewayd_export: Vec<f64>,
    journalctl: Vec<f64>,
    poll: Vec<f64>,
    spawn: Vec<f64>,
}

fn main() {
    let below = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let journal = corpus::journal(&below, ENTRIES);
    let (agent, gatewayd) = (Server::agent(&journal, &[]), Server::gatewayd(&journal));
    same_export(&agent, &gatewayd);
    let after = newest(&agent);
    let mut all = Measured::default();
    for _ in 0..ROUNDS {
        let logs = format!("/logs?limit={ENTRIES}");
        all.ndjson.push(serve(&agent, DRAWS, &logs, ""));
        all.gatewayd_json.push(serve(&gatewayd, 1, "/entries", JSON));
        all.export.push(serve(&agent, DRAWS, &logs, EXPORT));
        all.gatewayd_export.push(serve(&gatewayd, 1, "/entries", EXPORT));
        all.zstd.push(serve(&agent, DRAWS, &logs, ZSTD));
        let (cpu, lines) = run(journalctl(&journal).args(["-o", "json", "--all"]));
        assert_eq!(lines as u64, ENTRIES);
        all.journalctl.push(cpu * 1e3 / ENTRIES as f64);
        let before = agent.cpu_ms();
        (0..POLLS).for_each(|_| agent.draw(&format!("/logs?after={after}"), "", |_| {}));
        all.poll.push((agent.cpu_ms() - before) * 1e3 / POLLS as f64);
        let spawned: f64 =
            (0..SPAWNS).map(|_| run(journalctl(&journal).arg(format!("--after-cursor={after}"))).0).sum();
        all.spawn.push(spawned * 1e3 / SPAWNS as f64);
    }
    all.print();
    drop(agent);
    memory(&below, &journal);
    idle(&journal);
}

impl Measured {
    fn print(&self) {
        println!(
            "\n{ENTRIES} entries, {ROUNDS} interleaved rounds; µs of CPU of the serving process, an entry (a poll)"
        );
        println!("{:<44} {:>9} {:>9} {:>9}", "", "min", "median", "max");
        for (what, times) in [
            ("infralogs-agent, NDJSON", &self.ndjson),
            ("infralogs-agent, NDJSON with zstd", &self.zstd),
            ("infralogs-agent, export", &self.export),
            ("systemd-journal-gatewayd, JSON", &self.gatewayd_json),
            ("systemd-journal-gatewayd, export", &self.gatewayd_export),
            ("journalctl -o json --all", &self.journalctl),
            ("infralogs-agent, an empty poll", &self.poll),
            ("journalctl started for an empty poll", &self.spawn),
        ] {
            let (min, median, max) = spread(times);
            println!("{what:<44} {min:>9.2} {median:>9.2} {max:>9.2}");
        }
        println!("\n{:<52} {:>9} {:>9}", "", "measured", "bound");
        let times = |peer: &[f64], ours: &[f64]| spread(peer).1 / spread(ours).1;
        row("NDJSON, less CPU than gatewayd JSON", times(&self.gatewayd_json, &self.ndjson), ">=", 10.0, "x");
        row("NDJSON, less CPU than journalctl -o json", times(&self.journalctl, &self.ndjson), ">=", 6.0, "x");
        row("export, less CPU than gatewayd export", times(&self.gatewayd_export, &self.export), ">=", 5.0, "x");
        row("NDJSON with zstd, less CPU than gatewayd JSON", times(&self.gatewayd_json, &self.zstd), ">=", 5.0, "x");
        row("empty poll, less CPU than starting journalctl", times(&self.spawn, &self.poll), ">=", 10.0, "x");
    }
}

/// µs of CPU an entry.
fn serve(server: &Server, draws: usize, path: &str, headers: &str) -> f64 {
    let before = server.cpu_ms();
    (0..draws).for_each(|_| server.draw(path, headers, |_| {}));
    (server.cpu_ms() - before) * 1e3 / (ENTRIES * draws as u64) as f64
}

/// Both must say the same, byte for byte, or nothing here means anything.
fn same_export(agent: &Server, gatewayd: &Server) {
    let said = |server: &Server| {
        let url = format!("http://x:{}@{}/entries", process::TOKEN, server.address);
        let asked = Command::new("curl").args(["-sSf", "-H", EXPORT.trim(), &url]).output();
        asked.expect("curl is installed").stdout
    };
    let (ours, theirs) = (said(agent), said(gatewayd));
    assert!(ours.len() > 1_000_000 && ours == theirs, "{} bytes and {}", ours.len(), theirs.len());
}

/// The newest entry's cursor.
fn newest(agent: &Server) -> String {
    let mut said = Vec::new();
    agent.draw("/logs?limit=0", "", |piece| said.extend_from_slice(piece));
    let said = String::from_utf8_lossy(&said);
    let from = said.split_once("\"head\":\"").expect("the closing line").1;
    from.split_once('"').expect("a cursor").0.to_owned()
}

/// Clients at once, who take a million entries or more together.
fn memory(below: &Path, journal: &Path) {
    let whole = std::env::args().any(|word| word == "million");
    let journal = if whole { corpus::journal(below, MILLION) } else { journal.to_owned() };
    let times = if whole { 1 } else { MILLION / CLIENTS / ENTRIES + 1 };
    let most = |environment| {
        let agent = Server::agent(&journal, environment);
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let headers = ["", ZSTD, EXPORT][client as usize % 3];
                let agent = &agent;
                scope.spawn(move || (0..times).for_each(|_| agent.draw("/entries", headers, |_| {})));
            }
        });
        agent.resident_mb_max()
    };
    row("3 clients draw a million entries: resident at most", most(&AS_THE_UNIT), "<=", 20.0, " MB");
    println!("{:<52} {:>9.2} MB", "  the same without the unit's environment", most(&[]));
}

/// Nobody asks anything.
fn idle(journal: &Path) {
    let agent = Server::agent(journal, &AS_THE_UNIT);
    newest(&agent);
    // What was begun for the last question ends first.
    thread::sleep(Duration::from_secs(12));
    let before = agent.wakes_and_writes();
    thread::sleep(IDLE);
    let after = agent.wakes_and_writes();
    row("idle: wakes in two seconds", (after.0 - before.0) * 2.0 / IDLE.as_secs_f64(), "<=", 1.0, "");
    row("idle: bytes written", after.1 - before.1, "<=", 0.0, "");
}

fn journalctl(journal: &Path) -> Command {
    let mut command = Command::new("journalctl");
    command.args(["-q", "--no-pager", "-D"]).arg(journal);
    command
}

fn spread(times: &[f64]) -> (f64, f64, f64) {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 2], times[times.len() - 1])
}

fn row(what: &str, measured: f64, sign: &str, bound: f64, unit: &str) {
    let fits = if sign == "<=" { measured <= bound } else { measured >= bound };
    let word = if fits { "" } else { "  MISSED" };
    println!("{what:<52} {measured:>9.2}{unit:<3} {sign} {bound}{unit}{word}");
}
