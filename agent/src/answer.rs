//! Answers one question about a stream, in the form the client takes, with what makes the batch complete.

use crate::{
    State, ask,
    form::{Form, Packing},
    out::{CHUNKS_MAX, Out},
    pool::Pool,
    rules,
};
use infralogs_core::{
    Error, Kind, Result,
    entry::{BATCH_BYTES_MAX, Batch, ENTRY_BYTES_MAX},
    plugin::{Ask, Source},
    time::Time,
    wire::End,
};
use infralogs_http::{Stop, answer, body, body::Sender, token::admission};
use std::{sync::atomic::Ordering, time::Duration};
use tide::{Request, Response, StatusCode, http::Trailers};

/// The trailer that holds what the closing line says, where the form of the body has no room for it.
const END_TRAILER: &str = "Infralogs-End";

/// How many bytes of entries are read at once: what one client holds of the machine's memory, if no entry is larger.
pub(crate) const STEP_BYTES: usize = 512 << 10;
/// An answer ends behind so many bytes: one more entry still fits into a batch.
const ANSWER_BYTES_MAX: usize = BATCH_BYTES_MAX - ENTRY_BYTES_MAX;

/// One stream's route.
pub(crate) async fn stream(request: Request<State>, path: &'static str) -> tide::Result {
    let state = request.state().clone();
    let mut stop = infralogs_http::stop(&request);
    let admission = admission(&request);
    let form = Form::of(&request);
    let asked = ask::read(request.url(), Time::now()).and_then(|ask| resumed(ask, &request, form));
    let ask = match asked {
        Ok(ask) => ask,
        Err(error) => return Ok(answer::error(&error)),
    };
    // What can't be read is said with a status; only later errors break the answer off.
    let begun = tokio::select! {
        begun = Reading::begin(state, path, ask) => begun,
        () = stop.stopped() => Err(Error::unavailable("the agent is stopping").help("ask again when it is back")),
    };
    let (reading, first) = match begun {
        Ok(begun) => begun,
        Err(error) => return Ok(answer::error(&error)),
    };
    let (mut response, out) = begin(&request, form)?;
    let trailer = (form == Form::Export).then(|| {
        response.insert_header("trailer", END_TRAILER);
        let http: &mut tide::http::Response = response.as_mut();
        http.send_trailers()
    });
    tokio::spawn(async move {
        let sent = tokio::select! {
            sent = reading.send(first, out, stop) => sent,
            () = admission.revoked() => Err(Error::new(Kind::Denied, "its token was revoked")),
        };
        // A client that is gone, or not let in any more, reads no closing line and stores nothing.
        match sent {
            Ok(end) => {
                let mut trailers = Trailers::new();
                trailers.insert(END_TRAILER, end.to_json());
                if let Some(trailer) = trailer {
                    trailer.send(trailers).await;
                }
            }
            Err(error) => tracing::debug!("an answer of {path} broke off: {error}"),
        }
    });
    Ok(response)
}

/// A question that is answered step by step, so that no client holds more than a step in memory.
struct Reading {
    state: State,
    source: Box<dyn Source>,
    pool: Pool,
    ask: Ask,
    /// All that was asked for.
    limit: usize,
    bytes: usize,
    end: End,
}

impl Reading {
    async fn begin(state: State, path: &str, ask: Ask) -> Result<(Self, Batch)> {
        let Some(pool) = state.streams.get(path).cloned() else {
            return Err(Error::invalid("the agent does not serve this").at(path.to_owned()));
        };
        let (source, limit) = (pool.take()?, ask.limit);
        let ask = Ask { bytes: STEP_BYTES, ..ask };
        let mut reading = Self { state, source, pool, ask, limit, bytes: 0, end: End::default() };
        let first = reading.step().await?;
        reading.state.served.answers.fetch_add(1, Ordering::Relaxed);
        Ok((reading, first))
    }

    /// Reads the next step, and moves behind it.
    async fn step(&mut self) -> Result<Batch> {
        let (batch, read) = read_from(&self.state, &mut *self.source, &self.ask).await?;
        self.ask.limit -= read.min(self.ask.limit);
        (self.ask.after, self.ask.wait) = (batch.next, Duration::ZERO);
        self.bytes += batch.entries.bytes();
        let end = End::of(&batch);
        let all = &mut self.end;
        (all.cursor, all.head, all.machine, all.more) = (end.cursor, end.head, end.machine, end.more);
        // Where nothing was read, nothing can be read on at once.
        if read == 0 || self.limit == 0 || self.bytes > ANSWER_BYTES_MAX {
            self.ask.limit = 0;
        }
        all.entries += end.entries;
        all.dropped += end.dropped;
        all.unreadable += end.unreadable;
        all.unread += end.unread;
        all.gaps.extend(end.gaps);
        Ok(batch)
    }

    /// Writes the answer as fast as the client takes it.
    async fn send(mut self, mut batch: Batch, mut out: Out, mut stop: Stop) -> Result<End> {
        loop {
            out.batch(&batch).await?;
            if !self.end.more || self.ask.limit == 0 || stop.is_stopped() {
                break;
            }
            batch = tokio::select! {
                step = self.step() => step?,
                () = out.gone() => return Err(Error::unavailable("the client is gone")),
                () = stop.stopped() => break,
            };
        }
        self.pool.give(self.source);
        out.end(&self.end).await?;
        Ok(self.end)
    }
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

/// Reads a batch as it may leave the machine, and how many entries were read for it: every way out comes through
/// here, so the rules apply to all.
pub(crate) async fn read_from(state: &State, source: &mut dyn Source, ask: &Ask) -> Result<(Batch, usize)> {
    let mut batch = state.seen.note(source.read(ask).await)?;
    let read = batch.entries.len();
    if let Some(scripts) = &state.scripts {
        rules::apply(&scripts.current(), &mut batch, Time::now());
    }
    state.served.entries.fetch_add(batch.entries.len() as u64, Ordering::Relaxed);
    state.served.dropped.fetch_add(batch.dropped, Ordering::Relaxed);
    state.served.unreadable.fetch_add(batch.unreadable, Ordering::Relaxed);
    state.served.unread.fetch_add(batch.unread, Ordering::Relaxed);
    state.served.lost.fetch_add(batch.gaps.iter().filter_map(|gap| gap.lost).sum(), Ordering::Relaxed);
    Ok((batch, read))
}
