//! When which targets are polled, as scripts declare it.

mod calendar;

pub use calendar::{Cron, Hours};

use crate::{error::Result, inventory::Targets, time::Time};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// The shortest wait a schedule's closure may ask for.
pub const ADAPT_MIN: Duration = Duration::from_secs(1);
/// The longest wait a schedule's closure may ask for.
pub const ADAPT_MAX: Duration = Duration::from_secs(24 * 3600);

/// When targets are polled and with what their entries are parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Unique.
    pub name: Arc<str>,
    /// Whom it polls.
    pub targets: Targets,
    /// How often each target is polled.
    pub every: Duration,
    /// The share of `every` by which a poll may come early or late, 0 to 1.
    pub jitter: f64,
    /// The moments it is polled at instead of `every`.
    pub cron: Option<Cron>,
    /// Polls begin only in these hours; empty: at any time.
    pub during: Vec<Hours>,
    /// Says after each poll how long to wait until the target's next; instead of `every`.
    pub adapt: Option<Adapt>,
    /// The longest one poll may take.
    pub timeout: Duration,
    /// The first and the longest wait after failures.
    pub backoff: (Duration, Duration),
    /// The most polls of one host that run at a time (its journal and its reports).
    pub per_host: Option<usize>,
    /// The most polls of this schedule that one collector starts in a second.
    pub per_second: Option<f64>,
    /// Which parsers run; `None`: all.
    pub parse: Option<Vec<Arc<str>>>,
    /// The agents' reports it polls as well (`disk`), and how often.
    pub reports: Vec<(Arc<str>, Duration)>,
    /// The most entries one poll brings.
    pub limit: usize,
    /// How far back a machine never seen before is read; `None`: all it has.
    pub since: Option<Duration>,
    /// `file:line:column` of its declaration.
    pub place: String,
}

impl Schedule {
    /// The first moment at or after this one at which a poll may begin. Far in the future if there is none.
    pub fn opens(&self, at: Time) -> Time {
        self.during.iter().map(|hours| hours.opens(at)).min().unwrap_or(at)
    }
}

/// One poll that ended well, as a schedule's closure sees it.
#[derive(Debug, Clone)]
pub struct Polled<'a> {
    /// The target's name.
    pub target: &'a str,
    /// The target's labels.
    pub labels: &'a BTreeMap<String, String>,
    /// How many entries the poll brought.
    pub entries: usize,
    /// How old the newest of them was; nothing if there was none.
    pub lag: Duration,
    /// How long the poll took.
    pub took: Duration,
}

/// A closure that decides how long to wait after a poll: `None` leaves it at `every`. Between [`ADAPT_MIN`] and
/// [`ADAPT_MAX`]. After an error the caller waits `every` and says the error once.
pub type AdaptFn = dyn Fn(&Polled<'_>) -> Result<Option<Duration>> + Send + Sync;

/// Such a closure, shared.
#[derive(Clone)]
pub struct Adapt(pub Arc<AdaptFn>);

impl fmt::Debug for Adapt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Adapt(..)")
    }
}

impl PartialEq for Adapt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
