//! How entries travel: NDJSON with a closing line, and systemd's journal export format.
//!
//! One entry a line: `{"__CURSOR":"s=…","MESSAGE":"text","TAG":["a","b"],"BLOB":{"$b64":"…"}}`. The cursor holds
//! the time; `__REALTIME_TIMESTAMP` and `__MONOTONIC_TIMESTAMP` are written for people and other tools and ignored
//! when read. A field's value is its text; bytes that are no UTF-8 go as `{"$b64"}`; several values of one name as
//! an array where the name first stood. The last line is
//! `{"$end":{"cursor","head","machine","entries","dropped","unreadable","unread","gaps":[{"after","before","lost"}],"more"}}`;
//! without it the batch is not complete and must not be stored.
//!
//! The same reader takes what `journalctl -o json` writes (arrays of byte values, `null` for values it left out).

mod end;
mod escape;
pub mod export;
mod line;
mod printable;
mod read;
mod write;
mod writer;

pub use end::{End, write_end};
pub use line::{Line, Marks, read_line};
pub use read::{Limits, Reader};
pub use write::write_entry;
pub use writer::Writer;

/// The field that marks an entry of which something was left out or cut short; its value names what.
pub const CUT: &str = "INFRALOGS_CUT";

/// The most bytes one line may have. An entry within [`crate::entry::ENTRY_BYTES_MAX`] always fits: long values
/// that would grow to more than twice their length are written as base64.
pub const LINE_BYTES_MAX: usize = 40 << 20;
