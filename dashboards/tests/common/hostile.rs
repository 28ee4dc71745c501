//! Made-up rows whose texts try to run something in the reader's browser.

use super::through::Way;
use infralogs_core::{
    Error, Kind,
    query::{Frame, Query, Shape},
    table::Rows,
    value::Value,
};
use std::time::Duration;

/// What attackers write into logs.
const CORPUS: [&str; 6] = [
    "<img src=x onerror=\"pwned=3\">",
    "</script><script>pwned=4</script>",
    "<svg/onload=pwned=5>",
    "\"><iframe srcdoc='<script>parent.pwned=6</script>'>",
    "javascript:pwned=7//",
    "<math><mtext></p><img src=x onerror=pwned=8>${pwned=9}{{pwned=10}}<%= 1 %>",
];

/// Hostile messages and identifiers, from a copy that is minutes old; some tables have no rows, or no answer.
pub struct Hostile;

impl Way for Hostile {
    fn trouble(&self, query: &Query) -> Option<Error> {
        let (kind, what) = match (&*query.table, &query.shape) {
            ("gaps", _) => (Kind::Unavailable, "no route to the replica"),
            ("processes", _) => (Kind::Limit, "the query took too long"),
            ("agents", Shape::Latest { .. } | Shape::Groups { every: Some(_), .. }) => {
                (Kind::Denied, "no right to read")
            }
            _ => return None,
        };
        Some(Error::new(kind, what))
    }
    fn rows(&self, query: &Query, _: &Frame, plain: Rows) -> Rows {
        let mut rows = Rows::new(plain.defs.clone());
        let count = if &*query.table == "audit" { 0 } else { plain.len() };
        for row in 0..count {
            let cells = plain.columns.iter().zip(&plain.defs).map(|(column, def)| match def.name.as_str() {
                "message" | "identifier" | "service" | "version" => Value::text(CORPUS[row % CORPUS.len()]),
                _ => column.get(row),
            });
            rows.push(&cells.collect::<Vec<_>>());
        }
        rows
    }
    fn choices(&self, mut words: Vec<String>) -> Vec<String> {
        words.extend(CORPUS.map(str::to_owned));
        words
    }
    fn lag(&self) -> Duration {
        Duration::from_secs(180)
    }
}
