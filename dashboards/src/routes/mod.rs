//! Which path is answered by what.

mod embed;
mod events;
mod socket;

use crate::{State, access, assets, choices, entry, feed::Form, page, panel, reply};
use infralogs_core::{Result, tables, time::Time, view::View};
use infralogs_http::answer;
use std::{borrow::Cow, sync::atomic::Ordering};
use tide::{Request, Response, StatusCode};

/// All routes.
pub fn routes(state: State) -> tide::Server<State> {
    let gate = access::Gate(state.access.clone());
    let mut app = tide::with_state(state);
    app.with(reply::Guard); // outermost: answers that say what went wrong carry the headers too
    app.with(answer::Errors);
    app.with(gate);
    app.at("/sign-in").get(access::form).post(access::take);
    app.at("/sign-out").post(access::leave);
    app.at("/").get(page::index);
    app.at("/a/:sum/:name").get(assets::serve);
    app.at("/d/:name").get(dashboard);
    app.at("/d/:name/events").get(events::events);
    app.at("/d/:name/autoload.js").get(embed::autoload);
    app.at("/d/:name/ws").get(socket::socket);
    app.at("/d/:name/choices/:pick").get(choices::choices);
    app.at("/d/:name/panel/:file").get(panel::panel);
    app.at("/d/:name/panel/:index/entry").get(entry::entry);
    app
}

/// `/d/<name>` is the page, `/d/<name>.json` what it shows.
async fn dashboard(request: Request<State>) -> tide::Result {
    match request.param("name")?.strip_suffix(".json") {
        Some(name) => {
            let name = name.to_owned();
            document(request, &name).await
        }
        None => page::dashboard(request).await,
    }
}

async fn document(request: Request<State>, name: &str) -> tide::Result {
    if let Some(missing) = missing(&request, name) {
        return Ok(missing);
    }
    let view = view(&request, name)?;
    let feed = request.state().hub.feed(&view)?;
    let (revision, drawn) = feed.snapshot(parameters(&request).any(|(name, _)| name == "fresh")).await?;
    let form = if reply::takes_gzip(&request) { Form::Lists } else { Form::Packed };
    let mut whole = feed.whole(revision, &drawn, form);
    let unlisted = request.state().unlisted.load(Ordering::Relaxed);
    whole["unlisted"] = (unlisted && drawn.shown.dashboard.asks(&tables::PROCESSES.name)).into();
    Ok(reply::json(&request, &whole))
}

/// The view a request asks for.
pub fn view<S>(request: &Request<S>, dashboard: &str) -> Result<View> {
    view_of(dashboard, parameters(request))
}

/// The view that parameters say.
fn view_of<'p>(dashboard: &str, said: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>) -> Result<View> {
    let given: Vec<_> = said.filter(|(name, _)| !is_ours(name)).collect();
    View::parse(dashboard, given.iter().map(|(name, value)| (&**name, &**value)), Time::now())
}

/// Parameters that say how to answer, not what to show.
fn is_ours(name: &str) -> bool {
    matches!(name, "after" | "fresh" | "entry_at" | "entry_host" | "resources") || name.starts_with("bokeh-")
}

/// What stands behind the `?`.
pub fn parameters<S>(request: &Request<S>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    request.url().query_pairs()
}

/// The answer that a dashboard is not there, unless it is and may be seen: who may not is not told that it is there.
pub fn missing(request: &Request<State>, name: &str) -> Option<Response> {
    let definitions = request.state().layouts.borrow().current.clone();
    let what = || format!("there is no dashboard `{}`", name.escape_debug());
    let next = Some("the list of dashboards is at /");
    let seen = definitions.dashboard(name).is_some_and(|dashboard| access::may_see(request, dashboard));
    (!seen).then(|| answer::told(StatusCode::NotFound, &what(), next))
}
