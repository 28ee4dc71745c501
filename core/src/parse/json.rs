//! Reads asked-for paths out of a JSON object in one pass; everything else is checked and stepped over.

use super::piece::{Form, Miss, Piece};

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 128;

/// What is asked for, as a tree of keys.
#[derive(Debug, Default)]
pub(crate) struct Json {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    key: String,
    takes: Vec<u16>,
    children: Vec<Node>,
}

/// What is wrong with a text that is no JSON object, by [`Miss::wanted`].
const WANTED: [&str; 9] = [
    "a JSON object",
    "a value",
    "the end of a string",
    "an escape sequence",
    "a digit",
    "`:`",
    "`,` or the end of the object",
    "less nesting",
    "any of the asked-for fields",
];
const OBJECT: u16 = 0;
const VALUE: u16 = 1;
const STRING_END: u16 = 2;
const ESCAPE: u16 = 3;
const DIGIT: u16 = 4;
const COLON: u16 = 5;
const COMMA: u16 = 6;
const DEPTH: u16 = 7;
const ANY: u16 = 8;

impl Json {
    /// Adds a path: keys and indexes parted by `.`; a `\` before a `.` makes it part of the key.
    pub fn add(&mut self, path: &str, take: u16) {
        let mut node = &mut self.root;
        for key in keys(path) {
            let at = match node.children.iter().position(|child| child.key == key) {
                Some(at) => at,
                None => {
                    node.children.push(Node { key, ..Node::default() });
                    node.children.len() - 1
                }
            };
            node = &mut node.children[at];
        }
        node.takes.push(take);
    }

    /// Fills the pieces. Fits if the text is one JSON object that has at least one of the asked-for fields.
    pub fn read(&self, text: &str, pieces: &mut [Piece]) -> Result<(), Miss> {
        let mut reader = Reader { text: text.as_bytes(), at: 0, pieces, found: false };
        reader.space();
        if reader.peek() != Some(b'{') {
            return Err(reader.miss(OBJECT));
        }
        reader.object(Some(&self.root), 0)?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.miss(COMMA));
        }
        if reader.found { Ok(()) } else { Err(reader.miss(ANY)) }
    }

    /// What was missing, for a message.
    pub fn wanted(miss: Miss) -> &'static str {
        WANTED.get(usize::from(miss.wanted)).copied().unwrap_or("")
    }
}

fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut signs = path.chars();
    while let Some(sign) = signs.next() {
        let escaped = if sign == '\\' { signs.next() } else { None };
        match (escaped, sign, keys.last_mut()) {
            (None, '.', _) => keys.push(String::new()),
            (escaped, sign, Some(key)) => key.push(escaped.unwrap_or(sign)),
            _ => {}
        }
    }
    keys
}

struct Reader<'r> {
    text: &'r [u8],
    at: usize,
    pieces: &'r mut [Piece],
    found: bool,
}

impl Reader<'_> {
    fn miss(&self, wanted: u16) -> Miss {
        Miss::new(self.at, wanted)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A value of any kind; what `node` asks for is taken.
    fn value(&mut self, node: Option<&Node>, depth: usize) -> Result<(), Miss> {
        let from = self.at;
        let mut form = Form::Raw;
        match self.peek() {
            Some(b'"') => {
                let (from, to, escaped) = self.string()?;
                let form = if escaped { Form::Escaped } else { Form::Raw };
                self.take(node, Piece { from: from as u32, to: to as u32, form });
                return Ok(());
            }
            Some(b'{') => self.object(node, depth + 1)?,
            Some(b'[') => self.array(node, depth + 1)?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => {
                self.word(b"null")?;
                form = Form::Absent;
            }
            _ => self.number()?,
        }
        self.take(node, Piece { from: from as u32, to: self.at as u32, form });
        Ok(())
    }

    fn take(&mut self, node: Option<&Node>, piece: Piece) {
        for take in node.map_or(&[][..], |node| &node.takes) {
            self.pieces[usize::from(*take)] = piece;
            self.found = true;
        }
    }

    fn object(&mut self, node: Option<&Node>, depth: usize) -> Result<(), Miss> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.miss(OBJECT));
            }
            let (from, to, escaped) = self.string()?;
            let child = node.and_then(|node| {
                let key = &self.text[from..to];
                node.children.iter().find(|child| is_key(key, escaped, &child.key))
            });
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.miss(COLON));
            }
            self.at += 1;
            self.space();
            self.value(child, depth)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, node: Option<&Node>, depth: usize) -> Result<(), Miss> {
        self.enter(depth)?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            let child = node.and_then(|node| node.children.iter().find(|child| child.key.parse() == Ok(index)));
            self.value(child, depth)?;
            if !self.more(b']')? {
                break;
            }
        }
        Ok(())
    }

    fn enter(&mut self, depth: usize) -> Result<(), Miss> {
        if depth > DEPTH_MAX {
            return Err(self.miss(DEPTH));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Passes `,` or the closing sign; whether there is more.
    fn more(&mut self, close: u8) -> Result<bool, Miss> {
        self.space();
        let sign = self.peek();
        if sign != Some(b',') && sign != Some(close) {
            return Err(self.miss(COMMA));
        }
        self.at += 1;
        self.space();
        Ok(sign == Some(b','))
    }

    /// What stands between the quotes, and whether it has escapes.
    fn string(&mut self) -> Result<(usize, usize, bool), Miss> {
        let from = self.at + 1;
        self.at = from;
        let mut escaped = false;
        loop {
            self.at += plain(&self.text[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((from, self.at - 1, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += self.escape().ok_or(self.miss(ESCAPE))?;
                }
                _ => return Err(self.miss(STRING_END)),
            }
        }
    }

    /// The length of a valid escape sequence.
    fn escape(&self) -> Option<usize> {
        match self.text.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' => self.text.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Miss> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.miss(VALUE));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Miss> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        } else if !self.peek().is_some_and(|sign| sign.is_ascii_digit()) {
            return Err(self.miss(VALUE));
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Miss> {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.miss(DIGIT));
        }
        self.at += count;
        Ok(())
    }
}

fn is_key(key: &[u8], escaped: bool, wanted: &str) -> bool {
    if !escaped {
        return key == wanted.as_bytes();
    }
    super::unescape::json_is(std::str::from_utf8(key).unwrap_or(""), wanted)
}

/// How many bytes come before a quote, a backslash or a control character: eight at a time.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    // Marks zero bytes; marks above the first may be wrong, which does not matter here.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (eights, _) = text.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let controls = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        let marks = controls | zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let tail = &text[eights.len() * 8..];
    let stops = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    eights.len() * 8 + tail.iter().position(stops).unwrap_or(tail.len())
}
