//! Runs an expression over a record.

use super::{Arithmetic, Compare, Expr, Function, Literal, TextTest};
use crate::{time::Time, value::Value};
use std::{borrow::Cow, cmp::Ordering};

/// The value of an expression; `field` answers a field by name, `now` is what `ago` counts from.
pub fn eval<'a>(expr: &'a Expr, field: &dyn Fn(&str) -> Value<'a>, now: Time) -> Value<'a> {
    match expr {
        Expr::Field(name) => field(name),
        Expr::Literal(literal) => literal_value(literal),
        Expr::Ago(micros) => Value::Int(now.0.saturating_sub(*micros)),
        Expr::Compare(how, a, b) => Value::Bool(compare(*how, &eval(a, field, now), &eval(b, field, now))),
        Expr::And(a, b) => Value::Bool(is_true(&eval(a, field, now)) && is_true(&eval(b, field, now))),
        Expr::Or(a, b) => Value::Bool(is_true(&eval(a, field, now)) || is_true(&eval(b, field, now))),
        Expr::Not(a) => Value::Bool(!is_true(&eval(a, field, now))),
        Expr::Arithmetic(how, a, b) => arithmetic(*how, eval(a, field, now), eval(b, field, now)),
        Expr::In(a, list) => {
            let value = eval(a, field, now);
            Value::Bool(list.iter().any(|one| compare(Compare::Eq, &value, &literal_value(one))))
        }
        Expr::Matches(a, pattern) => Value::Bool(text(&eval(a, field, now)).is_some_and(|t| pattern.0.is_match(t))),
        Expr::Test(how, a, part) => Value::Bool(text(&eval(a, field, now)).is_some_and(|t| match how {
            TextTest::Contains => memchr::memmem::find(t.as_bytes(), part.as_bytes()).is_some(),
            TextTest::StartsWith => t.as_bytes().starts_with(part.as_bytes()),
            TextTest::EndsWith => t.as_bytes().ends_with(part.as_bytes()),
        })),
        Expr::Call(function, a) => call(*function, eval(a, field, now)),
        Expr::Lookup(a, map) => {
            let value = eval(a, field, now);
            text(&value).and_then(|t| map.get(t)).map_or(Value::Missing, literal_value)
        }
    }
}

/// Only `true` is true.
pub(crate) fn is_true(value: &Value<'_>) -> bool {
    matches!(value, Value::Bool(true))
}

fn literal_value(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Bool(b) => Value::Bool(*b),
        Literal::Int(i) => Value::Int(*i),
        Literal::Float(f) => Value::Float(*f),
        Literal::Text(t) => Value::text(t),
    }
}

fn text<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}

fn compare(how: Compare, a: &Value<'_>, b: &Value<'_>) -> bool {
    order_is(how, a.compare(b))
}

/// What an order means to a comparison; `None`: the two can't be compared.
pub(super) fn order_is(how: Compare, order: Option<Ordering>) -> bool {
    match how {
        Compare::Ne => order != Some(Ordering::Equal),
        Compare::Eq => order == Some(Ordering::Equal),
        Compare::Lt => order == Some(Ordering::Less),
        Compare::Gt => order == Some(Ordering::Greater),
        Compare::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Compare::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

pub(super) fn arithmetic<'a>(how: Arithmetic, a: Value<'a>, b: Value<'a>) -> Value<'a> {
    use Arithmetic::{Add, Div, Mul, Rem, Sub};
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => match how {
            Add => a.checked_add(b),
            Sub => a.checked_sub(b),
            Mul => a.checked_mul(b),
            Div => a.checked_div(b),
            Rem => a.checked_rem(b),
        }
        .map_or(Value::Missing, Value::Int),
        (Value::Float(a), Value::Float(b)) => float(how, a, b),
        (Value::Int(a), Value::Float(b)) => float(how, a as f64, b),
        (Value::Float(a), Value::Int(b)) => float(how, a, b as f64),
        (Value::Text(a), Value::Text(b)) if how == Add => Value::Text(Cow::Owned(a.into_owned() + &*b)),
        _ => Value::Missing,
    }
}

fn float<'a>(how: Arithmetic, a: f64, b: f64) -> Value<'a> {
    let result = match how {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::Rem => a % b,
    };
    if result.is_finite() { Value::Float(result) } else { Value::Missing }
}

fn call(function: Function, value: Value<'_>) -> Value<'_> {
    match (function, value) {
        (Function::Exists, value) => Value::Bool(!value.is_missing()),
        (_, Value::Missing) => Value::Missing,
        (Function::Lower, Value::Text(t)) => Value::Text(Cow::Owned(t.to_ascii_lowercase())),
        (Function::Upper, Value::Text(t)) => Value::Text(Cow::Owned(t.to_ascii_uppercase())),
        (Function::Trim, Value::Text(Cow::Borrowed(t))) => Value::text(t.trim_ascii()),
        (Function::Trim, Value::Text(Cow::Owned(t))) => Value::Text(Cow::Owned(t.trim_ascii().to_owned())),
        (Function::Len, Value::Text(t)) => Value::Int(t.len() as i64),
        (Function::Int, Value::Int(i)) => Value::Int(i),
        (Function::Int, Value::Float(f)) => int_of(f).map_or(Value::Missing, Value::Int),
        (Function::Int, Value::Text(t)) => t.parse().map_or(Value::Missing, Value::Int),
        (Function::Float, Value::Float(f)) => Value::Float(f),
        (Function::Float, Value::Int(i)) => Value::Float(i as f64),
        (Function::Float, Value::Text(t)) => {
            t.parse().ok().filter(|f: &f64| f.is_finite()).map_or(Value::Missing, Value::Float)
        }
        (Function::Text, Value::Text(t)) => Value::Text(t),
        (Function::Text, Value::Int(i)) => Value::Text(Cow::Owned(i.to_string())),
        (Function::Text, Value::Float(f)) => Value::Text(Cow::Owned(f.to_string())),
        (Function::Text, Value::Bool(b)) => Value::text(if b { "true" } else { "false" }),
        _ => Value::Missing,
    }
}

/// A float cut off, where it fits.
pub(super) fn int_of(float: f64) -> Option<i64> {
    (float.abs() < 9e18).then_some(float as i64)
}
