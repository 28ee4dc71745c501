//! Reads the host's entries as if they were kept somewhere.

use crate::{
    KEPT,
    chance::Chance,
    slot::{LINES_MAX, Role, Stream, lines},
};
use infralogs_core::{
    Result,
    cursor::Cursor,
    entry::{BATCH_BYTES_MAX, Batch, Gap},
    id::Id128,
    plugin::{Ask, Later, Source},
    time::Time,
};
use std::time::Duration;

/// All hosts were started at this moment. In seconds since 1970.
const BOOTED_S: u64 = 1_750_000_000;
/// A waiting reader looks this often.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A hole longer than this is not counted any more. In seconds.
const COUNTED_S_MAX: u64 = 7 * 86_400;

/// One host of the demo fleet.
#[derive(Debug)]
pub struct Demo {
    host: String,
    seed: u64,
    /// The host as a number.
    number: u64,
    role: Role,
    stream: Stream,
    history: Duration,
    machine: Id128,
    seqnum_id: Id128,
    boot: Id128,
    now: fn() -> Time,
}

impl Demo {
    /// A host; `db…` is a database, any other serves pages. `now` is the clock.
    pub fn new(host: &str, seed: u64, history: Duration, stream: Stream, now: fn() -> Time) -> Self {
        let id = |what: &str| Id128::of(&[b"infralogs demo", what.as_bytes(), &seed.to_le_bytes(), host.as_bytes()]);
        Self {
            host: host.to_owned(),
            seed,
            number: host.bytes().fold(7, |number, byte| number * 31 % 1_000_003 + u64::from(byte)),
            role: if host.starts_with("db") { Role::Database } else { Role::Web },
            stream,
            history,
            machine: id("machine"),
            seqnum_id: id(&format!("{stream:?}")),
            boot: id("boot"),
            now,
        }
    }

    /// What is there at `now` behind `ask.after`.
    pub fn read_at(&self, ask: &Ask, now: Time) -> Batch {
        let head = self.head(now);
        let mut batch = Batch { machine: self.machine, head, next: ask.after, ..Batch::default() };
        let kept_from = second_of(now.minus(KEPT));
        let after = ask.after.filter(|after| after.seqnum_id == self.seqnum_id).map(|after| after.seqnum);
        let begin = match (ask.after, after, ask.since) {
            (None, _, None) => second_of(now.minus(self.history)),
            (None, _, Some(since)) => second_of(since).max(kept_from),
            (Some(_), None, _) => kept_from,
            (_, Some(seqnum), _) => (seqnum / LINES_MAX as u64).max(kept_from),
        };
        let lost = match (ask.after, after) {
            (None, _) => None,
            (Some(_), None) => Some(None),
            (_, Some(seqnum)) if seqnum / (LINES_MAX as u64) < kept_from => Some(self.count(seqnum, kept_from)),
            _ => None,
        };
        if ask.limit > 0 {
            self.fill(&mut batch, ask, (begin, after.unwrap_or(0)), now);
        }
        let first = batch.entries.iter().next().map(|entry| entry.cursor);
        if let (Some(lost), Some(before)) = (lost.filter(|lost| *lost != Some(0)), first) {
            batch.gaps.push(Gap { after: ask.after, before, lost });
        }
        batch.more = ask.limit > 0 && head.is_some_and(|head| batch.next.is_none_or(|next| next.seqnum < head.seqnum));
        batch
    }

    /// Reads from a second on, behind a sequence number.
    fn fill(&self, batch: &mut Batch, ask: &Ask, (begin, after): (u64, u64), now: Time) {
        for second in begin..=second_of(now) {
            for (cursor, line) in self.slot(second) {
                let time = cursor.time();
                if cursor.seqnum <= after || ask.since.is_some_and(|since| time < since) {
                    continue;
                }
                let full = batch.entries.len() >= ask.limit || batch.entries.bytes() > BATCH_BYTES_MAX / 2;
                if full || time > now || ask.until.is_some_and(|until| time >= until) {
                    return;
                }
                line.push(&self.host, &self.machine, cursor, &mut batch.entries);
                batch.next = Some(cursor);
                if !ask.filter.is_empty() && !ask.filter.passes(&batch.entries.get(batch.entries.len() - 1)) {
                    batch.entries.pop();
                    batch.dropped += 1;
                }
            }
        }
    }

    /// The entries of a second with their places.
    fn slot(&self, second: u64) -> impl Iterator<Item = (Cursor, crate::line::Line)> {
        let lines = lines(self.seed, self.number, self.role, self.stream, second);
        lines.into_iter().enumerate().map(move |(index, line)| {
            let realtime = second * 1_000_000 + u64::from(line.offset_us);
            let seqnum = second * LINES_MAX as u64 + index as u64 + 1;
            let cursor = Cursor {
                seqnum_id: self.seqnum_id,
                seqnum,
                boot: self.boot,
                monotonic: realtime.saturating_sub(BOOTED_S * 1_000_000),
                realtime,
                xor_hash: Chance::of(&[self.seed, self.number, seqnum]).next(),
            };
            (cursor, line)
        })
    }

    /// The newest entry.
    fn head(&self, now: Time) -> Option<Cursor> {
        let newest = second_of(now);
        (newest.saturating_sub(600)..=newest)
            .rev()
            .find_map(|second| self.slot(second).map(|(cursor, _)| cursor).filter(|cursor| cursor.time() <= now).last())
    }

    /// How many entries stand behind a sequence number and before a second; `None` if that is too long ago.
    fn count(&self, after: u64, end: u64) -> Option<u64> {
        let begin = after / LINES_MAX as u64;
        (end.saturating_sub(begin) <= COUNTED_S_MAX).then(|| {
            (begin..end).flat_map(|second| self.slot(second)).filter(|(cursor, _)| cursor.seqnum > after).count() as u64
        })
    }
}

impl Source for Demo {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(async move {
            let begun = tokio::time::Instant::now();
            loop {
                let batch = self.read_at(ask, (self.now)());
                let waited = begun.elapsed();
                if !batch.entries.is_empty() || batch.more || ask.limit == 0 || waited >= ask.wait {
                    return Ok(batch);
                }
                tokio::time::sleep(LOOK_EVERY.min(ask.wait - waited)).await;
            }
        })
    }
}

fn second_of(time: Time) -> u64 {
    u64::try_from(time.0).unwrap_or(0) / 1_000_000
}
