//! The database is away while a thousand machines write on: the collector waits without growing, asks nobody in vain,
//! and afterwards everything is stored, at full speed.
//!
//! A minute in CI; longer: `INFRALOGS_OUTAGE_S=3600 cargo test -p infralogs --test outage -- --nocapture`

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    PATIENCE,
    ask::{ask, figure},
    copy_scripts, free_port,
    program::{Program, infralogs},
    standin::{Machine, Standins},
    wait_for, wait_within,
};
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const MACHINES: usize = 1_000;
const OUTAGE_S: u64 = 60;
const EVERY: Duration = Duration::from_secs(5);
/// The fewest owed entries that are stored in a second once the database is back, far below what any machine does.
const CATCH_UP_PER_S_MIN: u64 = 1_000;
/// How much more may be resident while the database is away than ever before.
const GROWTH_MAX: f64 = 1.10;

fn prepare(here: &Path, agents: &Standins, store: &str) {
    copy_scripts(here);
    let schedule =
        "schedule(\"fleet\").targets(inventory(\"fleet\")).every(5.seconds).backoff(1.seconds, 10.seconds);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::write(here.join("fleet.json"), agents.targets(|at| format!("vm-{at}")).to_string()).expect("written");
    let config = format!("scripts: scripts\nstore: {store}\ninventories: {{ fleet: fleet.json }}\n");
    fs::write(here.join("infralogs.yaml"), config).expect("written");
}

/// A clock that every machine writes one entry by a second.
struct Clock {
    seconds: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl Clock {
    fn start() -> Self {
        let (seconds, stopped) = (Arc::new(AtomicU64::new(1)), Arc::<AtomicBool>::default());
        let (counting, stop) = (seconds.clone(), stopped.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_secs(1));
                counting.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { seconds, stopped }
    }

    fn entries(&self) -> u64 {
        self.seconds.load(Ordering::Relaxed)
    }

    fn machine(&self, at: usize) -> Machine {
        let seconds = self.seconds.clone();
        Machine { head: Arc::new(move || seconds.load(Ordering::Relaxed)), ..Machine::with(format!("vm-{at}"), 0) }
    }
}

/// Samples for a while; the most that is resident meanwhile.
fn watch(collector: &Program, seconds: u64) -> f64 {
    let samples = (0..seconds * 2).map(|_| {
        std::thread::sleep(Duration::from_millis(500));
        collector.resident_mb()
    });
    samples.fold(0.0, f64::max)
}

#[test]
fn a_thousand_machines_wait_for_the_database() {
    let outage_s = std::env::var("INFRALOGS_OUTAGE_S").ok().and_then(|text| text.parse().ok()).unwrap_or(OUTAGE_S);
    let database = Server::start(&[]);
    let schema = database.database();
    let clock = Clock::start();
    let agents = Standins::start((0..MACHINES).map(|at| clock.machine(at)).collect());
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path(), &agents, &database.url(&schema));
    let listen = format!("127.0.0.1:{}", free_port());
    let base = format!("http://{listen}");
    let collector = Program::start(&infralogs(), &["collect", "--listen", &listen], folder.path());
    let stored = || figure(&base, "infralogs_entries_total") as u64;
    wait_for("every machine", || (stored() >= 4 * MACHINES as u64).then_some(()));
    let before = watch(&collector, 2 * EVERY.as_secs());
    let (asked, failed) = (agents.requests(), figure(&base, "infralogs_polls_failed_total"));
    let usual = watch_requests(&agents, EVERY);
    println!("{asked} requests so far, {usual:.0} a second; {before:.1} MB resident; {failed} polls failed");

    database.kill();
    // What was being read when it died comes to its end.
    let settling = watch(&collector, 2);
    let asked = agents.requests();
    let most = watch(&collector, outage_s.saturating_sub(2)).max(settling);
    let in_vain = agents.requests() - asked;
    let ready = ask(&format!("{base}/ready"), &[]);
    let failed = figure(&base, "infralogs_polls_failed_total") - failed;
    println!("away for {outage_s} s: {most:.1} MB resident at most, {in_vain} requests in vain, {failed} polls failed");
    assert!(most <= before * GROWTH_MAX, "{most:.1} MB resident, {before:.1} before");
    assert_eq!(ready.0, 503, "{}", ready.1);
    assert!(
        (in_vain as f64) < usual * 2.0,
        "{in_vain} requests while nothing could be stored, usually {usual} a second"
    );
    assert!(failed < MACHINES as f64 / 2.0, "{failed} polls failed for a database that was known to be away");

    let begun = Instant::now();
    database.run();
    let back = begun.elapsed();
    // Timed from the moment the database answers again: what is owed then, and until when it is stored.
    let (begun, from) = (Instant::now(), stored());
    let owed = (clock.entries() * MACHINES as u64).saturating_sub(from);
    let (due, mut peak) = (from + owed, 0.0_f64);
    wait_within(patience(owed), "what was owed", || {
        peak = peak.max(collector.resident_mb());
        (stored() >= due).then_some(())
    });
    let took = begun.elapsed();
    println!(
        "back after {back:.1?}; {owed} entries were owed and stored within {took:.1?}, {:.0} a second; {peak:.1} MB \
         resident at most meanwhile",
        owed as f64 / took.as_secs_f64()
    );

    clock.stopped.store(true, Ordering::Relaxed);
    std::thread::sleep(Duration::from_millis(1_500));
    let each = clock.entries();
    // What was written while it caught up is owed as well.
    let all = each * MACHINES as u64;
    wait_within(patience(all - stored().min(all)), "every entry", || (stored() >= all).then_some(()));
    assert!(collector.interrupt(), "it ends well");
    let whole = format!(
        "SELECT count(*) FROM (SELECT machine FROM {schema}.logs GROUP BY machine HAVING count(*) = {each} \
         AND count(DISTINCT seqnum) = {each} AND max(seqnum) = {each}) AS whole"
    );
    assert_eq!(database.sql(&whole).trim(), MACHINES.to_string(), "machines whose {each} entries are all there, once");
}

/// How long so many entries may take.
fn patience(entries: u64) -> Duration {
    PATIENCE + Duration::from_secs(entries / CATCH_UP_PER_S_MIN)
}

/// Requests a second for a while.
fn watch_requests(agents: &Standins, span: Duration) -> f64 {
    let before = agents.requests();
    std::thread::sleep(span);
    (agents.requests() - before) as f64 / span.as_secs_f64()
}
