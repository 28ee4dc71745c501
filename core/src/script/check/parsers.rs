//! Compiles parsers, merges their tables, runs their examples.

use super::{
    super::{
        api::parser::ParserDraft,
        sheet::{Shared, lock},
        source::Place,
    },
    Check,
};
use crate::{
    fields::{ENTRY_FIELDS, is_entry_field},
    parse::{Flaw, Parser, Part},
    suggest::hint,
    table::TableDef,
    tables,
    time::Time,
};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn check(check: &mut Check<'_>, drafts: &[Shared<ParserDraft>]) -> Vec<Arc<Parser>> {
    let mut seen = BTreeMap::new();
    let mut parsers = Vec::with_capacity(drafts.len());
    let places: Vec<Place> = drafts.iter().map(|draft| lock(draft).at.clone()).collect();
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
        match Parser::compile(draft.spec.clone()) {
            Ok(parser) => {
                merge(check, &parser.table, &table_at);
                closures(check, &parser, &draft);
                parser.check_examples(Time::now()).iter().for_each(|found| flaw(check, &draft, found));
                parsers.push(Arc::new(parser));
            }
            Err(flaws) => {
                let cut = draft.columns_at.is_none() && cut_short(check, &draft.at, &places);
                let own = flaws.iter().filter(|flaw| !(cut && flaw.part == Part::Columns));
                own.for_each(|found| flaw(check, &draft, found));
            }
        }
    }
    parsers.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    parsers
}

/// Whether a declaration failed while its script ran, somewhere between its own place and the next one's:
/// what it would have said after that is not known.
fn cut_short(check: &Check, at: &Place, all: &[Place]) -> bool {
    let later = all.iter().filter(|other| other.file.shown == at.file.shown && other.line > at.line);
    let end = later.map(|other| other.line).min().unwrap_or(usize::MAX);
    check.problems.iter().any(|found| found.file == at.file.shown && (at.line..end).contains(&found.line))
}

/// Closures read fields that are there and set fields they said they add.
fn closures(check: &mut Check<'_>, parser: &Parser, draft: &ParserDraft) {
    let known: Vec<Arc<str>> = parser.field_names().map(Arc::from).collect();
    let names = || known.iter().map(|name| &**name);
    for uses in &draft.closures {
        for (name, at) in &uses.reads {
            if !known.contains(name) && !is_entry_field(name) {
                let help = hint(name, "this record has", names().chain(ENTRY_FIELDS));
                check.problem(at, format!("field `{name}` does not exist here"), help);
            }
        }
        for (name, at) in &uses.sets {
            if !known.contains(name) {
                let help = format!("say its type: `.map(|r| …, #{{ {name}: \"text\" }})`");
                check.problem(at, format!("this closure does not say that it adds `{name}`"), help);
            }
        }
    }
}

/// Puts what is wrong with a parser at the word it speaks of, within the part of the declaration it concerns.
fn flaw(check: &mut Check<'_>, draft: &ParserDraft, flaw: &Flaw) {
    let part = match flaw.part {
        Part::From => draft.from_at.as_ref(),
        Part::Extractor(index) => draft.extractors_at.get(index),
        Part::Step(index) => draft.steps_at.get(index),
        Part::Columns => draft.columns_at.as_ref(),
        Part::Rollups => draft.rollups_at.as_ref(),
        Part::Table => draft.table_at.as_ref(),
        Part::Example(index) => draft.examples_at.get(index),
        Part::Input | Part::Lines => None,
    };
    let from = part.unwrap_or(&draft.at);
    let error = &flaw.error;
    let at = match flaw.offset {
        Some(offset) => from.inside(offset),
        None => word(check, &error.what, from),
    };
    check.problem(&at, error.what.clone(), error.help.clone().unwrap_or_default());
}

/// The first word in backticks that stands in the same declaration.
fn word(check: &Check, what: &str, from: &Place) -> Place {
    const LINES_AWAY_MAX: usize = 8;
    let places = what.split('`').skip(1).step_by(2).map(|word| check.atlas.name_after(word, from));
    let near = |at: &Place| at != from && at.line >= from.line && at.line - from.line <= LINES_AWAY_MAX;
    places.into_iter().find(near).unwrap_or_else(|| from.clone())
}

/// Adds a parser's columns to its table; a column another parser gave another type is refused.
fn merge(check: &mut Check<'_>, table: &TableDef, at: &Place) {
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
    merged.keep_size = merged.keep_size.zip(table.keep_size).map(|(a, b)| a.max(b));
    let more = table.rollups.iter().filter(|rollup| !merged.rollups.contains(rollup)).cloned().collect::<Vec<_>>();
    merged.rollups.extend(more);
    merged.keep_for = match (merged.keep_for, table.keep_for) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    };
    check.tables.insert(table.name.clone(), (merged, first));
}
