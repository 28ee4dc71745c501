//! How the dashboard service does: which scripts are in force, who is looking.

use crate::{Layouts, hub::Hub, reach::Reach};
use infralogs_core::rotate::Watch;
use infralogs_http::ops::{Health, Ops, Page, Status, credentials};
use std::sync::Arc;
use tokio::sync::watch;

/// What is told of it.
pub struct Looking {
    /// The scripts.
    pub layouts: watch::Receiver<Layouts>,
    /// The views that are looked at.
    pub hub: Arc<Hub>,
    /// The credentials of the store.
    pub credentials: Vec<Watch>,
    /// Whether the store answers.
    pub reach: watch::Receiver<Reach>,
}

impl Ops for Looking {
    fn health(&self) -> Health {
        let Layouts { current, rejected } = self.layouts.borrow().clone();
        let health = match rejected.as_deref().map(|rejected| rejected.problems.first()) {
            None => Health::ok(format!("{} dashboards are served", current.dashboards.len())),
            Some(first) => {
                let first =
                    first.map_or_else(String::new, |problem| format!(": {}: {}", problem.place(), problem.what));
                Health::new(Status::Degraded, format!("a newer version of the scripts was refused{first}"))
                    .next("mend the script; the last good version goes on")
            }
        };
        let health = match rejected {
            Some(rejected) => health.with("scripts_rejected", rejected.draw(false)),
            None => health,
        };
        let health = match self.reach.borrow().clone() {
            Reach::Away(why) if health.status == Status::Ok => unreadable(Status::Degraded, &why),
            Reach::Away(why) => health.with("store", why),
            Reach::Unknown | Reach::Answers => health,
        };
        credentials::health(health.with("scripts", current.hash.as_str()), &self.credentials)
    }

    fn ready(&self) -> Health {
        let away = || match &*self.reach.borrow() {
            Reach::Answers => None,
            Reach::Unknown => Some(unreadable(Status::Failed, "it has not answered yet")),
            Reach::Away(why) => Some(unreadable(Status::Failed, why)),
        };
        credentials::ready(&self.credentials).or_else(away).unwrap_or_else(|| self.health())
    }

    fn metrics(&self, page: &mut Page) {
        let (views, listeners) = self.hub.counts();
        let dashboards = self.layouts.borrow().current.dashboards.len();
        page.gauge("infralogs_dashboards", "Dashboards the scripts declare.", &[], dashboards as f64);
        page.gauge("infralogs_dashboard_views", "Different views that are looked at.", &[], views as f64);
        page.gauge("infralogs_dashboard_pages", "Pages that listen for changes.", &[], listeners as f64);
        let up = f64::from(u8::from(*self.reach.borrow() == Reach::Answers));
        page.gauge("infralogs_read_store_up", "1 while the store that dashboards read answers", &[], up);
        credentials::metrics(page, &self.credentials);
    }
}

/// Nobody gets rows: pages stay as they were and say so.
fn unreadable(status: Status, why: &str) -> Health {
    Health::new(status, format!("the store can't be read: {why}")).next("mend the store; pages go on by themselves")
}
