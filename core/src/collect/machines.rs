//! Which machine each target is, so that none passes for another: a journal's place belongs to the target that stored
//! its entries, as long as that one is polled and says nothing else itself.
//!
//! Machines that were cloned with one id have counters of their own and stand beside each other; a target that was
//! renamed takes its machine along; two that changed their addresses swap.

use crate::{id::Id128, plugin::Stream};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Shared by all polls of one collector.
#[derive(Debug, Default)]
pub struct Machines {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    polled: HashSet<Arc<str>>,
    /// The journal each target said is its own, last.
    said: HashMap<Arc<str>, Stream>,
}

impl Machines {
    /// Only these targets are polled now.
    pub(super) fn keep(&self, polled: HashSet<Arc<str>>) {
        let mut inner = self.lock();
        inner.said.retain(|target, _| polled.contains(target));
        inner.polled = polled;
    }

    /// A target says which journal is its own.
    pub(super) fn said(&self, target: &Arc<str>, stream: Stream) {
        self.lock().said.insert(target.clone(), stream);
    }

    /// The other target whose journal (or, of a report, whose machine) a stream is. `known`: who gave entries of that
    /// machine's journal before, and by which counter.
    pub(super) fn owner(
        &self,
        target: &str,
        stream: Stream,
        of_logs: bool,
        known: &[(String, Id128)],
    ) -> Option<String> {
        let inner = self.lock();
        let same = |seqnum_id: Id128| !of_logs || seqnum_id == stream.seqnum_id;
        if known.iter().any(|(name, id)| name == target && same(*id)) {
            return None;
        }
        let still = |name: &str| {
            let said = inner.said.get(name);
            said.is_none_or(|said| said.machine == stream.machine && same(said.seqnum_id))
        };
        let owner = known.iter().find(|(name, id)| same(*id) && inner.polled.contains(&**name) && still(name));
        owner.map(|(name, _)| name.clone())
    }

    /// The target among these that is polled now.
    pub(super) fn polled<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Option<String> {
        let inner = self.lock();
        names.into_iter().find(|name| inner.polled.contains(*name)).map(str::to_owned)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> Id128 {
        Id128::of(&[name.as_bytes()])
    }

    fn journal(name: &str) -> Stream {
        Stream { machine: id(name), seqnum_id: id(&format!("{name}'s")) }
    }

    #[test]
    fn a_journal_belongs_to_the_target_that_gave_it() {
        let machines = Machines::default();
        machines.keep(["a", "b"].map(Arc::from).into());
        let known = [("a".to_owned(), journal("a").seqnum_id)];
        let owner = |target, stream, of_logs| machines.owner(target, stream, of_logs, &known);
        assert_eq!(owner("a", journal("a"), true), None);
        assert_eq!(owner("b", journal("a"), true), Some("a".into()), "though `a` has said nothing since the start");
        let cloned = Stream { seqnum_id: id("its own"), ..journal("a") };
        assert_eq!(owner("b", cloned, true), None, "a clone has a counter of its own");
        assert_eq!(owner("b", cloned, false), Some("a".into()), "a report goes by the machine");
        machines.said(&"a".into(), journal("a"));
        assert_eq!(owner("b", journal("a"), true), Some("a".into()));
        machines.said(&"a".into(), journal("b"));
        assert_eq!(owner("b", journal("a"), true), None, "they changed their addresses");
        machines.said(&"a".into(), journal("a"));
        machines.keep(["b"].map(Arc::from).into());
        assert_eq!(owner("b", journal("a"), true), None, "`a` was renamed `b`");
    }
}
