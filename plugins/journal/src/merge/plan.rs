//! Where to begin in every file, given a cursor or a time.

use super::{
    holes::Holes,
    lane::{Lane, Part},
    order::{Age, compare},
    setback,
};
use crate::{
    files::{
        file::{JournalFile, Refused, Way},
        folder::Files,
        name::Writer,
        seek::Seek,
    },
    format::{blocks::Blocks, header::Header},
};
use infralogs_core::{cursor::Cursor, plugin::Ask};
use std::cmp::Ordering;

/// Sorts the files into lanes. Files without entries are left out.
pub(crate) fn lanes(files: &mut Files, blocks: &mut Blocks) -> Result<Vec<Lane>, Refused> {
    let mut lanes = Vec::<Lane>::new();
    for (number, file) in files.list.iter_mut().enumerate() {
        // What an attempt before this one began is void.
        file.foreign.stop();
        let (Some(header), way) = (&file.header, file.way()) else { continue };
        let to = match way {
            Way::Empty => continue,
            Way::Ours => file.len(),
            Way::Journalctl | Way::Dead(_) => 1,
        };
        let part = Part { file: number, from: 0, to, seqnum: header.head_seqnum };
        let at = lanes.iter().position(|lane| lane.seqnum_id == header.seqnum_id).unwrap_or_else(|| {
            lanes.push(Lane {
                seqnum_id: header.seqnum_id,
                age: Age::Closed(0),
                folder: None,
                holes: Holes::default(),
                waiting: Vec::new(),
                reading: Vec::new(),
            });
            lanes.len() - 1
        });
        let lane = &mut lanes[at];
        lane.waiting.push(part);
        if file.name.writer != Writer::Other {
            lane.folder = file.path.parent().map(Into::into);
        }
        if !file.name.closed {
            lane.age = Age::Live;
        }
    }
    for lane in &mut lanes {
        lane.waiting.sort_by(|a, b| (b.seqnum, &files.list[b.file].path).cmp(&(a.seqnum, &files.list[a.file].path)));
        lane.holes.oldest = oldest(lane, files);
    }
    lanes.sort_by_key(|lane| lane.seqnum_id);
    number_closed(&mut lanes, files, blocks)?;
    Ok(lanes)
}

/// The oldest number kept: of the system's files if there are any, since a user's file may reach back much further.
fn oldest(lane: &Lane, files: &Files) -> u64 {
    let of = |system: bool| {
        let parts = lane.waiting.iter().filter(|part| !system || files.list[part.file].is_system());
        parts.map(|part| part.seqnum).filter(|seqnum| *seqnum > 0).min()
    };
    of(true).or_else(|| of(false)).unwrap_or(0)
}

/// Gives closed lanes of one folder their numbers, the oldest first: by their last entries, which never change.
fn number_closed(lanes: &mut [Lane], files: &mut Files, blocks: &mut Blocks) -> Result<(), Refused> {
    let closed = |lane: &Lane| lane.age != Age::Live && lane.folder.is_some();
    if lanes.iter().filter(|lane| closed(lane)).count() < 2 {
        return Ok(());
    }
    let mut left = Vec::new();
    for (at, lane) in lanes.iter().enumerate().filter(|(_, lane)| closed(lane)) {
        left.extend(last_of(lane, files, blocks)?.map(|last| (at, last)));
    }
    let mut number = 0;
    // There are few; and this order need not be transitive, which sorting would not forgive.
    while let Some(first) =
        (0..left.len()).reduce(|a, b| if compare(&left[b].1, &left[a].1, None) == Ordering::Less { b } else { a })
    {
        let (lane, _) = left.swap_remove(first);
        lanes[lane].age = Age::Closed(number);
        number += 1;
    }
    Ok(())
}

/// The last readable entry of a lane.
fn last_of(lane: &Lane, files: &mut Files, blocks: &mut Blocks) -> Result<Option<Cursor>, Refused> {
    let mut parts = lane.waiting.clone();
    parts.sort_by_key(|part| files.list[part.file].header.map_or(0, |header| header.tail_seqnum));
    for part in parts.iter().rev() {
        let file = &mut files.list[part.file];
        match file.way() {
            Way::Empty | Way::Dead(_) => continue,
            Way::Journalctl => return Ok(file.header.as_ref().map(Header::tail)),
            Way::Ours => file.reopen()?,
        }
        if let Some((_, head)) = file.readable_before(blocks, file.len()) {
            return Ok(file.header.as_ref().map(|header| head.cursor(header)));
        }
    }
    Ok(None)
}

/// The newest entry of all lanes.
pub(crate) fn head(lanes: &[Lane], files: &mut Files, blocks: &mut Blocks) -> Result<Option<Cursor>, Refused> {
    let mut head = None::<(&Lane, Cursor)>;
    for lane in lanes {
        let Some(last) = last_of(lane, files, blocks)? else { continue };
        if head.is_none_or(|(newest, cursor)| compare(&last, &cursor, ages(lane, newest)) == Ordering::Greater) {
            head = Some((lane, last));
        }
    }
    Ok(head.map(|(_, cursor)| cursor))
}

/// Both lanes' ages, if one journald wrote both.
pub(crate) fn ages(a: &Lane, b: &Lane) -> Option<(Age, Age)> {
    (a.folder.is_some() && a.folder == b.folder).then_some((a.age, b.age))
}

/// Shortens every file's part to what is behind the cursor and within the times asked for. What is known of the cursor.
pub(crate) fn narrow(lanes: &mut [Lane], ask: &Ask, files: &mut Files, blocks: &mut Blocks) -> Result<Known, Refused> {
    let mut known = if ask.after.is_none() { Known::Here } else { Known::Gone };
    if let Some(after) = &ask.after {
        let own = lanes.iter().position(|lane| lane.seqnum_id == after.seqnum_id);
        let back = own.map(|own| setback::find(&lanes[own], after, files, blocks)).transpose()?.flatten();
        if let Some(own) = own {
            known = if back.is_some() { Known::SetBack } else { Known::Here };
            lanes[own].holes.last = Some(*after).filter(|_| back.is_none());
        }
        let ages_of = own.map(|own| (lanes[own].age, lanes[own].folder.clone()));
        for (at, lane) in lanes.iter_mut().enumerate() {
            let ages = ages_of.as_ref().filter(|(_, folder)| folder.is_some() && *folder == lane.folder);
            let ages = ages.map(|(age, _)| (lane.age, *age));
            let mut parts = std::mem::take(&mut lane.waiting);
            for part in &mut parts {
                if let (true, Some(back)) = (Some(at) == own, back) {
                    back.start(part, after, files, blocks)?;
                } else if start_behind(part, after, ages, files, blocks)? && known == Known::Gone {
                    known = Known::Copied;
                }
            }
            lane.waiting = parts;
        }
    }
    if known == Known::Gone {
        begin_anew(lanes);
    }
    for lane in lanes {
        for part in &mut lane.waiting {
            within(part, ask, files, blocks)?;
        }
        lane.waiting.retain(|part| part.from < part.to);
    }
    Ok(known)
}

/// A cursor that nothing here knows and nothing here is behind comes from a journal that was begun anew with a
/// clock that was set back: everything is behind it.
fn begin_anew(lanes: &mut [Lane]) {
    let parts = || lanes.iter().flat_map(|lane| &lane.waiting);
    if parts().all(|part| part.from >= part.to) {
        lanes.iter_mut().flat_map(|lane| &mut lane.waiting).for_each(|part| part.from = 0);
    }
}

/// Whether the counter of a cursor is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Files of it are here.
    Here,
    /// Files of it are here, but it counts anew from before the cursor.
    SetBack,
    /// They are gone, but a copy of its entry stands in another file.
    Copied,
    /// Nothing of it is left.
    Gone,
}

/// Sets where a file's part begins: at the first entry behind the cursor. Whether a copy of its entry was passed.
fn start_behind(
    part: &mut Part,
    after: &Cursor,
    ages: Option<(Age, Age)>,
    files: &mut Files,
    blocks: &mut Blocks,
) -> Result<bool, Refused> {
    let file = &mut files.list[part.file];
    let Some(header) = file.header else { return Ok(false) };
    let own = header.seqnum_id == after.seqnum_id;
    match file.way() {
        Way::Ours => {}
        Way::Journalctl => return start_foreign(part, after, ages, file),
        Way::Empty | Way::Dead(_) => {
            part.from = u64::from(compare(&header.tail(), after, ages) != Ordering::Greater);
            return Ok(false);
        }
    }
    if own && header.tail_seqnum < after.seqnum && !file.index.is_salvaged() {
        part.from = part.to;
        return Ok(false);
    }
    file.reopen()?;
    let mut seek = Seek { file, blocks };
    part.from = if own {
        seek.seqnum(after.seqnum)
    } else if let Some(place) = seek.monotonic(after.boot, after.monotonic) {
        place
    } else {
        match ages {
            Some((age, own)) if age < own => part.to,
            Some((age, own)) if age > own => part.from,
            _ => seek.time(after.realtime),
        }
    };
    Ok(skip_passed(part, after, own, &header, &files.list[part.file], blocks))
}

/// The same through `journalctl`, which is started only if the place is within the file.
fn start_foreign(
    part: &mut Part,
    after: &Cursor,
    ages: Option<(Age, Age)>,
    file: &mut JournalFile,
) -> Result<bool, Refused> {
    let is_behind = |cursor: &Cursor| compare(cursor, after, ages) == Ordering::Greater;
    let last = file.header.as_ref().map(Header::tail);
    if !last.as_ref().is_some_and(is_behind) {
        part.from = part.to;
        return Ok(false);
    }
    if file.foreign.first.as_ref().is_some_and(is_behind) {
        return Ok(false);
    }
    // Where the wall clock was set back it finds no place.
    let seek = ages.is_none_or(|(age, own)| age == own);
    file.foreign.start(seek.then_some(*after)).map_err(Refused::Failed)?;
    let mut copy = false;
    while let Some(cursor) = file.foreign.entry().map(|entry| entry.cursor)
        && !is_behind(&cursor)
    {
        copy |= compare(&cursor, after, None) == Ordering::Equal;
        if !file.foreign.advance().map_err(Refused::Failed)? {
            part.from = part.to;
            break;
        }
    }
    Ok(copy)
}

/// Drops what stands at the beginning and is not behind the cursor after all: the cursor's own entry, if it *is*
/// that entry, and in files of other counters what the order puts before it.
fn skip_passed(
    part: &mut Part,
    after: &Cursor,
    own: bool,
    header: &Header,
    file: &JournalFile,
    blocks: &mut Blocks,
) -> bool {
    let mut copy = false;
    while let Some((at, head)) = file.readable(blocks, part.from, part.to) {
        let cursor = head.cursor(header);
        let same = compare(&cursor, after, None) == Ordering::Equal;
        let passed = if own {
            cursor == *after
        } else {
            same || (cursor.boot == after.boot || cursor.realtime == after.realtime)
                && compare(&cursor, after, None) != Ordering::Greater
        };
        if !passed {
            break;
        }
        copy |= same;
        part.from = at + 1;
    }
    copy
}

/// Narrows a file's part to the times asked for.
fn within(part: &mut Part, ask: &Ask, files: &mut Files, blocks: &mut Blocks) -> Result<(), Refused> {
    if part.from >= part.to || (ask.since.is_none() && ask.until.is_none()) {
        return Ok(());
    }
    let file = &mut files.list[part.file];
    if file.way() != Way::Ours {
        // Each entry is looked at.
        return Ok(());
    }
    file.reopen()?;
    let mut seek = Seek { file, blocks };
    if let Some(since) = ask.since {
        part.from = part.from.max(seek.time(u64::try_from(since.0).unwrap_or(0)));
    }
    if let Some(until) = ask.until {
        part.to = part.to.min(seek.time_end(u64::try_from(until.0).unwrap_or(0)));
    }
    Ok(())
}
