//! Guesses what a file holds by its beginning.

use super::Format;
use crate::parse::{
    piece::{Form, Piece},
    syslog, verbose,
};

/// Journal fields of which at least one stands in every entry that `journalctl -o json` writes.
const JOURNAL_KEYS: [&str; 3] = ["\"__CURSOR\"", "\"__REALTIME_TIMESTAMP\"", "\"_BOOT_ID\""];

/// Lines looked at where the first does not tell.
const LINES: usize = 5;
/// What a program's own log says behind the time, where syslog has the host.
const LEVELS: [&str; 12] =
    ["trace", "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "critical", "alert", "fatal"];

/// The format of a text that begins like this; text if nothing tells otherwise.
pub(super) fn format(start: &[u8]) -> Format {
    let start = String::from_utf8_lossy(start);
    let is_content = |line: &&str| !line.trim().is_empty() && !line.starts_with("-- ");
    let Some(line) = start.lines().find(is_content) else { return Format::Text };
    if line.starts_with('{') && JOURNAL_KEYS.iter().any(|key| line.contains(key)) {
        return Format::Json;
    }
    if line.starts_with("__CURSOR=") || line.starts_with("__REALTIME_TIMESTAMP=") {
        return Format::Export;
    }
    if verbose::cursor(line).is_some() {
        return Format::Verbose;
    }
    let of_syslog = |line: &str| {
        let mut pieces = [Piece::default(); syslog::FIELDS];
        let is_read = syslog::read(line, &syslog::Structured::default(), &mut pieces).is_ok();
        let host = pieces[syslog::HOST].of(line);
        let is_level = LEVELS.iter().any(|level| host.trim_matches(['[', ']', ':']).eq_ignore_ascii_case(level));
        (is_read && syslog::is_timed(line, &pieces) && !is_level).then_some(pieces[syslog::IDENTIFIER].form)
    };
    // A time and two words may begin any program's lines; who wrote it does not stand in all of syslog's.
    let mut first = start.lines().filter(is_content).take(LINES).map(of_syslog);
    let is_named = |form: Option<Form>| form.is_some_and(|form| form != Form::Absent);
    if of_syslog(line).is_some() && first.any(is_named) { Format::Syslog } else { Format::Text }
}
