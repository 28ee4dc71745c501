//! Scripts: the shipped ones load, every mistake has its message.

use infralogs_core::script::load;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The shipped scripts.
fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}

#[test]
fn shipped_scripts_load() {
    let definitions = load(&[shipped()]).unwrap_or_else(|rejected| panic!("{rejected}"));
    let names: Vec<_> = definitions.parsers.iter().map(|parser| &*parser.spec.name).collect();
    assert_eq!(names, ["critical_logs", "failed_services", "failed_ssh", "nginx_access", "storage"]);
    let fleet = definitions.dashboard("fleet").expect("the fleet dashboard");
    assert_eq!(fleet.rows.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2, 3, 1]);
    assert_eq!(definitions.schedules.len(), 1);
    assert_eq!(definitions.rules.len(), 3);
}

/// Every `errors/<name>.rhai` (a script, or a folder of scripts) has the message in `errors/<name>.expected`.
#[test]
fn every_mistake_has_its_message() {
    let folder = Path::new("tests/scripts/errors");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    names.retain(|path| match path.extension() {
        Some(extension) => extension == "rhai",
        None => !path.ends_with("lib"), // the library that some of them import
    });
    names.sort();
    let mut wrong = Vec::new();
    for path in &names {
        let drawn = match load(std::slice::from_ref(path)) {
            Ok(_) => "loads without a problem\n".to_owned(),
            Err(rejected) => format!("{rejected}\n"),
        };
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &drawn).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != drawn {
            wrong.push(format!("--- {}\n{drawn}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE_EXPECT=1 rewrites these:\n{}", wrong.join("\n"));
}
