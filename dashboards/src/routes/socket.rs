//! `/d/<name>/ws`: the protocol of Bokeh's own server, a second door to the same documents and patches. Python's
//! `bokeh.client.pull_session` comes in here.

use super::{missing, view, view_of};
use crate::{State, access, feed::Feed};
use infralogs_core::{Error, Kind, Result, view::View};
use infralogs_http::{
    Stop,
    socket::{Offer, Talk},
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tide::{Request, StatusCode};

/// How often a silent conversation shows that it lives.
const PING_EVERY: Duration = Duration::from_secs(5);

/// The most conversations and streams at once.
const LISTENERS_MAX: usize = 2_000;

/// Answers with a conversation in Bokeh's protocol.
pub async fn socket(request: Request<State>) -> tide::Result {
    let name = request.param("name")?;
    let state = request.state();
    if !access::from_here(&request) && state.access.site(&request).is_none() {
        let next = Some("our own pages, programs, and the sites that `embed` in infralogs.yaml lists may open it");
        return Ok(infralogs_http::answer::told(StatusCode::Forbidden, "another site sent this", next));
    }
    if let Some(missing) = missing(&request, name) {
        return Ok(missing);
    }
    if state.hub.counts().1 >= LISTENERS_MAX {
        return Err(Error::new(Kind::Unavailable, format!("{LISTENERS_MAX} pages listen already")).into());
    }
    let feed = state.hub.feed(&asked(&request, name)?)?;
    let stop = infralogs_http::stop(&request);
    let offer = Offer::of(&request)?;
    Ok(offer.accept("bokeh", move |talk| converse(talk, feed, request, stop)))
}

/// The view a client asks for: by its address, or a page of another site by what autoload.js told it.
fn asked(request: &Request<State>, name: &str) -> Result<View> {
    let Some(told) = access::Told::of(request) else { return view(request, name) };
    let said = tide::http::Url::parse(&format!("http://here/?{}", told.view));
    view_of(name, said.map_err(|_| Error::invalid("the view is no question"))?.query_pairs())
}

async fn converse(talk: Talk, feed: Arc<Feed>, request: Request<State>, mut stop: Stop) {
    let may = || request.state().access.still(&request);
    let mut bokeh = Bokeh { talk, reading: Vec::new() };
    tokio::select! {
        said = bokeh.serve(&feed, &may) => if let Err(error) = said {
            tracing::debug!("a Bokeh client left: {error}");
        },
        () = stop.stopped() => {}
    }
    bokeh.talk.end().await;
}

/// One client.
struct Bokeh {
    talk: Talk,
    /// The frames of a message that is not whole: header, metadata, content.
    reading: Vec<String>,
}

impl Bokeh {
    async fn serve(&mut self, feed: &Arc<Feed>, may: &(impl Fn() -> bool + Sync)) -> Result<()> {
        let mut news = feed.subscribe();
        self.say("ACK", None, &json!({})).await?;
        // What the client has; nothing is sent before it pulled the document.
        let mut at = None;
        loop {
            tokio::select! {
                frame = self.talk.hear() => {
                    let Some(frame) = frame else { return Ok(()) };
                    self.reading.push(frame);
                    if self.reading.len() == 3 {
                        self.answer(feed, &mut at).await?;
                    }
                }
                changed = news.changed() => {
                    if changed.is_err() || !may() || !self.patch(feed, &mut at).await? {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(PING_EVERY) => {
                    if !may() {
                        return Ok(());
                    }
                    self.talk.ping().await?;
                }
            }
        }
    }

    /// Answers one whole message.
    async fn answer(&mut self, feed: &Arc<Feed>, at: &mut Option<u64>) -> Result<()> {
        let header: Value = serde_json::from_str(&self.reading[0]).unwrap_or_default();
        self.reading.clear();
        let id = header["msgid"].as_str().map(str::to_owned);
        match header["msgtype"].as_str() {
            Some("PULL-DOC-REQ") => match feed.snapshot(false).await {
                Ok((revision, drawn)) => {
                    *at = Some(revision);
                    self.say("PULL-DOC-REPLY", id, &json!({ "doc": drawn.document.json })).await
                }
                Err(error) => self.refuse(id, &error.to_string()).await,
            },
            Some("SERVER-INFO-REQ") => {
                let version = json!({ "bokeh": "3.9.2", "server": env!("CARGO_PKG_VERSION") });
                self.say("SERVER-INFO-REPLY", id, &json!({ "version_info": version })).await
            }
            // A reader's zoom or selection is theirs alone; it changes nothing here.
            Some("PATCH-DOC") if header["num_buffers"].as_u64().unwrap_or_default() == 0 => {
                self.say("OK", id, &json!({})).await
            }
            _ => self.refuse(id, "dashboards are made by scripts; a client reads").await,
        }
    }

    /// Sends what came since; whether the client can go on with that.
    async fn patch(&mut self, feed: &Arc<Feed>, at: &mut Option<u64>) -> Result<bool> {
        let Some(from) = *at else { return Ok(true) };
        let Some(events) = feed.since(from) else { return Ok(false) };
        for (number, text) in events {
            let event: Value = serde_json::from_str(&text).unwrap_or_default();
            *at = Some(number);
            if event["reload"] == true {
                return Ok(false); // no patch leads there: the client pulls anew
            }
            let patch = &event["patch"];
            if patch["events"].as_array().is_some_and(|events| !events.is_empty()) {
                self.say("PATCH-DOC", None, patch).await?;
            }
        }
        Ok(true)
    }

    async fn refuse(&mut self, id: Option<String>, what: &str) -> Result<()> {
        self.say("ERROR", id, &json!({ "text": what, "traceback": null })).await
    }

    /// A message is three frames.
    async fn say(&mut self, kind: &str, answers: Option<String>, content: &Value) -> Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let mut header = json!({ "msgid": NEXT.fetch_add(1, Ordering::Relaxed).to_string(), "msgtype": kind });
        if let Some(id) = answers {
            header["reqid"] = id.into();
        }
        for frame in [header.to_string(), "{}".to_owned(), content.to_string()] {
            self.talk.say(frame).await?;
        }
        Ok(())
    }
}
