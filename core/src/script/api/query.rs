//! Questions about a table: `logs.where(level >= "error").every(1.minutes).count(host)`.

use super::{
    super::source::Place,
    Broken,
    shelf::Shelf,
    take::{Call, describe},
};
use crate::{
    expr::Expr,
    query::{Aggregate, Key, Measure, Query, ROWS_MAX, Shape},
};
use rhai::{Dynamic, NativeCallContext};
use std::{sync::Arc, time::Duration};

/// How many records come when the script does not say.
const LATEST: usize = 100;
/// The most groups `top` may ask for.
const TOP_MAX: i64 = 1_000;

/// A question in the making; each step gives a new one, so that one can be the beginning of several.
#[derive(Debug, Clone)]
pub(in super::super) struct QueryDraft {
    pub table: Arc<str>,
    pub table_at: Place,
    pub filter: Option<Expr>,
    pub last: Option<Duration>,
    pub every: Option<Duration>,
    pub by: Vec<Key>,
    pub measures: Vec<Measure>,
    pub top: Option<usize>,
    pub records: Option<Records>,
    pub columns: Vec<Arc<str>>,
    /// Every column it names, with the place to point at.
    pub uses: Vec<(Arc<str>, Place)>,
    /// The columns it computes with, which have to be numbers.
    pub numbers: Vec<(Arc<str>, Place)>,
}

/// Records instead of numbers.
#[derive(Debug, Clone)]
pub(in super::super) enum Records {
    Latest(usize),
    Newest(Vec<Arc<str>>),
}

impl QueryDraft {
    fn new(call: &Call, table: &Arc<str>) -> Option<Self> {
        Some(Self {
            table: table.clone(),
            table_at: call.name_before(table)?,
            filter: None,
            last: None,
            every: None,
            by: Vec::new(),
            measures: Vec::new(),
            top: None,
            records: None,
            columns: Vec::new(),
            uses: Vec::new(),
            numbers: Vec::new(),
        })
    }

    /// A query as a panel takes it: one in the making, or the bare name of a table.
    pub fn take(call: &Call, index: usize, value: &Dynamic) -> Option<Self> {
        if let Some(draft) = value.read_lock::<Self>() {
            return Some(draft.clone());
        }
        let table = value.read_lock::<Expr>().and_then(|expr| match &*expr {
            Expr::Field(name) => Some(name.clone()),
            _ => None,
        });
        if table.is_none() && !value.is::<Broken>() {
            let got = describe(value);
            call.wrong(index, format!("a query is wanted here, not {got}"), "write a table and what you ask of it: `logs.count()`");
        }
        let mut draft = Self::new(call, &table?)?;
        draft.table_at = call.argument(index)?;
        Some(draft)
    }

    /// Whether it gives numbers of groups rather than records.
    pub fn counts(&self) -> bool {
        !self.measures.is_empty() || self.every.is_some() || !self.by.is_empty() || self.top.is_some()
    }

    /// The finished question.
    pub fn query(&self) -> Query {
        let count = || Measure { name: "count".into(), of: Aggregate::Count };
        let columns = self.columns.clone();
        let shape = if self.counts() {
            let measures = if self.measures.is_empty() { vec![count()] } else { self.measures.clone() };
            Shape::Groups { every: self.every, by: self.by.clone(), measures, top: self.top }
        } else {
            match &self.records {
                Some(Records::Newest(per)) => Shape::Newest { per: per.clone(), columns, limit: ROWS_MAX },
                Some(Records::Latest(limit)) => Shape::Latest { columns, limit: *limit },
                None => Shape::Latest { columns, limit: LATEST },
            }
        };
        Query { table: self.table.clone(), filter: self.filter.clone(), last: self.last, shape }
    }

    fn field(&mut self, call: &Call, index: usize, value: &Dynamic) -> Option<Arc<str>> {
        let name = call.name(index, value)?;
        self.uses.push((name.clone(), call.argument(index)?));
        Some(name)
    }

    fn keys(&mut self, call: &Call, first: usize, keys: &[Dynamic]) {
        for (index, key) in keys.iter().enumerate() {
            let Some(name) = call.name(first + index, key) else { continue };
            self.by.push(match &*name {
                "weekday" => Key::Weekday,
                "hour" => Key::Hour,
                _ => {
                    self.uses.extend(call.argument(first + index).map(|at| (name.clone(), at)));
                    Key::Field(name)
                }
            });
        }
    }

    fn measure(&mut self, call: &Call, label: &str, args: &[Dynamic], of: impl FnOnce(Arc<str>) -> Aggregate) {
        let Some(name) = args.first().and_then(|field| self.field(call, 0, field)) else { return };
        if label != "distinct" && label != "min" && label != "max" {
            self.numbers.extend(call.argument(0).map(|at| (name.clone(), at)));
        }
        self.measures.push(Measure { name: format!("{label}_{name}").into(), of: of(name) });
        self.keys(call, 1, &args[1..]);
    }
}

/// What one method does to a query.
type Step = fn(&Call, &mut QueryDraft, &[Dynamic]);

/// Registers a method with all numbers of arguments from `least` to 4 that it takes, on queries and on tables.
macro_rules! method {
    ($shelf:expr, $name:expr, $params:expr, $says:expr, $step:expr, $([$($arg:ident),*]),+) => {{
        let step: Step = $step;
        let mut says = Some($says);
        $(
            let on_query = move |context: NativeCallContext<'_>, query: QueryDraft, $($arg: Dynamic),*| {
                apply(&context, Some(query), None, step, &[$($arg),*])
            };
            match says.take() {
                Some(says) => $shelf.add($name, $params, says, on_query),
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
    method!(shelf, "where", &["query: Query", "condition: Expression"],
        "Only records for which this is true.\n\nlogs.where(level >= \"error\" & service != \"healthcheck\")",
        |call, query, args| {
            let Some(new) = call.condition(0, &args[0]) else { return };
            let Some(at) = call.place() else { return };
            new.fields(&mut |name| query.uses.push((name.into(), call.name_after(name, &at))));
            query.filter = Some(match query.filter.take() {
                Some(old) => old.and(new),
                None => new,
            });
        }, [condition]);
    method!(shelf, "last", &["query: Query", "duration: Duration"],
        "Its own window back from now, instead of the page's.\n\nstorage.last(24.hours)",
        |call, query, args| query.last = call.span(0, &args[0]), [span]);
    method!(shelf, "every", &["query: Query", "duration: Duration"],
        "One number for each such stretch of time.\n\nlogs.every(1.minutes).count(host)",
        |call, query, args| query.every = call.span(0, &args[0]), [span]);
    method!(shelf, "by", &["query: Query", "key: String"],
        "What records are grouped by: columns, `weekday` or `hour`.\n\nnginx_access.by(path).mean(seconds)",
        |call, query, args| query.keys(call, 0, args), [a], [a, b], [a, b, c], [a, b, c, d]);
    method!(shelf, "top", &["query: Query", "count: i64"],
        "Only so many groups, the largest.\n\nlogs.count(unit).top(10)",
        |call, query, args| query.top = call.whole(0, &args[0], 1..=TOP_MAX).map(|top| top as usize), [count]);
    measures(shelf);
    percentiles(shelf);
    records(shelf);
}

fn measures(shelf: &mut Shelf) {
    method!(shelf, "count", &["query: Query", "key: String"],
        "How many records, for each value of the keys.\n\nlogs.count(host)",
        |call, query, args| {
            query.measures.push(Measure { name: "count".into(), of: Aggregate::Count });
            query.keys(call, 0, args);
        }, [a], [], [a, b], [a, b, c], [a, b, c, d]);
    method!(shelf, "distinct", &["query: Query", "field: String"],
        "How many different values a column has.\n\nfailed_ssh.distinct(ip)",
        |call, query, args| query.measure(call, "distinct", args, Aggregate::Distinct), [a], [a, b], [a, b, c]);
    method!(shelf, "sum", &["query: Query", "field: String"],
        "The sum of a column, for each value of further keys.\n\nnginx_access.sum(bytes, host)",
        |call, query, args| query.measure(call, "sum", args, Aggregate::Sum), [a], [a, b], [a, b, c]);
    method!(shelf, "mean", &["query: Query", "field: String"],
        "The mean of a column.\n\nagents.mean(lag_ms)",
        |call, query, args| query.measure(call, "mean", args, Aggregate::Mean), [a], [a, b], [a, b, c]);
    method!(shelf, "min", &["query: Query", "field: String"],
        "The smallest value of a column.\n\nagents.min(last_seen)",
        |call, query, args| query.measure(call, "min", args, Aggregate::Min), [a], [a, b], [a, b, c]);
    method!(shelf, "max", &["query: Query", "field: String"],
        "The largest value of a column.\n\nagents.max(lag_ms)",
        |call, query, args| query.measure(call, "max", args, Aggregate::Max), [a], [a, b], [a, b, c]);
}

fn percentiles(shelf: &mut Shelf) {
    macro_rules! percentile {
        ($($name:literal $share:literal),+) => {$(
            method!(shelf, $name, &["query: Query", "field: String"],
                concat!("The value that ", $share, " of 100 records do not exceed.\n\nagents.", $name, "(lag_ms)"),
                |call, query, args| query.measure(call, $name, args, |name| Aggregate::Percentile(name, $share)),
                [a], [a, b], [a, b, c]);
        )+};
    }
    percentile!("p50" 50, "p75" 75, "p90" 90, "p95" 95, "p99" 99);
}

fn records(shelf: &mut Shelf) {
    method!(shelf, "latest", &["query: Query", "count: i64"],
        "The newest records.\n\nlogs.where(level >= \"error\").latest(200)",
        |call, query, args| {
            let most = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
            query.records = call.whole(0, &args[0], 1..=most).map(|count| Records::Latest(count as usize));
        }, [count]);
    method!(shelf, "newest", &["query: Query", "key: String"],
        "The newest record for each value of the keys.\n\nstorage.newest(host, mount)",
        |call, query, args| {
            let keys = args.iter().enumerate().filter_map(|(index, key)| query.field(call, index, key)).collect();
            query.records = Some(Records::Newest(keys));
        }, [a], [a, b], [a, b, c]);
    method!(shelf, "columns", &["query: Query", "fields: Array"],
        "The columns of the records, in order; all if it does not say.\n\nlogs.latest(50).columns([time, host, message])",
        |call, query, args| query.choose(call, 0, &args[0]), [fields]);
}

impl QueryDraft {
    /// Sets the columns from argument `index` of a call.
    pub fn choose(&mut self, call: &Call, index: usize, fields: &Dynamic) {
        let (Some(names), Some(at)) = (call.names(index, fields), call.argument(index)) else { return };
        self.uses.extend(names.iter().map(|name| (name.clone(), call.name_after(name, &at))));
        self.columns = names;
    }
}
