//! The parse engine beside VRL: the same lines, the same columns, one process, taking turns.
//!
//! Both sides begin with entries or events in memory and end with the same columns, which are compared cell by cell
//! before anything is measured. A figure is CPU time of the thread; a ratio is the median over rounds of which each
//! runs both sides one right after the other.

mod cases;
#[path = "../../common/mod.rs"]
mod common;
mod vrl_side;

use cases::{CASES, Case};
use common::{
    clock::{median, timed},
    corpora::{Corpus, NOW},
    parsers,
};
use infralogs_core::{
    entry::Entries,
    parse::Plan,
    table::{Column, Rows},
    time::Time,
    value::Value,
};
use std::cell::RefCell;
use vrl_side::Peer;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records of each corpus.
const RECORDS: usize = 10_000;
/// Records a batch.
const BATCH: usize = 1_000;
/// How often both sides take their turn.
const ROUNDS: usize = 21;

fn main() {
    let definitions = parsers::load();
    let allocator = if cfg!(feature = "mimalloc") { "mimalloc" } else { "the system's allocator" };
    println!("{RECORDS} records, {ROUNDS} rounds, CPU ns a record (median), {allocator}");
    println!("{:<32} {:>8} {:>8} {:>8} {:>7}  {:>12} {:>8}", "", "VRL", "ours", "ratio", "bound", "", "ours MB/s");
    let only = std::env::args().nth(1).unwrap_or_default();
    let wanted: Vec<&Case> = CASES.iter().filter(|case| case.title.contains(&only)).collect();
    let missed = wanted.iter().filter(|case| !measure(case, &parsers::plan(&definitions, case.parser))).count();
    println!("{missed} of {} below their bound", wanted.len());
}

/// Prints one row; whether its bound is met.
fn measure(case: &Case, plan: &Plan) -> bool {
    let corpus = (case.corpus)(RECORDS);
    let batches = if case.single_lines { corpus.batches_of_single_lines(BATCH) } else { corpus.batches(BATCH) };
    let peer = RefCell::new(Peer::new(case.program, case.columns));
    let defs = &plan.parsers[0].table.columns;
    same(case, &ours(plan, &batches).1, &theirs(&peer, &corpus, &Rows::new(defs.clone())).1);
    let (mut own, mut other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let run_ours = || ours(plan, &batches).0;
        let run_theirs = || theirs(&peer, &corpus, &Rows::new(defs.clone())).0;
        // Who begins changes, so that neither always runs on the other's warm or cold caches.
        let (mine, vrl) = if round % 2 == 0 {
            let mine = run_ours();
            (mine, run_theirs())
        } else {
            let vrl = run_theirs();
            (run_ours(), vrl)
        };
        own.push(mine);
        other.push(vrl);
        ratios.push(vrl / mine);
    }
    row(case, &corpus, median(own), median(other), ratios)
}

fn row(case: &Case, corpus: &Corpus, own: f64, other: f64, mut ratios: Vec<f64>) -> bool {
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    let ratio = median(ratios);
    let count = corpus.lines.len() as f64;
    let met = case.bound.is_none_or(|bound| ratio >= bound);
    let bound = case.bound.map_or("-".into(), |bound| format!("≥{bound}"));
    println!(
        "{:<32} {:>8.0} {:>8.0} {ratio:>8.1} {bound:>7}  {least:>5.1}–{most:<5.1} {:>9.0}{}",
        case.title,
        other / count,
        own / count,
        corpus.bytes() as f64 / own * 1_000.0,
        if met { "" } else { "  MISSED" },
    );
    met
}

/// CPU nanoseconds and the rows.
fn ours(plan: &Plan, batches: &[Entries]) -> (f64, Vec<Rows>) {
    let mut all = Vec::with_capacity(batches.len());
    let (rows, ns) = timed(|| {
        for batch in batches {
            all.push(plan.run(batch, Time(NOW)).rows.remove(0).rows);
        }
        all
    });
    (ns as f64, rows)
}

/// CPU nanoseconds and the rows; events are made beforehand, as a source would.
fn theirs(peer: &RefCell<Peer>, corpus: &Corpus, empty: &Rows) -> (f64, Vec<Rows>) {
    let mut peer = peer.borrow_mut();
    let (mut all, mut ns) = (Vec::new(), 0);
    for lines in corpus.lines.chunks(BATCH) {
        let events = Peer::events(lines);
        let mut rows = empty.clone();
        let ((), took) = timed(|| peer.run(events, &mut rows));
        ns += took;
        all.push(rows);
    }
    (ns as f64, all)
}

/// Both sides must have made the same of every record.
fn same(case: &Case, ours: &[Rows], theirs: &[Rows]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours.len(), theirs.len(), "{}: rows", case.title);
        for ((def, own), other) in ours.defs.iter().zip(&ours.columns).zip(&theirs.columns) {
            let differs = (0..own.len()).find(|row| !same_cell(&own.get(*row), &other.get(*row)));
            if let Some(row) = differs {
                let show = |column: &Column| column.get(row).into_owned();
                panic!("{}: {} of row {row}: {:?} and {:?}", case.title, def.name, show(own), show(other));
            }
        }
    }
}

/// A text `-` is nothing to us, and a time without a year is in the year of the entry, not of today; everything else
/// is the same.
fn same_cell(own: &Value<'_>, other: &Value<'_>) -> bool {
    const DAY_US: i64 = 86_400_000_000;
    own == other
        || matches!((own, other), (Value::Missing, Value::Text(dash)) if dash == "-")
        || matches!((own, other), (Value::Int(own), Value::Int(other)) if own.abs() > DAY_US && (own - other) % DAY_US == 0)
}
