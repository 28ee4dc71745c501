//! Reads every script below the roots, once, and remembers places in them.

use super::{
    limits::FILE_BYTES_MAX,
    listing::{self, Found},
    problem::Problem,
};
use sha2::{Digest, Sha256};
use std::{
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// One script as it was read.
#[derive(Debug, PartialEq)]
pub(super) struct File {
    /// As a person names it: the root as given, and the path below it.
    pub shown: String,
    /// Below its root, with `/` between the parts.
    pub path: String,
    /// What stands in it.
    pub text: String,
    /// The first 16 hexadecimal digits of its SHA-256.
    pub hash: Arc<str>,
    /// Whether a link leads out of the root to it: fine for a script, not for a library.
    pub outside: bool,
}

impl File {
    /// Text that stands in no file.
    pub fn typed(shown: &str, text: String) -> Arc<Self> {
        let hash = hex(&Sha256::digest(&text)[..8]).into();
        Arc::new(Self { shown: shown.into(), path: format!("{shown}.rhai"), text, hash, outside: false })
    }

    /// The name a library is imported by, if this is one: `palette` for `lib/palette.rhai` and `lib.palette.rhai`.
    pub fn library(&self) -> Option<String> {
        let stem = self.path.strip_suffix(".rhai")?;
        if let Some(below) = stem.strip_prefix("lib/") {
            return Some(below.to_owned());
        }
        stem.strip_prefix("lib.").filter(|name| !name.contains('/')).map(|name| name.replace('.', "/"))
    }
}

/// A place in a script.
#[derive(Clone, PartialEq)]
pub(super) struct Place {
    pub file: Arc<File>,
    /// 1-based; 0: the whole file.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

impl Place {
    pub fn new(file: &Arc<File>, position: rhai::Position) -> Self {
        let (line, column) = (position.line().unwrap_or(0), position.position().unwrap_or(1));
        Self { file: file.clone(), line, column }
    }
    /// The place of a byte of the text in quotes that begins here.
    pub fn inside(&self, offset: usize) -> Self {
        let line = self.source_line();
        let begin = line.char_indices().nth(self.column.saturating_sub(1)).map_or(0, |(byte, _)| byte);
        let text = &line[begin..];
        let quote = text.chars().next().filter(|first| matches!(first, '"' | '`'));
        let Some(quote) = quote else { return self.clone() };
        // Bytes of the script's text and of what it means differ by the backslashes before them.
        let mut meant = 0;
        let mut chars = text.char_indices().skip(1).peekable();
        let mut column = self.column + 1;
        while let Some((_, letter)) = chars.next() {
            if meant >= offset {
                break;
            }
            let escaped = quote == '"' && letter == '\\' && chars.next().is_some();
            meant += if escaped { 1 } else { letter.len_utf8() };
            column += 1 + usize::from(escaped);
        }
        Self { column, ..self.clone() }
    }
    pub fn source_line(&self) -> &str {
        self.file.text.split('\n').nth(self.line.saturating_sub(1)).unwrap_or_default().trim_end_matches('\r')
    }
    /// How many characters the word at this place has: a name, a number, a quoted text, or 1.
    pub fn width(&self) -> usize {
        let mut rest = self.source_line().chars().skip(self.column.saturating_sub(1));
        match rest.next() {
            Some(quote @ ('"' | '`' | '\'')) => match rest.position(|c| c == quote) {
                Some(inside) => inside + 2,
                None => 1,
            },
            Some(first) if first.is_alphanumeric() || first == '_' => {
                1 + rest.take_while(|c| c.is_alphanumeric() || *c == '_').count()
            }
            _ => 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.shown, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What was found below the roots.
#[derive(Default)]
pub(super) struct Sources {
    /// In order of roots, then of paths.
    pub files: Vec<Arc<File>>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Sources {
    /// Reads all scripts. A root may be a folder or one script.
    pub fn read(roots: &[PathBuf]) -> Self {
        let mut sources = Self::default();
        for found in listing::list(roots) {
            match found {
                Found::Script(script) => match read_text(&script.path) {
                    Ok(text) => sources.files.push(Arc::new(File {
                        shown: script.path.display().to_string(),
                        path: script.below,
                        hash: hex(&Sha256::digest(&text)[..8]).into(),
                        text,
                        outside: script.outside,
                    })),
                    Err(what) => sources.problems.push(Problem::file(script.path.display().to_string(), what)),
                },
                Found::Folder(_) => {}
                Found::Odd(path, what) => sources.problems.push(Problem::file(path.display().to_string(), what)),
            }
        }
        sources
    }

    /// The hash of all paths and contents: the first 12 hexadecimal digits.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for file in &self.files {
            hash.update((file.path.len() as u64).to_le_bytes());
            hash.update(&file.path);
            hash.update((file.text.len() as u64).to_le_bytes());
            hash.update(&file.text);
        }
        for problem in &self.problems {
            hash.update(problem.to_string());
        }
        hex(&hash.finalize()[..6])
    }

    /// A place written `file:line:column`, found again.
    pub fn place(&self, place: &str) -> Option<Place> {
        let mut parts = place.rsplitn(3, ':');
        let column = parts.next()?.parse().ok()?;
        let line = parts.next()?.parse().ok()?;
        let shown = parts.next()?;
        let file = self.files.iter().find(|file| file.shown == shown)?;
        Some(Place { file: file.clone(), line, column })
    }
}

/// The text of a script, or in a sentence why there is none.
fn read_text(path: &Path) -> Result<String, String> {
    let cant = |error: io::Error| format!("this script can't be read: {error}");
    let file = fs::File::open(path).map_err(cant)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cant)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("this script is larger than {} KiB, the most a script may have", FILE_BYTES_MAX >> 10));
    }
    if bytes.contains(&0) {
        return Err("this is a binary file, not a script".into());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = memchr::memchr_iter(b'\n', good).count() + 1;
        format!("line {line} holds bytes that are no UTF-8 text")
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
