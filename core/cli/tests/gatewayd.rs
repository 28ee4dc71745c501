//! A machine with nothing of ours on it but a stock systemd-journal-gatewayd is polled like any other target.

mod parts;

use parts::{
    copy_scripts, free_port, journal,
    program::{run, stdout},
    sqlite, wait_for,
};
use std::{
    collections::BTreeSet,
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

const MACHINE: u128 = 0x6a7e_0000_1111_2222_3333_4444_5555_6666;

struct Gatewayd(Child);

impl Gatewayd {
    fn start(journals: &Path, port: u16) -> Self {
        let mut gatewayd = Command::new("systemd-socket-activate");
        gatewayd.args(["-l", &format!("127.0.0.1:{port}"), "/lib/systemd/systemd-journal-gatewayd", "-D"]);
        let child = gatewayd.arg(journals).stderr(Stdio::null()).spawn().expect("it is installed");
        let gatewayd = Self(child);
        wait_for("gatewayd to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
        gatewayd
    }
}

impl Drop for Gatewayd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stock_gatewayd_is_a_target_and_each_entry_is_stored_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    let schedule = "schedule(\"fleet\").targets(inventory(\"fleet\")).limit(150);\n";
    fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
    let journals = here.join("journals");
    fs::create_dir(&journals).expect("a folder");
    journal::write(&journals, "old-1", MACHINE, 1, 500);
    let port = free_port();
    let _gatewayd = Gatewayd::start(&journals, port);
    let config = format!(
        "store: sqlite://data/infralogs.db\ninventories:\n  fleet:\n    - {{ name: old-1, source: agent_api, \
         url: \"http://127.0.0.1:{port}\", api: gatewayd, labels: {{ zone: north }} }}\n"
    );
    fs::write(here.join("infralogs.yaml"), config).expect("written");
    let collect = || stdout(run(&["collect", "--config", "infralogs.yaml", "--once"], here));
    let settled = |entries: u64| {
        let stored = sqlite(here, "SELECT message FROM logs");
        assert_eq!(stored.len() as u64, entries, "every entry once");
        assert_eq!(
            stored.into_iter().collect::<BTreeSet<_>>(),
            journal::messages(&journals),
            "as journalctl reads them"
        );
        assert_eq!(sqlite(here, "SELECT count(*) FROM failed_ssh"), [(entries / 10).to_string()], "parsed");
        assert_eq!(sqlite(here, "SELECT count(*) FROM logs WHERE fields LIKE '%north%'"), [entries.to_string()]);
        let audit = stdout(run(&["audit", "--config", "infralogs.yaml", "--output", "csv"], here));
        assert!(audit.contains(&format!("old-1,{MACHINE:032x},{entries},{entries},0,0,0,0")), "{audit}");
    };
    collect();
    settled(500);
    collect();
    settled(500);
    journal::write(&journals, "old-1", MACHINE, 501, 70);
    collect();
    settled(570);
}
