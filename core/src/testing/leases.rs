//! Leases, what is known of targets, and retention.

use super::{Opened, batch};
use crate::{
    plugin::{Credential, LOGS, Process},
    table::TableDef,
    tables,
    time::Time,
    value::Value,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const HOLD: Duration = Duration::from_secs(60);

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|at| format!("fleet/web-{at}")).collect()
}

/// What one holds nobody else gets, however many are asked for at once; given back, it is free.
pub fn are_exclusive(opened: &Opened) {
    let (one, other) = (&*opened.store, &*opened.other);
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| one.claim("one", &names(0..250), HOLD).expect("claim"));
        let second = scope.spawn(|| other.claim("two", &names(0..250), HOLD).expect("claim"));
        (first.join().expect("claim"), second.join().expect("claim"))
    });
    let mut all = [first.clone(), second].concat();
    all.sort();
    let mut wanted = names(0..250);
    wanted.sort();
    assert_eq!(all, wanted, "each is claimed exactly once");
    assert_eq!(one.claim("one", &first, HOLD).expect("claim").len(), first.len(), "the owner may extend");
    one.release("one").expect("release");
    one.release("two").expect("release");
    assert_eq!(other.claim("three", &names(0..250), HOLD).expect("claim").len(), 250);
}

/// A lease ends by the store's clock.
pub fn end(opened: &Opened) {
    let name = names(0..1);
    assert_eq!(opened.store.claim("one", &name, Duration::from_millis(200)).expect("claim"), name);
    let until = Instant::now() + Duration::from_secs(20);
    while opened.other.claim("two", &name, HOLD).expect("claim").is_empty() {
        assert!(Instant::now() < until, "the lease never ends");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(opened.store.claim("one", &name, HOLD).expect("claim").is_empty());
}

/// Reports stand in `agents`; old rows go, younger ones stay.
pub fn agents_and_retention(opened: &Opened) {
    let store = &*opened.store;
    let target = batch::target("web-1");
    let report = |stream, at, error| store.report(&target, stream, Time(at), error).expect("report");
    let error = || batch::all(store, &tables::AGENTS).column("last_error").map(|column| column.get(0).into_owned());
    report("disk", 3_000_000, Some("no disk"));
    assert_eq!(error(), Some(Value::text("no disk")));
    report(LOGS, 4_000_000, Some("refused"));
    report("disk", 4_500_000, Some("no disk"));
    report("disk", 4_600_000, None);
    assert_eq!(error(), Some(Value::text("refused")), "that the disk is reported says nothing of the journal");
    report(LOGS, 5_000_000, Some("refused"));
    report(LOGS, 6_000_000, None);
    let agents = batch::all(store, &tables::AGENTS);
    assert_eq!(agents.len(), 1);
    for (name, value) in [
        ("host", Value::text("web-1")),
        ("last_error", Value::Missing),
        ("failed_at", Value::Int(5_000_000)),
        ("last_seen", Value::Int(6_000_000)),
        ("entries", Value::Int(0)),
    ] {
        assert_eq!(agents.column(name).expect(name).get(0), value, "{name}");
    }
    // Two days apart: what is a day old is dropped.
    const DAY: Duration = Duration::from_secs(86_400);
    let old = batch::entries("web-1", 1, 11);
    let mut young = crate::entry::Entries::default();
    let later = batch::START.plus(2 * DAY);
    for seqnum in 11..16 {
        young.push_field(b"MESSAGE", b"young");
        young.end(batch::cursor_at("web-1", seqnum, Time(later.0 + seqnum as i64)));
    }
    let between = batch::cursor("web-1", 10);
    store.commit(&batch::commit(&target, None, between, &old)).expect("commit");
    let next = young.last_cursor().expect("cursor");
    store.commit(&batch::commit(&target, Some(between), next, &young)).expect("commit");
    let logs = Arc::new(TableDef { keep_for: Some(DAY), ..(**tables::LOGS).clone() });
    let now = batch::START.plus(2 * DAY + DAY / 2);
    assert_eq!(store.retain(std::slice::from_ref(&logs), now).expect("retain"), 10);
    assert_eq!(batch::seqnums(store), (11..16).collect::<Vec<i64>>());
    assert_eq!(store.retain(&[logs], now).expect("retain"), 0);
}

/// How processes of ours do is kept row by row, and how large the store is can be said.
pub fn processes(opened: &Opened) {
    let store = &*opened.store;
    store.migrate().expect("migrated");
    let first = Process {
        at: Time(1_790_000_000_000_000),
        host: "pod-1".into(),
        process: "collector".into(),
        pid: 7,
        version: "0.1.0".into(),
        scripts: "abc".into(),
        bytes: [Some(1 << 40), None, None],
        ..Process::default()
    };
    let held =
        |path: &str, left_us| Credential { path: path.into(), age_us: Some(5), left_us, ..Credential::default() };
    let second = Process {
        at: first.at.plus(Duration::from_secs(60)),
        rejected: Some("it's wrong".into()),
        credentials: vec![held("creds/writer", Some(9)), held("creds/reader", None)],
        ..first.clone()
    };
    store.present(&first).expect("stored");
    store.present(&second).expect("stored");
    let rows = batch::all(store, &tables::PROCESSES);
    let cells = |name: &str| {
        let column = rows.column(name).expect("a column");
        (0..rows.len()).map(|row| column.get(row).into_owned()).collect::<Vec<_>>()
    };
    let mut told: Vec<_> = cells("credentials").into_iter().zip(cells("credentials_left")).collect();
    assert_eq!(told.pop(), Some((Value::Missing, Value::Missing)), "the older row is of a process without any");
    told.sort_by_key(|(path, _)| format!("{path:?}"));
    let path = |path: &str| Value::Text(path.to_owned().into());
    assert_eq!(told, [(path("creds/reader"), Value::Missing), (path("creds/writer"), Value::Int(9))]);
    assert_eq!(cells("rejected"), [path("it's wrong"), path("it's wrong"), Value::Missing]);
    assert_eq!(cells("store_bytes"), [(); 3].map(|()| Value::Int(1 << 40)));
    assert!(store.bytes().expect("asked").is_some_and(|bytes| bytes > 1_000), "the tables take some room");
}
