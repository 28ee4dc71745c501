//! Targets and schedules change under a running collector: both are in force within a tick, and no state is lost.

mod parts;

use parts::{
    copy_scripts,
    program::{Program, infralogs},
    sqlite,
    standin::{Machine, Standins},
    wait_for,
};
use serde_json::Value;
use std::{fs, path::Path, time::Duration};

const MACHINES: usize = 6;

fn schedule(here: &Path, every: &str) {
    let text = format!("schedule(\"fleet\").targets(inventory(\"fleet.json\")).every({every}).jitter(0.0);\n");
    fs::write(here.join("scripts/schedules/fleet.rhai"), text).expect("written");
}

#[test]
fn targets_and_schedules_change_while_it_runs() {
    let agents = Standins::start((0..MACHINES).map(|at| Machine::writing(format!("vm-{at}"), 20)).collect());
    let all: Vec<Value> = agents.targets(|at| format!("vm-{at}")).as_array().cloned().unwrap_or_default();
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let fleet = |some: &[Value]| fs::write(here.join("fleet.json"), Value::from(some).to_string()).expect("written");
    fleet(&all[..4]);
    schedule(here, "1.seconds");
    let config = "scripts: scripts\nstore: sqlite://data/infralogs.db\n";
    fs::write(here.join("infralogs.yaml"), config).expect("written");
    let mut collector = Program::start(&infralogs(), &["collect"], here);
    collector.wait_for("collecting");
    let asked = |at: usize| agents.asked(at).len();
    let all_asked = |range: std::ops::Range<usize>, more: usize, before: &[usize]| {
        range.into_iter().all(|at| asked(at) >= before[at] + more)
    };
    wait_for("the first four", || all_asked(0..4, 2, &[0; MACHINES]).then_some(()));
    assert_eq!(asked(4) + asked(5), 0);

    // Two go, two come.
    fleet(&all[2..]);
    wait_for("the two that came", || all_asked(4..6, 2, &[0; MACHINES]).then_some(()));
    let counts = || (0..MACHINES).map(asked).collect::<Vec<_>>();
    let before = counts();
    wait_for("three more rounds", || all_asked(2..6, 3, &before).then_some(()));
    assert_eq!(counts()[..2], before[..2], "who is gone is not asked any more");

    // Once an hour: nobody is asked any more; and back again at once, though the next poll was an hour away.
    schedule(here, "1.hours");
    wait_for("nobody to be asked for three seconds", || {
        let before = counts();
        std::thread::sleep(Duration::from_secs(3));
        (counts() == before).then_some(())
    });
    let before = counts();
    schedule(here, "1.seconds");
    wait_for("everybody, soon", || all_asked(2..6, 2, &before).then_some(()));

    // The two that went come back and go on where they were.
    fleet(&all);
    wait_for("the two that came back", || all_asked(0..2, 2, &before).then_some(()));
    assert!(collector.interrupt(), "it ends well");
    let of_each = "SELECT count(*) || ' ' || count(DISTINCT seqnum) || ' ' || max(seqnum) FROM logs GROUP BY machine";
    let of_each = sqlite(here, of_each);
    assert_eq!(of_each.len(), MACHINES);
    for line in of_each {
        let numbers: Vec<&str> = line.split(' ').collect();
        assert!(numbers.iter().all(|number| *number == numbers[0]), "rows, distinct and newest: {line}");
    }
}
