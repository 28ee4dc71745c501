//! Every recorded answer of a real Vault, given to our client: none is misunderstood, none makes it tell a secret.

mod line;
mod standin;

use infralogs_core::{
    Kind,
    plugin::{Life, Secret, Secrets},
};
use line::{SOON, WRITER, approle, vault};
use serde_json::{Value, json};
use standin::recordings;
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

fn within(secret: &Secret) -> Duration {
    match secret.life {
        Life::Ends { within, .. } => within,
        Life::Watched { .. } => panic!("it ends"),
    }
}

fn pod(folder: &Path) -> Value {
    let file = folder.join("jwt");
    std::fs::write(&file, "a.jwt.x").expect("written");
    json!({ "kubernetes": { "role": "infralogs-collector", "token_file": file } })
}

/// What doctor says of a node whose health was recorded so.
fn health_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "health-active" | "health-standby-standbyok" => "ok active",
        "health-standby" | "standby-active-frozen-health" | "standby-no-active-health" => "ok a standby",
        "health-sealed" => "is sealed",
        "health-uninitialized" => "not initialized",
        _ => return None,
    })
}

/// Every recorded answer, given to whatever call it may be the answer of: an outcome of the right kind, no panic.
#[tokio::test(flavor = "multi_thread")]
async fn every_recording_is_understood() {
    let now: Arc<Mutex<String>> = Arc::default();
    let shared = now.clone();
    let address = standin::http::serve(move |request| {
        let name = shared.lock().expect("a name").clone();
        match &*request.path {
            "/v1/auth/approle/login" if !name.starts_with("approle-login") => Some(recordings::answer("approle-login")),
            // A node is well, unless its health was recorded.
            "/v1/sys/health" if health_of(&name).is_none() => Some(recordings::answer("health-active")),
            "/v1/auth/token/lookup-self" if !name.starts_with("token-") => {
                Some(recordings::answer("token-lookup-self"))
            }
            _ if recordings::all()[&name]["response"]["status"].is_null() => None,
            _ => Some(recordings::answer(&name)),
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    for (name, recorded) in recordings::all() {
        now.lock().expect("a name").clone_from(name);
        let status = recorded["response"]["status"].as_u64();
        let auth = if name.starts_with("kubernetes-login") { pod(folder.path()) } else { approle(folder.path()) };
        let vault = vault(&address, auth);
        let path = if recorded["request"]["path"].as_str().unwrap_or_default().contains("static") {
            "database/static-creds/x"
        } else if name.starts_with("kv2") {
            "secret/x#token"
        } else {
            WRITER
        };
        let issued = vault.issue(path).await;
        let lease = Some("database/creds/il-writer/LEASE".to_owned());
        let life = Life::Ends { within: SOON, renewable: true };
        let secret = Secret { user: None, password: "PASSWORD".into(), life, lease };
        let renewed = vault.renew(path, &secret).await;
        let revoked = vault.revoke(&secret).await;
        let found = vault.examine(&[path.to_owned()]).await;
        if let Some(word) = health_of(name) {
            let said = match &found[0].result {
                Ok(said) => format!("ok {said}"),
                Err(error) => error.to_string(),
            };
            assert!(said.contains(word), "{name}: {said}");
        }
        let class = ["approle-login", "kubernetes-login"].into_iter().find(|class| name.starts_with(class));
        if let (Some(class), Some(400..=599)) = (class, status) {
            let error = issued.as_ref().expect_err(name);
            let (kind, words) = (error.kind, error.to_string());
            // One class, whatever the status, and tried again.
            assert!(kind == Kind::Unavailable && words.contains("logging in by"), "{class} {name}: {kind:?} {words}");
        }
        match status {
            Some(200..=299) if name.starts_with("db-creds") => {
                assert!(within(&issued.expect("a user")) > Duration::ZERO, "{name}")
            }
            Some(200..=299) if name.starts_with("db-static") && !recorded["response"]["body"].is_null() => {
                assert!(matches!(issued.expect("a user").life, Life::Watched { .. }), "{name}");
            }
            Some(200..=299) if name.starts_with("lease-renew") => assert!(renewed.is_ok(), "{name}"),
            Some(200..=299) if name.starts_with("lease-revoke") => assert!(revoked.is_ok(), "{name}"),
            Some(200..=299) => {}
            other => {
                let said = [issued.err(), renewed.err(), revoked.err()].map(|error| error.expect(name).to_string());
                assert!(said.iter().all(|said| !said.contains("s.EXAMPLE") && !said.contains("LEASE")), "{said:?}");
                assert!(other != Some(503) || said[0].contains("sealed"), "{name}: {said:?}");
            }
        }
    }
    assert_eq!(recordings::all().len(), 189);
}
