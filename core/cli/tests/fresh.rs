//! A machine that has only Debian and a Rust toolchain can run all of this: every program that a test starts comes from
//! a package that `.ci/test` installs, and the Rust version that is stated is enough and is what is installed.

mod parts;

use parts::repository;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Which package of Debian a program is in. A new one that tests start goes here and into `.ci/test`.
const PACKAGES: [(&str, &[&str]); 13] = [
    ("binutils", &["strip"]),
    ("curl", &["curl"]),
    ("mariadb-server", &["mariadb", "mariadbd", "mariadb-dump", "mariadb-install-db"]),
    ("nodejs", &["node"]),
    ("npm", &["npm"]),
    ("openssl", &["openssl"]),
    ("procps", &["kill", "pgrep", "ps"]),
    ("python3-venv", &["python3"]),
    ("sqlite3", &["sqlite3"]),
    ("systemd", &["journalctl", "systemd-analyze", "systemd-socket-activate", "systemd-sysusers", "systemd-tmpfiles"]),
    ("systemd-journal-remote", &["systemd-journal-remote", "systemd-journal-gatewayd", "systemd-journal-upload"]),
    ("xz-utils", &["xz"]),
    ("zstd", &["zstd"]),
];
/// Programs that every Debian, or the Rust toolchain, has.
const ESSENTIAL: [&str; 18] = [
    "bash",
    "chmod",
    "chown",
    "cp",
    "dpkg",
    "dpkg-deb",
    "dpkg-query",
    "env",
    "mount",
    "nsenter",
    "rustc",
    "script",
    "setpriv",
    "sh",
    "stat",
    "tar",
    "umount",
    "unshare",
];

/// Files below a folder with this ending, what is built and fetched left out.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["target", "node_modules", "benches", ".git"].contains(&&*name.to_string_lossy()) {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|own| own == ending) {
            found.push(path);
        }
    }
}

/// The words in quotes right behind each of these.
fn quoted_behind(text: &str, beginnings: &[&str]) -> Vec<String> {
    let all = beginnings.iter().flat_map(|begin| text.split(begin).skip(1));
    all.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

#[test]
fn every_program_that_a_test_starts_is_installed_by_ci() {
    let script = fs::read_to_string(repository().join(".ci/test")).expect(".ci/test");
    let listed =
        |package: &str| script.split(|c: char| c.is_whitespace() || ";()".contains(c)).any(|word| word == package);
    let mut sources = Vec::new();
    files(&repository(), "rs", &mut sources);
    files(&repository().join("deploy/tests"), "py", &mut sources);
    let (mut wrong, mut known) = (Vec::new(), BTreeSet::new());
    for source in sources {
        let text = fs::read_to_string(&source).expect("text");
        for word in
            quoted_behind(&text, &["Command::new(\"", "common.run(\"", "subprocess.run([\"", "subprocess.Popen([\""])
        {
            let program = word.rsplit('/').next().unwrap_or_default().to_owned();
            if ESSENTIAL.contains(&&*program) || !known.insert(program.clone()) {
                continue;
            }
            let package = PACKAGES.iter().find(|(_, programs)| programs.contains(&&*program)).map(|(name, _)| *name);
            match package {
                None => wrong.push(format!("{}: in which package is `{program}`?", source.display())),
                Some(package) if !listed(package) => {
                    wrong.push(format!("{} starts `{program}`: .ci/test does not install {package}", source.display()));
                }
                Some(_) => {}
            }
        }
    }
    assert!(known.len() > 10, "programs were found: {known:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `1.95` or `1.95.0` as numbers.
fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("`{text}` is no version"))).collect()
}

#[test]
fn the_stated_rust_version_is_enough_and_is_here() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let own: BTreeSet<&str> = packages
        .iter()
        .filter(|package| package["source"].is_null())
        .map(|package| {
            package["rust_version"].as_str().expect("every crate of ours says `rust-version.workspace = true`")
        })
        .collect();
    let [stated] = own.iter().copied().collect::<Vec<_>>()[..] else { panic!("one for all: {own:?}") };
    for package in packages {
        if let Some(wanted) = package["rust_version"].as_str() {
            assert!(version(wanted) <= version(stated), "{} wants Rust {wanted}, stated is {stated}", package["name"]);
        }
    }
    let installed = Command::new("rustc").arg("--version").output().expect("rustc runs");
    let installed = String::from_utf8_lossy(&installed.stdout).split_whitespace().nth(1).expect("a version").to_owned();
    let plain = installed.split('-').next().unwrap_or_default();
    assert!(version(plain) >= version(stated), "Rust {installed} is installed, stated is {stated}");
    for (file, words) in
        [("README.md", format!("({stated} or newer)")), ("deploy/docker/Dockerfile", format!("rust:{stated}-"))]
    {
        let text = fs::read_to_string(repository().join(file)).expect(file);
        assert!(text.contains(&words), "{file} does not say `{words}`");
    }
}
