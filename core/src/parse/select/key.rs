//! What an entry must have for a parser to want it: read off `.from` and off the extractors when a plan is made.

use crate::{
    expr::{Compare, Expr, Literal, TextTest},
    parse::{
        dissect::{self, Node},
        spec::{Extractor, ParserSpec},
    },
};
use regex_syntax::hir::{Hir, HirKind};
use std::sync::Arc;

/// The longest piece of text that is searched for, in bytes; of longer ones the beginning.
const NEEDLE_BYTES_MAX: usize = 24;

/// A condition that is true of every entry that is wanted, and cheap to look up for many parsers at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    /// Nothing is known.
    Any,
    /// The field is one of these texts.
    Equal(Arc<str>, Vec<Arc<str>>),
    /// The field begins with one of these.
    Begins(Arc<str>, Vec<Arc<str>>),
    /// One of these stands in the field.
    Holds(Arc<str>, Vec<Arc<str>>),
}

impl Key {
    /// What `.from` asks for.
    pub fn of_condition(condition: &Expr) -> Self {
        match condition {
            Expr::Compare(Compare::Eq, a, b) => match (&**a, &**b) {
                (Expr::Field(field), Expr::Literal(Literal::Text(text)))
                | (Expr::Literal(Literal::Text(text)), Expr::Field(field)) => Self::equal(field, vec![text.clone()]),
                _ => Self::Any,
            },
            Expr::In(a, list) => match (&**a, texts(list)) {
                (Expr::Field(field), Some(texts)) => Self::equal(field, texts),
                _ => Self::Any,
            },
            Expr::Test(how, a, text) => match (&**a, how) {
                (Expr::Field(field), TextTest::StartsWith) => Self::begins(field, vec![text.clone()]),
                (Expr::Field(field), TextTest::Contains | TextTest::EndsWith) => Self::holds(field, vec![text.clone()]),
                _ => Self::Any,
            },
            Expr::Matches(a, pattern) => match (&**a, required(pattern.0.as_str())) {
                (Expr::Field(field), Some(text)) => Self::holds(field, vec![text]),
                _ => Self::Any,
            },
            Expr::And(a, b) => Self::of_condition(a).better(Self::of_condition(b)),
            Expr::Or(a, b) => Self::of_condition(a).either(Self::of_condition(b)),
            _ => Self::Any,
        }
    }

    /// What the extractors need to stand in the input; nothing is known of a parser that wants to be told of a miss.
    pub fn of_extractors(spec: &ParserSpec) -> Self {
        if spec.strict {
            return Self::Any;
        }
        let key = |extractor: &Extractor| match extractor {
            Extractor::Dissect(pattern) => of_pattern(&spec.input, pattern),
            Extractor::Regex { pattern, .. } => {
                required(pattern).map_or(Self::Any, |text| Self::holds(&spec.input, vec![text]))
            }
            Extractor::Logfmt(picks) => Self::holds(&spec.input, picks.iter().map(|pick| pick.path.clone()).collect()),
            _ => Self::Any,
        };
        spec.extractors.iter().map(key).reduce(Self::either).unwrap_or(Self::Any)
    }

    fn equal(field: &Arc<str>, texts: Vec<Arc<str>>) -> Self {
        // These are numbers, or made of numbers.
        let is_text = !matches!(&**field, "time" | "priority" | "level" | "pid");
        if is_text && texts.iter().all(|text| is_whole(text)) { Self::Equal(field.clone(), texts) } else { Self::Any }
    }

    fn begins(field: &Arc<str>, texts: Vec<Arc<str>>) -> Self {
        Self::searched(field, texts).map_or(Self::Any, |texts| Self::Begins(field.clone(), texts))
    }

    fn holds(field: &Arc<str>, texts: Vec<Arc<str>>) -> Self {
        Self::searched(field, texts).map_or(Self::Any, |texts| Self::Holds(field.clone(), texts))
    }

    fn searched(field: &str, texts: Vec<Arc<str>>) -> Option<Vec<Arc<str>>> {
        // `service` and numbers are not the bytes of their journal field.
        let is_plain = !matches!(field, "time" | "priority" | "level" | "pid" | "service");
        let can = is_plain && texts.iter().all(|text| !text.is_empty() && is_whole(text));
        can.then(|| texts.iter().map(shortened).collect())
    }

    /// Of two that both hold, the one that lets fewer pass.
    fn better(self, other: Self) -> Self {
        let rank = |key: &Self| match key {
            Self::Equal(..) => 3,
            Self::Begins(..) => 2,
            Self::Holds(..) => 1,
            Self::Any => 0,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }

    /// What holds if one of two does.
    fn either(self, other: Self) -> Self {
        let joined = |mut one: Vec<Arc<str>>, more: Vec<Arc<str>>| {
            one.extend(more);
            one
        };
        match (self, other) {
            (Self::Equal(a, one), Self::Equal(b, two)) if a == b => Self::Equal(a, joined(one, two)),
            (Self::Begins(a, one), Self::Begins(b, two)) if a == b => Self::Begins(a, joined(one, two)),
            (
                Self::Equal(a, one) | Self::Begins(a, one) | Self::Holds(a, one),
                Self::Equal(b, two) | Self::Begins(b, two) | Self::Holds(b, two),
            ) if a == b => Self::holds(&a, joined(one, two)),
            _ => Self::Any,
        }
    }
}

fn texts(list: &[Literal]) -> Option<Vec<Arc<str>>> {
    list.iter().map(|one| if let Literal::Text(text) = one { Some(text.clone()) } else { None }).collect()
}

/// Whether a text can be found in bytes that are no UTF-8 as well as in their mended text.
fn is_whole(text: &str) -> bool {
    !text.contains(char::REPLACEMENT_CHARACTER)
}

fn shortened(text: &Arc<str>) -> Arc<str> {
    let end = (0..=NEEDLE_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    if end == text.len() { text.clone() } else { text[..end].into() }
}

/// What a dissect pattern begins with, or the longest of the texts it always has.
fn of_pattern(input: &Arc<str>, pattern: &str) -> Key {
    let nodes = dissect::parse(pattern).unwrap_or_default();
    if let Some(Node::Literal(text)) = nodes.first() {
        return Key::begins(input, vec![text.as_str().into()]);
    }
    let literals = nodes.iter().filter_map(|node| if let Node::Literal(text) = node { Some(text) } else { None });
    literals.max_by_key(|text| text.len()).map_or(Key::Any, |text| Key::holds(input, vec![text.as_str().into()]))
}

/// The longest text that stands in everything a regular expression matches.
fn required(pattern: &str) -> Option<Arc<str>> {
    let hir = regex_syntax::parse(pattern).ok()?;
    required_in(&hir).and_then(|bytes| std::str::from_utf8(bytes).ok()).map(Into::into)
}

fn required_in(hir: &Hir) -> Option<&[u8]> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(&literal.0),
        HirKind::Capture(capture) => required_in(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required_in(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(required_in).max_by_key(|bytes| bytes.len()),
        _ => None,
    }
}
