//! The house's floors: imports only go down, and only its owner names a dependency. Reads `cargo metadata` and the
//! source itself; ARCHITECTURE.md says why.

mod parts;

use parts::repository;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

/// Floors of the crates by folder, lowest first. A folder ending in `/` is a folder of crates, which never name each
/// other.
const FLOORS: [&[&str]; 5] = [&["core"], &["core/http"], &["plugins/"], &["agent", "dashboards"], &["core/cli"]];

/// Floors inside `core/src`, lowest first. A module is a file or a folder there.
const ROOMS: [&[&str]; 5] = [
    // Nouns and the expressions that queries, rules and dashboards are made of.
    &[
        "cancel",
        "cursor",
        "dashboard",
        "entry",
        "error",
        "expr",
        "fields",
        "id",
        "query",
        "rule",
        "suggest",
        "table",
        "tables",
        "time",
        "value",
    ],
    // What is asked of plugins, and what the configuration says.
    &["config", "inventory", "plugin", "room", "rotate", "schedule"],
    // Engines.
    &["parse", "sql", "wire"],
    // What scripts declare.
    &["definitions", "script"],
    // Verbs.
    &["collect", "view"],
];

/// Who may name a dependency: folders or files, from the repository's top. The tests and benches of a crate may.
const OWNERS: [(&str, &[&str]); 13] = [
    ("rhai", &["core/src/script"]),
    ("notify", &["core/src/script"]),
    ("serde_yaml", &["core/src/config"]),
    ("tide", &["core/http", "agent", "dashboards", "core/cli/src"]),
    ("hyper", &["core/http"]),
    ("hyper_util", &["core/http"]),
    ("tokio_tungstenite", &["core/http"]),
    ("reqwest", &["core/http", "plugins/vault"]),
    ("mysql", &["plugins/mysql"]),
    ("rusqlite", &["plugins/sqlite"]),
    ("vaultrs", &["plugins/vault"]),
    ("rustify", &["plugins/vault"]),
    ("hickory_resolver", &["plugins/dns"]),
];

fn metadata() -> Value {
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// The workspace's crates: name, folder from the top, package.
fn crates(metadata: &Value) -> Vec<(String, String, &Value)> {
    let members: BTreeSet<&str> = list(metadata, "workspace_members").iter().filter_map(Value::as_str).collect();
    let packages = list(metadata, "packages").iter().filter(|package| members.contains(text(package, "id")));
    let folder = |package: &Value| {
        let manifest = PathBuf::from(text(package, "manifest_path"));
        let folder = manifest.parent().expect("a folder").strip_prefix(repository()).expect("below the top").to_owned();
        folder.to_str().expect("UTF-8").to_owned()
    };
    packages.map(|package| (text(package, "name").to_owned(), folder(package), package)).collect()
}

fn floor_of(folder: &str) -> usize {
    let holds = |place: &&str| *place == folder || (place.ends_with('/') && folder.starts_with(*place));
    let floor = FLOORS.iter().position(|floor| floor.iter().any(holds));
    floor.unwrap_or_else(|| panic!("`{folder}` has no floor: give it one here and in ARCHITECTURE.md"))
}

#[test]
fn crates_depend_only_on_lower_floors() {
    let metadata = metadata();
    let crates = crates(&metadata);
    let folders: BTreeMap<&str, &str> = crates.iter().map(|(name, folder, _)| (&**name, &**folder)).collect();
    let mut wrong = Vec::new();
    for (name, folder, package) in &crates {
        for dependency in list(package, "dependencies") {
            // Tests may use what stands beside them.
            let Some(other) = folders.get(text(dependency, "name")).filter(|_| dependency["kind"].is_null()) else {
                continue;
            };
            if floor_of(other) >= floor_of(folder) {
                wrong.push(format!("{name} ({folder}) depends on {other}, which is not below it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_agent_carries_no_store_no_vault_and_no_dashboards() {
    let metadata = metadata();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let names: BTreeMap<&str, &str> =
        list(&metadata, "packages").iter().map(|package| (text(package, "id"), text(package, "name"))).collect();
    let agent = names.iter().find(|(_, name)| **name == "infralogs-agent").expect("the agent").0;
    let (mut seen, mut next) = (BTreeSet::new(), vec![*agent]);
    while let Some(id) = next.pop().filter(|_| seen.len() < 10_000) {
        if !seen.insert(id) {
            continue;
        }
        let normal = |dep: &&Value| list(dep, "dep_kinds").iter().any(|kind| kind["kind"].is_null());
        next.extend(list(nodes[id], "deps").iter().filter(normal).map(|dep| text(dep, "pkg")));
    }
    let carried: BTreeSet<&str> = seen.iter().map(|id| names[id]).collect();
    assert!(carried.contains("infralogs-core"), "what it carries was found");
    let foreign = ["mysql", "rusqlite", "vaultrs", "infralogs-bokeh", "infralogs-dashboards", "infralogs-mysql"];
    assert_eq!(foreign.into_iter().filter(|name| carried.contains(name)).collect::<Vec<_>>(), [""; 0]);
}

/// All Rust files below a folder, but for tests, benches, examples and what was built.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !["target", "tests", "benches", "examples", "node_modules"].contains(&name) && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "build.rs" {
            found.push(path);
        }
    }
}

/// Code without comments, line by line.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a source file");
    let uncommented = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    uncommented.collect::<Vec<_>>().join("\n")
}

/// Whether the code names this crate in a path: `name::`, not a part of a longer word or path.
fn names(code: &str, krate: &str) -> bool {
    let path = format!("{krate}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    })
}

#[test]
fn only_its_owner_names_a_dependency() {
    let top = repository();
    let mut files = Vec::new();
    for folder in ["core", "plugins", "agent", "dashboards"] {
        sources(&top.join(folder), &mut files);
    }
    assert!(files.len() > 100, "the sources were found");
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    for file in &files {
        let place = file.strip_prefix(&top).expect("below the top");
        let code = code(file);
        for (krate, owners) in OWNERS {
            if !names(&code, krate) {
                continue;
            }
            used.insert(krate);
            if !owners.iter().any(|owner| place.starts_with(owner)) {
                wrong.push(format!("{} names {krate}, which belongs to {}", place.display(), owners.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let chosen = ["rhai", "notify", "serde_yaml", "tide", "reqwest", "mysql"];
    assert!(chosen.iter().all(|krate| used.contains(krate)), "each chosen package is used, and was found: {used:?}");
}

/// The modules of core that a file names: `crate::name`, `crate::{name, …}`.
fn modules_named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut item) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => item = true,
                c if item && depth == 0 && c.is_alphabetic() => {
                    found.insert(word(&group[at..]));
                    item = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn modules_of_core_import_only_from_lower_floors() {
    let core = repository().join("core/src");
    let floor = |module: &str| ROOMS.iter().position(|rooms| rooms.contains(&module));
    let mut files = Vec::new();
    sources(&core, &mut files);
    let (mut wrong, mut edges) = (Vec::new(), 0);
    for file in files {
        let place = file.strip_prefix(&core).expect("below core").to_owned();
        let own = place.components().next().expect("a name").as_os_str().to_str().expect("UTF-8");
        let own = own.trim_end_matches(".rs");
        // The suite for stores tests everything; lib.rs lists everything.
        if own == "testing" || own == "lib" {
            continue;
        }
        let Some(here) = floor(own) else {
            wrong.push(format!("`{own}` has no floor: give it one here and in ARCHITECTURE.md"));
            continue;
        };
        for named in modules_named(&code(&file)) {
            let Some(there) = floor(&named) else { continue };
            edges += 1;
            if there > here {
                wrong.push(format!("core/src/{} imports `{named}` from a floor above it", place.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(edges > 100, "imports were found");
}

#[test]
fn a_wrong_import_would_be_found() {
    let code = "use crate::{collect::Poll, error::{Error, Result},\n    view};\nlet x = crate::sql::select();";
    let named: Vec<String> = modules_named(code).into_iter().collect();
    assert_eq!(named, ["collect", "error", "sql", "view"]);
    assert!(names("use rhai::Engine;", "rhai") && names("let x = mysql::Pool::new();", "mysql"));
    assert!(!names("use infralogs_mysql::PLUGIN;", "mysql") && !names("crate::mysql::x()", "mysql"));
}
