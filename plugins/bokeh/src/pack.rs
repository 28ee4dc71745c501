//! A document in fewer bytes: columns of numbers as Bokeh's own compressed arrays instead of digits.
//!
//! Where HTTP compresses, lists of digits are the smaller form on the wire (figures in the README), so this is for
//! files and for clients that take no compression. Patches are always made of lists.

use crate::unit::figures;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use std::{collections::HashMap, io::Write};

/// Shorter columns stay lists.
const NUMBERS_MIN: usize = 32;

/// How many of the last bits of a half-size number are left out, if what stays shows the same six figures.
const BITS_LEFT_OUT: [u32; 5] = [7, 6, 5, 4, 0];

/// Columns packed before: panels of one page often share their times.
type Known = HashMap<Vec<u8>, Value>;

/// The document with its columns packed, and without what BokehJS takes for granted.
pub(crate) fn packed(document: &Value) -> Value {
    write(document, &mut Known::new())
}

fn write(value: &Value, known: &mut Known) -> Value {
    let Value::Object(members) = value else {
        return match value {
            Value::Array(items) => items.iter().map(|item| write(item, known)).collect(),
            plain => plain.clone(),
        };
    };
    if members.get("name").is_some_and(|name| name == "ColumnDataSource") {
        return Value::Object(members.iter().map(|(name, member)| (name.clone(), columns(member, known))).collect());
    }
    match (members.len(), members.get("type").and_then(Value::as_str)) {
        // Data specs have a shorter form. A word stays as it is: alone it could mean a column.
        (2, Some("value")) if members["value"].is_number() => return members["value"].clone(),
        (2, Some("field")) if members.contains_key("field") => return json!({"field": members["field"]}),
        _ => {}
    }
    let kept = members.iter().filter(|(name, member)| !is_default(name, member));
    Value::Object(kept.map(|(name, member)| (name.clone(), write(member, known))).collect())
}

/// What stands in a document only so that patches can change it.
fn is_default(name: &str, value: &Value) -> bool {
    match name {
        "css_classes" => value.as_array().is_some_and(Vec::is_empty),
        "css_variables" | "major_label_overrides" => value.get("entries").is_none(),
        "attributes" => value.as_object().is_some_and(Map::is_empty),
        "visible" => *value == Value::Bool(true),
        _ => false,
    }
}

/// A source's attributes: `data` is a map of named columns.
fn columns(attributes: &Value, known: &mut Known) -> Value {
    let mut attributes = attributes.clone();
    if let Some(entries) = attributes.pointer_mut("/data/entries").and_then(Value::as_array_mut) {
        for entry in entries {
            if let Some(column) = entry.get(1).and_then(Value::as_array).and_then(|items| column(items, known)) {
                *entry = json!([entry[0], column]);
            }
        }
    }
    attributes
}

/// A column of numbers as an array; `None` if it holds anything else, or would not be shorter.
fn column(items: &[Value], known: &mut Known) -> Option<Value> {
    if items.len() < NUMBERS_MIN {
        return None;
    }
    let numbers: Vec<f64> = items.iter().map(number).collect::<Option<_>>()?;
    // Numbers are written with six figures: where half the bits give the same figures, half will do. Whole numbers
    // are compared as they are.
    let halves: Option<Vec<f32>> = numbers.iter().map(|number| half(*number)).collect();
    let (kind, bytes) = match halves {
        Some(halves) => ("float32", halves.iter().flat_map(|half| half.to_le_bytes()).collect::<Vec<u8>>()),
        None => ("float64", numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
    };
    if let Some(before) = known.get(&bytes) {
        return Some(before.clone());
    }
    let mut zip = GzEncoder::new(Vec::new(), Compression::default());
    zip.write_all(&bytes).ok()?;
    let data = STANDARD.encode(zip.finish().ok()?);
    let digits: usize = items.iter().map(|item| item.to_string().len() + 1).sum();
    let data = json!({"type": "bytes", "data": data});
    let array = json!({"type": "ndarray", "array": data, "shape": [items.len()], "dtype": kind, "order": "little"});
    if array.to_string().len() >= digits {
        return None;
    }
    known.insert(bytes, array.clone());
    Some(array)
}

/// The number in half the size if it shows the same figures, with as few bits as do.
fn half(number: f64) -> Option<f32> {
    if number.is_nan() {
        return Some(f32::NAN);
    }
    let near = (number as f32).to_bits();
    let rounded = |bits: u32| f32::from_bits((near + (1 << bits) / 2) & !((1 << bits) - 1));
    // Not half-way to the next figure either: some round that up, some to even.
    let shows = |half: &f32| {
        let exact = f64::from(*half);
        figures(exact) == number && figures(exact + (exact - number) * 0.05) == number
    };
    BITS_LEFT_OUT.into_iter().map(rounded).find(shows)
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
