//! Rotation in hard times: tokens of many agents replaced at once while they are polled all the time, and a wall clock
//! that jumps.

mod parts;
#[path = "parts/rotate.rs"]
mod rotate;
#[path = "../../../plugins/vault/tests/standin/mod.rs"]
mod standin;

use infralogs_core::testing::mariadb::Server;
use parts::{
    ask::{ask, figure},
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs},
    sqlite, wait_for,
};
use rotate::Vm;
use serde_json::{Value, json};
use standin::StandIn;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

/// Agents, half of them with the script and half with Vault Agent's template.
const VMS: usize = 12;
/// How often each one's token is replaced.
const ROUNDS: usize = 3;
/// Entries written to each journal at a time.
const ENTRIES: u64 = 50;
/// A lease that is prolonged every four seconds.
const LEASE: Duration = Duration::from_secs(6);
/// Debian's library that tells a program another wall clock, and the same monotonic one.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

fn write(folder: &Path, name: &str, content: &Value) {
    fs::write(folder.join(name), content.to_string()).expect("written");
}

fn scripts(folder: &Path, schedule: &str) {
    copy_scripts(folder);
    fs::write(folder.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
}

fn secrets(standin: &StandIn, folder: &Path) -> Value {
    fs::write(folder.join("secret-id"), "the-secret-id\n").expect("written");
    json!({
        "plugin": "vault",
        "address": standin.address,
        "auth": { "approle": { "role_id": "role", "secret_id_file": "secret-id" } },
    })
}

#[test]
fn tokens_of_many_agents_change_under_load_without_a_failed_poll() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let standin = StandIn::start(None, "x");
    scripts(
        here,
        r#"schedule("fleet").targets(inventory("fleet")).every(0.1.seconds).timeout(10.seconds).limit(500);"#,
    );
    let (mut vms, mut agents, mut writers, mut targets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 1..=VMS {
        let (name, address) = (format!("vm-{number}"), format!("127.0.0.1:{}", free_port()));
        let (journals, tokens) = (format!("journal-{name}"), format!("{name}.tokens"));
        fs::create_dir(here.join(&journals)).expect("a folder");
        fs::write(here.join(&tokens), format!("{name}-first\n")).expect("written");
        let value = json!({ "token": format!("{name}-first") });
        standin.lock().rules.values.insert(format!("infralogs/agents/{name}"), value);
        let mut writer = journal::Writer::new(&here.join(&journals), &name, 0x77_0000 + number as u128);
        writer.write(ENTRIES);
        let args = ["--journal", &journals, "--listen", &address, "--token-file", &tokens];
        agents.push(Program::start(&agent(), &args, here));
        agents.last_mut().expect("just now").wait_for(&address);
        let (url, secret) = (format!("http://{address}"), format!("secret/infralogs/agents/{name}#token"));
        targets.push(json!({ "name": name, "url": url, "secret": secret }));
        vms.push(Vm { name, standin: standin.clone(), file: here.join(&tokens) });
        writers.push(writer);
    }
    let config = json!({
        "scripts": "scripts", "secrets": secrets(&standin, here), "store": "sqlite://data/infralogs.db",
        "inventories": { "fleet": targets },
    });
    write(here, "infralogs.yaml", &config);
    let listen = format!("127.0.0.1:{}", free_port());
    let collector = format!("http://{listen}");
    let collecting = Program::start(&infralogs(), &["collect", "--listen", &listen], here);
    wait_for("polls", || (figure(&collector, "infralogs_polls_total") >= 2.0 * VMS as f64).then_some(()));

    let (began, before) = (Instant::now(), figure(&collector, "infralogs_polls_total"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writing = scope.spawn(|| {
            while !done.load(Relaxed) {
                writers.iter_mut().for_each(|writer| writer.write(ENTRIES));
                thread::sleep(Duration::from_millis(250));
            }
        });
        let rotating: Vec<_> =
            vms.iter().enumerate().map(|(number, vm)| scope.spawn(move || rotate(number, vm))).collect();
        rotating.into_iter().for_each(|one| one.join().expect("rotated"));
        done.store(true, Relaxed);
        writing.join().expect("written");
    });
    let polls = figure(&collector, "infralogs_polls_total") - before;
    println!("{} tokens replaced during {polls} polls of {VMS} agents in {:?}", VMS * ROUNDS, began.elapsed());
    assert!(polls >= 20.0 * VMS as f64, "there was little load: {polls} polls");

    // A last round of polls with the new tokens alone.
    let seen = figure(&collector, "infralogs_polls_total");
    wait_for("polls with them", || {
        (figure(&collector, "infralogs_polls_total") >= seen + 3.0 * VMS as f64).then_some(())
    });
    let failed = figure(&collector, "infralogs_polls_failed_total");
    assert_eq!(failed, 0.0, "{}", ask(&format!("{collector}/health"), &[]).1);
    let written: u64 = writers.iter().map(journal::Writer::written).sum();
    wait_for("every entry", || {
        let stored =
            "SELECT COUNT(*) FROM (SELECT DISTINCT machine, seqnum FROM logs WHERE identifier NOT LIKE 'infralogs-%')";
        (sqlite(here, stored)[0] == written.to_string()).then_some(())
    });
    vms.iter().zip(&targets).for_each(|(vm, target)| only_the_new_one(vm, target, &collecting.said()));
    assert!(collecting.interrupt());
}

/// The agent's file and the agent itself know the new token and no other, and the collector tells nobody.
fn only_the_new_one(vm: &Vm, target: &Value, said: &str) {
    let url = format!("{}/logs?limit=1", target["url"].as_str().expect("a URL"));
    let with = |token: &str| ask(&url, &[&format!("authorization: Bearer {token}")]).0;
    let tokens = fs::read_to_string(&vm.file).expect("tokens");
    assert_eq!(tokens.lines().count(), 1, "the new one alone");
    assert_eq!((with(tokens.trim()), with(&format!("{}-first", vm.name))), (200, 401), "{}", vm.name);
    assert!(!said.contains(tokens.trim()), "the log tells a token");
}

/// Each VM by its own way, all at the same time.
fn rotate(number: usize, vm: &Vm) {
    for round in 0..ROUNDS {
        if number.is_multiple_of(2) {
            vm.run_script(2);
        } else {
            vm.take_steps(&format!("{}-token-{round}", vm.name), Duration::from_secs(2));
        }
    }
}

#[test]
fn a_lease_is_prolonged_in_time_whatever_the_wall_clock_says() {
    let server = Arc::new(Server::start(&[]));
    let database = server.database();
    let standin = StandIn::start(Some(server.clone()), &database);
    standin.set(|rules| rules.lease_ttl = LEASE);
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir(here.join("journal")).expect("a folder");
    let mut journal = journal::Writer::new(&here.join("journal"), "web-1", 0x88);
    journal.write(ENTRIES);
    let address = format!("127.0.0.1:{}", free_port());
    fs::write(here.join("tokens"), "a-token\n").expect("written");
    let args = ["--journal", "journal", "--listen", &address, "--token-file", "tokens"];
    let mut running = Program::start(&agent(), &args, here);
    running.wait_for(&address);
    scripts(here, r#"schedule("fleet").targets(inventory("fleet")).every(1.seconds).timeout(10.seconds);"#);
    let url = format!("mysql://127.0.0.1:{}/{database}", server.port());
    let config = json!({
        "scripts": "scripts", "secrets": secrets(&standin, here),
        "store": { "url": url, "secret": "database/creds/il-writer" },
        "inventories": { "fleet": [{ "name": "web-1", "url": format!("http://{address}"), "token_file": "tokens" }] },
    });
    write(here, "infralogs.yaml", &config);
    let clock = here.join("clock");
    // The file's own time follows at once; the name of the file is read with every question for the time.
    let jump =
        |by: &str| fs::write(here.join("clock.new"), by).and_then(|()| fs::rename(here.join("clock.new"), &clock));
    jump("+0").expect("written");
    let listen = format!("127.0.0.1:{}", free_port());
    let collector = format!("http://{listen}");
    let told = |name: &str, value: &str| format!("{name}={value}");
    let with = [
        told("LD_PRELOAD", FAKETIME),
        told("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string()),
        told("FAKETIME_NO_CACHE", "1"),
        told("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        infralogs().display().to_string(),
        "collect".into(),
        "--listen".into(),
        listen,
    ];
    let collecting = Program::start(Path::new("/usr/bin/env"), &with, here);
    let renewed = || standin.count("PUT /v1/sys/leases/renew");
    let polls = || figure(&collector, "infralogs_polls_total");
    wait_for("polls", || (polls() >= 2.0).then_some(()));
    for (by, days) in [("+40d", 40), ("-400d", -400), ("+0", 0)] {
        jump(by).expect("written");
        let (began, before) = (Instant::now(), renewed());
        journal.write(ENTRIES);
        wait_for("two renewals", || (renewed() >= before + 2).then_some(()));
        let took = began.elapsed();
        println!("the wall clock at {by}: two renewals in {took:?}, {} in all", renewed());
        // Two thirds of the lease each, from wherever the first stood.
        assert!(took > LEASE / 3, "it asked all the time: {took:?}");
        let seen = polls();
        wait_for("polls", || (polls() >= seen + 3.0).then_some(()));
        let off = format!("SELECT ROUND((MAX(last_seen) / 1e6 - UNIX_TIMESTAMP()) / 86400) FROM {database}.agents");
        assert_eq!(server.sql(&off).trim(), days.to_string(), "the collector does see the clock at {by}");
        let health: Value = serde_json::from_str(&ask(&format!("{collector}/health"), &[]).1).expect("JSON");
        let own = &health["credentials"][0];
        assert!(own["problem"].is_null() && own["left_s"].as_u64().is_some_and(|left| left <= 6), "{by}: {health}");
        assert_eq!(health["status"], "ok", "{by}: {health}");
        let stored =
            format!("SELECT COUNT(DISTINCT seqnum) FROM {database}.logs WHERE identifier NOT LIKE 'infralogs-%'");
        let written = journal.written().to_string();
        wait_for("every entry", || (server.sql(&stored).trim() == written).then_some(()));
    }
    assert_eq!(figure(&collector, "infralogs_polls_failed_total"), 0.0, "{}", collecting.said());
    assert_eq!(standin.count("GET /v1/database/creds"), 1, "the same credentials all along");
    assert_eq!(standin.count("POST /v1/auth/approle/login"), 1, "and the same token");
    assert!(collecting.interrupt());
    assert_eq!((standin.live_leases(), standin.live_tokens()), (0, 0), "given back");
}
