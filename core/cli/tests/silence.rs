//! No log line holds a secret, at whatever level and in either form, whatever goes wrong: tokens that are refused,
//! passwords that changed, a database that is away, answers that are no answers.

mod parts;

use infralogs_core::testing::mariadb::Server;
use parts::{
    copy_scripts, free_port, journal,
    program::{Program, agent, infralogs, run},
    wait_for,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const TOKEN: &str = "Token-that-holds-4711";
const NEXT_TOKEN: &str = "Token-that-comes-4712";
const WRONG_TOKEN: &str = "Token-that-is-refused-4713";
const MOUNTED_TOKEN: &str = "Token-that-is-mounted-4714";
const PASSWORD: &str = "Password-that-holds-5811";
const NEXT_PASSWORD: &str = "Password-that-comes-5812";
const SECRETS: [&str; 6] = [TOKEN, NEXT_TOKEN, WRONG_TOKEN, MOUNTED_TOKEN, PASSWORD, NEXT_PASSWORD];

struct Fleet {
    here: PathBuf,
    listen: String,
    database: Server,
    schema: String,
}

impl Fleet {
    fn new(here: &Path) -> Self {
        copy_scripts(here);
        let schedule =
            "schedule(\"fleet\").targets(inventory(\"fleet\")).every(2.seconds).backoff(1.seconds, 2.seconds);\n";
        fs::write(here.join("scripts/schedules/fleet.rhai"), schedule).expect("written");
        fs::create_dir_all(here.join("secrets/agents")).expect("a folder");
        fs::create_dir(here.join("journal")).expect("a folder");
        journal::write(&here.join("journal"), "web-1", 0x51, 1, 50);
        let put = |name: &str, text: &str| fs::write(here.join(name), format!("{text}\n")).expect("written");
        put("agent-tokens", TOKEN);
        put("token", TOKEN);
        put("wrong", WRONG_TOKEN);
        put("secrets/agents/web-3", MOUNTED_TOKEN);
        put("password", PASSWORD);
        let database = Server::start(&[]);
        let schema = database.database();
        database.sql(&format!("CREATE USER il IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {schema}.* TO il"));
        let (listen, port) = (format!("127.0.0.1:{}", free_port()), database.port());
        let (dead, upload) = (free_port(), free_port());
        let config = format!(
            "scripts: scripts\n\
             store: {{ url: \"mysql://il@127.0.0.1:{port}/{schema}\", password_file: password }}\n\
             secrets: {{ plugin: mounted, folder: secrets }}\n\
             upload: {{ listen: \"127.0.0.1:{upload}\", machines: [{{ name: pushes, address: 127.0.0.9 }}] }}\n\
             inventories:\n  fleet:\n\
             \x20   - {{ name: web-1, url: \"http://{listen}\", token_file: token }}\n\
             \x20   - {{ name: web-2, url: \"http://{listen}\", token_file: wrong }}\n\
             \x20   - {{ name: web-3, url: \"http://{listen}\", secret: agents/web-3 }}\n\
             \x20   - {{ name: web-4, url: \"https://{listen}\", token_file: token }}\n\
             \x20   - {{ name: web-5, url: \"http://127.0.0.1:{dead}\", token_file: token }}\n\
             \x20   - {{ name: web-6, url: \"http://127.0.0.1:{port}\", token_file: token }}\n"
        );
        fs::write(here.join("infralogs.yaml"), &config).expect("written");
        let in_url =
            config.replace("mysql://il@", &format!("mysql://il:{PASSWORD}@")).replace(", password_file: password", "");
        fs::write(here.join("in-url.yaml"), in_url).expect("written");
        Self { here: here.to_owned(), listen, database, schema }
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.here.join(name), format!("{text}\n")).expect("written");
    }

    fn agent(&self) -> Program {
        let args = ["--journal", "journal", "--listen", &self.listen, "--token-file", "agent-tokens"];
        let mut agent = Program::start(&agent(), &args, &self.here);
        agent.wait_for(&self.listen);
        agent
    }

    /// Puts a collector through everything that goes wrong; what it said.
    fn ordeal(&self, format: &str) -> String {
        let (schema, here) = (&self.schema, &self.here);
        self.put("agent-tokens", TOKEN);
        self.put("token", TOKEN);
        self.put("password", PASSWORD);
        self.database.sql(&format!("ALTER USER il IDENTIFIED BY '{PASSWORD}'; DROP TABLE IF EXISTS {schema}.agents"));
        let agent = self.agent();
        let args = ["--log", "trace", "--log-format", format, "collect", "--config", "infralogs.yaml"];
        let mut collector = Program::start(&infralogs(), &args, here);
        // Refused tokens, a server without TLS, nobody there, and one that is no agent.
        for failing in ["web-2", "web-3", "web-4", "web-5", "web-6"] {
            collector.wait_for(failing);
        }
        let stored = format!("SELECT count(*) FROM {schema}.logs");
        wait_for("entries", || self.database.try_sql(&stored).ok().filter(|count| count.trim() != "0"));
        // The database goes, comes back, and takes another password.
        self.database.kill();
        collector.wait_for("the store is not ready");
        self.database.run();
        collector.wait_for("the store is ready again");
        self.database.sql(&format!("ALTER USER il IDENTIFIED BY '{NEXT_PASSWORD}'"));
        let ids = self.database.sql("SELECT id FROM information_schema.processlist WHERE user = 'il'");
        ids.lines().for_each(|id| drop(self.database.try_sql(&format!("KILL {id}"))));
        collector.wait_for("Access denied");
        self.put("password", NEXT_PASSWORD);
        // The agent takes another token before the collector has it.
        drop(agent);
        self.put("agent-tokens", NEXT_TOKEN);
        let agent = self.agent();
        journal::write(&here.join("journal"), "web-1", 0x51, 1_000, 10);
        std::thread::sleep(std::time::Duration::from_secs(2));
        self.put("token", NEXT_TOKEN);
        let newest = format!("SELECT count(*) FROM {schema}.logs WHERE message LIKE 'request 1002 %'");
        wait_for("entries by the new token", || {
            self.database.try_sql(&newest).ok().filter(|count| count.trim() != "0")
        });
        drop(agent);
        let said = collector.said();
        assert!(collector.interrupt(), "it ends well");
        said
    }
}

/// The forms a secret may take on its way.
fn forms(secret: &str) -> Vec<String> {
    use std::fmt::Write as _;
    let packed = |text: &str| {
        let code = "import base64,sys;print(base64.b64encode(sys.argv[1].encode()).decode())";
        let done = Command::new("python3").args(["-c", code, text]).output().expect("python3");
        String::from_utf8(done.stdout).expect("UTF-8").trim().trim_end_matches('=').to_owned()
    };
    let bytes = secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte}, ");
        text
    });
    vec![secret.to_owned(), packed(secret), packed(&format!(":{secret}")), bytes.trim_end_matches(", ").to_owned()]
}

fn hold_to_silence(what: &str, said: &str) {
    for secret in SECRETS {
        for form in forms(secret) {
            let found = said.lines().find(|line| line.contains(&form));
            assert!(found.is_none(), "{what} says {secret}: {found:?}");
        }
    }
}

#[test]
fn nothing_that_is_logged_or_said_holds_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let fleet = Fleet::new(folder.path());
    let text = fleet.ordeal("text");
    assert!(text.contains("TRACE") && text.lines().count() > 500, "{} lines", text.lines().count());
    hold_to_silence("the log in text", &text);
    let json = fleet.ordeal("json");
    assert!(json.lines().any(|line| line.starts_with('{') && line.contains("\"TRACE\"")));
    hold_to_silence("the log in JSON", &json);

    // Commands that end by themselves: with the right password, one in the URL, and a database that is away.
    let mut commands = vec![vec!["collect", "--once"], vec!["doctor"], vec!["status"], vec!["migrate"]];
    commands.iter_mut().for_each(|command| command.extend(["--log", "trace", "--config"]));
    for away in [false, true] {
        if away {
            fleet.database.kill();
        }
        for config in ["infralogs.yaml", "in-url.yaml"] {
            for command in &commands {
                let done = run(&[&command[..], &[config]].concat(), folder.path());
                let said = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
                assert!(!said.is_empty(), "{command:?} says something");
                hold_to_silence(&format!("{command:?} {config}"), &said);
            }
        }
    }
}
