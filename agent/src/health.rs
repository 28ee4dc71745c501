//! What `/health` and `/metrics` say: from what is known already.

use crate::{Files, Served, script::in_one_line, seen::Seen};
use infralogs_core::script::Scripts;
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
    pub(crate) scripts: Option<Arc<Scripts>>,
}

impl Ops for AgentOps {
    fn health(&self) -> Health {
        let health = self.seen.health(format!("{} answers served", self.served.answers.load(Ordering::Relaxed)));
        let health = match &self.scripts {
            Some(scripts) => health.with("scripts", scripts.current().hash.as_str()),
            None => health,
        };
        if health.status != Status::Ok {
            return health;
        }
        if let Some(rejected) = self.scripts.as_ref().and_then(|scripts| scripts.rejected()) {
            let what = format!("a newer version of the scripts was refused: {}", in_one_line(&rejected));
            let health = Health { status: Status::Degraded, what, ..health };
            return health.next("mend the script; the last good version goes on");
        }
        let noted = (self.files)();
        if let Some(files) = named(&noted.unreadable) {
            let what = format!("nothing can be read of {files}; its entries are counted");
            return (Health { status: Status::Degraded, what, ..health })
                .next("look at it with `journalctl --verify --file=…`, and move it away if it is of no use");
        }
        match named(&noted.through_journalctl) {
            Some(files) => Health {
                status: Status::Degraded,
                what: format!("a newer systemd wrote {files}, in a form unknown here: read through journalctl"),
                ..health
            }
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
        if let Some(scripts) = &self.scripts {
            let rejected = f64::from(u8::from(scripts.rejected().is_some()));
            page.gauge("infralogs_scripts_rejected", "1 while an edit of the scripts is refused", &[], rejected);
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
