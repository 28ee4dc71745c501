//! The type of column an expression gives, as far as its text tells.

use super::{Arithmetic, Expr, Function, Literal};
use crate::table::{ColumnType, Storage};

/// What an expression gives where it is not missing; `field` knows the types of fields. `None`: it depends on the
/// record, or it is always missing.
pub fn column_type(expr: &Expr, field: &dyn Fn(&str) -> Option<ColumnType>) -> Option<ColumnType> {
    match expr {
        Expr::Field(name) => field(name),
        Expr::Literal(literal) => Some(literal_type(literal)),
        Expr::Ago(_) => Some(ColumnType::Time),
        Expr::Compare(..)
        | Expr::And(..)
        | Expr::Or(..)
        | Expr::Not(_)
        | Expr::In(..)
        | Expr::Matches(..)
        | Expr::Test(..) => Some(ColumnType::Bool),
        Expr::Arithmetic(how, a, b) => arithmetic(*how, column_type(a, field)?, column_type(b, field)?),
        Expr::Call(function, _) => Some(match function {
            Function::Lower | Function::Upper | Function::Trim | Function::Text => ColumnType::Text,
            Function::Len | Function::Int => ColumnType::Int,
            Function::Float => ColumnType::Float,
            Function::Exists => ColumnType::Bool,
        }),
        Expr::Lookup(_, map) => {
            let mut kinds = map.values().map(literal_type);
            let first = kinds.next()?;
            kinds.try_fold(first, either)
        }
    }
}

fn literal_type(literal: &Literal) -> ColumnType {
    match literal {
        Literal::Bool(_) => ColumnType::Bool,
        Literal::Int(_) => ColumnType::Int,
        Literal::Float(_) => ColumnType::Float,
        Literal::Text(_) => ColumnType::Text,
    }
}

/// A type both fit.
fn either(a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    match (a, b) {
        _ if a == b => Some(a),
        (ColumnType::Int, ColumnType::Float) | (ColumnType::Float, ColumnType::Int) => Some(ColumnType::Float),
        _ => None,
    }
}

fn arithmetic(how: Arithmetic, a: ColumnType, b: ColumnType) -> Option<ColumnType> {
    use ColumnType::{Duration, Float, Int, Text, Time};
    let adds = matches!(how, Arithmetic::Add | Arithmetic::Sub);
    match (a.storage(), b.storage()) {
        (Storage::Text, Storage::Text) if how == Arithmetic::Add => Some(Text),
        (Storage::Float, Storage::Float | Storage::Int) | (Storage::Int, Storage::Float) => Some(Float),
        (Storage::Int, Storage::Int) => Some(match (a, b) {
            (Time, Time) if how == Arithmetic::Sub => Duration,
            (Time, Int | Duration) if adds => Time,
            (Int | Duration, Time) if how == Arithmetic::Add => Time,
            (same, other) if same == other && (adds || how == Arithmetic::Rem) => same,
            (kind, Int) if kind != Time => kind,
            (Int, kind) if kind != Time && how != Arithmetic::Div => kind,
            _ => Int,
        }),
        _ => None,
    }
}
