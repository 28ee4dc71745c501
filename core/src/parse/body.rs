//! A closure's body as far as native code can run it: fields, constants, a few operations, no loops.
//!
//! The script floor reads it off a closure's tree; [`super::native`] runs it. It means exactly what the interpreter
//! makes of the closure, or it gives up and the interpreter runs: so it needs to know no error.

use crate::expr::Literal;
use std::{collections::BTreeMap, sync::Arc};

/// A whole body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Body {
    /// What it does, in order; its answer is the value of the last.
    pub acts: Vec<Act>,
    /// The fields of the record that it reads or sets; terms name them by their place here.
    pub fields: Vec<Arc<str>>,
    /// How many variables it has.
    pub locals: u16,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Computes something.
    Value(Term),
    /// A field of the record gets a value.
    Set(u16, Term),
    /// A variable gets a value.
    Let(u16, Term),
    /// The closure ends with this answer.
    Return(Term),
}

/// Something computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// `()`: nothing.
    Unit,
    /// A constant.
    Constant(Literal),
    /// A field of the record.
    Field(u16),
    /// A variable.
    Local(u16),
    /// `!a`.
    Not(Box<Term>),
    /// `-a`.
    Negative(Box<Term>),
    /// `a + b`, `a == b` and so on.
    Binary(Operator, Box<Term>, Box<Term>),
    /// `a && b`; with `false`, `a || b`: goes on while the terms give this.
    While(bool, Vec<Term>),
    /// `if a { b } else { c }`.
    If(Box<Term>, Vec<Act>, Vec<Act>),
    /// `{ a; b }`.
    Block(Vec<Act>),
    /// A function of values, or a method of the first.
    Call(Method, Vec<Term>),
    /// The value of a text in a constant map.
    Lookup(Arc<BTreeMap<String, Literal>>, Box<Term>),
}

/// The operators there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// By the sign scripts use.
    pub fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }
}

/// The functions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Lower,
    Upper,
    Length,
    IsEmpty,
    Contains,
    StartsWith,
    EndsWith,
    ToInt,
    ToFloat,
    ToText,
    ParseInt,
    ParseFloat,
    Abs,
    Floor,
    Ceiling,
    Round,
    /// Whether there is something.
    IsThere,
}

impl Method {
    /// By the name scripts use and how many values it is given.
    pub fn of(name: &str, values: usize) -> Option<Self> {
        Some(match (name, values) {
            ("to_lower", 1) => Self::Lower,
            ("to_upper", 1) => Self::Upper,
            ("len", 1) => Self::Length,
            ("is_empty", 1) => Self::IsEmpty,
            ("contains", 2) => Self::Contains,
            ("starts_with", 2) => Self::StartsWith,
            ("ends_with", 2) => Self::EndsWith,
            ("to_int", 1) => Self::ToInt,
            ("to_float", 1) => Self::ToFloat,
            ("to_string", 1) => Self::ToText,
            ("parse_int", 1) => Self::ParseInt,
            ("parse_float", 1) => Self::ParseFloat,
            ("abs", 1) => Self::Abs,
            ("floor", 1) => Self::Floor,
            ("ceiling", 1) => Self::Ceiling,
            ("round", 1) => Self::Round,
            _ => return None,
        })
    }
}
