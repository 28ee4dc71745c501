//! Connections, made when needed and outside of any lock, kept while they are good.
//!
//! The driver's own pool connects while it holds its lock, so that one silent server would stop everybody.

use crate::{
    dialect::Flavour,
    door::{Door, WHO},
    error::failed,
    settings::Access,
};
use infralogs_core::{
    error::{Error, Kind, Result},
    plugin::{Connections, Secret},
    rotate::Refusals,
};
use mysql::{Conn, prelude::Queryable};
use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most connections at once.
const CONNECTIONS_MAX: usize = 10;
/// How long one waits for a free connection.
const TURN_WAIT: Duration = Duration::from_secs(20);
/// What a packet of the server holds beside a row's values.
const STATEMENT_BYTES: usize = 64 << 10;
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
    /// How rows are loaded into tables, as far as it is known.
    pub charsets: HashMap<String, &'static str>,
    /// The most bytes of a row that an INSERT brings, or of all its rows together.
    pub row_bytes_max: usize,
    /// The longest the server may be silent on it.
    pub silent_max: Duration,
    door: Door,
    used: Instant,
    generation: u64,
}

impl Session {
    pub fn generation(&self) -> u64 {
        self.generation
    }
    /// Says which credentials it was made with.
    pub fn own(&mut self, generation: u64) {
        self.generation = generation;
    }
    /// Ends this connection from outside, whatever it does just then.
    pub fn ender(&self) -> impl FnOnce() + Send + 'static {
        let door = self.door.clone();
        move || door.end()
    }
}

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) access: Access,
    pub(crate) refusals: Refusals,
    state: Mutex<State>,
    pub(crate) returned: Condvar,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub idle: Vec<Session>,
    pub busy: Vec<Busy>,
    taken: u64,
    /// The newest credentials' number; 0 before any were given.
    pub generation: u64,
    /// Who we log in as, if that is given while running.
    pub secret: Option<Secret>,
    /// Those replaced whose connections may still be at work, by generation.
    pub former: Vec<(u64, Secret)>,
}

/// A connection at work, or being made.
#[derive(Debug)]
pub(crate) struct Busy {
    turn: u64,
    pub generation: u64,
    /// The server's number for it, once there is one.
    pub id: Option<u32>,
}

impl Pool {
    pub fn new(access: Access) -> Self {
        Self { access, refusals: Refusals::default(), state: Mutex::default(), returned: Condvar::new() }
    }

    /// What a person calls the database.
    pub fn name(&self) -> String {
        self.access.name()
    }

    /// Whether credentials are given while running.
    pub fn rotates(&self) -> bool {
        self.access.rotates
    }

    /// Runs something on a connection. After an error of the connection or an unknown state it is not used again.
    pub fn with<T>(&self, run: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let (mut turn, secret) = self.wait_turn()?;
        let session = match turn.session.take().and_then(usable) {
            Some(session) => turn.session.insert(session),
            None => {
                let made = self.connect(secret.as_ref(), turn.generation);
                turn.session.insert(made.inspect_err(|error| self.noted(error, turn.generation))?)
            }
        };
        self.at_work(turn.turn, session.conn.connection_id());
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
        result
            .inspect_err(|error| self.noted(error, turn.generation))
            .map_err(|error| if error.place.is_none() { error.at(self.name()) } else { error })
    }

    /// Says so if the newest credentials were refused.
    fn noted(&self, error: &Error, generation: u64) {
        if error.kind == Kind::Denied && self.rotates() && generation == self.lock().generation {
            self.refusals.tell();
        }
    }

    /// Takes a place among the busy ones, with an idle connection if there is one, and who we are now.
    fn wait_turn(&self) -> Result<(Turn<'_>, Option<Secret>)> {
        let until = Instant::now() + TURN_WAIT;
        let mut state = self.lock();
        while state.busy.len() >= CONNECTIONS_MAX {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let what = format!("all {CONNECTIONS_MAX} connections to the database are busy");
                return Err(Error::unavailable(what).at(self.name()).help("try again"));
            }
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.taken += 1;
        let (turn, generation) = (state.taken, state.generation);
        state.busy.push(Busy { turn, generation, id: None });
        state.idle.retain(|session| session.used.elapsed() < IDLE_MAX);
        let session = state.idle.pop();
        Ok((Turn { pool: self, turn, generation, session }, state.secret.clone()))
    }

    pub(crate) fn connect(&self, secret: Option<&Secret>, generation: u64) -> Result<Session> {
        let doing = "connecting to the database";
        let opts = self.access.opts(secret)?;
        let mut conn = Conn::new(opts.clone()).map_err(failed(doing)).map_err(|error| error.at(self.name()))?;
        let known: Option<(String, String)> = conn.query_first(WHO).map_err(failed(doing))?;
        // Before the set-up: a node of a cluster then waits for the others at each SELECT.
        let packet: Option<usize> = conn.query_first("SELECT @@max_allowed_packet").map_err(failed(doing))?;
        let (version, server) = known.unwrap_or_default();
        let flavour = Flavour::of(&version);
        let door = Door { opts, server, id: conn.connection_id() };
        for sql in flavour.setup() {
            conn.query_drop(sql).map_err(failed("setting up a connection"))?;
        }
        flavour.may_setup().iter().for_each(|sql| drop(conn.query_drop(sql)));
        Ok(Session {
            conn,
            flavour,
            local: true,
            charsets: HashMap::new(),
            row_bytes_max: packet.unwrap_or_default().saturating_sub(STATEMENT_BYTES),
            silent_max: self.access.silent_max,
            door,
            used: Instant::now(),
            generation,
        })
    }

    /// How many there are now.
    pub fn connections(&self) -> Connections {
        let state = self.lock();
        Connections { busy: state.busy.len(), idle: state.idle.len(), most: CONNECTIONS_MAX }
    }

    fn at_work(&self, turn: u64, id: u32) {
        if let Some(busy) = self.lock().busy.iter_mut().find(|busy| busy.turn == turn) {
            busy.id = Some(id);
        }
    }

    /// Gives a place back. A connection of replaced credentials is closed before: whoever waits for the place
    /// revokes them next.
    fn put_back(&self, turn: u64, session: Option<Session>) {
        let mut state = self.lock();
        let replaced = session.as_ref().is_some_and(|session| session.generation != state.generation);
        if replaced {
            drop(state);
            drop(session);
            state = self.lock();
        } else {
            state.idle.extend(session);
        }
        state.busy.retain(|busy| busy.turn != turn);
        self.returned.notify_all();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
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
    turn: u64,
    generation: u64,
    session: Option<Session>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pool.put_back(self.turn, self.session.take());
    }
}
