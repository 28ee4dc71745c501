//! Faults of a bad day, against a stand-in that answers as a real Vault was recorded, with a real MariaDB behind it.

mod line;
mod standin;

use infralogs_core::{
    Kind,
    plugin::{Life, Secret, Secrets, Settings},
    rotate::Cached,
    testing::mariadb::Server,
};
use infralogs_vault::Vault;
use line::{SOON, WRITER, alone, approle, line, until, vault};
use serde_json::json;
use standin::recordings;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

fn within(secret: &Secret) -> Duration {
    match secret.life {
        Life::Ends { within, .. } => within,
        Life::Watched { .. } => panic!("it ends"),
    }
}

async fn kind(vault: &Vault, path: &str) -> (Kind, String) {
    let error = vault.issue(path).await.expect_err("refused");
    // For the scan.
    tracing::trace!("{error:?}");
    (error.kind, error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_dies_before_its_lease_shortens_what_can_be_used() {
    let (standin, vault, _folder) = alone();
    standin.set(|rules| (rules.token_ttl, rules.lease_ttl) = (Duration::from_secs(20), Duration::from_secs(600)));
    let secret = vault.issue(WRITER).await.expect("issued");
    assert!(within(&secret) <= Duration::from_secs(20), "{:?}", secret.life);
    assert_eq!(standin.count("POST /v1/auth/approle/login"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_ask_at_once_log_in_once() {
    let (standin, vault, _folder) = alone();
    let vault = Arc::new(vault);
    let asking = (0..20).map(|_| {
        tokio::spawn({
            let vault = vault.clone();
            async move { vault.issue(WRITER).await }
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        asked.await.expect("runs").expect("issued");
    }
    assert_eq!(standin.count("POST /v1/auth/approle/login"), 1);
    vault.end().await.expect("ended");
    assert_eq!((standin.live_tokens(), standin.live_leases()), (0, 0), "the token takes its leases along");
}

/// Two at once, and many: the token is prolonged once, and replaced once where its maximum is near.
#[tokio::test(flavor = "multi_thread")]
async fn many_that_renew_at_once_prolong_the_token_once_or_log_in_once() {
    for (token_max, logins) in [(3_600, 1), (21, 2)] {
        let (standin, vault, _folder) = alone();
        standin.set(|rules| {
            (rules.token_ttl, rules.token_max) = (Duration::from_secs(20), Duration::from_secs(token_max));
        });
        let reader = "database/creds/il-reader";
        let mut all = Vec::new();
        for path in [WRITER, reader] {
            all.push((path, vault.issue(path).await.expect("issued")));
        }
        let vault = Arc::new(vault);
        // Past half of the token's life, so that whoever comes first prolongs it.
        tokio::time::sleep(Duration::from_millis(10_200)).await;
        let renewing = all.iter().cycle().take(20).map(|(path, secret)| {
            let (vault, path, secret) = (vault.clone(), path.to_owned(), secret.clone());
            tokio::spawn(async move { vault.renew(path, &secret).await })
        });
        for renewed in renewing.collect::<Vec<_>>() {
            renewed.await.expect("runs").expect("prolonged");
        }
        assert_eq!(standin.count("POST /v1/auth/token/renew-self"), 1, "{token_max}: one for all");
        assert_eq!(standin.count("POST /v1/auth/approle/login"), logins, "{token_max}");
        assert_eq!(standin.live_leases(), 2, "those of the old token live with it");
        vault.end().await.expect("ended");
        assert_eq!((standin.live_leases(), standin.live_tokens()), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_replaced_and_a_missing_policy_is_said() {
    let (standin, vault, _folder) = alone();
    vault.issue(WRITER).await.expect("issued");
    standin.lock().rules.denied.insert(WRITER.into());
    let (kind_of, words) = kind(&vault, WRITER).await;
    assert!(kind_of == Kind::Denied && words.contains("policy") && words.contains(WRITER), "{words}");
    assert_eq!(standin.count("POST /v1/auth/approle/login"), 1, "the token lives: no new login");
    standin.set(|rules| rules.denied.clear());
    standin.lock().expire_all();
    vault.issue(WRITER).await.expect("with a new token");
    assert_eq!(standin.count("POST /v1/auth/approle/login"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_is_told_apart() {
    let (standin, vault, _folder) = alone();
    vault.issue(WRITER).await.expect("issued");
    for (fault, expected, word) in [
        ("sealed-db", Kind::Unavailable, "sealed"),
        ("standby-redirect-307", Kind::Unavailable, "another host"),
        ("db-creds-mysql-down", Kind::Unavailable, "connection refused"),
        ("db-creds-bad-sql", Kind::Unavailable, "1064"),
        ("db-creds-not-allowed-role", Kind::Denied, "allowed_roles"),
        ("db-creds-unknown-role-root", Kind::Invalid, "no such role"),
        ("kv2-read-missing", Kind::Invalid, "nothing there"),
        ("kv2-read-deleted", Kind::Invalid, "nothing there"),
    ] {
        standin.set(|rules| rules.fault = Some(fault));
        let (kind_of, words) = kind(&vault, WRITER).await;
        assert!(kind_of == expected && words.contains(word), "{fault}: {kind_of:?} {words}");
    }
    // Rate limited: its Retry-After is kept, and nothing more is asked until then.
    standin.set(|rules| rules.fault = Some("rate-limit-hdr-2"));
    assert_eq!(kind(&vault, WRITER).await.0, Kind::Unavailable);
    let asked = standin.lock().asked.len();
    let (_, words) = kind(&vault, WRITER).await;
    assert!(words.contains("rest") && standin.lock().asked.len() == asked, "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_or_absent_vault_is_given_up_in_time() {
    let (standin, vault, folder) = alone();
    vault.issue(WRITER).await.expect("issued");
    standin.set(|rules| rules.frozen = true);
    let began = Instant::now();
    let (kind_of, words) = kind(&vault, WRITER).await;
    assert!(kind_of == Kind::Unavailable && words.contains("no answer within 5 s"), "{words}");
    assert!(began.elapsed() < SOON);
    let (kind_of, words) = kind(&self::vault("http://127.0.0.1:1", approle(folder.path())), WRITER).await;
    assert!(kind_of == Kind::Unavailable && words.contains("refused"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_secret_id_and_a_stolen_wrapping_token_are_said() {
    let (standin, first, folder) = alone();
    standin.set(|rules| rules.secret_id_uses = 0);
    let (kind_of, words) = kind(&first, WRITER).await;
    assert!(kind_of == Kind::Unavailable && words.contains("invalid secret id"), "{words}");
    standin.set(|rules| rules.secret_id_uses = 100);

    let file = folder.path().join("wrapping");
    std::fs::write(&file, " s.WRAPPING \n").expect("written");
    let auth = json!({ "approle": { "role_id": "role", "secret_id_file": file, "wrapped": true, "role": "infralogs-collector" } });
    let wrapped = vault(&standin.address, auth.clone());
    wrapped.issue(WRITER).await.expect("unwrapped");
    standin.lock().expire_all();
    wrapped.issue(WRITER).await.expect("logged in again with what was unwrapped");
    let (kind_of, words) = kind(&vault(&standin.address, auth.clone()), WRITER).await;
    assert!(kind_of == Kind::Denied && words.contains("opened before"), "{words}");
    for foreign in ["auth/approle/role/other/secret-id", "secret/data/x", "auth/approle/role/a/b/secret-id"] {
        standin.set(|rules| rules.wrapped = Some(foreign.into()));
        let (kind_of, words) = kind(&vault(&standin.address, auth.clone()), WRITER).await;
        assert!(kind_of == Kind::Denied && words.contains("not made for"), "{foreign}: {words}");
        assert!(standin.lock().rules.wrapped.is_some(), "{foreign} was not opened");
    }
}

/// The other host is there and would answer: nobody goes to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_never_taken_to_another_host() {
    let asked: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let other = standin::http::serve({
        let asked = asked.clone();
        move |request| {
            asked.lock().expect("a list").push(format!("{} {}", request.path, request.header("x-vault-token")));
            Some(recordings::answer("db-creds-ok"))
        }
    });
    let first = standin::http::serve(move |request| match &*request.path {
        "/v1/auth/approle/login" => Some(recordings::answer("approle-login")),
        path => {
            let mut answer = recordings::answer("standby-redirect-307");
            answer.headers.retain(|(name, _)| name != "location");
            answer.headers.push(("location".into(), format!("{other}{path}")));
            Some(answer)
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (kind_of, words) = kind(&vault(&first, approle(folder.path())), WRITER).await;
    assert!(kind_of == Kind::Unavailable && words.contains("another host"), "{words}");
    assert!(asked.lock().expect("a list").is_empty(), "the other host was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_read_again_at_each_login() {
    let (standin, _, folder) = alone();
    let file = folder.path().join("jwt");
    std::fs::write(&file, "expired").expect("written");
    let pod = vault(&standin.address, json!({ "kubernetes": { "role": "infralogs-collector", "token_file": file } }));
    assert_eq!(kind(&pod, WRITER).await.0, Kind::Unavailable);
    std::fs::write(&file, "a.jwt.x\n").expect("written");
    pod.issue(WRITER).await.expect("with the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_tokens_are_read_again_and_outlive_vault() {
    let (standin, vault, _folder) = alone();
    let set = |token: &str| standin.lock().write("infralogs/agents/web-1", &json!({ "token": token }));
    set("one\n");
    let cached = Cached::new(Arc::new(vault), "secret/infralogs/agents/web-1");
    let old = cached.get().await.expect("read");
    assert_eq!(old.password, "one", "trimmed");
    set("two");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(cached.again(&old).await.expect("asked").expect("another").password, "two");
    standin.set(|rules| rules.fault = Some("sealed-kv"));
    assert_eq!(cached.get().await.expect("the last one").password, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_a_namespace_and_odd_paths() {
    let (standin, _, folder) = alone();
    let settings = json!({ "address": format!("{}/deep/down/", standin.address), "namespace": "team", "auth": approle(folder.path()) });
    let odd = Vault::new(&Settings::of(settings)).expect("settings");
    let _ = odd.issue(WRITER).await;
    assert_eq!(standin.lock().asked.last().map(String::as_str), Some("POST /deep/down/v1/auth/approle/login"));
    let asked = standin.lock().asked.len();
    for path in
        ["secret/../sys/raw", "secret", "/x/y", "secret/a//b", "database/config/x", "secret/a?list=true", "secret/a%2e"]
    {
        assert_eq!(kind(&odd, path).await.0, Kind::Invalid, "{path}");
    }
    assert_eq!(standin.lock().asked.len(), asked, "nothing was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_shrinks_is_replaced_and_its_user_dropped() {
    let line = line(Arc::new(Server::start(&[])), |rules| {
        (rules.lease_ttl, rules.lease_max) = (Duration::from_secs(4), Duration::from_secs(6));
    });
    line.kept().ready(SOON).await.expect("in use");
    line.works().await.expect("migrated");
    until("replaced twice", || line.kept().standing().replaced >= 2).await;
    line.works().await.expect("works on");
    until("old users dropped", || line.standin.live_leases() == 1 && line.users() == 1).await;
    let line = line.end().await;
    line.vault.end().await.expect("ended");
    assert_eq!((line.users(), line.standin.live_tokens()), (0, 0), "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_dropped_by_hand_is_issued_anew_while_renewing_says_200() {
    let line = line(Arc::new(Server::start(&[])), |_| {});
    line.kept().ready(SOON).await.expect("in use");
    line.works().await.expect("migrated");
    let user = line.server.sql("SELECT user FROM mysql.user WHERE user LIKE 'v-%'");
    let ids = line.server.sql(&format!("SELECT id FROM information_schema.processlist WHERE user = '{}'", user.trim()));
    line.server.sql(&format!("DROP USER '{}'", user.trim()));
    ids.lines().for_each(|id| drop(line.server.try_sql(&format!("KILL {id}"))));
    // A connection used a moment ago is used untried: let it be old enough to be tried first.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = line.works().await.expect_err("the user is gone");
    assert_eq!(refused.kind, Kind::Denied, "{refused}");
    until("issued anew", || line.kept().standing().replaced == 1).await;
    line.works().await.expect("works again");
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_takes_the_user_along_and_the_line_recovers() {
    let line = line(Arc::new(Server::start(&[])), |rules| rules.lease_ttl = Duration::from_secs(3));
    line.kept().ready(SOON).await.expect("in use");
    line.works().await.expect("migrated");
    line.standin.kill_tokens(&line.server);
    until("a new login and new credentials", || line.kept().standing().replaced >= 1 && line.users() >= 1).await;
    line.works().await.expect("works again");
    line.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_have_works_while_vault_is_sealed_and_mysql_may_be_away_at_issue_and_revoke() {
    let line = line(Arc::new(Server::start(&[])), |rules| {
        rules.fault = Some("sealed-login");
        rules.lease_ttl = Duration::from_secs(6);
    });
    until("it is said", || line.kept().standing().degraded.is_some_and(|said| said.contains("sealed"))).await;
    let error = line.works().await.expect_err("no credentials");
    assert!(error.kind == Kind::Unavailable && error.to_string().contains("no credentials"), "{error}");
    line.server.kill();
    line.standin.set(|rules| rules.fault = None);
    until("MySQL away", || line.kept().standing().degraded.is_some_and(|said| said.contains("connection refused")))
        .await;
    line.server.run();
    line.kept().ready(SOON).await.expect("recovered by itself");
    line.works().await.expect("migrated");
    line.standin.set(|rules| rules.fault = Some("sealed-renew"));
    until("degraded", || line.kept().standing().degraded.is_some_and(|said| said.contains(" s more"))).await;
    line.works().await.expect("what we have still works");
    line.standin.set(|rules| rules.fault = None);
    until("in order again", || line.kept().standing().degraded.is_none()).await;
    line.server.kill();
    let began = Instant::now();
    let line = line.end().await;
    assert!(began.elapsed() < SOON, "MySQL away at revoke does not hold up the end");
    line.vault.end().await.expect("said at most");
    assert_eq!(line.database.len(), 5);
}
