//! Builds a parser's table anew from `logs`, after the parser changed, while commits go on.
//!
//! Every row of the new table is of one entry, and each entry's rows come from one of two places. Entries from
//! `since` on, and all that are committed after this begins, are *read*: parsed as the scripts say now. Of every other
//! entry the rows are *kept*: taken over from the table that is there. What was read is known exactly ([`Known`]), and
//! what is committed meanwhile the store notes in the same transaction ([`Arrived`]): so nothing depends on clocks or on
//! the order in which things are found. In a last step, for which commits stop, what is left is read and the tables
//! change places. Ended before that, at whatever point, nothing has changed.

mod kept;
mod known;
mod read;
mod windows;

use crate::{
    cursor::Cursor,
    definitions::Definitions,
    error::{Error, Kind, Result},
    expr::{Compare, Expr},
    parse::{Parser, Plan},
    plugin::{Arrived, Rebuild, Store, Stream, Waiting},
    query::{Frame, Query, ROWS_MAX, Shape},
    table::TableDef,
    tables,
    time::{Time, Window},
};
use known::Known;
use read::{TIMEOUT_MS, int, key, quarantine};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use windows::windows;

/// How much is done in one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Entries read at once. Lines are joined within them.
    pub(crate) entries: usize,
    /// Rows of the table that is there that are taken over at once.
    pub(crate) kept: usize,
}

const SIZES: Sizes = Sizes { entries: 10_000, kept: 5_000 };
/// A look at what was committed meanwhile that took less is the last before commits are stopped.
const SHORT: Duration = Duration::from_secs(1);
/// The most such looks.
const LOOKS_MAX: usize = 20;
/// The most records that may leave quarantine.
const WAITING_MAX: usize = 1_000_000;

/// What became of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reparsed {
    /// Entries that were read.
    pub entries: u64,
    /// Rows made of them.
    pub rows: u64,
    /// Rows that were taken over.
    pub kept: u64,
    /// Values of those that do not fit what their column holds now, and are missing.
    pub emptied: u64,
    /// Records that failed; they are in quarantine.
    pub failed: u64,
    /// Why the first of them did.
    pub reason: Option<String>,
    /// How far back it has read.
    pub back_to: Option<Time>,
}

/// Where a run is; told before each step, which an error from there prevents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The empty table is made.
    Begin,
    /// Entries are read.
    Read,
    /// What was made of them is stored.
    Fill,
    /// Rows are taken over.
    Keep,
    /// What was committed meanwhile is looked for.
    Look,
    /// Commits are stopped.
    Freeze,
    /// They are: what is left is read.
    Frozen,
    /// It is decided that the new table is the one.
    Decide,
    /// It takes its place.
    Finish,
}

/// Told of each step, with what was done so far.
pub type Told<'t> = dyn FnMut(Step, &Reparsed) -> Result<()> + 't;

/// The parsers that write a table: all of them are run again, as their rows are not told apart.
pub fn writers(definitions: &Definitions, table: &str) -> Vec<Arc<Parser>> {
    definitions.parsers.iter().filter(|parser| *parser.spec.table == *table).cloned().collect()
}

/// Builds a table anew from the entries of `logs` from a time on; blocks. `parsers` are all that write it.
///
/// # Errors
/// Those of the store and of `told`. The table is then as it was; what was built is dropped, at the latest by the next
/// run. Only when the store goes away while it is decided is it unknown which of the two it is: whole it is in any case.
pub fn reparse(
    store: &dyn Store,
    table: &TableDef,
    parsers: &[Arc<Parser>],
    since: Time,
    told: &mut Told<'_>,
) -> Result<Reparsed> {
    reparse_by(SIZES, store, table, parsers, since, told)
}

/// The same in steps of these sizes.
pub(crate) fn reparse_by(
    sizes: Sizes,
    store: &dyn Store,
    table: &TableDef,
    parsers: &[Arc<Parser>],
    since: Time,
    told: &mut Told<'_>,
) -> Result<Reparsed> {
    told(Step::Begin, &Reparsed::default())?;
    let mut build = store.rebuild(table)?;
    let mut run = Run::new(sizes, store, parsers, since, told);
    let built = run.build(&mut *build);
    match built {
        Ok(()) => Ok(run.done),
        Err(error) => {
            build.cancel();
            Err(error)
        }
    }
}

/// Reads and parses as [`reparse`] does, and writes nothing.
///
/// # Errors
/// Those of the store and of `told`.
pub fn rehearse(store: &dyn Store, parsers: &[Arc<Parser>], since: Time, told: &mut Told<'_>) -> Result<Reparsed> {
    let mut run = Run::new(SIZES, store, parsers, since, told);
    let window = Window { from: since, to: Time(i64::MAX) };
    run.scan(&mut None, window, None)?;
    Ok(run.done)
}

/// Where what is made goes: nowhere in a rehearsal.
type Into<'a, 'b> = Option<&'a mut (dyn Rebuild + 'b)>;

struct Run<'r, 't> {
    sizes: Sizes,
    store: &'r dyn Store,
    plan: Plan,
    parsers: Vec<Arc<str>>,
    since: Time,
    known: Known,
    /// Whether rows are being taken over or were: from then on only what arrives is read.
    settled: bool,
    /// Of each counter that something arrived of, the lowest number: from there on its entries are read.
    marks: HashMap<Stream, u64>,
    /// What arrived and was not read yet.
    pending: Vec<Arrived>,
    done: Reparsed,
    told: &'r mut Told<'t>,
}

impl<'r, 't> Run<'r, 't> {
    fn new(sizes: Sizes, store: &'r dyn Store, parsers: &[Arc<Parser>], since: Time, told: &'r mut Told<'t>) -> Self {
        Self {
            sizes,
            store,
            plan: Plan::new(parsers.to_vec()),
            parsers: parsers.iter().map(|parser| parser.spec.name.clone()).collect(),
            since,
            known: Known::default(),
            settled: false,
            marks: HashMap::new(),
            pending: Vec::new(),
            done: Reparsed::default(),
            told,
        }
    }

    fn tell(&mut self, step: Step) -> Result<()> {
        (self.told)(step, &self.done)
    }

    fn build(&mut self, build: &mut dyn Rebuild) -> Result<()> {
        let window = Window { from: self.since, to: Time(i64::MAX) };
        self.scan(&mut Some(&mut *build), window, None)?;
        self.settled = true;
        self.keep(build)?;
        // Each look has only to read what was stored during the one before, until that is as little as it gets.
        let mut before = Duration::MAX;
        for _ in 0..LOOKS_MAX {
            let start = Instant::now();
            self.look(build)?;
            let took = start.elapsed();
            if took < SHORT || took > before.mul_f64(0.75) {
                break;
            }
            before = took;
        }
        self.tell(Step::Freeze)?;
        build.freeze()?;
        self.tell(Step::Frozen)?;
        self.look(build)?;
        let leave = self.leave(build)?;
        self.tell(Step::Decide)?;
        build.decide(&leave)?;
        self.tell(Step::Finish)?;
        build.finish()
    }

    /// Takes over the rows whose entries are not read.
    fn keep(&mut self, build: &mut dyn Rebuild) -> Result<()> {
        let (old, new) = build.columns();
        let fit = kept::Fit::new(old, new);
        loop {
            self.tell(Step::Keep)?;
            let page = build.old(self.sizes.kept)?;
            if page.is_empty() {
                return Ok(());
            }
            // Asked behind the rows: whatever commit brought one of them, its arrival is known now.
            self.arrivals(build)?;
            let is_read = |stream: &Stream, seqnum: u64| {
                self.known.has(stream, seqnum) || self.marks.get(stream).is_some_and(|mark| seqnum >= *mark)
            };
            let (rows, emptied) =
                fit.rows(&page, &|row| key(&page, row).is_some_and(|(of, seqnum)| !is_read(&of, seqnum)));
            if !rows.is_empty() {
                build.put(&rows, &quarantine())?;
            }
            self.done.kept += rows.len() as u64;
            self.done.emptied += emptied;
        }
    }

    /// Reads what was committed since the last look.
    fn look(&mut self, build: &mut dyn Rebuild) -> Result<()> {
        self.tell(Step::Look)?;
        self.arrivals(build)?;
        let pending = std::mem::take(&mut self.pending);
        for (window, only) in windows(pending) {
            self.scan(&mut Some(&mut *build), window, only)?;
        }
        Ok(())
    }

    /// Takes note of what was committed.
    fn arrivals(&mut self, build: &mut dyn Rebuild) -> Result<()> {
        for arrived in build.arrived()? {
            let mark = self.marks.entry(arrived.stream).or_insert(arrived.lowest);
            *mark = arrived.lowest.min(*mark);
            self.pending.push(arrived);
        }
        Ok(())
    }

    /// The records in quarantine whose entries were read: what has become of them is known anew.
    fn leave(&mut self, build: &mut dyn Rebuild) -> Result<Vec<Waiting>> {
        let mut leave = Vec::new();
        for parser in self.parsers.clone() {
            let mut until = Time(i64::MAX);
            loop {
                // A sign of life.
                self.arrivals(build)?;
                let columns = ["time", "machine", "seqnum_id", "seqnum"].map(Arc::from).to_vec();
                let shape = Shape::Latest { columns, limit: ROWS_MAX };
                let filter = Some(Expr::compare(Compare::Eq, Expr::field("parser"), Expr::text(&parser)));
                let query = Query { table: tables::QUARANTINE.name.as_str().into(), filter, last: None, shape };
                let window = Window { from: Time(i64::MIN), to: until };
                let frame = Frame { window, zone_s: 0, timeout_ms: TIMEOUT_MS };
                let rows = self.store.query(&query, &tables::QUARANTINE, &frame)?;
                for row in 0..rows.len() {
                    let Some((stream, seqnum)) = key(&rows, row).filter(|(of, seqnum)| self.known.has(of, *seqnum))
                    else {
                        continue;
                    };
                    let time = int(&rows, "time", row).unwrap_or_default();
                    let realtime = u64::try_from(time).unwrap_or_default();
                    let cursor = Cursor { seqnum_id: stream.seqnum_id, seqnum, realtime, ..Cursor::default() };
                    leave.push(Waiting { machine: stream.machine, cursor, parser: parser.clone() });
                }
                if leave.len() > WAITING_MAX {
                    let what = format!("over {WAITING_MAX} records of `{parser}` are in quarantine");
                    return Err(Error::new(Kind::Limit, what)
                        .help("replay them, or drop them by a shorter keep of `quarantine`"));
                }
                let oldest = rows.len().checked_sub(1).and_then(|row| int(&rows, "time", row));
                match oldest.filter(|_| rows.len() == ROWS_MAX) {
                    Some(oldest) if oldest + 1 < until.0 => until = Time(oldest + 1),
                    Some(oldest) => until = Time(oldest),
                    None => break,
                }
            }
        }
        Ok(leave)
    }
}
