//! Whether the store that is read answers: it is asked every few seconds, so that `/ready` sends nobody to pages without
//! rows, and a new version that can't read never takes the place of one that can.

use infralogs_core::{plugin::Store, tables};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::spawn_blocking, time::timeout};

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// Longer than any answer takes, also behind queries that are at work.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// It has not answered yet.
    Unknown,
    /// It answers.
    Answers,
    /// It can't be read, for this reason.
    Away(String),
}

/// Asks for as long as somebody listens.
pub fn watch(store: Arc<dyn Store>) -> watch::Receiver<Reach> {
    let (tell, told) = watch::channel(Reach::Unknown);
    tokio::spawn(async move {
        while !tell.is_closed() {
            let asked = store.clone();
            // Whether there are tables yet is another matter.
            let mut answer = spawn_blocking(move || asked.columns(&tables::LOGS.name).map(drop));
            let known = timeout(ANSWER_MAX, &mut answer).await;
            let late = known.is_err();
            tell.send_replace(match known {
                Ok(Ok(Ok(()))) => Reach::Answers,
                Ok(Ok(Err(error))) => Reach::Away(error.to_string()),
                Ok(Err(error)) => Reach::Away(format!("asking it broke off: {error}")),
                Err(_) => Reach::Away(format!("no answer within {} s", ANSWER_MAX.as_secs())),
            });
            if late {
                // One question at a time, whatever became of it.
                let _ = answer.await;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    });
    told
}
