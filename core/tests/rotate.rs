//! Rotation under a virtual clock: hours pass in a moment, and every order of events is counted.

use infralogs_core::{
    Error, Kind, Result,
    cursor::Cursor,
    inventory::Target,
    plugin::{Commit, Committed, Holder, Later, Life, Secret, Secrets, Store, Stream},
    query::{Frame, Query},
    rotate::{Cached, Keeper, Refusals},
    table::{Rows, TableDef},
    time::{Time, Window},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::{Instant, advance, sleep, timeout};

const S: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(7_200);

/// What happened, in order: `issue 1`, `enter 1`, `leave 1`, `revoke 1`.
#[derive(Default)]
struct Story(Mutex<Vec<String>>);

impl Story {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn add(&self, what: &str, of: &str) {
        self.lock().push(format!("{what} {of}"));
    }
    fn count(&self, what: &str) -> usize {
        self.lock().iter().filter(|line| line.starts_with(what)).count()
    }
    fn at(&self, line: &str) -> Option<usize> {
        self.lock().iter().position(|own| own == line)
    }
}

/// Secrets whose answers a test sets.
struct Source {
    story: Arc<Story>,
    issued: AtomicU32,
    renewals: AtomicU32,
    lives: Duration,
    /// Renewals of one lease that are answered in full; then the answer shrinks to nothing.
    full: u32,
    renewable: bool,
    fails: Mutex<Option<Kind>>,
    /// Static: the password changes when this does.
    value: Mutex<Option<String>>,
    slow: AtomicBool,
    started: Instant,
}

impl Source {
    fn new(story: &Arc<Story>, lives: Duration, full: u32) -> Self {
        Self {
            story: story.clone(),
            issued: AtomicU32::new(0),
            renewals: AtomicU32::new(0),
            lives,
            full,
            renewable: true,
            fails: Mutex::default(),
            value: Mutex::default(),
            slow: AtomicBool::new(false),
            started: Instant::now(),
        }
    }
    fn failing(&self, kind: Option<Kind>) {
        *self.fails.lock().unwrap_or_else(PoisonError::into_inner) = kind;
    }
    fn set(&self, value: &str) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Some(value.into());
    }
    fn answer(&self, number: u32) -> Result<Secret> {
        if let Some(kind) = *self.fails.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Error::new(kind, "not now"));
        }
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let life = match &value {
            Some(_) => Life::Watched { every: 2 * S },
            None => Life::Ends { within: self.lives, renewable: self.renewable },
        };
        let password = value.unwrap_or_else(|| number.to_string());
        Ok(Secret { user: Some(password.clone()), password, life, lease: Some(number.to_string()) })
    }
}

impl Secrets for Source {
    fn issue<'a>(&'a self, _: &'a str) -> Later<'a, Result<Secret>> {
        Box::pin(async move {
            let secret = self.answer(self.issued.load(Relaxed) + 1);
            if secret.is_ok() {
                self.issued.fetch_add(1, Relaxed);
                self.renewals.store(0, Relaxed);
                self.story.add("issue", &self.issued.load(Relaxed).to_string());
            }
            secret
        })
    }
    fn renew<'a>(&'a self, _: &'a str, secret: &'a Secret) -> Later<'a, Result<Secret>> {
        Box::pin(async move {
            if self.slow.load(Relaxed) {
                sleep(3_600 * S).await;
            }
            let mut next = self.answer(secret.lease.as_deref().unwrap_or("0").parse().expect("a number"))?;
            self.story.add("renew", &format!("{} at {}", next.password, self.started.elapsed().as_secs()));
            if let Life::Ends { within, .. } = &mut next.life
                && self.renewals.fetch_add(1, Relaxed) >= self.full
            {
                *within = Duration::ZERO;
            }
            Ok(next)
        })
    }
    fn revoke<'a>(&'a self, secret: &'a Secret) -> Later<'a, Result<()>> {
        self.story.add("revoke", &secret.password);
        Box::pin(async { Ok(()) })
    }
}

/// A store that only logs in.
struct Door {
    story: Arc<Story>,
    refusals: Refusals,
    generation: AtomicU32,
    /// Logins refused before one works: the replica does not know the user yet.
    refuses: AtomicU32,
}

impl Holder for Door {
    fn enter(&self, secret: &Secret) -> Result<u64> {
        if self.refuses.load(Relaxed) > 0 {
            self.refuses.fetch_sub(1, Relaxed);
            return Err(Error::new(Kind::Denied, "no such user"));
        }
        self.story.add("enter", &secret.password);
        Ok(u64::from(self.generation.fetch_add(1, Relaxed)) + 1)
    }
    fn leave(&self, generation: u64, _: Duration) -> bool {
        self.story.add("leave", &generation.to_string());
        true
    }
    fn refusals(&self) -> &Refusals {
        &self.refusals
    }
}

/// What rotating never needs of a test's part: asking it would be a mistake of the code under test.
fn not_asked<T>() -> Result<T> {
    panic!("rotating asked for what it does not need")
}

#[rustfmt::skip]
impl Store for Door {
    fn name(&self) -> String { "a door".into() }
    fn migrate(&self) -> Result<()> { not_asked() }
    fn prepare(&self, _: &[Arc<TableDef>]) -> Result<()> { not_asked() }
    fn checkpoint(&self, _: &Stream) -> Result<Option<Cursor>> { not_asked() }
    fn last_stream(&self, _: &str) -> Result<Option<Stream>> { not_asked() }
    fn commit(&self, _: &Commit<'_>) -> Result<Committed> { not_asked() }
    fn claim(&self, _: &str, _: &[String], _: Duration) -> Result<Vec<String>> { not_asked() }
    fn release(&self, _: &str) -> Result<()> { not_asked() }
    fn report(&self, _: &Target, _: &str, _: Time, _: Option<&str>) -> Result<()> { not_asked() }
    fn query(&self, _: &Query, _: &TableDef, _: &Frame) -> Result<Rows> { not_asked() }
    fn choices(&self, _: &TableDef, _: &str, _: Window, _: usize) -> Result<Vec<String>> { not_asked() }
    fn retain(&self, _: &[Arc<TableDef>], _: Time) -> Result<u64> { not_asked() }
    fn holder(&self) -> Option<&dyn Holder> { Some(self) }
}

fn door(story: &Arc<Story>) -> Arc<Door> {
    let (generation, refuses) = (AtomicU32::new(0), AtomicU32::new(0));
    Arc::new(Door { story: story.clone(), refusals: Refusals::default(), generation, refuses })
}

/// Lets virtual time pass until it is so.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = timeout(SOON, async {
        while !is_so() {
            sleep(Duration::from_millis(50)).await;
            // Blocking threads run in real time.
            std::thread::sleep(Duration::from_micros(50));
        }
    });
    assert!(waited.await.is_ok(), "it never came to this: {what}");
}

fn keeper(source: &Arc<Source>, door: &Arc<Door>) -> Keeper {
    Keeper { secrets: source.clone(), path: "database/creds/x".into(), store: door.clone() }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_prolonged_at_two_thirds_and_replaced_when_its_answer_shrinks() {
    let story = Arc::new(Story::default());
    let (source, door) = (Arc::new(Source::new(&story, 300 * S, 2)), door(&story));
    let kept = keeper(&source, &door).start();
    until("the first is revoked", || story.at("revoke 1").is_some()).await;
    let line = story.lock().clone();
    assert_eq!(story.count("renew 1"), 3, "two in full, one that shrank: {line:?}");
    let first: u64 = line.iter().find_map(|l| l.strip_prefix("renew 1 at ")).expect("renewed").parse().expect("s");
    assert!((165..=201).contains(&first), "at two thirds of 300 s or a little before, not at {first}");
    // New credentials are in use before the old ones are left, and all are left before they are revoked.
    let order = ["enter 1", "issue 2", "enter 2", "leave 1", "revoke 1"].map(|line| story.at(line).expect(line));
    assert!(order.is_sorted(), "{line:?}");
    kept.end().await;
    assert!(story.at("leave 2") < story.at("revoke 2") && story.at("revoke 2").is_some(), "{:?}", story.lock());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_prolonged_is_replaced_before_it_ends() {
    let story = Arc::new(Story::default());
    let mut source = Source::new(&story, 60 * S, 0);
    source.renewable = false;
    let (source, door) = (Arc::new(source), door(&story));
    let kept = keeper(&source, &door).start();
    until("the second is in use", || story.at("enter 2").is_some()).await;
    assert!(source.started.elapsed() < 60 * S, "before the end, at {:?}", source.started.elapsed());
    assert_eq!(story.count("renew"), 0);
    kept.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_slower_than_the_time_left_is_given_up_for_new_ones() {
    let story = Arc::new(Story::default());
    let (source, door) = (Arc::new(Source::new(&story, 60 * S, 100)), door(&story));
    source.slow.store(true, Relaxed);
    let kept = keeper(&source, &door).start();
    until("the second is in use", || story.at("enter 2").is_some()).await;
    assert!(source.started.elapsed() <= 60 * S, "before the end, at {:?}", source.started.elapsed());
    kept.end().await;
}

#[tokio::test(start_paused = true)]
async fn while_its_source_is_away_a_lease_is_kept_to_its_end_and_said() {
    let story = Arc::new(Story::default());
    let (source, door) = (Arc::new(Source::new(&story, 90 * S, 100)), door(&story));
    let kept = keeper(&source, &door).start();
    kept.ready(10 * S).await.expect("the first");
    source.failing(Some(Kind::Unavailable));
    until("it is said", || kept.standing().degraded.is_some()).await;
    let said = kept.standing().degraded.expect("said");
    assert!(said.contains("not now") && said.contains(" s more"), "{said}");
    assert_eq!((story.count("leave"), story.count("revoke")), (0, 0), "what works is kept");
    // It comes back by itself, before the end or long after.
    sleep(300 * S).await;
    let said = kept.standing().degraded.expect("said");
    assert!(said.contains("have ended"), "{said}");
    source.failing(None);
    until("new ones", || story.at("enter 2").is_some() && kept.standing().degraded.is_none()).await;
    kept.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_asked_for_slowly_and_a_dead_source_soon() {
    for (kind, least, most) in [(Kind::Denied, 3, 20), (Kind::Unavailable, 60, 2_000)] {
        let story = Arc::new(Story::default());
        let (source, door) = (Arc::new(Asked(kind, AtomicU32::new(0))), door(&story));
        let kept = Keeper { secrets: source.clone(), path: "x".into(), store: door }.start();
        sleep(1_800 * S).await;
        let asked = source.1.load(Relaxed);
        assert!((least..=most).contains(&asked), "{kind:?}: {asked} times in half an hour");
        let error = kept.ready(S).await.expect_err("none").to_string();
        assert!(error.contains("refused here"), "{error}");
        kept.end().await;
    }
}

/// Counts how often it was asked, and refuses.
struct Asked(Kind, AtomicU32);

#[rustfmt::skip]
impl Secrets for Asked {
    fn issue<'a>(&'a self, _: &'a str) -> Later<'a, Result<Secret>> {
        self.1.fetch_add(1, Relaxed);
        Box::pin(async { Err(Error::new(self.0, "refused here")) })
    }
    fn renew<'a>(&'a self, _: &'a str, _: &'a Secret) -> Later<'a, Result<Secret>> { Box::pin(async { not_asked() }) }
    fn revoke<'a>(&'a self, _: &'a Secret) -> Later<'a, Result<()>> { Box::pin(async { not_asked() }) }
}

#[tokio::test(start_paused = true)]
async fn a_user_that_is_not_on_the_replica_yet_is_waited_for() {
    let story = Arc::new(Story::default());
    let (source, door) = (Arc::new(Source::new(&story, 60 * S, 100)), door(&story));
    door.refuses.store(5, Relaxed);
    let kept = keeper(&source, &door).start();
    until("in use", || story.at("enter 1").is_some()).await;
    assert_eq!((story.count("issue"), story.count("revoke")), (1, 0), "the same credentials, tried again");
    kept.end().await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_never_let_in_are_given_back() {
    let story = Arc::new(Story::default());
    let (source, door) = (Arc::new(Source::new(&story, 60 * S, 100)), door(&story));
    door.refuses.store(u32::MAX / 2, Relaxed);
    let kept = keeper(&source, &door).start();
    until("three were tried", || story.count("issue") > 3).await;
    assert!(story.count("issue") - story.count("revoke") <= 1, "{:?}", story.lock());
    kept.end().await;
    assert_eq!(story.count("issue"), story.count("revoke"), "{:?}", story.lock());
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_replaced_once_and_then_ever_more_rarely() {
    let story = Arc::new(Story::default());
    let (source, door) = (Arc::new(Source::new(&story, 36_000 * S, 100)), door(&story));
    let kept = keeper(&source, &door).start();
    kept.ready(10 * S).await.expect("the first");
    door.refusals.tell();
    until("replaced", || story.at("revoke 1").is_some()).await;
    assert!(source.started.elapsed() < 2 * S, "at once");
    // Refused all the time: a right is missing, new credentials do not help.
    for _ in 0..1_800 {
        door.refusals.tell();
        sleep(S).await;
    }
    let issued = story.count("issue");
    assert!((4..=12).contains(&issued), "{issued} in half an hour");
    kept.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_watched_value_is_replaced_when_it_changes_and_only_then() {
    let story = Arc::new(Story::default());
    let source = Arc::new(Source::new(&story, S, 0));
    source.set("old");
    let door = door(&story);
    let kept = keeper(&source, &door).start();
    kept.ready(10 * S).await.expect("the first");
    sleep(60 * S).await;
    assert_eq!(story.count("enter"), 1, "{:?}", story.lock());
    source.set("new");
    until("swapped and left", || story.at("enter new").is_some() && story.at("leave 1").is_some()).await;
    kept.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cached_value_is_shared_read_again_and_outlives_its_source() {
    let story = Arc::new(Story::default());
    let source = Arc::new(Source::new(&story, S, 0));
    source.set("one");
    let cached = Arc::new(Cached::new(source.clone(), "agents/web-1"));
    let many = (0..50).map(|_| {
        tokio::spawn({
            let cached = cached.clone();
            async move { cached.get().await }
        })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.expect("runs").expect("read").password, "one");
    }
    assert_eq!(story.count("issue"), 1, "fifty askers, one question");
    source.set("two");
    let old = cached.get().await.expect("kept");
    assert_eq!(old.password, "one");
    assert!(cached.again(&old).await.expect("asked").is_none(), "read a moment ago");
    advance(S).await;
    assert_eq!(cached.again(&old).await.expect("asked").expect("changed").password, "two");
    source.failing(Some(Kind::Unavailable));
    advance(600 * S).await;
    assert_eq!(cached.get().await.expect("the last one holds on").password, "two");
}
