//! Finds what was stored since the last look, however late it came and however much it is: by the numbers that
//! machines count their entries with, which are stored in order.

use super::latest;
use crate::place::{self, answer, ever};
use infralogs_core::{
    Result,
    expr::{Compare, Expr},
    plugin::Store,
    query::{Aggregate, Measure, Query, ROWS_MAX, Shape},
    table::TableDef,
    tables,
    time::{Time, Window},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Entries asked for at once: so many numbers of a counter have at most so many entries.
const NUMBERS_MAX: i64 = 5_000;
/// The most machines asked for at once.
const PIECES_MAX: usize = 50;
/// Machines whose news are of about the same time are asked for together: the store looks through that time once.
const TOGETHER: Duration = Duration::from_secs(600);
/// Entries of a machine may be out of order by so much, between two looks.
const STEP: Duration = Duration::from_secs(60);

/// A counter of a machine: its id, and the counter's.
type Counter = (String, String);

/// An entry by its number, with its time.
#[derive(Debug, Clone, Copy)]
struct At {
    seqnum: i64,
    time: i64,
}

/// What to ask for: numbers behind `after` up to `to`, between two times.
#[derive(Debug)]
struct Piece {
    counter: Counter,
    after: i64,
    to: At,
    window: Window,
}

/// What was seen, counter by counter.
pub(super) struct Follow {
    store: Arc<dyn Store>,
    query: Query,
    table: Arc<TableDef>,
    seen: HashMap<Counter, At>,
    /// Counters that no machine uses any more, seen to their end.
    ended: HashSet<Counter>,
}

impl Follow {
    /// Everything stored so far is passed.
    pub async fn begin(store: Arc<dyn Store>, mut query: Query, table: Arc<TableDef>) -> Result<Self> {
        query.shape = latest(ROWS_MAX);
        let mut follow = Self { store, query, table, seen: HashMap::new(), ended: HashSet::new() };
        follow.seen = follow.now().await?;
        Ok(follow)
    }

    /// Gives what is new, oldest last, piece by piece; `take` says whether it wants more.
    pub async fn look(&mut self, take: &mut dyn FnMut(&infralogs_core::table::Rows) -> bool) -> Result<()> {
        let now = self.now().await?;
        let mut pieces = Vec::new();
        for (counter, to) in &now {
            match self.seen.get(counter) {
                Some(seen) if seen.seqnum == to.seqnum => {}
                Some(seen) if seen.seqnum < to.seqnum => {
                    let window = Window { from: Time(seen.time.min(to.time)), to: Time(seen.time.max(to.time)) };
                    let window = Window { from: window.from.minus(STEP), to: window.to.plus(STEP) };
                    cut(counter, seen.seqnum, *to, window, &mut pieces);
                }
                // A machine that lost power and counts again; one that was not there before.
                seen => {
                    let from = seen.map_or(ever().from, |seen| Time(seen.time));
                    self.cut_all(counter, 0, from, Some(*to), &mut pieces).await?;
                }
            }
            self.ended.remove(counter);
        }
        // Its machine uses another now: what it had at its end, once.
        let ended: Vec<(Counter, At)> = self.seen.iter().map(|(counter, at)| (counter.clone(), *at)).collect();
        for (counter, at) in ended.into_iter().filter(|(counter, _)| !now.contains_key(counter)) {
            if self.ended.insert(counter.clone()) {
                self.cut_all(&counter, at.seqnum, Time(at.time).minus(STEP), None, &mut pieces).await?;
            }
        }
        pieces.sort_by_key(|piece| (piece.window.from, piece.after));
        for some in together(&pieces) {
            if !self.give(some, take).await? {
                break;
            }
        }
        Ok(())
    }

    /// Where reading is now, counter by counter.
    async fn now(&self) -> Result<HashMap<Counter, At>> {
        let shape = Shape::Latest { columns: Vec::new(), limit: ROWS_MAX };
        let known = Query { table: "agents".into(), filter: None, last: None, shape };
        let rows = answer(&self.store, &known, &tables::AGENTS, ever()).await?;
        let mut now = HashMap::new();
        // The newest row first: of a machine that has another name now, that one is right.
        for row in 0..rows.len() {
            let counter = (place::text(&rows, "machine", row), place::text(&rows, "seqnum_id", row));
            if counter.1.is_empty() || now.contains_key(&counter) {
                continue;
            }
            let int = |name| place::int(&rows, name, row);
            let at = match (int("at_seqnum"), int("at_time")) {
                (Some(seqnum), Some(time)) => At { seqnum, time },
                // Stored by an older program, and nothing since.
                _ => match self.extent(&counter, 0, ever().from).await? {
                    Some((_, last)) => last,
                    None => continue,
                },
            };
            now.insert(counter, at);
        }
        Ok(now)
    }

    /// The smallest and the largest number that is stored behind this one and from this time on, and their times.
    async fn extent(&self, counter: &Counter, after: i64, from: Time) -> Result<Option<(At, At)>> {
        let measure = |name: &str, of| Measure { name: name.into(), of };
        let measures = vec![
            measure("first", Aggregate::Min("seqnum".into())),
            measure("last", Aggregate::Max("seqnum".into())),
            measure("from", Aggregate::Min("time".into())),
            measure("to", Aggregate::Max("time".into())),
        ];
        let filter = Some(of(counter).and(number(Compare::Gt, after)));
        let shape = Shape::Groups { every: None, by: Vec::new(), measures, top: None };
        let query = Query { table: "logs".into(), filter, last: None, shape };
        let rows = answer(&self.store, &query, &self.table, Window { from, ..ever() }).await?;
        let int = |name| (!rows.is_empty()).then(|| place::int(&rows, name, 0)).flatten();
        let at = |seqnum, time| Some(At { seqnum: int(seqnum)?, time: int(time)? });
        Ok(at("first", "from").zip(at("last", "to")))
    }

    /// Cuts all that is stored of a counter from there on.
    async fn cut_all(
        &mut self,
        counter: &Counter,
        after: i64,
        from: Time,
        to: Option<At>,
        pieces: &mut Vec<Piece>,
    ) -> Result<()> {
        if let Some((first, last)) = self.extent(counter, after, from).await? {
            let window = Window { from: Time(first.time), to: Time(last.time + 1) };
            let to = to.unwrap_or(last);
            cut(counter, first.seqnum - 1, At { seqnum: to.seqnum.min(last.seqnum), ..to }, window, pieces);
        } else if let Some(to) = to {
            self.seen.insert(counter.clone(), to);
        }
        Ok(())
    }

    /// Asks for some pieces at once and passes them.
    async fn give(
        &mut self,
        pieces: &[Piece],
        take: &mut dyn FnMut(&infralogs_core::table::Rows) -> bool,
    ) -> Result<bool> {
        let one = |piece: &Piece| {
            of(&piece.counter).and(number(Compare::Gt, piece.after)).and(number(Compare::Le, piece.to.seqnum))
        };
        let any = pieces.iter().map(one).reduce(|a, b| Expr::Or(Box::new(a), Box::new(b)));
        let (Some(any), Some(first)) = (any, pieces.first()) else { return Ok(true) };
        let to = pieces.iter().map(|piece| piece.window.to).max().unwrap_or(first.window.to);
        let mut query = self.query.clone();
        query.filter = Some(query.filter.map_or(any.clone(), |filter| filter.and(any)));
        let rows = answer(&self.store, &query, &self.table, Window { from: first.window.from, to }).await?;
        let more = take(&rows);
        for piece in pieces {
            self.seen.insert(piece.counter.clone(), piece.to);
        }
        Ok(more)
    }
}

/// So many numbers at a time.
fn cut(counter: &Counter, mut after: i64, to: At, window: Window, pieces: &mut Vec<Piece>) {
    while after < to.seqnum {
        let end = to.seqnum.min(after + NUMBERS_MAX);
        // Until all of it is given, the next look begins in the same time.
        let time = if end == to.seqnum { to.time } else { window.from.0 };
        pieces.push(Piece { counter: counter.clone(), after, to: At { seqnum: end, time }, window });
        after = end;
    }
}

/// Pieces of about the same time, few enough to be answered whole.
fn together(pieces: &[Piece]) -> Vec<&[Piece]> {
    let (mut all, mut begin, mut numbers) = (Vec::new(), 0, 0);
    for (at, piece) in pieces.iter().enumerate() {
        let own = piece.to.seqnum - piece.after;
        let begun = &pieces[begin];
        let is_far = piece.window.to > begun.window.to.plus(TOGETHER);
        if at > begin && (numbers + own > NUMBERS_MAX || at - begin == PIECES_MAX || is_far) {
            all.push(&pieces[begin..at]);
            (begin, numbers) = (at, 0);
        }
        numbers += own;
    }
    if begin < pieces.len() {
        all.push(&pieces[begin..]);
    }
    all
}

fn of((machine, seqnum_id): &Counter) -> Expr {
    let is = |name, text: &str| Expr::compare(Compare::Eq, Expr::field(name), Expr::text(text));
    is("machine", machine).and(is("seqnum_id", seqnum_id))
}

fn number(how: Compare, seqnum: i64) -> Expr {
    Expr::compare(how, Expr::field("seqnum"), Expr::int(seqnum))
}
