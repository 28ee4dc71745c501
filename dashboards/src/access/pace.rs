//! How often an address may try wrong tokens before it has to wait.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Wrong tries an address has in [`WINDOW`].
pub const TRIES_MAX: u32 = 10;

/// After so long, wrong tries are forgotten.
pub const WINDOW: Duration = Duration::from_secs(60);

/// The most addresses remembered; beyond that, all newcomers share one count.
const ADDRESSES_MAX: usize = 10_000;

/// Wrong tries by address.
#[derive(Default)]
pub struct Pace(Mutex<HashMap<Option<IpAddr>, (u32, Instant)>>);

impl Pace {
    /// Whether this address may try once more.
    pub fn may_try(&self, from: Option<IpAddr>) -> bool {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = place(&mut tries, from);
        tries.get(&from).is_none_or(|(count, since)| *count < TRIES_MAX || since.elapsed() >= WINDOW)
    }

    /// Notes how it went; a right one forgets the wrong ones.
    pub fn tried(&self, from: Option<IpAddr>, right: bool) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = place(&mut tries, from);
        if right {
            tries.remove(&from);
            return;
        }
        let entry = tries.entry(from).or_insert_with(|| (0, Instant::now()));
        if entry.1.elapsed() >= WINDOW {
            *entry = (0, Instant::now());
        }
        entry.0 += 1;
    }
}

/// Under which key an address is counted. An IPv6 network of 64 bits is one address: whoever has one has them all.
fn place(tries: &mut HashMap<Option<IpAddr>, (u32, Instant)>, from: Option<IpAddr>) -> Option<IpAddr> {
    let from = from.map(|address| match address {
        IpAddr::V6(six) => IpAddr::V6((six.to_bits() & !u128::from(u64::MAX)).into()),
        four => four,
    });
    if tries.len() >= ADDRESSES_MAX && !tries.contains_key(&from) {
        tries.retain(|_, (_, since)| since.elapsed() < WINDOW);
    }
    if tries.len() >= ADDRESSES_MAX && !tries.contains_key(&from) { None } else { from }
}
