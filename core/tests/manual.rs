//! The manual, scripts/README.md: its list of functions is what is registered, and each example loads.

use infralogs_core::script::{FUNCTIONS, Function, load};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

const BEGIN: &str = "<!-- functions -->\n";

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts")
}

/// What the manual calls the kind of thing a function belongs to.
fn heading(function: &Function) -> &'static str {
    match (function.receiver.as_deref(), function.name.as_str()) {
        (None, "parser" | "schedule" | "rule" | "dashboard") => "Beginning a declaration",
        (None, "ago" | "dns" | "field" | "inventory" | "kubernetes") => "Values",
        (None, _) => "Panels",
        (Some("Parser"), _) => "Parsers",
        (Some("Schedule"), _) => "Schedules",
        (Some("Rule"), _) => "Rules",
        (Some("Dashboard"), _) => "Dashboards",
        (Some("Panel"), _) => "What a panel looks like",
        (Some("Query"), _) => "Queries",
        (Some("Expression"), _) => "Conditions and values of fields",
        (Some("Record"), _) => "Records in closures",
        (Some(_), _) => "Others",
    }
}

/// The list of all functions as the manual shows it, by heading.
fn reference() -> String {
    let mut headings = vec!["Beginning a declaration"];
    for function in FUNCTIONS.iter().map(heading) {
        if !headings.contains(&function) {
            headings.push(function);
        }
    }
    let mut text = String::new();
    for wanted in headings {
        let _ = write!(text, "\n### {wanted}\n");
        for function in FUNCTIONS.iter().filter(|function| heading(function) == wanted) {
            let names: Vec<&str> =
                function.params.iter().map(|param| param.split(':').next().unwrap_or(param)).collect();
            let dot = if function.receiver.is_some() { "." } else { "" };
            let _ = write!(text, "\n**`{dot}{}({})`** {}\n", function.name, names.join(", "), function.says);
            let _ = write!(text, "```rhai\n{}\n```\n", function.example);
        }
    }
    text
}

#[test]
fn the_manual_lists_what_is_registered() {
    let path = scripts().join("README.md");
    let manual = fs::read_to_string(&path).unwrap();
    let (own, listed) = manual.split_once(BEGIN).expect("the manual says where the list begins");
    let reference = reference();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, format!("{own}{BEGIN}{reference}")).unwrap();
    } else {
        assert!(listed == reference, "UPDATE_EXPECT=1 rewrites the list of functions in scripts/README.md");
    }
}

#[test]
fn every_function_says_what_it_does() {
    assert!(FUNCTIONS.len() > 90, "the functions are found");
    for function in FUNCTIONS.iter() {
        let name = format!("{:?}.{}", function.receiver, function.name);
        assert!(function.says.ends_with('.') && function.says.len() > 10, "{name} has no sentence");
        assert!(function.example.contains(&function.name), "{name} is not in its own example");
    }
}

/// Scripts that hold the example in a place where it can stand; one of them must load.
fn around(function: &Function) -> Vec<String> {
    let example = &function.example;
    let row = |panel: &str| format!("dashboard(\"own\").row([{panel}]);");
    let queried = |query: &str| {
        ["table", "stat", "bars", "lines"].iter().map(|kind| row(&format!("{kind}(\"t\", {query})"))).collect()
    };
    let login = r#".pattern("Failed password for {user} from {ip:ip} port {port:int} ssh2")"#;
    let request = r#".pattern("REQ {method} {path} {status:int} {seconds:float} {load} {took:duration}")"#;
    match (function.receiver.as_deref(), function.name.as_str()) {
        (None, "parser") => vec![format!("{example}.pattern(\"{{user}}\");")],
        (None, "schedule") => vec![format!("{example}.targets([\"http://a:1\"]);")],
        (None, "rule") => vec![format!("{example}.drop(level == \"debug\");")],
        (None, "dashboard") => vec![format!("{example}.row([text(\"a\", \"b\")]);")],
        (None, "dns" | "inventory" | "kubernetes") => vec![format!("schedule(\"own\").targets({example});")],
        (None, "field") => vec![format!("parser(\"own\").logfmt([\"default\"]).keep({example});")],
        (None, "ago") => queried(example),
        (None, _) => vec![row(example)],
        (Some("Parser"), "strict" | "input" | "lines" | "from") => vec![format!("parser(\"own\"){example}{login};")],
        (Some("Parser"), "into") => vec![format!("parser(\"own\"){login}{};", example.replace("failed_ssh", "own2"))],
        (Some("Parser"), _) => {
            vec![format!("parser(\"own\"){example};"), format!("parser(\"own\"){login}{request}{example};")]
        }
        (Some("Schedule"), "targets") => vec![format!("schedule(\"own\"){example};")],
        (Some("Schedule"), _) => vec![format!("schedule(\"own\").targets([\"http://a:1\"]){example};")],
        (Some("Rule"), _) => vec![format!("rule(\"own\"){example};")],
        (Some("Dashboard"), _) => vec![format!("dashboard(\"own\").row([text(\"a\", \"b\")]){example};")],
        (Some("Panel"), _) => {
            let errors = r#"areas("Errors by host", logs.every(1.minutes).count(host))"#;
            let table = r#"table("t", logs.latest(5))"#;
            [r#"stat("s", logs.count())"#, table, errors]
                .map(|panel| {
                    format!("dashboard(\"own\").row([{errors}, {}{example}]);", panel.replace("Errors by host", "E"))
                })
                .to_vec()
        }
        (Some("Query"), _) => queried(example),
        (Some("Expression"), _) => {
            let fields = r#"parser("own").logfmt(["load", "status:int", "path", "method"])"#;
            vec![format!("{fields}.keep({example});"), format!("{fields}.set(\"own\", {example});")]
        }
        (Some("Record"), _) => vec![format!("parser(\"own\"){login}.map({example});")],
        (Some(other), _) => panic!("say in this test where a function of `{other}` can stand"),
    }
}

#[test]
fn every_example_loads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("example.rhai");
    let mut wrong = Vec::new();
    for function in FUNCTIONS.iter() {
        let mut said = String::new();
        // Declarations are named like shipped ones: they are loaded alone.
        let alone = function.receiver.is_none()
            && matches!(&*function.name, "parser" | "schedule" | "rule" | "dashboard" | "inventory");
        let roots = if alone { vec![folder.path().into()] } else { vec![scripts(), folder.path().into()] };
        let loads = around(function).iter().any(|script| {
            fs::write(&file, script).unwrap();
            load(&roots).map_err(|rejected| said = format!("{script}\n{rejected}")).is_ok()
        });
        if !loads {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
