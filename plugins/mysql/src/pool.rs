//! Connections, made when needed and outside of any lock, kept while they are good.
//!
//! The driver's own pool connects while it holds its lock, so that one silent server would stop everybody.

use crate::{dialect::Flavour, error::failed, settings::Access};
use infralogs_core::error::{Error, Kind, Result};
use mysql::{Conn, prelude::Queryable};
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most connections at once.
const CONNECTIONS_MAX: usize = 10;
/// How long one waits for a free connection.
const TURN_WAIT: Duration = Duration::from_secs(20);
/// A connection unused for longer is tried before it is used again.
const TRUSTED: Duration = Duration::from_millis(250);
/// A connection unused for longer is closed when the pool is next used.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// A connection that is set up, and what was found out about its server.
#[derive(Debug)]
pub(crate) struct Session {
    pub conn: Conn,
    pub flavour: Flavour,
    /// Whether `LOAD DATA LOCAL` may be used; found out at the first try.
    pub local: bool,
    used: Instant,
}

#[derive(Debug)]
pub(crate) struct Pool {
    access: Access,
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Session>,
    busy: usize,
}

impl Pool {
    pub fn new(access: Access) -> Self {
        Self { access, state: Mutex::default(), returned: Condvar::new() }
    }

    /// What a person calls the database.
    pub fn name(&self) -> String {
        self.access.name()
    }

    /// Runs something on a connection. After an error of the connection or an unknown state it is not used again.
    pub fn with<T>(&self, run: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let idle = self.wait_turn()?;
        let mut turn = Turn { pool: self, session: idle.and_then(usable) };
        let session = match turn.session.take() {
            Some(session) => turn.session.insert(session),
            None => turn.session.insert(self.connect()?),
        };
        let result = run(session);
        session.used = Instant::now();
        // Kinds that come from a healthy conversation; all others may have left it in the middle of something.
        let sound = match &result {
            Ok(_) => true,
            Err(error) => matches!(error.kind, Kind::Invalid | Kind::Conflict),
        };
        if !sound {
            turn.session = None;
        }
        result.map_err(|error| if error.place.is_none() { error.at(self.name()) } else { error })
    }

    /// Takes a place among the busy ones, to be given back by [`Turn`], and an idle connection if there is one.
    fn wait_turn(&self) -> Result<Option<Session>> {
        let until = Instant::now() + TURN_WAIT;
        let mut state = self.lock();
        while state.busy >= CONNECTIONS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let what = format!("all {CONNECTIONS_MAX} connections to the database are busy");
                return Err(Error::unavailable(what).at(self.name()).help("try again"));
            }
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.busy += 1;
        state.idle.retain(|session| session.used.elapsed() < IDLE_MAX);
        Ok(state.idle.pop())
    }

    fn connect(&self) -> Result<Session> {
        let doing = "connecting to the database";
        let mut conn = Conn::new(self.access.opts()?).map_err(failed(doing)).map_err(|error| error.at(self.name()))?;
        let version: Option<String> = conn.query_first("SELECT VERSION()").map_err(failed(doing))?;
        let flavour = Flavour::of(&version.unwrap_or_default());
        for sql in flavour.setup() {
            conn.query_drop(sql).map_err(failed("setting up a connection"))?;
        }
        flavour.may_setup().iter().for_each(|sql| drop(conn.query_drop(sql)));
        Ok(Session { conn, flavour, local: true, used: Instant::now() })
    }

    fn put_back(&self, session: Option<Session>) {
        let mut state = self.lock();
        state.busy -= 1;
        state.idle.extend(session);
        self.returned.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session if it is used all the time, or still answers.
fn usable(mut session: Session) -> Option<Session> {
    (session.used.elapsed() < TRUSTED || session.conn.ping().is_ok()).then_some(session)
}

/// A place in the pool; given back when dropped, with its connection or without.
struct Turn<'p> {
    pool: &'p Pool,
    session: Option<Session>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pool.put_back(self.session.take());
    }
}
