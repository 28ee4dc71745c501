//! Follows a chunked body to its end, taking one spelling only.

/// Digits of a chunk's size at most; hyper refuses longer ones too.
const SIZE_DIGITS_MAX: u8 = 16;

/// Where in a chunked body we are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chunks {
    /// In a chunk's size: its value and how many digits it has so far.
    Size(u64, u8),
    /// In an extension behind the size.
    Extension(u64),
    /// Behind the CR of a size line.
    SizeEnd(u64),
    /// In a chunk's bytes, of which this many are still to come.
    Bytes(u64),
    /// Behind a chunk's bytes, before their CR.
    BytesEnd,
    /// Behind that CR.
    BytesEndLf,
    /// At the beginning of a trailer line, or of the last, empty one.
    Trailer,
    /// Within a trailer line.
    TrailerText,
    /// Behind a trailer line's CR.
    TrailerEnd,
    /// Behind the last line's CR.
    End,
}

impl Chunks {
    /// At the beginning of a body.
    pub fn new() -> Self {
        Self::Size(0, 0)
    }

    /// Looks at the next bytes: what follows the body if it ended in them, an error if they break the framing.
    pub fn look<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>, ()> {
        while let Some((&byte, behind)) = bytes.split_first() {
            if let Self::Bytes(left) = self {
                let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= here as u64;
                bytes = &bytes[here..];
                if *left == 0 {
                    *self = Self::BytesEnd;
                }
                continue;
            }
            bytes = behind;
            if matches!((&*self, byte), (Self::End, b'\n')) {
                return Ok(Some(bytes));
            }
            *self = self.step(byte).ok_or(())?;
        }
        Ok(None)
    }

    /// Where the byte leads, if it may stand here.
    fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size(size, count), byte) if byte.is_ascii_hexdigit() && count < SIZE_DIGITS_MAX => {
                let digit = char::from(byte).to_digit(16)?;
                Self::Size(size << 4 | u64::from(digit), count + 1)
            }
            (Self::Size(size, 1..), b';') => Self::Extension(size),
            (Self::Size(size, 1..) | Self::Extension(size), b'\r') => Self::SizeEnd(size),
            (Self::Extension(size), byte) if byte != b'\n' => Self::Extension(size),
            (Self::SizeEnd(0), b'\n') => Self::Trailer,
            (Self::SizeEnd(size), b'\n') => Self::Bytes(size),
            (Self::BytesEnd, b'\r') => Self::BytesEndLf,
            (Self::BytesEndLf, b'\n') => Self::new(),
            (Self::Trailer, b'\r') => Self::End,
            (Self::TrailerText, b'\r') => Self::TrailerEnd,
            (Self::TrailerEnd, b'\n') => Self::Trailer,
            (Self::Trailer | Self::TrailerText, byte) if byte != b'\n' => Self::TrailerText,
            _ => return None,
        })
    }
}
