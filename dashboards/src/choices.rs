//! `/d/<name>/choices/<column>`: the values a drop-down offers, most frequent first.

use crate::{State, reply, routes};
use infralogs_core::time::Time;
use serde_json::json;
use tide::Request;

/// The values of one pick in the view's window.
pub async fn choices(request: Request<State>) -> tide::Result {
    let state = request.state();
    if let Some(missing) = routes::missing(&request, request.param("name")?) {
        return Ok(missing);
    }
    let mut view = routes::view(&request, request.param("name")?)?;
    view.picks.clear();
    let definitions = state.layouts.borrow().current.clone();
    let values = state.answers.choices(&definitions, &view, request.param("pick")?, Time::now()).await?;
    Ok(reply::json(&request, &json!({ "values": values })))
}
