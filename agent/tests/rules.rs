//! Rules while they are edited: what is dropped or sampled is passed over for good, and an edit counts at once, also
//! for fields that were rendered before.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use common::{LONG, Running};
use infralogs_core::{entry::Batch, script::Scripts};
use std::{
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

/// Entries of a unit that fails, and of a program that says one secret in the same words again and again.
fn text(count: u64) -> Vec<u8> {
    let mut text = String::new();
    for number in 1..=count {
        let more = match number {
            1 => "_PID=1\nMESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c\nUNIT=s3cr3t.service\nUNIT_RESULT=timeout"
                .to_owned(),
            _ => format!("MESSAGE=token=s3cr3t\nNUMBER={number}\nSYSLOG_IDENTIFIER=app{}", number % 10),
        };
        let realtime = parts::text::START_US + number;
        text += &format!(
            "__REALTIME_TIMESTAMP={realtime}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={:032x}\n{more}\n\n",
            7
        );
    }
    text.into_bytes()
}

fn start(folder: &Path, rules: &str) -> Running {
    parts::write(&text(1_000), &folder.join("source.journal"), &[]);
    std::fs::create_dir(folder.join("scripts")).unwrap();
    std::fs::write(folder.join("scripts/rules.rhai"), rules).unwrap();
    let scripts =
        Scripts::open(&[folder.join("scripts")]).unwrap_or_else(|rejected| panic!("{}", rejected.draw(false)));
    scripts.watch();
    let agent = common::of(parts::open(&folder.join("source.journal")));
    common::start(agent.scripts(scripts))
}

#[test]
fn an_edited_rule_counts_at_every_exit_within_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let agent = start(folder.path(), "// None yet.\n");
    let exits = ["/logs?limit=5000", "/entries", "/reports/failed_units"];
    let says = |path: &str| String::from_utf8_lossy(&agent.get(path, &[], &[])).into_owned();
    assert!(exits.iter().all(|path| says(path).contains("s3cr3t")), "rendered once, and remembered");
    // A mistake changes nothing.
    let rules = folder.path().join("scripts/rules.rhai");
    std::fs::write(&rules, "rule(\"hide\").redcat(message, `s3cr3t`, \"***\");").unwrap();
    sleep(Duration::from_secs(3));
    assert!(says(exits[0]).contains("s3cr3t"));
    let hide = "rule(\"hide\").redact(message, `s3cr3t`, \"***\");\nrule(\"unit\").redact(UNIT, `s3cr3t`, \"***\");\n";
    std::fs::write(&rules, hide).unwrap();
    let begun = Instant::now();
    for path in exits {
        while says(path).contains("s3cr3t") {
            assert!(begun.elapsed() < LONG, "{path} still says it");
            sleep(Duration::from_millis(50));
        }
        assert!(says(path).contains("***"), "{path}");
    }
}

#[test]
fn what_is_dropped_or_sampled_is_passed_over_for_good_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let agent = start(
        folder.path(),
        "rule(\"few\").sample(identifier == \"app3\", 0.25);\nrule(\"none\").drop(identifier != \"app3\");\n",
    );
    let kept = |limit: usize| -> (Vec<String>, u64) {
        let batches = agent.batches(limit);
        let number = |batch: &Batch| {
            let numbers = batch.entries.iter().map(|entry| entry.field("NUMBER").unwrap().to_vec());
            numbers.map(|number| String::from_utf8(number).unwrap()).collect::<Vec<_>>()
        };
        let last = batches.last().unwrap();
        assert_eq!(last.next, last.head, "the place moves over what was dropped");
        (batches.iter().flat_map(number).collect(), batches.iter().map(|batch| batch.dropped).sum())
    };
    let (whole, dropped) = kept(5_000);
    assert!((10..45).contains(&whole.len()), "{} of 100", whole.len());
    assert_eq!(whole.len() as u64 + dropped, 1_000);
    // The same ones whatever the steps.
    assert_eq!(kept(7), (whole, dropped));
}
