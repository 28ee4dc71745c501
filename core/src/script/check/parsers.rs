//! Compiles parsers, merges their tables, runs their examples.

use super::{
    super::{
        api::parser::ParserDraft,
        sheet::{Shared, lock},
        source::Place,
    },
    Check, examples,
    expressions::entry_fields,
};
use crate::{error::Error, parse::Parser, table::TableDef, tables};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn check(check: &mut Check, drafts: &[Shared<ParserDraft>]) -> Vec<Arc<Parser>> {
    let mut seen = BTreeMap::new();
    let mut parsers = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let draft = lock(draft);
        let name = draft.spec.name.clone();
        let table_at = draft.table_at.clone().unwrap_or_else(|| draft.at.clone());
        let named = check.well_named("parser", &name, &[], &draft.at);
        if !check.once("parser", &name, &mut seen, &draft.at) || !named {
            continue;
        }
        if *name != *draft.spec.table && !check.well_named("table", &draft.spec.table, &[], &table_at) {
            continue;
        }
        if let (Some(from), Some(at)) = (&draft.spec.from, &draft.from_at) {
            entry_fields(check, from, at);
        }
        match Parser::compile(draft.spec.clone()) {
            Ok(parser) => {
                merge(check, &parser.table, &table_at);
                examples::run(check, &parser, &draft.examples_at);
                parsers.push(Arc::new(parser));
            }
            Err(errors) => errors.iter().for_each(|error| place(check, &draft, error)),
        }
    }
    parsers.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    parsers
}

/// Puts what the parser's compiler found at the word it speaks of.
fn place(check: &mut Check, draft: &ParserDraft, error: &Error) {
    let from = part(draft, error.place.as_deref().unwrap_or_default()).unwrap_or(&draft.at);
    let word = error.what.split('`').nth(1);
    let at = match word {
        Some(word) if from.file.text.contains(word) => check.atlas.name_after(word, from),
        _ => from.clone(),
    };
    let at = if at.line < from.line { from.clone() } else { at };
    check.problem(&at, error.what.clone(), error.help.clone().unwrap_or_default());
}

/// The place of the part that an error names: `extractor 1`, `step 2`, `example 1`, `from`, `columns`.
fn part<'d>(draft: &'d ParserDraft, name: &str) -> Option<&'d Place> {
    let (kind, number) = name.split_once(' ').unwrap_or((name, "1"));
    let index = number.parse::<usize>().ok()?.checked_sub(1)?;
    match kind {
        "extractor" => draft.extractors_at.get(index),
        "step" => draft.steps_at.get(index),
        "example" => draft.examples_at.get(index),
        "from" => draft.from_at.as_ref(),
        "columns" => draft.columns_at.as_ref(),
        "table" => draft.table_at.as_ref(),
        _ => None,
    }
}

/// Adds a parser's columns to its table; a column another parser gave another type is refused.
fn merge(check: &mut Check, table: &TableDef, at: &Place) {
    if tables::built_in(&table.name).is_some() {
        let what = format!("`{}` is a built-in table", table.name);
        check.problem(at, what, "give the parser's table another name: `.into(\"…\")`");
        return;
    }
    let Some((mut merged, first)) = check.tables.remove(&table.name) else {
        check.tables.insert(table.name.clone(), (table.clone(), at.clone()));
        return;
    };
    for column in &table.columns {
        match merged.columns.iter().find(|own| own.name == column.name) {
            None => merged.columns.push(column.clone()),
            Some(own) if own.kind == column.kind => {}
            Some(own) => {
                let what = format!(
                    "column `{}` of table `{}` is {} here, but {} in the parser at {first}",
                    column.name,
                    table.name,
                    column.kind.name(),
                    own.kind.name()
                );
                check.problem(&check.atlas.name_before(&column.name, at), what, "use one type, or another table");
            }
        }
    }
    merged.keep_for = match (merged.keep_for, table.keep_for) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    };
    check.tables.insert(table.name.clone(), (merged, first));
}
