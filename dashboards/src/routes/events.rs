//! `/d/<name>/events`: what changed on a page, one stream of server-sent events a page.

use super::{missing, parameters, view};
use crate::{State, feed::Feed};
use infralogs_core::{Error, Kind};
use infralogs_http::{
    body::Sender,
    sse::{self, Event},
};
use std::{sync::Arc, time::Duration};
use tide::Request;

/// How often a silent stream shows that it lives, and it is looked at whether its reader may go on.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The most pages that listen at once.
const LISTENERS_MAX: usize = 2_000;

/// Streams events from the revision the page has on (`Last-Event-ID`, or `after` at first).
pub async fn events(request: Request<State>) -> tide::Result {
    let name = request.param("name")?;
    let state = request.state();
    if let Some(missing) = missing(&request, name) {
        return Ok(missing);
    }
    if state.hub.counts().1 >= LISTENERS_MAX {
        return Err(Error::new(Kind::Unavailable, format!("{LISTENERS_MAX} pages listen already")).into());
    }
    let feed = state.hub.feed(&view(&request, name)?)?;
    let header = request.header("last-event-id").map(|values| values.as_str().to_owned());
    let after =
        header.or_else(|| parameters(&request).find(|(name, _)| name == "after").map(|(_, at)| at.into_owned()));
    let after = after.and_then(|text| text.parse().ok()).unwrap_or_default();
    let mut stop = infralogs_http::stop(&request);
    let (sender, response) = sse::response();
    tokio::spawn(async move {
        let may = || request.state().access.still(&request);
        tokio::select! {
            () = follow(&feed, &sender, after, may) => {}
            () = sender.gone() => {}
            () = stop.stopped() => { let _ = sender.finish().await; }
        }
    });
    Ok(response)
}

/// Sends until the page is gone.
async fn follow(feed: &Arc<Feed>, sender: &Sender, mut at: u64, may: impl Fn() -> bool) {
    let mut news = feed.subscribe();
    if sender.send(sse::keep_alive()).await.is_err() {
        return;
    }
    loop {
        news.mark_unchanged();
        let Some(events) = feed.since(at) else {
            // Too long away, or from before a restart. The page loads anew and comes back.
            let data = r#"{"reload":true}"#;
            let _ = sender.send(Event { data, ..Event::default() }.to_bytes()).await;
            return sender.gone().await;
        };
        for (number, text) in events {
            let event = Event { id: &number.to_string(), data: &text, ..Event::default() };
            if sender.send(event.to_bytes()).await.is_err() {
                return;
            }
            at = number;
        }
        let waited = tokio::time::timeout(KEEP_ALIVE, news.changed()).await;
        if !may() {
            return; // it comes back and is told to sign in
        }
        if waited.is_err() && sender.send(sse::keep_alive()).await.is_err() {
            return;
        }
    }
}
