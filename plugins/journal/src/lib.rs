//! Reads a systemd journal through `journalctl -o export`, which loses nothing and knows every file format.

mod journalctl;

use infralogs_core::{
    Error, Result,
    cursor::Cursor,
    entry::{Batch, Entries, Gap},
    id::Id128,
    plugin::{Ask, Build, Later, Plugin, Settings, Source},
};
use journalctl::Journalctl;
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// This plugin.
pub static PLUGIN: Plugin = Plugin {
    name: "journal",
    about: "Reads this machine's systemd journal, or journal files.",
    sample: include_str!("../sample.yaml"),
    build: Build::Source(|settings| Ok(Box::new(Journal::build(settings)?))),
};

/// How often a waiting reader looks for new entries.
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    path: Option<PathBuf>,
}

/// A journal: this machine's, a folder's, or one file's.
#[derive(Debug, Clone)]
pub struct Journal {
    read: Arc<Journalctl>,
}

impl Journal {
    fn build(settings: &Settings) -> Result<Self> {
        let raw: Raw = settings.read()?;
        Self::open(raw.path.as_deref())
    }

    /// A journal to read; `None`: this machine's own. Checks that the path is there and reads nothing yet.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        if let Some(path) = path.filter(|path| !path.exists()) {
            return Err(Error::invalid("there is no journal")
                .at(path.display().to_string())
                .help("name a folder with *.journal files, or one such file"));
        }
        Ok(Self { read: Arc::new(Journalctl::new(path)) })
    }

    /// Whether it has any entry that we may read.
    pub fn has_entries(&self) -> bool {
        self.read.newest().is_ok_and(|newest| newest.is_some())
    }
}

impl Source for Journal {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(async move {
            let until = Instant::now() + ask.wait;
            loop {
                let (read, ask) = (self.read.clone(), ask.clone());
                let limit = ask.limit;
                let batch = tokio::task::spawn_blocking(move || read_once(&read, &ask))
                    .await
                    .unwrap_or_else(|error| Err(Error::failed("reading the journal did not end").because(error)))?;
                if limit == 0 || !batch.entries.is_empty() || batch.more || Instant::now() >= until {
                    return Ok(batch);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })
    }
}

/// Seek, compare, and drop the first entry only if it *is* the one read last: what was rotated away becomes a gap.
fn read_once(read: &Journalctl, ask: &Ask) -> Result<Batch> {
    let Some(newest) = read.newest()? else { return Ok(Batch { next: ask.after, ..Batch::default() }) };
    let head = newest.last_cursor();
    let machine = newest.get(0).machine().or_else(own_machine).unwrap_or_default();
    let mut batch = Batch { machine, head, next: ask.after, ..Batch::default() };
    if ask.limit == 0 || (ask.after.is_some() && ask.after == head) {
        return Ok(batch);
    }
    let Some(start) = ask.after.map_or_else(|| read.first(ask.since), |after| Ok(Some(after)))? else {
        return Ok(batch);
    };
    // One more for the entry read last, one more to see whether there is more.
    let found = read.from(&start, ask.limit + 2)?;
    take(&found, ask, &mut batch);
    Ok(batch)
}

fn take(found: &Entries, ask: &Ask, batch: &mut Batch) {
    let mut seen = 0;
    for (index, entry) in found.iter().enumerate() {
        let cursor = entry.cursor;
        if let Some(after) = ask.after.filter(|_| index == 0) {
            if cursor == after {
                continue;
            }
            batch.gaps.extend(gap(after, cursor));
        }
        let read_before = |after: Cursor| after.seqnum_id == cursor.seqnum_id && cursor.seqnum <= after.seqnum;
        if ask.after.is_some_and(read_before) {
            continue;
        }
        if seen == ask.limit {
            batch.more = true;
            return;
        }
        seen += 1;
        batch.next = Some(cursor);
        let time = entry.time();
        if ask.since.is_some_and(|since| time < since) || ask.until.is_some_and(|until| time >= until) {
            continue;
        }
        if ask.filter.passes(&entry) {
            entry.fields().for_each(|(name, value)| batch.entries.push_field(name, value));
            batch.entries.end(cursor);
        } else {
            batch.dropped += 1;
        }
    }
}

/// A hole in the counter; with another counter nobody can know how many are missing.
fn gap(after: Cursor, before: Cursor) -> Option<Gap> {
    if after.seqnum_id != before.seqnum_id {
        return Some(Gap { after: Some(after), before, lost: None });
    }
    let lost = before.seqnum.checked_sub(after.seqnum + 1).filter(|lost| *lost > 0)?;
    Some(Gap { after: Some(after), before, lost: Some(lost) })
}

fn own_machine() -> Option<Id128> {
    std::fs::read_to_string("/etc/machine-id").ok()?.trim().parse().ok()
}
