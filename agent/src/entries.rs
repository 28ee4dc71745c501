//! `/entries` as systemd-journal-gatewayd has it, so that `systemd-journal-remote` and its like read from us.
//!
//! `Range: entries=CURSOR[[:SKIP]:COUNT]` begins *at* the cursor; without it everything is sent. A negative SKIP
//! counts back: from the cursor, or from the end, so that `:-1:1` is the newest entry. `?follow` goes on with what is written later, `?boot` keeps to the newest boot, `?FIELD=value` filters.

use crate::{
    State,
    answer::{self, STEP_BYTES},
    back::{self, BACK_ENTRIES_MAX},
    form::Form,
    out::Out,
};
use infralogs_core::{Error, Kind, Result, cursor::Cursor, entry::Entries, plugin::Ask};
use infralogs_http::{Stop, answer as answers, token::admission};
use std::{sync::atomic::Ordering, time::Duration};
use tide::{Request, http::Url};

/// Entries read at once.
const BATCH_ENTRIES: usize = 2_000;
/// How long one read waits while a client follows; then comes a sign of life.
const FOLLOW_WAIT: Duration = Duration::from_secs(20);
/// The most filters of one request.
const MATCHES_MAX: usize = 100;

/// What is left to be sent.
struct Wanted {
    ask: Ask,
    skip: u64,
    /// How far before the cursor, or the end, it begins.
    back: u64,
    /// `None`: all there is.
    left: Option<u64>,
    follow: bool,
    boot: bool,
}

/// The route.
pub(crate) async fn entries(request: Request<State>) -> tide::Result {
    let state = request.state().clone();
    let (stop, admission) = (infralogs_http::stop(&request), admission(&request));
    let mut wanted = match wanted(&request) {
        Ok(wanted) => wanted,
        Err(error) => return Ok(answers::error(&error)),
    };
    // What can't be read is said with a status, not by an answer that breaks off.
    if let Err(error) = settle(&state, &mut wanted).await {
        return Ok(answers::error(&error));
    }
    let (response, out) = answer::begin(&request, Form::of(&request))?;
    state.served.answers.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let sent = tokio::select! {
            sent = send(&state, wanted, out, stop) => sent,
            () = admission.revoked() => Err(Error::new(Kind::Denied, "its token was revoked")),
        };
        if let Err(error) = sent {
            tracing::debug!("an answer of /entries broke off: {error}");
        }
    });
    Ok(response)
}

/// Looks whether the journal can be read at all, and which boot is the newest.
async fn settle(state: &State, wanted: &mut Wanted) -> Result<()> {
    let mut source = state.logs().take()?;
    let head = answer::read_from(state, &mut *source, &Ask { limit: 0, ..Ask::default() }).await?.0.head;
    state.logs().give(source);
    if let (true, Some(head)) = (wanted.boot, head) {
        wanted.ask.filter.matches.push(("_BOOT_ID".to_owned(), head.boot.to_string().into_bytes()));
    }
    // Back from the cursor's own entry, or from behind the newest.
    let to = wanted.ask.after.map(before).map(|cursor| (cursor, 1)).or(head.map(|head| (head, 0)));
    if let (1.., Some((to, own))) = (wanted.back, to) {
        wanted.ask.after =
            back::from(state, &wanted.ask, to, wanted.back + own).await?.map(before).or(wanted.ask.after);
    }
    Ok(())
}

async fn send(state: &State, mut wanted: Wanted, mut out: Out, mut stop: Stop) -> Result<()> {
    let mut source = state.logs().take()?;
    while wanted.left != Some(0) {
        let read = answer::read_from(state, &mut *source, &wanted.ask);
        let mut batch = tokio::select! {
            read = read => read?.0,
            () = out.gone() => return Err(Error::unavailable("the client is gone")),
            () = stop.stopped() => return Err(Error::unavailable("the agent is stopping")),
        };
        (wanted.ask.after, wanted.ask.since) = (batch.next, None);
        wanted.cut(&mut batch.entries);
        out.batch(&batch).await?;
        if !batch.more {
            if !wanted.follow {
                break;
            }
            out.flush().await?;
            if batch.entries.is_empty() {
                out.still_here().await?;
            }
            wanted.ask.wait = FOLLOW_WAIT;
        }
    }
    state.logs().give(source);
    out.finish().await
}

impl Wanted {
    /// Leaves out what is to be skipped and what is too much.
    fn cut(&mut self, entries: &mut Entries) {
        let count = entries.len() as u64;
        let skip = self.skip.min(count);
        let keep = self.left.map_or(count - skip, |left| left.min(count - skip));
        self.skip -= skip;
        self.left = self.left.map(|left| left - keep);
        if (skip, keep) == (0, count) {
            return;
        }
        let mut kept = Entries::default();
        for entry in entries.iter().skip(skip as usize).take(keep as usize) {
            entry.fields().for_each(|(name, value)| kept.push_field(name, value));
            kept.end(entry.cursor);
        }
        *entries = kept;
    }
}

fn wanted(request: &Request<State>) -> Result<Wanted> {
    let ask = Ask { limit: BATCH_ENTRIES, bytes: STEP_BYTES, ..Ask::default() };
    let mut wanted = Wanted { ask, skip: 0, back: 0, left: None, follow: false, boot: false };
    if let Some(range) = request.header("range") {
        read_range(range.last().as_str(), &mut wanted)?;
    }
    read_query(request.url(), &mut wanted)?;
    Ok(wanted)
}

fn read_query(url: &Url, wanted: &mut Wanted) -> Result<()> {
    for (count, (name, value)) in url.query_pairs().enumerate() {
        if count >= MATCHES_MAX {
            return Err(Error::invalid(format!("more than {MATCHES_MAX} words in one question")));
        }
        let switch = || match &*value {
            "" | "1" | "yes" | "true" => Ok(true),
            "0" | "no" | "false" => Ok(false),
            _ => Err(Error::invalid(format!("`{name}` is neither yes nor no"))),
        };
        match &*name {
            "follow" => wanted.follow = switch()?,
            "boot" => wanted.boot = switch()?,
            "discrete" if switch()? => wanted.left = Some(1),
            "discrete" => {}
            field if field.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_') => {
                wanted.ask.filter.matches.push((field.to_owned(), value.as_bytes().to_vec()));
            }
            other => {
                return Err(Error::invalid(format!("`{}` is no word of a question", other.escape_debug()))
                    .help("there are follow, boot, discrete and FIELD=value"));
            }
        }
    }
    Ok(())
}

/// `entries=CURSOR`, `entries=CURSOR:COUNT` or `entries=CURSOR:SKIP:COUNT`; each part may be empty.
fn read_range(range: &str, wanted: &mut Wanted) -> Result<()> {
    let wrong = || {
        Error::invalid("the range can't be read")
            .help("write `Range: entries=CURSOR:SKIP:COUNT`, each may be left empty")
    };
    let range = range.trim().strip_prefix("entries=").ok_or_else(wrong)?;
    let mut parts = range.trim().split(':');
    let cursor = parts.next().unwrap_or_default();
    let numbers: Vec<&str> = parts.collect();
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let (skip, count) = match numbers[..] {
        [] => ("", ""),
        [count] => ("", count),
        [skip, count] => (skip, count),
        _ => return Err(wrong()),
    };
    if !skip.is_empty() {
        match skip.strip_prefix('-') {
            None => wanted.skip = number(skip)?,
            Some(back) => wanted.back = number(back)?,
        }
        if wanted.back > BACK_ENTRIES_MAX {
            return Err(Error::invalid(format!("no range begins more than {BACK_ENTRIES_MAX} entries before another")));
        }
    }
    if !count.is_empty() {
        wanted.left = Some(number(count)?).filter(|count| *count > 0).map(Some).ok_or_else(wrong)?;
    }
    if !cursor.is_empty() {
        wanted.ask.after = Some(before(cursor.parse::<Cursor>().map_err(|_| wrong())?));
    }
    Ok(())
}

/// A place right before the cursor's own entry (no entry equals it, so none is left out), or that entry's again.
fn before(cursor: Cursor) -> Cursor {
    Cursor { xor_hash: !cursor.xor_hash, ..cursor }
}
