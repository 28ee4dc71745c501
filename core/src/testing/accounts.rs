//! The account of every hour: numbers given = rows + left out + damaged + lost.

use super::{Opened, batch};
use crate::{
    cursor::Cursor,
    entry::{Entries, Gap},
    plugin::{Commit, Committed, Store},
    table::TableDef,
    tables,
    time::Time,
    value::Value,
};
use std::{sync::Arc, time::Duration};

const HOUR_US: i64 = 3_600_000_000;

/// Entries by number, each at its hour since the start.
fn entries(name: &str, all: &[(u64, i64)]) -> Entries {
    let mut entries = Entries::default();
    for (seqnum, hour) in all {
        entries.push_field(b"MESSAGE", b"counted");
        entries.end(cursor(name, *seqnum, *hour));
    }
    entries
}

fn cursor(name: &str, seqnum: u64, hour: i64) -> Cursor {
    batch::cursor_at(name, seqnum, Time(batch::START.0 + hour * HOUR_US + seqnum as i64))
}

/// Hour, counted, dropped, unreadable and lost, by hour.
fn account(store: &dyn Store) -> Vec<[i64; 5]> {
    let rows = batch::all(store, &tables::AUDIT);
    let int = |name: &str, row| match rows.column(name).expect(name).get(row) {
        Value::Int(int) => int,
        other => panic!("{name}: {other:?}"),
    };
    let row = |row| {
        let hour = (int("time", row) - batch::START.0) / HOUR_US;
        [hour, int("counted", row), int("dropped", row), int("unreadable", row), int("lost", row)]
    };
    let mut all: Vec<[i64; 5]> = (0..rows.len()).map(row).collect();
    all.sort_unstable();
    all
}

/// Across batches, hours, holes and entries that are no rows; what lost its race counts nothing.
pub fn accounts_add_up(opened: &Opened) {
    let (store, name) = (&*opened.store, "web-1");
    let target = batch::target(name);
    // The first that is kept is 13: twelve were lost. 15 is left out by a rule.
    let first = entries(name, &[(13, 0), (14, 0), (16, 0)]);
    let gaps = [Gap { after: None, before: cursor(name, 13, 0), lost: Some(12) }];
    let one = cursor(name, 16, 0);
    let commit = Commit { gaps: &gaps, dropped: 1, ..batch::commit(&target, None, one, &first) };
    assert!(matches!(store.commit(&commit).expect("commit"), Committed::Stored { .. }));
    assert_eq!(store.commit(&commit).expect("again"), Committed::Lost);
    assert_eq!(account(store), [[0, 16, 1, 0, 12]]);

    // Across an hour: 17 damaged, 19 and 20 left out, 22 to 24 lost, and 26 left out behind the last.
    let second = entries(name, &[(18, 0), (21, 1), (25, 1)]);
    let gaps = [Gap { after: Some(cursor(name, 21, 1)), before: cursor(name, 25, 1), lost: Some(3) }];
    let two = cursor(name, 26, 2);
    let commit = Commit { gaps: &gaps, dropped: 3, unreadable: 1, ..batch::commit(&target, Some(one), two, &second) };
    assert!(matches!(opened.other.commit(&commit).expect("commit"), Committed::Stored { .. }));
    let all = account(store);
    assert_eq!(all.iter().map(|row| row[1]).sum::<i64>(), 26, "{all:?}");
    // Rows of each hour: 13, 14, 16, 18; 21, 25; none.
    for (row, stored) in all.iter().zip([4, 2, 0]) {
        assert_eq!(row[1], stored + row[2] + row[3] + row[4], "hour {}: {all:?}", row[0]);
    }
    let sums: Vec<i64> = (2..5).map(|at| all.iter().map(|row| row[at]).sum()).collect();
    assert_eq!(sums, [4, 1, 15]);

    // A report is no journal, and a counter begun anew is another account.
    let none = Entries::default();
    let disk = Commit { stream: "disk", ..batch::commit(&target, None, batch::cursor("disk", 7), &none) };
    store.commit(&disk).expect("commit");
    assert_eq!(account(store), all);
    let anew = entries("anew", &[(1, 2), (2, 2)]);
    let next = cursor("anew", 2, 2);
    store.commit(&batch::commit(&target, Some(two), next, &anew)).expect("commit");
    assert!(account(store).contains(&[2, 2, 0, 0, 0]), "{:?}", account(store));
    let agents = batch::all(store, &tables::AGENTS);
    let at = |name: &str| agents.column(name).expect(name).get(0).into_owned();
    assert_eq!((at("at_seqnum"), at("at_time")), (Value::Int(2), Value::Int(next.time().0)));
}

/// Retention takes rows and their account together.
pub fn accounts_go_with_their_rows(opened: &Opened) {
    const DAY: Duration = Duration::from_secs(86_400);
    let target = batch::target("web-1");
    let all = entries("web-1", &[(1, 0), (2, 72)]);
    opened.store.commit(&batch::commit(&target, None, cursor("web-1", 2, 72), &all)).expect("commit");
    assert_eq!(account(&*opened.store).len(), 2);
    let logs = Arc::new(TableDef { keep_for: Some(DAY), ..(**tables::LOGS).clone() });
    opened.store.retain(&[logs], batch::START.plus(3 * DAY + DAY / 2)).expect("retain");
    assert_eq!(account(&*opened.store), [[72, 1, 0, 0, 0]]);
}
