//! Every way in and every way there: token file, namespace, prefix, authority and certificate of our own.

mod line;
mod standin;

use infralogs_core::{
    Kind,
    plugin::{Life, Secrets, Settings},
};
use infralogs_vault::Vault;
use line::{WRITER, approle, bare};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

fn vault(settings: Value) -> Vault {
    Vault::new(&Settings::of(settings)).expect("settings")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_file_is_used_read_again_and_left_alone_at_the_end() {
    let (standin, folder) = bare();
    let file = folder.path().join("token");
    let vault = vault(json!({ "address": standin.address, "auth": { "token_file": file } }));
    let error = vault.issue(WRITER).await.expect_err("no file yet");
    assert!(error.kind == Kind::Unavailable && error.to_string().contains("can't be read"), "{error}");
    std::fs::write(&file, " s.WRONG\n").expect("written");
    let error = vault.issue(WRITER).await.expect_err("no such token");
    assert!(error.kind == Kind::Unavailable && error.to_string().contains("token file"), "{error}");
    let token = standin.lock().token();
    std::fs::write(&file, format!(" {token} \n")).expect("written");
    vault.issue(WRITER).await.expect("with the token, trimmed");
    assert_eq!(standin.count("POST /v1/auth/approle"), 0, "nobody logs in");
    // Whoever replaces the token in the file does so before or after the old one died.
    standin.lock().expire_all();
    assert!(vault.issue(WRITER).await.is_err(), "the old one is dead");
    let token = standin.lock().token();
    std::fs::write(&file, token).expect("written");
    vault.issue(WRITER).await.expect("with the new one");
    vault.end().await.expect("ended");
    assert_eq!(standin.live_tokens(), 1, "a token that others made is theirs to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_and_a_namespace_are_part_of_every_call() {
    let (standin, folder) = bare();
    standin.set(|rules| (rules.prefix, rules.namespace) = ("/deep/down", "team-a"));
    let auth = approle(folder.path());
    let with = |address: &str, namespace: &str| {
        let address = format!("{}{address}", standin.address);
        vault(json!({ "address": address, "namespace": namespace, "auth": auth }))
    };
    for address in ["/deep/down", "/deep/down/", "/deep/down/v1/"] {
        let vault = with(address, " team-a ");
        let secret = vault.issue(WRITER).await.expect("issued");
        vault.renew(WRITER, &secret).await.expect("renewed");
        vault.revoke(&secret).await.expect("revoked");
        vault.end().await.expect("ended");
    }
    assert_eq!((standin.live_leases(), standin.live_tokens()), (0, 0));
    for (address, namespace) in [("", "team-a"), ("/deep/down", "team-b")] {
        assert!(with(address, namespace).issue(WRITER).await.is_err(), "{address} {namespace}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_role_is_watched_and_never_revoked() {
    let (standin, folder) = bare();
    standin.set(|rules| rules.fixed = "first".into());
    let vault = vault(json!({ "address": standin.address, "auth": approle(folder.path()) }));
    let path = "database/static-creds/fixed";
    let secret = vault.issue(path).await.expect("read");
    assert_eq!((secret.user.as_deref(), &*secret.password), (Some("fixed"), "first"));
    assert!(matches!(secret.life, Life::Watched { every } if every == Duration::from_secs(2)), "{:?}", secret.life);
    standin.set(|rules| rules.fixed = "second".into());
    assert_eq!(vault.renew(path, &secret).await.expect("read again").password, "second");
    vault.revoke(&secret).await.expect("nothing to do");
    assert_eq!(standin.count("PUT /v1/sys/leases/revoke"), 0);
}

/// TLS in front of the stand-in, by Python's own library; ends with the test.
struct Front {
    child: Child,
    address: String,
}

impl Front {
    fn start(folder: &Path, behind: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/front.py");
        let behind = behind.trim_start_matches("http://");
        let mut child = Command::new("python3")
            .arg(script)
            .arg(behind)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its port");
        let address = format!("https://127.0.0.1:{}", line.trim());
        Self { child, address }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority with a server's and a client's certificate, and another authority.
fn certificates(folder: &Path) {
    let script = "
        for ca in ca other; do
          openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$ca \
            -keyout $ca-key.pem -out $ca.pem -addext basicConstraints=critical,CA:TRUE
        done
        printf 'subjectAltName=IP:127.0.0.1' > names
        for name in server client; do
          openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name-key.pem -out $name.csr
          openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names -out $name-only.pem
          cat $name-only.pem $name-key.pem > $name.pem
        done";
    let done = Command::new("sh").args(["-e", "-c", script]).current_dir(folder).output().expect("openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_authority_named_is_trusted_and_our_certificate_is_shown() {
    let (standin, folder) = bare();
    certificates(folder.path());
    let front = Front::start(folder.path(), &standin.address);
    let auth = approle(folder.path());
    let at = |name: &str| folder.path().join(name);
    let both =
        json!({ "address": front.address, "ca_file": at("ca.pem"), "identity_file": at("client.pem"), "auth": auth });
    vault(both.clone()).issue(WRITER).await.expect("both sides know each other");
    let logins = standin.count("POST /v1/auth/approle/login");
    for (change, value) in
        [("ca_file", json!(at("other.pem"))), ("ca_file", Value::Null), ("identity_file", Value::Null)]
    {
        let mut settings = both.clone();
        settings[change] = value.clone();
        let error = vault(settings).issue(WRITER).await.expect_err("not trusted");
        assert_eq!(error.kind, Kind::Unavailable, "{change} {value}: {error}");
        println!("{change} {value}: {error}");
    }
    assert_eq!(standin.count("POST /v1/auth/approle/login"), logins, "no secret went to whom we do not trust");
    for (name, content) in [("ca_file", "nothing here"), ("identity_file", "nothing here")] {
        std::fs::write(at("bad.pem"), content).expect("written");
        let mut settings = both.clone();
        settings[name] = json!(at("bad.pem"));
        let error = Vault::new(&Settings::of(settings)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("bad.pem"), "{name}: `{error}` names the file");
    }
}
