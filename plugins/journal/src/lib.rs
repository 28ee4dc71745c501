//! Reads systemd journal files in pure Rust: complete, in order, from exactly behind a cursor.
//!
//! [`Journal`] is the source; everything else is how it reads. `format` knows the bytes, `files` which files there
//! are and finds places in one of them, `merge` makes many files one sequence, `entry` turns an entry object into
//! fields. Nothing of a file is trusted: what is damaged is left out and counted.

mod entry;
mod files;
mod format;
mod journal;
mod machine;
mod merge;
mod settings;
mod source;

pub use source::{Journal, Noted, PLUGIN, open, with};
