//! What may be asked of `/logs`: filters, times, waiting, and what is refused.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../../plugins/journal/tests/parts/mod.rs"]
mod parts;

use common::{LONG, Running};
use infralogs_core::{
    cursor::Cursor,
    entry::Batch,
    wire::{Limits, Reader},
};
use std::{
    thread,
    time::{Duration, Instant},
};

fn batch(agent: &Running, query: &str) -> Batch {
    let mut reader = Reader::new(Limits::default());
    reader.push(&agent.get(&format!("/logs?{query}"), &[], &[])).unwrap();
    reader.finish().unwrap()
}

#[test]
fn filters_give_what_journalctl_gives_and_count_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 600, 1, &[]);
    let agent = common::start(common::of(parts::open(&file)));
    let kernel = "SYSLOG_IDENTIFIER=kernel";
    for (query, arguments) in [
        ("unit=nginx.service", &["_SYSTEMD_UNIT=nginx.service"][..]),
        ("unit=nginx.service&unit=worker.service", &["_SYSTEMD_UNIT=nginx.service", "_SYSTEMD_UNIT=worker.service"]),
        ("unit=gr%C3%B6%C3%9Fe.service", &["_SYSTEMD_UNIT=größe.service"]),
        ("priority=3", &["-p", "3"]),
        ("match=SYSLOG_IDENTIFIER%3Dkernel", &[kernel]),
        ("match=SYSLOG_IDENTIFIER=kernel&priority=1", &[kernel, "-p", "1"]),
        ("match=TAG=b", &["TAG=b"]),
        ("match=MESSAGE=", &["MESSAGE="]),
        ("unit=no-such.service", &["_SYSTEMD_UNIT=no-such.service"]),
    ] {
        let theirs = parts::journalctl(&file, &[&["-o", "export"], arguments].concat());
        for limit in [5_000, 7] {
            let (mut all, mut dropped, mut after) = (Vec::new(), 0, None::<Cursor>);
            loop {
                let from = after.map(|after| format!("&after={after}")).unwrap_or_default();
                let got = batch(&agent, &format!("{query}&limit={limit}{from}"));
                (after, dropped) = (got.next, dropped + got.dropped);
                let more = got.more;
                all.push(got);
                if !more {
                    break;
                }
            }
            parts::assert_same(&parts::export(&all), &theirs, query);
            let count: usize = all.iter().map(|batch| batch.entries.len()).sum();
            assert_eq!(count as u64 + dropped, 600, "{query}");
        }
    }
}

#[test]
fn times_hold_and_what_is_no_question_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 300, 2, &[]);
    let agent = common::start(common::of(parts::open(&file)));
    let all = batch(&agent, "limit=5000");
    let time = |entry: usize| all.entries.get(entry).time().0;
    let times = |batch: &Batch| batch.entries.iter().map(|entry| entry.time().0).collect::<Vec<_>>();
    let between = batch(&agent, &format!("since={}&until={}", time(100), time(200)));
    assert_eq!(times(&between), (100..200).map(time).collect::<Vec<_>>());
    assert!(batch(&agent, "since=-1h").entries.is_empty());
    assert_eq!(batch(&agent, "until=2100-01-01T00:00:00Z").entries.len(), 300);
    for wrong in [
        "limit=50001",
        "limit=x",
        "wait=61",
        "after=nonsense",
        "priority=8",
        "since=yesterday-ish",
        "match=nothing",
        "untli=1",
    ] {
        let (status, said) = agent.ask(&format!("/logs?{wrong}"), common::TOKEN);
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap();
        assert_eq!((status.as_str(), said["error"]["what"].is_string()), ("400", true), "{wrong}: {said}");
    }
}

#[test]
fn who_waits_hears_at_once_what_is_written_and_else_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = parts::file(folder.path(), "source.journal", 50, 3, &[]);
    let agent = common::start(common::of(parts::open(folder.path())));
    let after = batch(&agent, "").next.unwrap();
    let begun = Instant::now();
    let nothing = batch(&agent, &format!("after={after}&wait=1"));
    assert!(begun.elapsed() >= Duration::from_secs(1) && nothing.entries.is_empty() && nothing.next == Some(after));

    let writer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(500));
        parts::write(&parts::text::entries_from(3, 4, parts::text::START_US + 3_600_000_000), &file, &[]);
    });
    let begun = Instant::now();
    let heard = batch(&agent, &format!("after={after}&wait=60"));
    writer.join().unwrap();
    assert!(!heard.entries.is_empty() && begun.elapsed() < LONG);
    // A filter that lets nothing pass waits on, and moves on.
    let begun = Instant::now();
    let passed = batch(&agent, &format!("after={after}&wait=1&unit=no-such.service"));
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!((passed.entries.len(), passed.dropped, passed.next), (0, 3, passed.head));
}
