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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Cron, Hours};
    use std::time::Duration;

    #[test]
    fn what_a_schedule_says_holds_for_each_of_its_polls() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = r#"
            schedule("a").targets(|| ["http://web-1:7070", #{ name: "db", url: "http://10.0.0.7:7070", labels: #{ zone: "b" } }])
                .every(10.seconds).jitter(0.3).backoff(2.seconds, 1.minutes).during("mon-fri 08:00-18:00 UTC")
                .per_host(2).per_second(5).report("disk", 1.minutes);
            schedule("b").targets(["http://web-2:7070"]).cron("0 3 * * *").report("disk", 5.minutes);
            schedule("c").targets(|| ["http://web-2:7070", "http://web-3:7070"]);
            schedule("d").targets(|| [1 / 0]);
        "#;
        std::fs::write(folder.path().join("s.rhai"), script).expect("written");
        let definitions =
            crate::script::load(&[folder.path().to_owned()]).unwrap_or_else(|rejected| panic!("{rejected}"));
        let nobody = std::sync::Arc::new(|_: &_| Err(Error::invalid("no plugin here")));
        let inventories = Inventories::new(BTreeMap::new(), folder.path().to_owned(), nobody);
        let (polls, problems) = wanted(&definitions, &inventories);
        let names: Vec<String> = polls.keys().map(ToString::to_string).collect();
        let expected = ["db/disk", "db/logs", "web-1/disk", "web-1/logs", "web-2/disk", "web-2/logs", "web-3/logs"];
        assert_eq!(names, expected);
        let of = |target: &str, stream: &str| &polls[&PollKey { target: target.into(), stream: stream.into() }];
        let of_a = Rhythm {
            every: Duration::from_secs(10),
            jitter: 0.3,
            cron: None,
            during: vec![Hours::parse("mon-fri 08:00-18:00 UTC").expect("hours")],
            backoff: (Duration::from_secs(2), Duration::from_secs(60)),
            per_host: Some(2),
            rate: Some(("a".into(), 5.0)),
        };
        assert_eq!((&of("web-1", LOGS).rhythm, &of("db", LOGS).rhythm), (&of_a, &of_a));
        assert_eq!(of("db", "disk").rhythm, Rhythm { every: Duration::from_secs(60), ..of_a });
        assert_eq!(of("db", "disk").target.labels["zone"], "b");
        assert_eq!(of("web-2", LOGS).rhythm.cron, Some(Cron::parse("0 3 * * *").expect("a cron line")));
        let report = &of("web-2", "disk").rhythm;
        assert_eq!((&report.cron, report.every), (&None, Duration::from_secs(300)), "a report has its own interval");
        // The one that came first keeps it, and both are named; a function that fails is said.
        let [twice, fails] = &problems[..] else { panic!("{problems:?}") };
        assert!(twice.what.contains("`web-2` is polled by schedule `b`"), "{twice}");
        assert!(
            twice.to_string().contains("s.rhai:6") && twice.help.as_ref().is_some_and(|help| help.contains("s.rhai:5"))
        );
        assert!(fails.to_string().contains("s.rhai:7"), "{fails}");
    }
}
