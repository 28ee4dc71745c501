//! A private MariaDB server: own folder, port and socket, gone when dropped.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long a server may take to answer, on a slow and busy machine.
const START_MAX: Duration = Duration::from_secs(120);

/// A running server. Its `root` has no password.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    user: &'static str,
    child: Mutex<Option<Child>>,
    databases: AtomicU32,
}

impl Server {
    /// The one server that tests of a process share; it ends with the last test that holds it.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start(&[]));
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// A new, empty server with these further options of `mariadbd`.
    pub fn start(options: &[&str]) -> Self {
        let server = Self::with("root", options.iter().map(|option| (*option).to_owned()).collect());
        server.run();
        server
    }

    /// A server that runs as this user of the machine, its folder belonging to it; not started yet.
    pub fn with(user: &'static str, options: Vec<String>) -> Self {
        let folder = tempfile::Builder::new().prefix("infralogs-mariadb").tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let server = Self { folder, port, options, user, child: Mutex::new(None), databases: AtomicU32::new(0) };
        copy(&template(), &server.path("data"));
        std::fs::create_dir(server.path("tmp")).expect("a folder");
        if user != "root" {
            let owned = Command::new("chown").args(["-R", user]).arg(server.folder.path()).status().expect("chown");
            assert!(owned.success(), "the folder can't be given to {user}");
        }
        server
    }

    /// Starts the server (again) on its data and waits until it answers.
    pub fn run(&self) {
        self.run_with(&[]);
    }

    /// What it wrote about itself since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Starts it with further options, this time only.
    pub fn run_with(&self, more: &[&str]) {
        let log = std::fs::File::create(self.path("log")).expect("log");
        let child = Command::new("mariadbd")
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--local-infile=1"])
            .args(["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--max-allowed-packet=64M"])
            .arg(format!("--datadir={}", self.path("data").display()))
            // A starting server removes what looks like its own in a shared one.
            .arg(format!("--tmpdir={}", self.path("tmp").display()))
            .arg(format!("--socket={}", self.path("sock").display()))
            .arg(format!("--pid-file={}", self.path("pid").display()))
            .arg(format!("--port={}", self.port))
            .arg(format!("--user={}", self.user))
            .args(&self.options)
            .args(more)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mariadbd: is mariadb-server installed?");
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let until = Instant::now() + START_MAX;
        while self.try_sql("SELECT 1").is_err() {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            drop(child);
            assert!(ended.is_none(), "mariadbd ended:\n{}", self.log());
            assert!(Instant::now() < until, "mariadbd does not answer:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills it as a power failure would.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The name of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("logs{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE DATABASE {name}"));
        name
    }

    /// What a store is given for a database.
    pub fn url(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs statements as root; what they print, tab-separated without headings.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Runs statements as root; the error is what the client program says.
    ///
    /// # Errors
    /// If the server is away or refuses.
    pub fn try_sql(&self, sql: &str) -> Result<String, String> {
        let socket = self.path("sock");
        if !Path::new(&socket).exists() {
            return Err("no socket yet".into());
        }
        let output = Command::new("mariadb")
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
            .arg(format!("--socket={}", socket.display()))
            .args(["-e", sql])
            .output()
            .map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// A data folder as `mariadb-install-db` leaves it: made once (it waits for the disk for seconds), then copied.
fn template() -> PathBuf {
    let version = Command::new("mariadbd").arg("--version").output().expect("mariadbd: is mariadb-server installed?");
    let id = crate::id::Id128::of(&[&version.stdout]);
    let ready = std::env::temp_dir().join(format!("infralogs-mariadb-template-{id}"));
    if !ready.exists() {
        let made = tempfile::Builder::new().prefix("infralogs-mariadb-template-").tempdir().expect("a folder");
        let data = made.path().join("data");
        let output = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"])
            .args(["--innodb-log-file-size=16M", &format!("--datadir={}", data.display())])
            .output()
            .expect("mariadb-install-db: is mariadb-server installed?");
        assert!(output.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&output.stderr));
        // Whoever is first: all are alike.
        let _ = std::fs::rename(data, &ready);
    }
    ready
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("a file");
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            std::fs::copy(&entry, to.join(name)).expect("copied");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
