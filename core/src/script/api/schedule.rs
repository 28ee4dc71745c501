//! `schedule("name")…`: when which targets are polled.

use super::{
    super::{
        closure::Uses,
        sheet::{Shared, lock},
        source::Place,
    },
    Broken,
    shelf::Shelf,
    take::Call,
};
use crate::{inventory::Targets, schedule::Schedule};
use rhai::{Dynamic, NativeCallContext};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The most entries one poll may bring.
const ENTRIES_MAX: i64 = 50_000;
/// What the agents report.
const REPORTS: [&str; 3] = ["disk", "failed_units", "scripts"];
/// The most polls of one host at a time that may be asked for.
const PER_HOST_MAX: i64 = 64;

/// What a script said of one schedule so far, and where.
pub(in super::super) struct ScheduleDraft {
    pub schedule: Schedule,
    pub at: Place,
    pub targets_at: Option<Place>,
    pub parse_at: Option<Place>,
    /// What its closure reads and sets.
    pub adapt: Option<Uses>,
}

/// A schedule in the making.
#[derive(Clone)]
pub(in super::super) struct ScheduleRef(Shared<ScheduleDraft>);

impl ScheduleRef {
    pub fn with(self, change: impl FnOnce(&mut ScheduleDraft)) -> Self {
        change(&mut lock(&self.0));
        self
    }
}

fn begin(call: &Call, name: &Dynamic) -> Dynamic {
    let (Some(sheet), Some(at), Some(name)) = (call.sheet(), call.place(), call.text(0, name)) else {
        return Broken.into_dynamic();
    };
    call.not_in_library();
    let schedule = Schedule {
        name: name.as_str().into(),
        targets: Targets::List(Vec::new()),
        every: Duration::from_secs(15),
        jitter: 0.1,
        cron: None,
        during: Vec::new(),
        adapt: None,
        timeout: Duration::from_secs(10),
        backoff: (Duration::from_secs(1), Duration::from_secs(300)),
        per_host: None,
        per_second: None,
        parse: None,
        reports: Vec::new(),
        limit: 5_000,
        since: None,
        place: at.to_string(),
    };
    let draft = Arc::new(Mutex::new(ScheduleDraft { schedule, at, targets_at: None, parse_at: None, adapt: None }));
    sheet.declare(|drafts| drafts.schedules.push(draft.clone()));
    Dynamic::from(ScheduleRef(draft))
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<ScheduleRef>("Schedule");
    shelf.add(
        "schedule",
        &["name: String"],
        "Begins a schedule: when which targets are polled.",
        r#"schedule("fleet")"#,
        |context: NativeCallContext<'_>, name: Dynamic| begin(&Call::of(&context), &name),
    );
    shelf.add(
        "parse",
        &["schedule: Schedule", "parsers: Array"],
        "Which parsers run on its entries; all if it does not say.",
        r#".parse(["failed_ssh", "critical_logs"])"#,
        |context: NativeCallContext<'_>, schedule: ScheduleRef, names: Dynamic| {
            let call = Call::of(&context);
            let names = call.names(0, &names);
            schedule.with(|draft| {
                draft.parse_at = call.argument(0);
                draft.schedule.parse = names;
            })
        },
    );
    super::inventory::register(shelf);
    times(shelf);
    limits(shelf);
    super::calendar::register(shelf);
}

fn times(shelf: &mut Shelf) {
    shelf.add(
        "every",
        &["schedule: Schedule", "duration: Duration"],
        "How often each target is polled; 15 seconds if it does not say.",
        ".every(15.seconds)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, span: Dynamic| {
            let span = Call::of(&context).span(0, &span);
            schedule.with(|draft| span.into_iter().for_each(|span| draft.schedule.every = span))
        },
    );
    shelf.add(
        "jitter",
        &["schedule: Schedule", "share: f64"],
        "The share of `every` by which a poll may come early or late, so that not all come at once; 0.1 \
         if it does not say.",
        ".jitter(0.2)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, share: Dynamic| {
            let share = Call::of(&context).share(0, &share);
            schedule.with(|draft| share.into_iter().for_each(|share| draft.schedule.jitter = share))
        },
    );
    shelf.add(
        "timeout",
        &["schedule: Schedule", "duration: Duration"],
        "The longest one poll may take; 10 seconds if it does not say.",
        ".timeout(10.seconds)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, span: Dynamic| {
            let span = Call::of(&context).span(0, &span);
            schedule.with(|draft| span.into_iter().for_each(|span| draft.schedule.timeout = span))
        },
    );
    shelf.add(
        "backoff",
        &["schedule: Schedule", "first: Duration", "longest: Duration"],
        "The first and the longest wait after a failure; it doubles in between.",
        ".backoff(1.seconds, 5.minutes)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, first: Dynamic, longest: Dynamic| {
            let call = Call::of(&context);
            let both = call.span(0, &first).zip(call.span(1, &longest));
            if both.is_some_and(|(first, longest)| first > longest) {
                call.wrong(1, "the longest wait is shorter than the first", "");
            }
            schedule.with(|draft| both.into_iter().for_each(|both| draft.schedule.backoff = both))
        },
    );
    shelf.add(
        "since",
        &["schedule: Schedule", "duration: Duration"],
        "How far back a machine never seen before is read; all it has if it does not say.",
        ".since(7.days)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, span: Dynamic| {
            let span = Call::of(&context).span(0, &span);
            schedule.with(|draft| draft.schedule.since = span)
        },
    );
}

fn limits(shelf: &mut Shelf) {
    shelf.add(
        "limit",
        &["schedule: Schedule", "entries: i64"],
        "The most entries one poll brings; 5,000 if it does not say.",
        ".limit(20000)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, entries: Dynamic| {
            let entries = Call::of(&context).whole(0, &entries, 1..=ENTRIES_MAX);
            schedule.with(|draft| entries.into_iter().for_each(|entries| draft.schedule.limit = entries as usize))
        },
    );
    shelf.add(
        "per_host",
        &["schedule: Schedule", "polls: i64"],
        "The most polls of one host that run at a time; as many as there are if it does not say.",
        ".per_host(1)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, polls: Dynamic| {
            let polls = Call::of(&context).whole(0, &polls, 1..=PER_HOST_MAX);
            schedule.with(|draft| draft.schedule.per_host = polls.map(|polls| polls as usize))
        },
    );
    shelf.add(
        "per_second",
        &["schedule: Schedule", "polls: f64"],
        "The most polls that one collector starts in a second; no limit if it does not say.",
        ".per_second(20)",
        |context: NativeCallContext<'_>, schedule: ScheduleRef, polls: Dynamic| {
            let call = Call::of(&context);
            let polls = call.number(0, &polls).filter(|polls| {
                let fits = *polls > 0.0 && polls.is_finite();
                if !fits {
                    call.wrong(0, format!("`per_second` takes a number above 0, not {polls}"), "");
                }
                fits
            });
            schedule.with(|draft| draft.schedule.per_second = polls)
        },
    );
    shelf.add(
        "report",
        &["schedule: Schedule", "name: String", "every: Duration"],
        "Polls a report of the agents as well: `disk`, one entry per mount, `failed_units`, one per failed unit of systemd, \
         or `scripts`, which generation of scripts the agent has and an edit it refused.",
        r#".report("disk", 1.minutes)"#,
        |context: NativeCallContext<'_>, schedule: ScheduleRef, name: Dynamic, every: Dynamic| {
            let call = Call::of(&context);
            let report = call.text(0, &name).zip(call.span(1, &every));
            let known = report.filter(|(name, _)| {
                let known = REPORTS.contains(&name.as_str());
                if !known {
                    let help = format!("reports are: {}", REPORTS.join(", "));
                    call.wrong(0, format!("there is no report `{}`", name.escape_debug()), help);
                }
                known
            });
            schedule.with(|draft| {
                draft.schedule.reports.extend(known.map(|(name, every)| (name.as_str().into(), every)));
            })
        },
    );
}
