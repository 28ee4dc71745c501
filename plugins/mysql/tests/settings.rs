//! Settings are checked, passwords never shown, and the README shows the sample that is tested.

use infralogs_core::{
    error::Kind,
    plugin::{Settings, Store},
};
use infralogs_mysql::{Mysql, PLUGIN};

fn store(settings: serde_json::Value) -> infralogs_core::Result<Mysql> {
    Mysql::new(&Settings::of(settings))
}

#[test]
fn passwords_are_never_shown() {
    let store = store(serde_json::json!({ "url": "mysql://il:hunter2@127.0.0.1:1/logs" })).expect("built");
    let error = store.migrate().expect_err("nobody listens there");
    assert_eq!(error.kind, Kind::Unavailable);
    for shown in [format!("{store:?}"), format!("{error:?}"), error.to_string(), store.name()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(store.name(), "MySQL logs at 127.0.0.1:1");
}

#[test]
fn wrong_settings_are_refused_without_repeating_them() {
    for url in ["mysql://il:hunter2@db", "mysql://il:hunter2@db:port/logs", "http://il:hunter2@db/logs"] {
        let error = store(serde_json::json!({ "url": url })).expect_err(url);
        assert_eq!(error.kind, Kind::Invalid);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let unknown = store(serde_json::json!({ "url": "mysql://db/logs", "pasword_file": "x" })).expect_err("unknown key");
    assert!(unknown.to_string().contains("pasword_file"), "{unknown}");
    let no_file = store(serde_json::json!({ "url": "mysql://db/logs", "password_file": "not-there" })).expect("built");
    assert!(no_file.migrate().expect_err("no password").to_string().contains("not-there"));
}

#[test]
fn readme_shows_the_sample() {
    let readme = std::fs::read_to_string("README.md").expect("README");
    assert!(readme.contains(&format!("```yaml\n{}```", PLUGIN.sample)));
}
