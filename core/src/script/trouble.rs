//! What Rhai found wrong, in our words.

use super::api::span::units;
use crate::suggest::hint;
use rhai::{EvalAltResult, ParseError, Position};

/// What went wrong, what to do, and where (in the innermost script function).
pub(super) fn explain(error: &EvalAltResult) -> (String, Option<String>, Position) {
    use EvalAltResult as E;
    let at = error.position();
    let plain = |what: String| (what, None, at);
    let helped = |what: String, help: &str| (what, Some(help.to_owned()), at);
    match error {
        E::ErrorInFunctionCall(_, _, inner, _) | E::ErrorInModule(_, inner, _) => explain(inner),
        E::ErrorTerminated(reason, _) => helped(format!("stopped: {reason}"), "is there a loop without an end?"),
        E::ErrorFunctionNotFound(signature, _) => missing_function(signature, at),
        E::ErrorVariableNotFound(name, _) if name.starts_with("global::") => helped(
            format!("`{name}` can't be seen in a closure"),
            "copy it with `let` beside the closure, or put it into a library and import that",
        ),
        E::ErrorVariableNotFound(name, _) => plain(format!("there is no `{name}`")),
        E::ErrorMismatchDataType(wanted, got, _) if wanted == "bool" && is_ours(got) => helped(
            "`if`, `&&` and `||` need true or false at once, but this depends on a record's fields".into(),
            "write `&` and `|` between conditions over fields",
        ),
        E::ErrorMismatchDataType(wanted, got, _) => {
            plain(format!("{} is wanted here, not {}", word(wanted), word(got)))
        }
        E::ErrorDotExpr(what, _) => property(what, at),
        E::ErrorRuntime(value, _) => plain(value.to_string()),
        E::ErrorStackOverflow(_) => {
            helped("functions call each other too deeply".into(), "does one call itself for ever?")
        }
        E::ErrorDataTooLarge(what, _) => plain(format!("this makes too much: {what}")),
        E::ErrorParsing(kind, _) => plain(lower_first(&kind.to_string())),
        other => plain(lower_first(&without_position(other))),
    }
}

/// Whether the script was cut because its budget was used up.
pub(super) fn is_cut(error: &EvalAltResult) -> bool {
    use EvalAltResult as E;
    match error {
        E::ErrorInFunctionCall(_, _, inner, _) | E::ErrorInModule(_, inner, _) => is_cut(inner),
        E::ErrorTerminated(..) | E::ErrorTooManyOperations(_) | E::ErrorDataTooLarge(..) | E::ErrorStackOverflow(_) => {
            true
        }
        _ => false,
    }
}

/// The script an error arose in, if it is not the one that runs.
pub(super) fn script(error: &EvalAltResult) -> Option<String> {
    match error {
        EvalAltResult::ErrorInFunctionCall(_, source, inner, _) => {
            script(inner).or_else(|| Some(source.clone()).filter(|source| !source.is_empty()))
        }
        EvalAltResult::ErrorInModule(_, inner, _) => script(inner),
        _ => None,
    }
}

/// A script that can't even be read as one.
pub(super) fn syntax(error: &ParseError) -> (String, Option<String>, Position) {
    use rhai::ParseErrorType as P;
    let kind = error.err_type();
    let (what, help) = match kind {
        P::UnexpectedEOF => ("the script ends in the middle of something".into(), Some("is a `)` or `}` missing?")),
        P::Reserved(word) => {
            (format!("`{word}` is a word of the language"), Some("write `field(\"…\")` for a field of that name"))
        }
        P::MissingToken(token, what) => (format!("`{token}` is missing {what}"), None),
        P::BadInput(what) => (lower_first(&what.to_string()), None),
        other => (lower_first(&other.to_string()), None),
    };
    (what, help.map(str::to_owned), error.position())
}

fn missing_function(signature: &str, at: Position) -> (String, Option<String>, Position) {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types: Vec<String> = types.trim_end_matches(')').split(", ").filter(|t| !t.is_empty()).map(word).collect();
    let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let what = match types.as_slice() {
        [] => format!("there is no function `{name}`"),
        [a, b] if !is_word => format!("`{name}` can't be used between {a} and {b}"),
        [receiver, ..] => format!("there is no `{name}` for {receiver}"),
    };
    (what, None, at)
}

/// `Unknown property 'secnds' - a getter is not registered for type 'i64'`.
fn property(what: &str, at: Position) -> (String, Option<String>, Position) {
    let mut quoted = what.split('\'').skip(1).step_by(2);
    let (Some(name), Some(kind)) = (quoted.next(), quoted.next()) else { return (lower_first(what), None, at) };
    let is_number = matches!(kind, "i64" | "f64");
    let help = is_number.then(|| hint(name, "numbers have", units()));
    (format!("there is no `.{name}` for {}", word(kind)), help, at)
}

fn is_ours(kind: &str) -> bool {
    matches!(last(kind), "Expression" | "Expr" | "Broken")
}

/// `Expr` of `infralogs_core::expr::Expr`: some messages name types by their paths.
fn last(kind: &str) -> &str {
    kind.rsplit("::").next().unwrap_or(kind)
}

/// A type's name for people.
fn word(kind: &str) -> String {
    match last(kind) {
        "&str | ImmutableString | String" | "string" => "a text",
        "i64" => "a whole number",
        "f64" => "a fraction",
        "bool" => "true or false",
        "()" => "nothing",
        "array" => "a list",
        "map" => "a map",
        "Fn" => "a closure",
        "char" => "a character",
        "Expression" | "Expr" => "an expression over fields",
        other => return format!("a {}", other.trim_end_matches("Draft").trim_end_matches("Ref").to_lowercase()),
    }
    .to_owned()
}

fn without_position(error: &EvalAltResult) -> String {
    let text = error.to_string();
    text.rsplit_once(" (line ").map_or_else(|| text.clone(), |(what, _)| what.to_owned())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !text.starts_with("UTF") => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
