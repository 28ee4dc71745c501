//! `parser("name")…`: entries to rows of a table.

use super::{
    super::{
        closure::Uses,
        sheet::{Shared, lock},
        source::Place,
    },
    Broken, extract,
    shelf::Shelf,
    step,
    take::Call,
};
use crate::{
    parse::spec::{Extractor, ParserSpec, Step},
    sql::retention::parse_size,
    table::Rollup,
};
use rhai::{Dynamic, NativeCallContext};
use std::sync::{Arc, Mutex};

/// What a script said of one parser so far, and where.
pub(in super::super) struct ParserDraft {
    pub spec: ParserSpec,
    pub at: Place,
    pub from_at: Option<Place>,
    pub columns_at: Option<Place>,
    pub rollups_at: Option<Place>,
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
    pub fn extract(self, call: &Call, extractor: Option<Extractor>) -> Self {
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
        keep_size: None,
        rollups: Vec::new(),
        examples: Vec::new(),
    };
    let draft = Arc::new(Mutex::new(ParserDraft {
        spec,
        at,
        from_at: None,
        columns_at: None,
        rollups_at: None,
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
        "Begins a parser: entries to rows of a table. Its table has the same name unless `into` says \
         otherwise.",
        r#"parser("failed_ssh")"#,
        |context: NativeCallContext<'_>, name: Dynamic| begin(&Call::of(&context), &name),
    );
    shelf.add(
        "from",
        &["parser: Parser", "condition: Expression"],
        "Which entries it looks at; all if it does not say.",
        r#".from(identifier == "sshd")"#,
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
        "The field that is read; `message` if it does not say.",
        ".input(COREDUMP_STACKTRACE)",
        |context: NativeCallContext<'_>, parser: ParserRef, field: Dynamic| {
            let name = Call::of(&context).name(0, &field);
            parser.with(|draft| name.into_iter().for_each(|name| draft.spec.input = name))
        },
    );
    extract::register(shelf);
    step::register(shelf);
    table(shelf);
    keep(shelf);
}

fn table(shelf: &mut Shelf) {
    shelf.add(
        "columns",
        &["parser: Parser", "fields: Array"],
        "The columns to store, in order; everything extracted or set if it does not say.",
        ".columns([user, ip, port])",
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
        "Entries that `from` wants but no extractor matches go to quarantine instead of being counted \
         only.",
        ".strict()",
        |parser: ParserRef| parser.with(|draft| draft.spec.strict = true),
    );
    shelf.add(
        "into",
        &["parser: Parser", "table: String"],
        "The table its rows go to. Several parsers may write one table.",
        r#".into("failed_ssh")"#,
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

/// How long and how much of a table is kept, and what is counted beside it.
fn keep(shelf: &mut Shelf) {
    shelf.add(
        "keep_for",
        &["parser: Parser", "duration: Duration"],
        "How long its rows are kept; for ever if it does not say.",
        ".keep_for(90.days)",
        |context: NativeCallContext<'_>, parser: ParserRef, span: Dynamic| {
            let span = Call::of(&context).span(0, &span);
            parser.with(|draft| draft.spec.keep_for = span)
        },
    );
    shelf.add(
        "keep_size",
        &["parser: Parser", "size: String"],
        "The most room its rows may take; beyond it the oldest go.",
        r#".keep_size("20GB")"#,
        |context: NativeCallContext<'_>, parser: ParserRef, size: Dynamic| {
            let call = Call::of(&context);
            let text = call.text(0, &size);
            let bytes = text.as_ref().and_then(|text| parse_size(text));
            if text.is_some() && bytes.is_none() {
                call.mismatch(0, "a size such as \"500MB\", \"64GiB\" or \"2TB\"", &size);
            }
            parser.with(|draft| draft.spec.keep_size = bytes)
        },
    );
    shelf.add(
        "rollup",
        &["parser: Parser", "by: Array", "of: Array"],
        "Keeps counts per minute and hour beside its rows, by columns of few values and with sums and histograms of \
         numbers: panels that ask no more than that read them instead of the rows.",
        ".rollup([host, status], [took])",
        |context: NativeCallContext<'_>, parser: ParserRef, by: Dynamic, of: Dynamic| {
            let call = Call::of(&context);
            let names = |names: Option<Vec<Arc<str>>>| names.map(|all| all.iter().map(ToString::to_string).collect());
            let (by, of) = (names(call.names(0, &by)), names(call.names(1, &of)));
            parser.with(|draft| {
                draft.rollups_at = call.place();
                draft.spec.rollups.extend(by.zip(of).map(|(by, of)| Rollup { by, of }));
            })
        },
    );
}
