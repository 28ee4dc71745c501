//! The methods of queries, on tables and on queries in the making.

use super::{
    Broken,
    query::{QueryDraft, Records},
    shelf::Shelf,
    take::Call,
};
use crate::{
    expr::Expr,
    query::{Aggregate, Measure, ROWS_MAX},
};
use rhai::{Dynamic, NativeCallContext};

/// The most groups `top` may ask for.
const TOP_MAX: i64 = 1_000;

/// What one method does to a query.
type Step = fn(&Call, &mut QueryDraft, &[Dynamic]);

/// Registers a method with all numbers of arguments from `least` to 4 that it takes, on queries and on tables.
macro_rules! method {
    ($shelf:expr, $name:expr, $params:expr, $says:expr, $example:expr, $step:expr, $([$($arg:ident),*]),+) => {{
        let step: Step = $step;
        let mut says = Some(($says, $example));
        $(
            let on_query = move |context: NativeCallContext<'_>, query: QueryDraft, $($arg: Dynamic),*| {
                apply(&context, Some(query), None, step, &[$($arg),*])
            };
            match says.take() {
                Some((says, example)) => $shelf.add($name, $params, says, example, on_query),
                None => $shelf.also($name, on_query),
            }
            $shelf.also($name, move |context: NativeCallContext<'_>, table: Expr, $($arg: Dynamic),*| {
                apply(&context, None, Some(&table), step, &[$($arg),*])
            });
        )+
    }};
}

fn apply(
    context: &NativeCallContext<'_>,
    query: Option<QueryDraft>,
    table: Option<&Expr>,
    step: Step,
    args: &[Dynamic],
) -> Dynamic {
    let call = Call::of(context);
    let begun = query.or_else(|| match table {
        Some(Expr::Field(name)) => QueryDraft::new(&call, name),
        _ => {
            call.refuse(format!("`{}` is asked of a table", context.fn_name()), "write `logs.where(…)`");
            None
        }
    });
    let Some(mut query) = begun else { return Broken.into_dynamic() };
    step(&call, &mut query, args);
    if query.counts() && query.records.is_some() {
        call.refuse("a query gives either records or numbers, not both", "make two panels of it");
        query.records = None;
    }
    Dynamic::from(query)
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<QueryDraft>("Query");
    method!(
        shelf,
        "where",
        &["query: Query", "condition: Expression"],
        "Only records for which this is true.",
        r#"logs.where(level >= "error" & service != "healthcheck")"#,
        |call, query, args| {
            let Some(new) = call.condition(0, &args[0]) else { return };
            let Some(at) = call.place() else { return };
            new.fields(&mut |name| query.uses.push((name.into(), call.name_after(name, &at))));
            query.filter = Some(match query.filter.take() {
                Some(old) => old.and(new),
                None => new,
            });
        },
        [condition]
    );
    method!(
        shelf,
        "last",
        &["query: Query", "duration: Duration"],
        "Its own window back from now, instead of the page's.",
        "storage.last(24.hours)",
        |call, query, args| query.last = call.span(0, &args[0]),
        [span]
    );
    method!(
        shelf,
        "every",
        &["query: Query", "duration: Duration"],
        "One number for each such stretch of time.",
        "logs.every(1.minutes).count(host)",
        |call, query, args| query.every = call.span(0, &args[0]),
        [span]
    );
    method!(
        shelf,
        "by",
        &["query: Query", "key: String"],
        "What records are grouped by: columns, `weekday` or `hour`.",
        "nginx_access.by(path).mean(bytes)",
        |call, query, args| query.keys(call, 0, args),
        [a],
        [a, b],
        [a, b, c],
        [a, b, c, d]
    );
    method!(
        shelf,
        "top",
        &["query: Query", "count: i64"],
        "Only so many groups, the largest.",
        "logs.count(unit).top(10)",
        |call, query, args| query.top = call.whole(0, &args[0], 1..=TOP_MAX).map(|top| top as usize),
        [count]
    );
    measures(shelf);
    extremes(shelf);
    percentiles(shelf);
    records(shelf);
}

fn measures(shelf: &mut Shelf) {
    method!(
        shelf,
        "count",
        &["query: Query", "key: String"],
        "How many records, for each value of the keys.",
        "logs.count(host)",
        |call, query, args| {
            query.measures.push(Measure { name: "count".into(), of: Aggregate::Count });
            query.keys(call, 0, args);
        },
        [a],
        [],
        [a, b],
        [a, b, c],
        [a, b, c, d]
    );
    method!(
        shelf,
        "distinct",
        &["query: Query", "field: String"],
        "How many different values a column has.",
        "failed_ssh.distinct(ip)",
        |call, query, args| query.measure(call, "distinct", args, Aggregate::Distinct),
        [a],
        [a, b],
        [a, b, c]
    );
    method!(
        shelf,
        "sum",
        &["query: Query", "field: String"],
        "The sum of a column, for each value of further keys.",
        "nginx_access.sum(bytes, host)",
        |call, query, args| query.measure(call, "sum", args, Aggregate::Sum),
        [a],
        [a, b],
        [a, b, c]
    );
    method!(
        shelf,
        "mean",
        &["query: Query", "field: String"],
        "The mean of a column.",
        "agents.mean(lag_ms)",
        |call, query, args| query.measure(call, "mean", args, Aggregate::Mean),
        [a],
        [a, b],
        [a, b, c]
    );
}

fn extremes(shelf: &mut Shelf) {
    method!(
        shelf,
        "min",
        &["query: Query", "field: String"],
        "The smallest value of a column.",
        "agents.min(last_seen)",
        |call, query, args| query.measure(call, "min", args, Aggregate::Min),
        [a],
        [a, b],
        [a, b, c]
    );
    method!(
        shelf,
        "max",
        &["query: Query", "field: String"],
        "The largest value of a column.",
        "agents.max(lag_ms)",
        |call, query, args| query.measure(call, "max", args, Aggregate::Max),
        [a],
        [a, b],
        [a, b, c]
    );
}

fn percentiles(shelf: &mut Shelf) {
    macro_rules! percentile {
        ($($name:literal $share:literal),+) => {$(
            method!(shelf, $name, &["query: Query", "field: String"],
                concat!("The value that ", $share, " of 100 records do not exceed."),
                concat!("agents.", $name, "(lag_ms)"),
                |call, query, args| query.measure(call, $name, args, |name| Aggregate::Percentile(name, $share)),
                [a], [a, b], [a, b, c]);
        )+};
    }
    percentile!("p50" 50, "p75" 75, "p90" 90, "p95" 95, "p99" 99);
}

fn records(shelf: &mut Shelf) {
    method!(
        shelf,
        "latest",
        &["query: Query", "count: i64"],
        "The newest records.",
        r#"logs.where(level >= "error").latest(200)"#,
        |call, query, args| {
            let most = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
            query.records = call.whole(0, &args[0], 1..=most).map(|count| Records::Latest(count as usize));
        },
        [count]
    );
    method!(
        shelf,
        "newest",
        &["query: Query", "key: String"],
        "The newest record for each value of the keys.",
        "storage.newest(host, mount)",
        |call, query, args| {
            let keys = args.iter().enumerate().filter_map(|(index, key)| query.field(call, index, key)).collect();
            query.records = Some(Records::Newest(keys));
        },
        [a],
        [a, b],
        [a, b, c]
    );
    method!(
        shelf,
        "columns",
        &["query: Query", "fields: Array"],
        "The columns of the records, in order; all if it does not say.",
        "logs.latest(50).columns([time, host, message])",
        |call, query, args| query.choose(call, 0, &args[0]),
        [fields]
    );
}
