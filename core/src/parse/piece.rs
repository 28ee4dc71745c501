//! What a reader finds in a text: pieces by their place, or how far it came.

/// Where one field stands in the input text, and what must be done to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Piece {
    pub from: u32,
    pub to: u32,
    pub form: Form,
}

/// How a piece is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// The field is not there.
    #[default]
    Absent,
    /// As it stands.
    Raw,
    /// With `\"`, `\n` or `\u00e9` in it.
    Escaped,
    /// With `\"`, `\\` and `\]` in it, and nothing else escaped.
    Slashed,
    /// With `""` for one quote.
    Doubled,
    /// Several lines, the second and later ones indented to where the first begins.
    Indented,
    /// No text: the number itself, in `from`.
    Number,
    /// No text: a time that was read already, in microseconds, its halves in `from` and `to`.
    Micros,
    /// A hexadecimal number, already of the field's type.
    Hex,
    /// A flag that stands there.
    Yes,
    /// A flag that does not.
    No,
}

impl Piece {
    /// A piece as it stands.
    #[inline]
    pub fn raw(from: usize, to: usize) -> Self {
        Self { from: from as u32, to: to as u32, form: Form::Raw }
    }
    /// A time, in microseconds since 1970.
    pub fn micros(time: i64) -> Self {
        Self { from: (time >> 32) as u32, to: time as u32, form: Form::Micros }
    }
    /// The number it holds.
    pub fn number(self) -> i64 {
        match self.form {
            Form::Micros => i64::from(self.from as i32) << 32 | i64::from(self.to),
            _ => i64::from(self.from),
        }
    }
    /// A flag.
    pub fn flag(is_there: bool) -> Self {
        Self { from: 0, to: 0, form: if is_there { Form::Yes } else { Form::No } }
    }
    /// Its text, unread.
    #[inline]
    pub fn of(self, text: &str) -> &str {
        text.get(self.from as usize..self.to as usize).unwrap_or("")
    }
}

/// A text that does not have a reader's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Miss {
    /// How many bytes fitted.
    pub at: usize,
    /// What was missing there; the reader knows what the number means.
    pub wanted: u16,
}

impl Miss {
    pub fn new(at: usize, wanted: u16) -> Self {
        Self { at, wanted }
    }
}

/// The longest text readers look at, in bytes; pieces count with 32 bits.
pub(crate) const TEXT_BYTES_MAX: usize = u32::MAX as usize - 1;

/// A text for a message: control characters escaped, cut after 60 characters.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut cut = String::new();
    for sign in text.chars().take(CHARS_MAX) {
        if sign.is_control() { cut.extend(sign.escape_debug()) } else { cut.push(sign) }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        cut.push('…');
    }
    cut
}
