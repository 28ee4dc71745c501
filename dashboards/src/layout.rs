//! What the page around the charts needs to know of a dashboard, as JSON.

use infralogs_core::{
    dashboard::{Answer, Dashboard, Panel, PanelKind},
    plugin::Document,
    query::{Key, Shape},
    script::{Problem, Rejected},
    view::{Shown, View},
};
use serde_json::{Value, json};
use std::time::Duration;

/// The most problems drawn over a page.
const PROBLEMS_MAX: usize = 5;

/// How far behind a copy of the store may be without a word.
const STALE_FROM: Duration = Duration::from_secs(10);

/// Title, rows and panels, each panel with the id of its root. `asked`: the places of panels whose answer is still to
/// come; they show the one before, if there is one.
pub fn page(shown: &Shown, document: &Document, asked: &[usize]) -> Value {
    let dashboard: &Dashboard = &shown.dashboard;
    let mut panels = document.roots.iter().zip(&shown.answers).enumerate();
    let mut drawn = |panel| {
        let (place, (root, answer)) = panels.next()?;
        let mut said = self::panel(dashboard, panel, answer);
        said["index"] = place.into();
        said["root"] = root.as_str().into();
        said["asking"] = asked.contains(&place).into();
        Some(said)
    };
    let rows: Vec<Vec<Value>> = dashboard.rows.iter().map(|row| row.iter().filter_map(&mut drawn).collect()).collect();
    json!({
        "name": *dashboard.name,
        "title": dashboard.title,
        "last_ms": ms(dashboard.last),
        "refresh_ms": ms(dashboard.refresh),
        "picks": dashboard.picks.iter().map(|pick| &**pick).collect::<Vec<_>>(),
        "rows": rows,
    })
}

fn panel(dashboard: &Dashboard, panel: &Panel, answer: &Answer) -> Value {
    let (rows, trouble) = match answer {
        Answer::Rows(rows) => (rows.len(), None),
        Answer::Trouble(words) => (0, Some(words)),
        Answer::ToCome => (0, None),
    };
    json!({
        "title": panel.title,
        "kind": panel.kind.name(),
        "wide": panel.wide,
        "trouble": trouble,
        "rows": rows,
        "follows": panel.follows,
        "behind": dashboard.behind(panel),
        "spans": dashboard.spans(panel),
        "taps": dashboard.taps(panel).map(|column| &**column),
        "cells": cells(dashboard, panel),
    })
}

/// By what a box over a heat map's cells chooses, across and down; `null` if by nothing.
fn cells(dashboard: &Dashboard, panel: &Panel) -> Value {
    let [across, down] = dashboard.cells(panel).map(|key| key.map(Key::name));
    let every = panel.query.as_ref().and_then(|query| match &query.shape {
        Shape::Groups { every, .. } => *every,
        _ => None,
    });
    let used =
        across.is_some() || down.is_some() || (panel.kind == PanelKind::Heat && dashboard.spans(panel).is_some());
    if used { json!({ "across": across, "down": down, "every_ms": every.map(ms) }) } else { Value::Null }
}

/// The window and zone that are shown, in milliseconds since 1970 (UTC).
pub fn frame(shown: &Shown, view: &View) -> Value {
    json!({
        "from": shown.window.from.0 as f64 / 1_000.0,
        "to": shown.window.to.0 as f64 / 1_000.0,
        "zone": view.zone.name(),
        "zone_s": shown.zone_s,
        "live": view.is_live(),
        "lag_s": if shown.lag < STALE_FROM { 0 } else { shown.lag.as_secs() },
        "generation": shown.generation,
    })
}

/// What is wrong with scripts that were refused; `null` if nothing is.
pub fn problem(rejected: Option<&Rejected>) -> Value {
    let Some(rejected) = rejected else { return Value::Null };
    let problems: Vec<Value> = rejected.problems.iter().take(PROBLEMS_MAX).map(one_problem).collect();
    json!({ "problems": problems, "more": rejected.problems.len().saturating_sub(PROBLEMS_MAX) })
}

fn one_problem(problem: &Problem) -> Value {
    json!({
        "place": problem.place(),
        "line": problem.line,
        "column": problem.column,
        "width": problem.width,
        "what": problem.what,
        "help": problem.help,
        "source": problem.source,
    })
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
