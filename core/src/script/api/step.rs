//! What a parser's steps and examples take: values, closures, samples.

use super::{
    super::closure::{MapClosure, Uses},
    parser::ParserRef,
    record::value_of,
    take::{Call, describe},
    types::{column_type, types},
};
use crate::parse::spec::{Closure, Example, Step};
use rhai::{Dynamic, Map};
use std::sync::Arc;

pub(super) fn set(call: &Call, field: &Dynamic, value: &Dynamic, kind: Option<&Dynamic>) -> Option<Step> {
    let name = call.name(0, field)?;
    let to = call.expression(1, value)?;
    let kind = match kind {
        Some(kind) => Some(column_type(call, 2, kind)?),
        None => None,
    };
    Some(Step::Set { name, to, kind })
}

pub(super) fn map(call: &Call, parser: ParserRef, closure: &Dynamic, sets: Option<&Dynamic>) -> ParserRef {
    let (Some(sheet), Some(closure)) = (call.sheet(), call.closure(0, closure)) else { return parser };
    let sets: Vec<_> = match sets.map(|sets| types(call, 1, sets)) {
        None => Vec::new(),
        Some(None) => return parser,
        Some(Some(types)) => types.into_iter().map(|(name, kind)| (name, kind.column())).collect(),
    };
    let Some(at) = call.argument(0) else { return parser };
    let Some(uses) = Uses::of(sheet, &closure, &at) else { return parser };
    let closure = MapClosure::new(sheet, closure, at.to_string(), &uses);
    let step = Step::Map { call: Closure(Arc::new(closure)), sets };
    parser.with(|draft| draft.closures.push(uses)).step(call, Some(step))
}

/// `fields` is `None` for a sample that must not match.
pub(super) fn example(
    call: &Call,
    parser: ParserRef,
    input: &Dynamic,
    fields: Option<&Dynamic>,
    given: Option<&Dynamic>,
) -> ParserRef {
    let read = || {
        let input = call.text(0, input)?.to_string();
        let fields = match fields {
            Some(fields) => Some(expected(call, fields)?),
            None => None,
        };
        let given = match given {
            Some(given) => entry_fields(call, given)?,
            None => Vec::new(),
        };
        let place = call.place().map(|place| place.to_string()).unwrap_or_default();
        Some(Example { input, fields, given, place })
    };
    let Some(example) = read() else { return parser };
    parser.with(|draft| {
        draft.spec.examples.push(example);
        draft.examples_at.push(call.place().unwrap_or_else(|| draft.at.clone()));
    })
}

fn expected(call: &Call, fields: &Dynamic) -> Option<Vec<(Arc<str>, crate::value::Value<'static>)>> {
    let Some(map) = fields.read_lock::<Map>() else {
        call.wrong(1, format!("`example` takes the fields as a map, not {}", describe(fields)), "write `#{ user: \"root\" }`");
        return None;
    };
    let fields = map.iter().map(|(name, value)| match value_of(value) {
        Some(value) => Some((Arc::from(name.as_str()), value)),
        None => {
            call.wrong(1, format!("`{name}` can't be {}", describe(value)), "a field is a text, a number, true or false");
            None
        }
    });
    fields.collect()
}

fn entry_fields(call: &Call, given: &Dynamic) -> Option<Vec<(Arc<str>, String)>> {
    let Some(map) = given.read_lock::<Map>() else {
        call.wrong(2, "other fields of the entry are given as a map", "write `#{ identifier: \"sshd\" }`");
        return None;
    };
    Some(map.iter().map(|(name, value)| (Arc::from(name.as_str()), value.to_string())).collect())
}
