//! The database engine: users made and dropped in a real server, and the leases they hang on.

use super::{
    State,
    http::Answer,
    recordings::{answer, with},
};
use infralogs_core::testing::mariadb::Server;
use serde_json::json;
use std::{
    process::Command,
    time::{Duration, Instant},
};

/// Who runs statements.
pub trait Sql {
    fn run(&self, sql: &str) -> Result<(), String>;
}

impl Sql for Server {
    fn run(&self, sql: &str) -> Result<(), String> {
        self.try_sql(sql).map(drop)
    }
}

/// A server as an operator names it to Vault.
#[derive(Clone)]
pub struct Remote {
    pub host: String,
    pub port: String,
    pub user: String,
    pub password: String,
}

impl Sql for Remote {
    fn run(&self, sql: &str) -> Result<(), String> {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--protocol=tcp", "--host", &self.host, "--port", &self.port]);
        client.args(["--user", &self.user, "-e", sql]).env("MYSQL_PWD", &self.password);
        let done = client.output().map_err(|error| error.to_string())?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }
}

/// A role: how long its users live, and what makes and drops them.
#[derive(Clone)]
pub struct Role {
    pub ttl: Duration,
    pub most: Duration,
    pub make: String,
    pub drop: String,
}

pub struct Lease {
    pub token: String,
    pub user: String,
    pub born: Instant,
    pub ends: Instant,
}

impl State {
    /// Tokens end, and take their leases along; leases end, and take their users along.
    pub(super) fn expire(&mut self, server: Option<&dyn Sql>) {
        let now = Instant::now();
        self.tokens.retain(|_, token| token.ends > now);
        let tokens = &self.tokens;
        let over = |lease: &Lease| lease.ends <= now || !tokens.contains_key(&lease.token);
        let done: Vec<String> = self.leases.iter().filter(|(_, lease)| over(lease)).map(|(id, _)| id.clone()).collect();
        done.iter().for_each(|id| drop(self.drop_lease(id, server)));
    }

    pub(super) fn drop_lease(&mut self, id: &str, server: Option<&dyn Sql>) -> Result<(), String> {
        let Some(lease) = self.leases.get(id) else { return Ok(()) };
        if let Some(server) = server {
            let drop = self.role(id).map_or_else(|| DROP.to_owned(), |role| role.drop);
            server.run(&drop.replace("{{name}}", &lease.user))?;
        }
        self.leases.remove(id);
        Ok(())
    }

    /// The role of `database/creds/ROLE`, also with a lease's own part behind it.
    fn role(&self, path: &str) -> Option<Role> {
        let name = path.split('/').nth(2)?;
        if let Some(written) = &self.written {
            return written.role(name);
        }
        let rules = &self.rules;
        let grants = match name {
            "il-reader" => rules.grants.replace("GRANT ALL", "GRANT SELECT"),
            "il-reporter" => rules.grants.replace("GRANT ALL", "GRANT INSERT, CREATE").replace(".*", ".processes"),
            _ => rules.grants.clone(),
        };
        let make = format!("CREATE USER '{{{{name}}}}'@'%' IDENTIFIED BY '{{{{password}}}}'; {grants}");
        let (ttl, most) = (rules.lease_ttl, rules.lease_max);
        let known = rules.role && matches!(name, "il-writer" | "il-reader" | "il-reporter");
        known.then(|| Role { ttl, most, make, drop: DROP.into() })
    }

    pub(super) fn renew(&mut self, id: &str) -> Answer {
        let role = self.role(id);
        let Some(lease) = self.leases.get_mut(id) else { return answer("lease-renew-unknown") };
        let Some(role) = role else { return answer("lease-renew-role-deleted") };
        let now = Instant::now();
        lease.ends = match self.rules.shrinks {
            true => lease.ends.min(now + Duration::from_millis(900)),
            false => (now + role.ttl).min(lease.born + role.most),
        };
        let left = lease.ends.saturating_duration_since(now).as_secs();
        let renewable = json!(self.rules.renewable);
        with("lease-renew-ok", &[("/lease_id", json!(id)), ("/lease_duration", json!(left)), ("/renewable", renewable)])
    }

    pub(super) fn creds(&mut self, path: &str, token: &str, server: Option<&dyn Sql>) -> Answer {
        let Some(role) = self.role(path) else { return answer("db-creds-unknown-role-root") };
        self.count += 1;
        let user = format!("v-{}-{}", &path[15..], self.count);
        let password = self.fresh("PASSWORD");
        let make = role.make.replace("{{name}}", &user).replace("{{password}}", &password);
        if server.is_some_and(|server| server.run(&make).is_err()) {
            return answer("db-creds-mysql-down");
        }
        let id = format!("{path}/{}", self.fresh("LEASE"));
        let born = Instant::now();
        let ttl = role.ttl.min(role.most);
        self.leases.insert(id.clone(), Lease { token: token.to_owned(), user: user.clone(), born, ends: born + ttl });
        with(
            "db-creds-ok",
            &[
                ("/lease_id", json!(id)),
                ("/lease_duration", json!(ttl.as_secs())),
                ("/renewable", json!(self.rules.renewable)),
                ("/data/username", json!(user)),
                ("/data/password", json!(password)),
            ],
        )
    }

    /// The user of a static role, as it is now.
    pub(super) fn fixed(&self, path: &str) -> Answer {
        let (user, password, ttl) = match &self.written {
            None if path.ends_with("/fixed") => ("fixed", self.rules.fixed.clone(), 1),
            None => return answer("db-creds-unknown-role-root"),
            Some(written) => match written.fixed(path.rsplit('/').next().unwrap_or_default()) {
                Some((user, password, left)) => (user, password, left.as_secs()),
                None => return answer("db-creds-unknown-role-root"),
            },
        };
        let values = [("/data/username", json!(user)), ("/data/password", json!(password)), ("/data/ttl", json!(ttl))];
        with("db-static-creds", &values)
    }
}

const DROP: &str = "DROP USER IF EXISTS '{{name}}'@'%'";
