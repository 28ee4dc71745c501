//! Parsers, entries and outcomes in few words.

use infralogs_core::{
    cursor::Cursor,
    entry::Entries,
    expr::{Compare, Expr},
    parse::{
        Flaw, Outcome, Parser,
        spec::{Extractor, FieldType, ParserSpec, Pick, Step},
    },
    time::Time,
};

/// 2026-01-05T12:00:00Z.
pub const NOW: Time = Time(1_767_614_400_000_000);

/// A parser without anything.
pub fn spec() -> ParserSpec {
    ParserSpec {
        name: "sample".into(),
        place: "sample.rhai:1:1".into(),
        script: "0123456789abcdef".into(),
        from: None,
        input: "message".into(),
        lines: None,
        extractors: Vec::new(),
        steps: Vec::new(),
        strict: false,
        columns: None,
        table: "sample".into(),
        keep_for: None,
        keep_size: None,
        rollups: Vec::new(),
        examples: Vec::new(),
    }
}

pub fn with(extractors: Vec<Extractor>) -> ParserSpec {
    ParserSpec { extractors, ..spec() }
}

pub fn pattern(text: &str) -> Extractor {
    Extractor::Dissect(text.into())
}

pub fn regex(text: &str, types: &[(&str, &str)]) -> Extractor {
    let types = types.iter().map(|(name, kind)| ((*name).into(), kind_of(kind))).collect();
    Extractor::Regex { pattern: text.into(), types }
}

/// `name`, `name:type` or `name=path:type`.
pub fn picks(words: &[&str]) -> Vec<Pick> {
    let pick = |word: &&str| {
        let (word, kind) = word.split_once(':').unwrap_or((word, "text"));
        let (name, path) = word.split_once('=').unwrap_or((word, word));
        Pick { name: name.into(), path: path.into(), kind: kind_of(kind) }
    };
    words.iter().map(pick).collect()
}

fn kind_of(name: &str) -> FieldType {
    FieldType::parse(name).expect("a type")
}

pub fn set(name: &str, to: Expr) -> Step {
    Step::Set { name: name.into(), to, kind: None }
}

pub fn is(name: &str, text: &str) -> Expr {
    Expr::compare(Compare::Eq, Expr::field(name), Expr::text(text))
}

pub fn compiled(spec: ParserSpec) -> Parser {
    Parser::compile(spec).unwrap_or_else(|flaws| panic!("{flaws:#?}"))
}

pub fn flaws(spec: ParserSpec) -> String {
    let Err(flaws) = Parser::compile(spec) else { panic!("compiles") };
    let line = |flaw: &Flaw| format!("{:?}: {}", flaw.part, flaw.error);
    flaws.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A batch: one entry for each list of fields.
pub fn entries(list: &[&[(&str, &[u8])]]) -> Entries {
    let mut entries = Entries::default();
    for (nth, fields) in list.iter().enumerate() {
        for (name, value) in *fields {
            entries.push_field(name.as_bytes(), value);
        }
        entries.end(Cursor { seqnum: nth as u64, realtime: NOW.0 as u64, ..Cursor::default() });
    }
    entries
}

/// A batch of messages.
pub fn messages(texts: &[&str]) -> Entries {
    let list: Vec<[(&str, &[u8]); 1]> = texts.iter().map(|text| [("MESSAGE", text.as_bytes())]).collect();
    let list: Vec<&[(&str, &[u8])]> = list.iter().map(|fields| &fields[..]).collect();
    entries(&list)
}

/// The outcome for one text, as `name=value …` for a row.
pub fn outcome(parser: &Parser, text: &str) -> String {
    match parser.run_text(text, NOW) {
        Outcome::Matched(row) => {
            let columns = parser.table.columns.iter().zip(&row);
            let cell = |(def, value): (&infralogs_core::table::ColumnDef, _)| format!("{}={}", def.name, show(value));
            columns.map(cell).collect::<Vec<_>>().join(" ")
        }
        other => format!("{other:?}"),
    }
}

pub fn show(value: &infralogs_core::value::Value<'_>) -> String {
    use infralogs_core::value::Value;
    match value {
        Value::Missing => "-".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => format!("{f:?}"),
        Value::Text(text) => format!("{text:?}"),
    }
}

/// Compiles and runs; the outcome must be this.
pub fn check(spec: ParserSpec, text: &str, expect: &str) {
    assert_eq!(outcome(&compiled(spec), text), expect, "for {text:?}");
}

/// Xorshift: the same seed throws the same.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }
}
