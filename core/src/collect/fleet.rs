//! Who is polled: schedules and inventories turned into a list of polls.

use super::{rhythm::Rhythm, timetable::PollKey};
use crate::{
    config::{InventoryConfig, read_targets},
    definitions::Definitions,
    error::{Error, Result},
    inventory::{Target, Targets},
    plugin::LOGS,
    schedule::Schedule,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

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

/// The inventories of the configuration, and the folder that files named in scripts start from.
#[derive(Debug, Clone, Default)]
pub struct Inventories {
    /// By the name scripts use.
    pub named: BTreeMap<String, InventoryConfig>,
    /// Where relative file names start.
    pub folder: PathBuf,
}

impl Inventories {
    /// The targets of a schedule as they are now; files are read each time.
    fn targets(&self, schedule: &Schedule) -> Result<Vec<Target>> {
        let name = match &schedule.targets {
            Targets::List(list) => return Ok(list.clone()),
            Targets::Inventory(name) => name,
        };
        match self.named.get(name) {
            Some(InventoryConfig::List(list)) => Ok(list.clone()),
            Some(InventoryConfig::File(file)) => read_targets(file),
            None if is_file_name(name) => read_targets(&self.folder.join(name)),
            None => Err(Error::invalid(format!(
                "schedule `{}` polls inventory `{name}`, which is not configured",
                schedule.name
            ))
            .at(&schedule.place)
            .help(format!("list its targets in infralogs.yaml under `inventories: {{{name}: […]}}`"))),
        }
    }
}

/// Every poll that the schedules want, and what could not be found. Pure but for inventory files.
pub fn wanted(definitions: &Definitions, inventories: &Inventories) -> (BTreeMap<PollKey, Wanted>, Vec<Error>) {
    let mut polls = BTreeMap::new();
    let mut problems = Vec::new();
    for schedule in &definitions.schedules {
        let targets = inventories.targets(schedule).unwrap_or_else(|error| {
            problems.push(error);
            Vec::new()
        });
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

fn is_file_name(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
}
