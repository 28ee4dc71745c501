//! Answers one question with NDJSON, streamed, with its closing line.

use crate::{State, ask, rules};
use infralogs_core::{Error, Result, entry::Batch, plugin::Ask, time::Time, wire};
use infralogs_http::{answer, body, body::Sender};
use std::sync::atomic::Ordering;
use tide::{Request, Response, StatusCode};

/// A chunk is sent once it has so many bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// So many chunks wait for a slow reader; then writing waits.
const CHUNKS_MAX: usize = 4;

/// One stream's route.
pub(crate) async fn stream(request: Request<State>, path: &'static str) -> tide::Result {
    let state = request.state().clone();
    let mut stop = infralogs_http::stop(&request);
    let ask = match ask::read(request.url(), Time::now()) {
        Ok(ask) => ask,
        Err(error) => return Ok(answer::error(&error)),
    };
    let read = tokio::select! {
        read = read(&state, path, &ask) => read,
        () = stop.stopped() => Err(Error::unavailable("the agent is stopping").help("ask again when it is back")),
    };
    let mut batch = match read {
        Ok(batch) => batch,
        Err(error) => return Ok(answer::error(&error)),
    };
    rules::apply(&(state.rules)(), &mut batch, Time::now());
    state.served.answers.fetch_add(1, Ordering::Relaxed);
    state.served.entries.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
    state.served.dropped.fetch_add(batch.dropped, Ordering::Relaxed);
    let (sender, body) = body::channel(CHUNKS_MAX);
    tokio::spawn(async move {
        // A client that is gone reads no closing line, and stores nothing.
        let _ = write(&batch, sender).await;
    });
    Ok(Response::builder(StatusCode::Ok).content_type("application/x-ndjson").body(body).build())
}

async fn read(state: &State, path: &str, ask: &Ask) -> Result<Batch> {
    let Some(pool) = state.streams.get(path) else {
        return Err(Error::invalid("the agent does not serve this").at(path.to_owned()));
    };
    let mut source = pool.take()?;
    let batch = source.read(ask).await?;
    pool.give(source);
    Ok(batch)
}

async fn write(batch: &Batch, sender: Sender) -> Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES * 2);
    for entry in batch.entries.iter() {
        wire::write_entry(&entry, &mut chunk);
        if chunk.len() >= CHUNK_BYTES {
            sender.send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_BYTES * 2))).await?;
        }
    }
    wire::write_end(&wire::End::of(batch), &mut chunk);
    sender.send(chunk).await?;
    sender.finish().await
}
