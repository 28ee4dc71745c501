//! What a commit adds to `audit`: how far a journal's counter went in each hour, and which of its numbers are no rows.

use crate::{
    cursor::Cursor,
    id::Id128,
    plugin::{Commit, LOGS},
    sql::retention::HOUR_US,
    time::Time,
};
use std::collections::{BTreeMap, HashMap};

/// A row of `audit` to add to: its key, and how much more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The start of the hour, in microseconds.
    pub hour: i64,
    /// The counter.
    pub seqnum_id: Id128,
    /// Numbers it gave, those of entries that are no rows included.
    pub counted: i64,
    /// Of these left out by rules.
    pub dropped: i64,
    /// Of these damaged in the journal.
    pub unreadable: i64,
    /// Of these rotated away before they were read.
    pub lost: i64,
}

/// An hour of one counter: numbers given, entries read among them, and numbers lost.
#[derive(Default)]
struct Hour {
    counted: i64,
    read: i64,
    lost: i64,
}

/// The rows, in the order of their keys. Which numbers were left out by rule or could not be read nobody says: of a
/// batch across several hours they are taken to be the first that are missing.
pub fn accounts(commit: &Commit<'_>) -> Vec<Account> {
    if commit.stream != LOGS {
        return Vec::new();
    }
    let mut hours = BTreeMap::<(i64, Id128), Hour>::new();
    let mut counters = Counters::default();
    if let Some(expect) = commit.expect {
        counters.step(expect, 0);
    }
    for index in 0..commit.entries.len() {
        let cursor = commit.entries.get(index).cursor;
        let hour = hours.entry(key(&cursor)).or_default();
        hour.counted += counters.step(cursor, 1);
        hour.read += 1;
    }
    // Behind the last entry that is a row there may be others.
    hours.entry(key(&commit.next)).or_default().counted += counters.step(commit.next, 0);
    for gap in commit.gaps {
        let (hour, lost) = (hours.entry(key(&gap.before)).or_default(), number(gap.lost.unwrap_or(0)));
        hour.lost += lost;
        if counters.first(gap.before.seqnum_id).is_none_or(|first| first >= gap.before.seqnum) {
            // Before the first number this batch knows of: no step went over it.
            hour.counted += lost;
        }
    }
    settle(commit, hours)
}

/// The counters a batch tells of: the first and the highest number of each.
#[derive(Default)]
struct Counters {
    last: Option<Cursor>,
    all: HashMap<Id128, (u64, u64)>,
}

impl Counters {
    /// How many numbers the counter gave up to this one; `otherwise` if it is the first of it.
    fn step(&mut self, next: Cursor, otherwise: i64) -> i64 {
        match &mut self.last {
            // A machine that lost power counts again.
            Some(last) if last.seqnum_id == next.seqnum_id && last.boot != next.boot && next.seqnum <= last.seqnum => {
                *last = next;
                return otherwise;
            }
            Some(last) if last.seqnum_id == next.seqnum_id => {
                let steps = next.seqnum.saturating_sub(last.seqnum);
                last.seqnum = last.seqnum.max(next.seqnum);
                return number(steps);
            }
            Some(last) => {
                let known = self.all.entry(last.seqnum_id).or_insert((last.seqnum, last.seqnum));
                known.1 = known.1.max(last.seqnum);
            }
            None => {}
        }
        let (first, highest) = *self.all.entry(next.seqnum_id).or_insert((next.seqnum, next.seqnum));
        self.last = Some(Cursor { seqnum: highest.max(next.seqnum), ..next });
        if first == next.seqnum { otherwise } else { number(next.seqnum.saturating_sub(highest)) }
    }

    fn first(&self, id: Id128) -> Option<u64> {
        self.all.get(&id).map(|(first, _)| *first)
    }
}

fn settle(commit: &Commit<'_>, hours: BTreeMap<(i64, Id128), Hour>) -> Vec<Account> {
    let (mut dropped, mut unreadable) = (number(commit.dropped), number(commit.unreadable));
    let mut accounts = Vec::new();
    for ((hour, seqnum_id), Hour { counted, read, lost }) in hours {
        let missing = (counted - read - lost).max(0);
        let own = dropped.min(missing);
        let damaged = unreadable.min(missing - own);
        (dropped, unreadable) = (dropped - own, unreadable - damaged);
        accounts.push(Account { hour, seqnum_id, counted, dropped: own, unreadable: damaged, lost });
    }
    // More than the steps went over: they were before the first that was ever read.
    if let Some(first) = accounts.first_mut() {
        first.counted += dropped + unreadable;
        first.dropped += dropped;
        first.unreadable += unreadable;
    }
    accounts.retain(|account| account.counted != 0 || account.lost != 0);
    accounts
}

fn key(cursor: &Cursor) -> (i64, Id128) {
    (hour(cursor.time()), cursor.seqnum_id)
}

/// The start of the hour of a time.
pub fn hour(time: Time) -> i64 {
    time.0.div_euclid(HOUR_US).saturating_mul(HOUR_US)
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
