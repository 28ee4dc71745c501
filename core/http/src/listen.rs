//! Opens the port, with one clear error when that fails.

use infralogs_core::{Error, Result};
use std::io::ErrorKind;
use tokio::net::TcpListener;

/// Listens on `host:port` (port 0: any free one).
///
/// # Errors
/// `Invalid` with the address and what to do: the port is busy, needs a right, or is no address of this machine.
pub async fn bind(listen: &str) -> Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| {
        let (what, help) = match error.kind() {
            ErrorKind::AddrInUse => (
                "another program listens there already",
                "stop it, or choose another port with --listen (port 0 takes any free one)",
            ),
            ErrorKind::PermissionDenied => {
                ("not allowed to listen there", "choose a port above 1023, or grant CAP_NET_BIND_SERVICE")
            }
            ErrorKind::AddrNotAvailable => {
                ("this machine has no such address", "listen on 0.0.0.0, 127.0.0.1 or an address of this machine")
            }
            _ => ("can't listen there", "write it as host:port, for example 127.0.0.1:8080"),
        };
        Error::invalid(what).at(listen).help(help).because(error)
    })
}
