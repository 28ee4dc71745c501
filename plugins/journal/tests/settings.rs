//! What a person chooses, what is said about a bad choice, and that the README shows the sample.

use infralogs_core::{
    error::Kind,
    plugin::{Ask, Build, Settings},
};
use infralogs_journal::{PLUGIN, open};

#[test]
fn the_readme_shows_the_sample() {
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("```yaml\n{}```", PLUGIN.sample)));
}

#[test]
fn settings_are_checked_when_it_is_built() {
    let Build::Source(build) = PLUGIN.build else { panic!("no source") };
    let of = |value| build(&Settings::of(value));
    for good in [serde_json::json!(null), serde_json::json!({}), serde_json::json!({"path": "/x"})] {
        assert!(of(good.clone()).is_ok(), "{good}");
    }
    assert!(of(serde_json::json!({"path": ["/x", "/y.journal"]})).is_ok());
    let error = of(serde_json::json!({"paht": "/x"})).err().expect("an unknown key");
    assert_eq!(error.kind, Kind::Invalid);
}

#[test]
fn no_journal_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(&[folder.path().join("nothing")]).expect_err("nothing is there");
    assert_eq!(error.kind, Kind::Invalid);
    assert!(error.to_string().contains("nothing") && error.help.is_some(), "{error}");

    // An empty folder is a journal without entries.
    let journal = open(&[folder.path().to_owned()]).unwrap();
    assert!(!journal.has_entries());
    let batch = journal.read_now(&Ask::default()).unwrap();
    assert!(batch.entries.is_empty() && batch.next.is_none() && batch.head.is_none() && !batch.more);
}
