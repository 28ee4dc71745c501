//! Says once a second that this collector lives, so that readers of a copy of the store know how old they are.

use super::poll::blocking;
use crate::plugin::Store;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Until it is aborted. A failure is told, in no words: whoever hears of it finds out for himself.
pub(super) async fn every_second(store: Arc<dyn Store>, owner: String, failed: Arc<Notify>) {
    loop {
        let (store, owner) = (store.clone(), owner.clone());
        if blocking(move || store.beat(&owner)).await.is_err() {
            failed.notify_one();
        }
        tokio::time::sleep(EVERY).await;
    }
}
