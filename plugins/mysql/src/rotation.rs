//! Replaces the credentials of a pool: log in with the new ones, swap, drain, close every old connection.

use crate::{
    Mysql,
    pool::{Pool, Session, State},
};
use infralogs_core::{
    error::Result,
    plugin::{Holder, Secret},
    rotate::Refusals,
};
use mysql::prelude::Queryable;
use std::{
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long the ends of connections that were cut are waited for.
const CUT_WAIT: Duration = Duration::from_secs(2);

impl Holder for Mysql {
    fn enter(&self, secret: &Secret) -> Result<u64> {
        // All first: nothing is swapped before the user has arrived everywhere.
        let tried = self.pools().map(|pool| pool.connect(Some(secret), 0)).collect::<Result<Vec<_>>>()?;
        let generations = self.pools().zip(tried).map(|(pool, session)| pool.swap(session, secret));
        Ok(generations.max().unwrap_or_default())
    }

    fn leave(&self, generation: u64, within: Duration) -> bool {
        let until = Instant::now() + within;
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        // Each pool, also after one that had to be cut.
        let finished: Vec<bool> = self.pools().map(|pool| pool.leave(generation, left(until))).collect();
        finished.into_iter().all(|finished| finished)
    }

    fn refusals(&self) -> &Refusals {
        &self.pool.refusals
    }
}

impl Pool {
    /// Uses these credentials for everything that begins from now on. Answers their generation.
    fn swap(&self, mut session: Session, secret: &Secret) -> u64 {
        let mut state = self.lock();
        state.generation += 1;
        let generation = state.generation;
        session.own(generation);
        let old = std::mem::replace(&mut state.idle, vec![session]);
        if let Some(before) = state.secret.replace(secret.clone()) {
            state.former.push((generation - 1, before));
        }
        drop(state);
        drop(old);
        generation
    }

    /// Waits until no connection up to this generation works, then closes all of them.
    fn leave(&self, generation: u64, within: Duration) -> bool {
        let mut state = self.lock();
        // The newest ones are left when the program ends: nothing begins any more.
        if generation >= state.generation
            && let Some(last) = state.secret.take()
        {
            state.former.push((generation, last));
        }
        let (old, kept): (Vec<Session>, Vec<Session>) =
            state.idle.drain(..).partition(|session| session.generation() <= generation);
        state.idle = kept;
        drop(state);
        drop(old);
        let finished = self.drained(generation, within);
        if !finished {
            self.cut(generation);
            self.drained(generation, CUT_WAIT);
        }
        self.lock().former.retain(|(of, _)| *of > generation);
        finished
    }

    /// Waits until no connection up to this generation works; false if that takes longer.
    fn drained(&self, generation: u64, within: Duration) -> bool {
        let until = Instant::now() + within;
        let at_work = |state: &MutexGuard<'_, State>| state.busy.iter().any(|busy| busy.generation <= generation);
        let mut state = self.lock();
        while at_work(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.returned.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends the connections still at work, each as the user it belongs to: everyone may end their own.
    fn cut(&self, generation: u64) {
        let state = self.lock();
        let old = state.former.iter().filter(|(of, _)| *of <= generation).cloned().collect::<Vec<_>>();
        let of = |of: u64| state.busy.iter().filter(move |busy| busy.generation == of).filter_map(|busy| busy.id);
        let ids: Vec<(Secret, Vec<u32>)> = old.into_iter().map(|(at, secret)| (secret, of(at).collect())).collect();
        drop(state);
        for (secret, ids) in ids.into_iter().filter(|(_, ids)| !ids.is_empty()) {
            // If the user is gone already the server must end them; nothing of ours goes on with them.
            let Ok(mut session) = self.connect(Some(&secret), 0) else { continue };
            for id in ids {
                let _ = session.conn.query_drop(format!("KILL {id}"));
            }
        }
    }
}
