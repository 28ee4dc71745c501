//! Expressions as SQL, with the meaning [`crate::expr::eval`] gives them.

use super::{
    arithmetic, compare,
    term::{Scope, Stop, Term, Type},
};
use crate::{
    expr::{Expr, Function, Literal, TextTest, eval},
    value::Value,
};

/// An expression that keeps records: only `true` keeps one.
pub(super) fn condition(expr: &Expr, scope: &Scope<'_>) -> Result<Term, Stop> {
    let term = term(expr, scope)?;
    let is_truth = matches!(term.kind, Type::Bool | Type::Condition);
    Ok(if is_truth { term } else { Term::always(false) })
}

/// An expression's value, as something comparable.
fn value(expr: &Expr, scope: &Scope<'_>) -> Result<Term, Stop> {
    term(expr, scope)?.value(scope.dialect)
}

fn term(expr: &Expr, scope: &Scope<'_>) -> Result<Term, Stop> {
    if is_constant(expr) {
        return Ok(folded(expr, scope));
    }
    match expr {
        Expr::Field(name) => scope.field(name),
        Expr::Literal(_) | Expr::Ago(_) => Ok(folded(expr, scope)),
        Expr::Compare(how, a, b) => {
            let (a, b) = (value(a, scope)?, value(b, scope)?);
            // The constant to the right, where it can be made the column's kind.
            if a.constant.is_some() && b.constant.is_none() {
                return compare::compare(turned(*how), &b, &a, scope.dialect);
            }
            compare::compare(*how, &a, &b, scope.dialect)
        }
        Expr::And(a, b) => both("({0} AND {1})", a, b, scope),
        Expr::Or(a, b) => both("({0} OR {1})", a, b, scope),
        Expr::Not(a) => Term::fill(Type::Condition, "({0} IS NOT TRUE)", &[&condition(a, scope)?]),
        Expr::Arithmetic(how, a, b) => {
            let (a, b) = (term(a, scope)?, term(b, scope)?);
            arithmetic::arithmetic(*how, a, b, scope.dialect)
        }
        Expr::In(a, list) => compare::one_of(&value(a, scope)?, list, scope.dialect),
        Expr::Matches(..) => Err(Stop::Residual),
        Expr::Test(how, a, part) => test(*how, &value(a, scope)?, part, scope),
        Expr::Call(function, a) => call(*function, value(a, scope)?, scope),
        Expr::Lookup(a, map) => lookup(value(a, scope)?, map.iter(), scope),
    }
}

fn turned(how: crate::expr::Compare) -> crate::expr::Compare {
    use crate::expr::Compare::{Ge, Gt, Le, Lt};
    match how {
        Lt => Gt,
        Le => Ge,
        Gt => Lt,
        Ge => Le,
        same => same,
    }
}

fn is_constant(expr: &Expr) -> bool {
    let mut constant = true;
    expr.fields(&mut |_| constant = false);
    constant
}

fn folded(expr: &Expr, scope: &Scope<'_>) -> Term {
    Term::constant(match eval(expr, &|_| Value::Missing, scope.now) {
        Value::Missing => return Term::missing(),
        Value::Bool(b) => Literal::Bool(b),
        Value::Int(i) => Literal::Int(i),
        Value::Float(f) => Literal::Float(f),
        Value::Text(t) => Literal::Text(t.as_ref().into()),
    })
}

fn both(template: &str, a: &Expr, b: &Expr, scope: &Scope<'_>) -> Result<Term, Stop> {
    Term::fill(Type::Condition, template, &[&condition(a, scope)?, &condition(b, scope)?])
}

fn test(how: TextTest, text: &Term, part: &str, scope: &Scope<'_>) -> Result<Term, Stop> {
    if text.kind != Type::Text {
        return Ok(Term::always(false));
    }
    if part.is_empty() {
        return Term::fill(Type::Condition, "({0} IS NOT NULL)", &[text]);
    }
    let template = scope.dialect.text_test(how, part);
    Term::fill(Type::Condition, &template, &[text, &Term::constant(Literal::Text(part.into()))])
}

fn call(function: Function, a: Term, scope: &Scope<'_>) -> Result<Term, Stop> {
    let dialect = scope.dialect;
    match (function, a.kind) {
        (Function::Exists, Type::Missing) => Ok(Term::always(false)),
        (Function::Exists, _) => Term::fill(Type::Condition, "({0} IS NOT NULL)", &[&a]),
        (Function::Lower, Type::Text) => Term::fill(Type::Text, &dialect.ascii_case(false), &[&a]),
        (Function::Upper, Type::Text) => Term::fill(Type::Text, &dialect.ascii_case(true), &[&a]),
        (Function::Trim, Type::Text) => Term::fill(Type::Text, dialect.trim(), &[&a]),
        (Function::Len, Type::Text) => Term::fill(Type::Int, dialect.text_len(), &[&a]),
        (Function::Int, Type::Int) | (Function::Float, Type::Float) | (Function::Text, Type::Text) => Ok(a),
        (Function::Int, Type::Float) => Term::fill(Type::Int, dialect.float_to_int(), &[&a]),
        (Function::Float, Type::Int) => arithmetic::float(a, dialect),
        (Function::Text, Type::Int) => Term::fill(Type::Text, dialect.int_to_text(), &[&a]),
        (Function::Text, Type::Bool) => {
            Term::fill(Type::Text, "(CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)", &[&a])
        }
        // Numbers written as text are read and written by Rust's rules.
        (Function::Int | Function::Float, Type::Text) | (Function::Text, Type::Float) => Err(Stop::Residual),
        _ => Ok(Term::missing()),
    }
}

fn lookup<'m>(
    text: Term,
    map: impl Iterator<Item = (&'m String, &'m Literal)>,
    scope: &Scope<'_>,
) -> Result<Term, Stop> {
    if text.kind != Type::Text {
        return Ok(Term::missing());
    }
    let mut result = Term::fill(Type::Missing, "(CASE {0}", &[&text])?;
    for (key, literal) in map {
        let constant = Term::constant(literal.clone());
        if result.kind != Type::Missing && result.kind != constant.kind {
            return Err(Stop::Residual); // a column of SQL has one kind
        }
        result.kind = constant.kind;
        result.sql.push_str(" WHEN ? THEN ?");
        result.params.extend([Literal::Text(key.as_str().into()), literal.clone()]);
    }
    if result.kind == Type::Missing {
        return Ok(Term::missing());
    }
    result.sql.push_str(" END)");
    result.value(scope.dialect)
}
