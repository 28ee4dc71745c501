//! One extractor of a parser: a reader of texts, its fields, and how each is typed.

use super::{
    access,
    bytes::{is_ipv4, short_int},
    convert::{Reading, int},
    csv::Csv,
    dissect::Dissect,
    json::Json,
    logfmt::Logfmt,
    piece::{Form, Miss, Piece, TEXT_BYTES_MAX, shown},
    regular::Straight,
    syslog, unescape, verbose,
};
use crate::{
    expr::slots::{Slot, Slots},
    table::ColumnType,
    time::Time,
};
use regex::{CaptureLocations, Regex};
use std::sync::Arc;

/// A compiled extractor.
#[derive(Debug)]
pub(crate) struct Extract {
    pub reader: Reader,
    /// In the order of the reader's pieces.
    pub fields: Vec<Field>,
}

impl Field {
    /// A piece as a value of this field's type; `None` if it is none.
    #[inline(always)]
    pub fn typed<'a>(&self, piece: Piece, text: &'a str, on: &mut Slots<'a>, clock: Time) -> Option<Slot<'a>> {
        Some(match piece.form {
            Form::Raw => match &self.reading {
                Reading::Text => Slot::Text(piece.of(text)),
                Reading::Int => {
                    let short = short_int(text.as_bytes(), piece.from as usize, piece.to as usize);
                    Slot::Int(short.or_else(|| int(piece.of(text)))?)
                }
                Reading::Ip if is_ipv4(text.as_bytes(), piece.from as usize, piece.to as usize) => {
                    Slot::Text(piece.of(text))
                }
                reading => reading.read(Slot::Text(piece.of(text)), on, clock)?,
            },
            Form::Number | Form::Micros => Slot::Int(piece.number()),
            Form::Absent => Slot::Missing,
            Form::Yes | Form::No if matches!(self.reading, Reading::Bool) => Slot::Bool(piece.form == Form::Yes),
            Form::Yes => self.reading.read(Slot::Text("true"), on, clock)?,
            Form::No => self.reading.read(Slot::Text("false"), on, clock)?,
            Form::Hex => Slot::Int(i64::from_str_radix(piece.of(text), 16).ok()?),
            Form::Escaped | Form::Slashed | Form::Doubled | Form::Indented => {
                let made = on.make(piece.of(text).len(), |made| unescape::unescape(piece, text, made));
                self.reading.read(made, on, clock)?
            }
        })
    }
}

/// The kinds of readers.
#[derive(Debug)]
pub(crate) enum Reader {
    Dissect(Dissect),
    /// The regex, for each of its groups the piece it fills, and the quick way where there is one.
    Regex(Regex, Vec<Option<u16>>, Option<Straight>),
    Json(Json),
    Logfmt(Logfmt),
    Csv(Csv),
    Syslog(syslog::Structured),
    Access {
        common: bool,
    },
    Verbose,
}

/// A field that a reader fills.
#[derive(Debug)]
pub(crate) struct Field {
    pub name: Arc<str>,
    pub slot: u16,
    pub kind: ColumnType,
    pub reading: Reading,
}

/// What is kept from text to text so that nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub pieces: Vec<Piece>,
    locations: Locations,
}

/// One for each extractor that is a regex and ran.
pub(crate) type Locations = Vec<Option<CaptureLocations>>;

impl Extract {
    /// Finds the pieces of a text that has this reader's shape; `nth` is its number among the parser's extractors.
    #[inline]
    pub fn read(&self, text: &str, nth: usize, scratch: &mut Scratch, clock: Time) -> Result<(), Miss> {
        scratch.pieces.clear();
        scratch.pieces.resize(self.fields.len(), Piece::default());
        self.read_into(text, nth, &mut scratch.pieces, &mut scratch.locations, clock)
    }

    /// The same into pieces that are absent so far, one for each field.
    #[inline]
    pub fn read_into(
        &self,
        text: &str,
        nth: usize,
        pieces: &mut [Piece],
        all_locations: &mut Locations,
        clock: Time,
    ) -> Result<(), Miss> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Miss::new(0, 0));
        }
        match &self.reader {
            Reader::Dissect(dissect) => dissect.read(text, clock, pieces),
            Reader::Json(json) => json.read(text, pieces),
            Reader::Logfmt(logfmt) => logfmt.read(text, pieces),
            Reader::Csv(csv) => csv.read(text, pieces),
            Reader::Syslog(picks) => syslog::read(text, picks, pieces),
            Reader::Access { common } => access::read(text, *common, pieces),
            Reader::Verbose => verbose::read(text, pieces),
            Reader::Regex(regex, groups, straight) => {
                match straight.as_ref().and_then(|straight| straight.read(text, pieces)) {
                    Some(true) => return Ok(()),
                    Some(false) => return Err(Miss::new(0, 0)),
                    None => pieces.fill(Piece::default()),
                }
                if all_locations.len() <= nth {
                    all_locations.resize(nth + 1, None);
                }
                let locations = all_locations[nth].get_or_insert_with(|| regex.capture_locations());
                regex.captures_read(locations, text).ok_or(Miss::new(0, 0))?;
                for (group, take) in groups.iter().enumerate() {
                    if let (Some(take), Some((from, to))) = (take, locations.get(group)) {
                        pieces[usize::from(*take)] = Piece::raw(from, to);
                    }
                }
                Ok(())
            }
        }
    }

    /// Types every piece into its slot; the number of the first field that is not of its type.
    pub fn convert<'a>(&self, text: &'a str, pieces: &[Piece], on: &mut Slots<'a>, clock: Time) -> Result<(), usize> {
        for (index, (field, piece)) in self.fields.iter().zip(pieces).enumerate() {
            if piece.form != Form::Absent {
                on.values[usize::from(field.slot)] = field.typed(*piece, text, on, clock).ok_or(index)?;
            }
        }
        Ok(())
    }

    /// Why a text has not this shape.
    pub fn explain(&self, miss: Miss, text: &str) -> String {
        let wanted = match &self.reader {
            Reader::Dissect(dissect) => dissect.wanted(miss).to_owned(),
            Reader::Json(_) => Json::wanted(miss).to_owned(),
            Reader::Logfmt(_) => Logfmt::wanted(miss).to_owned(),
            Reader::Csv(csv) => csv.wanted(miss),
            Reader::Syslog(_) => syslog::wanted(miss).to_owned(),
            Reader::Access { .. } => access::wanted(miss).to_owned(),
            Reader::Verbose => verbose::wanted(miss).to_owned(),
            Reader::Regex(..) => return "the regular expression does not match".into(),
        };
        match text.get(..miss.at).filter(|before| !before.is_empty()) {
            Some(before) => format!("{wanted} expected after `{}`", shown(tail(before))),
            None => format!("{wanted} expected at the start"),
        }
    }

    /// Why a piece is not of its type.
    pub fn reason(&self, index: usize, pieces: &[Piece], text: &str) -> String {
        let (field, piece) = (&self.fields[index], pieces.get(index).copied().unwrap_or_default());
        format!("field `{}`: `{}` is no {}", field.name, shown(piece.of(text)), described(field))
    }
}

fn described(field: &Field) -> String {
    match (&field.reading, field.kind) {
        (Reading::Time(_) | Reading::SyslogTime(..), _) => "time of the expected format".into(),
        (_, kind) => kind.name().into(),
    }
}

/// The last characters of a text, enough to find the place.
fn tail(text: &str) -> &str {
    const CHARS_MAX: usize = 40;
    let from = text.char_indices().rev().nth(CHARS_MAX - 1).map_or(0, |(at, _)| at);
    &text[from..]
}
