//! Agents that lie, stall or are away, each in its own way: what they cost is bounded, what is wrong with them is said
//! and counted, and no other machine notices.

mod parts;

use parts::{
    ask::{ask, figure},
    copy_scripts, free_port,
    program::{Program, infralogs, run},
    sqlite,
    standin::{Asked, Machine, Sent, Standins},
    wait_for,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Machines that tell the truth; the first is the one others pretend to be.
const HONEST: usize = 6;
/// How fast they write.
const PER_SECOND: u64 = 50;
/// What one liar can make the collector hold at most is a batch of 64 MiB and its parts.
const RESIDENT_MB_MAX: f64 = 400.0;

const HONEST_NAMES: [&str; HONEST] = ["true-0", "true-1", "true-2", "true-3", "true-4", "true-5"];

/// The body without its closing line.
fn without_end(body: &[u8]) -> Vec<u8> {
    let end = body.windows(7).position(|piece| piece == b"{\"$end\"").unwrap_or(body.len());
    body[..end].to_vec()
}

/// Another text in place of this one, wherever it stands.
fn replaced(body: &[u8], from: &str, to: &str) -> Vec<u8> {
    String::from_utf8_lossy(body).replace(from, to).into_bytes()
}

/// How each lies, by name, and the words that must be said of it.
fn liars() -> Vec<(Machine, &'static str)> {
    let always =
        |name: &str, body: &'static [u8]| Machine::with(name, 500).bent(move |_, _| Sent::Whole(body.to_vec()));
    let entry = b"{\"__CURSOR\":\"s=00000000000000000000000000000001;i=1;b=00000000000000000000000000000002;m=1;t=1;x=1\",\"MESSAGE\":\"again and again\"}\n";
    let unless_hello = |bend: fn(&Asked, Vec<u8>) -> Sent| {
        move |asked: &Asked, body: Vec<u8>| if asked.limit == 0 { Sent::Whole(body) } else { bend(asked, body) }
    };
    vec![
        (always("no-json", b"<html>Welcome to nginx!</html>\n"), "line 1"),
        (always("cut-json", b"{\"__CURSOR\":\"s=0\n"), "line 1"),
        (always("empty", b""), "closing line"),
        (
            Machine::with("unclosed", 500).bent(unless_hello(|_, body| Sent::Whole(without_end(&body)))),
            "before its closing line",
        ),
        (
            Machine::with("miscounted", 500)
                .bent(unless_hello(|_, body| Sent::Whole(replaced(&body, "\"entries\":500", "\"entries\":7")))),
            "the closing line counts 7",
        ),
        (
            Machine::with("endless", 500).bent(move |_, _| Sent::Endless(entry.repeat(2_000), Duration::ZERO)),
            "more than",
        ),
        (
            Machine::with("one-line", 500).bent(|_, _| Sent::Endless(vec![b'x'; 1 << 20], Duration::ZERO)),
            "a line of more than",
        ),
        (
            Machine::with("loris", 500).bent(|_, _| Sent::Endless(b" ".to_vec(), Duration::from_millis(100))),
            "no complete answer within",
        ),
        // A head, one byte, and nothing more.
        (
            Machine::with("halted", 500).bent(|_, _| Sent::Endless(b" ".to_vec(), Duration::from_secs(3_600))),
            "no complete answer within",
        ),
        // Every request is one for all it has.
        (
            Machine::with("again", 500).bent(|asked, body| match asked.after {
                0 => Sent::Whole(body),
                _ => Sent::Whole(Machine::with("again", 500).answer(&Asked { after: 0, limit: 500 })),
            }),
            "came again",
        ),
        (
            Machine::with("never-done", 500)
                .bent(unless_hello(|_, body| Sent::Whole(replaced(&body, "\"more\":false", "\"more\":true")))),
            "",
        ),
    ]
}

/// Says it is the first honest machine, far ahead of it. At first it was a machine of its own.
fn impostor(pretends: &Arc<AtomicBool>) -> Machine {
    let pretends = pretends.clone();
    Machine::with("impostor", 500).bent(move |asked, body| match pretends.load(Ordering::Relaxed) {
        true => Sent::Whole(
            Machine::with(HONEST_NAMES[0], 1_000_000).answer(&Asked { after: asked.after.max(900_000), ..*asked }),
        ),
        false => Sent::Whole(body),
    })
}

/// Clocks a day off: one ahead of now, one behind.
fn clocks() -> [Machine; 2] {
    // The stand-ins' own times are some months old: moved to a day around now.
    [("ahead", 86_400), ("behind", -86_400)].map(|(name, day)| {
        let at = parts::now_s() + day;
        Machine::with(name, 500).bent(move |_, body| Sent::Whole(at_time(&body, at)))
    })
}

/// The same entries, all at this time: cursors hold it in hexadecimal.
fn at_time(body: &[u8], seconds: i64) -> Vec<u8> {
    let text = String::from_utf8_lossy(body);
    let mut pieces = text.split(";t=");
    let mut moved = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.find(';').map_or(piece, |at| &piece[at..]);
        moved += &format!(";t={:x}{rest}", seconds * 1_000_000);
    }
    moved.into_bytes()
}

/// Two more that are no agents at all, by name, address, and what is said: one takes connections and never says a
/// word, the other is not there.
fn mute() -> (TcpListener, [(&'static str, String, &'static str); 2]) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("its address").to_string();
    let away = format!("127.0.0.1:{}", free_port());
    (silent, [("silent", address, "no complete answer within"), ("away", away, "can't connect")])
}

fn prepare(here: &Path, agents: &Standins, names: &[String], mute: &[(&str, String, &str)]) {
    copy_scripts(here);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).timeout(3.seconds).backoff(500.millis, 2.seconds);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    let mut fleet = agents.targets(|at| names[at].clone());
    let mute = mute.iter().map(|(name, address, _)| json!({ "name": name, "url": format!("http://{address}") }));
    fleet.as_array_mut().expect("a list").extend(mute);
    fs::write(here.join("fleet.json"), fleet.to_string()).expect("written");
    let config = "scripts: scripts\nstore: sqlite://data/infralogs.db\ninventories: { fleet: fleet.json }\n";
    fs::write(here.join("infralogs.yaml"), config).expect("written");
}

/// What `infralogs status` says of each target.
fn status(here: &Path) -> BTreeMap<String, Value> {
    let done = run(&["status", "--output", "json"], here);
    let said = String::from_utf8(done.stdout).expect("UTF-8");
    let all = said.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object"));
    all.map(|one| (one["host"].as_str().unwrap_or_default().to_owned(), one)).collect()
}

#[test]
fn liars_harm_nobody_else() {
    let pretends = Arc::<AtomicBool>::default();
    let (liars, mut words): (Vec<Machine>, Vec<&str>) = liars().into_iter().unzip();
    let mut named: Vec<String> = liars.iter().map(|machine| machine.name.clone()).collect();
    let mut machines: Vec<Machine> = HONEST_NAMES.iter().map(|name| Machine::writing(*name, PER_SECOND)).collect();
    machines.extend(liars);
    machines.push(impostor(&pretends));
    machines.extend(clocks());
    let names: Vec<String> = machines.iter().map(|machine| machine.name.clone()).collect();
    let heads: Vec<_> = machines.iter().take(HONEST).map(|machine| machine.head.clone()).collect();
    let agents = Standins::start(machines);
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let (_silent, mute) = mute();
    prepare(here, &agents, &names, &mute);
    named.extend(mute.iter().map(|(name, ..)| (*name).to_owned()));
    words.extend(mute.iter().map(|(_, _, words)| *words));
    let listen = format!("127.0.0.1:{}", free_port());
    let base = format!("http://{listen}");
    let collector = Program::start(&infralogs(), &["collect", "--listen", &listen], here);

    // Each is said, in words that name the lie.
    let of = |status: &BTreeMap<String, Value>, name: &str, field: &str| status.get(name).map(|one| one[field].clone());
    let said = |words: &str, name: &str| {
        let error = of(&status(here), name, "error").unwrap_or_default();
        error.as_str().is_some_and(|error| error.contains(words))
    };
    for (name, words) in named.iter().zip(&words).filter(|(_, words)| !words.is_empty()) {
        wait_for(&format!("`{words}` of {name}; it is said {:?}", status(here).get(name)), || {
            said(words, name).then_some(())
        });
    }
    wait_for("all that the impostor had of its own", || {
        (of(&status(here), "impostor", "entries") == Some(500.into())).then_some(())
    });
    pretends.store(true, Ordering::Relaxed);
    wait_for("the impostor to be found out", || said("another machine answers", "impostor").then_some(()));
    wait_for("whom it pretends to be", || said("machine of target `true-0`", "impostor").then_some(()));
    // A clock that is behind looks like entries that came late; both are stored all the same.
    wait_for("the clock that is ahead", || said("clock is", "ahead").then_some(()));
    wait_for("the clock that is behind", || {
        of(&status(here), "behind", "lag_s").and_then(|lag| lag.as_i64()).filter(|lag| (86_000..87_000).contains(lag))
    });
    for name in ["ahead", "behind"] {
        assert_eq!(of(&status(here), name, "entries"), Some(500.into()));
    }

    // Counted, bounded.
    let (_, page) = ask(&format!("{base}/metrics"), &[]);
    for (name, _) in named.iter().zip(&words).filter(|(_, words)| !words.is_empty()) {
        let line = format!("infralogs_poll_failures_total{{target=\"{name}\",stream=\"logs\"}} ");
        let count = page.lines().find_map(|one| one.strip_prefix(&line)).and_then(|count| count.parse::<u64>().ok());
        assert!(count.is_some_and(|count| count >= 1), "failures of {name}: {count:?}");
    }
    let never_done = agents.asked(named.iter().position(|name| name == "never-done").expect("there") + HONEST).len();
    let rounds = agents.asked(0).len();
    assert!(never_done <= 2 * rounds + 10, "it was asked {never_done} times, an honest one {rounds} times");
    let resident = collector.resident_mb_max();
    println!("{resident:.0} MB resident at most, {} polls", figure(&base, "infralogs_polls_total"));
    assert!(resident < RESIDENT_MB_MAX, "{resident} MB");

    // Nobody else noticed: everything of the honest is stored, soon, once, and nothing of the impostor's in their name.
    let heads: Vec<u64> = heads.iter().map(|head| head()).collect();
    for (name, head) in HONEST_NAMES.iter().zip(&heads) {
        let seqnums = format!("FROM logs WHERE host = '{name}' AND seqnum <= {head}");
        wait_for(&format!("{head} entries of {name}"), || {
            (sqlite(here, &format!("SELECT count(*) {seqnums}")) == [head.to_string()]).then_some(())
        });
        assert_eq!(sqlite(here, &format!("SELECT count(DISTINCT seqnum) {seqnums}")), [head.to_string()]);
    }
    assert_eq!(sqlite(here, "SELECT count(*) FROM logs WHERE seqnum > 900000"), ["0"]);
    assert!(HONEST_NAMES.iter().all(|name| of(&status(here), name, "state") == Some("up".into())));
    assert!(collector.interrupt(), "it ends well");
}
