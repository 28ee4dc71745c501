//! Which scripts an agent has in force, and an edit it refused: one entry a report, like any other entry.

use crate::{Open, report::Report};
use infralogs_core::{
    Result,
    cursor::Cursor,
    entry::Batch,
    plugin::{Ask, Later, Source},
    script::{Rejected, Scripts},
};
use std::sync::Arc;

/// The most of a refused edit that is told, in characters.
const REJECTED_MAX: usize = 300;

/// Reports of an agent's scripts, in the name of the machine whose journal it serves.
#[derive(Clone)]
pub(crate) struct Generation {
    journal: Open,
    scripts: Option<Arc<Scripts>>,
}

impl Generation {
    pub(crate) fn new(journal: Open, scripts: Option<Arc<Scripts>>) -> Self {
        Self { journal, scripts }
    }

    async fn report(&self, ask: &Ask) -> Result<Batch> {
        let mut source = (self.journal)()?;
        let hello = source.read(&Ask { limit: 0, ..Ask::default() }).await?;
        // Its newest entry says what the machine is called now.
        let behind = hello.head.map(|head| Cursor { seqnum: head.seqnum.saturating_sub(1), ..head });
        let newest = source.read(&Ask { after: behind, limit: 1, ..Ask::default() }).await?;
        let host = newest.entries.iter().next().and_then(|entry| entry.field("_HOSTNAME"));
        let host = String::from_utf8_lossy(host.unwrap_or_default()).into_owned();
        let mut report = Report::new("scripts", hello.machine, &host, ask);
        if report.has_room() {
            let current = self.scripts.as_ref().map(|scripts| scripts.current());
            let (rules, hash) = current.map_or((0, String::new()), |now| (now.rules.len(), now.hash.clone()));
            let rejected = self.scripts.as_ref().and_then(|scripts| scripts.rejected());
            let rejected = rejected.map(|rejected| in_one_line(&rejected));
            let rules = rules.to_string();
            let says = [("agent", env!("CARGO_PKG_VERSION")), ("scripts", &hash), ("rules", &rules)];
            let refused = rejected.as_deref().map(|rejected| ("rejected", rejected));
            let says: Vec<_> = says.into_iter().filter(|(_, value)| !value.is_empty()).chain(refused).collect();
            report.entry(&says, &[]);
        }
        Ok(report.end())
    }
}

impl Source for Generation {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(self.report(ask))
    }
}

/// The first mistake: what and where.
pub(crate) fn in_one_line(rejected: &Rejected) -> String {
    let first = rejected.problems.first().map(|problem| format!("{} ({})", problem.what, problem.place()));
    first.unwrap_or_default().chars().take(REJECTED_MAX).collect()
}
