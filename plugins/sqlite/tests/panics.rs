//! A poll that panics costs its own target one poll, and nobody else anything.

use infralogs_core::{
    Result,
    collect::{Collector, Inventories, Status},
    cursor::Cursor,
    definitions::Definitions,
    entry::Batch,
    inventory::{Target, Targets},
    plugin::{Ask, LOGS, Later, Source, Store},
    schedule::Schedule,
    testing::batch::{cursor, entries, machine},
};
use infralogs_sqlite::Sqlite;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

const EVERY: Duration = Duration::from_millis(200);

/// A journal that has one more entry at each poll. One of them panics at its third, fourth and fifth read.
struct Journal {
    name: Arc<str>,
    reads: Arc<AtomicU64>,
}

impl Source for Journal {
    fn read<'a>(&'a mut self, ask: &'a Ask) -> Later<'a, Result<Batch>> {
        Box::pin(async move {
            let read = if ask.limit == 0 { self.reads.load(SeqCst) } else { self.reads.fetch_add(1, SeqCst) + 1 };
            assert!(&*self.name != "bad" || ask.limit == 0 || !(3..=5).contains(&read), "a mistake in this program");
            let after = ask.after.map_or(0, |after: Cursor| after.seqnum);
            let head = Some(cursor(&self.name, after + 1));
            let mut batch = Batch { machine: machine(&self.name), head, next: ask.after, ..Batch::default() };
            if ask.limit > 0 {
                batch.entries = entries(&self.name, after + 1, after + 2);
                batch.next = head;
            }
            Ok(batch)
        })
    }
}

fn definitions(names: &[&str]) -> Arc<Definitions> {
    let target = |name: &&str| Target { name: (*name).into(), ..Target::default() };
    let schedule = Schedule {
        name: "fleet".into(),
        targets: Targets::List(names.iter().map(target).collect()),
        every: EVERY,
        jitter: 0.0,
        cron: None,
        during: Vec::new(),
        adapt: None,
        timeout: Duration::from_secs(5),
        backoff: (Duration::from_millis(50), Duration::from_millis(100)),
        per_host: None,
        per_second: None,
        parse: None,
        reports: Vec::new(),
        limit: 100,
        since: None,
        place: "built in".into(),
    };
    Arc::new(Definitions { schedules: vec![Arc::new(schedule)], ..Definitions::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_panics_is_polled_again_and_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> = Arc::new(Sqlite::new(folder.path().join("logs.db")));
    let names = ["bad", "good-1", "good-2"];
    let definitions = definitions(&names);
    let reads: BTreeMap<&str, Arc<AtomicU64>> = names.iter().map(|name| (*name, Arc::default())).collect();
    let counts = reads.iter().map(|(name, count)| ((*name).to_owned(), count.clone())).collect::<BTreeMap<_, _>>();
    let status = Arc::<Status>::default();
    let collector = Collector {
        current: Arc::new(move || definitions.clone()),
        store: store.clone(),
        open: Arc::new(move |target, _| {
            Ok(Box::new(Journal { name: target.name.clone(), reads: counts[&*target.name].clone() }))
        }),
        inventories: Inventories::new(BTreeMap::new(), folder.path().to_owned(), Arc::new(|_| unreachable!())),
        polls_max: 8,
        status: status.clone(),
        machines: Arc::default(),
    };
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(async move { collector.run(stopped).await });
    let begun = Instant::now();
    let read = |name: &str| reads[name].load(SeqCst);
    while read("bad") < 10 || read("good-1") < 10 || read("good-2") < 10 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{reads:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (took, good) = (begun.elapsed(), read("good-1").min(read("good-2")));
    stop.send(true).expect("it runs");
    running.await.expect("it ends").expect("it ends well");
    let failed: BTreeMap<String, u64> =
        status.polls().into_iter().map(|(key, poll)| (key.target.to_string(), poll.failed)).collect();
    assert_eq!(failed, BTreeMap::from([("bad".into(), 3), ("good-1".into(), 0), ("good-2".into(), 0)]));
    let rounds = took.as_millis() / EVERY.as_millis();
    assert!(u128::from(good) * 3 >= rounds, "the others went on: {good} polls in {rounds} rounds");
    for name in names {
        let stream = store.last_stream(name).expect("the store").expect("a stream");
        let stored = store.checkpoint(&stream).expect("the store").expect("a checkpoint").seqnum;
        let missed = if name == "bad" { 3 } else { 0 };
        assert_eq!(stored, read(name) - missed, "{name}: everything that was read, and no more ({LOGS})");
    }
}
