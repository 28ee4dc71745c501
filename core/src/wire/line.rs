//! Reads one line of NDJSON straight into a batch's arena.

use super::{
    CUT,
    end::{End, Written},
};
use crate::{
    cursor::Cursor,
    entry::{ENTRY_FIELDS_MAX, Entries, FIELD_BYTES_MAX, FIELD_NAME_BYTES_MAX},
    error::{Error, Result},
    id::Id128,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// What a line was.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// Nothing but white space.
    Blank,
    /// An entry: its fields were pushed; the caller ends it with a cursor, or abandons it.
    Entry(Marks),
    /// The closing line.
    End(End),
}

/// What an entry says of its place. All of it may be missing in lines that no journal wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// `__CURSOR`.
    pub cursor: Option<Cursor>,
    /// `__REALTIME_TIMESTAMP`, in microseconds since 1970.
    pub realtime: Option<u64>,
    /// `__MONOTONIC_TIMESTAMP`, in microseconds since the boot.
    pub monotonic: Option<u64>,
    /// `_BOOT_ID`, which is a field too.
    pub boot: Option<Id128>,
}

/// Reads one line, pushing its fields onto `entries`; after an error nothing of it is there. Values may be text,
/// numbers, true and false (kept as they are written), `{"$b64"}`, an array of texts (a repeated field) or of
/// bytes (as journald writes binary values). `null` stands for a value that was left out and marks the entry.
///
/// # Errors
/// `Corrupt` when it is no such line.
pub fn read_line(line: &[u8], entries: &mut Entries) -> Result<Line> {
    if line.trim_ascii().is_empty() {
        return Ok(Line::Blank);
    }
    let mut from = serde_json::Deserializer::from_slice(line);
    let mut reading =
        Reading { entries, marks: Marks::default(), fields: 0, cut: None, end: None, scratch: Vec::new() };
    let read = from.deserialize_map(Object(&mut reading)).and_then(|()| from.end());
    let (marks, cut, end) = (reading.marks, reading.cut, reading.end);
    let result = match (read, end) {
        (Err(error), _) => Err(Error::corrupt(format!("no entry: {error}"))),
        (Ok(()), Some(end)) => end.read().map(Line::End),
        (Ok(()), None) => Ok(Line::Entry(marks)),
    };
    match (&result, cut) {
        (Ok(Line::Entry(_)), Some(what)) => entries.push_field(CUT.as_bytes(), what.as_bytes()),
        (Ok(Line::Entry(_)), None) => {}
        _ => entries.abandon(),
    }
    result
}

/// A line while it is read.
struct Reading<'e> {
    entries: &'e mut Entries,
    marks: Marks,
    fields: usize,
    cut: Option<String>,
    end: Option<Written>,
    /// Bytes of a binary value, kept for the next one.
    scratch: Vec<u8>,
}

impl Reading<'_> {
    fn push(&mut self, name: &str, value: &[u8]) {
        if self.fields == ENTRY_FIELDS_MAX {
            self.cut.get_or_insert_with(|| name.to_owned());
            return;
        }
        self.fields += 1;
        let kept = &value[..value.len().min(FIELD_BYTES_MAX)];
        if kept.len() < value.len() {
            self.cut.get_or_insert_with(|| name.to_owned());
        }
        self.entries.push_field(name.as_bytes(), kept);
    }
    fn push_base64(&mut self, name: &str, text: &str) -> Result<(), &'static str> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let decoded = STANDARD.decode_vec(text, &mut scratch);
        if decoded.is_ok() {
            self.push(name, &scratch);
        }
        self.scratch = scratch;
        decoded.map_err(|_| "`$b64` holds no base64")
    }
}

/// The whole line.
struct Object<'r, 'e>(&'r mut Reading<'e>);

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry, {\"FIELD\":\"value\",…}")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut first = true;
        while let Some(name) = map.next_key_seed(Text)? {
            match &*name {
                "$end" if first => {
                    self.0.end = Some(map.next_value()?);
                    return match map.next_key::<IgnoredAny>()? {
                        Some(_) => Err(A::Error::custom("something beside `$end`")),
                        None => Ok(()),
                    };
                }
                "__CURSOR" => {
                    let text = map.next_value_seed(Text)?;
                    self.0.marks.cursor = Some(text.parse().map_err(A::Error::custom)?);
                }
                "__REALTIME_TIMESTAMP" => self.0.marks.realtime = map.next_value_seed(Micros)?,
                "__MONOTONIC_TIMESTAMP" => self.0.marks.monotonic = map.next_value_seed(Micros)?,
                _ if name.starts_with("__") => drop(map.next_value::<IgnoredAny>()?),
                _ if name.is_empty() || name.len() > FIELD_NAME_BYTES_MAX => {
                    return Err(A::Error::custom(format!("a field name of {} bytes", name.len())));
                }
                name => map.next_value_seed(Field { name, into: self.0, part: false })?,
            }
            first = false;
        }
        Ok(())
    }
}

/// A text, borrowed from the line where it has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Microseconds, as journald's text or as a number.
struct Micros;

impl<'de> DeserializeSeed<'de> for Micros {
    type Value = Option<u64>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl Visitor<'_> for Micros {
    type Value = Option<u64>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("microseconds")
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.parse().ok())
    }
    fn visit_u64<E>(self, micros: u64) -> Result<Self::Value, E> {
        Ok(Some(micros))
    }
}

/// The value or values of a field.
struct Field<'n, 'r, 'e> {
    name: &'n str,
    into: &'r mut Reading<'e>,
    /// Whether it stands in an array already.
    part: bool,
}

impl<'de> DeserializeSeed<'de> for Field<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value of {}: text, a number, {{\"$b64\":…}} or an array of them", self.name)
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.name == "_BOOT_ID" {
            self.into.marks.boot = text.parse().ok();
        }
        self.into.push(self.name, text.as_bytes());
        Ok(())
    }
    fn visit_bool<E>(self, yes: bool) -> Result<(), E> {
        self.into.push(self.name, if yes { b"true" } else { b"false" });
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.into.push(self.name, number.to_string().as_bytes());
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.into.push(self.name, number.to_string().as_bytes());
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.into.push(self.name, number.to_string().as_bytes());
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.into.cut.get_or_insert_with(|| self.name.to_owned());
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match map.next_key_seed(Text)?.as_deref() {
            Some("$b64") => {
                let text = map.next_value_seed(Text)?;
                self.into.push_base64(self.name, &text).map_err(A::Error::custom)?;
            }
            _ => return Err(A::Error::custom(format!("{} holds an object", self.name))),
        }
        match map.next_key::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom(format!("{} holds something beside `$b64`", self.name))),
            None => Ok(()),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // An array of numbers is one binary value; within an array of values nothing else can be an array.
        let mut bytes = std::mem::take(&mut self.into.scratch);
        bytes.clear();
        let mut kinds = (false, self.part);
        while let Some(byte) = seq.next_element_seed(Element { name: self.name, into: self.into, part: self.part })? {
            match byte {
                Some(byte) => (bytes.push(byte), kinds.0 = true).1,
                None => kinds.1 = true,
            }
        }
        match kinds {
            (true, true) if !self.part => return Err(A::Error::custom(format!("{} mixes bytes and texts", self.name))),
            (true, _) => self.into.push(self.name, &bytes),
            (false, _) => {}
        }
        self.into.scratch = bytes;
        Ok(())
    }
}

/// One element of an array: a byte, or a value that is pushed at once.
struct Element<'n, 'r, 'e> {
    name: &'n str,
    into: &'r mut Reading<'e>,
    part: bool,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, '_> {
    type Value = Option<u8>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_, '_> {
    type Value = Option<u8>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "values of {} or bytes of one", self.name)
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        u8::try_from(number).map(Some).map_err(|_| E::custom(format!("{} holds {number}, which is no byte", self.name)))
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if self.part {
            return Err(E::custom(format!("{} holds texts in an array in an array", self.name)));
        }
        self.into.push(self.name, text.as_bytes());
        Ok(None)
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        self.into.cut.get_or_insert_with(|| self.name.to_owned());
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Field { name: self.name, into: self.into, part: true }.visit_map(map).map(|()| None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        if self.part {
            return Err(A::Error::custom(format!("{} holds arrays three deep", self.name)));
        }
        Field { name: self.name, into: self.into, part: true }.visit_seq(seq).map(|()| None)
    }
}
