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
    suggest::hint,
};
use std::{collections::BTreeMap, sync::Arc};

pub(super) fn check(check: &mut Check, drafts: &[Shared<DashboardDraft>]) -> Vec<Arc<Dashboard>> {
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
            rows,
            place: draft.at.to_string(),
        }));
    }
    dashboards.sort_by(|a, b| a.name.cmp(&b.name));
    dashboards
}

fn titles(check: &mut Check, draft: &DashboardDraft) {
    let mut titles: BTreeMap<String, Place> = BTreeMap::new();
    for panel in draft.rows.iter().flatten() {
        check.once("panel", &panel.panel.title, &mut titles, &panel.at);
    }
    if draft.rows.iter().all(Vec::is_empty) {
        check.missing(&draft.at, format!("dashboard `{}` has no panels", draft.name), "add some: `.row([stat(…)])`");
    }
    for panel in draft.rows.iter().flatten() {
        if let (Some(title), Some(at)) = (&panel.panel.follows, &panel.follows_at)
            && !titles.contains_key(title)
        {
            let help = hint(title, "panels are", titles.keys().map(String::as_str));
            check.problem(at, format!("there is no panel `{title}` to follow"), help);
        }
    }
}

fn picks(check: &mut Check, draft: &DashboardDraft) {
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

fn mark(check: &mut Check, draft: &MarkDraft) -> Mark {
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

fn panel(check: &mut Check, draft: &PanelDraft) -> Panel {
    let mut panel = draft.panel.clone();
    if let Some(query) = &draft.query {
        if queries::check(check, query) {
            shape(check, draft, query);
            tint(check, draft, query);
        }
        panel.query = Some(query.query());
    }
    panel
}

/// Whether what a panel asks can be drawn the way it draws.
fn shape(check: &mut Check, draft: &PanelDraft, query: &QueryDraft) {
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
        PanelKind::Bars | PanelKind::Shares | PanelKind::Heat if query.every.is_some() => {
            ("is not drawn over time, but this query has `every`", "leave it out, or use `lines`")
        }
        PanelKind::Heat if keys != 2 => ("needs two keys", "name them: `.count(weekday, hour)`"),
        PanelKind::Gauges if query.counts() => {
            ("shows records, but this query counts them", "use `.newest(host, mount)`")
        }
        _ => return,
    };
    check.problem(&draft.at, format!("panel `{}` {what}", draft.panel.title), help);
}

/// A tint reads columns of its table's rows.
fn tint(check: &mut Check, draft: &PanelDraft, query: &QueryDraft) {
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
