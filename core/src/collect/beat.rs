//! Says once a second that this collector lives, so that readers of a copy of the store know how old it is.

use super::poll::blocking;
use crate::plugin::Store;
use std::{sync::Arc, time::Duration};

/// How often.
const EVERY: Duration = Duration::from_secs(1);

/// Until it is aborted. Failures are not said: those of the commits are.
pub(super) async fn every_second(store: Arc<dyn Store>, owner: String) {
    loop {
        let (store, owner) = (store.clone(), owner.clone());
        let _ = blocking(move || store.beat(&owner)).await;
        tokio::time::sleep(EVERY).await;
    }
}
