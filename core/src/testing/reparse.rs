//! A table built anew from `logs`: nothing is missing and nothing twice, whoever commits or dies meanwhile.

use super::{Opened, batch};
use crate::{
    collect::{Reparsed, Step, rehearse, reparse},
    cursor::Cursor,
    entry::Entries,
    error::{Error, Kind},
    expr::{Compare, Expr},
    parse::{
        Parser, Plan,
        spec::{Extractor, ParserSpec},
    },
    plugin::{Commit, Committed, Store},
    query::{Aggregate, Key, Measure, Query, Shape},
    table::{Quarantined, Rollup, TableDef},
    tables,
    time::Time,
    value::Value,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Entries are a second apart.
const SECOND: i64 = 1_000_000;
/// From this entry of a machine on everything is parsed again, where its clock is right.
const SINCE: u64 = 6_000;
/// Entries that each machine has before anything is built.
const BEFORE: u64 = 13_000;
const PATIENCE: Duration = Duration::from_secs(120);

fn since() -> Time {
    Time(batch::START.0 + SINCE as i64 * SECOND)
}

/// The parser before it was changed, and after: a column's type is another, and there is one more.
fn parser(pattern: &str, script: &str) -> Arc<Parser> {
    let spec = ParserSpec {
        name: "made".into(),
        place: String::new(),
        script: script.into(),
        from: Some(Expr::compare(Compare::Eq, Expr::field("identifier"), Expr::text("made"))),
        input: "message".into(),
        lines: None,
        extractors: vec![Extractor::Dissect(pattern.into())],
        steps: Vec::new(),
        strict: false,
        columns: None,
        table: "made".into(),
        keep_for: None,
        keep_size: None,
        rollups: if script == "new" {
            vec![Rollup { by: vec!["host".into(), "word".into()], of: vec!["number".into()] }]
        } else {
            vec![Rollup { by: vec!["host".into()], of: Vec::new() }]
        },
        examples: Vec::new(),
    };
    Arc::new(Parser::compile(spec).expect("the parser"))
}

fn old() -> Arc<Parser> {
    parser("entry {number}", "old")
}

fn new() -> Arc<Parser> {
    parser("{word} {number:int}", "new")
}

/// What the new parser makes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    /// One row; the old one made one too.
    Row,
    /// It fails, which the old one did not.
    Fails,
    /// Both have nothing to do with it.
    Other,
    /// One row; the old one failed.
    Mended,
}

fn kind(seqnum: u64, time: Time) -> Kinds {
    match seqnum % 10 {
        7 if time >= since() => Kinds::Fails,
        8 => Kinds::Other,
        9 => Kinds::Mended,
        _ => Kinds::Row,
    }
}

/// The clock of the machine "odd" is two hours slow now and then.
fn time(machine: &str, seqnum: u64) -> Time {
    let slow = if machine == "odd" && (seqnum / 500) % 3 == 1 { 7_200 } else { 0 };
    Time(batch::START.0 + (seqnum as i64 - slow) * SECOND)
}

/// A machine whose entries are committed one batch after the other.
struct Feed {
    machine: &'static str,
    next: u64,
    last: Option<Cursor>,
    parser: Arc<Parser>,
}

impl Feed {
    fn new(machine: &'static str) -> Self {
        Self { machine, next: 1, last: None, parser: old() }
    }

    /// One batch, as a collector stores it.
    fn try_commit(&mut self, store: &dyn Store, many: u64) -> crate::Result<()> {
        let (target, mut entries) = (batch::target(self.machine), Entries::default());
        for seqnum in self.next..self.next + many {
            let time = time(self.machine, seqnum);
            entries.push_field(b"_HOSTNAME", self.machine.as_bytes());
            entries.push_field(b"SYSLOG_IDENTIFIER", b"made");
            let message = match kind(seqnum, time) {
                Kinds::Row | Kinds::Mended => format!("entry {seqnum}"),
                Kinds::Fails => format!("entry x{seqnum}"),
                Kinds::Other => "other".into(),
            };
            entries.push_field(b"MESSAGE", message.as_bytes());
            entries.end(batch::cursor_at(self.machine, seqnum, time));
        }
        let mut parsed = Plan::new(vec![self.parser.clone()]).run(&entries, batch::START);
        if *self.parser.spec.script == *"old" {
            self.fail_on_some(&entries, &mut parsed);
        }
        let next = entries.last_cursor().expect("entries");
        let commit = Commit {
            parsed: &parsed.rows,
            quarantined: &parsed.quarantined,
            ..batch::commit(&target, self.last, next, &entries)
        };
        assert!(matches!(store.commit(&commit)?, Committed::Stored { .. }), "nobody else has this machine");
        (self.last, self.next) = (Some(next), self.next + many);
        Ok(())
    }

    /// The old parser fails where the new one is mended.
    fn fail_on_some(&self, entries: &Entries, parsed: &mut crate::parse::Parsed) {
        let fails = |index: &u32| {
            let cursor = entries.get(*index as usize).cursor;
            kind(cursor.seqnum, cursor.time()) == Kinds::Mended
        };
        for rows in &mut parsed.rows {
            let kept: Vec<usize> = (0..rows.entry.len()).filter(|row| !fails(&rows.entry[*row])).collect();
            let mut left = crate::table::Rows::new(rows.rows.defs.clone());
            for row in &kept {
                let values: Vec<Value<'_>> = rows.rows.columns.iter().map(|column| column.get(*row)).collect();
                left.push(&values);
            }
            rows.entry = kept.iter().map(|row| rows.entry[*row]).collect();
            rows.rows = left;
        }
        let failed = (0..entries.len() as u32).filter(fails).map(|entry| Quarantined {
            entry,
            cursor: entries.get(entry as usize).cursor,
            parser: "made".into(),
            script: "old".into(),
            reason: "it was wrong".into(),
        });
        parsed.quarantined.extend(failed);
    }

    /// The same until it is stored: what a collector does when a table was built anew.
    fn commit(&mut self, store: &dyn Store, many: u64) {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.try_commit(store, many) {
                Ok(()) => return,
                Err(error) if error.kind == Kind::Conflict => {
                    // The old scripts' types are refused by now: the new ones are taken over.
                    if store.prepare(std::slice::from_ref(&self.parser.table)).is_err() {
                        self.parser = new();
                    }
                }
                Err(error) => assert_eq!(error.kind, Kind::Unavailable, "{error}"),
            }
            assert!(Instant::now() < end, "nothing can be stored any more");
        }
    }
}

/// Three machines and what they have before.
fn filled(opened: &Opened) -> Vec<Feed> {
    for store in [&opened.store, &opened.other] {
        store.prepare(std::slice::from_ref(&old().table)).expect("prepare");
    }
    let mut feeds: Vec<Feed> = ["web-1", "web-2", "odd"].map(Feed::new).into_iter().collect();
    for feed in &mut feeds {
        while feed.next <= BEFORE {
            feed.commit(&*opened.store, 1_000);
        }
    }
    feeds
}

/// The rows of a table by machine and number: the script, and what the column says.
fn rows(store: &dyn Store, table: &TableDef, column: &str) -> BTreeMap<(String, u64), Vec<(String, Value<'static>)>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for machine in ["web-1", "web-2", "odd", "web-3"] {
        let filter = Some(Expr::compare(Compare::Eq, Expr::field("host"), Expr::text(machine)));
        let shape = Shape::Latest { columns: Vec::new(), limit: crate::query::ROWS_MAX };
        let query = Query { table: table.name.as_str().into(), filter, last: None, shape };
        let rows = store.query(&query, table, &batch::always()).expect("query");
        assert!(rows.len() < crate::query::ROWS_MAX, "the test sees all rows");
        for row in 0..rows.len() {
            let Some(Value::Int(seqnum)) = rows.column("seqnum").map(|column| column.get(row)) else {
                panic!("no key")
            };
            let script = rows.column("script").map_or(Value::Missing, |column| column.get(row));
            let Value::Text(script) = script else { panic!("no script") };
            let value = rows.column(column).expect(column).get(row).into_owned();
            found.entry((machine.to_owned(), seqnum as u64)).or_default().push((script.into_owned(), value));
        }
    }
    found
}

/// The table is as the old parser left it, wholly.
fn is_untouched(store: &dyn Store, feeds: &[Feed]) {
    let (rows, failed) = (rows(store, &old().table, "number"), quarantined(store));
    for feed in feeds {
        for seqnum in 1..feed.next {
            let key = (feed.machine.to_owned(), seqnum);
            let (of, kind) = (rows.get(&key).map_or(0, Vec::len), kind(seqnum, time(feed.machine, seqnum)));
            let wanted = usize::from(matches!(kind, Kinds::Row | Kinds::Fails));
            assert_eq!(of, wanted, "rows of {key:?}, {kind:?}");
            assert_eq!(failed.contains_key(&key), kind == Kinds::Mended, "quarantine of {key:?}, {kind:?}");
        }
    }
}

fn quarantined(store: &dyn Store) -> BTreeMap<(String, u64), Vec<(String, Value<'static>)>> {
    rows(store, &tables::QUARANTINE, "reason")
}

/// The table is as the new parser would have made it of every entry from `since` on and of those that came after it
/// was begun; older rows are there as they were. `begun`: where each machine was then.
fn is_anew(store: &dyn Store, feeds: &[Feed], begun: &[u64]) {
    let table = new().table.clone();
    let (rows, failed) = (rows(store, &table, "number"), quarantined(store));
    let words = self::rows(store, &table, "word");
    let mut entries = 0;
    for (feed, begun) in feeds.iter().zip(begun) {
        for seqnum in 1..feed.next {
            let (key, time) = ((feed.machine.to_owned(), seqnum), time(feed.machine, seqnum));
            let kind = kind(seqnum, time);
            // Between the two it may be either: it came while it was begun.
            let is_read = time >= since() || seqnum >= *begun;
            let wanted = match kind {
                Kinds::Row => 1,
                Kinds::Mended => usize::from(is_read),
                Kinds::Fails | Kinds::Other => 0,
            };
            let none = Vec::new();
            let own = rows.get(&key).unwrap_or(&none);
            assert_eq!(own.len(), wanted, "rows of {key:?}, {kind:?}: {own:?}");
            if let [(script, number)] = &own[..] {
                assert_eq!(
                    (script.as_str(), number),
                    (if is_read { "new" } else { "old" }, &Value::Int(seqnum as i64))
                );
                let word = &words[&key][0].1;
                assert_eq!(*word, if is_read { Value::text("entry") } else { Value::Missing }, "{key:?}");
            }
            let in_quarantine = failed.get(&key).map_or(0, Vec::len);
            let waits = kind == Kinds::Fails || (kind == Kinds::Mended && !is_read);
            assert_eq!(in_quarantine, usize::from(waits), "quarantine of {key:?}, {kind:?}: {:?}", failed.get(&key));
            entries += own.len();
        }
    }
    assert_eq!(rows.values().map(Vec::len).sum::<usize>(), entries, "no other rows");
    counts_are_right(store, &table, &rows);
}

/// What the rollup says is what the rows say.
fn counts_are_right(
    store: &dyn Store,
    table: &TableDef,
    rows: &BTreeMap<(String, u64), Vec<(String, Value<'static>)>>,
) {
    let measure = |name: &str, of| Measure { name: name.into(), of };
    let measures = vec![measure("count", Aggregate::Count), measure("sum", Aggregate::Sum("number".into()))];
    let by = vec![Key::Field("host".into())];
    let shape = Shape::Groups { every: None, by, measures, top: None };
    let query = Query { table: table.name.as_str().into(), filter: None, last: None, shape };
    let explained = store.explain(&query, table, &batch::always()).expect("explained");
    assert!(explained.reads.contains("counts of `made`"), "{}", explained.reads);
    let said = store.query(&query, table, &batch::always()).expect("query");
    assert_eq!(said.len(), rows.keys().map(|(machine, _)| machine).collect::<BTreeSet<_>>().len());
    for row in 0..said.len() {
        let Value::Text(host) = said.columns[0].get(row) else { panic!("no host") };
        let of_host = || rows.iter().filter(|((machine, _), _)| *machine == *host).flat_map(|(_, rows)| rows);
        let number = |value: &Value<'_>| if let Value::Int(int) = value { *int } else { 0 };
        assert_eq!(said.columns[1].get(row), Value::Int(of_host().count() as i64), "count of {host}");
        let sum: i64 = of_host().map(|(_, value)| number(value)).sum();
        assert_eq!(said.columns[2].get(row), Value::Int(sum), "sum of {host}");
    }
}

fn anew(store: &dyn Store, told: &mut dyn FnMut(Step)) -> crate::Result<Reparsed> {
    let parser = new();
    reparse(store, &parser.table, std::slice::from_ref(&parser), since(), &mut |step, _| {
        told(step);
        Ok(())
    })
}

/// A changed type is refused with what to do; then the table is built anew, twice with the same result.
pub fn is_built_anew(opened: &Opened) {
    let store = &*opened.store;
    let mut feeds = filled(opened);
    let refused = store.prepare(std::slice::from_ref(&new().table)).expect_err("another type");
    assert!(refused.to_string().contains("infralogs reparse --parser made"), "{refused}");
    let columns = |store: &dyn Store| store.columns("made").expect("columns").into_iter().map(|column| column.name);
    assert!(columns(store).any(|name| name == "number"));

    let parser = new();
    let told = &mut |_: Step, _: &Reparsed| Ok(());
    let pretended = rehearse(store, std::slice::from_ref(&parser), since(), told).expect("rehearse");
    is_untouched(store, &feeds);

    let stopped = reparse(store, &parser.table, std::slice::from_ref(&parser), since(), &mut |step, _| match step {
        Step::Decide => Err(Error::failed("told to stop")),
        _ => Ok(()),
    });
    assert!(stopped.is_err_and(|error| error.what == "told to stop"));
    is_untouched(store, &feeds);
    feeds[0].commit(store, 10);

    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    let done = anew(store, &mut |_| {}).expect("built anew");
    let (more, new_rows) = (10, 9 - 1);
    assert_eq!((done.entries, done.rows), (pretended.entries + more, pretended.rows + new_rows), "{done:?}");
    assert!(done.kept > 0 && done.failed > 0 && done.reason.is_some(), "{done:?}");
    is_anew(store, &feeds, &begun);

    // Collectors go on with the new shape, those of another process too, and it can be done again.
    feeds.push(Feed::new("web-3"));
    feeds[3].commit(&*opened.other, 10);
    feeds[1].commit(store, 10);
    let again = anew(&*opened.other, &mut |_| {}).expect("again");
    assert_eq!((again.kept, again.emptied), (done.kept + 9, 0), "{again:?}");
    is_anew(store, &feeds, &[begun[0], begun[1], begun[2], 1]);
}

/// Two collectors store all the while, from both processes.
pub fn is_built_while_others_commit(opened: &Opened) {
    let mut feeds = filled(opened);
    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    let (stop, steps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (stop, steps) = (&stop, &steps);
        let (first, rest) = feeds.split_at_mut(1);
        for (feeds, store) in [(first, &opened.store), (rest, &opened.other)] {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    feeds.iter_mut().for_each(|feed| feed.commit(&**store, 20));
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        let done = catch_unwind(AssertUnwindSafe(|| {
            anew(&*opened.other, &mut |step| {
                // So that something is committed in every step, but for those in which nothing can be.
                let pause = if matches!(step, Step::Frozen | Step::Decide | Step::Finish) { 5 } else { 30 };
                std::thread::sleep(Duration::from_millis(pause));
                steps.fetch_add(1, Ordering::Relaxed);
            })
        }));
        std::thread::sleep(Duration::from_millis(100));
        stop.store(true, Ordering::Relaxed);
        done.expect("no panic").expect("built anew");
    });
    assert!(feeds.iter().all(|feed| feed.next > BEFORE + 100), "they committed all the while");
    assert!(steps.load(Ordering::Relaxed) > 10);
    is_anew(&*opened.store, &feeds, &begun);
}

/// A sudden death: no line of ours runs behind it.
fn dies_at(store: &dyn Store, at: Step, nth: usize) -> bool {
    let mut seen = 0;
    let died = catch_unwind(AssertUnwindSafe(|| {
        anew(store, &mut |step| {
            seen += usize::from(step == at);
            if step == at && seen == nth {
                std::panic::resume_unwind(Box::new("killed"));
            }
        })
    }));
    died.is_err()
}

/// Ended in any step, the table is as it was, and the next run builds it; decided on, it is the new one.
pub fn is_whole_whenever_it_is_killed(opened: &Opened) {
    let store = &*opened.store;
    let mut feeds = filled(opened);
    let steps = [
        (Step::Begin, 1),
        (Step::Read, 1),
        (Step::Fill, 1),
        (Step::Fill, 2),
        (Step::Keep, 1),
        (Step::Keep, 3),
        (Step::Look, 1),
        (Step::Freeze, 1),
        (Step::Frozen, 1),
        (Step::Look, 2),
        (Step::Decide, 1),
    ];
    for (step, nth) in steps {
        assert!(dies_at(&*opened.other, step, nth), "{step:?} is reached {nth} times");
        is_untouched(store, &feeds);
        // Others are not held up by the dead, unless it died while they wait.
        if matches!(step, Step::Read | Step::Fill | Step::Keep) {
            feeds[0].commit(store, 10);
        }
    }

    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    assert!(dies_at(&*opened.other, Step::Finish, 1));
    // Whoever comes next finds it decided, and does the rest.
    anew(store, &mut |_| {}).expect("built again");
    is_anew(store, &feeds, &begun);
}

/// Who dies while commits wait holds them up for a short while only.
pub fn the_dead_hold_nobody_up(opened: &Opened) {
    let store = &*opened.store;
    let mut feeds = filled(opened);
    assert!(dies_at(&*opened.other, Step::Decide, 1));
    feeds[0].commit(store, 10);
    is_untouched(store, &feeds);

    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    assert!(dies_at(&*opened.other, Step::Finish, 1));
    feeds[1].commit(store, 10);
    is_anew(store, &feeds, &begun);
}

/// One who slept while another began can do nothing any more.
pub fn only_the_last_to_begin_builds(opened: &Opened) {
    let store = &*opened.store;
    let feeds = filled(opened);
    for at in [Step::Fill, Step::Keep, Step::Freeze, Step::Decide] {
        let mut met = false;
        let first = anew(store, &mut |step| {
            if step == at && !met {
                met = true;
                assert!(dies_at(&*opened.other, Step::Look, 1), "another begins, and dies");
            }
        });
        assert_eq!(first.expect_err("ousted").kind, Kind::Conflict, "{at:?}");
        is_untouched(store, &feeds);
    }
}
