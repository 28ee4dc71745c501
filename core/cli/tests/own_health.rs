//! The page of our own health over the whole line: agents' scripts with an edit they refused, links from numbers to the
//! rows behind them, and dashboards that can't, or may, tell how they do.

mod parts;

use parts::{
    ask::figure,
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs},
    repository, sqlite, wait_for,
};
use serde_json::json;
use std::{fs, path::Path, process::Command};

const MACHINE: u128 = 0x6161_0000_1111_2222_3333_4444_5555_6666;
const RULE: &str = "rule(\"hide\").redact(message, `s3cr3t`, \"***\");\n";

/// The page in a browser, which checks what it shows.
fn look(page: &str, listed: bool) {
    let script = repository().join("core/cli/tests/browser/own_health.mjs");
    let done = Command::new("node").arg(script).arg(page).arg(listed.to_string()).output().expect("node runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stdout));
}

/// Starts dashboards that read what counts as a replica.
fn serve(here: &Path, config: &mut serde_json::Value, report: Option<&str>) -> (Program, String) {
    let listen = format!("127.0.0.1:{}", free_port());
    config["listen"] = json!(listen);
    config["report"] = json!(report);
    let name = format!("{}.yaml", report.map_or("silent", |_| "telling"));
    fs::write(here.join(&name), config.to_string()).expect("written");
    let mut serving = Program::start(&infralogs(), &["serve", "--config", &name], here);
    serving.wait_for(&listen);
    (serving, format!("http://{listen}/d/health"))
}

#[test]
fn agents_edits_and_silent_dashboards_are_seen_and_numbers_lead_to_their_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let schedule = r#"schedule("fleet").targets(inventory("fleet")).every(1.seconds).report("scripts", 1.seconds);"#;
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    fs::create_dir(here.join("journal")).expect("a folder");
    journal::write(&here.join("journal"), "web-1", MACHINE, 1, 100);
    fs::write(here.join("token"), "own-health-token\n").expect("written");
    fs::write(here.join("rules.rhai"), RULE).expect("written");
    let (at, ops) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let args = ["--journal", "journal", "--listen", &at, "--token-file", "token", "--scripts", "rules.rhai"];
    let mut telling = Program::start(&agent(), &args, here);
    telling.wait_for(&at);
    let away = format!("http://127.0.0.1:{}", free_port());
    let mut config = json!({
        "scripts": "scripts",
        "read": "sqlite://data/infralogs.db",
        "inventories": { "fleet": [
            { "name": "web-1", "url": format!("http://{at}"), "token_file": "token" },
            { "name": "web-2", "url": away },
        ] },
    });
    fs::write(here.join("infralogs.yaml"), config.to_string()).expect("written");
    let _collecting = Program::start(&infralogs(), &["collect", "--listen", &ops], here);
    wait_for("entries", || (figure(&format!("http://{ops}"), "infralogs_entries_total") >= 100.0).then_some(()));
    let told = |sql: &str| sqlite(here, sql);
    wait_for("the agent's scripts", || {
        (told("SELECT rules FROM agent_scripts WHERE scripts IS NOT NULL AND rejected IS NULL").first()? == "1")
            .then_some(())
    });

    fs::write(here.join("rules.rhai"), RULE.replace("redact", "redcat")).expect("saved");
    wait_for("the refused edit", || {
        let refused = "SELECT host FROM agent_scripts WHERE rejected LIKE '%redcat%rules.rhai:1:%' AND rules = 1";
        (told(refused).first()? == "web-1").then_some(())
    });
    let (_silent, page) = serve(here, &mut config, None);
    look(&page, false);
    assert!(told("SELECT pid FROM processes WHERE process = 'dashboard'").is_empty());
    let (_telling, page) = serve(here, &mut config, Some("sqlite://data/infralogs.db"));
    wait_for("its row", || (!told("SELECT pid FROM processes WHERE process = 'dashboard'").is_empty()).then_some(()));
    look(&page, true);
}
