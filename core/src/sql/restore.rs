//! Entries made anew from rows of `logs`: what [`super::write`] keeps of them, read back.
//!
//! Fields come in another order than the journal's, and of the cursor only what the row has: `seqnum_id`, `seqnum`,
//! the time, and the boot if the entry says it.

use super::write::{COLUMNS, MACHINE_FIELD};
use crate::{
    cursor::Cursor,
    entry::Entries,
    error::{Error, Result},
    table::Rows,
    value::Value,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value as Json};

/// Pushes the entry of a row of `logs`, all columns of which were asked for.
///
/// # Errors
/// `Corrupt` for a row that no store of ours wrote.
pub fn restore(rows: &Rows, row: usize, entries: &mut Entries) -> Result<()> {
    let text = |name: &str| match rows.column(name).map(|column| column.get(row)) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let int = |name: &str| match rows.column(name).map(|column| column.get(row)) {
        Some(Value::Int(int)) => Some(int),
        _ => None,
    };
    let place = || format!("row {row} of `logs`");
    let corrupt = |what: &str| Error::corrupt(what.to_owned()).at(place());
    let json: Map<String, Json> = match text("fields") {
        Some(json) => serde_json::from_str(&json).map_err(|_| corrupt("`fields` is no JSON object"))?,
        None => Map::new(),
    };
    let mut push = |name: &str, value: &[u8]| entries.push_field(name.as_bytes(), value);
    let in_columns = COLUMNS.iter().map(|(column, field)| (*column, *field)).chain([("machine", MACHINE_FIELD)]);
    for (column, field) in in_columns.filter(|(_, field)| !json.contains_key(*field)) {
        match (text(column), int(column)) {
            (Some(text), _) => push(field, text.as_bytes()),
            (None, Some(int)) => push(field, int.to_string().as_bytes()),
            (None, None) => {}
        }
    }
    for (field, value) in &json {
        let values = if let Json::Array(values) = value { values.as_slice() } else { std::slice::from_ref(value) };
        for value in values {
            match value {
                Json::Null => {}
                Json::String(text) => push(field, text.as_bytes()),
                other => {
                    let bytes = other["$b64"].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
                    push(field, &bytes.ok_or_else(|| corrupt("`fields` holds a value that is no text"))?);
                }
            }
        }
    }
    let number = |name: &str| int(name).and_then(|int| u64::try_from(int).ok());
    let id = |text: Option<std::borrow::Cow<'_, str>>| text.and_then(|text| text.parse().ok());
    entries.end(Cursor {
        seqnum_id: id(text("seqnum_id")).ok_or_else(|| corrupt("it has no `seqnum_id`"))?,
        seqnum: number("seqnum").ok_or_else(|| corrupt("it has no `seqnum`"))?,
        realtime: number("time").unwrap_or_default(),
        boot: json.get("_BOOT_ID").and_then(|id| id.as_str()?.parse().ok()).unwrap_or_default(),
        ..Cursor::default()
    });
    Ok(())
}
