//! Stores entries of one counter that a machine pushed: what of them is new, with its checkpoint. Blocks.

use super::sift::{is_sure, sift};
use crate::{
    collect::{Failure, Machines, Party, Polled, poll::store_batch},
    cursor::Cursor,
    entry::{Batch, Entries, Entry},
    error::{Error, Kind, Result},
    expr::{Compare, Expr},
    inventory::Pusher,
    parse::Plan,
    plugin::{Committed, LOGS, Store, Stream},
    query::{Frame, Query, ROWS_MAX, Shape},
    room::Room,
    table::Rows,
    tables,
    time::{Time, Window},
    value::Value,
};
use std::{collections::HashSet, ops::Range, sync::Arc};

/// The longest the store is asked what it has.
const TIMEOUT_MS: u32 = 20_000;

/// What is known of one counter of a machine while it pushes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counter {
    /// What the store has.
    pub(super) checkpoint: Option<Cursor>,
    /// The store has entries of it and no checkpoint: they came by another way.
    pub(super) doubtful: bool,
}

/// Entries of one counter to be stored.
pub(super) struct Step {
    pub(super) store: Arc<dyn Store>,
    pub(super) machines: Arc<Machines>,
    pub(super) plan: Arc<Plan>,
    pub(super) pusher: Arc<Pusher>,
    pub(super) stream: Stream,
    /// Those of the run belong to the counter.
    pub(super) entries: Arc<Entries>,
    pub(super) run: Range<usize>,
    /// What was known of it; asked of the store where nothing was.
    pub(super) counter: Option<Counter>,
    /// Whether the sender looked for its place just before these.
    pub(super) first: bool,
    pub(super) room: Room,
}

/// What became of them.
pub(super) enum Stepped {
    /// All of them are stored, now or before.
    Stored(Counter, Polled),
    /// Somebody else moved the checkpoint: look again.
    Lost,
}

impl Step {
    pub(super) fn run(self) -> Result<Stepped, Failure> {
        let store_failed = |error| Failure { by: Party::Store, error };
        let mut counter = match self.counter {
            Some(counter) => counter,
            None => self.find()?,
        };
        let cursors: Vec<Cursor> = self.run.clone().map(|at| self.entries.get(at).cursor).collect();
        let stored = match counter.checkpoint {
            None if !counter.doubtful => HashSet::new(),
            checkpoint if !counter.doubtful && is_sure(checkpoint, &cursors) => HashSet::new(),
            _ => self.stored(&cursors).map_err(store_failed)?,
        };
        let is_stored = |cursor: &Cursor| stored.contains(&(cursor.seqnum, cursor.time()));
        let after = counter.checkpoint.filter(|_| !counter.doubtful);
        let sifted = sift(after, &cursors, self.first, is_stored);
        let Some(next) = sifted.new.last().map(|at| cursors[*at]) else {
            return Ok(Stepped::Stored(counter, Polled::default()));
        };
        let entries = self.chosen(&sifted.new);
        let machine = self.stream.machine;
        let batch = Batch { entries, machine, next: Some(next), gaps: sifted.gaps, ..Batch::default() };
        let of = (&self.pusher.target, LOGS);
        let stored = store_batch(&*self.store, &self.plan, of, counter.checkpoint, next, &batch, &self.room);
        match stored.map_err(store_failed)? {
            (polled, Committed::Stored { rows }) => {
                counter.checkpoint = Some(next);
                Ok(Stepped::Stored(counter, Polled { rows, ..polled }))
            }
            (_, Committed::Lost) => Ok(Stepped::Lost),
        }
    }

    /// Asks the store for the counter's checkpoint, unless the journal is another target's.
    fn find(&self) -> Result<Counter, Failure> {
        let store_failed = |error| Failure { by: Party::Store, error };
        let Pusher { target, was } = &*self.pusher;
        let refused = |what: String, help: &str| {
            let error = Error::new(Kind::Conflict, what).at(&*target.name).help(help.to_owned());
            Failure { by: Party::Target, error }
        };
        let known = self.store.targets_of(self.stream.machine).map_err(store_failed)?;
        let same = known.iter().filter(|(_, id)| *id == self.stream.seqnum_id).map(|(name, _)| name.as_str());
        if let Some(polled) = self.machines.polled(same.clone().chain([&*target.name])) {
            let what = format!("the machine is polled already, as target `{polled}`");
            return Err(refused(
                what,
                "let it be polled or let it push: take it out of the inventory, or stop pushing",
            ));
        }
        let own = |name: &str| name == &*target.name || was.iter().any(|before| before == name);
        if let Some(owner) = same.clone().find(|name| !own(name)).filter(|_| !same.clone().any(own)) {
            let what = format!("it says it is the machine of `{owner}`, whose place in its journal stays as it is");
            let help = format!("if it is that machine, list it under `upload: machines:` with `was: [{owner}]`");
            return Err(refused(what, &help));
        }
        let checkpoint = self.store.checkpoint(&self.stream).map_err(store_failed)?;
        let doubtful = checkpoint.is_none() && self.has_any().map_err(store_failed)?;
        Ok(Counter { checkpoint, doubtful })
    }

    /// Whether the store has any entry of this counter.
    fn has_any(&self) -> Result<bool> {
        let ever = Window { from: Time(i64::MIN / 4), to: Time(i64::MAX / 4) };
        Ok(!self.ask(self.own(), ever, 1)?.is_empty())
    }

    /// Which of these entries the store has, by number and time.
    fn stored(&self, cursors: &[Cursor]) -> Result<HashSet<(u64, Time)>> {
        let seqnums = || cursors.iter().map(|cursor| i64::try_from(cursor.seqnum).unwrap_or(i64::MAX));
        let times = || cursors.iter().map(Cursor::time);
        let (Some(low), Some(high)) = (seqnums().min(), seqnums().max()) else { return Ok(HashSet::new()) };
        let (Some(from), Some(to)) = (times().min(), times().max()) else { return Ok(HashSet::new()) };
        let seqnum = |how, number| Expr::compare(how, Expr::field("seqnum"), Expr::int(number));
        let these = self.own().and(seqnum(Compare::Ge, low)).and(seqnum(Compare::Le, high));
        let rows = self.ask(these, Window { from, to: Time(to.0.saturating_add(1)) }, ROWS_MAX)?;
        let int = |name, row| match rows.column(name).map(|column| column.get(row)) {
            Some(Value::Int(int)) => int,
            _ => 0,
        };
        Ok((0..rows.len()).map(|row| (int("seqnum", row) as u64, Time(int("time", row)))).collect())
    }

    fn own(&self) -> Expr {
        let is = |name: &str, id: String| Expr::compare(Compare::Eq, Expr::field(name), Expr::text(&id));
        is("machine", self.stream.machine.to_string()).and(is("seqnum_id", self.stream.seqnum_id.to_string()))
    }

    fn ask(&self, filter: Expr, window: Window, limit: usize) -> Result<Rows> {
        let columns = ["seqnum", "time"].map(Arc::from).to_vec();
        let shape = Shape::Latest { columns, limit };
        let query = Query { table: tables::LOGS.name.as_str().into(), filter: Some(filter), last: None, shape };
        self.store.query(&query, &tables::LOGS, &Frame { window, zone_s: 0, timeout_ms: TIMEOUT_MS })
    }

    /// The entries at these places of the run.
    fn chosen(&self, places: &[usize]) -> Entries {
        let mut chosen = Entries::default();
        for place in places {
            copy(&self.entries.get(self.run.start + place), &mut chosen);
        }
        chosen
    }
}

fn copy(entry: &Entry<'_>, entries: &mut Entries) {
    entry.fields().for_each(|(name, value)| entries.push_field(name, value));
    entries.end(entry.cursor);
}
