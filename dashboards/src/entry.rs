//! `/d/<name>/panel/<n>/entry`: the whole entry behind a row of a table, as it was read.

use crate::{State, panel, reply, routes};
use infralogs_core::{
    Error,
    dashboard::{Answer, PanelKind},
    table::Rows,
    time::Time,
    value::Value,
};
use tide::Request;

/// Answers with the entries of `entry_host` at `entry_at` (microseconds since 1970). Only for a moment and a host that
/// a table of the dashboard shows: who may see a dashboard may not ask for any entry.
pub async fn entry(request: Request<State>) -> tide::Result {
    let state = request.state();
    if let Some(missing) = routes::missing(&request, request.param("name")?) {
        return Ok(missing);
    }
    let index: usize = request.param("index")?.parse().map_err(|_| Error::invalid("panels have numbers"))?;
    let given = |wanted: &str| {
        let found = routes::parameters(&request).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        found.ok_or_else(|| {
            Error::invalid(format!("`{wanted}` is missing")).help("say which row: its time and its host")
        })
    };
    let (at, host) = (given("entry_at")?, given("entry_host")?);
    let at = Time(at.parse().map_err(|_| Error::invalid("`entry_at` is no number of microseconds"))?);
    let view = routes::view(&request, request.param("name")?)?;
    let drawn = state.hub.feed(&view)?.latest().await?;
    let panel = drawn.shown.dashboard.rows.iter().flatten().nth(index);
    let query = panel.filter(|panel| panel.kind == PanelKind::Table).and_then(|panel| panel.query.as_ref());
    let shown = matches!(drawn.shown.answers.get(index), Some(Answer::Rows(rows)) if holds(rows, at, &host));
    // A page that is paused shows rows that newer ones took the place of.
    let definitions = state.layouts.borrow().current.clone();
    let seen = match query {
        Some(query) => shown || state.answers.takes(&definitions, query, &host, at).await?,
        None => false,
    };
    if !seen {
        return Err(Error::invalid("no row of the panel has this time and host").help("load the page again").into());
    }
    let entries = state.answers.entries(&host, at).await?;
    Ok(reply::json(&request, &panel::as_json("Entry", &entries)))
}

/// Whether a row has this time and host.
fn holds(rows: &Rows, at: Time, host: &str) -> bool {
    let (Some(times), Some(hosts)) = (rows.column("time"), rows.column("host")) else { return false };
    (0..rows.len()).any(|row| {
        matches!(times.get(row), Value::Int(time) if time == at.0)
            && matches!(hosts.get(row), Value::Text(name) if name == host)
    })
}
