//! The keys of lines that are JSON or logfmt, with the types their values have.

use super::{GOOD, name, token};
use infralogs_core::parse::spec::{Extractor, FieldType, Pick};

/// The most keys that become columns.
const KEYS_MAX: usize = 40;

/// Keys in order of appearance, with the type of each value seen.
type Keys = Vec<(String, Vec<Option<FieldType>>)>;

fn note(keys: &mut Keys, key: String, kind: Option<FieldType>) {
    if let Some((_, kinds)) = keys.iter_mut().find(|(own, _)| *own == key) {
        kinds.push(kind);
    } else if keys.len() < KEYS_MAX {
        keys.push((key, vec![kind]));
    }
}

/// The keys of lines that are JSON objects.
pub fn json(lines: &[&str]) -> Option<Extractor> {
    let mut keys: Keys = Vec::new();
    let mut objects = 0;
    for line in lines {
        let Ok(serde_json::Value::Object(object)) = serde_json::from_str(line) else { continue };
        objects += 1;
        collect("", &object, &mut keys);
    }
    (objects as f64 >= GOOD * lines.len() as f64 && !keys.is_empty()).then(|| Extractor::Json(picks(keys)))
}

fn collect(path: &str, object: &serde_json::Map<String, serde_json::Value>, keys: &mut Keys) {
    for (key, value) in object {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let kind = match value {
            serde_json::Value::Object(inner) if !key.contains('.') => {
                collect(&path, inner, keys);
                continue;
            }
            serde_json::Value::Null => None,
            serde_json::Value::Bool(_) => Some(FieldType::Bool),
            serde_json::Value::Number(number) if number.is_i64() => Some(FieldType::Int),
            serde_json::Value::Number(_) => Some(FieldType::Float),
            serde_json::Value::String(text) => Some(text_kind(text)),
            _ => Some(FieldType::Text),
        };
        note(keys, path, kind);
    }
}

/// The type of a quoted text: only an address or a time is more than text.
fn text_kind(text: &str) -> FieldType {
    match token::tokens(text).as_slice() {
        [one] => match &one.kind {
            token::Kind::Typed(kind @ (FieldType::Ip | FieldType::Time(_))) => kind.clone(),
            _ => FieldType::Text,
        },
        _ => FieldType::Text,
    }
}

/// The keys of lines that are `key=value key="two words"`.
pub fn logfmt(lines: &[&str]) -> Option<Extractor> {
    let mut keys: Keys = Vec::new();
    let mut fitting = 0;
    for line in lines {
        let cut = token::tokens(line);
        let mut own = 0;
        let mut words = 0;
        for (nth, token) in cut.iter().enumerate() {
            let is_key = token.kind == token::Kind::Word && cut.get(nth + 1).is_some_and(|next| next.text == "=");
            let begins = nth == 0 || cut[nth - 1].text == " ";
            words += usize::from(begins);
            if !is_key || !begins {
                continue;
            }
            own += 1;
            let kind = match cut.get(nth + 2).map(|value| &value.kind) {
                Some(token::Kind::Typed(kind)) if cut.get(nth + 3).is_none_or(|after| after.text == " ") => {
                    kind.clone()
                }
                Some(token::Kind::Sign) if cut[nth + 2].text == "\"" => {
                    cut.get(nth + 3).map_or(FieldType::Text, |quoted| text_kind(quoted.text))
                }
                _ => FieldType::Text,
            };
            note(&mut keys, token.text.to_owned(), Some(kind));
        }
        fitting += usize::from(own >= 2 && own * 4 >= words * 3);
    }
    (fitting as f64 >= GOOD * lines.len() as f64 && !keys.is_empty()).then(|| Extractor::Logfmt(picks(keys)))
}

fn picks(keys: Keys) -> Vec<Pick> {
    let mut names = name::Names::default();
    let pick = |(path, kinds): (String, Vec<Option<FieldType>>)| {
        let mut kinds = kinds.into_iter().flatten();
        let first = kinds.next().unwrap_or(FieldType::Text);
        let kind = kinds.fold(first, |own, other| match (&own, &other) {
            _ if own == other => own,
            (FieldType::Int, FieldType::Float) | (FieldType::Float, FieldType::Int) => FieldType::Float,
            _ => FieldType::Text,
        });
        Pick { name: names.take(&path).into(), path: path.into(), kind }
    };
    keys.into_iter().map(pick).collect()
}
