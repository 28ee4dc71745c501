//! From a layout and a view to what the store is really asked: filters joined, buckets coarsened, windows set.

use super::{Span, View};
use crate::{
    dashboard::{Dashboard, Panel, PanelKind},
    definitions::Definitions,
    expr::{Arithmetic, Compare, Expr, Literal},
    fields,
    query::{Frame, Key, Query, Shape},
    table::{Storage, TableDef},
    tables,
    time::{Time, Window},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// The most buckets of time a panel shows; more than a screen has pixels for a point would only cost.
pub const BUCKETS_MAX: u64 = 720;

/// The most where there is a series for each value of a column: some pixels each, so that of many hosts no more is read
/// than can be told apart. A week is shown by the hour, a day by ten minutes; zooming in asks anew.
const BUCKETS_OF_SERIES_MAX: u64 = 240;

/// How many buckets a spark line has, about.
const SPARK_BUCKETS: u64 = 60;

/// Lengths of buckets that people read easily, in seconds.
const STEPS_S: [u64; 17] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400];

/// The layout with the queries as they are asked for this view: narrowed by the picks it offers, buckets no finer
/// than a screen can show.
pub fn effective(dashboard: &Dashboard, view: &View, definitions: &Definitions, window: Window) -> Dashboard {
    let mut dashboard = dashboard.clone();
    let (picks, tapped, spanned) = (dashboard.picks.clone(), tapped(&dashboard), spanned(&dashboard));
    let zone_s = view.zone.offset_s(window.to);
    let marks = dashboard.marks.iter_mut().map(|mark| (&mut mark.query, [].as_slice()));
    let panels = dashboard.rows.iter_mut().flatten();
    let panels = panels.filter_map(|panel| Some((panel.query.as_mut()?, panel.follows.as_slice())));
    for (query, follows) in panels.chain(marks) {
        let Some(table) = definitions.table(&query.table) else { continue };
        let offered: Vec<Key> = picks.iter().cloned().map(Key::Field).collect();
        // Two panels that are followed may choose by the same.
        let mut keys: Vec<&Key> =
            offered.iter().chain(follows.iter().filter_map(|it| tapped.get(it)).flatten()).collect();
        let mut columns: Vec<&Arc<str>> = follows.iter().filter_map(|it| spanned.get(it)).collect();
        once(&mut keys);
        once(&mut columns);
        for key in keys {
            let Some(values) = view.picks.get(key.name()) else { continue };
            narrow(
                query,
                match key {
                    Key::Field(column) => chosen(table, column, values),
                    key => at_hours(key, values, zone_s),
                },
            );
        }
        for column in columns {
            let Some(span) = view.spans.get(&**column) else { continue };
            narrow(query, within(table, column, *span));
        }
        let span = query.last.unwrap_or_else(|| length(window));
        if let Shape::Groups { every: Some(every), by, .. } = &mut query.shape {
            *every = coarsen(*every, span, if by.is_empty() { BUCKETS_MAX } else { BUCKETS_OF_SERIES_MAX });
        }
    }
    dashboard
}

/// What a tap on a panel chooses by, by its title: panels that follow it are narrowed too.
fn tapped(dashboard: &Dashboard) -> HashMap<String, Vec<Key>> {
    let by = |panel: &Panel| {
        let cells = dashboard.cells(panel).into_iter().flatten().cloned();
        dashboard.taps(panel).cloned().map(Key::Field).into_iter().chain(cells).collect()
    };
    dashboard.rows.iter().flatten().map(|panel| (panel.title.clone(), by(panel))).collect()
}

/// Leaves out what came before.
fn once<T: PartialEq>(list: &mut Vec<T>) {
    let mut at = 0;
    while at < list.len() {
        if list[..at].contains(&list[at]) { drop(list.remove(at)) } else { at += 1 }
    }
}

/// The hour of the day, or the day of the week, is one of the chosen numbers; as [`Key::Hour`] and [`Key::Weekday`]
/// count them, of moments since 1970.
fn at_hours(key: &Key, values: &BTreeSet<String>, zone_s: i32) -> Option<Expr> {
    const HOUR_US: i64 = 3_600_000_000;
    let with = |how, left, right| Expr::Arithmetic(how, Box::new(left), Box::new(Expr::int(right)));
    let local = with(Arithmetic::Add, Expr::field("time"), i64::from(zone_s) * 1_000_000);
    let number = match key {
        Key::Hour => with(Arithmetic::Div, with(Arithmetic::Rem, local, 24 * HOUR_US), HOUR_US),
        // 1970-01-01 was a Thursday, day 3 counted from Monday.
        Key::Weekday => {
            let days = with(Arithmetic::Div, local, 24 * HOUR_US);
            with(Arithmetic::Rem, with(Arithmetic::Add, days, 3), 7)
        }
        Key::Field(_) | Key::Binned(_) => return None,
    };
    let chosen = values.iter().filter_map(|value| value.parse().ok()).map(Literal::Int).collect();
    Some(Expr::In(Box::new(number), chosen))
}

/// Along which column a stretch is selected on a panel, by its title: panels that follow it show what is within.
fn spanned(dashboard: &Dashboard) -> HashMap<String, Arc<str>> {
    let panels = dashboard.rows.iter().flatten();
    panels.filter_map(|panel| Some((panel.title.clone(), dashboard.spans(panel)?.into()))).collect()
}

/// Only records for which this is true too.
fn narrow(query: &mut Query, more: Option<Expr>) {
    let Some(more) = more else { return };
    query.filter = Some(match query.filter.take() {
        Some(filter) => filter.and(more),
        None => more,
    });
}

/// `column` lies within; `None` if the table has no such column of numbers.
fn within(table: &TableDef, column: &str, span: Span) -> Option<Expr> {
    let bound = |value: i64| match table.column(column)?.storage() {
        Storage::Int => Some(Expr::Literal(Literal::Int(value))),
        Storage::Float => Some(Expr::Literal(Literal::Float(value as f64))),
        Storage::Text | Storage::Bool => None,
    };
    let from = Expr::compare(Compare::Ge, Expr::field(column), bound(span.from)?);
    Some(from.and(Expr::compare(Compare::Lt, Expr::field(column), bound(span.to)?)))
}

/// When a query runs: the page's window, its own, or for the present state of agents any time at all. The zone counts
/// only where the answer depends on it, so that readers in several zones share the others.
pub fn frame(query: &Query, window: Window, now: Time, zone_s: i32, timeout_ms: u32) -> Frame {
    let (over_time, zoned) = match &query.shape {
        Shape::Groups { every, by, .. } => (every.is_some(), by.iter().any(|key| !matches!(key, Key::Field(_)))),
        Shape::Latest { .. } | Shape::Newest { .. } => (false, false),
    };
    let window = match query.last {
        Some(last) => Window { from: now.minus(last), to: now },
        None if *query.table == *tables::AGENTS.name && !over_time => Window { from: Time(0), to: window.to.max(now) },
        None => window,
    };
    Frame { window, zone_s: if zoned { zone_s } else { 0 }, timeout_ms }
}

/// The same question over time, for a stat that wants a spark line.
pub fn spark(panel: &Panel, window: Window) -> Option<Query> {
    let PanelKind::Stat { spark: true } = panel.kind else { return None };
    let mut query = panel.query.clone()?;
    let span = query.last.unwrap_or_else(|| length(window));
    let Shape::Groups { every, by, measures, top } = &mut query.shape else { return None };
    *every = Some(step_of(span / u32::try_from(SPARK_BUCKETS).unwrap_or(60)));
    by.clear();
    measures.truncate(1);
    *top = None;
    Some(query)
}

/// Whether a table can be filtered by a name: a column, or for `logs` any field of an entry.
pub fn has_column(table: &TableDef, name: &str) -> bool {
    table.column(name).is_some() || (table.name == tables::LOGS.name && fields::is_entry_field(name))
}

/// `column` is one of the chosen values; `None` if the table has no such column.
fn chosen(table: &TableDef, column: &str, values: &BTreeSet<String>) -> Option<Expr> {
    if !has_column(table, column) {
        return None;
    }
    let storage = table.column(column).map_or(Storage::Text, |kind| kind.storage());
    let mut literals: Vec<Literal> = values.iter().map(|value| literal(storage, value)).collect();
    let field = Expr::field(column);
    if literals.len() == 1 {
        return literals.pop().map(|one| Expr::compare(Compare::Eq, field, Expr::Literal(one)));
    }
    Some(Expr::In(Box::new(field), literals))
}

/// A chosen word as a value of the column's kind; a word that is none stays text and equals nothing.
fn literal(storage: Storage, value: &str) -> Literal {
    let typed = match storage {
        Storage::Text => None,
        Storage::Int => value.parse().ok().map(Literal::Int),
        Storage::Float => value.parse().ok().map(Literal::Float),
        // As charts write them, too.
        Storage::Bool => match value {
            "yes" => Some(Literal::Bool(true)),
            "no" => Some(Literal::Bool(false)),
            _ => value.parse().ok().map(Literal::Bool),
        },
    };
    typed.unwrap_or_else(|| Literal::Text(Arc::from(value)))
}

fn length(window: Window) -> Duration {
    Duration::from_micros(u64::try_from(window.to.0.saturating_sub(window.from.0)).unwrap_or(0))
}

/// `every`, or the shortest easy length with at most so many buckets in the span.
fn coarsen(every: Duration, span: Duration, most: u64) -> Duration {
    let every = every.max(Duration::from_secs(1));
    if span.as_secs() / every.as_secs().max(1) <= most {
        return every;
    }
    step_of(Duration::from_secs(span.as_secs().div_ceil(most))).max(every)
}

/// The shortest easy length of at least this much; whole days beyond a day.
fn step_of(least: Duration) -> Duration {
    let secs = least.as_secs().max(1);
    let day = 86_400;
    Duration::from_secs(STEPS_S.into_iter().find(|step| *step >= secs).unwrap_or_else(|| secs.div_ceil(day) * day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_no_finer_than_a_screen() {
        let check = |every_s, span_s, expect_s| {
            let got = coarsen(Duration::from_secs(every_s), Duration::from_secs(span_s), BUCKETS_MAX);
            assert_eq!(got.as_secs(), expect_s, "every {every_s} s over {span_s} s");
        };
        check(60, 6 * 3_600, 60);
        check(60, 7 * 86_400, 900);
        check(60, 365 * 86_400, 86_400);
        check(1, 86_400, 120);
        check(3_600, 86_400, 3_600);
        let week = Duration::from_secs(7 * 86_400);
        assert_eq!(coarsen(Duration::from_secs(60), week, BUCKETS_OF_SERIES_MAX).as_secs(), 3_600);
    }
}
