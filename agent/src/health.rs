//! What `/health` and `/metrics` say: from what is known already.

use crate::{Files, Served, seen::Seen};
use infralogs_http::ops::{Health, Ops, Page, Status};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What is known of an agent.
pub(crate) struct AgentOps {
    pub(crate) served: Arc<Served>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) files: Files,
}

impl Ops for AgentOps {
    fn health(&self) -> Health {
        let health = self.seen.health(format!("{} answers served", self.served.answers.load(Ordering::Relaxed)));
        if health.status != Status::Ok {
            return health;
        }
        let noted = (self.files)();
        if let Some(files) = named(&noted.unreadable) {
            return Health::new(Status::Degraded, format!("nothing can be read of {files}; its entries are counted"))
                .next("look at it with `journalctl --verify --file=…`, and move it away if it is of no use");
        }
        match named(&noted.through_journalctl) {
            Some(files) => Health::new(
                Status::Degraded,
                format!("a newer systemd wrote {files}, in a form unknown here: read through journalctl"),
            )
            .next("update infralogs: its own reader costs a fraction"),
            None => health,
        }
    }

    /// A degraded agent serves all the same.
    fn ready(&self) -> Health {
        self.seen.health("ready".into())
    }

    fn metrics(&self, page: &mut Page) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.counter("infralogs_agent_answers_total", "Answers begun", &[], read(&self.served.answers));
        page.counter("infralogs_agent_entries_total", "Entries served", &[], read(&self.served.entries));
        for (name, help, counter) in [
            ("infralogs_agent_dropped_total", "Entries that rules or filters left out", &self.served.dropped),
            ("infralogs_agent_unreadable_total", "Damaged entries that readers passed", &self.served.unreadable),
            ("infralogs_agent_unread_total", "Numbers that are in no file we can read", &self.served.unread),
            ("infralogs_agent_lost_total", "Entries removed before readers came to them", &self.served.lost),
        ] {
            page.counter(name, help, &[], read(counter));
        }
        let noted = (self.files)();
        for (how, files) in [
            ("through journalctl", &noted.through_journalctl),
            ("not: damaged", &noted.unreadable),
            ("not: no permission", &noted.denied),
        ] {
            let help = "Journal files not read as they should be";
            page.gauge("infralogs_agent_journal_files", help, &[("read", how)], files.len() as f64);
        }
    }
}

/// `/a/b.journal and 2 others`.
fn named(files: &[PathBuf]) -> Option<String> {
    let first = files.first()?.display();
    Some(match files.len() - 1 {
        0 => first.to_string(),
        1 => format!("{first} and one more file"),
        more => format!("{first} and {more} more files"),
    })
}
