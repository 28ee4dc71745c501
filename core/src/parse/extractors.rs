//! Compiles extractors: each field gets its slot, its piece and its type.

use super::{
    Flaw, Part, access,
    compile::Scope,
    convert::Reading,
    csv::Csv,
    dissect::{self, Dissect, Node},
    json::Json,
    logfmt::Logfmt,
    reader::{Extract, Field, Reader},
    regular::Straight,
    spec::{Extractor, FieldType, Pick},
    syslog, verbose,
};
use crate::error::Error;
use regex::Regex;
use std::sync::Arc;

/// The most fields one extractor may have.
const FIELDS_MAX: usize = 512;

/// Compiles all; what is wrong goes to the scope.
pub(super) fn compile(extractors: &[Extractor], scope: &mut Scope) -> Vec<Extract> {
    let mut found = Vec::with_capacity(extractors.len());
    for (nth, extractor) in extractors.iter().enumerate() {
        let mut fields = Fields { list: Vec::new(), nth, scope };
        let reader = fields.reader(extractor);
        if fields.list.len() > FIELDS_MAX {
            fields.flaw(Error::invalid(format!("more than {FIELDS_MAX} fields")));
        } else if fields.list.is_empty() && reader.is_some() && !matches!(extractor, Extractor::Dissect(_)) {
            fields.flaw(Error::invalid("no field is read here").help("name the fields you want"));
        }
        let fields = fields.list;
        scope.incomplete |= reader.is_none();
        found.extend(reader.map(|reader| Extract { reader, fields }));
    }
    found
}

/// What a wrong regular expression says.
pub(super) fn bad_regex(error: &regex::Error) -> Error {
    let text = error.to_string();
    let what = text.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
    Error::invalid(format!("the regular expression can't be read: {what}"))
}

struct Fields<'s> {
    list: Vec<Field>,
    /// Which extractor.
    nth: usize,
    scope: &'s mut Scope,
}

impl Fields<'_> {
    fn flaw(&mut self, error: Error) {
        self.scope.flaws.push(Flaw::new(Part::Extractor(self.nth), error));
    }

    /// The number of the piece that fills a field.
    fn add(&mut self, name: &str, kind: &FieldType) -> u16 {
        let column = kind.column();
        if !dissect::is_name(name) {
            let what = format!("`{}` is no name for a field", name.escape_debug());
            self.flaw(Error::invalid(what).help("names are lower-case letters, digits and `_`"));
        }
        if let Some(at) = self.list.iter().position(|field| *field.name == *name) {
            if self.list[at].kind != column {
                self.conflict(name, self.list[at].kind.name(), column.name());
            }
            return at as u16;
        }
        match self.scope.record_type(name) {
            Some(other) if other != column => self.conflict(name, other.name(), column.name()),
            _ => {}
        }
        let reading = Reading::compile(kind).unwrap_or_else(|what| {
            self.flaw(Error::invalid(what));
            Reading::Text
        });
        let name: Arc<str> = name.into();
        let slot = self.scope.define(&name, column);
        self.list.push(Field { name, slot, kind: column, reading });
        (self.list.len() - 1) as u16
    }

    fn conflict(&mut self, name: &str, one: &str, other: &str) {
        let what = format!("field `{name}` is {one} in one place and {other} in another");
        self.flaw(Error::invalid(what).help("give it one type, or two names"));
    }

    fn reader(&mut self, extractor: &Extractor) -> Option<Reader> {
        Some(match extractor {
            Extractor::Dissect(pattern) => Reader::Dissect(self.dissect(pattern)?),
            Extractor::Regex { pattern, types } => self.regex(pattern, types)?,
            Extractor::Json(picks) => {
                let mut json = Json::default();
                self.picks(picks, |path, take| json.add(path, take));
                Reader::Json(json)
            }
            Extractor::Logfmt(picks) => {
                let mut logfmt = Logfmt::default();
                self.picks(picks, |key, take| logfmt.add(key, take));
                Reader::Logfmt(logfmt)
            }
            Extractor::Csv { separator, columns } => {
                let takes = columns.iter().map(|(name, kind)| (&**name != "_").then(|| self.add(name, kind)));
                Reader::Csv(Csv::new(*separator, takes.collect()))
            }
            Extractor::Syslog(picks) => {
                self.all(syslog::fields());
                let mut structured = syslog::Structured::default();
                self.picks(picks, |path, take| structured.add(path, take));
                Reader::Syslog(structured)
            }
            Extractor::Nginx => {
                self.all(access::fields(FieldType::Ip));
                Reader::Access { common: false }
            }
            Extractor::Apache => {
                self.all(access::fields(FieldType::Text));
                Reader::Access { common: true }
            }
            Extractor::Verbose => {
                self.all(verbose::fields());
                Reader::Verbose
            }
        })
    }

    fn all<const N: usize>(&mut self, fields: [(&'static str, FieldType); N]) {
        for (name, kind) in &fields {
            self.add(name, kind);
        }
    }

    fn picks(&mut self, picks: &[Pick], mut add: impl FnMut(&str, u16)) {
        for pick in picks {
            let take = self.add(&pick.name, &pick.kind);
            add(&pick.path, take);
        }
    }

    fn dissect(&mut self, pattern: &str) -> Option<Dissect> {
        let compiled = dissect::parse(pattern).and_then(|nodes| {
            let mut kinds = Vec::new();
            kinds_of(&nodes, &mut kinds);
            for (name, kind) in &kinds {
                self.add(name, kind);
            }
            let fields = &self.list;
            let mut take = |name: &str| fields.iter().position(|field| *field.name == *name).unwrap_or(0) as u16;
            Dissect::compile(&nodes, &mut take)
        });
        match compiled {
            Ok(dissect) => Some(dissect),
            Err(fault) => {
                let mut flaw = Flaw::new(Part::Extractor(self.nth), Error::invalid(fault.what).help(fault.help));
                flaw.offset = Some(fault.at);
                self.scope.flaws.push(flaw);
                None
            }
        }
    }

    fn regex(&mut self, pattern: &str, types: &[(Arc<str>, FieldType)]) -> Option<Reader> {
        let regex = match Regex::new(pattern) {
            Ok(regex) => regex,
            Err(error) => {
                self.flaw(bad_regex(&error));
                return None;
            }
        };
        let names: Vec<Option<&str>> = regex.capture_names().collect();
        for (name, _) in types {
            if !names.contains(&Some(name)) {
                let has: Vec<&str> = names.iter().flatten().copied().collect();
                let help = format!("its named groups are: {}", has.join(", "));
                self.flaw(Error::invalid(format!("the regular expression has no group `{name}`")).help(help));
            }
        }
        let kind_of = |name: &str| types.iter().find(|(own, _)| **own == *name).map(|(_, kind)| kind);
        let takes = names.iter().map(|name| name.map(|name| self.add(name, kind_of(name).unwrap_or(&FieldType::Text))));
        let takes: Vec<Option<u16>> = takes.collect();
        let straight = Straight::compile(pattern, &takes);
        Some(Reader::Regex(regex, takes, straight))
    }
}

/// Names and types of all fields of a pattern, in order.
fn kinds_of(nodes: &[Node], kinds: &mut Vec<(Arc<str>, FieldType)>) {
    for node in nodes {
        match node {
            Node::Field(Some(name), kind) => kinds.push((name.clone(), kind.clone())),
            Node::Flag(name, text) => kinds.push((name.clone(), FieldType::Flag(text.clone()))),
            Node::Part { arms, .. } => arms.iter().for_each(|arm| kinds_of(arm, kinds)),
            Node::Field(None, _) | Node::Literal(_) => {}
        }
    }
}
