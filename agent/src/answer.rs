//! Answers one question about a stream, in the form the client takes, with what makes the batch complete.

use crate::{
    State, ask,
    form::{Form, Packing},
    out::{CHUNKS_MAX, Out},
    rules,
};
use infralogs_core::{
    Error, Result,
    entry::Batch,
    plugin::{Ask, Source},
    time::Time,
    wire::End,
};
use infralogs_http::{answer, body, body::Sender};
use std::sync::atomic::Ordering;
use tide::{Request, Response, StatusCode, http::Trailers};

/// The trailer that holds what the closing line says, where the form of the body has no room for it.
const END_TRAILER: &str = "Infralogs-End";

/// One stream's route.
pub(crate) async fn stream(request: Request<State>, path: &'static str) -> tide::Result {
    let state = request.state().clone();
    let mut stop = infralogs_http::stop(&request);
    let form = Form::of(&request);
    let asked = ask::read(request.url(), Time::now()).and_then(|ask| resumed(ask, &request, form));
    let ask = match asked {
        Ok(ask) => ask,
        Err(error) => return Ok(answer::error(&error)),
    };
    let read = tokio::select! {
        read = read(&state, path, &ask) => read,
        () = stop.stopped() => Err(Error::unavailable("the agent is stopping").help("ask again when it is back")),
    };
    let batch = match read {
        Ok(batch) => batch,
        Err(error) => return Ok(answer::error(&error)),
    };
    let (mut response, out) = begin(&request, form)?;
    let end = End::of(&batch);
    if form == Form::Export {
        response.insert_header("trailer", END_TRAILER);
        let http: &mut tide::http::Response = response.as_mut();
        let sender = http.send_trailers();
        let mut trailers = Trailers::new();
        trailers.insert(END_TRAILER, end.to_json());
        tokio::spawn(sender.send(trailers));
    }
    tokio::spawn(async move {
        // A client that is gone reads no closing line, and stores nothing.
        let mut out = out;
        if out.batch(&batch).await.is_ok() {
            let _ = out.end(&end).await;
        }
    });
    Ok(response)
}

/// An answer in this form, and where its body is written.
pub(crate) fn begin(request: &Request<State>, form: Form) -> Result<(Response, Out)> {
    let packing = Packing::of(request, form);
    let (sender, body): (Sender, _) = body::channel(CHUNKS_MAX);
    let out = Out::new(form, packing, sender)?;
    let mut response = Response::builder(StatusCode::Ok)
        .content_type(form.content_type())
        .header("cache-control", "no-store")
        .header("vary", "accept, accept-encoding")
        .body(body);
    if let Some(name) = packing.name() {
        response = response.header("content-encoding", name);
    }
    Ok((response.build(), out))
}

/// A browser that lost an event stream says where it was.
fn resumed(mut ask: Ask, request: &Request<State>, form: Form) -> Result<Ask> {
    if let (Form::Events, None, Some(last)) = (form, ask.after, request.header("last-event-id")) {
        ask.after = Some(
            last.last()
                .as_str()
                .parse()
                .map_err(|error: Error| Error::invalid("`Last-Event-ID` is no cursor").because(error.what))?,
        );
    }
    Ok(ask)
}

async fn read(state: &State, path: &str, ask: &Ask) -> Result<Batch> {
    let Some(pool) = state.streams.get(path) else {
        return Err(Error::invalid("the agent does not serve this").at(path.to_owned()));
    };
    let mut source = pool.take()?;
    let batch = read_from(state, &mut *source, ask).await?;
    pool.give(source);
    state.served.answers.fetch_add(1, Ordering::Relaxed);
    Ok(batch)
}

/// Reads a batch as it may leave the machine: every way out comes through here, so the rules apply to all.
pub(crate) async fn read_from(state: &State, source: &mut dyn Source, ask: &Ask) -> Result<Batch> {
    let mut batch = state.seen.note(source.read(ask).await)?;
    rules::apply(&(state.rules)(), &mut batch, Time::now());
    state.served.entries.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
    state.served.dropped.fetch_add(batch.dropped, Ordering::Relaxed);
    Ok(batch)
}
