//! Writes a row of `processes` once a minute, and at once when the scripts or the credentials changed: what this process
//! runs and how it does, for the dashboard of our own health.

use crate::place::{answer, int};
use infralogs_core::{
    Kind, Result,
    expr::{Compare, Expr, Literal},
    plugin::{Credential, Process, Store},
    query::{Aggregate, Measure, Query, Shape},
    rotate::Watch,
    script::Scripts,
    sql::forecast,
    tables,
    time::{Time, Window},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often it is looked whether something changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a row is written where nothing did.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// How soon one that could not be written is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Growth is measured over as much of a day as there is, and not over less than this.
const GROWTH_MIN: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);
/// How far the forecast looks, in days.
const FORECAST_DAYS: i64 = 30;
/// How fine the store's size is read back.
const SIZES_EVERY: Duration = Duration::from_secs(300);
/// Retention is looked at once an hour.
const LOOKED_EVERY: Duration = Duration::from_secs(70 * 60);
/// The most of a refused edit that is told, in characters.
const REJECTED_MAX: usize = 300;

/// Who tells.
pub struct Presence {
    /// `collector`
    pub process: &'static str,
    /// What is asked how large it is.
    pub store: Arc<dyn Store>,
    /// Where it is told, if that is another way to the same rows.
    pub told_to: Option<Arc<dyn Store>>,
    pub scripts: Arc<Scripts>,
    pub credentials: Vec<Watch>,
}

impl Presence {
    /// Tells until the process ends; the flag is set while it can't. A store that does not take it is told again later,
    /// and nobody is bothered.
    pub fn tell(self) -> Arc<AtomicBool> {
        let unlisted = Arc::<AtomicBool>::default();
        let flag = unlisted.clone();
        tokio::spawn(async move {
            let (mut told, mut next) = (Process::default(), Instant::now());
            loop {
                let own = self.now();
                if lasting(&own) != lasting(&told) || Instant::now() >= next {
                    let written = self.write(own.clone()).await;
                    told = own;
                    flag.store(written.is_err(), Ordering::Relaxed);
                    // Who may not write is not let in sooner by asking often.
                    let soon = written.as_ref().is_err_and(|error| error.kind != Kind::Denied);
                    next = Instant::now() + if soon { AGAIN_AFTER } else { WRITE_EVERY };
                    if let Err(error) = written {
                        tracing::debug!("how this process does could not be stored: {error}");
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        unlisted
    }

    fn now(&self) -> Process {
        Process {
            at: Time::now(),
            host: host(),
            process: self.process.into(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            scripts: self.scripts.current().hash.to_string(),
            rejected: self.scripts.rejected().map(|rejected| short(&rejected.draw(false))),
            credentials: self.credentials.iter().map(credential).collect(),
            bytes: [None; 3],
        }
    }

    async fn write(&self, own: Process) -> Result<()> {
        let first = first_size(&self.store, own.at).await?;
        // A store that an older collector keeps has no such table.
        let most = size_max(&self.store, own.at).await.unwrap_or(None).unwrap_or(i64::MAX);
        let store = self.store.clone();
        let told_to = self.told_to.clone().unwrap_or_else(|| store.clone());
        let written = tokio::task::spawn_blocking(move || {
            let bytes = store.bytes()?.and_then(|bytes| i64::try_from(bytes).ok());
            let growth = bytes.zip(first).and_then(|(bytes, first)| growth(first, (own.at, bytes)));
            let forecast =
                bytes.zip(growth).map(|(bytes, growth)| (bytes + growth * FORECAST_DAYS).clamp(0, most.max(bytes)));
            told_to.present(&Process { bytes: [bytes, growth, forecast], ..own })
        });
        written.await.unwrap_or(Ok(()))
    }
}

/// How one of its credentials stands.
fn credential(watch: &Watch) -> Credential {
    let now = watch.standing();
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Credential {
        path: watch.path.to_string(),
        age_us: now.since.map(|since| micros(since.elapsed())),
        left_us: now.left().map(micros),
        problem: now.degraded,
    }
}

/// What does not change from second to second.
fn lasting(own: &Process) -> Process {
    let same = |held: &Credential| Credential { age_us: None, left_us: None, ..held.clone() };
    Process { at: Time(0), credentials: own.credentials.iter().map(same).collect(), ..own.clone() }
}

/// The store's size a day ago, or as long ago as is known.
async fn first_size(store: &Arc<dyn Store>, now: Time) -> Result<Option<(Time, i64)>> {
    let measures = vec![Measure { name: "bytes".into(), of: Aggregate::Max("store_bytes".into()) }];
    let shape = Shape::Groups { every: Some(SIZES_EVERY), by: Vec::new(), measures, top: None };
    let query = Query { table: "processes".into(), filter: None, last: None, shape };
    let sizes = answer(store, &query, &tables::PROCESSES, Window { from: now.minus(DAY), to: now }).await?;
    let known = (0..sizes.len()).find_map(|row| Some((int(&sizes, "time", row)?, int(&sizes, "bytes", row)?)));
    Ok(known.map(|(time, bytes)| (Time(time), bytes)))
}

/// What all tables together may take, if that has a limit.
async fn size_max(store: &Arc<dyn Store>, now: Time) -> Result<Option<i64>> {
    let all = Expr::Literal(Literal::Text(forecast::ALL.into()));
    let filter = Expr::Compare(Compare::Eq, Box::new(Expr::field("name")), Box::new(all));
    let measures = vec![Measure { name: "most".into(), of: Aggregate::Max("bytes_max".into()) }];
    let shape = Shape::Groups { every: None, by: Vec::new(), measures, top: None };
    let query = Query { table: "retention".into(), filter: Some(filter), last: None, shape };
    let looked = answer(store, &query, &tables::RETENTION, Window { from: now.minus(LOOKED_EVERY), to: now }).await?;
    Ok(int(&looked, "most", 0))
}

/// By how much it grows in a day.
fn growth((then, from): (Time, i64), (now, to): (Time, i64)) -> Option<i64> {
    let span_us = now.0 - then.0;
    (span_us >= GROWTH_MIN.as_micros() as i64)
        .then(|| ((to - from) as f64 * DAY.as_micros() as f64 / span_us as f64) as i64)
}

/// A mistake in one line: what and where.
fn short(drawn: &str) -> String {
    let lines: Vec<&str> = drawn.lines().take(2).map(str::trim).collect();
    lines.join(" ").chars().take(REJECTED_MAX).collect()
}

/// What this machine is called; in Kubernetes the pod.
fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "unknown".into(), |name| name.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_of_a_day_and_not_guessed_from_minutes() {
        let hour = |n: i64| Time(n * 3_600_000_000);
        assert_eq!(growth((hour(0), 100), (hour(12), 150)), Some(100));
        assert_eq!(growth((hour(0), 150), (hour(24), 100)), Some(-50));
        assert_eq!(growth((Time(0), 100), (Time(60_000_000), 900)), None);
    }
}
