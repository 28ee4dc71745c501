//! Dissect: patterns that read a text by the words that are always there.
//!
//! ```text
//! Failed password for {invalid:flag(invalid user )}{user} from {ip:ip} port {port:int} ssh2{? [{_}]?}
//! ```
//! - `{name}` or `{name:type}` is a field: it ends where what follows it begins for the first time; the last one
//!   takes the rest. Types: `text int float bool ip time(format) duration bytes`. A type never moves an end, but one:
//!   a time whose format may hold what follows it (`{at:time(%Y-%m-%d %H:%M:%S)} {host}`) ends where its format does.
//! - `{_}` is a field nobody wants.
//! - `{name:flag(text)}` is true if the text stands there, else false and takes nothing.
//! - `{?part?}` is a part that may be missing; `{(one{|}other)}` is one of several, tried from the left;
//!   `{?one{|}other?}` is both. Parts hold fields and further parts.
//! - `{{` and `}}` are braces themselves.
//!
//! A pattern reads the whole text, once, from the left: a part that fits is kept, nothing is tried again.

mod run;
mod syntax;

pub(crate) use run::Dissect;
pub(crate) use syntax::{Node, is_name, parse};
