//! A document in fewer bytes: columns of numbers as Bokeh's own compressed arrays instead of digits.
//!
//! Where HTTP compresses, lists of digits are the smaller form on the wire (figures in the README), so this is for
//! files and for clients that take no compression. Patches are always made of lists.

use crate::unit::figures;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use std::io::Write;

/// Shorter columns stay lists.
const NUMBERS_MIN: usize = 32;

/// The document with its columns packed.
pub(crate) fn packed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(packed).collect(),
        Value::Object(members) if members.get("name").is_some_and(|name| name == "ColumnDataSource") => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), columns(member))).collect())
        }
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), packed(member))).collect())
        }
        plain => plain.clone(),
    }
}

/// A source's attributes: `data` is a map of named columns.
fn columns(attributes: &Value) -> Value {
    let entry = |entry: &Value| match entry.get(1).and_then(Value::as_array).and_then(|items| column(items)) {
        Some(column) => json!([entry[0], column]),
        None => entry.clone(),
    };
    let mut attributes = attributes.clone();
    if let Some(entries) = attributes.pointer_mut("/data/entries").and_then(Value::as_array_mut) {
        for one in entries {
            *one = entry(one);
        }
    }
    attributes
}

/// A column of numbers as an array; `None` if it holds anything else, or would not be shorter.
fn column(items: &[Value]) -> Option<Value> {
    if items.len() < NUMBERS_MIN {
        return None;
    }
    let numbers: Vec<f64> = items.iter().map(number).collect::<Option<_>>()?;
    // Numbers are written with six figures: where half the bits give the same figures, half will do. Whole numbers
    // are compared as they are.
    let halves = numbers.iter().all(|number| number.is_nan() || figures(f64::from(*number as f32)) == *number);
    let (kind, bytes) = if halves {
        ("float32", numbers.iter().flat_map(|number| (*number as f32).to_le_bytes()).collect::<Vec<u8>>())
    } else {
        ("float64", numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    };
    let mut zip = GzEncoder::new(Vec::new(), Compression::best());
    zip.write_all(&bytes).ok()?;
    let data = STANDARD.encode(zip.finish().ok()?);
    let digits: usize = items.iter().map(|item| item.to_string().len() + 1).sum();
    let bytes = Map::from_iter([("type".to_owned(), "bytes".into()), ("data".to_owned(), data.into())]);
    let array = json!({"type": "ndarray", "array": bytes, "shape": [items.len()], "dtype": kind, "order": "little"});
    (array.to_string().len() < digits).then_some(array)
}

/// A number, also one that JSON can't say.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Object(members) if members.get("type").is_some_and(|kind| kind == "number") => {
            match members.get("value")?.as_str()? {
                "nan" => Some(f64::NAN),
                "+inf" => Some(f64::INFINITY),
                "-inf" => Some(f64::NEG_INFINITY),
                _ => None,
            }
        }
        _ => None,
    }
}
