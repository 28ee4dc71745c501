//! A parser's steps after extraction, and its examples.

use super::{
    super::closure::{MapClosure, Uses},
    parser::ParserRef,
    record::value_of,
    shelf::Shelf,
    take::{Call, describe},
    types::{column_type, types},
};
use crate::parse::spec::{Closure, Example, Step};
use rhai::{Dynamic, Map, NativeCallContext};
use std::sync::Arc;

pub(super) fn register(shelf: &mut Shelf) {
    steps(shelf);
    closures(shelf);
    examples(shelf);
}

fn steps(shelf: &mut Shelf) {
    shelf.add(
        "keep",
        &["parser: Parser", "condition: Expression"],
        "Only records for which this is true go on; the entry itself is stored in `logs` anyway.",
        r#".keep(user != "monitor")"#,
        |context: NativeCallContext<'_>, parser: ParserRef, condition: Dynamic| {
            let call = Call::of(&context);
            let step = call.condition(0, &condition).map(Step::Keep);
            parser.step(&call, step)
        },
    );
    shelf.add(
        "drop",
        &["parser: Parser", "condition: Expression"],
        "Records for which this is true go no further.",
        r#".drop(path == "/health")"#,
        |context: NativeCallContext<'_>, parser: ParserRef, condition: Dynamic| {
            let call = Call::of(&context);
            let step = call.condition(0, &condition).map(Step::Drop);
            parser.step(&call, step)
        },
    );
    shelf.add(
        "set",
        &["parser: Parser", "field: String", "value: Expression", "type: String"],
        "Gives a field a value. Its type is what the value gives unless it is said.",
        r#".set("ms", seconds * 1000.0, "float")"#,
        |context: NativeCallContext<'_>, parser: ParserRef, field: Dynamic, value: Dynamic, kind: Dynamic| {
            let call = Call::of(&context);
            let step = set(&call, &field, &value, Some(&kind));
            parser.step(&call, step)
        },
    );
    shelf.also("set", |context: NativeCallContext<'_>, parser: ParserRef, field: Dynamic, value: Dynamic| {
        let call = Call::of(&context);
        let step = set(&call, &field, &value, None);
        parser.step(&call, step)
    });
}

fn closures(shelf: &mut Shelf) {
    shelf.add(
        "map",
        &["parser: Parser", "closure: FnPtr", "sets: Map"],
        "Runs a closure on each record, for what declarations can't say: it reads and sets fields, and \
         drops the record by giving `false`. The map names the fields it adds, with their types.",
        r#".map(|r| { r.kind = if r.status >= 500 { "broken" } else { "fine" }; }, #{ kind: "text" })"#,
        |context: NativeCallContext<'_>, parser: ParserRef, closure: Dynamic, sets: Dynamic| {
            map(&Call::of(&context), parser, &closure, Some(&sets))
        },
    );
    shelf.also("map", |context: NativeCallContext<'_>, parser: ParserRef, closure: Dynamic| {
        map(&Call::of(&context), parser, &closure, None)
    });
}

fn examples(shelf: &mut Shelf) {
    shelf.add(
        "example",
        &["parser: Parser", "input: String", "fields: Map", "given: Map"],
        "A sample that is checked at every load: this input gives these fields (others are not looked \
         at). `given` says other fields of the entry. `from` is not asked.",
        r#".example("Failed password for root from 203.0.113.9 port 22 ssh2", #{ user: "root", port: 22 })"#,
        |context: NativeCallContext<'_>, parser: ParserRef, input: Dynamic, fields: Dynamic, given: Dynamic| {
            example(&Call::of(&context), parser, &input, Some(&fields), Some(&given))
        },
    );
    shelf.also("example", |context: NativeCallContext<'_>, parser: ParserRef, input: Dynamic, fields: Dynamic| {
        example(&Call::of(&context), parser, &input, Some(&fields), None)
    });
    shelf.add(
        "rejects",
        &["parser: Parser", "input: String"],
        "A sample that must give no row, checked at every load.",
        r#".rejects("Accepted password for root")"#,
        |context: NativeCallContext<'_>, parser: ParserRef, input: Dynamic| {
            example(&Call::of(&context), parser, &input, None, None)
        },
    );
}

fn set(call: &Call, field: &Dynamic, value: &Dynamic, kind: Option<&Dynamic>) -> Option<Step> {
    let name = call.name(0, field)?;
    let to = call.expression(1, value)?;
    let kind = match kind {
        Some(kind) => Some(column_type(call, 2, kind)?),
        None => None,
    };
    Some(Step::Set { name, to, kind })
}

fn map(call: &Call, parser: ParserRef, closure: &Dynamic, sets: Option<&Dynamic>) -> ParserRef {
    let (Some(sheet), Some(closure)) = (call.sheet(), call.closure(0, closure)) else { return parser };
    let sets: Vec<_> = match sets.map(|sets| types(call, 1, sets)) {
        None => Vec::new(),
        Some(None) => return parser,
        Some(Some(types)) => types.into_iter().map(|(name, kind)| (name, kind.column())).collect(),
    };
    let Some(at) = call.argument(0) else { return parser };
    let Some(uses) = Uses::of(sheet, &closure, &at) else { return parser };
    let closure = MapClosure::new(sheet, closure, &at, &uses);
    let step = Step::Map { call: Closure(Arc::new(closure)), sets };
    parser.with(|draft| draft.closures.push(uses)).step(call, Some(step))
}

/// `fields` is `None` for a sample that must not match.
fn example(
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
        call.wrong(
            1,
            format!("`example` takes the fields as a map, not {}", describe(fields)),
            "write `#{ user: \"root\" }`",
        );
        return None;
    };
    let fields = map.iter().map(|(name, value)| match value_of(value) {
        Some(value) => Some((Arc::from(name.as_str()), value)),
        None => {
            call.wrong(
                1,
                format!("`{name}` can't be {}", describe(value)),
                "a field is a text, a number, true or false",
            );
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
