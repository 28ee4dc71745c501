//! Lines that no parser takes, grouped by shape: how many, one of them, and why each parser left it.

use super::{Sample, Tried, show::word};
use infralogs_core::{fields, parse::Outcome};
use std::collections::BTreeMap;

/// The most shapes told of.
const SHAPES_MAX: usize = 10;
/// The most parsers told of for one shape.
const REASONS_MAX: usize = 5;
/// The most characters shown of a line.
const CHARS_MAX: usize = 160;

struct Shape {
    count: usize,
    line: u64,
    text: String,
    /// Parser and why it does not take the first such line.
    why: Vec<String>,
}

/// Says on standard error which records are taken by nobody.
pub fn show(tried: &[Tried<'_>], sample: &Sample) {
    let mut shapes: BTreeMap<String, Shape> = BTreeMap::new();
    for records in tried.chunk_by(|a, b| a.entry == b.entry) {
        let taken = records.iter().any(|one| matches!(one.outcome, Outcome::Matched(_) | Outcome::Dropped(_)));
        if taken || records.iter().all(|one| one.outcome == Outcome::Unselected) {
            continue;
        }
        let entry = sample.read.entries.get(records[0].entry);
        let text = match fields::read(&entry, "message") {
            infralogs_core::value::Value::Text(text) => text.into_owned(),
            _ => continue,
        };
        let shape = shapes.entry(shape(&text)).or_insert_with(|| {
            let why = records.iter().filter(|one| one.outcome != Outcome::Unselected).map(|one| {
                let (word, reason) = word(&one.outcome);
                format!("{}: {word}: {}", one.parser.spec.name, reason.unwrap_or_default())
            });
            Shape { count: 0, line: records[0].line, text: text.clone(), why: why.collect() }
        });
        shape.count += 1;
    }
    if shapes.is_empty() {
        return;
    }
    let mut shapes: Vec<Shape> = shapes.into_values().collect();
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.count));
    eprintln!("taken by no parser, by shape:");
    for shape in shapes.iter().take(SHAPES_MAX) {
        let text: String = shape.text.chars().take(CHARS_MAX).flat_map(char::escape_debug).collect();
        eprintln!("{:>8} × line {}: {text}", shape.count, shape.line);
        for why in shape.why.iter().take(REASONS_MAX) {
            eprintln!("           {why}");
        }
        if shape.why.len() > REASONS_MAX {
            eprintln!("           and {} more parsers", shape.why.len() - REASONS_MAX);
        }
    }
    if shapes.len() > SHAPES_MAX {
        let more: usize = shapes[SHAPES_MAX..].iter().map(|shape| shape.count).sum();
        eprintln!("{more:>8} × in {} more shapes", shapes.len() - SHAPES_MAX);
    }
}

/// A line with everything taken out that differs from case to case: numbers, addresses, quoted texts.
fn shape(text: &str) -> String {
    const SHAPE_WORDS_MAX: usize = 12;
    let mut quoted = false;
    let mut shape = String::new();
    for word in text.split_whitespace().take(SHAPE_WORDS_MAX) {
        let opens = word.matches('"').count() % 2 == 1;
        let plain = word.trim_matches(|c: char| !c.is_alphanumeric());
        let varies = quoted || opens || word.contains('"') || plain.chars().any(|c| c.is_ascii_digit());
        shape.push_str(if varies { "*" } else { word });
        shape.push(' ');
        quoted ^= opens;
    }
    shape
}
