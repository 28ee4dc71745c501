//! Replaces credentials while work goes on, knowing nothing of where they come from or what they open.
//!
//! `plan` is the arithmetic: when to renew, when to replace, how long to wait after a failure. `keeper` keeps one
//! secret alive for one holder: issue, try, swap, drain, close all, revoke. `cached` keeps values that are only read.

mod cached;
mod keeper;
mod plan;

pub use cached::{Cached, Told, Values};
pub use keeper::{Keeper, Kept, Standing, Watch};
pub use plan::{DRAIN_MAX, END_MAX, Pace, backoff, renew_after, shrunk};

use tokio::sync::Notify;

/// Where a holder says that its credentials were refused in use.
#[derive(Debug, Default)]
pub struct Refusals(Notify);

impl Refusals {
    /// They were refused. Many at once count as one.
    pub fn tell(&self) {
        self.0.notify_one();
    }
    /// Waits until they are.
    pub async fn told(&self) {
        self.0.notified().await;
    }
}
