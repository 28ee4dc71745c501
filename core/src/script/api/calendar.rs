//! A schedule's moments beyond a plain interval: cron lines, hours of the day, and a closure that adapts.

use super::{
    super::closure::{AdaptClosure, Uses},
    schedule::ScheduleRef,
    shelf::Shelf,
    take::Call,
};
use crate::{
    error::Error,
    schedule::{Adapt, Cron, Hours},
};
use rhai::{Dynamic, ImmutableString, NativeCallContext};
use std::sync::Arc;

pub(super) fn register(shelf: &mut Shelf) {
    shelf.add(
        "cron",
        &["schedule: Schedule", "line: String"],
        "The moments targets are polled at, instead of `every`: minute, hour, day, month, weekday and, if \
         it is not UTC, the zone.",
        r#".cron("*/5 8-18 * * mon-fri Europe/Berlin")"#,
        |context: NativeCallContext<'_>, schedule: ScheduleRef, line: Dynamic| {
            let call = Call::of(&context);
            let cron = read(&call, &line, Cron::parse);
            schedule.with(|draft| draft.schedule.cron = cron)
        },
    );
    shelf.add(
        "during",
        &["schedule: Schedule", "hours: String"],
        "The hours polls may begin in: days (all if left out), hours and, if it is not UTC, the zone. \
         Several add up.",
        r#".during("mon-fri 08:00-18:00 Europe/Berlin").during("sat 10:00-14:00 Europe/Berlin")"#,
        |context: NativeCallContext<'_>, schedule: ScheduleRef, hours: Dynamic| {
            let call = Call::of(&context);
            let hours = read(&call, &hours, Hours::parse);
            schedule.with(|draft| draft.schedule.during.extend(hours))
        },
    );
    shelf.add(
        "adapt",
        &["schedule: Schedule", "closure: FnPtr"],
        "Decides after each poll how long to wait until this target's next: a duration, or `()` for \
         `every`. The closure is given the poll: `target`, `labels`, `entries` (how many came), `lag` (how \
         old the newest was) and `took`.",
        ".adapt(|poll| if poll.entries == 0 { 1.minutes } else if poll.entries > 1000 { 2.seconds })",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, closure: Dynamic| {
            adapt(&Call::of(&context), schedule, &closure)
        },
    );
}

/// Reads the text of argument 0; the caret stands at the word that is wrong, if the message quotes one.
fn read<T>(call: &Call, text: &Dynamic, parse: impl Fn(&str) -> Result<T, Error>) -> Option<T> {
    let text: ImmutableString = call.text(0, text)?;
    match parse(&text) {
        Ok(read) => Some(read),
        Err(error) => {
            let word = error.what.split('`').nth(1).and_then(|word| text.find(word));
            call.wrong_inside(0, word, error.what, error.help.unwrap_or_default());
            None
        }
    }
}

fn adapt(call: &Call, schedule: ScheduleRef, closure: &Dynamic) -> ScheduleRef {
    let (Some(sheet), Some(closure)) = (call.sheet(), call.closure(0, closure)) else { return schedule };
    let Some(at) = call.argument(0) else { return schedule };
    let Some(uses) = Uses::of(sheet, &closure, &at) else { return schedule };
    let closure = AdaptClosure::new(sheet, closure, at.to_string());
    schedule.with(|draft| {
        draft.adapt = Some(uses);
        draft.schedule.adapt = Some(Adapt(Arc::new(move |polled| closure.adapt(polled))));
    })
}
