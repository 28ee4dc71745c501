//! How many bytes all polls together may hold: small answers are free, larger ones wait for room.
//!
//! There is so much room of each size, and who waits for the next size holds only the one before: those with the
//! largest wait for nobody, so all come through, however many bring as much as they can at once.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What every poll may hold without asking. In bytes.
pub const FREE_BYTES: usize = 1 << 20;
/// Beyond: sizes in bytes, each with how many polls may hold so much at once. The last is more than any answer has.
const SIZES: [(usize, usize); 2] = [(8 << 20, 24), (usize::MAX, 4)];

/// The room of one process.
#[derive(Debug, Clone)]
pub struct Rooms {
    sizes: [Arc<Semaphore>; SIZES.len()],
}

impl Default for Rooms {
    fn default() -> Self {
        Self { sizes: SIZES.map(|(_, many)| Arc::new(Semaphore::new(many))) }
    }
}

impl Rooms {
    /// Room for one answer, none taken yet.
    pub fn one(&self) -> Room {
        Room(Some(Arc::new(Inner { rooms: self.clone(), taken: Mutex::default() })))
    }

    /// For each size beyond the free one: its bytes (the last has no end), how many hold so much now, and how many may.
    pub fn taken(&self) -> [(usize, usize, usize); SIZES.len()] {
        std::array::from_fn(|at| {
            let (bytes, most) = SIZES[at];
            (bytes, most - self.sizes[at].available_permits(), most)
        })
    }
}

/// Room of one answer, given back when the last copy goes. The default has no limit.
#[derive(Debug, Clone, Default)]
pub struct Room(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    rooms: Rooms,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    permits: Vec<OwnedSemaphorePermit>,
    waited: Duration,
    waiting: Option<Instant>,
}

impl Room {
    /// Waits until so many bytes (all together, not further ones) may be held.
    pub async fn hold(&self, bytes: usize) {
        let Some(inner) = &self.0 else { return };
        loop {
            let held = inner.with(|taken| taken.permits.len());
            let enough = if held == 0 { FREE_BYTES } else { SIZES[held - 1].0 };
            if bytes <= enough || held == SIZES.len() {
                return;
            }
            inner.with(|taken| taken.waiting = Some(Instant::now()));
            let permit = inner.rooms.sizes[held].clone().acquire_owned().await;
            inner.with(|taken| {
                taken.waited += taken.waiting.take().map_or(Duration::ZERO, |since| since.elapsed());
                taken.permits.extend(permit);
            });
        }
    }

    /// How long it waited so far, which is not the time of whoever answers.
    pub fn waited(&self) -> Duration {
        let waited = |taken: &mut Taken| taken.waited + taken.waiting.map_or(Duration::ZERO, |since| since.elapsed());
        self.0.as_ref().map_or(Duration::ZERO, |inner| inner.with(waited))
    }
}

impl Inner {
    fn with<T>(&self, run: impl FnOnce(&mut Taken) -> T) -> T {
        run(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// Two hundred answers of 32 MiB each, all at once, would be more than 6 GB.
    #[tokio::test]
    async fn however_many_large_answers_come_at_once_little_is_held_and_all_come_through() {
        const ANSWERS: usize = 200;
        const ANSWER_BYTES: usize = 32 << 20;
        const CHUNK_BYTES: usize = 512 << 10;
        let rooms = Rooms::default();
        let (held, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let all: Vec<_> = (0..ANSWERS)
            .map(|_| {
                let (rooms, held, most) = (rooms.clone(), held.clone(), most.clone());
                tokio::spawn(async move {
                    let room = rooms.one();
                    for chunk in 1..=ANSWER_BYTES / CHUNK_BYTES {
                        room.hold(chunk * CHUNK_BYTES).await;
                        most.fetch_max(held.fetch_add(CHUNK_BYTES, SeqCst) + CHUNK_BYTES, SeqCst);
                        tokio::task::yield_now().await;
                    }
                    held.fetch_sub(ANSWER_BYTES, SeqCst);
                    room.waited()
                })
            })
            .collect();
        let mut waited = Duration::ZERO;
        for one in all {
            waited += one.await.expect("it comes through");
        }
        let bound = ANSWERS * FREE_BYTES + 24 * (8 << 20) + 4 * ANSWER_BYTES;
        let most = most.load(SeqCst);
        assert!(most <= bound, "{most} bytes were held at once, more than {bound}");
        assert!(waited > Duration::ZERO, "some waited");
        assert!(rooms.taken().iter().all(|(_, taken, _)| *taken == 0), "everything is given back");
    }

    #[tokio::test]
    async fn small_answers_never_wait_behind_large_ones() {
        let rooms = Rooms::default();
        let large: Vec<Room> = (0..4).map(|_| rooms.one()).collect();
        for room in &large {
            room.hold(64 << 20).await;
        }
        let waits = rooms.one();
        assert!(tokio::time::timeout(Duration::from_millis(20), waits.hold(64 << 20)).await.is_err());
        assert!(waits.waited() >= Duration::from_millis(20), "and its time is not counted as the machine's");
        rooms.one().hold(FREE_BYTES).await;
        rooms.one().hold(FREE_BYTES * 4).await;
        drop(large);
        rooms.one().hold(64 << 20).await;
    }
}
