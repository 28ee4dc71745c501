//! A private MariaDB with its own data, socket and port.

use super::{free_port, wait_for};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

/// A running server; killed when dropped.
pub struct MariaDb {
    child: Child,
    port: u16,
    socket: String,
}

impl MariaDb {
    /// Makes the data folder, starts the server and waits until it answers; there is an empty database `infralogs`.
    pub fn start(folder: &Path) -> Self {
        let (data, socket, port) = (folder.join("mariadb"), folder.join("s").display().to_string(), free_port());
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--user=root", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", data.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("mariadb-server is installed");
        assert!(made.success(), "mariadb-install-db failed");
        let child = Command::new("mariadbd")
            .args([
                "--no-defaults",
                "--user=root",
                "--bind-address=127.0.0.1",
                "--local-infile=1",
                "--max-allowed-packet=64M",
            ])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={socket}"))
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd starts");
        let server = Self { child, port, socket };
        wait_for("MariaDB to answer", || server.try_sql("SELECT 1"));
        server.sql("CREATE DATABASE infralogs");
        server.sql("CREATE USER infralogs@'%' IDENTIFIED BY 'secret'; GRANT ALL ON infralogs.* TO infralogs@'%'");
        server
    }

    /// How programs reach it.
    pub fn url(&self) -> String {
        format!("mysql://infralogs:secret@127.0.0.1:{}/infralogs", self.port)
    }

    /// Runs a statement as root; the answer without a header, columns by tabs.
    pub fn sql(&self, statement: &str) -> String {
        self.try_sql(statement).unwrap_or_else(|| panic!("MariaDB refused: {statement}"))
    }

    fn try_sql(&self, statement: &str) -> Option<String> {
        let socket = format!("--socket={}", self.socket);
        let done =
            Command::new("mariadb").args(["--no-defaults", "-uroot", "-N", &socket, "-e", statement]).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
