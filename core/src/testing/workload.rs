//! A fleet's entries for benchmarks: the same for every store and every peer.

use super::batch;
use crate::{
    cursor::Cursor,
    entry::Entries,
    inventory::Target,
    plugin::{Commit, Committed, Store},
    sql::write,
    time::Time,
    value::Value,
};
use std::fmt::Write as _;

/// Units of each machine, one more frequent than the next.
const UNITS: [&str; 8] = ["nginx", "app", "postgresql", "sshd", "cron", "kernel", "backup", "ntpd"];

/// What one poll of one machine brings.
pub struct Load {
    /// The machine.
    pub target: Target,
    /// The checkpoint before.
    pub expect: Option<Cursor>,
    /// Its entries, about 122 bytes of message each.
    pub entries: Entries,
}

impl Load {
    /// Entries number `first` to `first + many` of a machine, from a moment on, so far apart.
    pub fn new(machine: &str, first: u64, many: u64, from: Time, apart_us: i64) -> Self {
        let time = |seqnum: u64| Time(from.0 + (seqnum as i64 - first as i64) * apart_us);
        let mut entries = Entries::default();
        for seqnum in first..first + many {
            let mixed = seqnum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            let unit = UNITS[(mixed % 64).trailing_zeros().min(7) as usize];
            let priority = [6, 6, 6, 6, 6, 6, 5, 6, 6, 6, 7, 6, 4, 6, 3, 6][(mixed / 64 % 16) as usize];
            entries.push_field(b"_HOSTNAME", machine.as_bytes());
            entries.push_field(b"_SYSTEMD_UNIT", format!("{unit}.service").as_bytes());
            entries.push_field(b"SYSLOG_IDENTIFIER", unit.as_bytes());
            entries.push_field(b"PRIORITY", priority.to_string().as_bytes());
            entries.push_field(b"_PID", (1_000 + mixed % 500).to_string().as_bytes());
            let message = format!(
                "192.0.2.{} - - \"GET /api/v1/orders/{mixed}?page={} HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11; Linux)\" rt={seqnum:012}",
                mixed % 256,
                mixed % 40,
                mixed % 90_000,
            );
            entries.push_field(b"MESSAGE", message.as_bytes());
            entries.end(batch::cursor_at(machine, seqnum, time(seqnum)));
        }
        let expect = (first > 1).then(|| batch::cursor_at(machine, first - 1, time(first - 1)));
        Self { target: batch::target(machine), expect, entries }
    }

    /// As a store takes it.
    pub fn commit(&self) -> Commit<'_> {
        let next = self.entries.last_cursor().expect("entries");
        batch::commit(&self.target, self.expect, next, &self.entries)
    }

    /// Stores it, or panics.
    pub fn store(&self, store: &dyn Store) {
        let stored = store.commit(&self.commit()).expect("commit");
        assert_eq!(stored, Committed::Stored { rows: self.entries.len() as u64 });
    }

    /// Its rows of `logs`, tab-separated as LOAD DATA reads them.
    pub fn lines(&self, text: &mut String) {
        let commit = self.commit();
        let sheets = write::sheets(&commit);
        let write_row = &mut |row: &[Value<'_>]| {
            for (at, value) in row.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "\t" });
                let _ = match value {
                    Value::Missing => text.write_str("\\N"),
                    Value::Int(int) => write!(text, "{int}"),
                    Value::Text(word) => text.write_str(word),
                    other => write!(text, "{other:?}"),
                };
            }
            text.push('\n');
            Ok(())
        };
        sheets[0].each(0..sheets[0].len(), write_row).expect("rows");
    }
}

/// Twelve machines' polls of five thousand entries, each over five minutes: 60,000 rows.
pub fn sixty_thousand() -> Vec<Load> {
    (0..12).map(|at| Load::new(&format!("web-{at}"), 1, 5_000, batch::START, 60_000)).collect()
}

/// The one in the middle.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
