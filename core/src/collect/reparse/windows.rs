//! Where to look for what arrived.

use crate::{
    plugin::{Arrived, Stream},
    time::Window,
};
use std::{collections::HashMap, time::Duration};

/// What arrived of times nearer than this is read together.
const NEAR: Duration = Duration::from_secs(60);
/// A commit whose own entries are farther apart than this is read by itself: its machine's clock jumped.
const WIDE: Duration = Duration::from_secs(3_600);
/// The windows to read so that everything that arrived is found. What arrived at about the same time is read together;
/// what one commit brought of times far apart, by its counter alone.
pub(super) fn windows(mut pending: Vec<Arrived>) -> Vec<(Window, Option<Stream>)> {
    pending.sort_by_key(|arrived| arrived.times.from);
    let (mut together, mut alone): (Vec<Window>, HashMap<Stream, Window>) = Default::default();
    for Arrived { stream, times, .. } in pending {
        if times.from.plus(WIDE) < times.to {
            let whole = alone.entry(stream).or_insert(times);
            *whole = Window { from: whole.from.min(times.from), to: whole.to.max(times.to) };
            continue;
        }
        match together.last_mut().filter(|last| times.from <= last.to.plus(NEAR)) {
            Some(last) => last.to = last.to.max(times.to),
            None => together.push(times),
        }
    }
    let together = together.into_iter().map(|window| (window, None));
    together.chain(alone.into_iter().map(|(stream, window)| (window, Some(stream)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::Id128, time::Time};

    #[test]
    fn what_arrives_together_is_read_together() {
        let (minute, hour) = (60_000_000, 3_600_000_000);
        let arrived = |name: &str, from: i64, to: i64| Arrived {
            stream: Stream { machine: Id128::of(&[name.as_bytes()]), seqnum_id: Id128::default() },
            lowest: 1,
            times: Window { from: Time(from), to: Time(to) },
        };
        let window = |from, to| Window { from: Time(from), to: Time(to) };
        let read = windows(vec![
            arrived("a", 50, 60),
            arrived("b", 10, 31),
            arrived("c", 2 * minute, 2 * minute + 9),
            arrived("d", 0, 2 * hour),
            arrived("d", hour, 9 * hour),
        ]);
        let alone = Some(arrived("d", 0, 0).stream);
        assert_eq!(
            read,
            [(window(10, 60), None), (window(2 * minute, 2 * minute + 9), None), (window(0, 9 * hour), alone)]
        );
    }
}
