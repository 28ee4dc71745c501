//! Questions for groups of rows, of the keys and measures that a table has.

use crate::query::{Aggregate, Key, Measure, Shape};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{collections::BTreeSet, ops::Range, time::Duration};

/// Up to two different keys, a count and so many further measures, in buckets of these seconds or in none.
pub(super) fn groups(
    key: BoxedStrategy<Key>,
    measure: BoxedStrategy<Aggregate>,
    more: Range<usize>,
    every_s: &[u64],
) -> BoxedStrategy<Shape> {
    let by = vec(key, 0..3).prop_map(|keys| {
        let mut seen = BTreeSet::new();
        keys.into_iter().filter(|key| seen.insert(key.name().to_owned())).collect::<Vec<_>>()
    });
    let measures = vec(measure, more).prop_map(|more| {
        let all = std::iter::once(Aggregate::Count).chain(more).enumerate();
        all.map(|(at, of)| Measure { name: format!("m{at}").into(), of }).collect::<Vec<_>>()
    });
    let every: Vec<Option<u64>> = std::iter::once(None).chain(every_s.iter().copied().map(Some)).collect();
    (select(every), by, measures, option::of(1_usize..5))
        .prop_map(|(every, by, measures, top)| Shape::Groups {
            every: every.map(Duration::from_secs),
            by,
            measures,
            top,
        })
        .boxed()
}
