//! The collector's `/health`, `/ready` and `/metrics`.

use infralogs_core::{
    Result,
    collect::{DELAY_LIMITS_S, PollKey, PollStatus, Status},
    rotate::Watch,
    script::Scripts,
    time::Time,
};
use infralogs_http::{
    Limits,
    ops::{self, Health, Ops, Page, credentials},
};
use serde_json::json;
use std::{collections::BTreeSet, future::Future, sync::Arc};
use tokio::sync::watch;

/// The most targets named in one health answer.
const NAMED_MAX: usize = 20;

/// What the routes look at.
struct CollectorOps {
    scripts: Arc<Scripts>,
    status: Arc<Status>,
    credentials: Vec<Watch>,
}

/// Serves the routes until told to stop, if there is an address; what comes back waits for the end.
pub async fn serve(
    listen: Option<&str>,
    scripts: &Arc<Scripts>,
    status: &Arc<Status>,
    credentials: Vec<Watch>,
    stop: watch::Receiver<bool>,
) -> Result<impl Future<Output = ()> + use<>> {
    let serving = match listen {
        None => None,
        Some(listen) => {
            let listener = infralogs_http::bind(listen).await?;
            tracing::info!("health and metrics on http://{}", crate::connect::address(&listener));
            let mut app = tide::new();
            ops::mount(
                &mut app,
                Arc::new(CollectorOps { scripts: scripts.clone(), status: status.clone(), credentials }),
            );
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
        let failing: Vec<&(PollKey, PollStatus)> = polls.iter().filter(|(_, poll)| poll.error.is_some()).collect();
        let what = format!("{} of {} polls answer", polls.len() - failing.len(), polls.len());
        let (rejected, store) = (self.scripts.rejected(), self.status.store_trouble());
        let resting: BTreeSet<&str> = polls.iter().flat_map(|(_, poll)| &poll.resting).map(|name| &**name).collect();
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
        let totals = self.status.totals();
        page.counter("infralogs_polls_total", "Polls ended", &[], totals.polls);
        page.counter("infralogs_polls_failed_total", "Polls that failed", &[], totals.failed);
        page.counter("infralogs_entries_total", "Entries stored", &[], totals.entries);
        page.counter("infralogs_rows_total", "Rows stored in all tables", &[], totals.rows);
        page.counter(
            "infralogs_quarantined_total",
            "Records that matched a parser and then failed",
            &[],
            totals.quarantined,
        );
        page.counter("infralogs_lost_total", "Entries lost before they could be read", &[], totals.lost);
        let delays = self.status.delays();
        let within: Vec<(f64, u64)> = DELAY_LIMITS_S.into_iter().zip(delays.within).collect();
        page.histogram(
            "infralogs_poll_start_delay_seconds",
            "How late polls started",
            &within,
            delays.starts,
            delays.sum_s,
        );
        let now = Time::now();
        for (key, poll) in self.status.polls() {
            let labels = [("target", &*key.target), ("stream", &*key.stream)];
            page.gauge(
                "infralogs_poll_failing",
                "1 while a poll fails",
                &labels,
                f64::from(u8::from(poll.error.is_some())),
            );
            page.counter("infralogs_poll_failures_total", "Failures of a poll", &labels, poll.failed);
            if let Some(ok) = poll.last_ok {
                let age_s = (now.0 - ok.0) as f64 / 1e6;
                page.gauge("infralogs_poll_age_seconds", "Since a poll last succeeded", &labels, age_s);
            }
        }
        credentials::metrics(page, &self.credentials);
        let rejected = f64::from(u8::from(self.scripts.rejected().is_some()));
        page.gauge("infralogs_scripts_rejected", "1 while an edit of the scripts is refused", &[], rejected);
    }
}
