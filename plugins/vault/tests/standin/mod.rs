//! A stand-in for Vault, for tests only: tokens and leases that end, a database engine that really makes and drops
//! users in MariaDB, and the faults of a bad day. Statuses and shapes are those that were recorded of a real one.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod http;
pub mod recordings;

use http::{Answer, Request};
use infralogs_core::testing::mariadb::Server;
use recordings::{answer, with};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// What a test sets.
pub struct Rules {
    pub token_ttl: Duration,
    pub token_max: Duration,
    pub lease_ttl: Duration,
    pub lease_max: Duration,
    pub renewable: bool,
    /// Uses a secret id has left.
    pub secret_id_uses: u32,
    /// Answers everything with this recording: `sealed-db`, `rate-limit-hdr-2`, `standby-redirect-307`.
    pub fault: Option<&'static str>,
    /// Never answers.
    pub frozen: bool,
    /// Closes every connection without a word, as while it restarts.
    pub away: bool,
    /// How far its clock is ahead of ours, in seconds.
    pub skew_s: i64,
    /// What stands before `/v1`, and the namespace asked for: everything else is unknown.
    pub prefix: &'static str,
    pub namespace: &'static str,
    /// Paths that the policy no longer holds.
    pub denied: BTreeSet<String>,
    /// Whether the database role is there.
    pub role: bool,
    /// Statements that make a user `{name}` with `{password}`.
    pub grants: String,
    pub values: BTreeMap<String, Value>,
    /// The password of the static role.
    pub fixed: String,
    /// Where a wrapping token comes from; `None`: it was opened.
    pub wrapped: Option<String>,
}

struct Token {
    born: Instant,
    ends: Instant,
}

struct Lease {
    token: String,
    user: String,
    born: Instant,
    ends: Instant,
}

pub struct State {
    pub rules: Rules,
    tokens: BTreeMap<String, Token>,
    leases: BTreeMap<String, Lease>,
    count: u64,
    /// Method and path of every request.
    pub asked: Vec<String>,
    /// Everything that must never be seen anywhere.
    pub secret: Vec<String>,
}

/// The stand-in. Cheap to clone.
#[derive(Clone)]
pub struct StandIn {
    state: Arc<Mutex<State>>,
    pub address: String,
}

impl StandIn {
    /// Serves; makes users in this server, with rights on this database.
    pub fn start(server: Option<Arc<Server>>, database: &str) -> Self {
        let rules = Rules {
            token_ttl: Duration::from_secs(3_600),
            token_max: Duration::from_secs(7_200),
            lease_ttl: Duration::from_secs(600),
            lease_max: Duration::from_secs(3_600),
            renewable: true,
            secret_id_uses: u32::MAX,
            fault: None,
            frozen: false,
            away: false,
            skew_s: 0,
            prefix: "",
            namespace: "",
            denied: BTreeSet::new(),
            role: true,
            grants: format!("GRANT ALL ON {database}.* TO '{{name}}'@'%'"),
            values: BTreeMap::new(),
            fixed: String::new(),
            wrapped: Some("auth/approle/role/infralogs-collector/secret-id".into()),
        };
        let (tokens, leases) = (BTreeMap::new(), BTreeMap::new());
        let state = State { rules, tokens, leases, count: 0, asked: Vec::new(), secret: vec!["the-secret-id".into()] };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        // Threads live as long as the process: they must not keep the database server from ending with its test.
        let server: Option<Weak<Server>> = server.as_ref().map(Arc::downgrade);
        let find = |server: &Option<Weak<Server>>| server.as_ref().and_then(Weak::upgrade);
        let ending = (state.clone(), server.clone());
        std::thread::spawn(move || {
            // Without a server there are no users to drop: leases still end.
            while ending.1.is_none() || find(&ending.1).is_some() {
                std::thread::sleep(Duration::from_millis(100));
                let server = find(&ending.1);
                ending.0.lock().unwrap_or_else(PoisonError::into_inner).expire(server.as_deref());
            }
        });
        let address = http::serve(move |request| {
            if shared.lock().unwrap_or_else(PoisonError::into_inner).rules.frozen {
                std::thread::sleep(Duration::from_secs(60));
                return None;
            }
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if state.rules.away {
                return None;
            }
            Some(state.answer(&request, find(&server).as_deref()))
        });
        Self { state, address }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Changes the rules.
    pub fn set(&self, change: impl FnOnce(&mut Rules)) {
        change(&mut self.lock().rules);
    }
    pub fn live_leases(&self) -> usize {
        self.lock().leases.len()
    }
    pub fn live_tokens(&self) -> usize {
        self.lock().tokens.len()
    }
    /// Requests whose method and path start so.
    pub fn count(&self, start: &str) -> usize {
        self.lock().asked.iter().filter(|asked| asked.starts_with(start)).count()
    }
    /// Kills every token, as `vault token revoke -mode=path auth/approle` does.
    pub fn kill_tokens(&self, server: &Server) {
        let mut state = self.lock();
        let now = Instant::now();
        state.tokens.values_mut().for_each(|token| token.ends = now);
        state.expire(Some(server));
    }
}

impl State {
    /// Tokens end, and take their leases along; leases end, and take their users along.
    fn expire(&mut self, server: Option<&Server>) {
        let now = Instant::now();
        self.tokens.retain(|_, token| token.ends > now);
        let tokens = &self.tokens;
        let over = |lease: &Lease| lease.ends <= now || !tokens.contains_key(&lease.token);
        let done: Vec<String> = self.leases.iter().filter(|(_, lease)| over(lease)).map(|(id, _)| id.clone()).collect();
        done.iter().for_each(|id| drop(self.drop_lease(id, server)));
    }

    /// Kills every token.
    pub fn expire_all(&mut self) {
        self.tokens.clear();
        self.expire(None);
    }

    fn drop_lease(&mut self, id: &str, server: Option<&Server>) -> Result<(), String> {
        let Some(lease) = self.leases.get(id) else { return Ok(()) };
        if let Some(server) = server {
            server.try_sql(&format!("DROP USER IF EXISTS '{}'@'%'", lease.user))?;
        }
        self.leases.remove(id);
        Ok(())
    }

    fn fresh(&mut self, start: &str) -> String {
        self.count += 1;
        let made = format!("{start}x{:08x}y{}", self.count.wrapping_mul(2_654_435_761), self.count);
        self.secret.push(made.clone());
        made
    }

    fn answer(&mut self, request: &Request, server: Option<&Server>) -> Answer {
        self.asked.push(format!("{} {}", request.method, request.path));
        let path = request.path.split('?').next().unwrap_or_default();
        let below = path.strip_prefix(self.rules.prefix).and_then(|path| path.strip_prefix("/v1/"));
        let Some(path) = below.filter(|_| request.header("x-vault-namespace") == self.rules.namespace) else {
            return answer("unknown-path");
        };
        if path == "sys/health" {
            return self.health();
        }
        if let Some(fault) = self.rules.fault {
            return answer(fault);
        }
        match path {
            "auth/approle/login" => return self.login(request, "approle-login"),
            "auth/kubernetes/login" if request.body["jwt"] == "a.jwt.x" => {
                return self.login(request, "kubernetes-login");
            }
            "auth/kubernetes/login" => return answer("kubernetes-login-expired-jwt"),
            "sys/wrapping/lookup" => {
                return match &self.rules.wrapped {
                    Some(from) => with("wrapping-lookup", &[("/data/creation_path", json!(from))]),
                    None => answer("wrapping-lookup-gone"),
                };
            }
            "sys/wrapping/unwrap" => {
                return match self.rules.wrapped.take() {
                    Some(_) => with("wrapping-unwrap", &[("/data/secret_id", json!("the-secret-id"))]),
                    None => answer("wrapping-unwrap-second"),
                };
            }
            _ => {}
        }
        self.expire(server);
        let token = request.header("x-vault-token").to_owned();
        match self.tokens.contains_key(&token) {
            _ if token.is_empty() => answer("token-missing"),
            false => answer("token-wrong"),
            true => self.with_token(request, path, &token, server),
        }
    }

    fn health(&self) -> Answer {
        let sealed = self.rules.fault.is_some_and(|fault| fault.starts_with("sealed"));
        let own = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let own = i64::try_from(own).expect("a time") + self.rules.skew_s;
        with(if sealed { "health-sealed" } else { "health-active" }, &[("/server_time_utc", json!(own))])
    }

    /// A token made by hand, as an operator does.
    pub fn token(&mut self) -> String {
        let (token, now) = (self.fresh("s.TOKEN"), Instant::now());
        self.tokens.insert(token.clone(), Token { born: now, ends: now + self.rules.token_ttl });
        token
    }

    fn login(&mut self, request: &Request, recording: &str) -> Answer {
        if recording == "approle-login" && request.body["secret_id"] != "the-secret-id" {
            return answer("approle-login-bad-secret");
        }
        if self.rules.secret_id_uses == 0 {
            return answer("approle-login-oneuse-2");
        }
        self.rules.secret_id_uses -= 1;
        let token = self.token();
        let ttl = self.rules.token_ttl.as_secs();
        with(recording, &[("/auth/client_token", json!(token)), ("/auth/lease_duration", json!(ttl))])
    }

    fn with_token(&mut self, request: &Request, path: &str, token: &str, server: Option<&Server>) -> Answer {
        if self.rules.denied.contains(path) {
            return answer("policy-changed-live");
        }
        let now = Instant::now();
        let lease_id = request.body["lease_id"].as_str().unwrap_or_default().to_owned();
        match path {
            "auth/token/lookup-self" => {
                let left = self.tokens[token].ends.saturating_duration_since(now).as_secs();
                with("token-lookup-self", &[("/data/ttl", json!(left))])
            }
            "auth/token/renew-self" => {
                let (ttl, most) = (self.rules.token_ttl, self.rules.token_max);
                let own = self.tokens.get_mut(token).expect("a token");
                own.ends = (now + ttl).min(own.born + most);
                let left = own.ends.saturating_duration_since(now).as_secs();
                let values = [("/auth/lease_duration", json!(left)), ("/auth/client_token", json!(token))];
                with("token-renew-self", &values)
            }
            "auth/token/revoke-self" => {
                self.tokens.remove(token);
                self.expire(server);
                answer("token-revoke-self")
            }
            "sys/capabilities-self" => self.capabilities(request),
            "sys/leases/renew" => self.renew(&lease_id),
            "sys/leases/revoke" => match self.drop_lease(&lease_id, server) {
                Ok(()) => answer("lease-revoke"),
                Err(_) => answer("lease-revoke-mysql-down"),
            },
            "database/creds/il-writer" | "database/creds/il-reader" => self.creds(path, token, server),
            "database/static-creds/fixed" => {
                let values = [
                    ("/data/username", json!("fixed")),
                    ("/data/password", json!(self.rules.fixed)),
                    ("/data/ttl", json!(1)),
                ];
                with("db-static-creds", &values)
            }
            _ if request.method == "POST" && path.starts_with("secret/data/") => {
                let inside = path.trim_start_matches("secret/data/").to_owned();
                self.rules.values.insert(inside, request.body["data"].clone());
                answer("kv2-write")
            }
            _ => match path.strip_prefix("secret/data/").and_then(|inside| self.rules.values.get(inside)) {
                Some(value) => with("kv2-read", &[("/data/data", value.clone())]),
                None => answer("kv2-read-missing"),
            },
        }
    }

    fn capabilities(&self, request: &Request) -> Answer {
        let mut all = answer("capabilities-self");
        all.body["data"] = json!({});
        for path in request.body["paths"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let may = if self.rules.denied.contains(path) { "deny" } else { "read" };
            all.body["data"][path] = json!([may]);
        }
        all
    }

    fn renew(&mut self, id: &str) -> Answer {
        if !self.rules.role {
            return answer("lease-renew-role-deleted");
        }
        let (now, ttl, most) = (Instant::now(), self.rules.lease_ttl, self.rules.lease_max);
        let Some(lease) = self.leases.get_mut(id) else { return answer("lease-renew-unknown") };
        lease.ends = (now + ttl).min(lease.born + most);
        let left = lease.ends.saturating_duration_since(now).as_secs();
        let renewable = json!(self.rules.renewable);
        with("lease-renew-ok", &[("/lease_id", json!(id)), ("/lease_duration", json!(left)), ("/renewable", renewable)])
    }

    fn creds(&mut self, path: &str, token: &str, server: Option<&Server>) -> Answer {
        if !self.rules.role {
            return answer("db-creds-unknown-role-root");
        }
        self.count += 1;
        let user = format!("v-{}-{}", &path[15..], self.count);
        let password = self.fresh("PASSWORD");
        if let Some(server) = server {
            let grants = self.rules.grants.replace("{name}", &user);
            let sql = format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{password}'; {grants}");
            if server.try_sql(&sql).is_err() {
                return answer("db-creds-mysql-down");
            }
        }
        let id = format!("{path}/{}", self.fresh("LEASE"));
        let now = Instant::now();
        let (token, ends) = (token.to_owned(), now + self.rules.lease_ttl.min(self.rules.lease_max));
        self.leases.insert(id.clone(), Lease { token, user: user.clone(), born: now, ends });
        with(
            "db-creds-ok",
            &[
                ("/lease_id", json!(id)),
                ("/lease_duration", json!(self.rules.lease_ttl.as_secs())),
                ("/renewable", json!(self.rules.renewable)),
                ("/data/username", json!(user)),
                ("/data/password", json!(password)),
            ],
        )
    }
}
