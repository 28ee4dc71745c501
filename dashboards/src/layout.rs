//! What the page around the charts needs to know of a dashboard, as JSON.

use infralogs_core::{
    dashboard::{Answer, Dashboard, Panel},
    plugin::Document,
    script::{Problem, Rejected},
    view::{Shown, View},
};
use serde_json::{Value, json};
use std::time::Duration;

/// The most problems drawn over a page.
const PROBLEMS_MAX: usize = 5;

/// How far behind a copy of the store may be without a word.
const STALE_FROM: Duration = Duration::from_secs(10);

/// Title, rows and panels, each panel with the id of its root.
pub fn page(shown: &Shown, document: &Document) -> Value {
    let dashboard: &Dashboard = &shown.dashboard;
    let mut roots = document.roots.iter();
    let mut answers = shown.answers.iter();
    let mut index = 0..;
    let rows: Vec<Vec<Value>> = dashboard
        .rows
        .iter()
        .map(|row| row.iter().map(|it| panel(dashboard, it, index.next(), roots.next(), answers.next())).collect())
        .collect();
    json!({
        "name": *dashboard.name,
        "title": dashboard.title,
        "last_ms": ms(dashboard.last),
        "refresh_ms": ms(dashboard.refresh),
        "picks": dashboard.picks.iter().map(|pick| &**pick).collect::<Vec<_>>(),
        "rows": rows,
    })
}

fn panel(
    dashboard: &Dashboard,
    panel: &Panel,
    index: Option<usize>,
    root: Option<&String>,
    answer: Option<&Answer>,
) -> Value {
    let trouble = match answer {
        Some(Answer::Trouble(words)) => Some(words),
        _ => None,
    };
    json!({
        "index": index,
        "root": root,
        "title": panel.title,
        "kind": panel.kind.name(),
        "wide": panel.wide,
        "trouble": trouble,
        "rows": match answer { Some(Answer::Rows(rows)) => rows.len(), _ => 0 },
        "follows": panel.follows,
        "behind": dashboard.behind(panel),
        "spans": dashboard.spans(panel),
        "taps": dashboard.taps(panel).map(|column| &**column),
    })
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
