//! Scripts to definitions: the sandboxed engine, the declared API, loading, diagnostics and watching.
//!
//! The only place that knows Rhai and notify. A script runs when it is loaded and only declares: it fills drafts
//! ([`sheet`]) which are checked together ([`check`]) and become one immutable generation of definitions.

mod api;
mod atlas;
mod check;
mod closure;
mod editor;
mod engine;
mod library;
mod limits;
mod listing;
mod live;
mod load;
mod manual;
mod native;
mod nearby;
mod outline;
mod problem;
mod run;
mod sheet;
mod source;
mod trouble;
mod watch;

pub use editor::{definition_files, expression};
pub use live::{Change, Gate, Reload, Scripts};
pub use load::{ask, load};
pub use manual::{FUNCTIONS, Function};
pub use problem::{Problem, Rejected};
