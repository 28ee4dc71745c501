//! Answers that come piece by piece.

use super::{Opened, batch};
use crate::{
    cancel::Cancel,
    error::{Error, Kind},
    expr::{Expr, TextTest},
    plugin::Store,
    query::{Query, Shape},
    table::Rows,
    tables,
};

const ENTRIES: u64 = 1_300;

fn newest(limit: usize, filter: Option<Expr>) -> Query {
    let shape = Shape::Latest { columns: vec!["seqnum".into()], limit };
    Query { table: "logs".into(), filter, last: None, shape }
}

/// How many rows each piece of an answer has.
fn pieces(store: &dyn Store, query: &Query, mut wanted: usize) -> (Vec<usize>, Rows) {
    let (mut sizes, mut all) = (Vec::new(), None::<Rows>);
    let mut take = |rows: Rows| {
        sizes.push(rows.len());
        match &mut all {
            None => all = Some(rows),
            Some(all) => all.columns.iter_mut().zip(&rows.columns).for_each(|(own, more)| own.append(more)),
        }
        wanted -= 1;
        Ok(wanted > 0)
    };
    store.stream(query, &tables::LOGS, &batch::always(), &Cancel::default(), &mut take).expect("an answer");
    (sizes, all.expect("at least one piece"))
}

/// All rows in order, no piece too large; not one more than is wanted; an error of the taker comes back.
pub fn streams_pieces(opened: &Opened) {
    let store = &*opened.store;
    batch::put(store, "web-1", 1, ENTRIES + 1);
    for (limit, many) in [(1_200, 1_200), (5_000, 1_300), (500, 500), (7, 7)] {
        let query = newest(limit, None);
        let (sizes, all) = pieces(store, &query, usize::MAX);
        assert_eq!(sizes.iter().sum::<usize>(), many, "{sizes:?}");
        assert!(sizes.iter().all(|size| *size <= 500), "{sizes:?}");
        assert_eq!(all, store.query(&query, &tables::LOGS, &batch::always()).expect("query"));
    }
    assert_eq!(pieces(store, &newest(5_000, None), 1).0.len(), 1, "enough is enough");
    let nowhere = Expr::Test(TextTest::Contains, Expr::field("message").into(), "nowhere".into());
    assert_eq!(pieces(store, &newest(100, Some(nowhere)), usize::MAX).0, [0], "nothing is a piece too");
    let mut refuse = |_: Rows| Err(Error::invalid("no more room"));
    let all = newest(5_000, None);
    let refused = store.stream(&all, &tables::LOGS, &batch::always(), &Cancel::default(), &mut refuse);
    assert_eq!(refused.expect_err("it is told").kind, Kind::Invalid);
    assert_eq!(batch::seqnums(store).len() as u64, ENTRIES, "the store goes on");
}

/// A query over many records and its time, both without end, ends when it is cancelled; the store goes on.
pub fn cancels(opened: &Opened) {
    let store = &*opened.store;
    batch::put(store, "web-1", 1, ENTRIES + 1);
    let all = newest(5_000, None);
    let cancel = Cancel::default();
    let mut given = 0;
    let stopped = store.stream(&all, &tables::LOGS, &batch::always(), &cancel, &mut |rows| {
        given += rows.len();
        cancel.cancel();
        Ok(true)
    });
    assert!(stopped.is_err() && given < ENTRIES as usize, "{given} rows were given");
    let begun = store.query_until(&all, &tables::LOGS, &batch::always(), &cancel);
    assert!(begun.is_err(), "what is cancelled does not begin");
    assert_eq!(batch::seqnums(store).len() as u64, ENTRIES, "the store goes on");
}
