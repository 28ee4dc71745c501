//! Guesses what a file holds by its beginning.

use super::Format;
use crate::parse::{piece::Piece, syslog, verbose};

/// Journal fields of which at least one stands in every entry that `journalctl -o json` writes.
const JOURNAL_KEYS: [&str; 3] = ["\"__CURSOR\"", "\"__REALTIME_TIMESTAMP\"", "\"_BOOT_ID\""];

/// The format of a text that begins like this; text if nothing tells otherwise.
pub(super) fn format(start: &[u8]) -> Format {
    let start = String::from_utf8_lossy(start);
    let lines = start.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("-- "));
    let Some(line) = lines.into_iter().next() else { return Format::Text };
    if line.starts_with('{') && JOURNAL_KEYS.iter().any(|key| line.contains(key)) {
        return Format::Json;
    }
    if line.starts_with("__CURSOR=") || line.starts_with("__REALTIME_TIMESTAMP=") {
        return Format::Export;
    }
    if verbose::cursor(line).is_some() {
        return Format::Verbose;
    }
    let mut pieces = [Piece::default(); syslog::FIELDS];
    let is_syslog =
        syslog::read(line, &syslog::Structured::default(), &mut pieces).is_ok() && syslog::is_timed(line, &pieces);
    if is_syslog { Format::Syslog } else { Format::Text }
}
