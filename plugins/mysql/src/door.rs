//! Ends a connection from outside: a second one as the same user says KILL to the server.

use mysql::{Conn, Opts, prelude::Queryable};
use std::{fmt, thread};

/// Which software it is, and which server: behind one address there may be several, each with its own numbers.
pub(crate) const WHO: &str = "SELECT VERSION(), CONCAT(@@hostname, ' ', @@port)";

/// How a connection was made, and its number there.
#[derive(Clone)]
pub(crate) struct Door {
    pub opts: Opts,
    pub server: String,
    pub id: u32,
}

impl Door {
    /// Ends the connection, on a thread of its own. KILL QUERY would pass by a statement that is just about to begin.
    /// Where that does not work the statement ends by its own time.
    pub fn end(self) {
        let run = move || {
            if let Err(error) = self.kill() {
                tracing::debug!(%error, "a cancelled query goes on until its time is over");
            }
        };
        if let Err(error) = thread::Builder::new().name("cancel".into()).spawn(run) {
            tracing::debug!(%error, "a cancelled query goes on until its time is over");
        }
    }

    fn kill(self) -> Result<(), mysql::Error> {
        let mut conn = Conn::new(self.opts)?;
        let here: Option<(String, String)> = conn.query_first(WHO)?;
        if here.is_some_and(|(_, server)| server == self.server) {
            conn.query_drop(format!("KILL {}", self.id))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({} at {})", self.id, self.server)
    }
}
