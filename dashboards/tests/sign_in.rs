//! Who is let in, and who is not: tokens, sessions, the proxy's header, other sites, and too many tries.

#[path = "common/asked.rs"]
mod asked;
#[path = "common/layout.rs"]
mod layout;

use asked::{app_for, app_of, get};
use infralogs_core::{
    config::{SignIn, SignInProxy},
    dashboard::Dashboard,
    rotate::Told,
};
use infralogs_dashboards::Access;
use std::{fs, path::Path, sync::Arc, time::Duration};
use tide::http::{Method, Request, Response, Url};

const TOKEN: &str = "a-token-of-a-reader";
const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml");

/// A service with a token, cookie keys and a trusted proxy.
fn guarded(folder: &Path, keys: &str) -> tide::Server<()> {
    app_for(access(folder, keys)).0
}

/// The ways into it.
fn access(folder: &Path, keys: &str) -> Access {
    fs::write(folder.join("tokens"), format!("# readers\n{TOKEN}\n")).expect("written");
    fs::write(folder.join("keys"), keys).expect("written");
    let proxy = SignInProxy { header: "X-Forwarded-User".into(), from: vec!["10.1.0.0/16".into(), "::1".into()] };
    let said = SignIn {
        token_file: Some(folder.join("tokens")),
        cookie_keys_file: Some(folder.join("keys")),
        proxy: Some(proxy),
        ..SignIn::default()
    };
    Access::of(Some(&said), &no_secret).expect("a way in")
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = guarded(folder.path(), &key("k"));
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let whole: serde_json::Value = get(&app, "/d/fleet.json", &headers).await.body_json().await.expect("a page");
    let path = format!("/d/fleet/events?after={}", whole["revision"].as_str().expect("a revision"));
    let mut stream = get(&app, &path, &headers).await.take_body();
    fs::write(folder.path().join("tokens"), "another-token-of-a-reader\n").expect("written");
    let mut said = Vec::new();
    let read = futures_lite::AsyncReadExt::read_to_end(&mut stream, &mut said);
    let ended = tokio::time::timeout(Duration::from_secs(100), read).await;
    assert!(ended.is_ok(), "the stream goes on without its token");
    assert_eq!(get(&app, &path, &headers).await.status(), 401);
}

fn no_secret(path: &str) -> infralogs_core::Result<Told> {
    unreachable!("{path} is asked for, and files are configured")
}

fn key(letter: &str) -> String {
    letter.repeat(40)
}

/// A request from this address.
async fn ask(
    app: &tide::Server<()>,
    method: Method,
    path: &str,
    from: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Response {
    let url = Url::parse(&format!("http://dashboards.test{path}")).expect("a path");
    let mut request = Request::new(method, url);
    request.set_peer_addr(Some(from.parse::<std::net::SocketAddr>().expect("an address")));
    for (name, value) in headers {
        request.insert_header(*name, *value);
    }
    request.set_body(body);
    request.insert_header("content-type", "application/x-www-form-urlencoded");
    app.respond(request).await.expect("tide answers")
}

async fn post(app: &tide::Server<()>, from: &str, headers: &[(&str, &str)], body: &str) -> Response {
    ask(app, Method::Post, "/sign-in", from, headers, body).await
}

fn header(answer: &Response, name: &str) -> String {
    answer.header(name).map(|values| values.last().as_str().to_owned()).unwrap_or_default()
}

/// The session a right token gives, as a browser sends it back.
async fn session(app: &tide::Server<()>) -> String {
    let answer = post(app, "192.0.2.1:5", &[], &format!("token={TOKEN}&next=/d/fleet")).await;
    assert_eq!(u16::from(answer.status()), 303);
    assert_eq!(header(&answer, "location"), "/d/fleet");
    let cookie = header(&answer, "set-cookie");
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains(TOKEN), "no secret in it");
    cookie.split(';').next().expect("a value").to_owned()
}

#[tokio::test]
async fn strangers_see_nothing_but_the_way_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = guarded(folder.path(), &key("k"));
    for path in ["/d/fleet.json", "/d/fleet/events", "/d/fleet/panel/0.csv", "/d/fleet/choices/host", "/d/nowhere"] {
        let mut answer = get(&app, path, &[]).await;
        assert_eq!(u16::from(answer.status()), 401, "{path}");
        let text = answer.body_string().await.expect("text");
        assert!(text.contains("/sign-in") && !text.contains("web-1"), "{path}: {text}");
    }
    let answer = get(&app, "/d/fleet?last=1h", &[HTML]).await;
    assert_eq!(u16::from(answer.status()), 303);
    assert_eq!(header(&answer, "location"), "/sign-in?next=%2Fd%2Ffleet%3Flast%3D1h");
    let mut form = get(&app, "/sign-in?next=%2Fd%2Ffleet%3Ftz%3D%22%3E%3Cscript%3E", &[HTML]).await;
    let text = form.body_string().await.expect("text");
    assert!(text.contains("type=\"password\"") && !text.contains("<script>\"") && !text.contains("\"><script>"));
    assert!(header(&form, "content-security-policy").contains("frame-ancestors 'none'"));
}

#[tokio::test]
async fn a_token_opens_a_session_that_lasts_as_long_as_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = guarded(folder.path(), &key("k"));
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(u16::from(get(&app, "/d/fleet.json", &[("authorization", &bearer)]).await.status()), 200);
    assert_eq!(u16::from(post(&app, "192.0.2.1:5", &[], "token=wrong").await.status()), 403);
    let cookie = session(&app).await;
    let known = async |app: &tide::Server<()>| {
        u16::from(get(app, "/d/fleet.json", &[("cookie", &format!("a=b; {cookie}"))]).await.status())
    };
    assert_eq!(known(&app).await, 200);
    let rotated = guarded(folder.path(), &format!("{}\n{}\n", key("n"), key("k")));
    assert_eq!(known(&rotated).await, 200, "the old key still counts beside a new one");
    let gone = guarded(folder.path(), &key("n"));
    assert_eq!(known(&gone).await, 401, "the key left the file");
    let twice = get(&rotated, "/d/fleet.json", &[("cookie", &format!("{cookie}; {cookie}"))]).await;
    assert_eq!(u16::from(twice.status()), 401, "two sessions: which one?");
    let proxied = post(&app, "192.0.2.1:5", &[("x-forwarded-proto", "https")], &format!("token={TOKEN}")).await;
    assert!(header(&proxied, "set-cookie").contains("; Secure"), "TLS ends at a proxy");
    let out = ask(&rotated, Method::Post, "/sign-out", "192.0.2.1:5", &[("cookie", &cookie)], "").await;
    assert!(header(&out, "set-cookie").contains("Max-Age=0"));

    let again = guarded(folder.path(), &key("k"));
    assert_eq!(known(&again).await, 200);
    fs::write(folder.path().join("tokens"), "another-token\n").expect("written");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(known(&again).await, 401, "the token left the file: its sessions end");
}

#[tokio::test]
async fn the_proxys_word_counts_only_from_its_addresses() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = guarded(folder.path(), &key("k"));
    let user = [("x-forwarded-user", "ada@example.org")];
    for (from, status) in
        [("10.1.2.3:9", 200), ("[::1]:9", 200), ("[::ffff:10.1.2.3]:9", 200), ("10.2.0.1:9", 401), ("192.0.2.1:9", 401)]
    {
        let answer = ask(&app, Method::Get, "/d/fleet.json", from, &user, "").await;
        assert_eq!(u16::from(answer.status()), status, "{from}");
    }
    let empty = ask(&app, Method::Get, "/d/fleet.json", "10.1.2.3:9", &[("x-forwarded-user", " ")], "").await;
    assert_eq!(u16::from(empty.status()), 401, "a proxy that names nobody");
}

#[tokio::test]
async fn other_sites_and_guessers_get_nowhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = guarded(folder.path(), &key("k"));
    let right = format!("token={TOKEN}");
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        let answer = post(&app, "192.0.2.1:5", &[(name, value)], &right).await;
        assert_eq!(u16::from(answer.status()), 403, "{name}: {value}");
        assert_eq!(header(&answer, "set-cookie"), "");
    }
    for _ in 0..10 {
        assert_eq!(u16::from(post(&app, "192.0.2.7:5", &[], "token=guess").await.status()), 403);
    }
    let answer = post(&app, "192.0.2.7:6", &[], &right).await;
    assert_eq!(u16::from(answer.status()), 429, "even the right one has to wait now");
    assert_eq!(header(&answer, "retry-after"), "60");
    let other = post(&app, "192.0.2.8:5", &[("sec-fetch-site", "same-origin")], &right).await;
    assert_eq!(u16::from(other.status()), 303, "others do not wait");
}

#[tokio::test]
async fn a_dashboard_is_seen_by_its_readers_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let readers = vec!["ada@example.org".to_owned()];
    let all =
        || vec![Arc::new(Dashboard { readers: readers.clone(), ..layout::fleet() }), layout::dashboards().remove(1)];
    let app = app_of(access(folder.path(), &key("k")), all());
    for (user, status) in [("ada@example.org", 200), ("eve@example.org", 404)] {
        let user = [("x-forwarded-user", user), HTML];
        for path in ["/d/fleet", "/d/fleet.json", "/d/fleet/panel/0.csv", "/d/fleet/choices/host", "/d/fleet/events"] {
            let answer = ask(&app, Method::Get, path, "10.1.2.3:9", &user, "").await;
            assert_eq!(u16::from(answer.status()), status, "{path} {user:?}");
        }
        let mut list = ask(&app, Method::Get, "/d/small", "10.1.2.3:9", &user, "").await;
        let named = list.body_string().await.expect("text").contains("Fleet errors");
        assert_eq!(named, status == 200, "the list of dashboards");
    }
    let open = app_of(Access::open(), all());
    assert_eq!(u16::from(get(&open, "/d/fleet.json", &[]).await.status()), 404, "where nobody says who they are");
}
