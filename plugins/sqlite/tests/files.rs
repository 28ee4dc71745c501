//! What is said of files that can't be used, and that the README shows the sample that is tested.

use infralogs_core::{
    error::Kind,
    plugin::{Build, Settings, Store},
    testing::batch,
};
use infralogs_sqlite::{PLUGIN, Sqlite};
use std::path::Path;

fn build(url: &str) -> infralogs_core::Result<std::sync::Arc<dyn Store>> {
    let Build::Store(build) = PLUGIN.build else { panic!("no store") };
    build(&Settings::of(serde_json::json!({ "url": url })))
}

fn migrate(path: &Path) -> infralogs_core::Error {
    Sqlite::new(path.into()).migrate().expect_err("no store can be here")
}

#[test]
fn building_never_connects() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a/b.db");
    let store = build(&format!("sqlite://{}", path.display())).expect("built");
    assert!(!path.exists());
    assert_eq!(store.name(), format!("SQLite {}", path.display()));
    for wrong in ["sqlite://", "mysql://x/y", "logs.db"] {
        assert_eq!(build(wrong).err().expect(wrong).kind, Kind::Invalid);
    }
}

#[test]
fn unusable_files_are_one_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "this is no database, but long enough to be mistaken for one ".repeat(100)).expect("file");
    let below_a_file = migrate(&file.join("logs.db"));
    assert_eq!(below_a_file.kind, Kind::Invalid);
    assert!(below_a_file.to_string().contains("--data DIR"), "{below_a_file}");
    let no_database = migrate(&file);
    assert!(no_database.to_string().contains("not a database"), "{no_database}");
}

#[test]
fn readme_shows_the_sample() {
    let readme = std::fs::read_to_string("README.md").expect("README");
    assert!(readme.contains(&format!("```yaml\n{}```", PLUGIN.sample)));
}

#[test]
fn counts_that_an_older_program_did_not_keep_are_summed_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("logs.db");
    let store = Sqlite::new(path.clone());
    store.migrate().expect("migrate");
    batch::put(&store, "web-1", 1, 501);
    let db = rusqlite::Connection::open(&path).expect("open");
    let counts = || -> Vec<String> {
        let sql = "SELECT concat_ws('|', cube, bucket, host, unit, priority, has, shard, n) FROM rollups ORDER BY 1";
        let mut all = db.prepare(sql).expect("a query");
        all.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect()
    };
    let before = counts();
    for version in [4, 5] {
        let last = if version == 4 { 4 } else { 8 };
        let older = format!("DELETE FROM rollups WHERE cube > {last}; UPDATE schema_version SET version = {version}");
        db.execute_batch(&older).expect("older");
        assert_ne!(counts(), before);
        store.migrate().expect("migrate");
        assert_eq!(counts(), before, "from version {version}");
    }
}
