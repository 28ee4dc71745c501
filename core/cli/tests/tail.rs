//! `infralogs tail --follow` shows every entry once, also those that come months late and thousands at a time.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts,
    program::{Program, infralogs},
    standin::{Machine, Sent, Standins},
    wait_for,
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What each has when the tail begins, and afterwards.
const BEFORE: u64 = 20;
const BURST: u64 = 12_345;

/// The entries that a tail printed, each `(host, number)`.
fn shown(tail: &Program) -> Vec<(String, u64)> {
    let said = tail.said();
    // The last line may be half written.
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let read = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("an entry: {line}"));
        (entry["host"].as_str().expect("a host").to_owned(), entry["seqnum"].as_u64().expect("a number"))
    };
    whole.lines().map(read).collect()
}

fn follows(here: &Path, store: &str) {
    copy_scripts(here);
    let heads: Vec<Arc<AtomicU64>> = (0..3).map(|_| Arc::new(AtomicU64::new(BEFORE))).collect();
    let machine = |at: usize| {
        let head = heads[at].clone();
        Machine { head: Arc::new(move || head.load(Ordering::Relaxed)), ..Machine::with(format!("vm-{at}"), 0) }
    };
    let agents = Standins::start((0..3).map(machine).collect());
    let all = agents.targets(|at| format!("vm-{at}"));
    let fleet = |many: usize| {
        let some = &all.as_array().expect("a list")[..many];
        fs::write(here.join("fleet.json"), serde_json::Value::from(some).to_string()).expect("written");
    };
    fleet(2);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet.json\")).every(300.millis);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::write(here.join("infralogs.yaml"), format!("scripts: scripts\nstore: {store}\n")).expect("written");
    let mut collector = Program::start(&infralogs(), &["collect"], here);
    collector.wait_for("collecting");
    let tail = |more: &[&str]| {
        let args = [&["tail", "--config", "infralogs.yaml", "--json", "--follow"], more].concat();
        Program::start(&infralogs(), &args, here)
    };
    let begun = || parts::program::run(&["tail", "--config", "infralogs.yaml", "--json", "--last", "5000d"], here);
    wait_for("the first entries", || {
        (String::from_utf8_lossy(&begun().stdout).lines().count() as u64 == 2 * BEFORE).then_some(())
    });
    // One sees what is there and all that follows, one only what follows.
    let (everything, news) = (tail(&["--last", "5000d"]), tail(&["--last", "1s"]));
    let some = tail(&["--last", "1s", "--where", "level >= \"error\" & host == \"vm-1\""]);
    wait_for("what is there", || (shown(&everything).len() as u64 == 2 * BEFORE).then_some(()));
    std::thread::sleep(std::time::Duration::from_secs(2));

    // Entries of months ago: thousands at once, one alone, and a machine that was not known.
    heads[0].store(BURST, Ordering::Relaxed);
    heads[1].store(BEFORE + 1, Ordering::Relaxed);
    fleet(3);
    let numbers = |host: &str, from: u64, to: u64| (from..=to).map(|n| (host.to_owned(), n)).collect::<Vec<_>>();
    let mut late = numbers("vm-0", BEFORE + 1, BURST);
    late.extend(numbers("vm-1", BEFORE + 1, BEFORE + 1));
    late.extend(numbers("vm-2", 1, BEFORE));
    wait_for("all that came late", || (shown(&news).len() >= late.len()).then_some(()));
    heads[1].store(BURST, Ordering::Relaxed);
    late.extend(numbers("vm-1", BEFORE + 2, BURST));
    wait_for("the second burst", || (shown(&news).len() >= late.len()).then_some(()));
    wait_for("it too", || (shown(&everything).len() >= late.len() + 2 * BEFORE as usize).then_some(()));
    let once = |tail: &Program, wanted: Vec<(String, u64)>| {
        let shown = shown(tail);
        let distinct: BTreeSet<(String, u64)> = shown.iter().cloned().collect();
        assert_eq!(distinct.len(), shown.len(), "entries were shown twice");
        assert!(distinct == wanted.into_iter().collect(), "other entries than those stored");
    };
    once(&news, late.clone());
    late.extend(numbers("vm-0", 1, BEFORE));
    late.extend(numbers("vm-1", 1, BEFORE));
    once(&everything, late);
    // Those of one host that are errors, as a question asked afterwards finds them.
    let question =
        format!("logs.where(level >= \"error\" & host == \"vm-1\" & seqnum > {BEFORE}).last(5000.days).count()");
    let count = parts::program::stdout(parts::program::run(
        &["query", &question, "--config", "infralogs.yaml", "--output", "csv"],
        here,
    ));
    let count: usize = count.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("a number");
    assert!(count > 10, "{count} errors");
    wait_for("the errors of one host", || (shown(&some).len() >= count).then_some(()));
    assert_eq!(shown(&some).len(), count);
    assert!(shown(&some).iter().all(|(host, _)| host == "vm-1"));
}

#[test]
fn late_entries_and_bursts_are_shown_once_from_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    follows(folder.path(), "sqlite://data/infralogs.db");
}

#[test]
fn late_entries_and_bursts_are_shown_once_from_mariadb() {
    let (folder, database) = (tempfile::tempdir().expect("a folder"), Server::start(&[]));
    follows(folder.path(), &database.url(&database.database()));
}

/// The same entries at other times: cursors hold number and time in hexadecimal.
fn at_times(body: &[u8], time_us: impl Fn(u64) -> i64) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut pieces = text.split(";i=");
    let mut moved = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (seqnum, rest) = piece.split_once(';').expect("more of the cursor");
        let seqnum_is = u64::from_str_radix(seqnum, 16).expect("a number");
        let (before, time) = rest.split_once(";t=").expect("a time");
        let after = time.find(';').map_or(time, |at| &time[at..]);
        moved += &format!(";i={seqnum};{before};t={:x}{after}", time_us(seqnum_is));
    }
    moved.into_bytes()
}

/// A clock is set far back and far ahead: what is stored while somebody follows is shown once, whatever its time is.
#[test]
fn entries_of_clocks_that_jump_are_shown_once() {
    const STEP: u64 = 40;
    const DAY_S: i64 = 86_400;
    let now_us = parts::now_s() * 1_000_000;
    // Now, a day ago, in two days, and an hour ago.
    let jumps = [0, -DAY_S, 2 * DAY_S, -3_600];
    let time_us = move |seqnum: u64| {
        let jump = jumps[((seqnum.max(1) - 1) / STEP) as usize % jumps.len()];
        now_us + jump * 1_000_000 + seqnum as i64 * 1_000
    };
    let head = Arc::new(AtomicU64::new(STEP));
    let at = head.clone();
    let machine = Machine { head: Arc::new(move || at.load(Ordering::Relaxed)), ..Machine::with("vm-0", 0) };
    let agents = Standins::start(vec![machine.bent(move |_, body| Sent::Whole(at_times(&body, time_us)))]);
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    fs::write(here.join("fleet.json"), agents.targets(|_| "vm-0".into()).to_string()).expect("written");
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet.json\")).every(300.millis);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::write(here.join("infralogs.yaml"), "scripts: scripts\nstore: sqlite://data/infralogs.db\n").expect("written");
    let collector = Program::start(&infralogs(), &["collect"], here);
    let args = ["tail", "--config", "infralogs.yaml", "--json", "--follow"];
    let stored = || parts::program::run(&args[..4], here);
    wait_for("the first entries", || {
        (String::from_utf8_lossy(&stored().stdout).lines().count() as u64 == STEP).then_some(())
    });
    let tail = Program::start(&infralogs(), &args, here);
    wait_for("what is there", || (shown(&tail).len() as u64 == STEP).then_some(()));
    for (round, jump) in jumps.iter().enumerate().skip(1) {
        let all = (round as u64 + 1) * STEP;
        head.store(all, Ordering::Relaxed);
        wait_for(&format!("entries of a clock {jump} s off"), || (shown(&tail).len() as u64 >= all).then_some(()));
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    let numbers: BTreeSet<u64> = shown(&tail).iter().map(|(_, seqnum)| *seqnum).collect();
    assert_eq!((shown(&tail).len(), numbers.len()), (STEP as usize * jumps.len(), STEP as usize * jumps.len()));
    assert!(collector.interrupt(), "it ends well");
}
