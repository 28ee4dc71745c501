//! Serves a tide app on hyper with limits, timeouts and TLS, and wraps the one HTTP client.
//!
//! tide gives routes and middleware; its own listener is never used (it has no limits). In front stands hyper's
//! HTTP/1 and HTTP/2 on tokio: [`serve`] reads requests within [`Limits`], hands them to `tide::Server::respond`
//! and streams the answers back with back-pressure. Routes find here what they all need: streamed bodies
//! ([`body`], [`sse`]), errors as JSON ([`answer`]), tokens ([`token`]), `/health`, `/ready` and `/metrics`
//! ([`ops`]) and the word that the program stops ([`Stop`]). [`client`] is the other end of the wire.

pub mod answer;
pub mod body;
mod bridge;
pub mod client;
mod connection;
pub mod limits;
mod listen;
pub mod ops;
pub mod reread;
mod serve;
pub mod socket;
pub mod sse;
mod stop;
pub mod tls;
pub mod token;

pub use client::Client;
pub use limits::Limits;
pub use listen::bind;
pub use serve::serve;
pub use stop::{Stop, stop};
pub use tls::{Tls, install_crypto};
pub use token::Tokens;
