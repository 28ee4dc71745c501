//! Where queries go: to this server, a replica perhaps, and where it is away or too old to the primary, if allowed.

use crate::{
    error::failed,
    pool::{Pool, Session},
    settings::Access,
};
use infralogs_core::{
    error::{Error, Kind, Result},
    plugin::Settings,
    sql::retention::Age,
};
use mysql::prelude::Queryable;
use serde::Deserialize;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a measured lag is good for.
const LAG_KNOWN: Duration = Duration::from_secs(1);
/// How old a replica may be where nobody says.
const LAG_MAX: Duration = Duration::from_secs(30);
/// Microseconds since 1970 by the server's clock.
pub(crate) const NOW_US: &str = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)";

/// The part of the settings about reading.
#[derive(Debug, Default, Deserialize)]
struct Chosen {
    /// How far a replica may be behind before queries go to `fallback`.
    lag_max: Option<Age>,
    /// The primary, asked where the replica is away or too far behind. The same user, password and CA.
    fallback: Option<String>,
}

/// Where queries go when this server will not do.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    lag_max: Duration,
    fallback: Option<Pool>,
    known: Mutex<Option<(Instant, Duration)>>,
}

impl Reads {
    /// Takes this part out of a store's settings; what is left is about the connection.
    pub fn take(mut settings: Settings) -> Result<(Self, Settings)> {
        let mut own = serde_json::Map::new();
        if let Some(map) = settings.value.as_object_mut() {
            own.extend(["lag_max", "fallback"].into_iter().filter_map(|key| Some((key.to_owned(), map.remove(key)?))));
        }
        let chosen: Chosen = Settings { value: own.into(), ..settings.clone() }.read()?;
        let fallback = chosen.fallback.map(|url| {
            let mut primary = settings.clone();
            primary.place.push_str(".fallback");
            primary.value["url"] = url.into();
            Access::of(&primary).map(Pool::new)
        });
        let lag_max = chosen.lag_max.map_or(LAG_MAX, |age| age.0);
        Ok((Self { lag_max, fallback: fallback.transpose()?, known: Mutex::default() }, settings))
    }

    /// Asks this server, or the primary where that is allowed and needed.
    pub fn ask<T>(&self, pool: &Pool, run: impl Fn(&mut Session) -> Result<T>) -> Result<T> {
        let Some(fallback) = &self.fallback else { return pool.with(run) };
        match self.lag(pool) {
            Ok(lag) if lag <= self.lag_max => {}
            Ok(lag) => {
                tracing::debug!(?lag, "the replica is too far behind; asking the primary");
                return fallback.with(run);
            }
            Err(_) => return fallback.with(run),
        }
        match pool.with(&run) {
            Err(error) if error.kind == Kind::Unavailable => fallback.with(run),
            other => other,
        }
    }

    /// The primary, where it may be asked instead.
    pub fn fallback(&self) -> Option<&Pool> {
        self.fallback.as_ref()
    }

    /// How far this server is behind, measured once a second at most.
    pub fn lag(&self, pool: &Pool) -> Result<Duration> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lag)) = known.filter(|(at, _)| at.elapsed() < LAG_KNOWN) {
            return Ok(lag);
        }
        let lag = pool.with(measure)?;
        *known = Some((Instant::now(), lag));
        Ok(lag)
    }
}

/// The age of the newest heartbeat on a server that takes no writes; a primary is never behind.
fn measure(session: &mut Session) -> Result<Duration> {
    let doing = "measuring how far the replica is behind";
    // Alone: beside MAX() over few rows MariaDB answers 0 whatever it is.
    let read_only: Option<u8> = session.conn.query_first("SELECT @@global.read_only").map_err(failed(doing))?;
    if read_only != Some(1) {
        return Ok(Duration::ZERO);
    }
    let sql = format!("SELECT {NOW_US} - MAX(at) FROM heartbeats");
    let lag_us: Option<Option<i64>> = session.conn.query_first(sql).map_err(failed(doing))?;
    match lag_us.flatten() {
        Some(lag_us) => Ok(Duration::from_micros(u64::try_from(lag_us).unwrap_or(0))),
        None => Err(Error::unavailable("no collector has written to this replica's primary yet")
            .help("start `infralogs collect`, or check that the replica replicates")),
    }
}

/// One row per collector, by the primary's clock.
pub(crate) fn beat(session: &mut Session, owner: &str) -> Result<()> {
    let sql = format!("INSERT INTO heartbeats (owner, at) VALUES (?, {NOW_US}) ON DUPLICATE KEY UPDATE at = {NOW_US}");
    session.conn.exec_drop(sql, (owner,)).map_err(failed("writing a heartbeat"))
}

/// Where the primary's log is; `None` where it keeps none.
pub(crate) fn position(session: &mut Session) -> Result<Option<String>> {
    let Some(sql) = session.flavour.position() else { return Ok(None) };
    let found: Option<Option<String>> = session.conn.query_first(sql).map_err(failed("reading the log position"))?;
    Ok(found.flatten().filter(|position| !position.is_empty()))
}

/// Waits until the replica has applied everything up to a position.
pub(crate) fn wait_for(session: &mut Session, position: &str, wait: Duration) -> Result<bool> {
    let Some(sql) = session.flavour.wait_for() else { return Ok(true) };
    let params = (position, wait.as_secs_f64());
    let reached: Option<Option<i64>> =
        session.conn.exec_first(sql, params).map_err(failed("waiting for the replica"))?;
    Ok(reached.flatten() == Some(0))
}

/// What all tables take, as the server counts (MySQL 8 by default counts once a day).
pub(crate) fn bytes(session: &mut Session) -> Result<Option<u64>> {
    let sql = "SELECT CAST(SUM(data_length + index_length) AS UNSIGNED) FROM information_schema.tables \
               WHERE table_schema = DATABASE()";
    let bytes: Option<Option<u64>> = session.conn.query_first(sql).map_err(failed("asking how large the store is"))?;
    Ok(bytes.flatten())
}
