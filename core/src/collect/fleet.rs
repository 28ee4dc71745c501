//! Who is polled: schedules and inventories turned into a list of polls.

use super::{inventories::Inventories, rhythm::Rhythm, timetable::PollKey};
use crate::{definitions::Definitions, error::Error, inventory::Target, plugin::LOGS, schedule::Schedule};
use std::{collections::BTreeMap, sync::Arc};

/// One poll that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whom.
    pub target: Target,
    /// When and how.
    pub schedule: Arc<Schedule>,
    /// How often.
    pub rhythm: Rhythm,
}

/// Every poll that the schedules want, and what could not be found.
pub fn wanted(definitions: &Definitions, inventories: &Inventories) -> (BTreeMap<PollKey, Wanted>, Vec<Error>) {
    let mut polls = BTreeMap::new();
    let mut problems = Vec::new();
    for schedule in &definitions.schedules {
        let (targets, problem) = inventories.targets(schedule);
        problems.extend(problem);
        for target in targets {
            if let Some(other) = polls.get(&key(&target, LOGS)).map(|other: &Wanted| &other.schedule) {
                problems.push(
                    Error::invalid(format!("target `{}` is polled by schedule `{}` already", target.name, other.name))
                        .at(&schedule.place)
                        .help(format!("a target belongs to one schedule; the other is at {}", other.place)),
                );
                continue;
            }
            // Reports are what an agent says of its machine.
            let reports = if target.direct.is_none() { schedule.reports.as_slice() } else { &[] };
            let streams = reports.iter().map(|(name, every)| (&**name, Rhythm::of_report(schedule, *every)));
            for (stream, rhythm) in streams.chain([(LOGS, Rhythm::of_logs(schedule))]) {
                polls.insert(
                    key(&target, stream),
                    Wanted { target: target.clone(), schedule: schedule.clone(), rhythm },
                );
            }
        }
    }
    (polls, problems)
}

fn key(target: &Target, stream: &str) -> PollKey {
    PollKey { target: target.name.clone(), stream: stream.into() }
}
