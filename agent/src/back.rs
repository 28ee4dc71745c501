//! Finds the place so many entries before another, for ranges that are counted from the end.

use crate::{State, answer, answer::STEP_BYTES};
use infralogs_core::{Result, cursor::Cursor, plugin::Ask};
use std::collections::VecDeque;

/// The farthest that is gone back.
pub(crate) const BACK_ENTRIES_MAX: u64 = 10_000;
/// Entries read at once.
const BATCH_ENTRIES: usize = 2_000;

/// Where the last `count` entries begin that the filter of `ask` lets pass, up to `to` (the newest, say) and with it;
/// if there are fewer, where the first of them is. `None`: there is none.
pub(crate) async fn from(state: &State, ask: &Ask, to: Cursor, count: u64) -> Result<Option<Cursor>> {
    let mut reach = count;
    loop {
        let begin = to.seqnum.checked_sub(reach).filter(|seqnum| *seqnum > 0);
        let last = last(state, ask, begin.map(|seqnum| Cursor { seqnum, ..to }), to, count).await?;
        // Numbers may be missing, or the counter be younger than the journal: then it is read farther back.
        if last.len() as u64 >= count || begin.is_none() {
            return Ok(last.front().copied());
        }
        reach = reach.saturating_mul(8);
    }
}

/// The last so many entries behind `after`, not beyond `to`.
async fn last(state: &State, ask: &Ask, after: Option<Cursor>, to: Cursor, count: u64) -> Result<VecDeque<Cursor>> {
    let mut source = state.logs().take()?;
    let mut ask = Ask { after, limit: BATCH_ENTRIES, bytes: STEP_BYTES, since: None, ..ask.clone() };
    let mut last = VecDeque::new();
    loop {
        let (batch, _) = answer::read_from(state, &mut *source, &ask).await?;
        for cursor in batch.entries.iter().map(|entry| entry.cursor) {
            let beyond = cursor.seqnum_id == to.seqnum_id && cursor.seqnum > to.seqnum;
            if !beyond {
                last.push_back(cursor);
            }
            if last.len() as u64 > count {
                last.pop_front();
            }
            if beyond || cursor == to {
                state.logs().give(source);
                return Ok(last);
            }
        }
        ask.after = batch.next;
        if !batch.more {
            state.logs().give(source);
            return Ok(last);
        }
    }
}
