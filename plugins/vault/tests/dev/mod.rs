//! A Vault that a test starts and sets up as an operator does: by its own command line, with deploy/vault/setup.sh.
//!
//! It is the `vault` that `INFRALOGS_TEST_VAULT` names, or a `vault` or `bao` on PATH, or else the fake one.

mod fake;

use crate::line::until_now;
use infralogs_core::testing::mariadb::Server;
use infralogs_vault::Vault;
use serde_json::{Value, json};
use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};
use tempfile::TempDir;

const ROOT: &str = "the-root-token";

/// Which `vault` is used: the one named, or the first of these names on the path.
fn chosen(named: Option<&OsStr>, path: &OsStr) -> Option<PathBuf> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let runs =
        |file: &PathBuf| fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    let at = |name: &str| env::split_paths(path).map(|folder| folder.join(name)).find(runs);
    at("vault").or_else(|| at("bao"))
}

/// A development server, set up for a database that really is.
pub struct Dev {
    binary: PathBuf,
    folder: TempDir,
    child: Child,
    pub address: String,
    unseal_key: String,
    pub server: Arc<Server>,
    pub database: String,
}

impl Dev {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let found = chosen(env::var_os("INFRALOGS_TEST_VAULT").as_deref(), &env::var_os("PATH").unwrap_or_default());
        println!(
            "against {}",
            found.as_ref().map_or("the stand-in: no vault is at hand".into(), |at| at.display().to_string())
        );
        let binary = found.unwrap_or_else(|| fake::install(folder.path()));
        let server = Arc::new(Server::start(&[]));
        let database = server.database();
        // What deploy/vault/README.md says that Vault's own user needs.
        server.sql(
            "CREATE USER 'vault'@'%' IDENTIFIED BY 'the-first-password'; \
             GRANT CREATE USER, SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON *.* TO 'vault'@'%' WITH GRANT OPTION",
        );
        fs::write(folder.path().join("vault-mysql"), "the-first-password\n").expect("written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut child = Command::new(&binary)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", folder.path())
            .env("SKIP_SETCAP", "true")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a development server");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let key = lines.find_map(|line| line.split_once("Unseal Key: ").map(|(_, key)| key.trim().to_owned()));
        // It must not stop because nobody reads what it says.
        std::thread::spawn(move || lines.for_each(drop));
        let (address, unseal_key) = (format!("http://127.0.0.1:{port}"), key.expect("it says its key"));
        let dev = Self { binary, folder, child, address, unseal_key, server, database };
        until_now("the server answers", || dev.vault(&["status"]).is_ok());
        dev.set_up();
        dev
    }

    /// Runs deploy/vault/setup.sh.
    pub fn set_up(&self) {
        let done = self
            .operator(&repository().join("deploy/vault/setup.sh"))
            .env("VAULT", &self.binary)
            .env("MYSQL_HOST", format!("127.0.0.1:{}", self.server.port()))
            .env("MYSQL_DATABASE", &self.database)
            .env("MYSQL_ADMIN", "vault")
            .env("MYSQL_ADMIN_PASSWORD_FILE", self.at("vault-mysql"))
            .env("VMS", "web-1 web-2")
            .output()
            .expect("it runs");
        said(&done).expect("set up");
    }

    /// A file of this Vault's folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn operator(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("VAULT_ADDR", &self.address).env("VAULT_TOKEN", ROOT).env("HOME", self.folder.path());
        // A real one reads many more.
        command.env_remove("VAULT_NAMESPACE").env_remove("VAULT_CACERT").stdin(Stdio::null());
        command
    }

    /// Runs a command as the operator: what it prints, or why not.
    pub fn vault(&self, words: &[&str]) -> Result<String, String> {
        said(&self.operator(&self.binary).args(words).output().expect("it runs"))
    }

    /// The same, which must succeed.
    pub fn does(&self, words: &[&str]) -> String {
        self.vault(words).unwrap_or_else(|error| panic!("vault {words:?}: {error}"))
    }

    /// How the program of this name logs in: by its AppRole, with a new secret id.
    pub fn login(&self, name: &str) -> Value {
        let role = format!("auth/approle/role/{name}");
        let role_id = self.does(&["read", "-field=role_id", &format!("{role}/role-id")]);
        let secret_id = self.does(&["write", "-f", "-field=secret_id", &format!("{role}/secret-id")]);
        let file = self.at(&format!("secret-id-{name}"));
        fs::write(&file, secret_id).expect("written");
        json!({ "approle": { "role_id": role_id, "secret_id_file": file } })
    }

    /// This program's client.
    pub fn client(&self, name: &str) -> Vault {
        crate::line::vault(&self.address, self.login(name))
    }

    fn listed(&self, path: &str) -> Vec<String> {
        // Of nothing there is no list.
        let list = self.vault(&["list", "-format=json", path]).unwrap_or_else(|_| "[]".into());
        serde_json::from_str(&list).expect("a list")
    }

    /// The leases of a role that are alive.
    pub fn leases(&self, role: &str) -> usize {
        self.listed(&format!("sys/leases/lookup/database/creds/{role}")).len()
    }

    /// The tokens there are beside the operator's own.
    pub fn tokens(&self) -> Vec<String> {
        let own = self.own_accessor();
        self.listed("auth/token/accessors").into_iter().filter(|accessor| Some(accessor) != own.as_ref()).collect()
    }

    fn own_accessor(&self) -> Option<String> {
        self.vault(&["read", "-field=accessor", "auth/token/lookup-self"]).ok()
    }

    pub fn seal(&self) {
        self.does(&["operator", "seal"]);
    }

    pub fn unseal(&self) {
        self.does(&["operator", "unseal", &self.unseal_key]);
    }

    /// Stops or continues the server's process, as a node that hangs.
    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill");
        assert!(done.success());
    }

    pub fn users(&self) -> usize {
        self.server.sql("SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'v-%'").trim().parse().expect("a number")
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(done: &Output) -> Result<String, String> {
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned()),
        false => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_real_vault_is_used_where_there_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (folder.path().join("a"), folder.path().join("b"));
    let put = |folder: &Path, name: &str, mode: u32| {
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join(name), "").expect("written");
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).expect("set");
        Some(folder.join(name))
    };
    let path = env::join_paths([&first, &second]).expect("a path");
    assert_eq!(chosen(None, &path), None);
    put(&first, "vault", 0o644);
    assert_eq!(chosen(None, &path), None, "it can't be run");
    let bao = put(&first, "bao", 0o755);
    assert_eq!(chosen(None, &path), bao);
    let vault = put(&second, "vault", 0o755);
    assert_eq!(chosen(None, &path), vault);
    assert_eq!(chosen(Some(OsStr::new("")), &path), vault);
    assert_eq!(chosen(Some(OsStr::new("/opt/vault")), &path), Some("/opt/vault".into()), "the one named comes first");
}
