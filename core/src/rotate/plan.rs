//! When to renew, when to replace, how long to wait: pure functions of spans, no clock.

use std::time::Duration;

/// How long connections of replaced credentials may finish what they do. No transaction lasts as long.
pub const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How long closing, revoking and leaving may take when the program ends.
pub const END_MAX: Duration = Duration::from_secs(3);
/// Renewing may begin this share of the life before two thirds, by chance: a fleet does not ask at one moment.
const JITTER: f64 = 0.1;
/// A renewed life shorter than this share of the first one was cut: the maximum is near.
const SHRUNK: f64 = 0.9;
/// The first wait after a failure is at most this.
const WAIT_FIRST: Duration = Duration::from_millis(500);

/// How patient one is after failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The other side is away: it comes back by itself.
    Soon,
    /// A right is missing: a person must act, and asking often only fills logs.
    Slow,
}

/// How long after the answer a life of this length is prolonged: at two thirds, or a little before. `chance` is in
/// 0..1.
pub fn renew_after(within: Duration, chance: f64) -> Duration {
    within.mul_f64(2.0 / 3.0 - JITTER * chance.clamp(0.0, 1.0))
}

/// Whether the answer to a renewal says that the end is near: shorter than at first.
pub fn shrunk(first: Duration, renewed: Duration) -> bool {
    renewed < first.mul_f64(SHRUNK)
}

/// How long to wait after the `failures`th failure in a row, up to a bound that doubles: any span below it (full
/// jitter), or at least half of it where asking often helps nobody.
pub fn backoff(failures: u32, pace: Pace, chance: f64) -> Duration {
    let most = match pace {
        Pace::Soon => Duration::from_secs(30),
        Pace::Slow => Duration::from_secs(300),
    };
    let first = match pace {
        Pace::Soon => WAIT_FIRST,
        Pace::Slow => Duration::from_secs(10),
    };
    let share = match pace {
        Pace::Soon => chance.clamp(0.0, 1.0),
        Pace::Slow => 0.5 + chance.clamp(0.0, 1.0) / 2.0,
    };
    let bound = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(most);
    bound.mul_f64(share).max(Duration::from_millis(20))
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn renews_at_two_thirds_and_never_later() {
        assert_eq!(renew_after(30 * S, 0.0), 20 * S);
        assert_eq!(renew_after(30 * S, 1.0), 17 * S);
        assert_eq!(renew_after(Duration::ZERO, 0.5), Duration::ZERO);
    }

    #[test]
    fn a_shorter_answer_means_the_maximum_is_near() {
        assert!(!shrunk(30 * S, 30 * S) && !shrunk(30 * S, 29 * S), "rounding is no sign");
        assert!(shrunk(30 * S, 26 * S) && shrunk(30 * S, Duration::ZERO));
    }

    #[test]
    fn waits_grow_to_a_bound_and_start_anywhere_below() {
        let most = |failures| backoff(failures, Pace::Soon, 1.0);
        assert_eq!((most(1), most(2), most(3)), (S / 2, S, 2 * S));
        assert_eq!((most(40), most(u32::MAX)), (30 * S, 30 * S));
        assert_eq!((backoff(9, Pace::Slow, 0.0), backoff(9, Pace::Slow, 1.0)), (150 * S, 300 * S));
        assert_eq!(backoff(9, Pace::Soon, 0.0), Duration::from_millis(20));
    }
}
