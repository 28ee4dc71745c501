//! Scripts from a ConfigMap: a good, a bad and a good generation pushed as the kubelet does, on running programs.

mod parts;

use parts::{
    ask::{ask, figure},
    free_port, journal,
    program::{Program, agent, infralogs},
    repository, sqlite,
    volume::Volume,
    wait_for,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

const MACHINE: u128 = 0x7777_0000_1111_2222_3333_4444_5555_6666;

/// What deploy/kubernetes puts into the ConfigMap: the shipped scripts, their folders as prefixes.
fn shipped() -> BTreeMap<String, String> {
    let list = fs::read_to_string(repository().join("scripts/kustomization.yaml")).expect("the list");
    let pairs = list.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_once('='));
    let read = |path: &str| fs::read_to_string(repository().join("scripts").join(path)).expect("a script");
    pairs.map(|(name, path)| (name.to_owned(), read(path))).collect()
}

/// A collector and a dashboard service on one volume.
struct World {
    folder: tempfile::TempDir,
    collector: String,
    page: String,
    _running: Vec<Program>,
}

impl World {
    fn start() -> (Self, Volume, journal::Writer) {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path();
        let mut volume = Volume::new(here.join("scripts"));
        volume.push(&quick(shipped()));
        fs::create_dir(here.join("journal")).expect("a folder");
        let mut journal = journal::Writer::new(&here.join("journal"), "web-1", MACHINE);
        journal.write(100);
        fs::write(here.join("token"), "configmap-token\n").expect("written");
        let local = || format!("127.0.0.1:{}", free_port());
        let (agent_at, collector, page) = (local(), local(), local());
        let config = format!(
            "scripts: scripts\nstore: sqlite://data/infralogs.db\nlisten: {page}\ninventories:\n  fleet:\n    \
             - {{ name: web-1, url: \"http://{agent_at}\", token_file: token }}\n"
        );
        fs::write(here.join("infralogs.yaml"), config).expect("written");
        let args = ["--journal", "journal", "--listen", &agent_at, "--token-file", "token"];
        let mut running = vec![Program::start(&agent(), &args, here)];
        running[0].wait_for(&agent_at);
        running.push(Program::start(&infralogs(), &["collect", "--listen", &collector], here));
        let (collector, page) = (format!("http://{collector}"), format!("http://{page}"));
        wait_for("the collector", || (figure(&collector, "infralogs_entries_total") >= 100.0).then_some(()));
        running.push(Program::start(&infralogs(), &["serve"], here));
        wait_for("the dashboards", || (ask(&format!("{page}/ready"), &[]).0 == 200).then_some(()));
        (Self { folder, collector, page, _running: running }, volume, journal)
    }

    fn count(&self, table: &str) -> u64 {
        let found = sqlite(self.folder.path(), &format!("SELECT count(*) FROM {table}"));
        found[0].parse().expect("a number")
    }

    /// What both programs say of themselves.
    fn health(&self) -> [Value; 2] {
        [&self.collector, &self.page].map(|base| {
            let (status, text) = ask(&format!("{base}/health"), &[]);
            assert_eq!(status, 200, "a script that is refused is no reason to restart a container: {text}");
            serde_json::from_str(&text).expect("JSON")
        })
    }

    fn title(&self) -> String {
        let (status, text) = ask(&format!("{}/d/fleet.json", self.page), &[]);
        assert_eq!(status, 200, "{text}");
        let whole: Value = serde_json::from_str(&text).expect("JSON");
        whole["page"]["title"].as_str().expect("a title").to_owned()
    }
}

/// Polls every second, so that effects are seen soon.
fn quick(mut files: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let schedule = r#"schedule("fleet").targets(inventory("fleet")).every(1.seconds).timeout(10.seconds);"#;
    files.insert("schedules.fleet.rhai".into(), schedule.into());
    files
}

#[test]
fn a_configmap_of_good_bad_and_good_scripts_reaches_tables_pages_and_health() {
    let (world, mut volume, mut journal) = World::start();
    assert_eq!(world.count("failed_ssh"), 10);
    let title = world.title();
    let [first, other] = world.health();
    assert!(first["status"] == "ok" && other["status"] == "ok", "{first} {other}");
    assert_eq!(first["scripts"], other["scripts"], "both run the same generation");

    // A mistake: refused by both, named with its place, and everything goes on as before.
    let mut bad = quick(shipped());
    let broken = bad["parsers.failed_ssh.rhai"].replacen(".pattern(", ".patern(", 1);
    bad.insert("parsers.failed_ssh.rhai".into(), broken);
    bad.insert("dashboards.fleet.rhai".into(), bad["dashboards.fleet.rhai"].replace(&title, "Never shown"));
    volume.push(&bad);
    let both = wait_for("the refusal", || {
        Some(world.health()).filter(|both| both.iter().all(|health| health["status"] == "degraded"))
    });
    for health in &both {
        let text = health.to_string();
        assert!(text.contains("parsers.failed_ssh.rhai") && text.contains("patern"), "{text}");
        assert_eq!(health["scripts"], first["scripts"], "the last good generation goes on");
    }
    assert_eq!(figure(&world.collector, "infralogs_scripts_rejected"), 1.0);
    wait_for("both on the page of our own health", || {
        let told =
            "SELECT process FROM processes WHERE rejected LIKE '%patern%parsers.failed_ssh.rhai%' ORDER BY process";
        (sqlite(world.folder.path(), told).iter().collect::<BTreeSet<_>>().len() == 2).then_some(())
    });
    let (status, page) = ask(&format!("{}/d/health.json", world.page), &[]);
    assert!(status == 200 && page.contains("Processes of ours") && page.contains("patern"), "the page names the edit");
    assert!(page.contains("collector") && page.contains("dashboard"), "and who refused it");
    journal.write(100);
    wait_for("the old parser's rows", || (world.count("failed_ssh") == 20).then_some(()));
    assert_eq!(world.title(), title, "the page stays");

    // Mended, with another title, another parser, and one less.
    let mut good = quick(shipped());
    good.insert("dashboards.fleet.rhai".into(), good["dashboards.fleet.rhai"].replace(&title, "From a ConfigMap"));
    good.insert(
        "parsers.requests.rhai".into(),
        r#"parser("requests").from(identifier == "api").pattern("request {number:int} took {ms:int} ms").into("requests");"#.into(),
    );
    good.remove("parsers.nginx_access.rhai");
    good.remove("dashboards.web.rhai");
    good.remove("dashboards.health.rhai");
    volume.push(&good);
    let both = wait_for("the new generation", || {
        Some(world.health()).filter(|both| both.iter().all(|health| health["status"] == "ok"))
    });
    assert!(both.iter().all(|health| health["scripts"] != first["scripts"]), "{both:?}");
    assert_eq!(world.title(), "From a ConfigMap");
    assert_eq!(ask(&format!("{}/d/health.json", world.page), &[]).0, 404, "a removed script's dashboard is gone");
    journal.write(100);
    let requests = (201..=300).filter(|n| n % 10 != 0 && n % 7 != 0).count() as u64;
    wait_for("the new parser's rows", || {
        (world.count("failed_ssh") == 30 && world.count("requests") == requests).then_some(())
    });
    assert_eq!(figure(&world.collector, "infralogs_polls_failed_total"), 0.0);
}
