//! Reads a stock systemd-journal-gatewayd: no closing line there, so places are compared and holes are counted here.
//!
//! `Range: entries=CURSOR:0:N` begins *at* the cursor, or, if journald removed that entry, at what it takes for the
//! next one. So one entry more is asked for, and the first is dropped only if it *is* the one read last.

use crate::{BODY_BYTES_MAX, TIMEOUT};
use infralogs_core::{
    Error, Kind, Result,
    cursor::Cursor,
    entry::{Batch, Entries, Entry, Gap},
    id::Id128,
    plugin::Ask,
    room::Room,
    time::Time,
    wire::{Limits, export::Reader},
};
use infralogs_http::{Client, client};
use std::time::{Duration, Instant};

/// How often it is asked while the caller waits for the first entry.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The largest answer about the machine. In bytes.
const MACHINE_BYTES_MAX: u64 = 64 << 10;

/// One gatewayd.
#[derive(Debug)]
pub(crate) struct Gatewayd {
    client: Client,
    url: String,
    /// The machine whose entries it serves, once an entry said so.
    machine: Option<Id128>,
}

impl Gatewayd {
    pub(crate) fn new(client: Client, url: &str) -> Self {
        Self { client, url: url.trim_end_matches('/').to_owned(), machine: None }
    }

    /// What is behind `ask.after`, waiting for it as long as the caller would.
    pub(crate) async fn read(&mut self, ask: &Ask, token: Option<&str>) -> Result<Batch> {
        let deadline = Instant::now() + ask.wait;
        let (mut ask, mut passed) = (ask.clone(), Batch::default());
        loop {
            let mut batch = self.read_now(&ask, token).await?;
            batch.dropped += passed.dropped;
            batch.unread += passed.unread;
            let left = deadline.saturating_duration_since(Instant::now());
            let said = !batch.entries.is_empty() || !batch.gaps.is_empty() || batch.more || ask.limit == 0;
            if said || left.is_zero() {
                return Ok(batch);
            }
            tokio::time::sleep(LOOK_EVERY.min(left)).await;
            ask.after = batch.next;
            passed = batch;
        }
    }

    async fn read_now(&mut self, ask: &Ask, token: Option<&str>) -> Result<Batch> {
        let newest = self.newest(token).await?;
        let machine = self.machine(&newest, token).await?;
        let head = newest.last_cursor();
        let mut batch = Batch { machine, head, next: ask.after, ..Batch::default() };
        if ask.limit == 0 || head.is_none() {
            return Ok(batch);
        }
        let (found, full) = self.behind(ask, token).await?;
        let first = found.iter().next().map(|entry| entry.cursor).or(head);
        let begun_anew = found.is_empty() && head.is_some_and(|head| Some(head) != ask.after && !passed(ask, &head));
        let (found, full) = match (ask.after, first) {
            (Some(after), Some(first)) if is_set_back(&after, &first) => {
                let count = ask.limit + 1;
                self.range(&format!("t={:x}:0:{count}", after.realtime), count, token, &ask.room).await?
            }
            // Nothing is behind the cursor, not even its own entry: the journal was begun anew, its clock set back.
            (Some(_), _) if begun_anew => self.range(&format!(":0:{}", ask.limit), ask.limit, token, &ask.room).await?,
            _ => (found, full),
        };
        self.take(&found, ask, token, &mut batch).await?;
        batch.more = full;
        if batch.next.is_none() && !full && ask.until.is_none() {
            batch.next = head;
        }
        // What was written since the newest was asked for is newer.
        batch.head = if full { head } else { found.last_cursor().or(head) };
        Ok(batch)
    }

    /// Entries from the cursor's own place on, one more than asked for; whether there may be more.
    async fn behind(&self, ask: &Ask, token: Option<&str>) -> Result<(Entries, bool)> {
        let from = match (ask.after, ask.since) {
            (Some(after), _) => after.to_string(),
            // A cursor of nothing but a time is a place too.
            (None, Some(Time(since @ 1..))) => format!("t={since:x}"),
            (None, _) => String::new(),
        };
        let mut count = ask.limit + usize::from(ask.after.is_some());
        loop {
            match self.range(&format!("{from}:0:{count}"), count, token, &ask.room).await {
                // Large entries: fewer of them fit into a batch.
                Err(error) if error.kind == Kind::Limit && count > 2 => count /= 2,
                read => return read,
            }
        }
    }

    /// Takes what is behind the cursor into the batch, and counts what is missing before and among it.
    async fn take(&self, found: &Entries, ask: &Ask, token: Option<&str>, batch: &mut Batch) -> Result<()> {
        let is_there = found.iter().next().is_some_and(|first| Some(first.cursor) == ask.after);
        let (mut last, mut oldest) = (ask.after, None);
        let is_gone = |last: Cursor| !is_there && Some(last) == ask.after;
        for entry in found.iter().filter(|entry| !passed(ask, &entry.cursor)) {
            let next = entry.cursor;
            match last.replace(next) {
                Some(last) if last.seqnum_id == next.seqnum_id && last.seqnum + 1 < next.seqnum => {
                    if oldest.is_none() {
                        oldest = self.range(":0:1", 1, token, &ask.room).await?.0.last_cursor();
                    }
                    hole((last, is_gone(last)), next, oldest, batch);
                }
                // Nobody knows what else was lost with the power.
                Some(last) if last.seqnum_id == next.seqnum_id && last.seqnum >= next.seqnum => {
                    batch.gaps.push(Gap { after: Some(last), before: next, lost: None });
                }
                // Between two counters only the removed entry's own would tell.
                Some(last) if last.seqnum_id != next.seqnum_id && is_gone(last) => {
                    batch.gaps.push(Gap { after: Some(last), before: next, lost: None });
                }
                _ => {}
            }
            batch.next = Some(next);
            let in_time = ask.since.is_none_or(|since| entry.time() >= since)
                && ask.until.is_none_or(|until| entry.time() < until);
            if !in_time {
                continue;
            }
            if ask.filter.passes(&entry) { copy(&entry, &mut batch.entries) } else { batch.dropped += 1 }
        }
        Ok(())
    }

    /// The last entries there are. (systemd 252 steps back one too many, so two are asked for.)
    async fn newest(&self, token: Option<&str>) -> Result<Entries> {
        Ok(self.range(":-1:2", 2, token, &Room::default()).await?.0)
    }

    async fn machine(&mut self, newest: &Entries, token: Option<&str>) -> Result<Id128> {
        self.machine = self.machine.or_else(|| newest.iter().find_map(|entry| entry.machine()));
        if let Some(machine) = self.machine {
            return Ok(machine);
        }
        #[derive(serde::Deserialize)]
        struct Said {
            machine_id: String,
        }
        let get = client::Get {
            url: &format!("{}/machine", self.url),
            bearer: token,
            headers: &[],
            timeout: TIMEOUT,
            bytes_max: MACHINE_BYTES_MAX,
        };
        let mut answer = self.client.fetch(get).await?.success().await?;
        let place = answer.place().to_owned();
        let said: Said = serde_json::from_slice(&answer.bytes().await?)
            .map_err(|error| Error::corrupt("it does not say which machine it is").at(place).because(error))?;
        said.machine_id.parse()
    }

    /// A range of entries, and whether there were as many as asked for. Without a closing line it counts only if the
    /// body ended properly.
    async fn range(&self, range: &str, count: usize, token: Option<&str>, room: &Room) -> Result<(Entries, bool)> {
        let get = client::Get {
            url: &format!("{}/entries", self.url),
            bearer: token,
            headers: &[("accept", "application/vnd.fdo.journal"), ("range", &format!("entries={range}"))],
            timeout: TIMEOUT,
            bytes_max: BODY_BYTES_MAX,
        };
        let mut answer = self.client.fetch(get).await?.success().await?;
        let place = answer.place().to_owned();
        let (mut reader, mut bytes) = (Reader::new(Limits::default()), 0);
        while let Some(chunk) = answer.chunk().await? {
            bytes += chunk.len();
            room.hold(bytes).await;
            reader.push(&chunk).map_err(|error| error.at(&place))?;
        }
        let entries = reader.finish(None).map_err(|error| error.at(&place))?.entries;
        let full = entries.len() >= count;
        Ok((entries, full))
    }
}

/// Counts what is missing between two entries of one counter: lost if it came before the oldest that is kept, else in
/// files gatewayd may not read.
fn hole((last, is_gone): (Cursor, bool), next: Cursor, oldest: Option<Cursor>, batch: &mut Batch) {
    let missing = next.seqnum.saturating_sub(last.seqnum + 1);
    let lost = match oldest {
        Some(oldest) if oldest.seqnum_id == next.seqnum_id => {
            oldest.seqnum.min(next.seqnum).saturating_sub(last.seqnum + 1)
        }
        _ if is_gone => missing,
        _ => 0,
    };
    if lost > 0 {
        batch.gaps.push(Gap { after: Some(last), before: next, lost: Some(lost) });
    }
    batch.unread += missing - lost;
}

/// Whether the entry was read before: it is the cursor's, or one its counter counted earlier.
fn passed(ask: &Ask, cursor: &Cursor) -> bool {
    let before = |after: Cursor| after.seqnum_id == cursor.seqnum_id && cursor.seqnum <= after.seqnum;
    let later = |after: Cursor| after.boot != cursor.boot && cursor.realtime > after.realtime;
    ask.after.is_some_and(|after| *cursor == after || before(after) && !later(after))
}

/// Whether a machine that lost power counts again from before what was read of it: a later boot has the cursor's
/// number, or ends before it.
fn is_set_back(after: &Cursor, first: &Cursor) -> bool {
    after.seqnum_id == first.seqnum_id
        && first.seqnum <= after.seqnum
        && after.boot != first.boot
        && first.realtime > after.realtime
}

fn copy(entry: &Entry<'_>, entries: &mut Entries) {
    entry.fields().for_each(|(name, value)| entries.push_field(name, value));
    entries.end(entry.cursor);
}
