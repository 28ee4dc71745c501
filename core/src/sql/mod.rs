//! SQL text for queries: what is the same in every store, and where dialects differ.

use crate::{
    error::Result,
    expr::{Expr, Literal},
    query::{Frame, Query},
    table::{ColumnDef, TableDef},
};

/// What a store's SQL is like. A value a store passes in, not a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// MySQL, MariaDB and what speaks like them.
    Mysql,
}

/// A statement ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// With one `?` per parameter.
    pub sql: String,
    /// In order.
    pub params: Vec<Literal>,
    /// The columns that come out.
    pub defs: Vec<ColumnDef>,
    /// What SQL could not say: to be tested in Rust on each row of a bounded scan (`Latest` only).
    pub residual: Option<Expr>,
}

/// The statement for a query.
pub fn select(_query: &Query, _table: &TableDef, _frame: &Frame, _dialect: Dialect) -> Result<Select> {
    Err(crate::Error::failed("no SQL is written yet"))
}
