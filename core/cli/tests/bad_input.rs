//! What is missing, wrong, full or out of reach: one clear sentence that names the place and the fix, and no lie at
//! `/ready`.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    ask::{ask, figure},
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs, run},
    wait_for,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const MACHINE: u128 = 0x8888_0000_1111_2222_3333_4444_5555_6666;

fn configured(here: &Path, config: &Value) {
    fs::write(here.join("infralogs.yaml"), config.to_string()).expect("written");
}

/// Exactly one `error:`, with these words.
fn refused(done: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&done.stderr);
    println!("{said}");
    assert_eq!(done.status.code(), Some(code), "{said}");
    assert_eq!(said.matches("error:").count(), 1, "one message: {said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not said: {said}");
    }
}

#[test]
fn what_is_wrong_at_the_start_is_one_sentence_with_the_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let once = ["collect", "--once"];
    let mysql = format!("mysql://infralogs@127.0.0.1:{}/infralogs", free_port());
    let with = |store: Value| json!({ "scripts": "scripts", "store": store, "inventories": { "fleet": [] } });

    // A database that is not there.
    configured(here, &with(json!(mysql)));
    refused(&run(&once, here), 1, &["127.0.0.1", "refused", "check that the database runs"]);
    refused(&run(&["migrate"], here), 1, &["127.0.0.1", "refused", "check that the database runs"]);
    // A fleet that can't be read: what was not polled is no success.
    fs::write(here.join("fleet.yaml"), "- { name: web-1, ulr: \"http://web-1:7070\" }\n").expect("written");
    configured(here, &json!({ "scripts": "scripts", "inventories": { "fleet": "fleet.yaml" } }));
    refused(&run(&once, here), 1, &["fleet.yaml", "ulr"]);
    // A secret that is not there: a password file, a secret without `secrets:`, a sign-in file.
    configured(here, &with(json!({ "url": mysql, "password_file": "secrets/mysql" })));
    refused(&run(&once, here), 2, &["secrets/mysql", "No such file", "password_file"]);
    let nobody = mysql.replace("infralogs@", "");
    configured(here, &with(json!({ "url": nobody, "secret": "database/creds/il-writer" })));
    refused(&run(&once, here), 2, &["database/creds/il-writer", "secrets:", "infralogs.yaml"]);
    let mut config = with(json!("sqlite://data/infralogs.db"));
    config["sign_in"] = json!({ "token_file": "tokens" });
    config["listen"] = json!(format!("127.0.0.1:{}", free_port()));
    configured(here, &config);
    refused(&run(&["serve"], here), 2, &["tokens", "No such file"]);
    config["sign_in"] = json!({ "token_secret": "secret/x#y" });
    configured(here, &config);
    refused(&run(&["serve"], here), 2, &["secret/x#y", "secrets:"]);
    // An authority's file that is none.
    fs::write(here.join("ca.pem"), "nothing\n").expect("written");
    fs::write(here.join("id"), "x\n").expect("written");
    let auth = json!({ "approle": { "role_id": "r", "secret_id_file": "id" } });
    let mut config = with(json!({ "url": nobody, "secret": "database/creds/il-writer" }));
    config["secrets"] =
        json!({ "plugin": "vault", "address": "https://127.0.0.1:1", "ca_file": "ca.pem", "auth": auth });
    configured(here, &config);
    refused(&run(&once, here), 2, &["ca.pem"]);
    // A broken script in a ConfigMap's folder: drawn, and nothing starts.
    let volume = here.join("flat");
    fs::create_dir_all(volume.join("..2026")).expect("a folder");
    fs::write(volume.join("..2026/p.rhai"), "parser(\"p\").pattern(\"x {y}\").kep(1).into(\"p\");\n").expect("written");
    std::os::unix::fs::symlink("..2026", volume.join("..data")).expect("a link");
    std::os::unix::fs::symlink("..data/p.rhai", volume.join("p.rhai")).expect("a link");
    configured(here, &json!({ "scripts": "flat", "listen": format!("127.0.0.1:{}", free_port()) }));
    for command in [&["collect"][..], &["serve"], &["check", "--config", "infralogs.yaml"]] {
        refused(&run(command, here), 2, &["p.rhai:1", "kep", "did you mean `keep`?"]);
    }
}

#[test]
fn a_database_of_another_authority_is_refused_with_the_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let script = "
        for ca in ours theirs; do
          openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca -keyout $ca-key.pem -out $ca.pem \
            -addext basicConstraints=critical,CA:TRUE
        done
        openssl req -newkey rsa:2048 -nodes -subj /CN=db -keyout db-key.pem -out db.csr
        printf 'subjectAltName=IP:127.0.0.1' > names
        openssl x509 -req -in db.csr -CA theirs.pem -CAkey theirs-key.pem -CAcreateserial -days 2 -extfile names -out db.pem";
    let made = Command::new("sh").args(["-e", "-c", script]).current_dir(here).output().expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = |name: &str| here.join(name).display().to_string();
    let (certificate, key) = (format!("--ssl-cert={}", file("db.pem")), format!("--ssl-key={}", file("db-key.pem")));
    let database = Server::start(&[&certificate, &key]);
    let url = database.url(&database.database());
    let with = |ca: &str| json!({ "scripts": "scripts", "store": { "url": url, "ca_file": ca }, "inventories": { "fleet": [] } });
    configured(here, &with("ours.pem"));
    for command in [&["migrate"][..], &["collect", "--once"]] {
        refused(&run(command, here), 1, &["certificate is refused", "UnknownIssuer", "into ca_file"]);
    }
    configured(here, &with("theirs.pem"));
    assert!(run(&["migrate"], here).status.success(), "it was the authority and nothing else");
}

/// `infralogs` in a mount namespace of its own, its folder `data` a file system of its own.
fn confined(here: &Path, options: &str, args: &[&str]) -> Program {
    fs::create_dir_all(here.join("data")).expect("a folder");
    let own = infralogs().display().to_string();
    let script = "mount -t tmpfs -o \"$0\" tmpfs data && exec \"$@\"";
    let all = [&["--mount", "--", "sh", "-c", script, options, own.as_str()][..], args].concat();
    Program::start(Path::new("unshare"), &all, here)
}

#[test]
fn a_read_only_data_folder_is_refused_with_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    configured(folder.path(), &json!({ "scripts": "scripts", "inventories": { "fleet": [] } }));
    let mut collecting = confined(folder.path(), "ro", &["collect", "--once"]);
    collecting.wait_for("help:");
    let said = collecting.said();
    assert!(said.contains("infralogs.db") && said.contains("may write"), "{said}");
}

#[test]
fn a_full_disk_stops_storing_says_so_and_loses_nothing() {
    const ENTRIES: u64 = 8_000;
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).backoff(1.seconds, 2.seconds);";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::create_dir(here.join("journal")).expect("a folder");
    journal::write(&here.join("journal"), "web-1", MACHINE, 1, ENTRIES);
    fs::write(here.join("token"), "full-disk-token\n").expect("written");
    let (listen, ops) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let target = json!({ "name": "web-1", "url": format!("http://{listen}"), "token_file": "token" });
    configured(here, &json!({ "scripts": "scripts", "inventories": { "fleet": [target] } }));
    let args = ["--journal", "journal", "--listen", &listen, "--token-file", "token"];
    let mut agent = Program::start(&agent(), &args, here);
    agent.wait_for(&listen);
    let collecting = confined(here, "size=2m", &["collect", "--listen", &ops]);
    let health = || {
        let text = ask(&format!("http://{ops}/health"), &[]).1;
        serde_json::from_str::<Value>(&text).unwrap_or_default()
    };
    let said = wait_for("the full disk to be said", || {
        let said = health().to_string();
        said.contains("disk").then_some(said)
    });
    println!("{said}");
    assert!(said.contains("make room on the disk"), "{said}");
    let ready = || ask(&format!("http://{ops}/ready"), &[]);
    let said = wait_for("no readiness", || Some(ready()).filter(|(code, _)| *code == 503)).1;
    assert!(said.contains("nothing can be stored") && said.contains("make room on the disk"), "{said}");

    // Room again: all is stored, once.
    let data = here.join("data");
    let inside = |args: &[&str]| {
        let target = collecting.id().to_string();
        let all = [&["--mount", "--target", &target, "--"], args].concat();
        let done = Command::new("nsenter").args(all).output().expect("nsenter");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).expect("UTF-8")
    };
    inside(&["mount", "-o", "remount,size=200m", data.to_str().expect("UTF-8")]);
    let ask_it = "import sqlite3,sys\nprint(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])";
    let (file, sql) = (data.join("infralogs.db"), "SELECT count(*) FROM logs WHERE identifier NOT LIKE 'infralogs-%'");
    let count = || inside(&["python3", "-c", ask_it, file.to_str().expect("UTF-8"), sql]);
    wait_for("every entry", || (count().trim() == ENTRIES.to_string()).then_some(()));
    wait_for("good health", || (health()["status"] == "ok").then_some(()));
    assert_eq!(ready().0, 200);
}

#[test]
fn a_collector_without_its_database_is_not_ready_and_comes_back_by_itself() {
    let database = Server::start(&[]);
    let schema = database.database();
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).every(1.seconds).backoff(1.seconds, 2.seconds);";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    let target = json!({ "name": "web-1", "url": format!("http://127.0.0.1:{}", free_port()) });
    configured(
        here,
        &json!({ "scripts": "scripts", "store": database.url(&schema), "inventories": { "fleet": [target] } }),
    );
    let ops = format!("127.0.0.1:{}", free_port());
    let mut collecting = Program::start(&infralogs(), &["collect", "--listen", &ops], here);
    collecting.wait_for("collecting into");
    let ready = || ask(&format!("http://{ops}/ready"), &[]);
    // A machine that is away is no reason to take the collector out.
    wait_for("a poll that failed", || ready().1.contains("degraded").then_some(()));
    assert_eq!(ready().0, 200);
    database.kill();
    let said = wait_for("no readiness", || Some(ready()).filter(|(code, _)| *code == 503)).1;
    assert!(said.contains("nothing can be stored") && said.contains("mend the store"), "{said}");
    database.run();
    wait_for("readiness", || (ready().0 == 200).then_some(()));
    assert!(collecting.interrupt(), "it ends well");
}

#[test]
fn dashboards_without_their_database_start_are_not_ready_and_come_back_by_themselves() {
    let database = Server::start(&[]);
    let schema = database.database();
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let listen = format!("127.0.0.1:{}", free_port());
    configured(here, &json!({ "scripts": "scripts", "listen": listen, "store": database.url(&schema) }));
    database.kill();
    let mut serving = Program::start(&infralogs(), &["serve"], here);
    serving.wait_for(&listen);
    let asked = |path: &str| ask(&format!("http://{listen}{path}"), &[]);
    let away = || Some(asked("/ready")).filter(|(code, said)| *code == 503 && said.contains("can't be reached"));
    let said = wait_for("no readiness", away).1;
    assert!(said.contains("check that the database runs") && said.contains("mend the store"), "{said}");
    let health = asked("/health");
    assert!(health.0 == 200 && health.1.contains("degraded"), "a restart would not help: {}", health.1);
    assert_eq!(figure(&format!("http://{listen}"), "infralogs_read_store_up"), 0.0);
    database.run();
    wait_for("readiness", || (asked("/ready").0 == 200).then_some(()));
    wait_for("good health", || asked("/health").1.contains("\"ok\"").then_some(()));
    database.kill();
    wait_for("no readiness again", away);
    assert!(serving.interrupt(), "it ends well");
}
