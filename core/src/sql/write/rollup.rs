//! What a commit adds to the rollups, in the order of their keys.

use super::name;
use crate::{
    fields,
    plugin::Commit,
    sql::rollup::{CUBES, Dims, HOST, PRIORITY, UNIT, bucket},
    value::Value,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
};

/// One row to add to: its key in the table's order. `n` is how many records more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted<'c> {
    /// Which cube.
    pub cube: u8,
    /// The start of the bucket, in microseconds.
    pub bucket: i64,
    /// Empty where there is none.
    pub host: Cow<'c, str>,
    /// Empty where there is none.
    pub unit: Cow<'c, str>,
    /// 0 where there is none.
    pub priority: i64,
    /// Which of the three there are.
    pub has: Dims,
}

/// The rows of a commit, but for those of `logs` that were refused.
pub fn counted<'c>(commit: &Commit<'c>, refused: &HashSet<usize>) -> BTreeMap<Counted<'c>, i64> {
    let grain = CUBES.iter().map(|cube| cube.grain_us).min().unwrap_or(1);
    let mut finest: HashMap<Counted<'c>, i64> = HashMap::new();
    for index in (0..commit.entries.len()).filter(|index| !refused.contains(index)) {
        let entry = commit.entries.get(index);
        let (host, has_host) = text(name(fields::read(&entry, "host")), HOST);
        let (unit, has_unit) = text(name(fields::read(&entry, "unit")), UNIT);
        let (priority, has_priority) = match fields::read(&entry, "priority") {
            Value::Int(priority) => (priority, PRIORITY),
            _ => (0, 0),
        };
        let has = has_host | has_unit | has_priority;
        let key = Counted { cube: 0, bucket: bucket(entry.time().0, grain), host, unit, priority, has };
        *finest.entry(key).or_default() += 1;
    }
    let mut rows = BTreeMap::new();
    for (fine, n) in &finest {
        for cube in &CUBES {
            let keeps = |dim: Dims| cube.dims & dim != 0;
            let key = Counted {
                cube: cube.number,
                bucket: bucket(fine.bucket, cube.grain_us),
                host: if keeps(HOST) { fine.host.clone() } else { Cow::Borrowed("") },
                unit: if keeps(UNIT) { fine.unit.clone() } else { Cow::Borrowed("") },
                priority: if keeps(PRIORITY) { fine.priority } else { 0 },
                has: fine.has & cube.dims,
            };
            *rows.entry(key).or_default() += n;
        }
    }
    rows
}

/// The shard of a commit's rows: the first letter of its machine's id.
pub fn shard(commit: &Commit<'_>) -> String {
    commit.machine.to_string().chars().take(1).collect()
}

fn text(value: Value<'_>, dim: Dims) -> (Cow<'_, str>, Dims) {
    match value {
        Value::Text(text) => (text, dim),
        _ => (Cow::Borrowed(""), 0),
    }
}
