//! Entries as rows of `logs`: known fields in columns, everything else exactly in the JSON column `fields`.
//!
//! A field that is in a column is not in `fields`, unless the column does not say it exactly (several values, bytes
//! that are no text, `PRIORITY=03`, a name cut short): then the whole stands in `fields`. Where another field filled
//! the column (`UNIT` for a missing `_SYSTEMD_UNIT`), the missing one stands there as `null`. So every entry can be
//! made anew from its row ([`restore`](crate::sql::restore) does).

use super::{Ids, name, number};
use crate::{entry::Entry, error::Result, fields, plugin::Commit, value::Value};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::{borrow::Cow, ops::Range};

/// Fields in columns: the column's name, the field's, and other fields that fill the column if it is missing.
pub const COLUMNS: [(&str, &str); 7] = [
    ("host", "_HOSTNAME"),
    ("unit", "_SYSTEMD_UNIT"),
    ("identifier", "SYSLOG_IDENTIFIER"),
    ("command", "_CMDLINE"),
    ("priority", "PRIORITY"),
    ("pid", "_PID"),
    ("message", "MESSAGE"),
];

/// The field that the column `machine` stands for, which every entry has.
pub const MACHINE_FIELD: &str = "_MACHINE_ID";

/// Rows of `logs` in the order of its columns.
pub(super) fn logs(
    commit: &Commit<'_>,
    range: Range<usize>,
    visit: &mut dyn FnMut(&[Value<'_>]) -> Result<()>,
) -> Result<()> {
    let machine = commit.machine.to_string();
    let mut ids = Ids::default();
    let mut json = String::new();
    let mut order = Vec::new();
    for index in range {
        let entry = commit.entries.get(index);
        let mut values: [Value<'_>; 7] = std::array::from_fn(|at| fields::read(&entry, COLUMNS[at].0));
        for short in &mut values[..3] {
            *short = name(std::mem::take(short));
        }
        write_fields(&entry, &values, &machine, &mut json, &mut order);
        let [host, unit, identifier, command, priority, pid, message] = values;
        visit(&[
            Value::Int(entry.time().0),
            Value::text(&machine),
            Value::text(ids.text(entry.cursor.seqnum_id)),
            number(entry.cursor.seqnum),
            host,
            unit,
            identifier,
            command,
            priority,
            pid,
            message,
            if json.is_empty() { Value::Missing } else { Value::text(&json) },
        ])?;
    }
    Ok(())
}

/// All fields of an entry as one JSON object: what quarantine keeps of an entry that `logs` would not take.
pub fn fields_json(entry: &Entry<'_>) -> String {
    let mut json = String::new();
    let mut all: Vec<(&[u8], &[u8])> = entry.fields().collect();
    all.sort_by_key(|(name, _)| *name);
    for same in all.chunk_by(|a, b| a.0 == b.0) {
        push_member(&mut json, same);
    }
    close(&mut json);
    json
}

fn write_fields<'e>(
    entry: &Entry<'e>,
    values: &[Value<'_>; 7],
    machine: &str,
    json: &mut String,
    order: &mut Vec<(&'e [u8], &'e [u8])>,
) {
    json.clear();
    order.clear();
    order.extend(entry.fields());
    order.sort_by_key(|(name, _)| *name);
    let mut seen = [false; 8];
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        let own = column(same[0].0);
        if let Some(at) = own {
            seen[at] = true;
            let kept = if at == 7 { Value::text(machine) } else { values[at].borrow() };
            if same.len() == 1 && says(&kept, same[0].1) {
                continue;
            }
        }
        push_member(json, same);
    }
    for (at, (_, field)) in COLUMNS.iter().enumerate() {
        if !seen[at] && !values[at].is_missing() {
            push_name(json, field);
            json.push_str("null");
        }
    }
    if !seen[7] {
        push_name(json, MACHINE_FIELD);
        json.push_str("null");
    }
    close(json);
}

/// Which of [`COLUMNS`] a field is in; 7 is `machine`.
fn column(field: &[u8]) -> Option<usize> {
    COLUMNS
        .iter()
        .position(|(_, own)| own.as_bytes() == field)
        .or_else(|| (field == MACHINE_FIELD.as_bytes()).then_some(7))
}

/// Whether a column's value says exactly these bytes.
fn says(value: &Value<'_>, bytes: &[u8]) -> bool {
    match value {
        Value::Text(text) => text.as_bytes() == bytes,
        Value::Int(int) => std::str::from_utf8(bytes).is_ok_and(|text| text == int.to_string()),
        _ => false,
    }
}

fn push_member(json: &mut String, same: &[(&[u8], &[u8])]) {
    push_name(json, &String::from_utf8_lossy(same[0].0));
    if let [(_, only)] = same {
        return push_value(json, only);
    }
    for (at, (_, value)) in same.iter().enumerate() {
        json.push(if at == 0 { '[' } else { ',' });
        push_value(json, value);
    }
    json.push(']');
}

fn push_name(json: &mut String, name: &str) {
    json.push(if json.is_empty() { '{' } else { ',' });
    push_string(json, name);
    json.push(':');
}

fn close(json: &mut String) {
    if !json.is_empty() {
        json.push('}');
    }
}

/// Text as a string; other bytes as `{"$b64":…}` with the nearest text beside, which queries see.
fn push_value(json: &mut String, value: &[u8]) {
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => push_string(json, text),
        Cow::Owned(near) => {
            json.push_str("{\"$b64\":\"");
            BASE64_STANDARD.encode_string(value, json);
            json.push_str("\",\"text\":");
            push_string(json, &near);
            json.push('}');
        }
    }
}

fn push_string(json: &mut String, text: &str) {
    json.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        json.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\t' => json.push_str("\\t"),
            byte => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                json.push_str("\\u00");
                json.push(HEX[usize::from(byte >> 4)] as char);
                json.push(HEX[usize::from(byte & 15)] as char);
            }
        }
        rest = &rest[at + 1..];
    }
    json.push_str(rest);
    json.push('"');
}
