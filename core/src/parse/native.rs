//! Runs a closure's body natively on one record. Where the interpreter might do anything else than compute a value, it
//! gives up before anything was changed.

use super::{
    body::{Act, Body, Method, Operator, Term},
    convert::Reading,
    record::fit,
};
use crate::{
    expr::{
        Literal,
        slots::{Slot, Slots},
    },
    table::ColumnType,
    time::Time,
};
use std::{cmp::Ordering, fmt::Write};

/// A text as long as this is left to the interpreter, which has a limit for them.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Where a field of a body is kept.
#[derive(Debug)]
pub(crate) struct Place {
    pub slot: u16,
    /// Its type, if it can be set.
    pub kind: Option<(ColumnType, Reading)>,
}

/// The memory of bodies at work, used again for every record.
#[derive(Debug, Default)]
pub(crate) struct Frame<'a> {
    /// As the closure sees them.
    fields: Vec<Slot<'a>>,
    /// What was set, as the columns keep it.
    set: Vec<Option<Slot<'a>>>,
    locals: Vec<Slot<'a>>,
}

/// Why a body ends early.
enum Exit<'a> {
    Return(Slot<'a>),
    GiveUp,
}

type Made<'a> = Result<Slot<'a>, Exit<'a>>;

/// Whether the record goes on; `None`: the interpreter must run, nothing was changed.
pub(crate) fn run<'a>(
    body: &'a Body,
    places: &[Place],
    frame: &mut Frame<'a>,
    slots: &mut Slots<'a>,
    clock: Time,
) -> Option<bool> {
    let made = slots.made_bytes();
    frame.fields.clear();
    frame.fields.extend(places.iter().map(|place| slots.values[usize::from(place.slot)]));
    frame.set.clear();
    frame.set.resize(places.len(), None);
    frame.locals.clear();
    frame.locals.resize(usize::from(body.locals), Slot::Missing);
    let is_long = |slot: &Slot<'a>| slots.text(*slot).is_some_and(|text| text.len() > TEXT_BYTES_MAX);
    let fits = !frame.fields.iter().any(is_long);
    let answer = match fits.then(|| Run { places, frame, slots, clock }.acts(&body.acts)) {
        Some(Ok(answer) | Err(Exit::Return(answer))) if !slots.overflow => answer,
        _ => {
            slots.forget_made(made);
            return None;
        }
    };
    for (place, set) in places.iter().zip(&frame.set) {
        if let Some(value) = set {
            slots.values[usize::from(place.slot)] = *value;
        }
    }
    Some(answer != Slot::Bool(false))
}

struct Run<'r, 'a> {
    places: &'r [Place],
    frame: &'r mut Frame<'a>,
    slots: &'r mut Slots<'a>,
    clock: Time,
}

impl<'a> Run<'_, 'a> {
    fn acts(&mut self, acts: &'a [Act]) -> Made<'a> {
        let mut last = Slot::Missing;
        for act in acts {
            last = match act {
                Act::Value(term) => self.term(term)?,
                Act::Return(term) => return Err(Exit::Return(self.term(term)?)),
                Act::Let(local, term) => {
                    self.frame.locals[usize::from(*local)] = self.term(term)?;
                    Slot::Missing
                }
                Act::Set(field, term) => {
                    let value = self.term(term)?;
                    let field = usize::from(*field);
                    let Some((kind, reading)) = &self.places[field].kind else { return Err(Exit::GiveUp) };
                    let fitting = fit(value, *kind, reading, self.clock, self.slots).ok_or(Exit::GiveUp)?;
                    self.frame.fields[field] = value;
                    self.frame.set[field] = Some(fitting);
                    Slot::Missing
                }
            };
        }
        Ok(last)
    }

    fn term(&mut self, term: &'a Term) -> Made<'a> {
        Ok(match term {
            Term::Unit => Slot::Missing,
            Term::Constant(literal) => constant(literal),
            Term::Field(field) => self.frame.fields[usize::from(*field)],
            Term::Local(local) => self.frame.locals[usize::from(*local)],
            Term::Not(term) => Slot::Bool(!self.is_true(term)?),
            Term::Negative(term) => match self.term(term)? {
                Slot::Int(int) => Slot::Int(int.checked_neg().ok_or(Exit::GiveUp)?),
                Slot::Float(float) => Slot::Float(-float),
                _ => return Err(Exit::GiveUp),
            },
            Term::Binary(operator, one, other) => {
                let (one, other) = (self.term(one)?, self.term(other)?);
                self.binary(*operator, one, other)?
            }
            Term::While(wanted, terms) => {
                for term in terms {
                    if self.is_true(term)? != *wanted {
                        return Ok(Slot::Bool(!wanted));
                    }
                }
                Slot::Bool(*wanted)
            }
            Term::If(condition, yes, no) => {
                let acts = if self.is_true(condition)? { yes } else { no };
                self.acts(acts)?
            }
            Term::Block(acts) => self.acts(acts)?,
            Term::Call(method, terms) => {
                let first = terms.first().map_or(Ok(Slot::Missing), |term| self.term(term))?;
                let second = terms.get(1).map_or(Ok(Slot::Missing), |term| self.term(term))?;
                self.call(*method, first, second).ok_or(Exit::GiveUp)?
            }
            Term::Lookup(map, key) => {
                let key = self.term(key)?;
                let key = self.slots.text(key).ok_or(Exit::GiveUp)?;
                map.get(key).map_or(Slot::Missing, constant)
            }
        })
    }

    fn is_true(&mut self, term: &'a Term) -> Result<bool, Exit<'a>> {
        match self.term(term)? {
            Slot::Bool(yes) => Ok(yes),
            _ => Err(Exit::GiveUp),
        }
    }

    fn binary(&mut self, operator: Operator, one: Slot<'a>, other: Slot<'a>) -> Made<'a> {
        let made = match (one, other) {
            (Slot::Int(one), Slot::Int(other)) => ints(operator, one, other),
            (Slot::Float(one), Slot::Float(other)) => floats(operator, one, other),
            (Slot::Int(one), Slot::Float(other)) => floats(operator, one as f64, other),
            (Slot::Float(one), Slot::Int(other)) => floats(operator, one, other as f64),
            (Slot::Bool(one), Slot::Bool(other)) => equality(operator, one == other),
            (Slot::Missing, Slot::Missing) => equality(operator, true),
            _ => match (self.slots.text(one), self.slots.text(other)) {
                (Some(_), Some(_)) if operator == Operator::Add => self.joined(one, other),
                (Some(one), Some(other)) => ordered(operator, one.cmp(other)),
                _ => of_two_types(operator),
            },
        };
        made.ok_or(Exit::GiveUp)
    }

    /// Two texts as one.
    fn joined(&mut self, one: Slot<'a>, other: Slot<'a>) -> Option<Slot<'a>> {
        let joined = self.slots.copy(&[one, other]);
        self.slots.text(joined).filter(|text| text.len() <= TEXT_BYTES_MAX).map(|_| joined)
    }

    fn call(&mut self, method: Method, value: Slot<'a>, other: Slot<'a>) -> Option<Slot<'a>> {
        match (method, value) {
            (Method::IsThere, value) => Some(Slot::Bool(value != Slot::Missing)),
            (Method::ToInt | Method::ToText, Slot::Int(int)) => Some(match method {
                Method::ToText => self.slots.make(20, |made| _ = write!(made, "{int}")),
                _ => Slot::Int(int),
            }),
            (Method::ToFloat, Slot::Int(int)) => Some(Slot::Float(int as f64)),
            (Method::Abs, Slot::Int(int)) => int.checked_abs().map(Slot::Int),
            (_, Slot::Float(float)) => of_float(method, float),
            (_, Slot::Text(_) | Slot::Made(..)) => self.of_text(method, value, other),
            _ => None,
        }
    }

    fn of_text(&mut self, method: Method, value: Slot<'a>, other: Slot<'a>) -> Option<Slot<'a>> {
        let text = self.slots.text(value)?;
        let second = || self.slots.text(other);
        Some(match method {
            // Beyond ASCII, letters may become several.
            Method::Lower | Method::Upper if !text.is_ascii() => return None,
            Method::Lower if text.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.slots.change(value, str::make_ascii_lowercase)
            }
            Method::Upper if text.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                self.slots.change(value, str::make_ascii_uppercase)
            }
            Method::Lower | Method::Upper | Method::ToText => value,
            Method::Length => Slot::Int(text.chars().count() as i64),
            Method::IsEmpty => Slot::Bool(text.is_empty()),
            Method::Contains => Slot::Bool(memchr::memmem::find(text.as_bytes(), second()?.as_bytes()).is_some()),
            Method::StartsWith => Slot::Bool(text.starts_with(second()?)),
            Method::EndsWith => Slot::Bool(text.ends_with(second()?)),
            Method::ParseInt => Slot::Int(text.trim().parse().ok()?),
            Method::ParseFloat => Slot::Float(text.trim().parse().ok()?),
            _ => return None,
        })
    }
}

fn constant(literal: &Literal) -> Slot<'_> {
    match literal {
        Literal::Bool(yes) => Slot::Bool(*yes),
        Literal::Int(int) => Slot::Int(*int),
        Literal::Float(float) => Slot::Float(*float),
        Literal::Text(text) => Slot::Text(text),
    }
}

fn ints<'a>(operator: Operator, one: i64, other: i64) -> Option<Slot<'a>> {
    let made = match operator {
        Operator::Add => one.checked_add(other),
        Operator::Subtract => one.checked_sub(other),
        Operator::Multiply => one.checked_mul(other),
        Operator::Divide => one.checked_div(other),
        Operator::Remainder => one.checked_rem(other),
        _ => return ordered(operator, one.cmp(&other)),
    };
    made.map(Slot::Int)
}

fn floats<'a>(operator: Operator, one: f64, other: f64) -> Option<Slot<'a>> {
    // As the interpreter has it: what differs by no more than rounding is equal.
    let most = if one * other == 0.0 { 1.0 } else { one.abs().max(other.abs()) };
    let (above, below) = ((one - other) / most, (other - one) / most);
    Some(match operator {
        Operator::Add => Slot::Float(one + other),
        Operator::Subtract => Slot::Float(one - other),
        Operator::Multiply => Slot::Float(one * other),
        Operator::Divide => Slot::Float(one / other),
        Operator::Remainder => Slot::Float(one % other),
        Operator::Equal => Slot::Bool(above.abs() <= f64::EPSILON),
        Operator::NotEqual => Slot::Bool(above.abs() > f64::EPSILON),
        Operator::Less => Slot::Bool(below > f64::EPSILON),
        Operator::LessOrEqual => Slot::Bool(below > -f64::EPSILON),
        Operator::Greater => Slot::Bool(above > f64::EPSILON),
        Operator::GreaterOrEqual => Slot::Bool(above > -f64::EPSILON),
    })
}

fn of_float<'a>(method: Method, float: f64) -> Option<Slot<'a>> {
    const INT_BELOW: f64 = 9e18;
    Some(match method {
        Method::ToInt if float.abs() < INT_BELOW => Slot::Int(float as i64),
        Method::ToFloat => Slot::Float(float),
        Method::Abs => Slot::Float(float.abs()),
        Method::Floor => Slot::Float(float.floor()),
        Method::Ceiling => Slot::Float(float.ceil()),
        Method::Round => Slot::Float(float.round()),
        _ => return None,
    })
}

fn ordered<'a>(operator: Operator, order: Ordering) -> Option<Slot<'a>> {
    Some(Slot::Bool(match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        _ => return equality(operator, order.is_eq()),
    }))
}

fn equality<'a>(operator: Operator, equal: bool) -> Option<Slot<'a>> {
    match operator {
        Operator::Equal => Some(Slot::Bool(equal)),
        Operator::NotEqual => Some(Slot::Bool(!equal)),
        _ => None,
    }
}

/// Values of two types are not equal, and neither is less.
fn of_two_types<'a>(operator: Operator) -> Option<Slot<'a>> {
    match operator {
        Operator::NotEqual => Some(Slot::Bool(true)),
        Operator::Equal | Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            Some(Slot::Bool(false))
        }
        _ => None,
    }
}
