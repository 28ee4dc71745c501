//! The stock systemd-journal-upload pushes real journals to the collector: whatever breaks, each entry is stored once.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts, free_port, journal,
    journald::Journald,
    program::{Program, infralogs, run, stdout},
    proxy::{Mood, Proxy},
    sqlite,
    upload::sender,
    wait_for,
};
use std::{
    collections::BTreeMap,
    io::Write as _,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const MACHINE: u128 = 0xfeed_0000_1111_2222_3333_4444_5555_6666;
/// A collector may have so much resident, whatever is sent. In MB.
const RESIDENT_MAX: f64 = 250.0;

/// A folder with scripts and a configuration that lets machines push.
fn prepare(here: &Path, store: &str, upload: &str) -> String {
    copy_scripts(here);
    let listen = format!("127.0.0.1:{}", free_port());
    let config = format!(
        "scripts: scripts\nstore: {store}\ninventories: {{ fleet: [] }}\nupload:\n  listen: {listen}\n{upload}\n"
    );
    std::fs::write(here.join("infralogs.yaml"), config).expect("a configuration");
    listen
}

fn collect(here: &Path) -> Program {
    let mut collector = Program::start(&infralogs(), &["collect", "--config", "infralogs.yaml"], here);
    collector.wait_for("/upload");
    collector
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What journalctl reads: counter, number and message of each entry.
fn written(journals: &Path) -> BTreeMap<(String, u64), String> {
    let mut read = Command::new("journalctl");
    let read = read.arg("--directory").arg(journals).args(["-o", "json", "--no-pager", "--output-fields=MESSAGE"]);
    let text = String::from_utf8(read.output().expect("journalctl is installed").stdout).expect("UTF-8");
    let entry = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let cursor = line["__CURSOR"].as_str().expect("a cursor").to_owned();
        let part = |name: &str| cursor.split(';').find_map(|part| part.strip_prefix(name)).expect("a part").to_owned();
        let seqnum = u64::from_str_radix(&part("i="), 16).expect("a number");
        ((part("s="), seqnum), line["MESSAGE"].as_str().expect("text").to_owned())
    };
    text.lines().map(entry).collect()
}

/// What is stored is what journalctl reads, entry by entry, and every count is right.
fn settle(here: &Path, journals: &Path, entries: u64, ask: &dyn Fn(&str) -> String) {
    let rows = ask("SELECT seqnum_id, seqnum, message FROM $.logs");
    let row = |line: &str| {
        let mut cells = line.splitn(3, '\t').map(str::to_owned);
        let mut cell = || cells.next().expect("three columns");
        ((cell(), cell().parse().expect("a number")), cell())
    };
    let mut stored: Vec<((String, u64), String)> = rows.lines().map(row).collect();
    stored.sort();
    let journal = written(journals);
    assert_eq!(journal.len() as u64, entries);
    assert!(stored.into_iter().eq(journal), "entry by entry as journalctl reads them");
    assert_eq!(ask("SELECT count(*) FROM $.failed_ssh"), (entries / 10).to_string(), "parsed");
    assert_eq!(ask("SELECT count(*) FROM $.logs WHERE fields LIKE '%north%'"), entries.to_string(), "labelled");
    assert_eq!(ask("SELECT DISTINCT sum(n) FROM $.rollups GROUP BY cube"), entries.to_string());
    assert_eq!(ask("SELECT (SELECT count(*) FROM $.gaps) + (SELECT count(*) FROM $.quarantine)"), "0");
    let audit = stdout(run(&["audit", "--config", "infralogs.yaml", "--output", "csv"], here));
    let counts = format!(",{0},{0},0,0,0,0", entries);
    assert!(audit.contains(&counts), "{audit}");
}

#[test]
fn whatever_is_killed_a_pushed_journal_is_stored_whole_and_once() {
    const ENTRIES: u64 = 45_000;
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let database = Server::start(&[]);
    let schema = database.database();
    let machines = "  machines: [{ name: web-1, address: 127.0.0.1, labels: { zone: north } }]";
    let listen = prepare(here, &database.url(&schema), machines);
    let port = listen.rsplit_once(':').expect("a port").1.parse().expect("a number");
    let journals = here.join("journals");
    std::fs::create_dir(&journals).expect("a folder");
    journal::write(&journals, "web-1", MACHINE, 1, ENTRIES);
    let proxy = Proxy::before(port);
    proxy.set(Mood::Slow);
    let url = format!("http://127.0.0.1:{}", proxy.port());
    let mut collector = collect(here);
    let counted = format!("SELECT count(*) FROM {schema}.logs");
    let count = || database.try_sql(&counted).map_or(0, |count| count.trim().parse::<u64>().expect("a number"));
    let push = |from: u64, what: &str| {
        let child = sender(&url, &journals, &[]).spawn().expect("systemd-journal-remote is installed");
        wait_for(what, || (count() > from).then_some(()));
        child
    };
    // The sender dies, then the line, the collector, and the database: each time in mid-stream, and all is sent again.
    let mut child = push(0, "the first entries");
    let _ = child.kill().and_then(|()| child.wait());
    let mut child = push(count(), "entries of a sender that was started again");
    proxy.cut();
    assert!(!child.wait().expect("it ends").success(), "its connection was cut");
    let mut child = push(count(), "entries behind those of a broken line");
    collector.kill();
    assert!(!child.wait().expect("it ends").success(), "nobody said that all is stored");
    collector = collect(here);
    let mut child = push(count(), "entries taken by a collector that was killed");
    database.kill();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(child.try_wait().expect("its state").is_none(), "the sender waits while the database is away");
    database.run();
    proxy.set(Mood::Fair);
    let done = child.wait_with_output().expect("it ends");
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(count(), ENTRIES);

    // Sent again from its beginning, and then what was written since.
    std::fs::remove_file(journals.with_extension("state")).expect("it remembered where it was");
    let again = sender(&url, &journals, &[]).output().expect("it runs");
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(count(), ENTRIES, "sent again, stored once");
    journal::write(&journals, "web-1", MACHINE, ENTRIES + 1, 50);
    let more = sender(&url, &journals, &[]).output().expect("it runs");
    assert!(more.status.success(), "{}", said(&more));
    let ask = |sql: &str| database.sql(&sql.replace("$", &schema)).trim().to_owned();
    settle(here, &journals, ENTRIES + 50, &ask);
    let status = stdout(run(&["status", "--config", "infralogs.yaml"], here));
    assert!(status.contains("web-1") && status.contains("1 of 1 machines up"), "{status}");
    let most = collector.resident_mb_max();
    assert!(most < RESIDENT_MAX, "{most:.0} MB resident");
    assert!(collector.interrupt(), "it ends well");
}

#[test]
fn entries_removed_before_they_were_pushed_are_counted_as_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let machines = "  machines: [{ name: web-1, address: 127.0.0.1 }]";
    let listen = prepare(here, "sqlite://data/infralogs.db", machines);
    let journald = Journald::start(&here.join("machine"), "web-1", MACHINE, "");
    let write = |numbers: std::ops::Range<u64>| {
        numbers.for_each(|number| journald.write(&format!("MESSAGE=entry {number}\nPRIORITY=6\n")));
        journald.rotate();
    };
    let collector = collect(here);
    let push = || {
        let done = sender(&format!("http://{listen}"), &journald.journal(), &[]).output().expect("it runs");
        assert!(done.status.success(), "{}", said(&done));
    };
    write(0..500);
    push();
    let one = |sql: &str| sqlite(here, sql)[0].parse::<u64>().expect("a number");
    let (first, stored) = (one("SELECT min(seqnum) FROM logs"), one("SELECT count(*) FROM logs"));
    assert!(stored >= 500 && one("SELECT max(seqnum) FROM logs") == first + stored - 1, "{stored} of {first} on");
    write(500..800);
    let old = journald.archived();
    write(800..1_000);
    for file in &old {
        std::fs::remove_file(file).expect("removed, as a vacuum does");
    }
    push();
    let lost = one("SELECT sum(lost) FROM gaps");
    // (The stock sender passes over one entry when that of its cursor is gone, and counted it is nevertheless.)
    assert!((300..310).contains(&lost), "{lost} lost");
    assert_eq!(one("SELECT count(*) FROM logs") + lost, one("SELECT max(seqnum) FROM logs") - first + 1);
    assert_eq!(one("SELECT count(*) FROM logs WHERE message = 'entry 999'"), 1);
    push();
    assert_eq!(one("SELECT sum(lost) FROM gaps"), lost, "counted once");
    collector.interrupt();
}

#[test]
fn an_unknown_machine_is_refused_and_what_is_too_large_is_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    let machines = "  machines: [{ name: web-1, address: 127.0.0.1 }]";
    let listen = prepare(here, "sqlite://data/infralogs.db", machines);
    let mut collector = collect(here);
    let url = format!("http://{listen}/upload");
    let post = |more: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--noproxy",
            "*",
            "--max-time",
            "60",
            "--write-out",
            " %{http_code}",
            "--request",
            "POST",
        ]);
        curl.args(more).arg(&url).stdin(Stdio::piped()).stdout(Stdio::piped());
        curl
    };
    let export = "content-type: application/vnd.fdo.journal";
    let answer = |mut curl: Command| String::from_utf8(curl.output().expect("curl").stdout).expect("UTF-8");
    let entry = |number: u64, rest: &str| {
        format!(
            "__CURSOR=s={MACHINE:032x};i={number:x};b={MACHINE:032x};m=1;t={:x};x=1\n_MACHINE_ID={MACHINE:032x}\n_HOSTNAME=web-1\n{rest}\n\n",
            1_790_000_000_000_000 + number
        )
    };
    let strange =
        answer(post(&["--interface", "127.0.0.2", "--header", export, "--data-binary", &entry(1, "MESSAGE=a")]));
    assert!(strange.contains("may not push") && strange.ends_with(" 403"), "{strange}");
    let typed = answer(post(&["--data", "MESSAGE=a"]));
    assert!(typed.ends_with(" 415"), "{typed}");
    let no_entry = answer(post(&["--header", export, "--data-binary", "MESSAGE=no cursor\n\n"]));
    assert!(no_entry.contains("__CURSOR") && no_entry.ends_with(" 500"), "{no_entry}");

    // One field of 300 MB, without an end.
    let before = collector.resident_mb();
    let mut curl = post(&["--header", export, "--upload-file", "-"]).spawn().expect("curl");
    let mut pipe = curl.stdin.take().expect("its input");
    let begun = entry(1, "MESSAGE=");
    pipe.write_all(begun.trim_end().as_bytes()).expect("sent");
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..300 {
        pipe.write_all(&piece).expect("sent");
    }
    pipe.write_all(format!("\n\n{}", entry(2, "MESSAGE=short")).as_bytes()).expect("sent");
    drop(pipe);
    let done = curl.wait_with_output().expect("it ends");
    assert!(String::from_utf8_lossy(&done.stdout).ends_with(" 202"), "{}", String::from_utf8_lossy(&done.stdout));
    let most = collector.resident_mb_max();
    assert!(most < before + 120.0, "{most:.0} MB resident, {before:.0} before");
    assert_eq!(sqlite(here, "SELECT length(message) FROM logs ORDER BY seqnum"), ["4194304", "5"]);

    // A body that stays open: what came is stored though nothing follows.
    let mut open = TcpStream::connect(&listen).expect("connected");
    let text = entry(3, "MESSAGE=and now nothing");
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: x\r\n{export}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{text}\r\n",
        text.len()
    );
    open.write_all(head.as_bytes()).expect("sent");
    wait_for("the entry", || (sqlite(here, "SELECT count(*) FROM logs") == ["3"]).then_some(()));
    drop(open);
    collector.wait_for("not stored");
    assert!(collector.interrupt(), "it ends well");
}

/// An authority and what it signs, made by openssl.
fn openssl(arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn authority(here: &Path, name: &str) {
    let (key, certificate) = (here.join(format!("{name}.key")), here.join(format!("{name}.pem")));
    let subject = format!("/CN={name}");
    let files = ["-keyout", key.to_str().expect("UTF-8"), "-out", certificate.to_str().expect("UTF-8")];
    let ca = ["-addext", "basicConstraints=critical,CA:TRUE"];
    openssl(
        &[&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", &subject], &files[..], &ca]
            .concat(),
    );
}

/// A certificate of `ca` for a DNS name, in NAME.pem and NAME.key.
fn sign(here: &Path, ca: &str, name: &str) {
    let file = |name: &str, end: &str| here.join(format!("{name}.{end}")).display().to_string();
    let names = format!("subjectAltName=DNS:{name},IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n");
    std::fs::write(file(name, "ext"), names).expect("written");
    let subject = format!("/CN={name}");
    let (key, asked) = (file(name, "key"), file(name, "csr"));
    openssl(&["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key, "-out", &asked]);
    let (cert, ca_key) = (file(ca, "pem"), file(ca, "key"));
    let by = ["-CA", &cert, "-CAkey", &ca_key, "-CAcreateserial", "-days", "2"];
    let (extensions, out) = (file(name, "ext"), file(name, "pem"));
    let to = ["-extfile", &extensions, "-out", &out];
    openssl(&[&["x509", "-req", "-in", &asked], &by[..], &to].concat());
}

#[test]
fn machines_push_by_their_certificates_and_none_takes_the_place_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    authority(here, "ours");
    authority(here, "strange");
    for name in ["collector", "web-1.example.org", "web-2.example.org", "web-1-new"] {
        sign(here, "ours", name);
    }
    sign(here, "strange", "web-9.example.org");
    let tls = "  tls: { certificate: collector.pem, key: collector.key, client_ca: ours.pem }";
    let listen = prepare(here, "sqlite://data/infralogs.db", tls);
    let journals = here.join("journals");
    std::fs::create_dir(&journals).expect("a folder");
    journal::write(&journals, "web-1", MACHINE, 1, 700);
    let collector = collect(here);
    let push = |name: &str| {
        let file = |end: &str| here.join(format!("{name}.{end}")).display().to_string();
        let trust: PathBuf = here.join("ours.pem");
        let shown = [
            format!("--key={}", file("key")),
            format!("--cert={}", file("pem")),
            format!("--trust={}", trust.display()),
        ];
        let _ = std::fs::remove_file(journals.with_extension("state"));
        sender(&format!("https://{listen}"), &journals, &shown).output().expect("it runs")
    };
    let count = || sqlite(here, "SELECT count(*) FROM logs")[0].clone();
    assert!(!push("web-9.example.org").status.success(), "a strange authority");
    let first = push("web-1.example.org");
    assert!(first.status.success(), "{}", said(&first));
    assert_eq!((count(), sqlite(here, "SELECT host FROM agents")), ("700".into(), vec!["web-1.example.org".into()]));
    // Another machine's certificate, with the journal of the first.
    journal::write(&journals, "web-1", MACHINE, 701, 10);
    let other = push("web-2.example.org");
    assert!(!other.status.success(), "it must not move the checkpoint of another");
    assert_eq!(count(), "700");
    let status = run(&["status", "--config", "infralogs.yaml"], here);
    let shown = String::from_utf8_lossy(&status.stdout);
    assert!(shown.contains("web-2.example.org") && shown.contains("machine of `web-1.example.org`"), "{shown}");
    assert!(push("web-1.example.org").status.success());
    assert_eq!(count(), "710");
    assert!(collector.interrupt(), "it ends well");

    // Renamed, and it is said so.
    let text = std::fs::read_to_string(here.join("infralogs.yaml")).expect("the configuration");
    let was = "  machines: [{ name: web-1-new, was: [web-1.example.org] }]\n";
    std::fs::write(here.join("infralogs.yaml"), text + was).expect("written");
    let collector = collect(here);
    journal::write(&journals, "web-1", MACHINE, 711, 10);
    assert!(!push("web-2.example.org").status.success(), "not listed");
    let renamed = push("web-1-new");
    assert!(renamed.status.success(), "{}", said(&renamed));
    assert_eq!(count(), "720");
    assert_eq!(sqlite(here, "SELECT count(DISTINCT seqnum_id || seqnum) FROM logs"), ["720"]);
    assert!(collector.interrupt(), "it ends well");
}
