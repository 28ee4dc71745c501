//! What the collector says of itself at `/metrics`, `/health` and `/ready` is what happened, and alerts go by names that
//! are there.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    ask::{ask, figure},
    copy_scripts, free_port,
    program::{Program, infralogs},
    repository,
    standin::{Machine, Sent, Standins},
    wait_for,
};
use serde_json::Value;
use std::{fs, path::Path};

const ENTRIES: u64 = 300;
/// What leads the names that only a program with rotating credentials has; `vault.rs` looks at those.
const CREDENTIALS: &str = "infralogs_credentials_";

fn prepare(here: &Path, store: &str, fleet: &Value) {
    copy_scripts(here);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet.json\")).every(1.seconds).limit(100);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::write(here.join("fleet.json"), fleet.to_string()).expect("written");
    fs::write(here.join("infralogs.yaml"), format!("scripts: scripts\nstore: {store}\n")).expect("written");
}

fn start(here: &Path) -> (Program, String) {
    let listen = format!("127.0.0.1:{}", free_port());
    (Program::start(&infralogs(), &["collect", "--listen", &listen], here), format!("http://{listen}"))
}

/// One sample of the page.
fn sample(page: &str, of: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(of)?.trim().parse().ok())
}

fn said(base: &str, path: &str) -> (u16, Value) {
    let (status, body) = ask(&format!("{base}/{path}"), &[]);
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[test]
fn figures_are_what_happened() {
    // One with a hole, one that lies, one that is well.
    let hole = "{\"after\":null,\"before\":";
    let holed = Machine::with("holed", ENTRIES).bent(move |asked, body| {
        let text = String::from_utf8(body).expect("text");
        let first = text.split("\"__CURSOR\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let gaps = format!("\"gaps\":[{hole}\"{first}\",\"lost\":7}}]");
        let is_first = asked.after == 0 && asked.limit > 0;
        Sent::Whole(if is_first { text.replace("\"gaps\":[]", &gaps) } else { text }.into_bytes())
    });
    let liar = Machine::with("liar", 5).bent(|_, _| Sent::Whole(b"no\n".to_vec()));
    let agents = Standins::start(vec![Machine::with("well", ENTRIES), holed, liar]);
    let names = ["well", "holed", "liar"];
    let database = Server::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    prepare(here, &database.url(&database.database()), &agents.targets(|at| names[at].to_owned()));
    let (_collector, base) = start(here);
    wait_for("everything", || (figure(&base, "infralogs_entries_total") >= 2.0 * ENTRIES as f64).then_some(()));
    wait_for("the liar", || (figure(&base, "infralogs_polls_failed_total") >= 1.0).then_some(()));
    let page = || ask(&format!("{base}/metrics"), &[]).1;
    let of = |name: &str, target: &str| sample(&page(), &format!("{name}{{target=\"{target}\",stream=\"logs\"}}"));
    for target in ["well", "holed"] {
        assert_eq!(of("infralogs_poll_entries_total", target), Some(ENTRIES as f64));
        assert_eq!(of("infralogs_poll_failing", target), Some(0.0));
        wait_for("a small lag", || of("infralogs_poll_lag_seconds", target).filter(|lag| *lag < 20.0));
        assert!(of("infralogs_poll_bytes_total", target).is_some_and(|bytes| bytes > ENTRIES as f64 * 50.0));
    }
    assert_eq!(of("infralogs_poll_failing", "liar"), Some(1.0));
    assert_eq!(of("infralogs_poll_lag_seconds", "liar"), None, "nothing is known of it");
    assert_eq!(
        (of("infralogs_poll_lost_total", "holed"), of("infralogs_poll_lost_total", "well")),
        (Some(7.0), Some(0.0))
    );
    let page = page();
    for (name, value) in [
        ("infralogs_gaps_total", 1.0),
        ("infralogs_lost_total", 7.0),
        ("infralogs_quarantined_total", 0.0),
        ("infralogs_store_up", 1.0),
        ("infralogs_polls_unlisted", 0.0),
        ("infralogs_polls{state=\"failing\"}", 1.0),
        ("infralogs_polls_in_flight_max", 64.0),
        ("infralogs_store_connections_max", 10.0),
    ] {
        assert_eq!(sample(&page, &format!("{name} ")), Some(value), "{name}");
    }
    assert!(sample(&page, "infralogs_rows_total ").is_some_and(|rows| rows >= 2.0 * ENTRIES as f64));
    let open =
        ["busy", "idle"].map(|state| sample(&page, &format!("infralogs_store_connections{{state=\"{state}\"}}")));
    assert!(open.iter().flatten().sum::<f64>() >= 1.0, "its connections, at work or idle: {open:?}");
    let (status, health) = said(&base, "health");
    assert_eq!((status, &health["status"]), (200, &Value::from("degraded")), "{health}");
    assert_eq!(health["failing"][0]["poll"], "liar/logs", "{health}");
    let generation = format!("infralogs_scripts_info{{hash={}}}", health["scripts"]);
    assert_eq!(sample(&page, &generation), Some(1.0), "the generation that /health says");
    assert_eq!(said(&base, "ready").0, 200, "a machine that lies takes no collector out of service");

    // The store goes away: that is said by both, and taken back.
    database.kill();
    wait_for("`not ready`", || (said(&base, "ready").0 == 503).then_some(()));
    assert_eq!(figure(&base, "infralogs_store_up"), 0.0);
    assert_eq!(said(&base, "health").0, 200, "a restart would not help");
    database.run();
    wait_for("`ready`", || (said(&base, "ready").0 == 200).then_some(()));
}

#[test]
fn alerts_go_by_names_that_are_there() {
    let agents = Standins::start(vec![Machine::with("well", 5)]);
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    prepare(here, "sqlite://data/infralogs.db", &agents.targets(|_| "well".into()));
    let (_collector, base) = start(here);
    wait_for("a poll", || (figure(&base, "infralogs_polls_total") >= 1.0).then_some(()));
    let listen = format!("127.0.0.1:{}", free_port());
    let mut serving = Program::start(&infralogs(), &["serve", "--listen", &listen], here);
    serving.wait_for(&listen);
    let page = [base, format!("http://{listen}")].map(|base| ask(&format!("{base}/metrics"), &[]).1).concat();
    let file = repository().join("deploy/kubernetes/monitoring/alerts.yaml");
    let rules = fs::read_to_string(file).expect("the rules");
    let mut names = 0;
    for expr in rules.lines().filter_map(|line| line.trim_start().strip_prefix("expr: ")) {
        let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        for name in words.filter(|word| word.starts_with("infralogs_") && !word.starts_with(CREDENTIALS)) {
            names += 1;
            let there =
                page.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
            assert!(there, "an alert asks for {name}, which is not on the page:\n{page}");
        }
    }
    assert!(names >= 8, "{names} names were looked for");
}

#[test]
fn who_polls_nobody_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    prepare(here, "sqlite://data/infralogs.db", &Value::Array(Vec::new()));
    let (mut collector, base) = start(here);
    collector.wait_for("collecting");
    wait_for("the words", || said(&base, "health").1["what"].as_str()?.contains("nothing is polled").then_some(()));
    drop(collector);
    // And where no script even declares a schedule, the terminal says what to write.
    fs::remove_dir_all(here.join("scripts/schedules")).expect("removed");
    let (mut collector, _) = start(here);
    collector.wait_for("no script declares a schedule");
    assert!(collector.said().contains("write schedule(\"fleet\").targets("), "{}", collector.said());
}
