//! What an operator writes to a development server, lists there and ends: mounts, policies, roles, logins. Of these
//! calls few were recorded; they answer as Vault's documentation says.

use super::{
    State,
    engine::{Remote, Role, Sql},
    http::{Answer, Request},
    policy,
    recordings::{answer, with},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// The accessor of the AppRole logins.
const APPROLES: &str = "auth_approle_1f";
/// What opens a sealed server.
pub const UNSEAL_KEY: &str = "the-unseal-key";
const LONG: Duration = Duration::from_secs(768 * 3_600);

struct Fixed {
    user: String,
    password: String,
    period: Duration,
    since: Instant,
    change: String,
}

#[derive(Default)]
struct Approle {
    role_id: String,
    secret_ids: BTreeSet<String>,
    settings: Value,
}

/// All that was written.
#[derive(Default)]
pub struct Written {
    root: String,
    mounts: BTreeMap<String, Value>,
    policies: BTreeMap<String, String>,
    database: Option<Remote>,
    roles: BTreeMap<String, Role>,
    fixed: BTreeMap<String, Fixed>,
    approles: BTreeMap<String, Approle>,
    /// By the wrapping token: where it was made, and what it holds.
    wrapped: BTreeMap<String, (String, String)>,
}

fn done() -> Answer {
    answer("lease-revoke")
}

fn found(data: Value) -> Answer {
    let mut found = answer("kv2-list");
    found.body["data"] = data;
    found
}

fn refused(words: &str) -> Answer {
    let mut refused = answer("lease-renew-unknown");
    refused.body["errors"] = json!([words]);
    refused
}

/// `2h`, `30m`, `3s` or seconds.
fn span(value: &Value) -> Duration {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "h" => 3_600,
        "m" => 60,
        _ => 1,
    };
    Duration::from_secs(number.parse::<u64>().unwrap_or(0) * seconds)
}

fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_default().to_owned()
}

impl Written {
    pub fn by(root: &str) -> Self {
        let mounts = [("sys/mounts/secret/".to_owned(), json!({ "type": "kv", "accessor": "kv_1f" }))];
        Self { root: root.to_owned(), mounts: mounts.into(), ..Self::default() }
    }

    pub fn database(&self) -> Option<Remote> {
        self.database.clone()
    }

    pub fn role(&self, name: &str) -> Option<Role> {
        self.roles.get(name).cloned()
    }

    pub fn fixed(&self, name: &str) -> Option<(&str, String, Duration)> {
        let own = self.fixed.get(name)?;
        Some((&own.user, own.password.clone(), own.period.saturating_sub(own.since.elapsed())))
    }

    /// Whether this policy allows it to a token that this AppRole made.
    pub fn allows(&self, name: &str, role: &str, method: &str, path: &str) -> bool {
        let of = format!("{{{{identity.entity.aliases.{APPROLES}.metadata.role_name}}}}");
        self.policies.get(name).is_some_and(|hcl| policy::allows(&hcl.replace(&of, role), method, path))
    }

    /// A new password of a static user, set where it counts.
    fn turn(&mut self, name: &str, password: String, server: Option<&dyn Sql>) -> Answer {
        let Some(own) = self.fixed.get_mut(name) else { return refused("unknown role") };
        let change = own.change.replace("{{name}}", &own.user).replace("{{username}}", &own.user);
        if let Err(error) = server.map_or(Ok(()), |server| server.run(&change.replace("{{password}}", &password))) {
            return refused(&error);
        }
        (own.password, own.since) = (password, Instant::now());
        done()
    }
}

impl State {
    /// Answers what only an operator asks.
    pub(super) fn operator(
        &mut self,
        request: &Request,
        path: &str,
        token: &str,
        server: Option<&dyn Sql>,
    ) -> Option<Answer> {
        if self.written.as_ref()?.root != token {
            return None;
        }
        let (method, body) = (&*request.method, &request.body);
        let words: Vec<&str> = path.split('/').collect();
        Some(match (method, &words[..]) {
            ("GET", ["sys", "mounts" | "auth"]) => self.mounts(path),
            ("POST" | "PUT", ["sys", "mounts" | "auth", _]) => {
                let accessor = if path == "sys/auth/approle" { APPROLES } else { "other_1f" };
                let mount = json!({ "type": body["type"], "accessor": accessor });
                self.written.as_mut()?.mounts.insert(format!("{path}/"), mount);
                done()
            }
            ("POST" | "PUT", ["sys", "policies", "acl", name]) => {
                self.written.as_mut()?.policies.insert((*name).to_owned(), text(body, "policy"));
                done()
            }
            ("DELETE", ["sys", "policies", "acl", name]) => {
                self.written.as_mut()?.policies.remove(*name);
                done()
            }
            ("PUT" | "POST", ["sys", "seal"]) => {
                self.rules.fault = Some("sealed-db");
                done()
            }
            (_, ["sys", "leases", what, ..]) => return self.leases_below(what, path, server),
            ("GET", ["auth", "token", "lookup-self"]) => answer("token-lookup-self-root"),
            (_, ["auth", "token", what]) => return self.tokens_of(what, body, server),
            (_, ["auth", "approle", "role", name]) => {
                let role = self.written.as_mut()?.approles.entry((*name).to_owned()).or_default();
                role.settings = body.clone();
                done()
            }
            (_, ["auth", "approle", "role", name, what @ ..]) => return self.approle(name, what, path, request),
            (_, ["database", ..]) => return self.database(method, &words[1..], body, server),
            (_, ["secret", "data", ..]) => self.value(request, path),
            _ => answer("unsupported-op"),
        })
    }

    fn mounts(&self, path: &str) -> Answer {
        let all = self.written.iter().flat_map(|written| &written.mounts);
        let own = all.filter_map(|(at, mount)| Some((at.strip_prefix(path)?.strip_prefix('/')?.to_owned(), mount)));
        found(own.map(|(at, mount)| (at, mount.clone())).collect::<serde_json::Map<_, _>>().into())
    }

    fn leases_below(&mut self, what: &str, path: &str, server: Option<&dyn Sql>) -> Option<Answer> {
        let prefix = path.split_once(what)?.1.trim_matches('/').to_owned();
        let own: Vec<String> = self.leases.keys().filter(|id| id.starts_with(&prefix)).cloned().collect();
        Some(match what {
            "lookup" if own.is_empty() => answer("kv2-list-empty"),
            "lookup" => found(json!({ "keys": own.iter().filter_map(|id| id.rsplit('/').next()).collect::<Vec<_>>() })),
            "revoke-prefix" => {
                own.iter().for_each(|id| drop(self.drop_lease(id, server)));
                answer("lease-revoke-prefix")
            }
            _ => answer("unsupported-op"),
        })
    }

    /// A token's text is its accessor: only the root sees it.
    fn tokens_of(&mut self, what: &str, body: &Value, server: Option<&dyn Sql>) -> Option<Answer> {
        Some(match what {
            "accessors" => found(json!({ "keys": self.tokens.keys().collect::<Vec<_>>() })),
            "revoke-accessor" => {
                self.tokens.remove(&text(body, "accessor"));
                self.expire(server);
                done()
            }
            "create" => {
                let names = |list: &Value| {
                    list.as_array()
                        .map(|list| list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>())
                };
                let ttl = Some(span(&body["ttl"])).filter(|ttl| !ttl.is_zero()).unwrap_or(LONG);
                let token = self.token_of(ttl, LONG, names(&body["policies"]), "");
                let values = [("/auth/client_token", json!(token)), ("/auth/lease_duration", json!(ttl.as_secs()))];
                with("approle-login", &values)
            }
            _ => return None,
        })
    }

    fn approle(&mut self, name: &str, what: &[&str], path: &str, request: &Request) -> Option<Answer> {
        let fresh = self.fresh("SECRETID");
        let wrapping = self.fresh("s.WRAPPING");
        let written = self.written.as_mut()?;
        let Some(role) = written.approles.get_mut(name) else { return Some(answer("kv2-read-missing")) };
        let given = text(&request.body, "secret_id");
        Some(match (&*request.method, what) {
            ("GET", ["role-id"]) => {
                if role.role_id.is_empty() {
                    role.role_id = format!("role-id-of-{name}");
                }
                found(json!({ "role_id": role.role_id }))
            }
            (_, ["role-id"]) => {
                role.role_id = text(&request.body, "role_id");
                done()
            }
            (_, ["secret-id"]) => {
                role.secret_ids.insert(fresh.clone());
                if request.header("x-vault-wrap-ttl").is_empty() {
                    return Some(with("wrapping-unwrap", &[("/data/secret_id", json!(fresh))]));
                }
                written.wrapped.insert(wrapping.clone(), (path.to_owned(), fresh));
                with("approle-secret-id-wrapped", &[("/wrap_info/token", json!(wrapping))])
            }
            (_, ["custom-secret-id"]) if role.secret_ids.insert(given.clone()) => {
                with("wrapping-unwrap", &[("/data/secret_id", json!(given))])
            }
            (_, ["custom-secret-id"]) => refused("SecretID is already registered"),
            (_, ["secret-id", "lookup"]) if role.secret_ids.contains(&given) => {
                found(json!({ "secret_id_ttl": 86_400 }))
            }
            (_, ["secret-id", "lookup"]) => done(),
            _ => answer("unsupported-op"),
        })
    }

    fn database(&mut self, method: &str, words: &[&str], body: &Value, server: Option<&dyn Sql>) -> Option<Answer> {
        let fresh = self.fresh("PASSWORD");
        let written = self.written.as_mut()?;
        let put = matches!(method, "PUT" | "POST");
        Some(match (words, put) {
            (["config", _], false) => match &written.database {
                Some(known) => found(json!({ "connection_details": { "username": known.user } })),
                None => answer("kv2-read-missing"),
            },
            (["config", _], true) => return Some(self.connect(body)),
            (["rotate-root", _], true) => {
                let Some(known) = &mut written.database else { return Some(refused("no such connection")) };
                // Vault's own statement. (`ALTER USER CURRENT_USER()` says yes and does nothing in MariaDB.)
                let sql = format!("ALTER USER '{}'@'%' IDENTIFIED BY '{fresh}'", known.user);
                match known.run(&sql) {
                    Ok(()) => {
                        known.password = fresh;
                        done()
                    }
                    Err(error) => refused(&error),
                }
            }
            (["roles", name], true) => {
                let (ttl, most) = (span(&body["default_ttl"]), span(&body["max_ttl"]));
                let (make, drop) = (text(body, "creation_statements"), text(body, "revocation_statements"));
                written.roles.insert((*name).to_owned(), Role { ttl, most, make, drop });
                done()
            }
            (["static-roles", name], true) => {
                let (user, change, since) = (text(body, "username"), text(body, "rotation_statements"), Instant::now());
                let own =
                    Fixed { user, password: String::new(), period: span(&body["rotation_period"]), since, change };
                written.fixed.insert((*name).to_owned(), own);
                written.turn(name, fresh, server)
            }
            (["rotate-role", name], true) => written.turn(name, fresh, server),
            _ if method == "DELETE" => {
                written.roles.remove(words[1]);
                done()
            }
            _ => answer("unsupported-op"),
        })
    }

    /// Where users are made. What is not said again stays as it was, and nothing is taken that can't log in.
    fn connect(&mut self, body: &Value) -> Answer {
        let Some(written) = &mut self.written else { return done() };
        let url = text(body, "connection_url");
        let at = url.split_once("@tcp(").and_then(|(_, rest)| rest.split_once(")/")?.0.rsplit_once(':'));
        let (host, port) = at.map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap_or_default();
        let mut next = Remote { host, port, user: text(body, "username"), password: text(body, "password") };
        if let Some(known) = &written.database {
            let or = |new: String, old: &String| if new.is_empty() { old.clone() } else { new };
            next = Remote {
                host: or(next.host, &known.host),
                port: or(next.port, &known.port),
                user: or(next.user, &known.user),
                password: or(next.password, &known.password),
            };
        }
        if let Err(error) = next.run("SELECT 1") {
            return refused(&format!("error creating database object: error verifying connection: {error}"));
        }
        written.database = Some(next);
        done()
    }

    pub(super) fn rotate_what_is_due(&mut self, server: Option<&dyn Sql>) {
        let Some(written) = &mut self.written else { return };
        let over = |own: &Fixed| own.since.elapsed() >= own.period;
        let due: Vec<String> =
            written.fixed.iter().filter(|(_, own)| over(own)).map(|(name, _)| name.clone()).collect();
        for name in due {
            let fresh = self.fresh("PASSWORD");
            if let Some(written) = &mut self.written {
                let _ = written.turn(&name, fresh, server);
            }
        }
    }

    /// A token and how long it lives, if role and secret id are known.
    pub(super) fn login_written(&mut self, request: &Request) -> Option<(String, Duration)> {
        let (role_id, secret_id) = (text(&request.body, "role_id"), text(&request.body, "secret_id"));
        let mut all = self.written.as_ref()?.approles.iter();
        let fits = |role: &Approle| role.role_id == role_id && role.secret_ids.contains(&secret_id);
        let (name, role) = all.find(|(_, role)| fits(role))?;
        let policies = text(&role.settings, "token_policies").split(',').map(str::to_owned).collect();
        let (name, ttl, most) =
            (name.clone(), span(&role.settings["token_ttl"]), span(&role.settings["token_max_ttl"]));
        let most = if most.is_zero() { LONG } else { most };
        Some((self.token_of(ttl, most, Some(policies), &name), ttl))
    }

    /// Where a wrapping token was made.
    pub(super) fn wrapped_by(&self, token: &str) -> Option<String> {
        match &self.written {
            Some(written) => written.wrapped.get(token).map(|(path, _)| path.clone()),
            None => self.rules.wrapped.clone(),
        }
    }

    /// What it holds, once.
    pub(super) fn unwrapped(&mut self, token: &str) -> Option<String> {
        match &mut self.written {
            Some(written) => written.wrapped.remove(token).map(|(_, secret_id)| secret_id),
            None => self.rules.wrapped.take().map(|_| "the-secret-id".to_owned()),
        }
    }

    /// Whether the key opens it.
    pub(super) fn unseal(&mut self, request: &Request) -> bool {
        let opens = self.written.is_some() && request.body["key"] == UNSEAL_KEY;
        if opens {
            self.rules.fault = None;
        }
        opens
    }
}
