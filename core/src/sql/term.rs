//! A piece of SQL with its parameters and type, and what pieces are made from.

use super::{Dialect, SQL_BYTES_MAX, entry_fields, kept, rollup, summed};
use crate::{
    error::Error,
    expr::Literal,
    table::{ColumnDef, ColumnType, Storage, TableDef},
    time::Time,
};

/// Why an expression has no SQL.
#[derive(Debug)]
pub(super) enum Stop {
    /// It must be tested in Rust.
    Residual,
    /// It is too long.
    TooLong,
    /// It is wrong.
    Wrong(Error),
}

/// What a piece of SQL gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Int,
    /// An int that SQLite made a float where it overflowed: to be checked before anything but arithmetic.
    Sum,
    Float,
    /// 0, 1 or NULL.
    Bool,
    /// True or anything else: NULL counts as false.
    Condition,
    /// Always NULL.
    Missing,
}

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub sql: String,
    pub params: Vec<Literal>,
    pub kind: Type,
    /// The value, where it is a constant.
    pub constant: Option<Literal>,
}

impl Term {
    pub fn condition(sql: String, params: Vec<Literal>) -> Self {
        Self { sql, params, kind: Type::Condition, constant: None }
    }
    /// Always true or always false.
    pub fn always(truth: bool) -> Self {
        Self::condition(if truth { "(1 = 1)" } else { "(1 = 0)" }.into(), Vec::new())
    }
    pub fn missing() -> Self {
        Self { sql: "NULL".into(), params: Vec::new(), kind: Type::Missing, constant: None }
    }
    pub fn constant(literal: Literal) -> Self {
        let kind = match &literal {
            Literal::Bool(_) => Type::Bool,
            Literal::Int(_) => Type::Int,
            Literal::Float(_) => Type::Float,
            Literal::Text(_) => Type::Text,
        };
        Self { sql: "?".into(), params: vec![literal.clone()], kind, constant: Some(literal) }
    }
    /// Fills `{0}`, `{1}` … of a template; a piece named twice stands there twice, with its parameters.
    pub fn fill(kind: Type, template: &str, pieces: &[&Term]) -> Result<Self, Stop> {
        let mut term = Self { sql: String::new(), params: Vec::new(), kind, constant: None };
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            let piece = rest.as_bytes().get(at + 1).and_then(|digit| pieces.get(digit.wrapping_sub(b'0') as usize));
            let piece = piece.ok_or_else(|| Stop::Wrong(Error::failed(format!("bad SQL template `{template}`"))))?;
            term.sql.push_str(&rest[..at]);
            term.sql.push_str(&piece.sql);
            term.params.extend(piece.params.iter().cloned());
            rest = &rest[at + 3..];
            if term.sql.len() > SQL_BYTES_MAX {
                return Err(Stop::TooLong);
            }
        }
        term.sql.push_str(rest);
        Ok(term)
    }
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.sql = format!("{} AND {}", self.sql, other.sql);
        self.params.extend(other.params);
        self
    }
    /// As a value: a condition becomes true or false, an unchecked sum is checked.
    pub fn value(self, dialect: Dialect) -> Result<Self, Stop> {
        match self.kind {
            Type::Condition => Self::fill(Type::Bool, "({0} IS TRUE)", &[&self]),
            Type::Sum => Self::fill(Type::Int, dialect.checked_sum(), &[&self]),
            _ => Ok(self),
        }
    }
}

/// What names mean while one statement is written.
pub(super) struct Scope<'a> {
    pub table: &'a TableDef,
    /// All columns the table has in the store.
    pub columns: Vec<ColumnDef>,
    pub dialect: Dialect,
    pub now: Time,
    /// Seconds east of UTC.
    pub zone_s: i32,
    /// Where records are counted, if not in the rows themselves.
    pub rolled: Option<Rolled<'a>>,
}

/// Where records are counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rolled<'a> {
    /// Those of `logs`.
    Logs,
    /// Those of a parser's table.
    Kept(&'a kept::Cube),
}

impl<'a> Scope<'a> {
    /// The type of a field as it comes out.
    pub fn kind(&self, name: &str) -> Result<ColumnType, Stop> {
        if let Some(column) = self.columns.iter().find(|column| column.name == name) {
            return Ok(column.kind);
        }
        let entry_field = entry_fields::of(name, self).is_some();
        if entry_field { Ok(ColumnType::Text) } else { Err(Stop::Wrong(self.unknown(name))) }
    }
    /// The value of a field.
    pub fn field(&self, name: &str) -> Result<Term, Stop> {
        let Some(column) = self.columns.iter().find(|column| column.name == name) else {
            return entry_fields::of(name, self).unwrap_or_else(|| Err(Stop::Wrong(self.unknown(name))));
        };
        let kind = match column.kind.storage() {
            Storage::Text => Type::Text,
            Storage::Int => Type::Int,
            Storage::Float => Type::Float,
            Storage::Bool => Type::Bool,
        };
        Ok(Term { sql: self.column(name), params: Vec::new(), kind, constant: None })
    }
    /// A stored column, as the rows or the rollups have it.
    pub fn column(&self, name: &str) -> String {
        let rolled = match self.rolled {
            None => None,
            Some(Rolled::Logs) => rollup::column(name, self.dialect),
            Some(Rolled::Kept(cube)) => kept::column(cube, name, summed::storage(&self.columns, name), self.dialect),
        };
        rolled.unwrap_or_else(|| self.dialect.quote(name))
    }
    /// The same, reading a cube instead.
    pub fn on<'b>(&self, rolled: Option<Rolled<'b>>) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope { columns: self.columns.clone(), rolled, ..*self }
    }
    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let near = names.iter().max_by(|a, b| strsim::jaro(a, name).total_cmp(&strsim::jaro(b, name)));
        let help = match near.filter(|near| strsim::jaro(near, name) > 0.75) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", names.join(", ")),
        };
        Error::invalid(format!("table `{}` has no column `{name}`", self.table.name)).help(help)
    }
}
