//! What a real Vault answered: every answer of the stand-in is one of these, with only its values replaced.

use super::http::Answer;
use serde_json::Value;
use std::{collections::BTreeMap, sync::OnceLock};

/// All recordings by name.
pub fn all() -> &'static BTreeMap<String, Value> {
    static ALL: OnceLock<BTreeMap<String, Value>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = include_str!("../data/recordings.jsonl").lines();
        let parsed = lines.map(|line| serde_json::from_str::<Value>(line).expect("a recording"));
        parsed.map(|one| (one["name"].as_str().expect("a name").to_owned(), one)).collect()
    })
}

/// The recorded answer.
pub fn answer(name: &str) -> Answer {
    let recorded = &all().get(name).unwrap_or_else(|| panic!("no recording {name}"))["response"];
    let status = recorded["status"].as_u64().unwrap_or_else(|| panic!("{name} has no answer"));
    let headers = recorded["headers"].as_object().into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let body = recorded["body"].clone();
    // What was no JSON was recorded as it was.
    let body = if body["_raw"].is_string() { Value::Null } else { body };
    Answer { status: u16::try_from(status).expect("a status"), headers, body }
}

/// The recorded answer with values replaced, each by the path to it.
pub fn with(name: &str, values: &[(&str, Value)]) -> Answer {
    let mut answer = answer(name);
    for (path, value) in values {
        *answer.body.pointer_mut(path).unwrap_or_else(|| panic!("{name} has no {path}")) = value.clone();
    }
    answer
}
