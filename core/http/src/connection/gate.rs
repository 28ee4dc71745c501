//! Watches the bytes of an HTTP/1 connection go by and finds requests that two parsers could read differently.
//!
//! hyper follows the RFC where it lets a server repair what it gets: with both `Transfer-Encoding` and
//! `Content-Length` the second is dropped, equal lengths given twice are one, a bare line feed ends a line. A proxy
//! in front may repair differently, and then the two disagree where a request ends (request smuggling). So nothing
//! is repaired here: each head that passes is judged, and the request it belongs to is refused by its number. The
//! gate only looks; framing stays hyper's, and where the two could disagree the gate has refused already.

use super::chunks::Chunks;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// What the gate says to the bytes it was shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing against them.
    Fine,
    /// The head of this number (the first is 1) must be refused. Bytes behind it mean nothing.
    Ambiguous(u64),
    /// A body breaks its framing: the connection must end.
    Broken,
}

/// Where in the connection we are.
#[derive(Debug)]
enum At {
    /// In a head, or before one.
    Head,
    /// In a body of which this many bytes are still to come.
    Length(u64),
    /// In a chunked body.
    Chunked(Chunks),
    /// Behind a refused head.
    Refused,
}

/// How a request's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
}

#[derive(Debug)]
pub(super) struct Gate {
    at: At,
    /// What came of a head that is not complete.
    begun: Vec<u8>,
    heads: u64,
    head_bytes_max: usize,
}

impl Gate {
    /// A gate at the beginning of a connection. hyper must refuse heads beyond the same size itself.
    pub fn new(head_bytes_max: usize) -> Self {
        Self { at: At::Head, begun: Vec::new(), heads: 0, head_bytes_max }
    }

    /// How many heads were begun or ended; changes whenever one ends.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether a head was begun that is not complete.
    pub fn within_head(&self) -> bool {
        !self.begun.is_empty()
    }

    /// Looks at the bytes that came next.
    pub fn look(&mut self, mut bytes: &[u8]) -> Seen {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Refused => return Seen::Fine,
                At::Head => match self.look_at_head(bytes) {
                    Ok(behind) => bytes = behind,
                    Err(seen) => return seen,
                },
                At::Length(left) => {
                    let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if *left == 0 {
                        self.at = At::Head;
                    }
                }
                At::Chunked(chunks) => match chunks.look(bytes) {
                    Err(()) => return Seen::Broken,
                    Ok(None) => return Seen::Fine,
                    Ok(Some(behind)) => {
                        bytes = behind;
                        self.at = At::Head;
                    }
                },
            }
        }
        Seen::Fine
    }

    /// What stands behind the head in these bytes; else what to say for now.
    fn look_at_head<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Seen> {
        if self.begun.is_empty() {
            // Empty lines before a request are skipped, as hyper does.
            let skip = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            bytes = &bytes[skip..];
        }
        let Some((head, behind)) = split_head(&mut self.begun, bytes) else {
            return Err(if self.begun.len() > self.head_bytes_max { self.refuse() } else { Seen::Fine });
        };
        let framing = if head.len() <= self.head_bytes_max { judge(head) } else { None };
        self.begun.clear();
        let Some(framing) = framing else { return Err(self.refuse()) };
        self.heads += 1;
        self.at = match framing {
            Framing::Length(0) => At::Head,
            Framing::Length(length) => At::Length(length),
            Framing::Chunked => At::Chunked(Chunks::new()),
        };
        Ok(behind)
    }

    fn refuse(&mut self) -> Seen {
        self.at = At::Refused;
        self.begun = Vec::new();
        self.heads += 1;
        Seen::Ambiguous(self.heads)
    }
}

/// The head and what follows it, if it ends in these bytes. Until then they are kept in `begun`; a head that comes
/// at once is not copied.
fn split_head<'a, 'b>(begun: &'b mut Vec<u8>, bytes: &'a [u8]) -> Option<(&'b [u8], &'a [u8])>
where
    'a: 'b,
{
    const END: &[u8] = b"\r\n\r\n";
    static FIND_END: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(END));
    if begun.is_empty()
        && let Some(end) = FIND_END.find(bytes)
    {
        return Some(bytes.split_at(end + END.len()));
    }
    let known = begun.len();
    begun.extend_from_slice(bytes);
    let from = known.saturating_sub(END.len() - 1);
    let end = from + FIND_END.find(&begun[from..])? + END.len();
    Some((&begun[..end], &bytes[end - known..]))
}

/// How the body behind this head is framed, if there is only one way to read it.
fn judge(head: &[u8]) -> Option<Framing> {
    let mut length = None;
    let mut chunked = false;
    let mut rest = head;
    let mut first = true;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest)?;
        // Every line ends in CR LF, and neither stands anywhere else.
        let line = rest[..end].strip_suffix(b"\r")?;
        if line.contains(&b'\r') {
            return None;
        }
        rest = &rest[end + 1..];
        if std::mem::take(&mut first) || line.is_empty() {
            continue;
        }
        // A line that begins with a space continues the one before (obs-fold): refused, like a space before the colon.
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || name.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(digits(value)?).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding")
            && (std::mem::replace(&mut chunked, true) || !value.eq_ignore_ascii_case(b"chunked"))
        {
            return None;
        }
    }
    match (length, chunked) {
        (Some(_), true) => None,
        (None, true) => Some(Framing::Chunked),
        (length, false) => Some(Framing::Length(length.unwrap_or(0))),
    }
}

/// A number of digits only: no sign, no list.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: &str = "GET /next HTTP/1.1\r\nhost: h\r\n\r\n";

    /// Shows the gate the text whole, in two parts cut at every place, and byte by byte: always the same verdict.
    fn check(text: &str, expect: &Seen) {
        let bytes = text.as_bytes();
        let verdict = |parts: &mut dyn Iterator<Item = &[u8]>| {
            let mut gate = Gate::new(8 << 10);
            parts.map(|part| gate.look(part)).find(|seen| *seen != Seen::Fine).unwrap_or(Seen::Fine)
        };
        assert_eq!(verdict(&mut [bytes].into_iter()), *expect, "{text:?}");
        assert_eq!(verdict(&mut bytes.chunks(1)), *expect, "{text:?} byte by byte");
        for cut in 1..bytes.len() {
            let (one, two) = bytes.split_at(cut);
            assert_eq!(verdict(&mut [one, two].into_iter()), *expect, "{text:?} cut at {cut}");
        }
    }

    #[test]
    fn what_has_one_meaning_passes() {
        for text in [
            "GET / HTTP/1.1\r\nhost: h\r\n\r\n",
            "\r\n\r\nPOST / HTTP/1.1\r\nhost: h\r\nContent-Length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA;x=\"1\"\r\n0123456789\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: h\r\nContent-Length: 30\r\n\r\nGET / HTTP/1.1\r\n: no head\r\n\r\n:)",
        ] {
            check(text, &Seen::Fine);
            // And the gate knows where it ended: a bad head behind it is found, and is the second.
            check(
                &format!("{text}{}", NEXT.replace("host", "content-length: 0\r\nContent-Length")),
                &Seen::Ambiguous(2),
            );
        }
    }

    #[test]
    fn what_has_two_is_refused() {
        for headers in [
            "content-length: 5\r\ncontent-length: 5\r\n",
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: 5, 5\r\n",
            "content-length: +5\r\n",
            "content-length: 0x5\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity, chunked\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: \"chunked\"\r\n",
            "transfer-encoding : chunked\r\n",
            "x: 1\r\n content-length: 5\r\n",
            "x: 1\ncontent-length: 5\r\n",
            "x: 1\rcontent-length: 5\r\n",
            "no colon\r\n",
        ] {
            check(&format!("POST / HTTP/1.1\r\nhost: h\r\n{headers}\r\nhello"), &Seen::Ambiguous(1));
        }
        check(&format!("{NEXT}GET / HTTP/1.1\nhost: h\r\n\r\n"), &Seen::Ambiguous(2));
        let chunked = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
        for body in [
            "5\nhello\r\n",
            "5\r\nhelloX\r\n",
            "5 \r\nhello\r\n",
            "-1\r\n",
            "\r\n",
            "11111111111111111\r\n",
            "5;a\nb\r\n",
            "0\r\na\n\r\n",
        ] {
            check(&format!("{chunked}{body}"), &Seen::Broken);
        }
    }

    #[test]
    fn a_head_beyond_the_limit_is_not_kept() {
        let mut gate = Gate::new(1_000);
        let seen: Vec<_> = (0..100).map(|_| gate.look(&[b'a'; 100])).collect();
        assert_eq!(seen[10], Seen::Ambiguous(1));
        assert!(matches!(gate.at, At::Refused));
    }
}
