//! What extractors take: regular expressions with types, columns of separated values, joined lines.

use super::{
    take::Call,
    types::{split_type, types, words},
};
use crate::parse::spec::{Extractor, Lines};
use rhai::Dynamic;

/// The most lines that may be joined to one record.
const LINES_LIMIT: i64 = 10_000;

pub(super) fn regex(call: &Call, pattern: &Dynamic, kinds: Option<&Dynamic>) -> Option<Extractor> {
    let pattern = call.text(0, pattern)?;
    let types = match kinds {
        Some(kinds) => types(call, 1, kinds)?,
        None => Vec::new(),
    };
    Some(Extractor::Regex { pattern: pattern.as_str().into(), types })
}

pub(super) fn csv(call: &Call, separator: &Dynamic, index: usize, fields: &Dynamic) -> Option<Extractor> {
    let separator = call.text_as(0, separator, "one character such as `\";\"`")?;
    let &[separator] = separator.as_bytes() else {
        call.wrong(0, "`csv` takes one ASCII character between fields", "write `\";\"`, or `\"\\t\"` for a tab");
        return None;
    };
    let words = words(call, index, fields, "the names of the fields in order such as `[\"day\", \"bytes:int\"]`")?;
    let columns = words.iter().map(|word| split_type(call, index, word).map(|(name, kind)| (name.into(), kind)));
    Some(Extractor::Csv { separator, columns: columns.collect::<Option<_>>()? })
}

pub(super) fn lines(call: &Call, start: &Dynamic, most: &Dynamic) -> Option<Lines> {
    let start = call.text(0, start)?;
    let lines_max = usize::try_from(call.whole(1, most, 2..=LINES_LIMIT)?).ok()?;
    super::expression::regex(call, 0, &start)?;
    Some(Lines { start: start.as_str().into(), lines_max })
}
