//! A parser's extractors: how fields are read out of the text.

use super::{
    parser::ParserRef,
    shelf::Shelf,
    take::Call,
    types::{picks, split_type, types, words},
};
use crate::parse::spec::{Extractor, Lines};
use rhai::{Dynamic, NativeCallContext};

/// The most lines that are joined to one record when the script does not say.
const LINES_MAX: i64 = 500;
/// The most lines that may be joined to one record.
const LINES_LIMIT: i64 = 10_000;

pub(super) fn register(shelf: &mut Shelf) {
    extractors(shelf);
    keyed_extractors(shelf);
    formats(shelf);
}

fn extractors(shelf: &mut Shelf) {
    shelf.add(
        "pattern",
        &["parser: Parser", "pattern: String"],
        "Reads the text by its shape: `{name}` or `{name:type}` between the words that are always there. \
         Several are tried in order.",
        r#".pattern("Failed password for {invalid:flag(invalid user )}{user} from {ip:ip} port {port:int} ssh2")"#,
        |context: NativeCallContext<'_>, parser: ParserRef, pattern: Dynamic| {
            let call = Call::of(&context);
            let pattern = call.text(0, &pattern).map(|text| Extractor::Dissect(text.as_str().into()));
            parser.extract(&call, pattern)
        },
    );
    shelf.add(
        "regex",
        &["parser: Parser", "pattern: String", "types: Map"],
        "Reads the text by a regular expression with named groups. `pattern` is simpler and faster where \
         it fits.",
        r#".regex(`took (?P<ms>\d+) ms`, #{ ms: "int" })"#,
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
        "Joins the lines that belong together: one that matches begins a new record (at most so many \
         lines, 500 if it does not say).",
        r#".lines(`^\d{4}-\d\d-\d\d `)"#,
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
        "Reads a JSON object: a list of keys with types, or a map from names to paths.",
        r#".json(#{ user: "user.name", status: "status:int" })"#,
        |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
            let call = Call::of(&context);
            let extractor = picks(&call, &fields).map(Extractor::Json);
            parser.extract(&call, extractor)
        },
    );
    shelf.add(
        "logfmt",
        &["parser: Parser", "fields: Array | Map"],
        r#"Reads `key=value key="two words"`: a list of keys with types, or a map from names to keys."#,
        r#".logfmt(["level", "duration:duration", "status:int"])"#,
        |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
            let call = Call::of(&context);
            let extractor = picks(&call, &fields).map(Extractor::Logfmt);
            parser.extract(&call, extractor)
        },
    );
    shelf.add(
        "csv",
        &["parser: Parser", "separator: String", "fields: Array"],
        "Reads fields with one character between them, in order; `_` is skipped. The character is a comma \
         if it does not say.",
        r#".csv(";", ["day", "_", "bytes:int"])"#,
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
    shelf.add(
        "syslog",
        &["parser: Parser", "fields: Array | Map"],
        "Reads RFC 5424 or RFC 3164, whichever a line is; the fields it names are read from RFC 5424's structured \
         data, by their name or by `ID.NAME`.",
        r#".syslog(#{ route: "request@32473.route", ms: "request@32473.ms:int" })"#,
        |context: NativeCallContext<'_>, parser: ParserRef, fields: Dynamic| {
            let call = Call::of(&context);
            let extractor = picks(&call, &fields).map(Extractor::Syslog);
            parser.extract(&call, extractor)
        },
    );
    shelf.also("syslog", |context: NativeCallContext<'_>, parser: ParserRef| {
        parser.extract(&Call::of(&context), Some(Extractor::Syslog(Vec::new())))
    });
    let kinds = [
        ("nginx", Extractor::Nginx, "Reads nginx' combined access log.", ".nginx()"),
        ("apache", Extractor::Apache, "Reads Apache's common or combined access log.", ".apache()"),
        ("verbose", Extractor::Verbose, "Reads the text of `journalctl -o verbose`.", ".verbose()"),
    ];
    for (name, extractor, says, example) in kinds {
        shelf.add(
            name,
            &["parser: Parser"],
            says,
            example,
            move |context: NativeCallContext<'_>, parser: ParserRef| {
                parser.extract(&Call::of(&context), Some(extractor.clone()))
            },
        );
    }
}

fn regex(call: &Call, pattern: &Dynamic, kinds: Option<&Dynamic>) -> Option<Extractor> {
    let pattern = call.text(0, pattern)?;
    let types = match kinds {
        Some(kinds) => types(call, 1, kinds)?,
        None => Vec::new(),
    };
    Some(Extractor::Regex { pattern: pattern.as_str().into(), types })
}

fn csv(call: &Call, separator: &Dynamic, index: usize, fields: &Dynamic) -> Option<Extractor> {
    let separator = call.text_as(0, separator, "one character such as `\";\"`")?;
    let &[separator] = separator.as_bytes() else {
        call.wrong(0, "`csv` takes one ASCII character between fields", "write `\";\"`, or `\"\\t\"` for a tab");
        return None;
    };
    let words = words(call, index, fields, "the names of the fields in order such as `[\"day\", \"bytes:int\"]`")?;
    let columns = words.iter().map(|word| split_type(call, index, word).map(|(name, kind)| (name.into(), kind)));
    Some(Extractor::Csv { separator, columns: columns.collect::<Option<_>>()? })
}

fn lines(call: &Call, start: &Dynamic, most: &Dynamic) -> Option<Lines> {
    let start = call.text(0, start)?;
    let lines_max = usize::try_from(call.whole(1, most, 2..=LINES_LIMIT)?).ok()?;
    super::expression::regex(call, 0, &start)?;
    Some(Lines { start: start.as_str().into(), lines_max })
}
