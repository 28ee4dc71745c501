//! hyper's timer for one connection: it waits anew before each request, and nearly always in vain, so one timer of
//! the runtime serves all these waits. It is moved when it fires, not when a wait begins.

use hyper::rt::{Sleep, Timer};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::time;

/// One connection's timer.
#[derive(Clone)]
pub(super) struct Clock(Arc<Mutex<Armed>>);

/// The runtime's timer and who is woken by it.
struct Armed {
    timer: Pin<Box<time::Sleep>>,
    wakes: Waker,
}

impl Clock {
    pub fn new() -> Self {
        let timer = Box::pin(time::sleep(Duration::ZERO));
        Self(Arc::new(Mutex::new(Armed { timer, wakes: Waker::noop().clone() })))
    }
}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait { deadline, clock: self.clone() })
    }
}

/// One wait.
struct Wait {
    deadline: Instant,
    clock: Clock,
}

impl Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut armed = self.clock.0.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = time::Instant::from_std(self.deadline);
        // Set for an earlier wait it wakes this task early enough, and then is set anew for this one.
        if !armed.timer.is_elapsed() && armed.timer.deadline() <= deadline && armed.wakes.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        if self.deadline <= Instant::now() {
            return Poll::Ready(());
        }
        armed.wakes = cx.waker().clone();
        armed.timer.as_mut().reset(deadline);
        armed.timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// Far beyond what anything here takes.
    const LONG: Duration = Duration::from_secs(600);

    /// Looks at a wait and gives it up, as at a request that came.
    async fn begin(clock: &Clock, length: Duration) {
        let mut wait = clock.sleep(length);
        poll_fn(|cx| {
            let _ = wait.as_mut().poll(cx);
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn each_wait_ends_at_its_own_time_whatever_waits_were_before() {
        let clock = Clock::new();
        let length = Duration::from_millis(40);
        for before in [length / 2, length, LONG] {
            let begun = Instant::now();
            begin(&clock, before).await;
            clock.sleep(length).await;
            assert!((length..LONG / 2).contains(&begun.elapsed()), "{:?} after {before:?}", begun.elapsed());
            clock.sleep_until(begun).await;
        }
        // Nor by whose: another task is woken as well.
        begin(&clock, length).await;
        tokio::spawn(async move { clock.sleep(length).await }).await.expect("it ends");
    }
}
