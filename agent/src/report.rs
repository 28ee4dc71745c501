//! What reports have in common: a counter of their own, whose they are, and a text of `name=value`.

use infralogs_core::{cursor::Cursor, entry::Batch, id::Id128, plugin::Ask, time::Time};
use std::{borrow::Cow, fmt::Write};

/// `info`: a report says again what is so, which is no event, however bad it is.
const PRIORITY: &str = "6";

/// A report that is being written. Each is new, and behind what was read before, whatever the clock does.
pub(crate) struct Report {
    /// What is written so far.
    pub(crate) batch: Batch,
    identifier: String,
    host: String,
    first: Cursor,
    next: Cursor,
    room: usize,
}

impl Report {
    /// A report of this name, `disk`, in the name of a machine and host, as the answer to `ask`.
    pub(crate) fn new(name: &str, machine: Id128, host: &str, ask: &Ask) -> Self {
        let seqnum_id = Id128::of(&[format!("infralogs {name}").as_bytes(), &machine.0]);
        let realtime = Time::now().0.max(0) as u64;
        // The counter is the time of the report.
        let own = ask.after.filter(|after| after.seqnum_id == seqnum_id);
        let seqnum = own.map_or(realtime, |after| realtime.max(after.seqnum + 1));
        let first = Cursor { seqnum_id, seqnum, realtime, xor_hash: seqnum, ..Cursor::default() };
        let batch = Batch { machine, head: Some(first), next: ask.after, ..Batch::default() };
        let identifier = format!("infralogs-{}", name.replace('_', "-"));
        Self { batch, identifier, host: host.to_owned(), first, next: first, room: ask.limit }
    }

    /// Whether it takes another entry.
    pub(crate) fn has_room(&self) -> bool {
        self.room > 0
    }

    /// Adds an entry: what its text says, and further fields.
    pub(crate) fn entry(&mut self, says: &[(&str, &str)], fields: &[(&str, &str)]) {
        let mut message = String::new();
        for (name, value) in says {
            let blank = if message.is_empty() { "" } else { " " };
            // Writing to a string can't fail.
            let _ = write!(message, "{blank}{name}={}", quoted(value));
        }
        let machine = self.batch.machine.to_string();
        let common = [
            ("_MACHINE_ID", &*machine),
            ("_HOSTNAME", &self.host),
            ("SYSLOG_IDENTIFIER", &self.identifier),
            ("PRIORITY", PRIORITY),
            ("MESSAGE", &message),
        ];
        let all = common.iter().chain(fields);
        all.for_each(|(name, value)| self.batch.entries.push_field(name.as_bytes(), value.as_bytes()));
        self.batch.entries.end(self.next);
        self.next = Cursor { seqnum: self.next.seqnum + 1, xor_hash: self.next.seqnum + 1, ..self.first };
        self.room = self.room.saturating_sub(1);
    }

    /// The whole report.
    pub(crate) fn end(mut self) -> Batch {
        if let Some(last) = self.batch.entries.last_cursor() {
            (self.batch.next, self.batch.head) = (Some(last), Some(last));
        }
        self.batch
    }
}

/// A value as logfmt has it.
fn quoted(value: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte > b' ' && !b"\"\\=".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return Cow::Borrowed(value);
    }
    let mut text = String::from("\"");
    for sign in value.chars() {
        if matches!(sign, '"' | '\\') {
            text.push('\\');
        }
        text.push(if sign.is_control() { ' ' } else { sign });
    }
    text.push('"');
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_with_blanks_and_quotes_are_quoted() {
        for (value, text) in [
            ("/var", "/var"),
            ("/mnt/big data", "\"/mnt/big data\""),
            ("", "\"\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("two\nlines", "\"two lines\""),
            ("größe", "größe"),
        ] {
            assert_eq!(quoted(value), text);
        }
    }
}
