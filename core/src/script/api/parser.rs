//! `parser("name")…`: entries to rows of a table.

use super::{
    super::{
        closure::Uses,
        sheet::{Shared, lock},
        source::Place,
    },
    Broken,
    extract::{csv, lines, regex},
    shelf::Shelf,
    step::{example, map, set},
    take::Call,
    types::picks,
};
use crate::parse::spec::{Extractor, ParserSpec, Step};
use rhai::{Dynamic, NativeCallContext};
use std::sync::{Arc, Mutex};

/// The most lines that are joined to one record when the script does not say.
const LINES_MAX: i64 = 500;

/// What a script said of one parser so far, and where.
pub(in super::super) struct ParserDraft {
    pub spec: ParserSpec,
    pub at: Place,
    pub from_at: Option<Place>,
    pub columns_at: Option<Place>,
    pub table_at: Option<Place>,
    /// One for each extractor.
    pub extractors_at: Vec<Place>,
    /// One for each step.
    pub steps_at: Vec<Place>,
    /// One for each example.
    pub examples_at: Vec<Place>,
    /// What each closure reads and sets.
    pub closures: Vec<Uses>,
}

/// A parser in the making.
#[derive(Clone)]
pub(in super::super) struct ParserRef(Shared<ParserDraft>);

impl ParserRef {
    /// Changes the draft and gives the same parser on.
    pub fn with(self, change: impl FnOnce(&mut ParserDraft)) -> Self {
        change(&mut lock(&self.0));
        self
    }
    fn extract(self, call: &Call, extractor: Option<Extractor>) -> Self {
        self.with(|draft| draft.extractors(call, extractor))
    }
    pub fn step(self, call: &Call, step: Option<Step>) -> Self {
        self.with(|draft| draft.step(call, step))
    }
}

impl ParserDraft {
    fn extractors(&mut self, call: &Call, extractor: Option<Extractor>) {
        if let Some(extractor) = extractor {
            self.spec.extractors.push(extractor);
            self.extractors_at.push(call.argument(0).unwrap_or_else(|| self.at.clone()));
        }
    }
    fn step(&mut self, call: &Call, step: Option<Step>) {
        if let Some(step) = step {
            self.spec.steps.push(step);
            self.steps_at.push(call.place().unwrap_or_else(|| self.at.clone()));
        }
    }
}

fn begin(call: &Call, name: &Dynamic) -> Dynamic {
    let (Some(sheet), Some(at), Some(name)) = (call.sheet(), call.place(), call.text(0, name)) else {
        return Broken.into_dynamic();
    };
    call.not_in_library();
    let name: Arc<str> = name.as_str().into();
    let spec = ParserSpec {
        name: name.clone(),
        place: at.to_string(),
        script: at.file.hash.clone(),
        from: None,
        input: "message".into(),
        lines: None,
        extractors: Vec::new(),
        steps: Vec::new(),
        strict: false,
        columns: None,
        table: name,
        keep_for: None,
        examples: Vec::new(),
    };
    let draft = Arc::new(Mutex::new(ParserDraft {
        spec,
        at,
        from_at: None,
        columns_at: None,
        table_at: None,
        extractors_at: Vec::new(),
        steps_at: Vec::new(),
        examples_at: Vec::new(),
        closures: Vec::new(),
    }));
    sheet.declare(|drafts| drafts.parsers.push(draft.clone()));
    Dynamic::from(ParserRef(draft))
}

pub(super) fn register(shelf: &mut Shelf) {
    shelf.module.set_custom_type::<ParserRef>("Parser");
    shelf.add(
        "parser",
        &["name: String"],
        "Begins a parser: entries to rows of a table. Its table has the same name unless `into` says otherwise.\n\nparser(\"failed_ssh\")",
        |context: NativeCallContext<'_>, name: Dynamic| begin(&Call::of(&context), &name),
    );
    shelf.add(
        "from",
        &["parser: Parser", "condition: Expression"],
        "Which entries it looks at; all if it does not say.\n\n.from(identifier == \"sshd\")",
        |context: NativeCallContext<'_>, parser: ParserRef, condition: Dynamic| {
            let call = Call::of(&context);
            parser.with(|draft| {
                draft.from_at = call.place();
                let again = draft.spec.from.take();
                draft.spec.from = call.condition(0, &condition).map(|new| match again {
                    Some(old) => old.and(new),
                    None => new,
                });
            })
        },
    );
    shelf.add(
        "input",
        &["parser: Parser", "field: String"],
        "The field that is read; `message` if it does not say.\n\n.input(COREDUMP_STACKTRACE)",
        |context: NativeCallContext<'_>, parser: ParserRef, field: Dynamic| {
            let name = Call::of(&context).name(0, &field);
            parser.with(|draft| name.into_iter().for_each(|name| draft.spec.input = name))
        },
    );
    extractors(shelf);
    keyed_extractors(shelf);
    formats(shelf);
    steps(shelf);
    closures(shelf);
    table(shelf);
    examples(shelf);
}

fn extractors(shelf: &mut Shelf) {
    shelf.add(
        "pattern",
        &["parser: Parser", "pattern: String"],
        "Reads the text by its shape: `{name}` or `{name:type}` between the words that are always there. Several are tried in order.\n\n.pattern(\"Failed password for {invalid:flag(invalid user )}{user} from {ip:ip} port {port:int} ssh2\")",
        |context: NativeCallContext<'_>, parser: ParserRef, pattern: Dynamic| {
            let call = Call::of(&context);
            let pattern = call.text(0, &pattern).map(|text| Extractor::Dissect(text.as_str().into()));
            parser.extract(&call, pattern)
        },
    );
    shelf.add(
        "regex",
        &["parser: Parser", "pattern: String", "types: Map"],
        "Reads the text by a regular expression with named groups. `pattern` is simpler and faster where it fits.\n\n.regex(`took (?P<ms>\\d+) ms`, #{ ms: \"int\" })",
        |context: NativeCallContext<'_>, parser: ParserRef, pattern: Dynamic, types: Dynamic| {
            let call = Call::of(&context);
            let extractor = regex(&call, &pattern, Some(&types));
            parser.extract(&call, extractor)
        },
    );
    shelf.also("regex", |context: NativeCallContext<'_>, parser: ParserRef, pattern: Dynamic| {
        let call = Call::of(&context);
        let extractor = regex(&call, &pattern, None);
        parser.extract(&call, extractor)
    });
    shelf.add(
        "lines",
        &["parser: Parser", "start: String", "most: i64"],
        "Joins the lines that belong together: one that matches begins a new record (at most so many lines, 500 if it does not say).\n\n.lines(`^\\d{4}-\\d\\d-\\d\\d `)",
        |context: NativeCallContext<'_>, parser: ParserRef, start: Dynamic, most: Dynamic| {
            let call = Call::of(&context);
            let lines = lines(&call, &start, &most);
            parser.with(|draft| draft.spec.lines = lines)
        },
    );
    shelf.also("lines", |context: NativeCallContext<'_>, parser: ParserRef, start: Dynamic| {
        let lines = lines(&Call::of(&context), &start, &LINES_MAX.into());
        parser.with(|draft| draft.spec.lines = lines)
    });
}

fn keyed_extractors(shelf: &mut Shelf) {
    shelf.add(
        "json",
        &["parser: Parser", "fields: Array | Map"],
        "Reads a JSON object: a list of keys with types, or a map from names to paths.\n\n.json(#{ user: \"user.name\", status: \"status:int\" })",
        |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
            let call = Call::of(&context);
            let extractor = picks(&call, &fields).map(Extractor::Json);
            parser.extract(&call, extractor)
        },
    );
    shelf.add(
        "logfmt",
        &["parser: Parser", "fields: Array | Map"],
        "Reads `key=value key=\"two words\"`: a list of keys with types, or a map from names to keys.\n\n.logfmt([\"level\", \"duration:duration\", \"status:int\"])",
        |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
            let call = Call::of(&context);
            let extractor = picks(&call, &fields).map(Extractor::Logfmt);
            parser.extract(&call, extractor)
        },
    );
    shelf.add(
        "csv",
        &["parser: Parser", "separator: String", "fields: Array"],
        "Reads fields with one character between them, in order; `_` is skipped. The character is a comma if it does not say.\n\n.csv(\";\", [\"day\", \"_\", \"bytes:int\"])",
        |context: NativeCallContext<'_>, parser: ParserRef, separator: Dynamic, fields: Dynamic| {
            let call = Call::of(&context);
            let extractor = csv(&call, &separator, 1, &fields);
            parser.extract(&call, extractor)
        },
    );
    shelf.also("csv", |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
        let call = Call::of(&context);
        let extractor = csv(&call, &Dynamic::from(','), 0, &fields);
        parser.extract(&call, extractor)
    });
}

fn formats(shelf: &mut Shelf) {
    let kinds = [
        ("syslog", Extractor::Syslog, "Reads RFC 5424 or RFC 3164, whichever a line is.\n\n.syslog()"),
        ("nginx", Extractor::Nginx, "Reads nginx' combined access log.\n\n.nginx()"),
        ("apache", Extractor::Apache, "Reads Apache's common or combined access log.\n\n.apache()"),
        ("verbose", Extractor::Verbose, "Reads the text of `journalctl -o verbose`.\n\n.verbose()"),
    ];
    for (name, extractor, says) in kinds {
        shelf.add(name, &["parser: Parser"], says, move |context: NativeCallContext<'_>, parser: ParserRef| {
            parser.extract(&Call::of(&context), Some(extractor.clone()))
        });
    }
}

fn steps(shelf: &mut Shelf) {
    shelf.add(
        "keep",
        &["parser: Parser", "condition: Expression"],
        "Only records for which this is true go on; the entry itself is stored in `logs` anyway.\n\n.keep(user != \"monitor\")",
        |context: NativeCallContext<'_>, parser: ParserRef, condition: Dynamic| {
            let call = Call::of(&context);
            let step = call.condition(0, &condition).map(Step::Keep);
            parser.step(&call, step)
        },
    );
    shelf.add(
        "drop",
        &["parser: Parser", "condition: Expression"],
        "Records for which this is true go no further.\n\n.drop(path == \"/health\")",
        |context: NativeCallContext<'_>, parser: ParserRef, condition: Dynamic| {
            let call = Call::of(&context);
            let step = call.condition(0, &condition).map(Step::Drop);
            parser.step(&call, step)
        },
    );
    shelf.add(
        "set",
        &["parser: Parser", "field: String", "value: Expression", "type: String"],
        "Gives a field a value. Its type is what the value gives unless it is said.\n\n.set(\"ms\", seconds * 1000, \"int\")",
        |context: NativeCallContext<'_>, parser: ParserRef, field: Dynamic, value: Dynamic, kind: Dynamic| {
            let call = Call::of(&context);
            let step = set(&call, &field, &value, Some(&kind));
            parser.step(&call, step)
        },
    );
    shelf.also("set", |context: NativeCallContext<'_>, parser: ParserRef, field: Dynamic, value: Dynamic| {
        let call = Call::of(&context);
        let step = set(&call, &field, &value, None);
        parser.step(&call, step)
    });
}

fn closures(shelf: &mut Shelf) {
    shelf.add(
        "map",
        &["parser: Parser", "closure: FnPtr", "sets: Map"],
        "Runs a closure on each record, for what declarations can't say: it reads and sets fields, and drops the record by giving `false`. The map names the fields it adds, with their types.\n\n.map(|r| { r.kind = if r.status >= 500 { \"broken\" } else { \"fine\" }; }, #{ kind: \"text\" })",
        |context: NativeCallContext<'_>, parser: ParserRef, closure: Dynamic, sets: Dynamic| {
            map(&Call::of(&context), parser, &closure, Some(&sets))
        },
    );
    shelf.also("map", |context: NativeCallContext<'_>, parser: ParserRef, closure: Dynamic| {
        map(&Call::of(&context), parser, &closure, None)
    });
}

fn table(shelf: &mut Shelf) {
    shelf.add(
        "columns",
        &["parser: Parser", "fields: Array"],
        "The columns to store, in order; everything extracted or set if it does not say.\n\n.columns([user, ip, port])",
        |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
            let call = Call::of(&context);
            let names = call.names(0, &fields);
            parser.with(|draft| {
                draft.columns_at = call.place();
                draft.spec.columns = names;
            })
        },
    );
    shelf.add(
        "strict",
        &["parser: Parser"],
        "Entries that `from` wants but no extractor matches go to quarantine instead of being counted only.\n\n.strict()",
        |parser: ParserRef| parser.with(|draft| draft.spec.strict = true),
    );
    shelf.add(
        "keep_for",
        &["parser: Parser", "duration: Duration"],
        "How long its rows are kept; for ever if it does not say.\n\n.keep_for(90.days)",
        |context: NativeCallContext<'_>, parser: ParserRef, span: Dynamic| {
            let span = Call::of(&context).span(0, &span);
            parser.with(|draft| draft.spec.keep_for = span)
        },
    );
    shelf.add(
        "into",
        &["parser: Parser", "table: String"],
        "The table its rows go to. Several parsers may write one table.\n\n.into(\"failed_ssh\")",
        |context: NativeCallContext<'_>, parser: ParserRef, table: Dynamic| {
            let call = Call::of(&context);
            let name = call.text(0, &table);
            parser.with(|draft| {
                if let Some(name) = name {
                    draft.spec.table = name.as_str().into();
                    draft.table_at = call.argument(0);
                }
            })
        },
    );
}

fn examples(shelf: &mut Shelf) {
    shelf.add(
        "example",
        &["parser: Parser", "input: String", "fields: Map", "given: Map"],
        "A sample that is checked at every load: this input gives these fields (others are not looked at). `given` says other fields of the entry. `from` is not asked.\n\n.example(\"Failed password for root from 203.0.113.9 port 22 ssh2\", #{ user: \"root\", port: 22 })",
        |context: NativeCallContext<'_>, parser: ParserRef, input: Dynamic, fields: Dynamic, given: Dynamic| {
            example(&Call::of(&context), parser, &input, Some(&fields), Some(&given))
        },
    );
    shelf.also("example", |context: NativeCallContext<'_>, parser: ParserRef, input: Dynamic, fields: Dynamic| {
        example(&Call::of(&context), parser, &input, Some(&fields), None)
    });
    shelf.add(
        "rejects",
        &["parser: Parser", "input: String"],
        "A sample that must give no row, checked at every load.\n\n.rejects(\"Accepted password for root\")",
        |context: NativeCallContext<'_>, parser: ParserRef, input: Dynamic| {
            example(&Call::of(&context), parser, &input, None, None)
        },
    );
}
