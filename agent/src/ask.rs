//! What a request asks for, read from its query.

use infralogs_core::{
    Error, Result,
    plugin::{Ask, Filter},
    time::Time,
};
use std::time::Duration;
use tide::http::Url;

/// The most entries one answer may be asked for.
const LIMIT_MAX: usize = 50_000;
/// The longest a request may wait for the first entry, in seconds.
const WAIT_S_MAX: u64 = 60;
/// The most filters of one request.
const FILTERS_MAX: usize = 100;

/// Unknown words are errors: a misspelt filter must not give everything.
pub(crate) fn read(url: &Url, now: Time) -> Result<Ask> {
    let mut ask = Ask::default();
    for (count, (name, value)) in url.query_pairs().enumerate() {
        if count >= FILTERS_MAX {
            return Err(Error::invalid(format!("more than {FILTERS_MAX} words in one question")));
        }
        let number = |max: u64| {
            value.parse::<u64>().ok().filter(|number| *number <= max).ok_or_else(|| {
                Error::invalid(format!("`{name}` is no number from 0 to {max}")).help(format!("write {name}=10"))
            })
        };
        match &*name {
            "after" => {
                ask.after =
                    Some(value.parse().map_err(|error: Error| Error { kind: infralogs_core::Kind::Invalid, ..error })?)
            }
            "limit" => ask.limit = number(LIMIT_MAX as u64)? as usize,
            "wait" => ask.wait = Duration::from_secs(number(WAIT_S_MAX)?),
            "since" => ask.since = Some(Time::parse(&value, now)?),
            "until" => ask.until = Some(Time::parse(&value, now)?),
            "unit" => ask.filter.units.push(value.into_owned()),
            "priority" => ask.filter.priority_max = Some(number(7)? as u8),
            "match" => add_match(&mut ask.filter, &value)?,
            other => {
                return Err(Error::invalid(format!("`{}` is no word of a question", other.escape_debug()))
                    .help("there are after, limit, wait, since, until, unit, priority and match"));
            }
        }
    }
    Ok(ask)
}

fn add_match(filter: &mut Filter, pair: &str) -> Result<()> {
    let (name, value) = pair.split_once('=').ok_or_else(|| {
        Error::invalid("`match` has no `=`").help("write match=_SYSTEMD_UNIT=ssh.service, percent-encoded")
    })?;
    filter.matches.push((name.to_owned(), value.as_bytes().to_vec()));
    Ok(())
}
