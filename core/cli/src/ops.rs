//! The collector's `/health`, `/ready` and `/metrics`.

use infralogs_core::{
    Result,
    collect::{Collector, DELAY_LIMITS_S, PollKey, PollStatus, Status, Totals},
    plugin::Store,
    rotate::Watch,
    script::Scripts,
    time::Time,
};
use infralogs_http::{
    Limits,
    ops::{self, Health, Ops, Page, credentials},
};
use serde_json::json;
use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};
use tokio::sync::watch;

/// The most targets named in one health answer.
const NAMED_MAX: usize = 20;
/// The most polls with figures of their own; those that fail and those that are furthest behind come first.
const POLLS_MAX: usize = 2_000;
/// A loop that did not turn for so long does not work.
const TURN_MAX: Duration = Duration::from_secs(60);

/// What the routes look at.
struct CollectorOps {
    scripts: Arc<Scripts>,
    status: Arc<Status>,
    store: Arc<dyn Store>,
    credentials: Vec<Watch>,
}

/// Serves the routes until told to stop, if there is an address; what comes back waits for the end.
pub async fn serve(
    listen: Option<&str>,
    collector: &Collector,
    scripts: &Arc<Scripts>,
    credentials: Vec<Watch>,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + use<>> {
    let serving = match listen {
        None => None,
        Some(listen) => {
            let listener = infralogs_http::bind(listen).await?;
            tracing::info!("health and metrics on http://{}", crate::connect::address(&listener));
            let mut app = tide::new();
            let (scripts, status, store) = (scripts.clone(), collector.status.clone(), collector.store.clone());
            ops::mount(&mut app, Arc::new(CollectorOps { scripts, status, store, credentials }));
            Some(tokio::spawn(infralogs_http::serve(listener, app, Limits::default(), None, stop)))
        }
    };
    Ok(async move {
        if let Some(Ok(Err(error))) = match serving {
            Some(task) => Some(task.await),
            None => None,
        } {
            tracing::warn!("health and metrics ended: {error}");
        }
    })
}

impl Ops for CollectorOps {
    fn health(&self) -> Health {
        let polls = self.status.polls();
        let turn = self.status.turn();
        let silent_s = turn.as_ref().map_or(0.0, |turn| (Time::now().0 - turn.at.0) as f64 / 1e6);
        if silent_s > TURN_MAX.as_secs_f64() {
            let what = format!("nothing was started or ended for {silent_s:.0} s");
            return Health::new(ops::Status::Failed, what).next("restart it; nothing is lost by that");
        }
        let failing: Vec<&(PollKey, PollStatus)> = polls.iter().filter(|(_, poll)| poll.error.is_some()).collect();
        let pushed = polls.iter().filter(|(_, poll)| poll.pushed).count();
        let polled = polls.len() - pushed;
        let wanted = turn.map_or(polled, |turn| turn.wanted);
        let answering = polls.iter().filter(|(_, poll)| !poll.pushed && poll.error.is_none()).count();
        let mut what = format!("{answering} of {polled} polls answer");
        if wanted > polled {
            what += &format!("; {} more are another collector's or not due yet", wanted - polled);
        }
        if pushed > 0 {
            what += &format!("; {pushed} machines push");
        }
        let (rejected, store) = (self.scripts.rejected(), self.status.store_trouble());
        let resting: BTreeSet<&str> = polls.iter().flat_map(|(_, poll)| &poll.resting).map(|name| &**name).collect();
        if wanted + pushed == 0 {
            let what = "nothing is polled: no schedule finds a target";
            let health = Health::new(ops::Status::Degraded, what)
                .next("look at the schedules and inventories: `infralogs check`, and this program's log")
                .with("scripts", self.scripts.current().hash.clone());
            return credentials::health(health, &self.credentials);
        }
        let mut health = if failing.is_empty() && rejected.is_none() && resting.is_empty() && store.is_none() {
            Health::ok(what)
        } else {
            Health::new(ops::Status::Degraded, what)
        };
        if let Some(rejected) = rejected {
            health = health.with("scripts_rejected", rejected.draw(false));
        }
        if let Some(store) = store {
            health = health.with("store", store);
        }
        if !resting.is_empty() {
            // Their records are in quarantine, to be replayed once the closures are mended.
            health = health.with("closures_resting", resting.iter().copied().take(NAMED_MAX).collect::<Vec<&str>>());
        }
        let named = failing.iter().take(NAMED_MAX);
        let named =
            named.map(|(key, poll)| json!({ "poll": key.to_string(), "error": poll.error, "failures": poll.failures }));
        let health =
            health.with("failing", named.collect::<Vec<_>>()).with("scripts", self.scripts.current().hash.clone());
        credentials::health(health, &self.credentials)
    }

    fn ready(&self) -> Health {
        // Failing targets or a refused script are no reason to take a collector out; that it can't store anything is.
        let store = || {
            let trouble = self.status.store_trouble()?;
            let what = format!("nothing can be stored: {trouble}");
            Some(
                Health::new(ops::Status::Failed, what)
                    .next("mend the store; polls go on by themselves, nothing is lost meanwhile"),
            )
        };
        credentials::ready(&self.credentials).or_else(store).unwrap_or_else(|| self.health())
    }

    fn metrics(&self, page: &mut Page) {
        sums(page, &self.status.totals());
        let delays = self.status.delays();
        let within: Vec<(f64, u64)> = DELAY_LIMITS_S.into_iter().zip(delays.within).collect();
        page.histogram(
            "infralogs_poll_start_delay_seconds",
            "How late polls started",
            &within,
            delays.starts,
            delays.sum_s,
        );
        self.works(page);
        polls(page, self.status.polls(), Time::now());
        credentials::metrics(page, &self.credentials);
        let rejected = f64::from(u8::from(self.scripts.rejected().is_some()));
        page.gauge("infralogs_scripts_rejected", "1 while an edit of the scripts is refused", &[], rejected);
        let hash = self.scripts.current().hash.clone();
        page.gauge("infralogs_scripts_info", "1 for the generation of the scripts in effect", &[("hash", &hash)], 1.0);
    }
}

impl CollectorOps {
    /// What is at work, and how much of it there may be.
    fn works(&self, page: &mut Page) {
        if let Some(turn) = self.status.turn() {
            page.gauge("infralogs_polls_wanted", "Polls the scripts want", &[], turn.wanted as f64);
            page.gauge("infralogs_polls_in_flight", "Polls at work", &[], turn.in_flight as f64);
            page.gauge("infralogs_polls_in_flight_max", "The most polls at once", &[], turn.in_flight_max as f64);
            page.gauge("infralogs_polls_unclaimed", "Polls due, not known whose", &[], turn.waiting as f64);
            for (bytes, held, most) in turn.rooms {
                let size = if bytes == usize::MAX { "largest".to_owned() } else { bytes.to_string() };
                let labels = [("bytes", size.as_str())];
                page.gauge("infralogs_large_answers", "Answers held that are so large", &labels, held as f64);
                page.gauge("infralogs_large_answers_max", "The most of them at once", &labels, most as f64);
            }
        }
        let up = f64::from(u8::from(self.status.store_trouble().is_none()));
        page.gauge("infralogs_store_up", "1 while the store takes what is polled", &[], up);
        if let Some(connections) = self.store.connections() {
            for (state, count) in [("busy", connections.busy), ("idle", connections.idle)] {
                page.gauge("infralogs_store_connections", "Connections open", &[("state", state)], count as f64);
            }
            let most = connections.most as f64;
            page.gauge("infralogs_store_connections_max", "The most connections", &[], most);
        }
    }
}

/// Sums since the start.
fn sums(page: &mut Page, totals: &Totals) {
    let all = [
        ("infralogs_polls_total", "Polls ended", totals.polls),
        ("infralogs_polls_failed_total", "Polls that failed", totals.failed),
        ("infralogs_entries_total", "Entries stored", totals.entries),
        ("infralogs_entry_bytes_total", "Bytes of the entries stored", totals.bytes),
        ("infralogs_rows_total", "Rows stored in all tables", totals.rows),
        ("infralogs_quarantined_total", "Records that matched a parser and then failed", totals.quarantined),
        ("infralogs_dropped_total", "Entries left out by rules of agents", totals.dropped),
        ("infralogs_unreadable_total", "Entries damaged in the journal", totals.unreadable),
        ("infralogs_gaps_total", "Holes found in journals", totals.gaps),
        ("infralogs_lost_total", "Entries lost before they could be read", totals.lost),
    ];
    for (name, help, value) in all {
        page.counter(name, help, &[], value);
    }
}

/// Figures of each poll, of so many at most.
fn polls(page: &mut Page, mut polls: Vec<(PollKey, PollStatus)>, now: Time) {
    let failing = polls.iter().filter(|(_, poll)| poll.error.is_some()).count();
    for (state, count) in [("failing", failing), ("answering", polls.len() - failing)] {
        page.gauge("infralogs_polls", "Polls of this collector, by how they do", &[("state", state)], count as f64);
    }
    let lag = |poll: &PollStatus| poll.lag(now).map(|lag| lag.as_secs_f64());
    let most = polls.iter().filter_map(|(_, poll)| lag(poll)).fold(0.0, f64::max);
    page.gauge("infralogs_poll_lag_max_seconds", "The largest infralogs_poll_lag_seconds of all polls", &[], most);
    let unlisted = polls.len().saturating_sub(POLLS_MAX);
    page.gauge("infralogs_polls_unlisted", "Polls without figures of their own", &[], unlisted as f64);
    if unlisted > 0 {
        let rank = |poll: &PollStatus| (poll.error.is_some(), poll.lag(now).unwrap_or(Duration::MAX));
        polls.sort_by_key(|(_, poll)| std::cmp::Reverse(rank(poll)));
        polls.truncate(POLLS_MAX);
    }
    for (key, poll) in polls {
        let labels = [("target", &*key.target), ("stream", &*key.stream)];
        let is_failing = f64::from(u8::from(poll.error.is_some()));
        page.gauge("infralogs_poll_failing", "1 while a poll fails", &labels, is_failing);
        page.counter("infralogs_poll_failures_total", "Failures of a poll", &labels, poll.failed);
        page.counter("infralogs_poll_entries_total", "Entries stored of a poll", &labels, poll.entries);
        page.counter("infralogs_poll_bytes_total", "Bytes of the entries of a poll", &labels, poll.bytes);
        page.counter("infralogs_poll_lost_total", "Entries lost before a poll could read them", &labels, poll.lost);
        if let Some(ok) = poll.last_ok {
            let age_s = (now.0 - ok.0) as f64 / 1e6;
            page.gauge("infralogs_poll_age_seconds", "Since a poll last succeeded", &labels, age_s);
        }
        if let Some(lag_s) = lag(&poll) {
            let help =
                "How old what is stored of a poll may be: since it last had nothing more, else of its newest entry";
            page.gauge("infralogs_poll_lag_seconds", help, &labels, lag_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_fleet_has_few_series_and_those_with_trouble_are_among_them() {
        let now = Time(1_000_000_000);
        let poll = |at: usize| {
            let key = PollKey { target: format!("vm-{at}").into(), stream: "logs".into() };
            let error = at.is_multiple_of(100).then(|| "no answer".to_owned());
            let last_ok = Some(Time(now.0 - if at == 4_321 { 900_000_000 } else { at as i64 }));
            (key, PollStatus { error, last_ok, ..PollStatus::default() })
        };
        let mut page = Page::new();
        polls(&mut page, (0..5_000).map(poll).collect(), now);
        let text = page.into_text();
        let listed = |name: &str| text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
        assert_eq!(listed("infralogs_poll_failing"), POLLS_MAX);
        assert_eq!(
            text.lines().filter(|line| line.starts_with("infralogs_poll_failing") && line.ends_with(" 1")).count(),
            50
        );
        assert!(text.contains("infralogs_poll_lag_seconds{target=\"vm-4321\",stream=\"logs\"} 900\n"));
        assert!(
            text.contains("infralogs_polls{state=\"failing\"} 50\n")
                && text.contains("infralogs_polls_unlisted 3000\n")
        );
        assert!(text.contains("infralogs_poll_lag_max_seconds 900\n"));
    }
}
