//! Names that scripts use for an entry's fields, and how each is read.
//!
//! `message` is the journal's `MESSAGE` and so on (see [`journal_names`]); any other journal field goes by its
//! own upper-case name.

use crate::{entry::Entry, expr::LEVELS, value::Value};

/// The small-letter names every entry has; values may be missing.
pub const ENTRY_FIELDS: [&str; 11] =
    ["time", "host", "unit", "service", "identifier", "command", "priority", "level", "pid", "message", "boot"];

/// The journal fields a small-letter name reads, best first.
pub fn journal_names(name: &str) -> &'static [&'static str] {
    match name {
        "host" => &["_HOSTNAME"],
        "unit" | "service" => &["_SYSTEMD_UNIT", "UNIT"],
        "identifier" => &["SYSLOG_IDENTIFIER", "_COMM"],
        "command" => &["_CMDLINE", "_COMM"],
        "priority" | "level" => &["PRIORITY"],
        "pid" => &["_PID", "SYSLOG_PID"],
        "message" => &["MESSAGE"],
        "boot" => &["_BOOT_ID"],
        _ => &[],
    }
}

/// The column of `logs` that a journal field is kept in; other fields are kept in the column `fields`.
pub fn column_of(journal: &str) -> Option<&'static str> {
    Some(match journal {
        "_HOSTNAME" => "host",
        "_SYSTEMD_UNIT" => "unit",
        "SYSLOG_IDENTIFIER" => "identifier",
        "_CMDLINE" => "command",
        "PRIORITY" => "priority",
        "_PID" => "pid",
        "MESSAGE" => "message",
        "_MACHINE_ID" => "machine",
        _ => return None,
    })
}

/// The field of an entry that holds a label of its target: `_LABEL_DATA_CENTER` for `data-center`. It begins with `_`,
/// so no program on the machine can write it.
pub fn label_field(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("_LABEL_{}", label.chars().map(plain).collect::<String>())
}

/// The field that holds a label of an entry's target, by the name scripts use: `label_region`.
pub fn label_of(name: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.strip_prefix("label_").filter(|label| !label.is_empty() && label.bytes().all(plain)).map(label_field)
}

/// Whether a name can be a field of an entry: one of [`ENTRY_FIELDS`], a label, or a journal field in upper case.
pub fn is_entry_field(name: &str) -> bool {
    ENTRY_FIELDS.contains(&name)
        || label_of(name).is_some()
        || (name.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && name.bytes().any(|b| b.is_ascii_uppercase()))
}

/// The value of a field by the name scripts use.
pub fn read<'a>(entry: &Entry<'a>, name: &str) -> Value<'a> {
    match name {
        "time" => Value::Int(entry.time().0),
        "priority" => number(first(entry, name)).filter(|p| (0..=7).contains(p)).map_or(Value::Missing, Value::Int),
        "pid" => number(first(entry, name)).map_or(Value::Missing, Value::Int),
        "level" => match read(entry, "priority") {
            Value::Int(priority) => LEVELS.get(priority as usize).map_or(Value::Missing, |level| Value::text(level)),
            _ => Value::Missing,
        },
        "service" => match read(entry, "unit") {
            Value::Text(unit) => match unit {
                std::borrow::Cow::Borrowed(unit) => Value::text(unit.strip_suffix(".service").unwrap_or(unit)),
                std::borrow::Cow::Owned(unit) => {
                    Value::Text(unit.strip_suffix(".service").unwrap_or(&unit).to_owned().into())
                }
            },
            _ => Value::Missing,
        },
        _ if ENTRY_FIELDS.contains(&name) => first(entry, name).map_or(Value::Missing, Value::bytes),
        _ => match label_of(name) {
            Some(label) => entry.field(&label).map_or(Value::Missing, Value::bytes),
            None => entry.field(name).map_or(Value::Missing, Value::bytes),
        },
    }
}

fn first<'a>(entry: &Entry<'a>, name: &str) -> Option<&'a [u8]> {
    journal_names(name).iter().find_map(|journal| entry.field(journal))
}

fn number(bytes: Option<&[u8]>) -> Option<i64> {
    std::str::from_utf8(bytes?).ok()?.trim_ascii().parse().ok()
}
