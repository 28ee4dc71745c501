//! Vault with the programs themselves: credentials at `/health`, sign-in, an agent's token replaced, and `doctor`.

mod parts;
#[path = "parts/rotate.rs"]
mod rotate;
#[path = "../../../plugins/vault/tests/standin/mod.rs"]
mod standin;
#[path = "parts/vaulted.rs"]
mod vaulted;

use parts::{
    ask::{ask, figure},
    program::run,
    wait_for,
};
use serde_json::{Value, json};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};
use vaulted::{ENTRIES, TOKENS, World};

/// What leaving may take at most: 3 s, as `rotate::END_MAX` says, and twenty times as long on a machine that is busy.
/// What counts is told by the log: whether all was given back, or that it was left to end by itself.
const LEAVING_MAX: Duration = Duration::from_secs(60);

fn health(base: &str) -> Value {
    serde_json::from_str(&ask(&format!("{base}/health"), &[]).1).unwrap_or_default()
}

fn ready(base: &str) -> bool {
    ask(&format!("{base}/ready"), &[]).0 == 200
}

#[test]
fn programs_say_how_long_credentials_last_and_tokens_change_without_a_failed_poll() {
    let world = World::new();
    // Prolonged every 8 s.
    world.standin.set(|rules| rules.lease_ttl = Duration::from_secs(12));
    let (_agent, mut journal) = world.agent();
    let (collecting, collector) = world.collector();
    let (serving, page) = (world.start(&["serve"]), format!("http://{}", world.page));
    for base in [&collector, &page] {
        wait_for("readiness", || ready(base).then_some(()));
        let own = &health(base)["credentials"][0];
        assert!(own["in_use"] == true && own["left_s"].as_u64().is_some_and(|left| left <= 12), "{own}");
        assert!(figure(base, "infralogs_credentials_left_seconds") > 0.0);
    }

    world.all_credentials_are_told();

    // Who signs in is known from Vault, and again once that changed.
    let sign_in = |token: &str| ask(&format!("{page}/d/fleet.json"), &[&format!("authorization: Bearer {token}")]).0;
    wait_for("the tokens", || (sign_in("reader-two") == 200).then_some(()));
    assert_eq!((sign_in("reader-one"), sign_in("nobody")), (200, 401));
    world.value("infralogs/dashboard/sign-in", &json!({ "tokens": "reader-three\nreader-two" }));
    wait_for("the new token", || {
        std::thread::sleep(Duration::from_secs(1));
        (sign_in("reader-three") == 200).then_some(())
    });
    assert_eq!((sign_in("reader-two"), sign_in("reader-one")), (200, 401));

    // The agent's token changes twice: collectors that look in time, and those refused first. Entries go on.
    wait_for("polls", || (figure(&collector, "infralogs_polls_total") >= 2.0).then_some(()));
    let failed = figure(&collector, "infralogs_polls_failed_total");
    assert_eq!(failed, 0.0, "nor did any fail before there were credentials: {}", collecting.said());
    for wait_s in [4, 1] {
        let before = fs::read_to_string(world.here().join("agent-tokens")).expect("tokens");
        journal.write(ENTRIES);
        world.rotate(wait_s);
        let after = fs::read_to_string(world.here().join("agent-tokens")).expect("tokens");
        assert!(after.lines().count() == 1 && after != before, "the new one alone");
        let polls = figure(&collector, "infralogs_polls_total");
        wait_for("polls with it", || (figure(&collector, "infralogs_polls_total") >= polls + 3.0).then_some(()));
    }
    assert_eq!(figure(&collector, "infralogs_polls_failed_total"), 0.0, "{}", health(&collector));
    world.all_is_stored(&journal);

    // Vault is sealed: it is said with the time left, and over as soon as Vault is back.
    world.standin.set(|rules| rules.fault = Some("sealed-renew"));
    // Both are listened to at once: few seconds lie between the first failure and the end.
    let mut said = [(&collector, None), (&page, None)];
    wait_for("degraded", || {
        for (base, said) in said.iter_mut().filter(|(_, said)| said.is_none()) {
            let health = health(base);
            let is_degraded = health["status"] == "degraded" && health["credentials"][0]["problem"].is_string();
            *said = is_degraded.then_some(health);
        }
        said.iter().all(|(_, said)| said.is_some()).then_some(())
    });
    for ((base, said), held) in said.into_iter().zip([1.0, 2.0]) {
        let said = said.expect("it was waited for");
        let what = said["what"].as_str().unwrap_or_default();
        assert!(what.contains("sealed") && what.contains(" s more"), "{said}");
        wait_for("each", || (figure(base, "infralogs_credentials_degraded") == held).then_some(()));
    }
    world.standin.set(|rules| rules.fault = None);
    for base in [&collector, &page] {
        wait_for("in order again", || (health(base)["status"] == "ok").then_some(()));
    }
    let began = Instant::now();
    assert!(collecting.interrupt() && serving.interrupt());
    println!("both left within {:?}", began.elapsed());
    assert!(began.elapsed() < LEAVING_MAX);
    let by_hand = 2;
    assert_eq!((world.standin.live_leases(), world.standin.live_tokens()), (0, by_hand), "ours are given back");
}

#[test]
fn doctor_names_the_first_thing_that_is_wrong() {
    let world = World::new();
    world
        .standin
        .set(|rules| (rules.lease_ttl, rules.token_ttl) = (Duration::from_secs(600), Duration::from_secs(1_200)));
    // The tables, as an operator makes them first.
    assert!(run(&["migrate"], world.here()).status.success());
    let (done, said, _) = world.doctor();
    assert!(done.status.success() && !said.contains("warn") && !said.contains("FAIL"), "{said}");
    for step in [
        "Vault at",
        "login by AppRole",
        "policy: may read",
        "secret database/creds/il-writer",
        "store:",
        "read:",
        "report:",
    ] {
        assert!(said.contains(&format!("ok    {step}")), "{step}: {said}");
    }
    assert!(said.contains("dashboard/sign-in") && said.contains(TOKENS), "values as well: {said}");

    world.standin.set(|rules| (rules.skew_s, rules.token_ttl) = (3_600, Duration::from_secs(300)));
    let (done, said, _) = world.doctor();
    assert!(done.status.success() && said.contains("3600 s apart") && said.contains("dies before"), "{said}");
    world.standin.set(|rules| (rules.skew_s, rules.token_ttl) = (0, Duration::from_secs(1_200)));

    world.standin.lock().rules.denied.insert("database/creds/il-writer".into());
    let (done, said, _) = world.doctor();
    assert!(
        !done.status.success() && said.contains("FAIL  policy") && said.contains("deploy/vault/policies"),
        "{said}"
    );
    world.standin.set(|rules| rules.denied.clear());

    // Wherever Vault hangs or is gone it is said soon, and nothing waits for what can't be.
    for frozen in [true, false] {
        world.standin.set(|rules| (rules.frozen, rules.away) = (frozen, !frozen));
        let (done, said, took) = world.doctor();
        println!("doctor without Vault took {took:?}");
        assert!(!done.status.success() && said.contains("FAIL  Vault at") && said.contains("skip  store"), "{said}");
        assert!(took < Duration::from_secs(100), "5 s on an idle machine: {took:?}");
    }
    world.standin.set(|rules| rules.away = false);

    world.server.kill();
    let (done, said, took) = world.doctor();
    println!("doctor without the database took {took:?}");
    assert!(!done.status.success() && said.contains("FAIL") && said.contains("il-writer"), "{said}");
    assert_eq!((world.standin.live_leases(), world.standin.live_tokens()), (0, 0), "nothing is left behind");
}

/// Each renewal answers that nothing is left, and the user is dropped within the second.
#[test]
fn a_lease_that_shrinks_to_nothing_costs_no_entry() {
    let world = World::new();
    world.standin.set(|rules| (rules.lease_ttl, rules.shrinks) = (Duration::from_secs(6), true));
    let (_agent, mut journal) = world.agent();
    let (collecting, collector) = world.collector();
    let rotations = || figure(&collector, "infralogs_credentials_replaced_total");
    wait_for("four rotations while entries come", || {
        journal.write(10);
        (rotations() >= 4.0).then_some(())
    });
    assert!(world.standin.count("PUT /v1/sys/leases/renew") >= 4, "each was shrunk");
    world.all_is_stored(&journal);
    assert!(collecting.interrupt());
    assert_eq!((world.standin.live_leases(), world.standin.live_tokens()), (0, 0), "given back");
}

/// Leaving while Vault hangs takes no longer, and is said.
#[test]
fn leaving_without_vault_is_harmless_and_said() {
    let world = World::new();
    let (_agent, journal) = world.agent();
    let (collecting, collector) = world.collector();
    wait_for("readiness", || ready(&collector).then_some(()));
    world.all_is_stored(&journal);
    world.standin.set(|rules| rules.frozen = true);
    let began = Instant::now();
    let id = collecting.id();
    assert!(Command::new("kill").args(["-TERM", &id.to_string()]).status().expect("kill").success());
    let said = wait_for("the end", || {
        let gone = fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "));
        gone.then(|| collecting.said())
    });
    println!("left within {:?}", began.elapsed());
    assert!(began.elapsed() < LEAVING_MAX);
    assert!(said.contains("end by themselves"), "it is said");
    assert!(collecting.interrupt(), "it ended well");
    let sessions = "SELECT COUNT(*) FROM information_schema.processlist WHERE user LIKE 'v-%'";
    assert_eq!(world.server.sql(sessions).trim(), "0", "no connection is left");
    assert_eq!(world.standin.live_leases(), 1, "Vault ends it when its time is over");
}

/// The session cookie that this token opens, as a browser sends it back.
fn signed_in(page: &str, token: &str) -> String {
    let form = format!("token={token}&next=/d/fleet");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--max-time", "10", "--include", "--data", &form]);
    let said = curl.arg(format!("{page}/sign-in")).output().expect("curl").stdout;
    let said = String::from_utf8(said).expect("UTF-8");
    let cookie = said.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    cookie.and_then(|cookie| cookie.split(';').next()).unwrap_or_else(|| panic!("no session: {said}")).to_owned()
}

#[test]
fn sessions_live_and_end_as_keys_and_tokens_change_in_vault() {
    let world = World::new();
    assert!(run(&["migrate"], world.here()).status.success());
    let (serving, page) = (world.start(&["serve"]), format!("http://{}", world.page));
    wait_for("readiness", || ready(&page).then_some(()));
    let (cookies, tokens) = ("infralogs/dashboard/cookies", "infralogs/dashboard/sign-in");
    let sees = |cookie: &str| ask(&format!("{page}/d/fleet.json"), &[&format!("cookie: {cookie}")]).0;
    let reads = |path: &str| world.standin.count(&format!("GET /v1/secret/data/{path}"));
    // Whoever comes with a cookie that nobody signed makes the keys be read again.
    let read_again = |path: &str| {
        let before = reads(path);
        wait_for("the keys are read again", || {
            std::thread::sleep(Duration::from_millis(500));
            sees("infralogs_session=1.YQ.AAAA");
            (reads(path) >= before + 2).then_some(())
        });
    };
    let (first, second) = ("1".repeat(40), "2".repeat(40));
    world.value(cookies, &json!({ "keys": first }));
    read_again(cookies);
    let old = signed_in(&page, "reader-two");
    assert_eq!(sees(&old), 200);
    world.value(cookies, &json!({ "keys": format!("{second}\n{first}") }));
    read_again(cookies);
    let new = signed_in(&page, "reader-two");
    assert_eq!((sees(&old), sees(&new)), (200, 200), "the old key still counts beside the new one");
    world.value(cookies, &json!({ "keys": second }));
    read_again(cookies);
    wait_for("the old key's sessions end", || (sees(&old) == 401).then_some(()));
    assert_eq!(sees(&new), 200, "those of the new one go on");

    world.value(tokens, &json!({ "tokens": "reader-three" }));
    // A token that is not known yet makes the tokens be read again; ten wrong ones in a minute would be too many.
    wait_for("the new token", || {
        std::thread::sleep(Duration::from_secs(6));
        let told = ["authorization: Bearer reader-three"];
        (ask(&format!("{page}/d/fleet.json"), &told).0 == 200).then_some(())
    });
    assert_eq!(sees(&new), 401, "a session ends with the token it was opened by");
    let newest = signed_in(&page, "reader-three");
    assert_eq!(sees(&newest), 200, "all without a restart");
    assert!(serving.interrupt());
}
