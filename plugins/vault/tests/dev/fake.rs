//! A `vault` that is none: the stand-in behind the command line that the suite and deploy/vault use. It proves that the
//! way to a real one works where none is at hand. This test program is what runs, by a few lines of shell.

use crate::standin::{StandIn, http};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::parent_id},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the shell puts the words of the command line, each ended by this byte.
const WORDS: &str = "INFRALOGS_FAKE_VAULT";
const END: char = '\u{1f}';

/// Writes the executable into this folder.
pub fn install(folder: &Path) -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let text = format!(
        "#!/bin/sh\n{WORDS}=$(printf '%s\\037' \"$@\")\nexport {WORDS}\n\
         exec '{}' --exact dev::fake::runs_as_vault --nocapture 3>&1 >/dev/null\n",
        own.display()
    );
    let path = folder.join("vault");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

/// No test: the fake's way into this program. Without words it is nothing.
#[test]
fn runs_as_vault() {
    let Ok(words) = std::env::var(WORDS) else { return };
    let words: Vec<String> = words.split_terminator(END).map(str::to_owned).collect();
    match Command::of(&words).run() {
        Ok(said) => {
            say(&said);
            std::process::exit(0);
        }
        Err(said) => {
            eprintln!("{said}");
            std::process::exit(2);
        }
    }
}

/// To the output the shell had, past that of the test harness.
fn say(text: &str) {
    let mut out = fs::OpenOptions::new().write(true).open("/dev/fd/3").expect("the shell's output");
    // Whoever reads it may have heard enough.
    let _ = writeln!(out, "{text}");
}

/// A command line: `-name=value` and `-name` anywhere, then words, of which `name=value` are fields.
#[derive(Default)]
struct Command {
    words: Vec<String>,
    options: Vec<(String, String)>,
    fields: serde_json::Map<String, Value>,
}

impl Command {
    fn of(words: &[String]) -> Self {
        let mut command = Self::default();
        for word in words {
            match (word.strip_prefix('-').filter(|rest| !rest.is_empty()), word.split_once('=')) {
                (Some(option), _) => {
                    let (name, value) = option.split_once('=').unwrap_or((option, ""));
                    command.options.push((name.to_owned(), value.to_owned()));
                }
                (None, Some((name, value))) => {
                    command.fields.insert(name.to_owned(), json!(given(value)));
                }
                (None, None) => command.words.push(word.clone()),
            }
        }
        command
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    fn run(&self) -> Result<String, String> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        match &words[..] {
            ["server"] => self.serve(),
            ["status"] => self.ask("GET", "sys/health", Value::Null),
            [kind @ ("secrets" | "auth"), "list"] => self.ask("GET", mounts(kind), Value::Null),
            [kind @ ("secrets" | "auth"), "enable", what] => {
                let path = format!("{}/{}", mounts(kind), self.option("path").unwrap_or(what));
                self.ask("POST", &path, json!({ "type": what }))
            }
            ["policy", "write", name, from] => {
                let text = if *from == "-" { given("-") } else { given(&format!("@{from}")) };
                self.ask("PUT", &format!("sys/policies/acl/{name}"), json!({ "policy": text }))
            }
            ["policy", "delete", name] => self.ask("DELETE", &format!("sys/policies/acl/{name}"), Value::Null),
            ["write", path] => self.ask("PUT", path, self.fields.clone().into()),
            ["read", path] => self.ask("GET", path, Value::Null),
            ["list", path] => self.ask("LIST", path, Value::Null),
            ["delete", path] => self.ask("DELETE", path, Value::Null),
            ["lease", "revoke", prefix] if self.option("prefix").is_some() => {
                self.ask("PUT", &format!("sys/leases/revoke-prefix/{prefix}"), Value::Null)
            }
            ["token", "create"] => {
                let policies: Vec<&str> = self.option("policy").into_iter().collect();
                self.ask("POST", "auth/token/create", json!({ "policies": policies, "ttl": self.option("ttl") }))
            }
            ["token", "revoke", accessor] => {
                self.ask("POST", "auth/token/revoke-accessor", json!({ "accessor": accessor }))
            }
            ["operator", "seal"] => self.ask("PUT", "sys/seal", Value::Null),
            ["operator", "unseal", key] => self.ask("PUT", "sys/unseal", json!({ "key": key })),
            ["kv", what, path] => self.kv(what, path),
            other => Err(format!("this is no real vault: it knows no {other:?}")),
        }
    }

    fn kv(&self, what: &str, path: &str) -> Result<String, String> {
        let path = match self.option("mount") {
            Some(mount) => format!("{mount}/data/{path}"),
            None => path.replacen('/', "/data/", 1),
        };
        let method = match what {
            "put" => "POST",
            "patch" => "PATCH",
            "delete" => "DELETE",
            "get" => "GET",
            other => return Err(format!("no kv {other}")),
        };
        self.ask(method, &path, json!({ "data": self.fields }))
    }

    fn serve(&self) -> ! {
        let listener = TcpListener::bind(self.option("dev-listen-address").unwrap_or_default()).expect("an address");
        let _serving = StandIn::serve_empty(listener, self.option("dev-root-token-id").unwrap_or_default());
        say(&format!("Unseal Key: {}", crate::standin::operator::UNSEAL_KEY));
        let own = parent_id();
        // A test that was killed leaves nothing behind.
        while parent_id() == own {
            std::thread::sleep(Duration::from_millis(200));
        }
        std::process::exit(0);
    }

    fn ask(&self, method: &str, path: &str, body: Value) -> Result<String, String> {
        let (status, answer) = http::ask(&self.request(method, path, &body)).ok_or("no answer")?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        if status >= 300 {
            return Err(format!("Error: Code: {status}. {}", answer["errors"]));
        }
        let data = if answer["auth"].is_object() { &answer["auth"] } else { &answer["data"] };
        match self.option("field") {
            Some("token") => Ok(word(&data["client_token"])),
            Some("wrapping_token") => Ok(word(&answer["wrap_info"]["token"])),
            Some(field) => Ok(word(if data["data"].is_object() { &data["data"][field] } else { &data[field] })),
            None if data["keys"].is_array() => Ok(data["keys"].to_string()),
            None => Ok(serde_json::to_string_pretty(data).unwrap_or_default()),
        }
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> http::Asked {
        let told = |name: &str| std::env::var(name).unwrap_or_default();
        let mut headers = vec![("x-vault-token".to_owned(), told("VAULT_TOKEN"))];
        headers.extend(self.option("wrap-ttl").map(|ttl| ("x-vault-wrap-ttl".to_owned(), ttl.to_owned())));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::Asked { address: told("VAULT_ADDR"), method: method.into(), path: format!("/v1/{path}"), headers, body }
    }
}

fn mounts(kind: &str) -> &'static str {
    if kind == "auth" { "sys/auth" } else { "sys/mounts" }
}

/// A value as the command line has it: `-` is standard input, `@FILE` a file.
fn given(value: &str) -> String {
    match value.strip_prefix('@') {
        Some(path) => fs::read_to_string(path).expect("a file"),
        None if value == "-" => std::io::read_to_string(std::io::stdin()).expect("standard input"),
        None => value.to_owned(),
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
