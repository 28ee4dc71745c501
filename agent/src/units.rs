//! Which units of systemd are failed, told from the journal: one entry per unit and report, like any other entry.
//!
//! systemd writes an entry with a message id of its own whenever a unit fails, starts or ends well. A report is made
//! of those of the newest boot; the first reads all of them, each further one only what was written since.

use crate::{Open, report::Report};
use infralogs_core::{
    Result,
    cursor::Cursor,
    entry::{Batch, Entry},
    id::Id128,
    plugin::{Ask, Filter, Later, Source},
    time::Time,
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::Mutex;

/// What systemd's message ids (`systemd/sd-messages.h`) say of a unit.
const MESSAGES: [(&str, Said); 6] = [
    ("d9b373ed55a64feb8242e02dbe79a49c", Said::Failed),
    ("98e322203f7a4ed290d09fe03c09fe15", Said::Exited),
    ("fe6faa94e7774663a0da52717891d8ef", Said::OutOfMemory),
    ("7d4958e842da4a758f6c1cdc7b36dcc5", Said::Well),
    ("39f53479d3a045ac8e11786248231fbf", Said::Well),
    ("7ad2d189f7e94e70a38c781354912448", Said::Well),
];
/// One that failed and is well again is reported for so long, so that one that is restarted again and again shows.
const RECENT_US: u64 = 3_600_000_000;
/// The most units that are remembered.
const UNITS_MAX: usize = 1_000;
/// Entries read at once.
const STEP_ENTRIES: usize = 1_000;
/// The most bytes of them.
const STEP_BYTES: usize = 512 << 10;
/// Steps of one report at most; what is left is for the next one.
const STEPS_MAX: usize = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It entered the failed state.
    Failed,
    /// A process of it ended, in a way that is no success.
    Exited,
    /// The kernel killed a process of it.
    OutOfMemory,
    /// It starts, runs or has ended as it should.
    Well,
}

/// Reports of a journal's units. Clones share what they know.
#[derive(Clone)]
pub(crate) struct Units {
    journal: Open,
    known: Arc<Mutex<Known>>,
}

/// What the journal said of the newest boot.
#[derive(Debug, Default)]
struct Known {
    boot: Id128,
    /// Read up to here.
    after: Option<Cursor>,
    host: String,
    /// By the unit and, if it is a user's, whose.
    units: BTreeMap<(String, String), Unit>,
}

#[derive(Debug, Default)]
struct Unit {
    is_failed: bool,
    /// Since this boot.
    failures: u64,
    failed_at: u64,
    result: String,
    code: String,
    status: String,
    /// A process was killed because memory ran out.
    oom: bool,
}

impl Units {
    pub(crate) fn new(journal: Open) -> Self {
        Self { journal, known: Arc::default() }
    }

    async fn report(&self, ask: &Ask) -> Result<Batch> {
        let mut known = self.known.lock().await;
        let machine = known.read_on(&self.journal).await?;
        let mut report = Report::new("failed_units", machine, &known.host, ask);
        let now = Time::now().0.max(0) as u64;
        for ((name, user), unit) in &known.units {
            let is_recent = unit.failures > 0 && now.saturating_sub(unit.failed_at) < RECENT_US;
            if report.has_room() && (unit.is_failed || is_recent) {
                unit.write(name, user, &mut report);
            }
        }
        Ok(report.end())
    }
}

impl Source for Units {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(self.report(ask))
    }
}

impl Known {
    /// Reads what is new in the journal; whose it is.
    async fn read_on(&mut self, journal: &Open) -> Result<Id128> {
        let mut source = journal()?;
        let hello = source.read(&Ask { limit: 0, ..Ask::default() }).await?;
        let Some(head) = hello.head else { return Ok(hello.machine) };
        if self.boot != head.boot {
            *self = Self { boot: head.boot, after: Some(begin_of(&head)), ..Self::default() };
        }
        let ids = MESSAGES.iter().map(|(id, _)| ("MESSAGE_ID".to_owned(), id.as_bytes().to_vec()));
        let boot = ("_BOOT_ID".to_owned(), self.boot.to_string().into_bytes());
        let filter = Filter { matches: ids.chain([boot]).collect(), ..Filter::default() };
        for _ in 0..STEPS_MAX {
            let after = self.after;
            let ask = Ask { after, limit: STEP_ENTRIES, bytes: STEP_BYTES, filter: filter.clone(), ..Ask::default() };
            let batch = source.read(&ask).await?;
            batch.entries.iter().for_each(|entry| self.hear(&entry));
            self.after = batch.next;
            if !batch.more || batch.next == after {
                break;
            }
        }
        Ok(hello.machine)
    }

    fn hear(&mut self, entry: &Entry<'_>) {
        let text = |name: &str| String::from_utf8_lossy(entry.field(name).unwrap_or_default()).into_owned();
        let id = text("MESSAGE_ID");
        let Some((_, said)) = MESSAGES.iter().find(|(own, _)| *own == id) else { return };
        let user = text("USER_UNIT");
        // What a user's systemd says counts for that user; others may write what they like.
        let key = match (&*user, &*text("_PID")) {
            ("", "1" | "") => (text("UNIT"), String::new()),
            ("", _) => return,
            _ => (user, text("_UID")),
        };
        if key.0.is_empty() || (self.units.len() >= UNITS_MAX && !self.units.contains_key(&key)) {
            return;
        }
        self.host = text("_HOSTNAME");
        if *said == Said::Well && !self.units.contains_key(&key) {
            return;
        }
        let unit = self.units.entry(key).or_default();
        match said {
            Said::Failed => {
                (unit.is_failed, unit.failed_at, unit.result) = (true, entry.cursor.realtime, text("UNIT_RESULT"));
                unit.failures += 1;
            }
            Said::Exited => (unit.code, unit.status) = (text("EXIT_CODE"), text("EXIT_STATUS")),
            Said::OutOfMemory => unit.oom = true,
            Said::Well => {
                unit.is_failed = false;
                (unit.code, unit.status, unit.oom) = Default::default();
            }
        }
    }
}

impl Unit {
    fn write(&self, name: &str, user: &str, report: &mut Report) {
        let state = if self.is_failed { "failed" } else { "recovered" };
        let (failures, failed_at) = (self.failures.to_string(), self.failed_at.to_string());
        let mut says = vec![
            ("unit", name),
            ("state", state),
            ("result", &*self.result),
            ("failures", &failures),
            ("failed_at_us", &failed_at),
        ];
        let more = [
            ("code", &*self.code),
            ("status", &self.status),
            ("oom", if self.oom { "true" } else { "" }),
            ("uid", user),
        ];
        says.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        report.entry(&says, &[("UNIT", name), ("UNIT_STATE", state), ("UNIT_RESULT", &self.result)]);
    }
}

/// Right before the first entry of a boot, as its own clock has it.
fn begin_of(head: &Cursor) -> Cursor {
    let realtime = head.realtime.saturating_sub(head.monotonic);
    Cursor { boot: head.boot, realtime, ..Cursor::default() }
}
