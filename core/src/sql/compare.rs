//! Comparisons as SQL: of one kind of value plainly, of ints with floats exactly, of different kinds never equal.

use super::{
    Dialect,
    term::{Stop, Term, Type},
};
use crate::expr::{Compare, Literal};

/// Two to the 63rd, the first double above every int.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

/// `a <how> b` as a condition.
pub(super) fn compare(how: Compare, a: &Term, b: &Term, dialect: Dialect) -> Result<Term, Stop> {
    if how == Compare::Ne {
        let equal = compare(Compare::Eq, a, b, dialect)?;
        return Term::fill(Type::Condition, "({0} IS NOT TRUE)", &[&equal]);
    }
    match (a.kind, b.kind) {
        (Type::Int, Type::Float) => match b.constant {
            Some(Literal::Float(float)) => int_with(how, a, float, dialect),
            _ => Term::fill(Type::Condition, &dialect.int_float(operator(how)), &[a, b]),
        },
        (Type::Float, Type::Int) => match b.constant {
            Some(Literal::Int(int)) => float_with(how, a, int, dialect),
            _ => Term::fill(Type::Condition, &dialect.int_float(operator(turned(how))), &[b, a]),
        },
        (one, other) if one == other && one != Type::Missing => {
            Term::fill(Type::Condition, &format!("({{0}} {} {{1}})", operator(how)), &[a, b])
        }
        _ => Ok(Term::always(false)),
    }
}

/// `a` equals one of the constants.
pub(super) fn one_of(a: &Term, list: &[Literal], dialect: Dialect) -> Result<Term, Stop> {
    let same: Vec<Literal> = list.iter().filter_map(|literal| as_kind(literal, a.kind)).collect();
    if same.is_empty() {
        return Ok(Term::always(false));
    }
    if let [only] = &same[..] {
        return compare(Compare::Eq, a, &Term::constant(only.clone()), dialect);
    }
    let marks = vec!["?"; same.len()].join(", ");
    let mut term = Term::fill(Type::Condition, &format!("({{0}} IN ({marks}))"), &[a])?;
    term.params.extend(same);
    Ok(term)
}

/// The constant that is equal to this one and of the other's kind.
fn as_kind(literal: &Literal, kind: Type) -> Option<Literal> {
    match (literal, kind) {
        (Literal::Text(_), Type::Text) | (Literal::Bool(_), Type::Bool) => Some(literal.clone()),
        (Literal::Int(_), Type::Int) | (Literal::Float(_), Type::Float) => Some(literal.clone()),
        (Literal::Float(float), Type::Int) if float.fract() == 0.0 && (-INT_END..INT_END).contains(float) => {
            Some(Literal::Int(*float as i64))
        }
        (Literal::Int(int), Type::Float) if (*int as f64) as i128 == i128::from(*int) => {
            Some(Literal::Float(*int as f64))
        }
        _ => None,
    }
}

fn int_with(how: Compare, a: &Term, float: f64, dialect: Dialect) -> Result<Term, Stop> {
    let present = || Term::fill(Type::Condition, "({0} IS NOT NULL)", &[a]);
    let less = matches!(how, Compare::Lt | Compare::Le);
    if float.is_nan() || (how == Compare::Eq && (float.fract() != 0.0 || !(-INT_END..INT_END).contains(&float))) {
        return Ok(Term::always(false));
    }
    if !(-INT_END..INT_END).contains(&float) {
        return if less == (float > 0.0) { present() } else { Ok(Term::always(false)) };
    }
    let bound = if matches!(how, Compare::Lt | Compare::Ge) { float.ceil() } else { float.floor() };
    compare(how, a, &Term::constant(Literal::Int(bound as i64)), dialect)
}

fn float_with(how: Compare, a: &Term, int: i64, dialect: Dialect) -> Result<Term, Stop> {
    let near = int as f64;
    let above = (near as i128).cmp(&i128::from(int));
    let (how, bound) = match (how, above) {
        (how, std::cmp::Ordering::Equal) => (how, near),
        (Compare::Eq | Compare::Ne, _) => return Ok(Term::always(false)),
        (Compare::Lt | Compare::Le, std::cmp::Ordering::Greater) => (Compare::Le, near.next_down()),
        (Compare::Lt | Compare::Le, _) => (Compare::Le, near),
        (_, std::cmp::Ordering::Greater) => (Compare::Ge, near),
        (..) => (Compare::Ge, near.next_up()),
    };
    compare(how, a, &Term::constant(Literal::Float(bound)), dialect)
}

fn operator(how: Compare) -> &'static str {
    match how {
        Compare::Eq | Compare::Ne => "=",
        Compare::Lt => "<",
        Compare::Le => "<=",
        Compare::Gt => ">",
        Compare::Ge => ">=",
    }
}

/// The same comparison seen from the other side.
fn turned(how: Compare) -> Compare {
    match how {
        Compare::Lt => Compare::Gt,
        Compare::Le => Compare::Ge,
        Compare::Gt => Compare::Lt,
        Compare::Ge => Compare::Le,
        same => same,
    }
}
