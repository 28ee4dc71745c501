//! What stands in deploy/ and examples/: its tests are in Python, beside what they test, since that is where the
//! schemas of Kubernetes and compose are. Here each of them counts as a test.

mod parts;

use parts::{program, repository};
use std::process::Command;

fn python(test: &str) {
    program::agent(); // built if it is not there yet
    let programs = program::infralogs();
    let done = Command::new(repository().join("target/venv/bin/python"))
        .args(["-m", "unittest", "-v", test])
        .current_dir(repository().join("deploy/tests"))
        .env("INFRALOGS_PROGRAMS", programs.parent().expect("its folder"))
        .output()
        .expect("target/venv, which .ci/test makes");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "deploy/tests/{test}.py:\n{said}\n{}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn kubernetes_overlays_are_valid_and_safe() {
    python("test_kubernetes");
}

#[test]
fn images_run_confined_and_compose_is_valid() {
    python("test_docker");
}

#[test]
fn units_and_packages_install_and_are_hardened() {
    python("test_systemd");
}

#[test]
fn vault_is_set_up_twice_and_no_secret_stands_on_a_command_line() {
    python("test_vault");
}

#[test]
fn one_machine_of_the_examples_works_as_its_readme_says() {
    python("test_one_machine");
}

#[test]
fn documents_lead_somewhere_and_their_secrets_are_those_that_pods_mount() {
    python("test_documents");
}

#[test]
fn the_fleet_of_the_examples_works() {
    python("test_fleet");
}
