//! Infralogs' core: nouns, the plugin contract, scripts to definitions, collecting and viewing.
//!
//! Modules stand in floors; imports only go down:
//! verbs (`collect`, `view`) → `script` → `definitions` → `parse`, `expr`, `sql` → `plugin`, `config` → nouns.

// Nouns: no I/O, no async.
pub mod cancel;
pub mod cursor;
pub mod dashboard;
pub mod entry;
pub mod error;
pub mod fields;
pub mod id;
pub mod inventory;
pub mod query;
pub mod rule;
pub mod schedule;
pub(crate) mod suggest;
pub mod table;
pub mod tables;
pub mod time;
pub mod value;

// What is asked of plugins, and what the configuration says.
pub mod config;
pub mod plugin;
pub mod room;
pub mod rotate;

// Parsing, expressions, SQL text, the wire.
pub mod expr;
pub mod parse;
pub mod sql;
pub mod wire;

// What scripts declare, and how it gets here.
pub mod definitions;
pub mod script;

// Verbs.
pub mod collect;
pub mod view;

// The suite every store must pass.
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{Error, Kind, Result};
