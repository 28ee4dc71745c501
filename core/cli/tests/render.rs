//! `infralogs render`: a page that needs nothing else, Bokeh's document, and a picture where there is a Chromium.

mod parts;

use parts::{copy_scripts, program::infralogs};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn render(folder: &Path, args: &[&str], path: Option<&str>) -> Output {
    let mut command = Command::new(infralogs());
    command.current_dir(folder).args(["render", "fleet", "--scripts", "scripts", "--data", "data"]).args(args);
    if let Some(path) = path {
        command.env("PATH", path).env_remove("CHROMIUM");
    }
    command.output().expect("infralogs runs")
}

#[test]
fn a_dashboard_is_written_as_page_document_and_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    copy_scripts(here);
    fs::create_dir(here.join("data")).expect("a folder");
    for out in ["fleet.html", "fleet.json", "fleet.png"] {
        let said = render(here, &["--out", out, "--size", "900x700"], None);
        assert!(said.status.success(), "{out}: {}", String::from_utf8_lossy(&said.stderr));
    }
    let page = fs::read_to_string(here.join("fleet.html")).expect("a page");
    let policy = "default-src 'none'; script-src 'sha256-"; // nothing is loaded from anywhere
    assert!(page.contains(policy) && page.contains("Errors by host"), "a page that needs nothing else");
    let document: serde_json::Value =
        serde_json::from_slice(&fs::read(here.join("fleet.json")).expect("a document")).expect("JSON");
    assert_eq!(document["version"], "3.9.2");
    let picture = fs::read(here.join("fleet.png")).expect("a picture");
    assert_eq!(&picture[..8], b"\x89PNG\r\n\x1a\n");
    let side = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((side(16), side(20)), (900, 700));
    assert!(picture.len() > 20_000, "more than an empty page is drawn: {} bytes", picture.len());
}

#[test]
fn what_is_missing_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    copy_scripts(folder.path());
    for (out, path, words) in [
        ("fleet.png", Some("/nowhere"), "a picture needs Chromium"),
        ("fleet.gif", None, "says neither .html, .json nor .png"),
    ] {
        let said = render(folder.path(), &["--out", out], path);
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && text.contains(words), "{out}: {text}");
        assert!(!folder.path().join(out).exists(), "{out} is not written");
    }
}
