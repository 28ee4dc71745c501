//! Reads a closure's tree as a body that native code can run. What it does not know, it leaves to the interpreter.

use super::outline;
use crate::{
    expr::Literal,
    parse::body::{Act, Body, Method, Operator, Term},
};
use rhai::{ASTFlags, Dynamic, Expr, FlowControl, FnCallExpr, ImmutableString, Map, Stmt};
use std::{collections::BTreeMap, sync::Arc};

/// A closure's body. `captured` are the values of its first parameters; its last one is the record. `is_own` says
/// whether the script has a function of that name, which is called instead of the one the engine has.
pub(super) fn body(of: &outline::Body, captured: &[Dynamic], is_own: &dyn Fn(&str) -> bool) -> Option<Body> {
    let (record, names) = of.params.split_last()?;
    if names.len() != captured.len() {
        return None;
    }
    let captured = names.iter().map(String::as_str).zip(captured).collect();
    let mut writer = Writer { record, captured, is_own, variables: Vec::new(), body: Body::default() };
    let acts = writer.acts(&of.statements)?;
    Some(Body { acts, ..writer.body })
}

struct Writer<'w> {
    record: &'w str,
    captured: Vec<(&'w str, &'w Dynamic)>,
    is_own: &'w dyn Fn(&str) -> bool,
    /// Variables in reach, each with its number.
    variables: Vec<(&'w str, u16)>,
    body: Body,
}

impl<'w> Writer<'w> {
    fn acts(&mut self, statements: &'w [Stmt]) -> Option<Vec<Act>> {
        let outside = self.variables.len();
        let acts = statements.iter().map(|statement| self.act(statement)).collect();
        self.variables.truncate(outside);
        acts
    }

    fn act(&mut self, statement: &'w Stmt) -> Option<Act> {
        Some(match statement {
            Stmt::Noop(_) => Act::Value(Term::Unit),
            Stmt::If(flow, _) => Act::Value(self.choice(flow)?),
            Stmt::Block(block) => Act::Value(Term::Block(self.acts(block.statements())?)),
            Stmt::Expr(expr) => Act::Value(self.term(expr)?),
            Stmt::FnCall(call, _) => Act::Value(self.call(call)?),
            Stmt::Var(variable, flags, _) if !flags.contains(ASTFlags::EXPORTED) => {
                let term = self.term(&variable.1)?;
                let number = self.body.locals;
                self.body.locals = number.checked_add(1)?;
                self.variables.push((&variable.0.name, number));
                Act::Let(number, term)
            }
            Stmt::Assignment(assignment) => {
                let value = self.term(&assignment.1.rhs)?;
                let operator = match assignment.0.get_op_assignment_info() {
                    Some((.., sign)) => Some(Operator::of(sign)?),
                    None => None,
                };
                let put = |old: Term| match operator {
                    Some(operator) => Term::Binary(operator, Box::new(old), Box::new(value)),
                    None => value,
                };
                match self.term(&assignment.1.lhs)? {
                    Term::Field(field) => Act::Set(field, put(Term::Field(field))),
                    Term::Local(local) => Act::Let(local, put(Term::Local(local))),
                    _ => return None,
                }
            }
            // The other kind is `throw`.
            Stmt::Return(value, flags, _) if !flags.contains(ASTFlags::BREAK) => {
                Act::Return(value.as_ref().map_or(Some(Term::Unit), |value| self.term(value))?)
            }
            _ => return None,
        })
    }

    fn choice(&mut self, flow: &'w FlowControl) -> Option<Term> {
        let condition = self.term(&flow.expr)?;
        let yes = self.acts(flow.body.statements())?;
        Some(Term::If(Box::new(condition), yes, self.acts(flow.branch.statements())?))
    }

    fn term(&mut self, expr: &'w Expr) -> Option<Term> {
        Some(match expr {
            Expr::Unit(_) => Term::Unit,
            Expr::BoolConstant(yes, _) => Term::Constant(Literal::Bool(*yes)),
            Expr::IntegerConstant(int, _) => Term::Constant(Literal::Int(*int)),
            Expr::FloatConstant(float, _) => Term::Constant(Literal::Float(**float)),
            Expr::StringConstant(text, _) => Term::Constant(Literal::Text(text.as_str().into())),
            Expr::Variable(variable, ..) if variable.2.is_empty() => self.variable(&variable.1)?,
            Expr::Stmt(block) => Term::Block(self.acts(block.statements())?),
            Expr::FnCall(call, _) => self.call(call)?,
            Expr::And(terms, _) => Term::While(true, self.terms(terms)?),
            Expr::Or(terms, _) => Term::While(false, self.terms(terms)?),
            Expr::Dot(chain, flags, _) if !flags.contains(ASTFlags::NEGATED) => {
                if self.is_record(&chain.lhs) {
                    self.of_record(&chain.rhs)?
                } else {
                    let begin = self.term(&chain.lhs)?;
                    self.chain(begin, &chain.rhs)?
                }
            }
            Expr::Index(index, flags, _) if *flags == ASTFlags::BREAK => self.index(&index.lhs, &index.rhs)?,
            // What comes after the brackets stands beside the key.
            Expr::Index(index, flags, _) if flags.is_empty() => {
                let Expr::Dot(rest, flags, _) = &index.rhs else { return None };
                let begin = self.index(&index.lhs, &rest.lhs).filter(|_| !flags.contains(ASTFlags::NEGATED))?;
                self.chain(begin, &rest.rhs)?
            }
            _ => return None,
        })
    }

    fn terms(&mut self, exprs: &'w [Expr]) -> Option<Vec<Term>> {
        exprs.iter().map(|expr| self.term(expr)).collect()
    }

    fn is_record(&self, expr: &Expr) -> bool {
        let Expr::Variable(variable, ..) = expr else { return false };
        let hidden = self.variables.iter().any(|(own, _)| **own == *variable.1);
        variable.2.is_empty() && *variable.1 == *self.record && !hidden
    }

    fn variable(&self, name: &str) -> Option<Term> {
        if let Some((_, number)) = self.variables.iter().rev().find(|(own, _)| *own == name) {
            return Some(Term::Local(*number));
        }
        let (_, value) = self.captured.iter().find(|(own, _)| *own == name)?;
        literal(value).map(Term::Constant)
    }

    /// What comes after `r.`.
    fn of_record(&mut self, rest: &'w Expr) -> Option<Term> {
        match rest {
            Expr::Property(property, _) => Some(self.field(&property.2)),
            Expr::MethodCall(call, _) if call.name == "has" && !(self.is_own)("has") => match &call.args[..] {
                [Expr::StringConstant(name, _)] => Some(Term::Call(Method::IsThere, vec![self.field(name)])),
                _ => None,
            },
            Expr::Dot(chain, flags, _) if flags.is_empty() => {
                let begin = self.of_record(&chain.lhs)?;
                self.chain(begin, &chain.rhs)
            }
            _ => None,
        }
    }

    /// What comes after `value.`.
    fn chain(&mut self, value: Term, rest: &'w Expr) -> Option<Term> {
        match rest {
            Expr::Property(property, _) => {
                let method =
                    Method::of(&property.2, 1).filter(|method| matches!(method, Method::Length | Method::IsEmpty))?;
                Some(Term::Call(method, vec![value]))
            }
            Expr::MethodCall(call, _) => {
                let mut terms = vec![value];
                terms.extend(self.terms(&call.args)?);
                self.function(call, terms)
            }
            Expr::Dot(chain, flags, _) if flags.is_empty() => {
                let next = self.chain(value, &chain.lhs)?;
                self.chain(next, &chain.rhs)
            }
            _ => None,
        }
    }

    /// `map[key]` of a captured map, or `r["name"]`.
    fn index(&mut self, of: &'w Expr, key: &'w Expr) -> Option<Term> {
        if self.is_record(of) {
            let Expr::StringConstant(name, _) = key else { return None };
            return Some(self.field(name));
        }
        let Expr::Variable(variable, ..) = of else { return None };
        let is_hidden = self.variables.iter().any(|(own, _)| **own == *variable.1);
        let (_, map) = self.captured.iter().find(|(own, _)| **own == *variable.1).filter(|_| !is_hidden)?;
        let map = map.read_lock::<Map>()?;
        let entries = map.iter().map(|(name, value)| Some((name.to_string(), literal(value)?)));
        let entries: BTreeMap<String, Literal> = entries.collect::<Option<_>>()?;
        Some(Term::Lookup(Arc::new(entries), Box::new(self.term(key)?)))
    }

    fn call(&mut self, call: &'w FnCallExpr) -> Option<Term> {
        let mut terms = self.terms(&call.args)?;
        if !call.is_operator_call() {
            return self.function(call, terms);
        }
        match (call.name.as_str(), terms.len()) {
            ("!", 1) => Some(Term::Not(Box::new(terms.remove(0)))),
            ("-", 1) => Some(Term::Negative(Box::new(terms.remove(0)))),
            (sign, 2) => {
                let (other, one) = (terms.pop()?, terms.pop()?);
                Some(Term::Binary(Operator::of(sign)?, Box::new(one), Box::new(other)))
            }
            _ => None,
        }
    }

    fn function(&self, call: &FnCallExpr, terms: Vec<Term>) -> Option<Term> {
        if call.is_qualified() || call.capture_parent_scope || (self.is_own)(&call.name) {
            return None;
        }
        Some(Term::Call(Method::of(&call.name, terms.len())?, terms))
    }

    fn field(&mut self, name: &str) -> Term {
        let at = self.body.fields.iter().position(|own| **own == *name).unwrap_or_else(|| {
            self.body.fields.push(name.into());
            self.body.fields.len() - 1
        });
        Term::Field(at as u16)
    }
}

/// A captured value that never changes.
fn literal(value: &Dynamic) -> Option<Literal> {
    let text = || value.read_lock::<ImmutableString>().map(|text| Literal::Text(text.as_str().into()));
    let int = value.as_int().ok().map(Literal::Int);
    let float = || value.as_float().ok().map(Literal::Float);
    int.or_else(float).or_else(|| value.as_bool().ok().map(Literal::Bool)).or_else(text)
}
