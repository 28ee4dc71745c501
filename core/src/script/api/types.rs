//! Types by the names scripts use: `int`, `time(%d/%b/%Y)`, `flag(invalid user )`.

use super::take::Call;
use crate::{
    parse::spec::{FieldType, Pick},
    suggest::hint,
    table::ColumnType,
};
use rhai::{Dynamic, Map};
use std::sync::Arc;

/// Names of types without arguments, and of those with.
const TYPES: [&str; 9] = ["text", "int", "float", "bool", "ip", "time", "duration", "bytes", "flag"];

/// A type by its name, or a recorded problem.
pub(super) fn field_type_of(call: &Call, index: usize, name: &str) -> Option<FieldType> {
    let kind = FieldType::parse(name);
    if kind.is_none() {
        call.wrong_word(index, name, format!("`{}` is no type", name.escape_debug()), hint(name, "types are", TYPES));
    }
    kind
}

/// A column's type by its name, or a recorded problem.
pub(super) fn column_type(call: &Call, index: usize, name: &Dynamic) -> Option<ColumnType> {
    let name = call.text_as(index, name, "the name of a type")?;
    field_type_of(call, index, &name).map(|kind| kind.column())
}

/// `#{ port: "int" }`.
pub(super) fn types(call: &Call, index: usize, map: &Dynamic) -> Option<Vec<(Arc<str>, FieldType)>> {
    let Some(map) = map.read_lock::<Map>() else {
        call.wrong(index, "types are given as a map such as `#{ port: \"int\" }`", "");
        return None;
    };
    let typed = map.iter().map(|(name, kind)| {
        let kind = call.text_as(index, kind, "a map of types such as `#{ port: \"int\" }`")?;
        Some((Arc::from(name.as_str()), field_type_of(call, index, &kind)?))
    });
    typed.collect()
}

/// `status:int` split into what stands before the type and the type; `text` when there is none.
pub(super) fn split_type(call: &Call, index: usize, word: &str) -> Option<(String, FieldType)> {
    for (at, _) in word.match_indices(':') {
        if let Some(kind) = FieldType::parse(&word[at + 1..]) {
            return Some((word[..at].to_owned(), kind));
        }
    }
    match word.split_once(':') {
        Some((_, kind)) => field_type_of(call, index, kind).map(|kind| (word.to_owned(), kind)),
        None => Some((word.to_owned(), FieldType::Text)),
    }
}

/// Fields of keyed input: `["status:int", "user"]`, or `#{ user: "user.name", status: "status:int" }`.
pub(super) fn picks(call: &Call, fields: &Dynamic) -> Option<Vec<Pick>> {
    let wanted = "fields such as `[\"status:int\", \"user\"]` or `#{ user: \"user.name\" }`";
    if let Some(map) = fields.read_lock::<Map>() {
        let picks = map.iter().map(|(name, path)| {
            let path = call.text_as(0, path, wanted)?;
            let (path, kind) = split_type(call, 0, &path)?;
            Some(Pick { name: name.as_str().into(), path: path.into(), kind })
        });
        return picks.collect();
    }
    let names = words(call, 0, fields, wanted)?;
    let picks = names.iter().map(|word| {
        let (path, kind) = split_type(call, 0, word)?;
        let name = path.replace(['.', '-', ' '], "_");
        Some(Pick { name: name.into(), path: path.into(), kind })
    });
    picks.collect()
}

/// A list of texts, or of bare names.
pub(super) fn words(call: &Call, index: usize, list: &Dynamic, wanted: &str) -> Option<Vec<Arc<str>>> {
    if !list.is_array() {
        call.text_as(index, &Dynamic::UNIT, wanted);
        return None;
    }
    call.names(index, list)
}
