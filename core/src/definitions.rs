//! One loaded generation of all scripts, immutable.

use crate::{
    dashboard::Dashboard, error::Error, parse::Parser, rule::Rule, schedule::Schedule, table::TableDef, tables,
};
use std::sync::Arc;

/// Everything the scripts declared.
#[derive(Debug, Default)]
pub struct Definitions {
    /// The hash of all files' contents: the first 12 hexadecimal digits of SHA-256.
    pub hash: String,
    /// Paths that were read, relative to their roots, with their content hash.
    pub files: Vec<(String, String)>,
    /// By name.
    pub parsers: Vec<Arc<Parser>>,
    /// By name.
    pub schedules: Vec<Arc<Schedule>>,
    /// By name, the order they apply in.
    pub rules: Vec<Arc<Rule>>,
    /// By name.
    pub dashboards: Vec<Arc<Dashboard>>,
    /// The parsers' tables, merged where several parsers write one table.
    pub tables: Vec<Arc<TableDef>>,
}

impl Definitions {
    /// A table by name, built in or declared.
    pub fn table(&self, name: &str) -> Option<&Arc<TableDef>> {
        tables::built_in(name).or_else(|| self.tables.iter().find(|table| table.name == name))
    }
    /// A parser by name.
    pub fn parser(&self, name: &str) -> Option<&Arc<Parser>> {
        self.parsers.iter().find(|parser| &*parser.spec.name == name)
    }
    /// Says that there is no parser of this name, and which there are.
    pub fn no_parser(&self, name: &str) -> Error {
        let names = self.parsers.iter().map(|parser| &*parser.spec.name);
        let hint = crate::suggest::hint(name, "parsers are", names);
        Error::invalid(format!("there is no parser `{}`", name.escape_debug())).help(hint)
    }
    /// A dashboard by name.
    pub fn dashboard(&self, name: &str) -> Option<&Arc<Dashboard>> {
        self.dashboards.iter().find(|dashboard| &*dashboard.name == name)
    }
}
