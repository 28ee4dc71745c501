//! The same entries whenever and however they are read, and enough of each kind.

use infralogs_core::{
    cursor::Cursor,
    entry::{Batch, Entry},
    fields,
    plugin::{Ask, Build, Filter, Settings},
    time::Time,
    value::Value,
};
use infralogs_demo::{Demo, HISTORY, HOSTS, PLUGIN, Stream};
use std::{collections::BTreeMap, time::Duration};

/// 2025-11-23T09:20:00Z
const NOW: Time = Time(1_763_889_600_000_000);

fn host(name: &str) -> Demo {
    Demo::new(name, 1, HISTORY, Stream::All, || NOW)
}

/// Reads on from `after` in batches until there is no more.
fn read_all(demo: &Demo, mut after: Option<Cursor>, limit: usize, now: Time) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let batch = demo.read_at(&Ask { after, limit, ..Ask::default() }, now);
        all.extend(batch.entries.iter().map(|entry| shown(&entry)));
        after = batch.next;
        if !batch.more {
            return all;
        }
    }
}

fn shown(entry: &Entry<'_>) -> String {
    let fields = entry.fields().map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()));
    format!("{} {}", entry.cursor, fields.collect::<Vec<_>>().join(" "))
}

#[test]
fn reading_on_is_exact_in_batches_of_any_size_and_at_any_time() {
    for name in HOSTS {
        let host = |name| Demo::new(name, 1, Duration::from_secs(7_200), Stream::All, || NOW);
        let whole = read_all(&host(name), None, 100_000, NOW);
        let from = Time(whole_time(&whole[0]));
        for limit in [1_000, 97] {
            assert_eq!(read_all(&host(name), None, limit, NOW), whole, "{name} by {limit}");
        }
        // Read halfway an hour earlier, then on.
        let earlier = NOW.minus(Duration::from_secs(3_599));
        let mut early = host(name).read_at(&Ask { since: Some(from), limit: 100_000, ..Ask::default() }, earlier);
        let mut all: Vec<_> = early.entries.iter().map(|entry| shown(&entry)).collect();
        all.extend(read_all(&host(name), early.next.take(), 500, NOW));
        assert_eq!(all, whole, "{name} in two parts");
    }
}

fn whole_time(shown: &str) -> i64 {
    let cursor: Cursor = shown.split(' ').next().expect("a cursor").parse().expect("a cursor");
    cursor.time().0
}

#[test]
fn the_fleet_shows_every_kind() {
    let (mut total, mut priorities) = (0, BTreeMap::new());
    let mut kinds: BTreeMap<(String, String), usize> = BTreeMap::new();
    for name in HOSTS {
        let demo = Demo::new(name, 1, infralogs_demo::KEPT, Stream::All, || NOW);
        let batch = demo.read_at(&Ask { limit: 1_000_000, ..Ask::default() }, NOW);
        total += host(name).read_at(&Ask { limit: 1_000_000, ..Ask::default() }, NOW).entries.len();
        for entry in batch.entries.iter() {
            let text = |field| match fields::read(&entry, field) {
                Value::Text(text) => text.into_owned(),
                _ => String::new(),
            };
            let Value::Int(priority) = fields::read(&entry, "priority") else {
                panic!("no priority: {}", shown(&entry))
            };
            *priorities.entry(priority).or_insert(0) += 1;
            *kinds.entry((name.into(), text("identifier"))).or_default() += 1;
            assert_eq!(text("host"), name);
        }
    }
    assert!((20_000..40_000).contains(&total), "{total} entries in six hours");
    assert_eq!(priorities.keys().copied().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>(), "{priorities:?}");
    for (host, identifier) in [("web-1", "nginx"), ("web-2", "checkout-api"), ("db-1", "postgres")] {
        assert!(kinds[&(host.into(), identifier.into())] > 500, "{kinds:?}");
    }
    for host in HOSTS {
        for identifier in ["sshd", "systemd", "kernel", "CRON", "infralogs-disk"] {
            assert!(kinds.contains_key(&(host.into(), identifier.into())), "{host} {identifier}: {kinds:?}");
        }
    }
}

#[test]
fn disk_reports_are_whole_and_grow() {
    let read = |stream| {
        let ask = Ask { limit: 100_000, ..Ask::default() };
        Demo::new("db-1", 1, HISTORY, stream, || NOW).read_at(&ask, NOW)
    };
    let (disk, logs, all) = (read(Stream::Disk), read(Stream::Logs), read(Stream::All));
    assert_eq!(disk.entries.len() + logs.entries.len(), all.entries.len());
    assert_eq!(disk.entries.len(), 720);
    assert!(disk.head != logs.head, "streams have counters of their own");
    let used = |entry: &Entry<'_>| -> u64 {
        let number = |name| -> u64 { fields::read(entry, name).to_owned_text().parse().expect("a number") };
        let message = fields::read(entry, "message").to_owned_text();
        let used = number("DISK_USED_BYTES");
        assert!(message.contains(&format!(" used_bytes={used} ")), "{message}");
        assert_eq!(used + number("DISK_FREE_BYTES"), number("DISK_TOTAL_BYTES"));
        used
    };
    let of = |index: usize| used(&disk.entries.get(index));
    assert!(of(718).min(of(719)) > 0 && of(0) + of(1) < of(718) + of(719), "usage grows");
}

/// Text of a value that must be there.
trait OwnedText {
    fn to_owned_text(self) -> String;
}

impl OwnedText for Value<'_> {
    fn to_owned_text(self) -> String {
        match self {
            Value::Text(text) => text.into_owned(),
            other => panic!("no text: {other:?}"),
        }
    }
}

#[test]
fn what_was_rotated_away_is_a_gap_with_its_number() {
    let demo = host("web-1");
    let ask = |after: Option<Cursor>| Ask { after, limit: 10, ..Ask::default() };
    let long_ago = NOW.minus(Duration::from_secs(30 * 3_600));
    let last = demo.read_at(&ask(None), long_ago).next;
    let batch: Batch = demo.read_at(&ask(last), NOW);
    let gap = batch.gaps.first().expect("a gap");
    assert_eq!((gap.after, Some(gap.before)), (last, batch.entries.iter().next().map(|entry| entry.cursor)));
    // Twelve hours are missing (read until 36 h ago, kept for 24 h): counted by reading them while they were there.
    let there = demo.read_at(&Ask { after: last, limit: 1_000_000, ..Ask::default() }, long_ago);
    let until = demo.read_at(
        &Ask { after: there.next, limit: 1_000_000, ..Ask::default() },
        NOW.minus(Duration::from_secs(6 * 3_600)),
    );
    let missing =
        there.entries.iter().chain(until.entries.iter()).filter(|entry| entry.cursor.seqnum < gap.before.seqnum);
    assert_eq!(gap.lost, Some(missing.count() as u64));
    // Another counter: nobody can know.
    let other = Cursor { seqnum_id: batch.machine, ..last.expect("a cursor") };
    assert_eq!(demo.read_at(&ask(Some(other)), NOW).gaps.first().map(|gap| gap.lost), Some(None));
}

#[test]
fn filters_limits_and_hello() {
    let demo = host("web-1");
    let hello = demo.read_at(&Ask { limit: 0, ..Ask::default() }, NOW);
    assert!(hello.entries.is_empty() && hello.head.is_some() && hello.next.is_none());
    let all = demo.read_at(&Ask { limit: 100_000, ..Ask::default() }, NOW);
    let filter = Filter { priority_max: Some(4), units: vec!["checkout-api.service".into()], ..Filter::default() };
    let some = demo.read_at(&Ask { limit: 100_000, filter: filter.clone(), ..Ask::default() }, NOW);
    assert_eq!(some.entries.len(), all.entries.iter().filter(|entry| filter.passes(entry)).count());
    assert_eq!(some.entries.len() as u64 + some.dropped, all.entries.len() as u64);
    assert_eq!((some.next, some.head), (all.next, all.head));
    let (since, until) = (NOW.minus(Duration::from_secs(600)), NOW.minus(Duration::from_secs(300)));
    let part = demo.read_at(&Ask { since: Some(since), until: Some(until), limit: 100_000, ..Ask::default() }, NOW);
    assert!(!part.entries.is_empty() && part.entries.iter().all(|entry| (since..until).contains(&entry.time())));
}

#[test]
fn settings_are_checked_and_the_readme_shows_the_sample() {
    let Build::Source(build) = PLUGIN.build else { panic!("no source") };
    build(&Settings::of(serde_json::json!({"host": "web-1", "seed": 1, "history": "6h"}))).expect("the sample");
    for wrong in
        [r#"{}"#, r#"{"host":"a","history":"3 weeks"}"#, r#"{"host":"a","history":"7d"}"#, r#"{"host":"a","x":1}"#]
    {
        assert!(build(&Settings::of(wrong.parse().expect("JSON"))).is_err(), "{wrong}");
    }
    let readme = std::fs::read_to_string("README.md").expect("README");
    assert!(readme.contains(&format!("```yaml\n{}```", PLUGIN.sample)));
}
