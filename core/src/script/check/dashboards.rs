//! Checks dashboards: names, titles, what panels ask and whether it fits how they are drawn.

use super::{
    super::{
        api::{
            dashboard::{DashboardDraft, MarkDraft},
            panel::PanelDraft,
            query::QueryDraft,
        },
        sheet::{Shared, lock},
        source::Place,
    },
    Check,
    expressions::{column, columns},
    queries,
};
use crate::{
    dashboard::{Dashboard, Mark, Panel, PanelKind},
    query::{Key, Shape},
    suggest::hint,
    table::Storage,
};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn check(check: &mut Check<'_>, drafts: &[Shared<DashboardDraft>]) -> Vec<Arc<Dashboard>> {
    let mut seen = BTreeMap::new();
    let mut dashboards = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let draft = lock(draft);
        check.well_named("dashboard", &draft.name, &['-'], &draft.at);
        check.once("dashboard", &draft.name, &mut seen, &draft.at);
        titles(check, &draft);
        picks(check, &draft);
        let marks = draft.marks.iter().map(|draft| mark(check, draft)).collect();
        let rows = draft.rows.iter().map(|row| row.iter().map(|draft| panel(check, draft)).collect()).collect();
        dashboards.push(Arc::new(Dashboard {
            name: draft.name.clone(),
            title: draft.title.clone(),
            last: draft.last,
            refresh: draft.refresh,
            picks: draft.picks.iter().map(|(name, _)| name.clone()).collect(),
            marks,
            readers: draft.readers.clone(),
            rows,
            place: draft.at.to_string(),
        }));
    }
    dashboards.sort_by(|a, b| a.name.cmp(&b.name));
    dashboards
}

fn titles(check: &mut Check<'_>, draft: &DashboardDraft) {
    let mut titles: BTreeMap<String, Place> = BTreeMap::new();
    for panel in draft.rows.iter().flatten() {
        check.once("panel", &panel.panel.title, &mut titles, &panel.at);
    }
    if draft.rows.iter().all(Vec::is_empty) {
        check.missing(&draft.at, format!("dashboard `{}` has no panels", draft.name), "add some: `.row([stat(…)])`");
    }
    for panel in draft.rows.iter().flatten() {
        let unknown =
            panel.panel.follows.iter().zip(&panel.follows_at).filter(|(title, _)| !titles.contains_key(*title));
        for (title, at) in unknown {
            let help = hint(title, "panels are", titles.keys().map(String::as_str));
            check.problem(at, format!("there is no panel `{title}` to follow"), help);
        }
    }
}

fn picks(check: &mut Check<'_>, draft: &DashboardDraft) {
    for (name, at) in &draft.picks {
        let queries = draft.rows.iter().flatten().filter_map(|panel| panel.query.as_ref());
        let tables: Vec<_> = queries.filter_map(|query| check.table(&query.table)).collect();
        if !tables.is_empty() && !tables.iter().any(|table| column(table, name).is_some()) {
            let known: Vec<String> = tables.iter().flat_map(|table| columns(table)).map(str::to_owned).collect();
            let help = hint(name, "there are", known.iter().map(String::as_str));
            check.problem(at, format!("no panel's table has a column `{name}`"), help);
        }
    }
}

fn mark(check: &mut Check<'_>, draft: &MarkDraft) -> Mark {
    if queries::check(check, &draft.query) {
        for part in draft.label.split("${").skip(1) {
            let name = part.split('}').next().unwrap_or_default();
            let table = check.table(&draft.query.table).cloned();
            if let Some(table) = table.filter(|table| column(table, name).is_none()) {
                let help = hint(name, "there are", columns(&table));
                check.problem(&draft.label_at, format!("table `{}` has no column `{name}`", table.name), help);
            }
        }
    }
    if draft.query.counts() {
        check.problem(&draft.query.table_at, "marks are drawn for records, but this query counts them", "");
    }
    Mark { query: draft.query.query(), label: draft.label.clone() }
}

fn panel(check: &mut Check<'_>, draft: &PanelDraft) -> Panel {
    let mut panel = draft.panel.clone();
    if let Some(query) = &draft.query {
        if queries::check(check, query) {
            shape(check, draft, query);
            tint(check, draft, query);
        }
        each(check, draft, query);
        panel.query = Some(query.query());
        if panel.kind == PanelKind::Histogram {
            bins(&mut panel);
        }
    }
    panel
}

/// Whether what a panel asks can be drawn the way it draws.
fn shape(check: &mut Check<'_>, draft: &PanelDraft, query: &QueryDraft) {
    let keys = query.by.len();
    let (what, help) = match draft.panel.kind {
        PanelKind::Stat { .. } if !query.counts() => {
            ("shows one number, but this query gives records", "end it with `.count()`")
        }
        PanelKind::Stat { .. } if keys > 0 || query.every.is_some() => {
            ("shows one number, but this query gives several", "leave out `every` and the keys")
        }
        PanelKind::Lines { .. } | PanelKind::Areas { .. } if query.every.is_none() => {
            ("is drawn over time, but this query has no `every`", "write `.every(1.minutes)` before the count")
        }
        PanelKind::Bars | PanelKind::Shares if !query.counts() || keys == 0 => {
            ("needs something to count by", "name a column: `.count(host)`")
        }
        PanelKind::Bars | PanelKind::Shares | PanelKind::Histogram if query.every.is_some() => {
            ("is not drawn over time, but this query has `every`", "leave it out, or use `lines`")
        }
        PanelKind::Heat if query.every.is_some() && keys != 1 => {
            ("is drawn over time and needs one key", "name it: `.every(5.minutes).count(host)`")
        }
        PanelKind::Heat if query.every.is_none() && keys != 2 => {
            ("needs two keys", "name them: `.count(weekday, hour)`")
        }
        PanelKind::Histogram if keys != 1 || !is_number(check, query) => {
            ("needs one column of numbers", "name it: `.count(bytes)`")
        }
        PanelKind::Bands if query.every.is_none() || query.measures.len() < 2 => {
            ("needs several percentiles over time", "write `.every(5.minutes).p50(duration).p95(duration)`")
        }
        PanelKind::Bands if keys > 0 && draft.panel.each.is_none() => {
            ("has one set of bands, but this query has keys", "leave them out, or draw one for `.each(host)`")
        }
        PanelKind::States if query.counts() && (query.every.is_none() || keys == 0) => {
            ("needs the states of something over time", "write `.every(5.minutes).count(host)`")
        }
        PanelKind::States if !query.counts() && query.columns.len() < 3 => {
            ("needs to know of records who is in which state", "name columns: `[time, unit, result]`, the state last")
        }
        PanelKind::Gauges if query.counts() => {
            ("shows records, but this query counts them", "use `.newest(host, mount)`")
        }
        _ => return,
    };
    check.problem(&draft.at, format!("panel `{}` {what}", draft.panel.title), help);
}

/// Small charts need a key to tell them apart by.
fn each(check: &mut Check<'_>, draft: &PanelDraft, query: &QueryDraft) {
    let (Some(key), Some(at)) = (&draft.panel.each, &draft.each_at) else { return };
    if !query.by.iter().any(|by| by.name() == &**key) {
        let help = hint(key, "it counts by", query.by.iter().map(Key::name));
        check.problem(at, format!("panel `{}` does not count by `{key}`", draft.panel.title), help);
    }
}

/// Whether what it counts by is a number.
fn is_number(check: &Check, query: &QueryDraft) -> bool {
    let Some(Key::Field(name)) = query.by.first() else { return false };
    let kind = check.table(&query.table).and_then(|table| column(table, name));
    kind.is_some_and(|kind| matches!(kind.storage(), Storage::Int | Storage::Float))
}

/// A histogram asks for numbers that are close together as one.
fn bins(panel: &mut Panel) {
    let Some(Shape::Groups { by, .. }) = panel.query.as_mut().map(|query| &mut query.shape) else { return };
    for key in by {
        if let Key::Field(name) = key {
            *key = Key::Binned(name.clone());
        }
    }
}

/// A tint reads columns of its table's rows.
fn tint(check: &mut Check<'_>, draft: &PanelDraft, query: &QueryDraft) {
    let Some(uses) = &draft.tint else { return };
    let Some(table) = check.table(&query.table).cloned() else { return };
    for (name, at) in &uses.reads {
        let shown = query.columns.is_empty() || query.columns.contains(name);
        if !query.counts() && column(&table, name).is_none() {
            let help = hint(name, &format!("`{}` has", table.name), columns(&table));
            check.problem(at, format!("table `{}` has no column `{name}`", table.name), help);
        } else if !query.counts() && !shown {
            let help = format!("add it to the columns: `[…, {name}]`");
            check.problem(at, format!("`{name}` is not among this table's columns"), help);
        }
    }
    for (name, at) in &uses.sets {
        check.problem(at, format!("a tint only reads: `{name}` can't be set here"), "");
    }
}
