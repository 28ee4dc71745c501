//! Leases of polls, by the database's clock.

use crate::{error::failed, pool::Session};
use infralogs_core::error::{Kind, Result};
use mysql::{Value as Bound, prelude::Queryable};
use std::{collections::HashSet, time::Duration};

/// Names claimed by one statement.
const AT_ONCE: usize = 100;
/// How often a deadlock is tried again.
const TRIES: usize = 5;
const DOING: &str = "claiming leases";

/// Takes the leases that nobody else holds.
pub(crate) fn claim(session: &mut Session, owner: &str, polls: &[String], hold: Duration) -> Result<Vec<String>> {
    let mut claimed = Vec::new();
    for names in polls.chunks(AT_ONCE) {
        let mut tries = 0;
        let some = loop {
            match claim_some(session, owner, names, hold) {
                Err(error) if error.kind == Kind::Unavailable && tries < TRIES => tries += 1,
                done => break done?,
            }
        };
        claimed.extend(some);
    }
    Ok(claimed)
}

fn claim_some(session: &mut Session, owner: &str, names: &[String], hold: Duration) -> Result<Vec<String>> {
    let marks = vec!["?"; names.len()].join(", ");
    let listed = || names.iter().map(|name| Bound::from(name.as_str()));
    let known: Vec<String> = session
        .conn
        .exec(format!("SELECT target FROM leases WHERE target IN ({marks})"), listed().collect::<Vec<_>>())
        .map_err(failed(DOING))?;
    let known: HashSet<&str> = known.iter().map(String::as_str).collect();
    let new: Vec<Bound> =
        names.iter().filter(|name| !known.contains(name.as_str())).map(|name| name.as_str().into()).collect();
    if !new.is_empty() {
        let rows = vec!["(?, '', '1970-01-01')"; new.len()].join(", ");
        let sql = format!("INSERT IGNORE INTO leases (target, owner, until) VALUES {rows}");
        session.conn.exec_drop(sql, new).map_err(failed(DOING))?;
    }
    let hold_us = i64::try_from(hold.as_micros()).unwrap_or(i64::MAX);
    let sql = format!(
        "UPDATE leases SET owner = ?, until = NOW(6) + INTERVAL ? MICROSECOND \
         WHERE target IN ({marks}) AND (until < NOW(6) OR owner = ?) ORDER BY target"
    );
    let values =
        [owner.into(), hold_us.into()].into_iter().chain(listed()).chain([owner.into()]).collect::<Vec<Bound>>();
    session.conn.exec_drop(sql, values).map_err(failed(DOING))?;
    let sql = format!("SELECT target FROM leases WHERE target IN ({marks}) AND owner = ? AND until >= NOW(6)");
    let values = listed().chain([owner.into()]).collect::<Vec<Bound>>();
    session.conn.exec(sql, values).map_err(failed(DOING))
}

/// Gives everything back that an owner holds.
pub(crate) fn release(session: &mut Session, owner: &str) -> Result<()> {
    let sql = "UPDATE leases SET owner = '', until = '1970-01-01' WHERE owner = ?";
    session.conn.exec_drop(sql, (owner,)).map_err(failed("releasing leases"))
}
