//! Labels of targets are columns: parsers take them, questions filter by them, panels group by them.

mod parts;

use parts::{
    copy_scripts,
    program::{run, stdout},
    standin::{Machine, Standins},
};
use std::fs;

const ENTRIES: u64 = 120;

#[test]
fn labels_of_targets_are_columns() {
    let agents = Standins::start((0..3).map(|at| Machine::with(format!("vm-{at}"), ENTRIES)).collect());
    let mut fleet = agents.targets(|at| format!("vm-{at}"));
    for (at, region) in ["eu", "eu", "us"].iter().enumerate() {
        fleet[at]["labels"] = serde_json::json!({ "region": region, "data-center": "a" });
    }
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let write = |path: &str, text: &str| fs::write(here.join(path), text).expect("written");
    write("fleet.json", &fleet.to_string());
    write("infralogs.yaml", "scripts: scripts\nstore: sqlite://data/infralogs.db\n");
    write("scripts/schedules/fleet.rhai", "schedule(\"fleet\").targets(inventory(\"fleet.json\")).every(1.seconds);\n");
    let parser =
        "parser(\"placed\").from(label_data_center == \"a\").set(\"region\", label_region).into(\"placed\");\n";
    write("scripts/parsers/placed.rhai", parser);
    // By its own name as well, without another being given to it.
    let named = "parser(\"named\").from(identifier == \"sshd\").columns([label_region, pid]).into(\"named\");\n";
    write("scripts/parsers/named.rhai", named);
    let layout = "dashboard(\"regions\").row([\n    bars(\"By region\", logs.last(5000.days).where(label_region != \"none\").count(label_region)),\n    bars(\"Placed\", placed.last(5000.days).count(region)),\n]);\n";
    write("scripts/dashboards/regions.rhai", layout);
    stdout(run(&["collect", "--once"], here));

    let ask = |question: &str| {
        let answer = stdout(run(&["query", question, "--config", "infralogs.yaml", "--output", "csv"], here));
        answer.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let by_region =
        |column: &str| vec![format!("{column},count"), format!("eu,{}", 2 * ENTRIES), format!("us,{ENTRIES}")];
    assert_eq!(ask("logs.last(5000.days).count(label_region)"), by_region("label_region"));
    assert_eq!(ask("placed.last(5000.days).count(region)"), by_region("region"));
    let sshd = ask("logs.last(5000.days).where(identifier == \"sshd\").count(label_region)");
    assert!(sshd.len() == 3 && ask("named.last(5000.days).count(label_region)") == sshd, "{sshd:?}");
    let shown = ask("named.last(5000.days).where(label_region == \"us\").columns([host, label_region]).latest(1)");
    assert_eq!(shown, ["host,label_region", "vm-2,us"]);
    let tail = |condition: &str| {
        let tail = ["tail", "--config", "infralogs.yaml", "--last", "5000d", "-n", "5000", "--where", condition];
        stdout(run(&tail, here)).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(tail("label_region == \"eu\"").len() as u64, 2 * ENTRIES);
    let one = tail("label_region == \"us\" & label_data_center == \"a\"");
    assert!(one.len() as u64 == ENTRIES && one.iter().all(|line| line.contains(" vm-2 ")), "{one:?}");
    assert!(tail("label_region == \"asia\"").is_empty() && tail("label_rack == \"7\"").is_empty());
    let one = ask("logs.where(label_region == \"us\").last(5000.days).count(host)");
    assert_eq!(one.len(), 2, "one host there: {one:?}");
    stdout(run(&["render", "regions", "--config", "infralogs.yaml", "--out", "regions.html"], here));
    let page = fs::read_to_string(here.join("regions.html")).expect("the page");
    assert!(page.contains("By region") && page.contains("\"eu\""), "a panel groups by it");
}
