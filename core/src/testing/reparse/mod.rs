//! A table built anew from `logs`: nothing is missing and nothing twice, whoever commits or dies meanwhile.

mod feed;
mod judge;

use super::Opened;
use crate::{
    collect::{Reparsed, Sizes, Step, rehearse, reparse_by},
    error::{Error, Kind},
    plugin::Store,
};
use feed::{BEFORE, Feed, filled, new, since};
use judge::{is_anew, is_untouched};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

/// Small, so that each step is taken several times of few entries.
const SIZES: Sizes = Sizes { entries: 1_000, kept: 500 };

fn anew(store: &dyn Store, told: &mut dyn FnMut(Step)) -> crate::Result<Reparsed> {
    let parser = new();
    reparse_by(SIZES, store, &parser.table, std::slice::from_ref(&parser), since(), &mut |step, _| {
        told(step);
        Ok(())
    })
}

/// A changed type is refused with what to do; then the table is built anew, twice with the same result.
pub fn is_built_anew(opened: &Opened) {
    let store = &*opened.store;
    let mut feeds = filled(opened);
    let refused = store.prepare(std::slice::from_ref(&new().table)).expect_err("another type");
    assert!(refused.to_string().contains("infralogs reparse --parser made"), "{refused}");
    let columns = |store: &dyn Store| store.columns("made").expect("columns").into_iter().map(|column| column.name);
    assert!(columns(store).any(|name| name == "number"));

    let parser = new();
    let told = &mut |_: Step, _: &Reparsed| Ok(());
    let pretended = rehearse(store, std::slice::from_ref(&parser), since(), told).expect("rehearse");
    is_untouched(store, &feeds);

    let parsers = std::slice::from_ref(&parser);
    let stopped = reparse_by(SIZES, store, &parser.table, parsers, since(), &mut |step, _| match step {
        Step::Decide => Err(Error::failed("told to stop")),
        _ => Ok(()),
    });
    assert!(stopped.is_err_and(|error| error.what == "told to stop"));
    is_untouched(store, &feeds);
    feeds[0].commit(store, 10);

    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    let done = anew(store, &mut |_| {}).expect("built anew");
    let (more, new_rows) = (10, 9 - 1);
    assert_eq!((done.entries, done.rows), (pretended.entries + more, pretended.rows + new_rows), "{done:?}");
    assert!(done.kept > 0 && done.failed > 0 && done.reason.is_some(), "{done:?}");
    is_anew(store, &feeds, &begun);

    // Collectors go on with the new shape, those of another process too, and it can be done again.
    feeds.push(Feed::new("web-3"));
    feeds[3].commit(&*opened.other, 10);
    feeds[1].commit(store, 10);
    let again = anew(&*opened.other, &mut |_| {}).expect("again");
    assert_eq!((again.kept, again.emptied), (done.kept + 9, 0), "{again:?}");
    is_anew(store, &feeds, &[begun[0], begun[1], begun[2], 1]);
}

/// Two collectors store all the while, from both processes.
pub fn is_built_while_others_commit(opened: &Opened) {
    let mut feeds = filled(opened);
    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    let (stop, steps) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (stop, steps) = (&stop, &steps);
        let (first, rest) = feeds.split_at_mut(1);
        for (feeds, store) in [(first, &opened.store), (rest, &opened.other)] {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    feeds.iter_mut().for_each(|feed| feed.commit(&**store, 20));
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        let done = catch_unwind(AssertUnwindSafe(|| {
            anew(&*opened.other, &mut |step| {
                // So that something is committed in every step, but for those in which nothing can be.
                let pause = if matches!(step, Step::Frozen | Step::Decide | Step::Finish) { 5 } else { 30 };
                std::thread::sleep(Duration::from_millis(pause));
                steps.fetch_add(1, Ordering::Relaxed);
            })
        }));
        std::thread::sleep(Duration::from_millis(100));
        stop.store(true, Ordering::Relaxed);
        done.expect("no panic").expect("built anew");
    });
    assert!(feeds.iter().all(|feed| feed.next > BEFORE + 100), "they committed all the while");
    assert!(steps.load(Ordering::Relaxed) > 10);
    is_anew(&*opened.store, &feeds, &begun);
}

/// A sudden death: no line of ours runs behind it.
fn dies_at(store: &dyn Store, at: Step, nth: usize) -> bool {
    let mut seen = 0;
    let died = catch_unwind(AssertUnwindSafe(|| {
        anew(store, &mut |step| {
            seen += usize::from(step == at);
            if step == at && seen == nth {
                std::panic::resume_unwind(Box::new("killed"));
            }
        })
    }));
    died.is_err()
}

/// Ended in any step, the table is as it was, and the next run builds it; decided on, it is the new one.
pub fn is_whole_whenever_it_is_killed(opened: &Opened) {
    let store = &*opened.store;
    let mut feeds = filled(opened);
    let steps = [
        (Step::Begin, 1),
        (Step::Read, 1),
        (Step::Fill, 1),
        (Step::Fill, 2),
        (Step::Keep, 1),
        (Step::Keep, 3),
        (Step::Look, 1),
        (Step::Freeze, 1),
        (Step::Frozen, 1),
        (Step::Look, 2),
        (Step::Decide, 1),
    ];
    for (step, nth) in steps {
        assert!(dies_at(&*opened.other, step, nth), "{step:?} is reached {nth} times");
        is_untouched(store, &feeds);
        // Others are not held up by the dead, unless it died while they wait.
        if matches!(step, Step::Read | Step::Fill | Step::Keep) {
            feeds[0].commit(store, 10);
        }
    }

    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    assert!(dies_at(&*opened.other, Step::Finish, 1));
    // Whoever comes next finds it decided, and does the rest.
    anew(store, &mut |_| {}).expect("built again");
    is_anew(store, &feeds, &begun);
}

/// Who dies while commits wait holds them up for a short while only.
pub fn the_dead_hold_nobody_up(opened: &Opened) {
    let store = &*opened.store;
    let mut feeds = filled(opened);
    assert!(dies_at(&*opened.other, Step::Decide, 1));
    feeds[0].commit(store, 10);
    is_untouched(store, &feeds);

    let begun: Vec<u64> = feeds.iter().map(|feed| feed.next).collect();
    assert!(dies_at(&*opened.other, Step::Finish, 1));
    feeds[1].commit(store, 10);
    is_anew(store, &feeds, &begun);
}

/// One who slept while another began can do nothing any more.
pub fn only_the_last_to_begin_builds(opened: &Opened) {
    let store = &*opened.store;
    let feeds = filled(opened);
    for at in [Step::Fill, Step::Keep, Step::Freeze, Step::Decide] {
        let mut met = false;
        let first = anew(store, &mut |step| {
            if step == at && !met {
                met = true;
                assert!(dies_at(&*opened.other, Step::Look, 1), "another begins, and dies");
            }
        });
        assert_eq!(first.expect_err("ousted").kind, Kind::Conflict, "{at:?}");
        is_untouched(store, &feeds);
    }
}
