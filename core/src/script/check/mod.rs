//! Checks what all scripts said together, and makes one generation of definitions of it.

mod dashboards;
mod expressions;
mod parsers;
mod queries;
mod schedules;

use super::{
    atlas::Atlas,
    problem::Problem,
    sheet::Drafts,
    source::{File, Place},
};
use crate::{definitions::Definitions, table::TableDef, tables};
use std::{collections::BTreeMap, sync::Arc};

/// What is known while everything is checked.
pub(super) struct Check<'f> {
    /// Every script that was read.
    files: &'f [Arc<File>],
    pub atlas: Atlas,
    pub problems: Vec<Problem>,
    /// The parsers' tables so far, with the place of the first parser that writes each.
    pub tables: BTreeMap<String, (TableDef, Place)>,
}

impl Check<'_> {
    fn problem(&mut self, place: &Place, what: impl Into<String>, help: impl Into<String>) {
        let (problem, help) = (Problem::at(place, what), help.into());
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }
    /// Records that something is missing, unless something else is wrong in that script: it may follow from that.
    fn missing(&mut self, place: &Place, what: impl Into<String>, help: impl Into<String>) {
        if !self.problems.iter().any(|problem| problem.file == place.file.shown) {
            self.problem(place, what, help);
        }
    }
    /// Whether a script in which something else is wrong speaks of this name: then it is missing because of that.
    fn follows(&self, name: &str) -> bool {
        let quoted = format!("\"{name}\"");
        let wrong = |file: &File| self.problems.iter().any(|problem| problem.file == file.shown);
        self.files.iter().any(|file| file.text.contains(&quoted) && wrong(file))
    }
    /// A table by name, built in or declared.
    fn table(&self, name: &str) -> Option<&TableDef> {
        tables::built_in(name).map(|table| &**table).or_else(|| self.tables.get(name).map(|(table, _)| table))
    }
    /// Refuses a second declaration of a name, naming the first one's place.
    fn once(&mut self, what: &str, name: &str, seen: &mut BTreeMap<String, Place>, at: &Place) -> bool {
        if let Some(first) = seen.get(name) {
            let first = first.to_string();
            self.problem(
                at,
                format!("{what} `{name}` is already declared at {first}"),
                "give one of them another name",
            );
            return false;
        }
        seen.insert(name.to_owned(), at.clone());
        true
    }
    /// Refuses a name that can't be a table's or an address.
    fn well_named(&mut self, what: &str, name: &str, also: &[char], at: &Place) -> bool {
        const NAME_BYTES_MAX: usize = 60;
        let first = name.starts_with(|c: char| c.is_ascii_lowercase())
            || (!also.is_empty() && name.starts_with(|c: char| c.is_ascii_digit()));
        let fits = first
            && name.len() <= NAME_BYTES_MAX
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || also.contains(&c));
        if !fits {
            let what = format!("`{}` can't be the name of a {what}", name.escape_debug());
            let also: String = also.iter().map(|c| format!(" and `{c}`")).collect();
            let help = format!("names have small letters, digits, `_`{also}, and at most {NAME_BYTES_MAX} characters");
            self.problem(at, what, help);
        }
        fits
    }
}

/// One generation, or everything wrong with it.
pub(super) fn assemble(drafts: Drafts, atlas: Atlas, files: &[Arc<File>]) -> Result<Definitions, Vec<Problem>> {
    let mut check = Check { files, atlas, problems: drafts.problems, tables: BTreeMap::new() };
    let parsers = parsers::check(&mut check, &drafts.parsers);
    let schedules = schedules::check(&mut check, &drafts.schedules, &drafts.parsers);
    let rules = schedules::check_rules(&mut check, &drafts.rules);
    let dashboards = dashboards::check(&mut check, &drafts.dashboards);
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    let tables = check.tables.into_values().map(|(table, _)| Arc::new(table)).collect();
    Ok(Definitions { parsers, schedules, rules, dashboards, tables, ..Definitions::default() })
}
