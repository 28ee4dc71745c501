//! Questions about the same groups of the same records become one statement that measures all they ask.

use crate::{
    dashboard::Answer,
    query::{Aggregate, Frame, Measure, Query, Shape},
    table::{Rows, TableDef},
    tables,
};
use std::sync::Arc;

/// The most measures of one statement.
const MEASURES_MAX: usize = 16;

/// The question that answers this one and those of `all` that share its scan; itself if none does.
///
/// A count of a table whose counts are kept scans nothing, so it never waits for those that do.
pub fn widened(query: &Query, table: Option<&TableDef>, frame: Frame, all: &[(Query, Frame)]) -> Query {
    let counts = table.is_some_and(|table| table.name == tables::LOGS.name || !table.rollups.is_empty());
    let apart = |query: &Query| counts && only_counts(query);
    let Shape::Groups { measures: own, .. } = &query.shape else { return query.clone() };
    let mut together: Vec<Measure> = Vec::new();
    for (other, _) in
        all.iter().filter(|(other, at)| *at == frame && shares(query, other) && apart(query) == apart(other))
    {
        let Shape::Groups { measures, .. } = &other.shape else { continue };
        let clashes = |new: &Measure| together.iter().any(|old| old.name == new.name && old.of != new.of);
        let new: Vec<_> = measures.iter().filter(|new| !together.contains(new)).cloned().collect();
        if together.len() + new.len() <= MEASURES_MAX && !new.iter().any(clashes) {
            together.extend(new);
        }
    }
    let mut wide = query.clone();
    if let Shape::Groups { measures, .. } = &mut wide.shape
        && own.iter().all(|measure| together.contains(measure))
    {
        *measures = together;
    }
    wide
}

/// The columns that the question itself asks, of the answer to the wider one.
pub fn narrowed(query: &Query, wide: &Query, answer: Answer) -> Answer {
    let (Shape::Groups { measures: own, .. }, Shape::Groups { measures: all, .. }) = (&query.shape, &wide.shape) else {
        return answer;
    };
    let Answer::Rows(rows) = answer else { return answer };
    if own == all {
        return Answer::Rows(rows);
    }
    let keys = rows.defs.len().saturating_sub(all.len());
    let place = |measure: &Measure| all.iter().position(|one| one == measure).map(|at| keys + at);
    let kept: Vec<usize> = (0..keys).chain(own.iter().filter_map(place)).collect();
    let (defs, columns) = kept.into_iter().map(|at| (rows.defs[at].clone(), rows.columns[at].clone())).unzip();
    Answer::Rows(Arc::new(Rows { defs, columns }))
}

fn only_counts(query: &Query) -> bool {
    let Shape::Groups { measures, .. } = &query.shape else { return false };
    measures.iter().all(|measure| measure.of == Aggregate::Count)
}

/// Whether both count the same records in the same groups.
fn shares(one: &Query, other: &Query) -> bool {
    let groups = |query: &Query| match &query.shape {
        Shape::Groups { every, by, top: None, .. } => Some((*every, by.clone())),
        _ => None,
    };
    let same = groups(one).is_some() && groups(one) == groups(other);
    same && one.table == other.table && one.filter == other.filter && one.last == other.last
}
