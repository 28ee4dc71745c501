//! The timetable, with no clock but its own.

use super::*;
use crate::schedule::{Cron, Hours};

fn rhythm(every_s: u64) -> Rhythm {
    Rhythm {
        every: Duration::from_secs(every_s),
        jitter: 0.2,
        cron: None,
        during: Vec::new(),
        backoff: (Duration::from_secs(1), Duration::from_secs(60)),
        per_host: None,
        rate: None,
    }
}

fn key(name: &str) -> PollKey {
    PollKey { target: name.into(), stream: "logs".into() }
}

/// Runs `seconds` of virtual time in steps of 10 ms with `slots` polls of no length; counts starts per target.
fn run(
    table: &mut Timetable,
    from: Time,
    seconds: u64,
    slots: usize,
    how: impl Fn(&PollKey) -> Ended,
) -> BTreeMap<PollKey, u32> {
    let mut starts = BTreeMap::new();
    for step in 0..seconds * 100 {
        let now = from.plus(Duration::from_millis(step * 10));
        for key in table.start(now, slots) {
            *starts.entry(key.clone()).or_default() += 1;
            table.end(&key, how(&key), now);
        }
    }
    starts
}

#[test]
fn thousands_of_targets_start_spread_and_keep_their_interval() {
    let wanted = (0..2_000).map(|i| (key(&format!("t{i}")), rhythm(15))).collect();
    let mut table = Timetable::default();
    table.want(&wanted, Time(0));
    let first_second = table.waiting.iter().filter(|(at, _)| at.0 < 1_000_000).count();
    assert!(first_second < 250, "{first_second} of 2000 polls start in the first of 15 seconds");
    let starts = run(&mut table, Time(0), 150, 64, |_| Ended::Done);
    assert_eq!(starts.len(), 2_000);
    assert!(starts.values().all(|n| (8..=13).contains(n)), "ten intervals give about ten polls");
}

#[test]
fn a_noisy_target_does_not_starve_others() {
    let wanted = (0..10).map(|i| (key(&format!("t{i}")), rhythm(1))).collect();
    let mut table = Timetable::default();
    table.want(&wanted, Time(0));
    let starts = run(&mut table, Time(0), 20, 1, |key| if &*key.target == "t0" { Ended::More } else { Ended::Done });
    assert!(starts.values().all(|n| *n >= 15), "{starts:?}");
}

#[test]
fn failures_back_off_to_the_cap_and_recover_at_once() {
    let wanted = BTreeMap::from([(key("t"), rhythm(5))]);
    let mut table = Timetable::default();
    table.want(&wanted, Time(0));
    let failing = run(&mut table, Time(0), 600, 1, |_| Ended::Failed);
    assert!(failing[&key("t")] < 60, "polls back off: {failing:?}");
    assert!(table.next().is_some_and(|next| next <= Time(660_000_000)), "never beyond the cap");
    let now = Time(700_000_000);
    table.start(now, 1);
    table.end(&key("t"), Ended::Done, now);
    assert_eq!(table.failures(&key("t")), 0);
    assert!(table.next().is_some_and(|next| next <= now.plus(Duration::from_secs(6))));
}

/// How many of all polls are due in each second from now on.
fn due_by_second(table: &Timetable, now: Time) -> BTreeMap<i64, u32> {
    let mut seconds = BTreeMap::new();
    table.waiting.iter().for_each(|(at, _)| *seconds.entry((at.0 - now.0).div_euclid(1_000_000)).or_default() += 1);
    seconds
}

#[test]
fn those_who_ended_together_do_not_come_back_together() {
    let wanted = (0..1_200).map(|i| (key(&format!("t{i}")), rhythm(15))).collect();
    let mut table = Timetable::default();
    table.want(&wanted, Time(0));
    let mut now = Time(30_000_000);
    let mut all_end = |now: Time, how: Ended| {
        let started = table.start(now, 2_000);
        assert_eq!(started.len(), 1_200);
        started.iter().for_each(|key| table.end(key, how, now));
        due_by_second(&table, now)
    };
    // Around the interval, by its jitter: three seconds before and after.
    let done = all_end(now, Ended::Done);
    assert_eq!((done.keys().next(), done.keys().last()), (Some(&12), Some(&17)), "{done:?}");
    assert!(done.values().all(|many| (120..300).contains(many)), "a sixth in each: {done:?}");
    // Anywhere up to the wait, which doubles to its cap.
    for cap in [1, 2, 4, 8, 16, 32, 60, 60] {
        now = now.plus(Duration::from_secs(61));
        let failed = all_end(now, Ended::Failed);
        let fair = 1_200 / cap as u32;
        assert_eq!((failed.keys().next(), failed.keys().last()), (Some(&0), Some(&(cap - 1))), "{failed:?}");
        assert!(failed.values().all(|many| (fair / 4..=fair * 3).contains(many)), "about {fair} in each: {failed:?}");
    }
}

#[test]
fn a_changed_schedule_holds_within_one_new_interval() {
    let mut table = Timetable::default();
    table.want(&BTreeMap::from([(key("t"), rhythm(3600))]), Time(0));
    table.start(Time(20_000_000), 1);
    table.end(&key("t"), Ended::Done, Time(20_000_000));
    table.want(&BTreeMap::from([(key("t"), rhythm(1))]), Time(30_000_000));
    assert_eq!(table.next(), Some(Time(31_000_000)));
    table.want(&BTreeMap::new(), Time(30_000_000));
    assert_eq!(table.next(), None);
}

/// Seconds since 1970 of a moment in UTC.
fn at(text: &str) -> Time {
    Time::parse(text, Time(0)).expect("a time")
}

#[test]
fn cron_and_hours_say_when() {
    let nightly = Rhythm { cron: Some(Cron::parse("0 3 * * *").expect("a cron line")), ..rhythm(15) };
    let by_day = Rhythm { during: vec![Hours::parse("mon-fri 08:00-18:00 UTC").expect("hours")], ..rhythm(15) };
    let wanted = BTreeMap::from([(key("night"), nightly), (key("office"), by_day)]);
    let mut table = Timetable::default();
    // A Thursday evening.
    let now = at("2026-11-26T20:00:00Z");
    table.want(&wanted, now);
    let due = |table: &Timetable, name: &str| table.polls[&key(name)].due.expect("it waits");
    assert_eq!(due(&table, "night"), at("2026-11-27T03:00:00Z"));
    assert_eq!(due(&table, "office"), at("2026-11-27T08:00:00Z"));
    assert!(table.start(at("2026-11-27T02:59:59Z"), 9).is_empty());
    let begun = at("2026-11-27T03:00:00Z");
    assert_eq!(table.start(begun, 9), [key("night")]);
    table.end(&key("night"), Ended::Done, begun.plus(Duration::from_secs(40)));
    assert_eq!(due(&table, "night"), at("2026-11-28T03:00:00Z"), "once a night");
    // A collector that claimed it and died must not cost the night.
    table.start(at("2026-11-28T03:00:00Z"), 9);
    table.end(&key("night"), Ended::Held(Duration::from_secs(60)), at("2026-11-28T03:00:00Z"));
    assert_eq!(due(&table, "night"), at("2026-11-28T03:01:00Z"));

    // On a Friday at closing time: more is read on Monday, and a failure is retried then.
    let closing = at("2026-11-27T17:59:59Z");
    table.start(closing, 9);
    for how in [Ended::More, Ended::Done, Ended::Failed, Ended::DoneFor(Duration::from_secs(5))] {
        table.end(&key("office"), how, at("2026-11-27T18:00:01Z"));
        assert_eq!(due(&table, "office"), at("2026-11-30T08:00:00Z"), "{how:?}");
    }
}

#[test]
fn a_closure_says_how_long_to_wait() {
    let mut table = Timetable::default();
    table.want(&BTreeMap::from([(key("t"), rhythm(15))]), Time(0));
    table.start(Time(20_000_000), 1);
    table.end(&key("t"), Ended::DoneFor(Duration::from_secs(300)), Time(20_000_000));
    assert_eq!(table.next(), Some(Time(320_000_000)));
}

#[test]
fn polls_of_one_host_wait_for_each_other() {
    let stream = |stream: &str| PollKey { target: "a".into(), stream: stream.into() };
    let alone = Rhythm { per_host: Some(1), ..rhythm(1) };
    let mut table = Timetable::default();
    let wanted = [stream("disk"), stream("logs"), key("b")].map(|key| (key, alone.clone()));
    table.want(&wanted.into(), Time(0));
    let now = Time(5_000_000);
    let started = table.start(now, 9);
    assert_eq!(started.len(), 2, "one of each host: {started:?}");
    assert_eq!(table.next(), None, "the other is no reason to wake up");
    let first = started.iter().find(|key| &*key.target == "a").expect("one of a");
    table.end(first, Ended::Done, now);
    let second = table.start(now, 9);
    assert!(second.len() == 1 && second[0].target == first.target && second[0] != *first, "{second:?}");
}

#[test]
fn a_rate_holds_for_all_polls_of_a_schedule() {
    let slow = Rhythm { rate: Some(("slow".into(), 5.0)), ..rhythm(10) };
    let mut wanted: BTreeMap<PollKey, Rhythm> = (0..40).map(|i| (key(&format!("t{i:02}")), slow.clone())).collect();
    wanted.insert(key("free"), rhythm(10));
    let mut table = Timetable::default();
    table.want(&wanted, Time(0));
    let mut by_second = BTreeMap::<i64, u32>::new();
    let mut starts = BTreeMap::<PollKey, u32>::new();
    for step in 0..60_000 {
        let now = Time(step * 1_000);
        for key in table.start(now, 64) {
            if &*key.target != "free" {
                *by_second.entry(now.0 / 1_000_000).or_default() += 1;
            }
            *starts.entry(key.clone()).or_default() += 1;
            table.end(&key, Ended::Done, now);
        }
    }
    assert!(by_second.values().all(|n| *n <= 6), "{by_second:?}");
    assert!(starts.values().all(|n| *n >= 4), "nobody starves: {starts:?}");
    assert!(starts[&key("free")] >= 5);
}

#[test]
fn a_clock_set_back_delays_no_poll_by_more_than_one_interval() {
    let day = Duration::from_secs(86_400);
    let mut table = Timetable::default();
    let daily = Rhythm { cron: Some(Cron::parse("0 6 * * *").expect("a cron")), ..rhythm(15) };
    table.want(&BTreeMap::from([(key("a"), rhythm(15)), (key("b"), rhythm(15)), (key("c"), daily.clone())]), Time(0));
    let late = Time(0).plus(day * 400);
    assert_eq!(table.start(late, 9).len(), 3);
    // One ends before the clock is set, one after it and before anybody noticed.
    table.end(&key("a"), Ended::Done, late);
    let now = Time(0).plus(day);
    table.end(&key("b"), Ended::Failed, now);
    table.end(&key("c"), Ended::Done, late);
    table.set_back(now);
    let mut due: Vec<PollKey> = table.start(now.plus(Duration::from_secs(15)), 9);
    due.sort();
    assert_eq!(due, [key("a"), key("b")]);
    assert_eq!(table.next(), Some(daily.latest(now)), "the next six o'clock");
    // One that was running while the clock was set counts its interval from now.
    table.set_back(Time(0));
    table.end(&key("a"), Ended::Done, Time(0));
    assert!(table.next().is_some_and(|next| next <= Time(0).plus(Duration::from_secs(18))));
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// A fleet of thousands on a clock of its own: polls take their time and end in every way, targets come and go, the
/// rhythm changes. Nothing that is gone starts, and nobody waits much longer than asked.
#[test]
fn a_simulated_fleet_is_polled_in_time_whatever_happens() {
    const TARGETS: u64 = 3_000;
    const SLOTS: usize = 256;
    for seed in 1..=3 {
        let mut chance = Chance(seed);
        let mut table = Timetable::default();
        let mut wanted: BTreeMap<PollKey, Rhythm> = (0..TARGETS).map(|i| (key(&format!("t{i}")), rhythm(15))).collect();
        let (mut flying, mut ends) = (BTreeSet::new(), BTreeSet::<(Time, PollKey)>::new());
        let mut last: BTreeMap<PollKey, Time> = BTreeMap::new();
        let mut starts = 0;
        for step in 0..12_000 {
            let now = Time(step * 10_000);
            if step % 500 == 0 {
                // A tenth goes, those that went before come back, sometimes in another rhythm.
                let gone = chance.below(10);
                let every = [15, 10][chance.below(2) as usize];
                let all = (0..TARGETS).filter(|i| i % 10 != gone).map(|i| (key(&format!("t{i}")), rhythm(every)));
                wanted = all.collect();
                table.want(&wanted, now);
                last = wanted.keys().map(|key| (key.clone(), *last.get(key).unwrap_or(&now))).collect();
            }
            while let Some((_, key)) = ends.first().filter(|(at, _)| *at <= now).cloned() {
                ends.remove(&(ends.first().expect("one").0, key.clone()));
                flying.remove(&key);
                let how = match chance.below(20) {
                    0 => Ended::More,
                    1 => Ended::Held(Duration::from_secs(15)),
                    2 if table.failures(&key) == 0 => Ended::Failed,
                    _ => Ended::Done,
                };
                table.end(&key, how, now);
            }
            for key in table.start(now, SLOTS - flying.len()) {
                assert!(wanted.contains_key(&key), "seed {seed}: {key} is gone and starts");
                let took = Duration::from_millis(5 + chance.below(300));
                // One that went and came back while its poll ran may be started beside it: the store's fence holds.
                flying.insert(key.clone());
                ends.insert((now.plus(took), key.clone()));
                last.insert(key, now);
                starts += 1;
            }
        }
        // After two minutes: 15 s with their jitter, a poll's length, and one that came back waits up to its interval.
        let end = Time(12_000 * 10_000);
        let longest = last.values().map(|at| end.0 - at.0).max().unwrap_or(0);
        assert!(longest < 34_000_000, "seed {seed}: somebody waits for {longest} µs");
        assert!(starts > 20_000, "seed {seed}: {starts} starts");
    }
}
