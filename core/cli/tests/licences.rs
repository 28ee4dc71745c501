//! Every dependency has a licence that deny.toml allows, and comes from the one registry. Needs no cargo-deny.

mod parts;

use parts::repository;
use serde_json::Value;
use std::process::Command;

/// The words between quotes of a list in deny.toml, its comments left out.
fn listed<'t>(text: &'t str, begin: &str) -> Vec<&'t str> {
    let list = text.split_once(begin).and_then(|(_, rest)| rest.split_once(']')).expect(begin).0;
    let uncommented = list.lines().map(|line| line.split('#').next().unwrap_or(""));
    uncommented.flat_map(|line| line.split('"').skip(1).step_by(2)).collect()
}

/// The crates that stand under a heading such as `[[licenses.exceptions]]`.
fn crates<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let named = |part: &'t str| part.split_once("crate = \"").and_then(|(_, name)| name.split('"').next());
    text.split(heading).skip(1).filter_map(named).collect()
}

/// Whether a licence expression can be met: of `OR` one side, of `AND` both. Old crates write `/` for `OR`.
fn met(expression: &str, allowed: &[&str]) -> bool {
    let plain = expression.replace('/', " OR ");
    plain
        .split(" AND ")
        .all(|all| all.split(" OR ").any(|one| allowed.contains(&one.trim_matches(|c: char| "() ".contains(c)))))
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let rules = std::fs::read_to_string(repository().join("deny.toml")).expect("deny.toml");
    let allowed = listed(&rules, "\nallow = [");
    let spared = [crates(&rules, "[[licenses.exceptions]]"), crates(&rules, "[[licenses.clarify]]")].concat();
    let denied = crates(&rules, "    { ");
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 200 && allowed.len() > 5 && denied.len() > 2, "everything was found");
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(source) = package["source"].as_str() else { continue };
        if source != "registry+https://github.com/rust-lang/crates.io-index" {
            wrong.push(format!("{name} comes from {source}"));
        }
        if denied.contains(&name) {
            wrong.push(format!("{name} is banned in deny.toml"));
        }
        let licence = package["license"].as_str().unwrap_or("no licence");
        if !spared.contains(&name) && !met(licence, &allowed) {
            wrong.push(format!("{name}: {licence}"));
        }
    }
    assert!(wrong.is_empty(), "allow it in deny.toml with a reason, or do without:\n{}", wrong.join("\n"));
}

#[test]
fn expressions_are_read_right() {
    let allowed = ["MIT", "ISC"];
    assert!(
        met("MIT OR GPL-3.0", &allowed) && met("(GPL-3.0 OR MIT) AND ISC", &allowed) && met("GPL-3.0/MIT", &allowed)
    );
    assert!(!met("MIT AND GPL-3.0", &allowed) && !met("GPL-3.0", &allowed) && !met("MITX", &allowed));
}
