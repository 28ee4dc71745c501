//! Turns what a program printed into a batch: its own places if it keeps some, else a new report each time.

use crate::run::Program;
use infralogs_core::{
    cursor::Cursor,
    entry::{BATCH_BYTES_MAX, Batch, Entries},
    error::{Error, Kind, Result},
    id::Id128,
    plugin::{Ask, Later, Source},
    time::Time,
    wire::{Limits, Line, Marks, Reader, read_line},
};

/// Reads a program, run by run.
#[derive(Debug)]
pub(crate) struct Reports {
    program: Program,
    host: String,
    machine: Id128,
}

impl Reports {
    /// Reports in the name of this machine.
    pub(crate) fn new(program: Program) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let id = std::fs::read_to_string("/etc/machine-id").ok().and_then(|id| id.trim().parse().ok());
        let machine = id.unwrap_or_else(|| Id128::of(&[b"infralogs host", host.as_bytes()]));
        Self { program, host, machine }
    }

    async fn ask(&self, ask: &Ask) -> Result<Batch> {
        let printed = self.program.run(ask).await?;
        let batch = if ends_with_closing_line(&printed) { followed(&printed) } else { self.report(&printed, ask) };
        batch.map_err(|error| {
            let at = error.place.as_deref().unwrap_or("its output").to_owned();
            error.at(format!("{}: {at}", self.program.path.display()))
        })
    }

    /// The run as a report of its own: places are made of the time, and never fall behind what was read.
    fn report(&self, printed: &[u8], ask: &Ask) -> Result<Batch> {
        let path = self.program.path.as_os_str().as_encoded_bytes();
        let arguments = self.program.arguments.join("\0");
        let seqnum_id = Id128::of(&[b"infralogs exec", &self.machine.0, path, arguments.as_bytes()]);
        let now = Time::now().0.max(0).cast_unsigned();
        let behind = ask.after.filter(|after| after.seqnum_id == seqnum_id).map_or(0, |after| after.seqnum + 1);
        let mut batch = Batch { machine: self.machine, next: ask.after, ..Batch::default() };
        for (number, line) in printed.split(|byte| *byte == b'\n').enumerate() {
            let at = |error: Error| error.at(format!("line {}", number + 1));
            let mut one = Entries::default();
            let Line::Entry(marks) = read_line(line, &mut one).map_err(at)? else { continue };
            let seqnum = now.max(behind) + number as u64;
            let realtime = marks.realtime.unwrap_or(now);
            let cursor = Cursor { seqnum_id, seqnum, realtime, xor_hash: seqnum, ..Cursor::default() };
            let full = ask.limit > 0 && batch.entries.len() >= ask.limit;
            if full || batch.entries.bytes() >= BATCH_BYTES_MAX {
                let what = format!("a report of more than {} entries or {BATCH_BYTES_MAX} bytes", ask.limit);
                return Err(at(Error::new(Kind::Limit, what).help("print less, or raise the schedule's `.limit`")));
            }
            self.take(&one_entry(one, cursor), &marks, ask, &mut batch);
            batch.next = Some(cursor);
        }
        batch.head = batch.next;
        if ask.limit == 0 {
            batch.entries.clear();
            batch.next = ask.after;
        }
        Ok(batch)
    }

    /// Takes an entry if it is wanted, with what every entry should say of itself.
    fn take(&self, one: &Entries, marks: &Marks, ask: &Ask, batch: &mut Batch) {
        let entry = one.get(0);
        let time = entry.time();
        let in_time = ask.since.is_none_or(|since| time >= since) && ask.until.is_none_or(|until| time < until);
        if !in_time || !ask.filter.passes(&entry) {
            batch.dropped += 1;
            return;
        }
        entry.fields().for_each(|(name, value)| batch.entries.push_field(name, value));
        let (machine, program) = (self.machine.to_string(), self.program.name());
        let own = [("_MACHINE_ID", &machine), ("_HOSTNAME", &self.host), ("SYSLOG_IDENTIFIER", &program)];
        for (name, value) in own.into_iter().filter(|(name, _)| entry.field(name).is_none()) {
            batch.entries.push_field(name.as_bytes(), value.as_bytes());
        }
        batch.entries.end(Cursor { boot: marks.boot.unwrap_or_default(), ..entry.cursor });
    }
}

impl Source for Reports {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(self.ask(ask))
    }
}

fn one_entry(mut entries: Entries, cursor: Cursor) -> Entries {
    entries.end(cursor);
    entries
}

/// A program that keeps a place says where to read on, in its last line.
fn ends_with_closing_line(printed: &[u8]) -> bool {
    let last = printed.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    last.is_some_and(|line| line.trim_ascii_start().starts_with(b"{\"$end\""))
}

/// What a program that keeps a place printed, as an agent would answer it.
fn followed(printed: &[u8]) -> Result<Batch> {
    let mut reader = Reader::new(Limits::default());
    reader.push(printed)?;
    reader.finish()
}
