//! Questions about a table: `logs.where(level >= "error").every(1.minutes).count(host)`.

use super::{
    super::source::Place,
    Broken,
    take::{Call, describe},
};
use crate::{
    expr::Expr,
    query::{Aggregate, Key, Measure, Query, ROWS_MAX, Shape},
};
use rhai::Dynamic;
use std::{sync::Arc, time::Duration};

/// How many records come when the script does not say.
const LATEST: usize = 100;

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
    pub fn new(call: &Call, table: &Arc<str>) -> Option<Self> {
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
            call.wrong(
                index,
                format!("a query is wanted here, not {got}"),
                "write a table and what you ask of it: `logs.count()`",
            );
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

    pub fn field(&mut self, call: &Call, index: usize, value: &Dynamic) -> Option<Arc<str>> {
        let name = call.name(index, value)?;
        self.uses.push((name.clone(), call.argument(index)?));
        Some(name)
    }

    pub fn keys(&mut self, call: &Call, first: usize, keys: &[Dynamic]) {
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

    pub fn measure(&mut self, call: &Call, label: &str, args: &[Dynamic], of: impl FnOnce(Arc<str>) -> Aggregate) {
        let Some(name) = args.first().and_then(|field| self.field(call, 0, field)) else { return };
        if label != "distinct" && label != "min" && label != "max" {
            self.numbers.extend(call.argument(0).map(|at| (name.clone(), at)));
        }
        self.measures.push(Measure { name: format!("{label}_{name}").into(), of: of(name) });
        self.keys(call, 1, &args[1..]);
    }
}

impl QueryDraft {
    /// Sets the columns from argument `index` of a call.
    pub fn choose(&mut self, call: &Call, index: usize, fields: &Dynamic) {
        let (Some(names), Some(at)) = (call.names(index, fields), call.argument(index)) else { return };
        self.uses.extend(names.iter().map(|name| (name.clone(), call.name_after(name, &at))));
        self.columns = names;
    }
}
