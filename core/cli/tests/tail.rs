//! `infralogs tail --follow` shows every entry once, also those that come months late and thousands at a time.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts,
    program::{Program, infralogs},
    standin::{Machine, Standins},
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
