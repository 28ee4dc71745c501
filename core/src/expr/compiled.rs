//! Expressions compiled for records: names resolved to slots, searches prepared, nothing allocated per record.
//!
//! The meaning is that of [`super::eval`]; a property test holds the two together.

use super::{
    Arithmetic, Compare, Expr, Function, Literal, TextTest,
    eval::{arithmetic, int_of, order_is},
    slots::{Slot, Slots},
};
use crate::value::Value;
use memchr::memmem::Finder;
use std::{collections::BTreeMap, fmt::Write, sync::Arc};

/// A compiled expression.
#[derive(Debug)]
pub(crate) enum Code {
    Field(u16),
    Constant(Literal),
    Ago(i64),
    Compare(Compare, Box<Code>, Box<Code>),
    And(Box<Code>, Box<Code>),
    Or(Box<Code>, Box<Code>),
    Not(Box<Code>),
    Arithmetic(Arithmetic, Box<Code>, Box<Code>),
    In(Box<Code>, Vec<Literal>),
    /// One of these texts, sorted.
    InTexts(Box<Code>, Vec<Arc<str>>),
    Matches(Box<Code>, regex::Regex),
    Contains(Box<Code>, Box<Finder<'static>>),
    StartsWith(Box<Code>, Arc<str>),
    EndsWith(Box<Code>, Arc<str>),
    Call(Function, Box<Code>),
    Lookup(Box<Code>, Arc<BTreeMap<String, Literal>>),
}

impl Code {
    /// Compiles; `slot` gives the slot of a field by name.
    pub fn compile(expr: &Expr, slot: &mut dyn FnMut(&str) -> u16) -> Self {
        let mut part = |expr: &Expr| Box::new(Self::compile(expr, slot));
        match expr {
            Expr::Field(name) => Self::Field(slot(name)),
            Expr::Literal(literal) => Self::Constant(literal.clone()),
            Expr::Ago(micros) => Self::Ago(*micros),
            Expr::Compare(how, a, b) => Self::Compare(*how, part(a), part(b)),
            Expr::And(a, b) => Self::And(part(a), part(b)),
            Expr::Or(a, b) => Self::Or(part(a), part(b)),
            Expr::Not(a) => Self::Not(part(a)),
            Expr::Arithmetic(how, a, b) => Self::Arithmetic(*how, part(a), part(b)),
            Expr::In(a, list) => match sorted_texts(list) {
                Some(texts) => Self::InTexts(part(a), texts),
                None => Self::In(part(a), list.clone()),
            },
            Expr::Matches(a, pattern) => Self::Matches(part(a), pattern.0.clone()),
            Expr::Test(TextTest::Contains, a, text) => {
                Self::Contains(part(a), Box::new(Finder::new(text.as_bytes()).into_owned()))
            }
            Expr::Test(TextTest::StartsWith, a, text) => Self::StartsWith(part(a), text.clone()),
            Expr::Test(TextTest::EndsWith, a, text) => Self::EndsWith(part(a), text.clone()),
            Expr::Call(function, a) => Self::Call(*function, part(a)),
            Expr::Lookup(a, map) => Self::Lookup(part(a), map.clone()),
        }
    }

    /// Whether it gives true.
    pub fn test<'a>(&'a self, on: &mut Slots<'a>) -> bool {
        match self {
            Self::Compare(how, a, b) => {
                let (a, b) = (a.eval(on), b.eval(on));
                compare(*how, a, b, on)
            }
            Self::And(a, b) => a.test(on) && b.test(on),
            Self::Or(a, b) => a.test(on) || b.test(on),
            Self::Not(a) => !a.test(on),
            Self::In(a, list) => {
                let a = a.eval(on);
                list.iter().any(|one| compare(Compare::Eq, a, constant(one), on))
            }
            Self::InTexts(a, list) => {
                text_is(a, on, |text| list.binary_search_by(|one| one.as_bytes().cmp(text.as_bytes())).is_ok())
            }
            Self::Matches(a, regex) => text_is(a, on, |text| regex.is_match(text)),
            Self::Contains(a, finder) => text_is(a, on, |text| finder.find(text.as_bytes()).is_some()),
            Self::StartsWith(a, part) => text_is(a, on, |text| text.as_bytes().starts_with(part.as_bytes())),
            Self::EndsWith(a, part) => text_is(a, on, |text| text.as_bytes().ends_with(part.as_bytes())),
            _ => matches!(self.eval(on), Slot::Bool(true)),
        }
    }

    /// Its value.
    pub fn eval<'a>(&'a self, on: &mut Slots<'a>) -> Slot<'a> {
        match self {
            Self::Field(slot) => on.values.get(usize::from(*slot)).copied().unwrap_or_default(),
            Self::Constant(literal) => constant(literal),
            Self::Ago(micros) => Slot::Int(on.now.0.saturating_sub(*micros)),
            Self::Arithmetic(how, a, b) => {
                let (a, b) = (a.eval(on), b.eval(on));
                match (on.text(a).is_some(), on.text(b).is_some()) {
                    (true, true) if *how == Arithmetic::Add => on.copy(&[a, b]),
                    (false, false) => number(arithmetic(*how, on.value(a), on.value(b))),
                    _ => Slot::Missing,
                }
            }
            Self::Call(function, a) => {
                let value = a.eval(on);
                call(*function, value, on)
            }
            Self::Lookup(a, map) => {
                let value = a.eval(on);
                on.text(value).and_then(|text| map.get(text)).map_or(Slot::Missing, constant)
            }
            _ => Slot::Bool(self.test(on)),
        }
    }
}

/// The texts of a list long enough for a binary search, in order; `None` if not all are texts.
fn sorted_texts(list: &[Literal]) -> Option<Vec<Arc<str>>> {
    let texts = list.iter().map(|one| if let Literal::Text(text) = one { Some(text.clone()) } else { None });
    let mut texts: Vec<Arc<str>> = texts.collect::<Option<_>>()?;
    texts.sort();
    Some(texts)
}

fn constant(literal: &Literal) -> Slot<'_> {
    match literal {
        Literal::Bool(b) => Slot::Bool(*b),
        Literal::Int(i) => Slot::Int(*i),
        Literal::Float(f) => Slot::Float(*f),
        Literal::Text(text) => Slot::Text(text),
    }
}

fn number<'a>(value: Value<'_>) -> Slot<'a> {
    match value {
        Value::Bool(b) => Slot::Bool(b),
        Value::Int(i) => Slot::Int(i),
        Value::Float(f) => Slot::Float(f),
        Value::Missing | Value::Text(_) => Slot::Missing,
    }
}

fn compare<'a>(how: Compare, a: Slot<'a>, b: Slot<'a>, on: &Slots<'a>) -> bool {
    let order = match (a, b) {
        (Slot::Int(a), Slot::Int(b)) => Some(a.cmp(&b)),
        (Slot::Text(a), Slot::Text(b)) if matches!(how, Compare::Eq | Compare::Ne) => {
            return (a.as_bytes() == b.as_bytes()) == (how == Compare::Eq);
        }
        _ => on.value(a).compare(&on.value(b)),
    };
    order_is(how, order)
}

fn text_is<'a>(of: &'a Code, on: &mut Slots<'a>, test: impl FnOnce(&str) -> bool) -> bool {
    let value = of.eval(on);
    on.text(value).is_some_and(test)
}

fn call<'a>(function: Function, value: Slot<'a>, on: &mut Slots<'a>) -> Slot<'a> {
    match (function, value) {
        (Function::Exists, value) => Slot::Bool(value != Slot::Missing),
        (_, Slot::Missing) => Slot::Missing,
        (Function::Text, Slot::Int(i)) => on.make(20, |made| _ = write!(made, "{i}")),
        (Function::Text, Slot::Float(f)) => on.make(400, |made| _ = write!(made, "{f}")),
        (Function::Text, Slot::Bool(b)) => Slot::Text(if b { "true" } else { "false" }),
        (Function::Int, Slot::Int(i)) => Slot::Int(i),
        (Function::Int, Slot::Float(f)) => int_of(f).map_or(Slot::Missing, Slot::Int),
        (Function::Float, Slot::Float(f)) => Slot::Float(f),
        (Function::Float, Slot::Int(i)) => Slot::Float(i as f64),
        (_, Slot::Text(_) | Slot::Made(..)) => call_text(function, value, on),
        _ => Slot::Missing,
    }
}

fn call_text<'a>(function: Function, value: Slot<'a>, on: &mut Slots<'a>) -> Slot<'a> {
    let text = on.text(value).unwrap_or("");
    match function {
        Function::Lower if text.bytes().any(|b| b.is_ascii_uppercase()) => on.change(value, str::make_ascii_lowercase),
        Function::Upper if text.bytes().any(|b| b.is_ascii_lowercase()) => on.change(value, str::make_ascii_uppercase),
        Function::Lower | Function::Upper | Function::Text => value,
        Function::Trim => on.trim(value),
        Function::Len => Slot::Int(text.len() as i64),
        Function::Int => text.parse().map_or(Slot::Missing, Slot::Int),
        Function::Float => text.parse().ok().filter(|f: &f64| f.is_finite()).map_or(Slot::Missing, Slot::Float),
        Function::Exists => Slot::Bool(true),
    }
}
