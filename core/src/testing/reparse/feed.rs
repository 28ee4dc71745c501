//! Machines whose entries are committed while a table is built, and what either parser makes of each.

use super::super::{Opened, batch};
use crate::{
    cursor::Cursor,
    entry::Entries,
    error::Kind,
    expr::{Compare, Expr},
    parse::{
        Parser, Plan,
        spec::{Extractor, ParserSpec},
    },
    plugin::{Commit, Committed, Store},
    table::{Quarantined, Rollup},
    time::Time,
    value::Value,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Entries are a second apart.
const SECOND: i64 = 1_000_000;
/// From this entry of a machine on everything is parsed again, where its clock is right.
const SINCE: u64 = 600;
/// Entries that each machine has before anything is built.
pub(super) const BEFORE: u64 = 1_300;
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn since() -> Time {
    Time(batch::START.0 + SINCE as i64 * SECOND)
}

/// The parser before it was changed, and after: a column's type is another, and there is one more.
pub(super) fn parser(pattern: &str, script: &str) -> Arc<Parser> {
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

pub(super) fn old() -> Arc<Parser> {
    parser("entry {number}", "old")
}

pub(super) fn new() -> Arc<Parser> {
    parser("{word} {number:int}", "new")
}

/// What the new parser makes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kinds {
    /// One row; the old one made one too.
    Row,
    /// It fails, which the old one did not.
    Fails,
    /// Both have nothing to do with it.
    Other,
    /// One row; the old one failed.
    Mended,
}

pub(super) fn kind(seqnum: u64, time: Time) -> Kinds {
    match seqnum % 10 {
        7 if time >= since() => Kinds::Fails,
        8 => Kinds::Other,
        9 => Kinds::Mended,
        _ => Kinds::Row,
    }
}

/// The clock of the machine "odd" is twelve minutes slow now and then.
pub(super) fn time(machine: &str, seqnum: u64) -> Time {
    let slow = if machine == "odd" && (seqnum / 50) % 3 == 1 { 720 } else { 0 };
    Time(batch::START.0 + (seqnum as i64 - slow) * SECOND)
}

/// A machine whose entries are committed one batch after the other.
pub(super) struct Feed {
    pub(super) machine: &'static str,
    pub(super) next: u64,
    last: Option<Cursor>,
    parser: Arc<Parser>,
}

impl Feed {
    pub(super) fn new(machine: &'static str) -> Self {
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
    pub(super) fn commit(&mut self, store: &dyn Store, many: u64) {
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
pub(super) fn filled(opened: &Opened) -> Vec<Feed> {
    for store in [&opened.store, &opened.other] {
        store.prepare(std::slice::from_ref(&old().table)).expect("prepare");
    }
    let mut feeds: Vec<Feed> = ["web-1", "web-2", "odd"].map(Feed::new).into_iter().collect();
    for feed in &mut feeds {
        while feed.next <= BEFORE {
            feed.commit(&*opened.store, 100);
        }
    }
    feeds
}
