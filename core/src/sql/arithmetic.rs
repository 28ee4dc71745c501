//! Arithmetic as SQL: NULL wherever Rust's answer is missing.

use super::{
    Dialect,
    term::{Stop, Term, Type},
};
use crate::expr::Arithmetic;

/// `a <how> b`. A remainder of floats is residual: SQLite has none.
pub(super) fn arithmetic(how: Arithmetic, a: Term, b: Term, dialect: Dialect) -> Result<Term, Stop> {
    let whole = |kind: Type| matches!(kind, Type::Int | Type::Sum);
    match (a.kind, b.kind) {
        (one, other) if whole(one) && whole(other) => {
            let kind = if dialect == Dialect::Sqlite { Type::Sum } else { Type::Int };
            Term::fill(kind, dialect.int_arithmetic(how), &[&a, &b])
        }
        (Type::Text, Type::Text) if how == Arithmetic::Add => Term::fill(Type::Text, dialect.join(), &[&a, &b]),
        (one, other) if (whole(one) || one == Type::Float) && (whole(other) || other == Type::Float) => {
            let operator = match how {
                Arithmetic::Add => "+",
                Arithmetic::Sub => "-",
                Arithmetic::Mul => "*",
                Arithmetic::Div => "/",
                Arithmetic::Rem => return Err(Stop::Residual),
            };
            let (a, b) = (float(a, dialect)?, float(b, dialect)?);
            let result = Term::fill(Type::Float, &format!("({{0}} {operator} {{1}})"), &[&a, &b])?;
            Term::fill(Type::Float, dialect.finite(), &[&result])
        }
        _ => Ok(Term::missing()),
    }
}

/// A number as a float.
pub(super) fn float(term: Term, dialect: Dialect) -> Result<Term, Stop> {
    let term = term.value(dialect)?;
    if term.kind == Type::Float { Ok(term) } else { Term::fill(Type::Float, dialect.int_to_float(), &[&term]) }
}
