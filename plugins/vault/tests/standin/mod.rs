//! A stand-in for Vault, for tests only: tokens and leases that end, a database engine that really makes and drops
//! users in MariaDB, and the faults of a bad day. Statuses and shapes are those that were recorded of a real one.
#![allow(dead_code, reason = "each test file uses a part of it")]

mod engine;
pub mod http;
pub mod operator;
mod policy;
pub mod recordings;

use engine::{Lease, Remote, Sql};
use http::{Answer, Request};
use infralogs_core::testing::mariadb::Server;
use operator::Written;
use recordings::{answer, with};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::TcpListener,
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
    /// Every renewal answers that nothing is left: the lease ends within the second.
    pub shrinks: bool,
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
    /// Statements that give the user `{{name}}` its rights.
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
    /// How far a renewal goes, and how far all of them.
    ttl: Duration,
    most: Duration,
    /// What it may; `None`: everything that is not denied.
    policies: Option<Vec<String>>,
    /// The AppRole it was made by.
    role: String,
}

pub struct State {
    pub rules: Rules,
    tokens: BTreeMap<String, Token>,
    leases: BTreeMap<String, Lease>,
    /// What an operator wrote: only in a server that is set up as a real one is.
    written: Option<Written>,
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
            shrinks: false,
            secret_id_uses: u32::MAX,
            fault: None,
            frozen: false,
            away: false,
            skew_s: 0,
            prefix: "",
            namespace: "",
            denied: BTreeSet::new(),
            role: true,
            grants: format!("GRANT ALL ON {database}.* TO '{{{{name}}}}'@'%'"),
            values: BTreeMap::new(),
            fixed: String::new(),
            wrapped: Some("auth/approle/role/infralogs-collector/secret-id".into()),
        };
        let (tokens, leases) = (BTreeMap::new(), BTreeMap::new());
        let secret = vec!["the-secret-id".into()];
        let state = State { rules, tokens, leases, written: None, count: 0, asked: Vec::new(), secret };
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
                ending.0.lock().unwrap_or_else(PoisonError::into_inner).tick(sql(&server));
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
            Some(state.answer(&request, sql(&find(&server))))
        });
        Self { state, address }
    }

    /// Serves here until the process ends, empty as a development server: an operator with this token sets it up.
    pub fn serve_empty(listener: TcpListener, root: &str) -> Self {
        let Self { state, .. } = Self::start(None, "x");
        state.lock().unwrap_or_else(PoisonError::into_inner).written = Some(Written::by(root));
        let shared = state.clone();
        let answer = move |request| Some(shared.lock().unwrap_or_else(PoisonError::into_inner).answer(&request, None));
        Self { state, address: http::serve_on(listener, answer) }
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

fn sql(server: &Option<Arc<Server>>) -> Option<&dyn Sql> {
    server.as_deref().map(|server| server as &dyn Sql)
}

impl State {
    /// Kills every token.
    pub fn expire_all(&mut self) {
        self.tokens.clear();
        self.expire(None);
    }

    fn fresh(&mut self, start: &str) -> String {
        self.count += 1;
        let made = format!("{start}x{:08x}y{}", self.count.wrapping_mul(2_654_435_761), self.count);
        self.secret.push(made.clone());
        made
    }

    fn answer(&mut self, request: &Request, server: Option<&dyn Sql>) -> Answer {
        self.asked.push(format!("{} {}", request.method, request.path));
        let path = request.path.split('?').next().unwrap_or_default();
        let below = path.strip_prefix(self.rules.prefix).and_then(|path| path.strip_prefix("/v1/"));
        let Some(path) = below.filter(|_| request.header("x-vault-namespace") == self.rules.namespace) else {
            return answer("unknown-path");
        };
        if path == "sys/health" {
            return self.health();
        }
        if path == "sys/unseal" && self.unseal(request) {
            return answer("unseal");
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
                return match self.wrapped_by(request.body["token"].as_str().unwrap_or_default()) {
                    Some(from) => with("wrapping-lookup", &[("/data/creation_path", json!(from))]),
                    None => answer("wrapping-lookup-gone"),
                };
            }
            "sys/wrapping/unwrap" => {
                return match self.unwrapped(request.header("x-vault-token")) {
                    Some(secret_id) => with("wrapping-unwrap", &[("/data/secret_id", json!(secret_id))]),
                    None => answer("wrapping-unwrap-second"),
                };
            }
            _ => {}
        }
        let told = self.tick(server);
        let server = told.as_ref().map(|told| told as &dyn Sql).or(server);
        let token = request.header("x-vault-token").to_owned();
        if token.is_empty() {
            return answer("token-missing");
        }
        if let Some(answer) = self.operator(request, path, &token, server) {
            return answer;
        }
        match self.tokens.contains_key(&token) {
            true if self.may(&token, &request.method, path) => self.with_token(request, path, &token, server),
            true => answer("policy-changed-live"),
            false => answer("token-wrong"),
        }
    }

    /// Does what is due. A server that was set up makes its users where it was told to.
    fn tick(&mut self, server: Option<&dyn Sql>) -> Option<Remote> {
        let told = self.written.as_ref().and_then(Written::database);
        let server = told.as_ref().map(|told| told as &dyn Sql).or(server);
        self.expire(server);
        self.rotate_what_is_due(server);
        told
    }

    fn health(&self) -> Answer {
        let sealed = self.rules.fault.is_some_and(|fault| fault.starts_with("sealed"));
        let own = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let own = i64::try_from(own).expect("a time") + self.rules.skew_s;
        with(if sealed { "health-sealed" } else { "health-active" }, &[("/server_time_utc", json!(own))])
    }

    /// A token made by hand, as an operator does.
    pub fn token(&mut self) -> String {
        let (ttl, most) = (self.rules.token_ttl, self.rules.token_max);
        self.token_of(ttl, most, None, "")
    }

    fn token_of(&mut self, ttl: Duration, most: Duration, policies: Option<Vec<String>>, role: &str) -> String {
        let (token, born) = (self.fresh("s.TOKEN"), Instant::now());
        let made = Token { born, ends: born + ttl.min(most), ttl, most, policies, role: role.to_owned() };
        self.tokens.insert(token.clone(), made);
        token
    }

    fn login(&mut self, request: &Request, recording: &str) -> Answer {
        let (token, ttl) = if self.written.is_some() {
            match self.login_written(request) {
                Some(made) => made,
                None => return answer("approle-login-bad-secret"),
            }
        } else {
            if recording == "approle-login" && request.body["secret_id"] != "the-secret-id" {
                return answer("approle-login-bad-secret");
            }
            if self.rules.secret_id_uses == 0 {
                return answer("approle-login-oneuse-2");
            }
            self.rules.secret_id_uses -= 1;
            (self.token(), self.rules.token_ttl)
        };
        with(recording, &[("/auth/client_token", json!(token)), ("/auth/lease_duration", json!(ttl.as_secs()))])
    }

    fn with_token(&mut self, request: &Request, path: &str, token: &str, server: Option<&dyn Sql>) -> Answer {
        let now = Instant::now();
        let lease_id = request.body["lease_id"].as_str().unwrap_or_default().to_owned();
        match path {
            "auth/token/lookup-self" => {
                let left = self.tokens[token].ends.saturating_duration_since(now).as_secs();
                with("token-lookup-self", &[("/data/ttl", json!(left))])
            }
            "auth/token/renew-self" => {
                let rules = (self.rules.token_ttl, self.rules.token_max);
                let own = self.tokens.get_mut(token).expect("a token");
                let (ttl, most) = if own.policies.is_some() { (own.ttl, own.most) } else { rules };
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
            "sys/capabilities-self" => self.capabilities(request, token),
            "sys/leases/renew" => self.renew(&lease_id),
            "sys/leases/revoke" => match self.drop_lease(&lease_id, server) {
                Ok(()) => answer("lease-revoke"),
                Err(_) => answer("lease-revoke-mysql-down"),
            },
            _ if path.starts_with("database/creds/") => self.creds(path, token, server),
            _ if path.starts_with("database/static-creds/") => self.fixed(path),
            _ => self.value(request, path),
        }
    }

    /// Leases of this path that are alive.
    pub fn leases_of(&self, path: &str) -> usize {
        self.leases.keys().filter(|id| id.starts_with(path)).count()
    }

    /// Writes a value, none of whose texts may be seen anywhere.
    pub fn write(&mut self, path: &str, value: &Value) {
        let texts = value.as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str());
        // A word that is everywhere is no secret.
        let lines = texts.flat_map(str::lines).map(str::trim).filter(|line| line.len() >= 8);
        self.secret.extend(lines.map(str::to_owned));
        self.rules.values.insert(path.to_owned(), value.clone());
    }

    /// The key-value store; `null` is what was deleted.
    fn value(&mut self, request: &Request, path: &str) -> Answer {
        let Some(inside) = path.strip_prefix("secret/data/").map(str::to_owned) else {
            return answer("kv2-read-missing");
        };
        if matches!(&*request.method, "POST" | "PUT") {
            self.write(&inside, &request.body["data"]);
            return answer("kv2-write");
        }
        let values = &mut self.rules.values;
        match (&*request.method, values.get_mut(&inside)) {
            ("PATCH", Some(value)) => {
                for (name, text) in request.body["data"].as_object().into_iter().flatten() {
                    value[name] = text.clone();
                }
                answer("kv2-write")
            }
            ("DELETE", Some(value)) => {
                *value = Value::Null;
                answer("lease-revoke")
            }
            (_, Some(Value::Null)) => answer("kv2-read-deleted"),
            ("GET", Some(value)) => with("kv2-read", &[("/data/data", value.clone())]),
            _ => answer("kv2-read-missing"),
        }
    }

    fn capabilities(&self, request: &Request, token: &str) -> Answer {
        let mut all = answer("capabilities-self");
        all.body["data"] = json!({});
        for path in request.body["paths"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let may = if self.may(token, "GET", path) { "read" } else { "deny" };
            all.body["data"][path] = json!([may]);
        }
        all
    }

    /// Whether the token may do this there.
    fn may(&self, token: &str, method: &str, path: &str) -> bool {
        let Some(own) = self.tokens.get(token) else { return false };
        match (&own.policies, &self.written) {
            (Some(names), Some(written)) => names.iter().any(|name| written.allows(name, &own.role, method, path)),
            _ => !self.rules.denied.contains(path),
        }
    }
}
