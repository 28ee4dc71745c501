//! Expressions as scripts write them, for messages and the dry run.

use super::{Arithmetic, Compare, Expr, Function, Literal, TextTest};
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(name),
            Self::Literal(literal) => literal.fmt(f),
            Self::Ago(micros) => write!(f, "ago({micros} µs)"),
            Self::Compare(how, a, b) => infix(f, a, compare(*how), b),
            Self::And(a, b) => infix(f, a, "&", b),
            Self::Or(a, b) => infix(f, a, "|", b),
            Self::Not(a) => f.write_str("!").and_then(|()| inner(f, a)),
            Self::Arithmetic(how, a, b) => infix(f, a, arithmetic(*how), b),
            Self::In(a, list) => {
                write!(f, "{a} in [")?;
                for (index, one) in list.iter().enumerate() {
                    write!(f, "{}{one}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Matches(a, pattern) => {
                inner(f, a)?;
                write!(f, ".matches(`{}`)", pattern.0.as_str())
            }
            Self::Test(how, a, text) => {
                inner(f, a)?;
                let name = match how {
                    TextTest::Contains => "contains",
                    TextTest::StartsWith => "starts_with",
                    TextTest::EndsWith => "ends_with",
                };
                write!(f, ".{name}({text:?})")
            }
            Self::Call(function, a) => {
                inner(f, a)?;
                write!(f, ".{}()", function_name(*function))
            }
            Self::Lookup(a, map) => write!(f, "lookup({a}, {} values)", map.len()),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => b.fmt(f),
            Self::Int(i) => i.fmt(f),
            Self::Float(x) => write!(f, "{x:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

fn infix(f: &mut fmt::Formatter<'_>, a: &Expr, sign: &str, b: &Expr) -> fmt::Result {
    inner(f, a)?;
    write!(f, " {sign} ")?;
    inner(f, b)
}

/// In parentheses where it is made of several parts.
fn inner(f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
    match expr {
        Expr::And(..) | Expr::Or(..) | Expr::Arithmetic(..) | Expr::In(..) => write!(f, "({expr})"),
        _ => write!(f, "{expr}"),
    }
}

fn compare(how: Compare) -> &'static str {
    match how {
        Compare::Eq => "==",
        Compare::Ne => "!=",
        Compare::Lt => "<",
        Compare::Le => "<=",
        Compare::Gt => ">",
        Compare::Ge => ">=",
    }
}

fn arithmetic(how: Arithmetic) -> &'static str {
    match how {
        Arithmetic::Add => "+",
        Arithmetic::Sub => "-",
        Arithmetic::Mul => "*",
        Arithmetic::Div => "/",
        Arithmetic::Rem => "%",
    }
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Lower => "lower",
        Function::Upper => "upper",
        Function::Trim => "trim",
        Function::Len => "len",
        Function::Int => "int",
        Function::Float => "float",
        Function::Text => "text",
        Function::Exists => "exists",
    }
}
