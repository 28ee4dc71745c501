//! What changed in a source's columns: rows that were added, cells that became different.

use serde_json::{Map, Value, json};

/// The columns of a source by name.
type Columns<'a> = Vec<(&'a str, &'a [Value])>;

/// From one state of a source to the next, when most of it stayed.
pub(super) struct Change {
    /// New rows at the end, as a mapping of columns; as many of the oldest go.
    pub rows: Option<Value>,
    /// Cells by column, after that: pairs of place and value.
    pub cells: Option<Value>,
}

/// What to send instead of everything; `None` if that would not be less.
pub(super) fn change(before: &Value, after: &Value) -> Option<Change> {
    let (before, after) = (columns(before)?, columns(after)?);
    if before.len() != after.len() || before.iter().zip(&after).any(|(old, new)| old.0 != new.0) {
        return None;
    }
    // Rows are told by the first column, the moments: they move along, and what stands at them may still grow.
    let (old_keys, new_keys) = (before.first()?.1, after.first()?.1);
    let gone = old_keys.iter().position(|value| Some(value) == new_keys.first())?;
    let stayed = old_keys.len() - gone;
    let added = new_keys.len().checked_sub(stayed)?;
    if old_keys[gone..] != new_keys[..stayed] || added >= stayed || (added == 0 && gone > 0) {
        return None;
    }
    let mut cells = Map::new();
    let (mut changed, mut all) = (0, 0);
    for ((name, old), (_, new)) in before.iter().zip(&after) {
        if old.len() != old_keys.len() || new.len() != new_keys.len() {
            return None;
        }
        let pairs = old[gone..].iter().zip(&new[..stayed]).enumerate().filter(|(_, (old, new))| old != new);
        let pairs: Vec<Value> = pairs.map(|(at, (_, new))| json!([at, new])).collect();
        changed += pairs.len();
        all += new.len();
        if !pairs.is_empty() {
            cells.insert((*name).to_owned(), Value::Array(pairs));
        }
    }
    // A cell costs its place too.
    if changed * 2 > all {
        return None;
    }
    let rows: Vec<Value> = after.iter().map(|(name, column)| json!([name, column[stayed..]])).collect();
    let rows = (added > 0).then(|| json!({"type": "map", "entries": rows}));
    let cells = (!cells.is_empty()).then(|| map(cells));
    Some(Change { rows, cells })
}

/// How many rows there are.
pub(super) fn length(data: &Value) -> Option<usize> {
    columns(data)?.first().map(|(_, column)| column.len())
}

/// A mapping as Bokeh writes them.
fn map(members: Map<String, Value>) -> Value {
    let entries: Vec<Value> = members.into_iter().map(|(name, value)| json!([name, value])).collect();
    json!({"type": "map", "entries": entries})
}

fn columns(data: &Value) -> Option<Columns<'_>> {
    let entries = data.get("entries")?.as_array()?;
    entries.iter().map(|entry| Some((entry.get(0)?.as_str()?, entry.get(1)?.as_array()?.as_slice()))).collect()
}
