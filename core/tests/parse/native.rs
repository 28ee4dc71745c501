//! Closures that run natively give what the interpreter gives: the same rows, the same reasons. From a fixed seed;
//! `INFRALOGS_FUZZ_SECONDS=600` runs as long as it says, from another.

use crate::common::{Dice, NOW, messages};
use infralogs_core::{definitions::Definitions, parse::Plan, script};
use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::{TempDir, tempdir};

/// Closures that are tried at least.
const CLOSURES: usize = 250;
/// Fields of all types, each of which may be missing.
const PATTERN: &str =
    "{?a={a:int} ?}{?b={b:int} ?}{?f={f:float} ?}{?g={g:float} ?}{?t={t} ?}{?u={u} ?}{?k={k:bool} ?}{?z={z:int} ?};";
/// What makes a closure one that only the interpreter knows, and does nothing.
const LIST: &str = "let list = [];";

/// A parser with this closure, natively if that can be.
fn script_of(body: &str, native: bool) -> String {
    let first = if native { "" } else { LIST };
    format!(
        "let table = #{{ \"GET\": 1, \"x\": \"y\", \"é\": 2.5, \"\": true }};\nlet seven = 7;\n\
         parser(\"p\").pattern(\"{PATTERN}\").map(|r| {{ {first}\n{body}\n}}, \
         #{{ n: \"int\", s: \"text\", x: \"float\", y: \"bool\" }}).into(\"p\");\n"
    )
}

/// Loaded from one file for both, so that the places in reasons are the same.
/// `None` if Rhai refuses it.
fn load(root: &TempDir, body: &str, native: bool) -> Option<Arc<Definitions>> {
    fs::write(root.path().join("p.rhai"), script_of(body, native)).expect("a script is written");
    script::load(&[root.path().to_owned()]).ok()
}

fn is_native(definitions: &Definitions) -> bool {
    let stages = definitions.parser("p").expect("parser p").trace("a=1 ;", &messages(&["a=1 ;"]).get(0), NOW);
    stages.iter().any(|stage| stage.name == "map(|r| …) native")
}

/// Rows, counts and reasons.
fn made(definitions: &Definitions, lines: &[&str]) -> String {
    let parsed = Plan::new(vec![definitions.parser("p").expect("parser p").clone()]).run(&messages(lines), NOW);
    let mut text = format!("{:?}\n", parsed.counts);
    for rows in &parsed.rows {
        for (def, column) in rows.rows.defs.iter().zip(&rows.rows.columns) {
            let cells: Vec<_> = (0..column.len()).map(|row| column.get(row)).collect();
            text += &format!("{} {cells:?}\n", def.name);
        }
    }
    for one in &parsed.quarantined {
        text += &format!("{} {}\n", one.entry, one.reason);
    }
    text
}

impl Dice {
    fn one(&mut self, of: &[&str]) -> String {
        of[self.below(of.len())].to_owned()
    }

    fn line(&mut self) -> String {
        let values: [(&str, &[&str]); 8] = [
            ("a", &["0", "7", "-3", "9223372036854775807", "500"]),
            ("b", &["1", "0", "60", "-9223372036854775808"]),
            ("f", &["0.5", "-2.25", "1e300", "3"]),
            ("g", &["0", "7.5"]),
            ("t", &["GET", "x", "Grüße", "", "12", "-4.5", "Aa"]),
            ("u", &["x", "é", "HEAD", " 7", "ET"]),
            ("k", &["true", "no"]),
            ("z", &["1"]),
        ];
        let mut line = String::new();
        for (name, of) in values {
            if self.below(8) > 0 {
                line += &format!("{name}={} ", self.one(of));
            }
        }
        line + ";"
    }

    /// A term of a type (`int`, `float`, `text`, `bool`), now and then of another.
    fn term(&mut self, kind: &str, depth: usize) -> String {
        let kind =
            if self.below(25) == 0 { self.one(&["int", "float", "text", "bool", "unit"]) } else { kind.to_owned() };
        if depth == 0 || self.below(4) == 0 {
            return match &*kind {
                "int" => self.one(&["r.a", "r.b", "3", "-2", "seven", "v", "r.z", "r.n"]),
                "float" => self.one(&["r.f", "r.g", "1.5", "0.0", "r.x"]),
                "text" => self.one(&["r.t", "r.u", "\"x\"", "\"GET\"", "\"é\"", "r.s", "r.host", "r[\"t\"]"]),
                "bool" => self.one(&["r.k", "true", "false", "r.y", "r.has(\"z\")"]),
                _ => "()".into(),
            };
        }
        let depth = depth - 1;
        let (a, b) = (self.term(&kind, depth), self.term(&kind, depth));
        if self.below(6) == 0 {
            return format!("if {} {{ {a} }} else {{ {b} }}", self.term("bool", depth));
        }
        match &*kind {
            "int" => match self.below(5) {
                0 => format!("({}).to_int()", self.term("float", depth)),
                1 => format!("({}).len()", self.term("text", depth)),
                2 => format!("parse_int({})", self.term("text", depth)),
                3 => format!("({a}).abs()"),
                _ => format!("({a}) {} ({b})", self.one(&["+", "-", "*", "/", "%"])),
            },
            "float" => match self.below(4) {
                0 => format!("({}).to_float()", self.term("int", depth)),
                1 => format!("({a}).{}()", self.one(&["floor", "ceiling", "round", "abs"])),
                2 => format!("({}) {} ({b})", self.term("int", depth), self.one(&["+", "*", "/"])),
                _ => format!("({a}) {} ({b})", self.one(&["+", "-", "*", "/", "%"])),
            },
            "text" => match self.below(4) {
                0 => format!("({a}).{}()", self.one(&["to_lower", "to_upper", "to_string"])),
                1 => format!("table[{}]", self.term("text", depth)),
                2 => format!("({}).to_string()", self.term("int", depth)),
                _ => format!("({a}) + ({b})"),
            },
            "bool" => {
                let of = self.one(&["int", "float", "text", "text", "bool"]);
                let (one, other) = (self.term(&of, depth), self.term(&of, depth));
                match self.below(5) {
                    0 => format!("({a}) && ({b})"),
                    1 => format!("({a}) || ({b})"),
                    2 => format!("!({a})"),
                    3 if of == "text" => {
                        format!("({one}).{}({other})", self.one(&["contains", "starts_with", "ends_with"]))
                    }
                    _ => format!("({one}) {} ({other})", self.one(&["==", "!=", "<", "<=", ">", ">="])),
                }
            }
            _ => "r.z == ()".into(),
        }
    }

    fn statement(&mut self, depth: usize) -> String {
        let (field, kind) = [("n", "int"), ("s", "text"), ("x", "float"), ("y", "bool"), ("t", "text")][self.below(5)];
        match self.below(8) {
            0 if depth > 0 => {
                let (yes, no) = (self.statement(depth - 1), self.statement(depth - 1));
                format!("if {} {{ {yes} }} else {{ {no} }}", self.term("bool", 2))
            }
            1 => format!("v = {};", self.term("int", 2)),
            2 => format!("v {} {};", self.one(&["+=", "-=", "*="]), self.term("int", 1)),
            3 => format!("if {} {{ return {}; }}", self.term("bool", 2), self.term("bool", 1)),
            4 => format!("{{ let v = {}; r.{field} = {}; }}", self.term("int", 1), self.term(kind, 2)),
            5 if kind != "bool" => format!("r.{field} = {}; r.{field} += {};", self.term(kind, 2), self.term(kind, 1)),
            _ => format!("r.{field} = {};", self.term(kind, 3)),
        }
    }

    fn body(&mut self) -> String {
        let statements: Vec<String> = (0..1 + self.below(4)).map(|_| self.statement(2)).collect();
        let answer = if self.below(3) == 0 { self.term("bool", 1) } else { String::new() };
        format!("let v = 1;\n{}\n{answer}", statements.join("\n"))
    }
}

#[test]
fn native_and_interpreted_closures_agree() {
    let asked = std::env::var("INFRALOGS_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let seed = if asked.is_some() { u64::from(std::process::id()) << 20 | 1 } else { 0x5eed };
    println!("seed {seed}");
    let until = Instant::now() + Duration::from_secs(asked.unwrap_or(0));
    let (mut dice, root) = (Dice(seed), tempdir().unwrap());
    let (mut rows, mut quarantined) = (0, 0);
    for nth in 0.. {
        if nth >= CLOSURES && Instant::now() >= until {
            break;
        }
        let body = dice.body();
        let lines: Vec<String> = (0..40).map(|_| dice.line()).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let both = load(&root, &body, true).zip(load(&root, &body, false));
        let Some((native, interpreted)) = both else { continue };
        assert!(is_native(&native) && !is_native(&interpreted), "{body}");
        let (own, other) = (made(&native, &lines), made(&interpreted, &lines));
        let differs = own.lines().zip(other.lines()).find(|(own, other)| own != other);
        assert!(own == other, "{body}\n{differs:#?}\n{lines:#?}\n{other}");
        rows += usize::from(own.contains("\nn ") || own.contains("\ns "));
        quarantined += usize::from(own.contains("p.rhai:"));
    }
    assert!(rows > 60 && quarantined > 60, "{rows} closures made rows, {quarantined} failed for some lines");
}

#[test]
fn what_native_code_does_not_know_is_interpreted() {
    let root = tempdir().unwrap();
    for body in [
        "for i in 0..3 { r.n = i; }",
        "r.n = [1, 2].len();",
        "r.s = `${r.t}`;",
        "r.s = r.t.sub_string(0, 2);",
        "throw \"no\";",
        "let f = |x| x; r.n = f.call(1);",
        "switch r.a { 1 => r.n = 1, _ => r.n = 2 }",
    ] {
        assert!(load(&root, body, true).is_some_and(|loaded| !is_native(&loaded)), "{body}");
    }
    // A function of the script is called instead of the engine's own.
    let root = tempfile::tempdir().unwrap();
    let text =
        "fn to_lower(x) { 5 }\nparser(\"p\").pattern(\"{a}\").map(|r| { r.n = to_lower(r.a); }, #{ n: \"int\" });";
    fs::write(root.path().join("p.rhai"), text).unwrap();
    let definitions =
        script::load(&[root.path().to_owned()]).unwrap_or_else(|rejected| panic!("{}", rejected.draw(false)));
    assert!(!is_native(&definitions));
}

/// Each closure of a script is itself, whatever stands beside it.
#[test]
fn closures_beside_each_other() {
    let root = tempdir().expect("a folder");
    let script = r#"
        parser("p").pattern("{a:int}").map(|r| { r.a = r.a + 1; }).map(|r| { r.a = r.a * 10; })
            .map(|r| { for n in 0..2 { r.a += 1; } }).into("p");
    "#;
    fs::write(root.path().join("p.rhai"), script).expect("a script is written");
    let definitions = script::load(&[root.path().to_owned()]).expect("it loads");
    let stages = definitions.parser("p").expect("parser p").trace("4", &messages(&["4"]).get(0), NOW);
    let told: Vec<String> = stages.iter().map(|stage| format!("{} {:?}", stage.name, stage.changed)).collect();
    assert_eq!(
        told[1..],
        [
            r#"map(|r| …) 1 of 3 native [("a", Int(5))]"#,
            r#"map(|r| …) 2 of 3 native [("a", Int(50))]"#,
            r#"map(|r| …) 3 of 3 interpreted [("a", Int(52))]"#,
        ]
    );
}
