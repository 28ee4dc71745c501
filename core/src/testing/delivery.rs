//! Nothing lost, nothing twice: conservation, the fence, replays.

use super::{Opened, batch};
use crate::{
    cursor::Cursor,
    entry::Gap,
    id::Id128,
    plugin::{Commit, Committed, Stream},
    table::{ParsedRows, Quarantined, Rows},
    tables,
    value::Value,
};
use std::sync::Barrier;

/// Everything a commit brings is there afterwards, and the checkpoint with it.
pub fn conserves(opened: &Opened) {
    let store = &*opened.store;
    let table = batch::table("conserved");
    store.prepare(std::slice::from_ref(&table)).expect("prepare");
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 1, 101));
    let mut rows = Rows::new(table.columns.clone());
    for at in 0..6 {
        let mut row = vec![Value::Missing; table.columns.len()];
        row[2] = Value::Int(at);
        rows.push(&row);
    }
    // Two rows of one entry, and an entry two parsers take.
    let parsed = |parser: &str| ParsedRows {
        table: table.clone(),
        parser: parser.into(),
        script: "s".into(),
        entry: vec![0, 0, 1, 5, 50, 99],
        rows: rows.clone(),
    };
    let quarantined = [Quarantined {
        entry: 7,
        cursor: entries.get(7).cursor,
        parser: "p".into(),
        script: "s".into(),
        reason: "no number".into(),
    }];
    let gaps = [Gap { after: None, before: entries.get(0).cursor, lost: Some(12) }];
    let next = batch::cursor("web-1", 100);
    let parsed = [parsed("one"), parsed("two")];
    let commit = Commit {
        parsed: &parsed,
        quarantined: &quarantined,
        gaps: &gaps,
        dropped: 3,
        unreadable: 2,
        ..batch::commit(&target, None, next, &entries)
    };
    assert_eq!(store.commit(&commit).expect("commit"), Committed::Stored { rows: 112 });
    assert_eq!(batch::seqnums(&*opened.other), (1..=100).collect::<Vec<i64>>());
    assert_eq!(batch::all(store, &table).len(), 12);
    let quarantine = batch::all(store, &tables::QUARANTINE);
    assert_eq!(quarantine.column("raw").expect("raw").get(0), Value::text("entry 8"));
    assert_eq!(quarantine.column("reason").expect("reason").get(0), Value::text("no number"));
    assert_eq!(batch::all(store, &tables::GAPS).column("lost").expect("lost").get(0), Value::Int(12));
    let stream = Stream { machine: commit.machine, seqnum_id: next.seqnum_id };
    assert_eq!(opened.other.checkpoint(&stream).expect("checkpoint"), Some(next));
    assert_eq!(store.last_stream("web-1").expect("stream"), Some(stream));
    assert_eq!(store.last_stream("web-2").expect("stream"), None);
    let known = opened.other.targets_of(stream.machine).expect("targets");
    assert_eq!(known, [("web-1".to_owned(), stream.seqnum_id)]);
    assert_eq!(store.targets_of(Id128::of(&[b"nobody"])).expect("targets"), []);
    let agents = batch::all(store, &tables::AGENTS);
    for (column, value) in [("entries", 100), ("dropped", 3), ("unreadable", 2)] {
        assert_eq!(agents.column(column).expect(column).get(0), Value::Int(value), "{column}");
    }
}

/// Of two that read behind the same checkpoint, exactly one stores; at first polls and at later ones.
pub fn fences(opened: &Opened) {
    const ROUNDS: u64 = 20;
    for round in 0..ROUNDS {
        let start = Barrier::new(2);
        let race = |store: &dyn crate::plugin::Store| {
            start.wait();
            batch::put(store, "web-1", round * 10 + 1, round * 10 + 11)
        };
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| race(&*opened.store));
            let two = scope.spawn(|| race(&*opened.other));
            (one.join().expect("writer"), two.join().expect("writer"))
        });
        let lost = [one, two].iter().filter(|committed| **committed == Committed::Lost).count();
        assert_eq!(lost, 1, "round {round}: {one:?} {two:?}");
    }
    assert_eq!(batch::seqnums(&*opened.store), (1..=10 * ROUNDS as i64).collect::<Vec<_>>());
}

/// The same batch again (its answer was lost, say) writes nothing.
pub fn replays_nothing(opened: &Opened) {
    let store = &*opened.store;
    assert_eq!(batch::put(store, "web-1", 1, 11), Committed::Stored { rows: 10 });
    assert_eq!(batch::put(store, "web-1", 11, 21), Committed::Stored { rows: 10 });
    assert_eq!(batch::put(store, "web-1", 11, 21), Committed::Lost);
    assert_eq!(batch::put(store, "web-1", 1, 11), Committed::Lost);
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 31, 41));
    let never_stored = Some(batch::cursor("web-1", 30));
    let commit = batch::commit(&target, never_stored, batch::cursor("web-1", 40), &entries);
    assert_eq!(store.commit(&commit).expect("commit"), Committed::Lost);
    assert_eq!(batch::seqnums(store), (1..=20).collect::<Vec<i64>>());
    assert_eq!(batch::put(store, "web-2", 1, 11), Committed::Stored { rows: 10 }, "another machine");
}

/// A journal begun anew moves its checkpoint row along; never onto another one's.
pub fn moves_the_stream(opened: &Opened) {
    let store = &*opened.store;
    batch::put(store, "web-1", 1, 11);
    let (target, none) = (batch::target("web-1"), Default::default());
    let old = batch::cursor("web-1", 10);
    let anew = Cursor { seqnum_id: Id128::of(&[b"anew"]), seqnum: 1, ..old };
    assert_eq!(
        store.commit(&batch::commit(&target, Some(old), anew, &none)).expect("commit"),
        Committed::Stored { rows: 0 }
    );
    let stream = |seqnum_id| Stream { machine: batch::machine("web-1"), seqnum_id };
    assert_eq!(store.checkpoint(&stream(old.seqnum_id)).expect("checkpoint"), None);
    assert_eq!(store.checkpoint(&stream(anew.seqnum_id)).expect("checkpoint"), Some(anew));
    assert_eq!(store.last_stream("web-1").expect("stream"), Some(stream(anew.seqnum_id)));

    // A report of the same target has a counter of its own, which is not where its journal goes on.
    let report = Cursor { seqnum_id: Id128::of(&[b"disk"]), ..old };
    let disk = Commit { stream: "disk", ..batch::commit(&target, None, report, &none) };
    assert_eq!(store.commit(&disk).expect("commit"), Committed::Stored { rows: 0 });
    assert_eq!(store.last_stream("web-1").expect("stream"), Some(stream(anew.seqnum_id)));

    // The old stream is read anew by somebody else, who then wants to move onto the new one: lost.
    batch::put(store, "web-1", 0, 1);
    let again = batch::commit(&target, Some(batch::cursor("web-1", 0)), Cursor { seqnum: 5, ..anew }, &none);
    assert_eq!(store.commit(&again).expect("commit"), Committed::Lost);
    assert_eq!(store.checkpoint(&stream(anew.seqnum_id)).expect("checkpoint"), Some(anew));
}

/// A row that is there already (the checkpoint was deleted by hand, say) is not stored twice; the rest is.
pub fn quarantines_what_is_there_already(opened: &Opened) {
    let store = &*opened.store;
    batch::put(store, "web-1", 1, 11);
    let (target, entries) = (batch::target("web-1"), batch::entries("web-1", 8, 31));
    let expect = Some(batch::cursor("web-1", 10));
    let committed = store.commit(&batch::commit(&target, expect, batch::cursor("web-1", 30), &entries));
    assert_eq!(committed.expect("commit"), Committed::Stored { rows: 20 });
    assert_eq!(batch::seqnums(store), (1..=30).collect::<Vec<i64>>());
    let quarantine = batch::all(store, &tables::QUARANTINE);
    assert_eq!(quarantine.len(), 3);
    let Value::Text(raw) = quarantine.column("raw").expect("raw").get(0) else { panic!("no raw entry") };
    let raw: serde_json::Value = serde_json::from_str(&raw).expect("raw JSON");
    assert_eq!(raw["MESSAGE"], "entry 10", "the entry stands whole in quarantine");
}
