//! Where the database is and who we are there. Passwords are never shown.

use infralogs_core::{
    error::{Error, Result},
    plugin::{Secret, Settings},
    sql::retention::Age,
};
use mysql::{Opts, OptsBuilder, SslOpts};
use serde::Deserialize;
use std::{fmt, path::PathBuf, time::Duration};

/// The longest a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest the server may be silent in the middle of something where nobody says; no statement of ours takes longer.
const SILENT_MAX: Duration = Duration::from_secs(90);
/// Statements kept prepared on each connection.
const STATEMENTS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    url: String,
    /// Holds the password, and nothing else but white space at its end. Read at every new connection.
    password_file: Option<PathBuf>,
    /// User and password come from this path of `secrets:`, and rotate.
    secret: Option<String>,
    /// A certificate authority's certificate (PEM): the connection is encrypted and the server checked.
    ca_file: Option<PathBuf>,
    /// The longest the server may be silent in the middle of something. Queries get half of it at most.
    silent_max: Option<Age>,
}

/// How to connect.
pub(crate) struct Access {
    base: Opts,
    password_file: Option<PathBuf>,
    /// Whether user and password are given while running.
    pub rotates: bool,
    /// The longest the server may be silent.
    pub silent_max: Duration,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Access({})", self.name())
    }
}

impl Access {
    /// Reads and checks settings; connects nowhere.
    pub fn of(settings: &Settings) -> Result<Self> {
        let chosen: Chosen = settings.read()?;
        let wrong = |what: &str| {
            Error::invalid(what.to_owned()).at(&settings.place).help("write mysql://USER@HOST:3306/DATABASE")
        };
        // The URL may hold a password, so neither it nor the driver's words about it are repeated.
        let base = Opts::from_url(&chosen.url).map_err(|_| wrong("the store's URL can't be read"))?;
        if base.get_db_name().is_none_or(str::is_empty) {
            return Err(wrong("the store's URL names no database"));
        }
        if base.get_pass().is_some_and(|password| !password.is_empty()) {
            tracing::warn!(place = settings.place, "a password stands in the store's URL; use password_file");
        }
        if chosen.secret.is_some() && (chosen.password_file.is_some() || base.get_user().is_some_and(|u| !u.is_empty()))
        {
            return Err(Error::invalid("the store has a `secret`, and a user or password too")
                .at(&settings.place)
                .help("keep `secret` and write mysql://HOST:3306/DATABASE"));
        }
        let silent_max = chosen.silent_max.map_or(SILENT_MAX, |age| age.0);
        if silent_max < Duration::from_secs(1) {
            return Err(Error::invalid("silent_max is under a second").at(&settings.place).help("leave it out: 90s"));
        }
        let tls = chosen.ca_file.map(|file| SslOpts::default().with_root_cert_path(Some(file)));
        let base = OptsBuilder::from_opts(base)
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT_TIMEOUT))
            .read_timeout(Some(silent_max))
            .write_timeout(Some(silent_max))
            .tcp_nodelay(true)
            .stmt_cache_size(Some(STATEMENTS_MAX))
            .ssl_opts(tls);
        let rotates = chosen.secret.is_some();
        Ok(Self { base: base.into(), password_file: chosen.password_file, rotates, silent_max })
    }

    /// What a person calls it.
    pub fn name(&self) -> String {
        let (host, port) = (self.base.get_ip_or_hostname(), self.base.get_tcp_port());
        format!("MySQL {} at {host}:{port}", self.base.get_db_name().unwrap_or_default())
    }

    /// What to connect with now: as the secret's user, or with the password as it is in its file at present.
    pub fn opts(&self, secret: Option<&Secret>) -> Result<Opts> {
        if let Some(secret) = secret {
            let user = secret.user.as_deref().ok_or_else(|| {
                Error::invalid("the secret has no user name").at(self.name()).help("give it `username` and `password`")
            })?;
            let opts = OptsBuilder::from_opts(self.base.clone()).user(Some(user)).pass(Some(&*secret.password));
            return Ok(opts.into());
        }
        if self.rotates {
            return Err(Error::unavailable("there are no credentials for the database yet")
                .at(self.name())
                .help("the log says what they wait for; or run `infralogs doctor`"));
        }
        let Some(file) = &self.password_file else { return Ok(self.base.clone()) };
        let password = std::fs::read_to_string(file).map_err(|error| {
            Error::invalid("the database's password can't be read")
                .at(file.display().to_string())
                .because(error)
                .help("put the password into that file, or name another in password_file")
        })?;
        Ok(OptsBuilder::from_opts(self.base.clone()).pass(Some(password.trim_end())).into())
    }
}
