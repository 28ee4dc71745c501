//! Expressions over fields: operators for every pair of operands in both orders, tests and functions.

use super::{
    Broken,
    shelf::Shelf,
    take::{Call, describe, expression, literal},
};
use crate::{
    expr::{Arithmetic, Compare, Expr, Function, LEVELS, Literal, Pattern, TextTest, priority_of},
    script::limits::REGEX_BYTES_MAX,
    suggest::hint,
};
use rhai::{Array, Dynamic, ImmutableString, Map, NativeCallContext};
use std::{collections::BTreeMap, sync::Arc};

/// What an operator makes of its operands.
type Combine = fn(&Call, Expr, Expr) -> Option<Expr>;

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<Expr>("Expression");
    operator(shelf, "==", |call, a, b| compare(call, Compare::Eq, a, b));
    operator(shelf, "!=", |call, a, b| compare(call, Compare::Ne, a, b));
    operator(shelf, "<", |call, a, b| compare(call, Compare::Lt, a, b));
    operator(shelf, "<=", |call, a, b| compare(call, Compare::Le, a, b));
    operator(shelf, ">", |call, a, b| compare(call, Compare::Gt, a, b));
    operator(shelf, ">=", |call, a, b| compare(call, Compare::Ge, a, b));
    operator(shelf, "&", |_, a, b| Some(a.and(b)));
    operator(shelf, "|", |_, a, b| Some(Expr::Or(Box::new(a), Box::new(b))));
    operator(shelf, "+", |_, a, b| arithmetic(Arithmetic::Add, a, b));
    operator(shelf, "-", |_, a, b| arithmetic(Arithmetic::Sub, a, b));
    operator(shelf, "*", |_, a, b| arithmetic(Arithmetic::Mul, a, b));
    operator(shelf, "/", |_, a, b| arithmetic(Arithmetic::Div, a, b));
    operator(shelf, "%", |_, a, b| arithmetic(Arithmetic::Rem, a, b));
    shelf.also("!", |a: Expr| Expr::Not(Box::new(a)));
    shelf.also("-", |a: Expr| Expr::Arithmetic(Arithmetic::Sub, Box::new(Expr::int(0)), Box::new(a)));
    shelf.also("contains", |context: NativeCallContext<'_>, list: Array, value: Expr| {
        or_broken(within(&Call::of(&context), value, &list))
    });
    shelf.also("contains", |context: NativeCallContext<'_>, map: Map, value: Expr| {
        let keys: Array = map.keys().map(|key| Dynamic::from(key.to_string())).collect();
        or_broken(within(&Call::of(&context), value, &keys))
    });
    shelf.add(
        "field",
        &["name: String"],
        "A field by its name, for names that are also words of the language.",
        r#"field("default") == "yes""#,
        |context: NativeCallContext<'_>, name: Dynamic| {
            or_broken(Call::of(&context).text(0, &name).map(|name| Expr::field(&name)))
        },
    );
    tests(shelf);
    functions(shelf);
}

fn tests(shelf: &mut Shelf) {
    let kinds = [
        ("contains", TextTest::Contains, "Whether the text holds this part.", r#"message.contains("timed out")"#),
        ("starts_with", TextTest::StartsWith, "Whether the text begins so.", r#"unit.starts_with("user@")"#),
        ("ends_with", TextTest::EndsWith, "Whether the text ends so.", r#"path.ends_with(".php")"#),
    ];
    for (name, test, says, example) in kinds {
        shelf.add(
            name,
            &["field: Expression", "part: String"],
            says,
            example,
            move |context: NativeCallContext<'_>, a: Expr, part: Dynamic| {
                let call = Call::of(&context);
                or_broken(call.text(0, &part).map(|part| Expr::Test(test, Box::new(a), part.as_str().into())))
            },
        );
    }
    shelf.add(
        "matches",
        &["field: Expression", "pattern: String"],
        "Whether a regular expression finds a match in the text.",
        "message.matches(`(?i)out of memory`)",
        |context: NativeCallContext<'_>, a: Expr, pattern: Dynamic| {
            let call = Call::of(&context);
            let made = call.text(0, &pattern).and_then(|text| regex(&call, 0, &text));
            or_broken(made.map(|pattern| Expr::Matches(Box::new(a), pattern)))
        },
    );
    shelf.add(
        "lookup",
        &["field: Expression", "map: Map"],
        "The value a map has for the text; missing if it has none.",
        r#"status.text().lookup(#{ "404": "not found", "500": "broken" })"#,
        |context: NativeCallContext<'_>, a: Expr, map: Dynamic| or_broken(lookup(&Call::of(&context), a, &map)),
    );
}

fn functions(shelf: &mut Shelf) {
    let kinds = [
        ("lower", Function::Lower, "The text with ASCII letters made small.", r#"method.lower() == "get""#),
        ("upper", Function::Upper, "The text with ASCII letters made large.", r#"method.upper() == "GET""#),
        ("trim", Function::Trim, "The text without white space at both ends.", r#"message.trim() != """#),
        ("len", Function::Len, "The length of the text in bytes.", "message.len() > 1000"),
        ("int", Function::Int, "A whole number read from the text.", "DISK_USED_BYTES.int() > 0"),
        ("float", Function::Float, "A fraction read from the text.", "load.float() > 1.5"),
        ("text", Function::Text, "The value as text.", r#"status.text().starts_with("5")"#),
        ("exists", Function::Exists, "Whether the record has the field.", "unit.exists()"),
    ];
    for (name, function, says, example) in kinds {
        shelf.add(name, &["field: Expression"], says, example, move |a: Expr| Expr::Call(function, Box::new(a)));
    }
}

/// Registers an operator for an expression with anything, in both orders: Rhai's own `==` between types it
/// does not know is silently false.
fn operator(shelf: &mut Shelf, name: &'static str, combine: Combine) {
    let apply = move |context: &NativeCallContext<'_>, a: Dynamic, b: Dynamic| {
        let call = Call::of(context);
        let unit = |value: &Dynamic| value.is_unit() && matches!(name, "==" | "!=");
        if unit(&a) || unit(&b) {
            return or_broken(presence(name, if a.is_unit() { &b } else { &a }));
        }
        let side = |value: &Dynamic| {
            let expr = expression(value);
            if expr.is_none() && !value.is::<Broken>() {
                let what = format!("`{name}` can't be used between a field and {}", describe(value));
                call.refuse(what, "fields go with other fields, texts, numbers, true or false, and durations");
            }
            expr
        };
        or_broken(side(&a).zip(side(&b)).and_then(|(a, b)| combine(&call, a, b)))
    };
    shelf.also(name, move |context: NativeCallContext<'_>, a: Expr, b: Expr| {
        apply(&context, Dynamic::from(a), Dynamic::from(b))
    });
    shelf.also(name, move |context: NativeCallContext<'_>, a: Expr, b: Dynamic| apply(&context, Dynamic::from(a), b));
    shelf.also(name, move |context: NativeCallContext<'_>, a: Dynamic, b: Expr| apply(&context, a, Dynamic::from(b)));
}

/// `field == ()`: whether it is missing.
fn presence(operator: &str, value: &Dynamic) -> Option<Expr> {
    let exists = Expr::Call(Function::Exists, Box::new(expression(value)?));
    Some(if operator == "==" { Expr::Not(Box::new(exists)) } else { exists })
}

fn or_broken(expr: Option<Expr>) -> Dynamic {
    expr.map_or_else(|| Broken.into_dynamic(), Dynamic::from)
}

fn arithmetic(how: Arithmetic, a: Expr, b: Expr) -> Option<Expr> {
    Some(Expr::Arithmetic(how, Box::new(a), Box::new(b)))
}

/// `level` compares by severity: it becomes `priority` with the order reversed.
fn compare(call: &Call, how: Compare, a: Expr, b: Expr) -> Option<Expr> {
    match (&a, &b) {
        (Expr::Field(field), Expr::Literal(Literal::Text(level))) if &**field == "level" => {
            Some(Expr::compare(reversed(how), Expr::field("priority"), Expr::int(severity(call, level)?)))
        }
        (Expr::Literal(Literal::Text(level)), Expr::Field(field)) if &**field == "level" => {
            Some(Expr::compare(how, Expr::field("priority"), Expr::int(severity(call, level)?)))
        }
        _ => Some(Expr::compare(how, a, b)),
    }
}

fn reversed(how: Compare) -> Compare {
    match how {
        Compare::Lt => Compare::Gt,
        Compare::Le => Compare::Ge,
        Compare::Gt => Compare::Lt,
        Compare::Ge => Compare::Le,
        same => same,
    }
}

fn severity(call: &Call, level: &str) -> Option<i64> {
    let priority = priority_of(level);
    if priority.is_none() {
        call.refuse(format!("`{}` is no level", level.escape_debug()), hint(level, "levels are", LEVELS));
    }
    priority
}

/// `field in ["a", "b"]`.
fn within(call: &Call, value: Expr, list: &[Dynamic]) -> Option<Expr> {
    let is_level = matches!(&value, Expr::Field(name) if &**name == "level");
    let mut literals = Vec::with_capacity(list.len());
    for item in list {
        let Some(one) = literal(item) else {
            call.refuse(format!("`in` takes a list of constants, not {}", describe(item)), "");
            return None;
        };
        literals.push(match one {
            Literal::Text(level) if is_level => Literal::Int(severity(call, &level)?),
            one => one,
        });
    }
    let value = if is_level { Expr::field("priority") } else { value };
    Some(Expr::In(Box::new(value), literals))
}

fn lookup(call: &Call, value: Expr, map: &Dynamic) -> Option<Expr> {
    let Some(map) = map.read_lock::<Map>() else {
        call.wrong(0, format!("`lookup` takes a map such as `#{{ \"a\": 1 }}`, not {}", describe(map)), "");
        return None;
    };
    let mut constants = BTreeMap::new();
    for (key, item) in map.iter() {
        let Some(one) = literal(item) else {
            call.wrong(0, format!("`lookup` takes a map of constants; `{key}` is {}", describe(item)), "");
            return None;
        };
        constants.insert(key.to_string(), one);
    }
    Some(Expr::Lookup(Box::new(value), Arc::new(constants)))
}

/// A compiled regular expression, or a recorded problem.
pub(super) fn regex(call: &Call, index: usize, pattern: &ImmutableString) -> Option<Pattern> {
    match regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build() {
        Ok(regex) => Some(Pattern(regex)),
        Err(error) => {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ");
            call.wrong(index, format!("this regular expression can't be used: {reason}"), "");
            None
        }
    }
}
