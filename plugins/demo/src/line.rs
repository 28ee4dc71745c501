//! One entry before it has its place: when, by whom, what.

use infralogs_core::{cursor::Cursor, entry::Entries, id::Id128};

/// A program that writes to the journal.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// `SYSLOG_IDENTIFIER`.
    pub identifier: &'static str,
    /// `_SYSTEMD_UNIT`; empty for the kernel.
    pub unit: &'static str,
    /// `_CMDLINE`.
    pub command: &'static str,
    /// `_UID`.
    pub user: u32,
}

/// One entry to be.
#[derive(Debug)]
pub struct Line {
    /// Microseconds into its second.
    pub offset_us: u32,
    /// Who writes.
    pub program: &'static Program,
    /// `_PID`; none for the kernel.
    pub pid: u32,
    /// 0 to 7.
    pub priority: u8,
    /// `MESSAGE`.
    pub message: String,
    /// More fields.
    pub more: Vec<(&'static str, String)>,
}

impl Line {
    /// Adds it to the batch.
    pub fn push(&self, host: &str, machine: &Id128, cursor: Cursor, entries: &mut Entries) {
        let kernel = self.program.unit.is_empty();
        let mut field = |name: &str, value: &str| entries.push_field(name.as_bytes(), value.as_bytes());
        field("_BOOT_ID", &cursor.boot.to_string());
        field("_MACHINE_ID", &machine.to_string());
        field("_HOSTNAME", host);
        field("PRIORITY", &self.priority.to_string());
        field("SYSLOG_IDENTIFIER", self.program.identifier);
        field("_TRANSPORT", if kernel { "kernel" } else { "stdout" });
        if !kernel {
            field("_PID", &self.pid.to_string());
            field("_UID", &self.program.user.to_string());
            let path = self.program.command.split(' ').next().unwrap_or_default().trim_end_matches(':');
            field("_COMM", path.rsplit('/').next().unwrap_or_default());
            field("_CMDLINE", self.program.command);
            field("_SYSTEMD_UNIT", self.program.unit);
        }
        field("MESSAGE", &self.message);
        self.more.iter().for_each(|(name, value)| field(name, value));
        entries.end(cursor);
    }
}
