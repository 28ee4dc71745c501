//! When which targets are polled, as scripts declare it.

use crate::inventory::Targets;
use std::{sync::Arc, time::Duration};

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
    /// The longest one poll may take.
    pub timeout: Duration,
    /// The first and the longest wait after failures.
    pub backoff: (Duration, Duration),
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
