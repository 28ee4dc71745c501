//! A value made of what files or another source say, made again when that changes: tokens, certificates, keys.

use infralogs_core::{Error, Result, rotate::Told as Secret};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The largest file taken. In bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Makes the value of the files' contents, in the order of the paths.
type Make<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T> + Send + Sync>;

/// The value and where it comes from. Nothing watches: whoever asks for the value says how old it may be, so an
/// idle program reads nothing.
pub struct Reread<T> {
    from: From,
    make: Make<T>,
    state: Mutex<State<T>>,
}

/// Where contents come from.
#[derive(Debug)]
enum From {
    Files(Vec<PathBuf>),
    /// A place for people, and what was told last.
    Told(String, Secret),
}

impl From {
    fn contents(&self) -> Result<Vec<Vec<u8>>> {
        match self {
            Self::Files(paths) => paths.iter().map(|path| read(path)).collect(),
            Self::Told(_, told) => Ok(vec![told.text().as_bytes().to_vec()]),
        }
    }
    fn place(&self) -> String {
        match self {
            Self::Files(paths) => paths[0].display().to_string(),
            Self::Told(place, _) => place.clone(),
        }
    }
}

struct State<T> {
    value: Arc<T>,
    content: [u8; 32],
    looked: Instant,
    failing: bool,
}

impl<T> Reread<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// `Invalid` if a file can't be read or its content is refused.
    pub fn new(paths: Vec<PathBuf>, make: impl Fn(&[Vec<u8>]) -> Result<T> + Send + Sync + 'static) -> Result<Self> {
        Self::of(From::Files(paths), make)
    }

    /// Takes what it is told, such as a secret's value, instead of files. `place` names it to people.
    ///
    /// # Errors
    /// `Invalid` if what was told so far is refused.
    pub fn told(
        place: &str,
        told: Secret,
        make: impl Fn(&[Vec<u8>]) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::of(From::Told(place.to_owned(), told), make)
    }

    fn of(from: From, make: impl Fn(&[Vec<u8>]) -> Result<T> + Send + Sync + 'static) -> Result<Self> {
        let contents = from.contents()?;
        let value = Arc::new(make(&contents)?);
        let state = State { value, content: digest(&contents), looked: Instant::now(), failing: false };
        Ok(Self { from, make: Box::new(make), state: Mutex::new(state) })
    }

    /// The value, from files looked at no longer than `age_max` ago. While they can't be read or are refused, the
    /// last good one holds, and the log says so once.
    pub fn get(&self, age_max: Duration) -> Arc<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= age_max {
            state.looked = Instant::now();
            self.look(&mut state);
        }
        state.value.clone()
    }

    /// Somebody presented another one that may be newer. Files are looked at anyway; who tells us reads again.
    pub fn doubt(&self) {
        if let From::Told(_, told) = &self.from {
            told.doubt();
        }
    }

    fn look(&self, state: &mut State<T>) {
        let made = self.from.contents().and_then(|contents| {
            let content = digest(&contents);
            if content == state.content { Ok(None) } else { (self.make)(&contents).map(|value| Some((value, content))) }
        });
        match made {
            Ok(changed) => {
                state.failing = false;
                if let Some((value, content)) = changed {
                    tracing::info!("read {} again: it changed", self.from.place());
                    (state.value, state.content) = (Arc::new(value), content);
                }
            }
            Err(error) if !state.failing => {
                state.failing = true;
                tracing::warn!("what was read before holds on: {error}");
            }
            Err(_) => {}
        }
    }
}

impl<T> std::fmt::Debug for Reread<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reread").field("from", &self.from.place()).finish_non_exhaustive()
    }
}

/// A file's whole content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)).map_err(|error| {
        let unread = Error::invalid("can't read the file").at(path.display().to_string()).because(error);
        unread.help("check the path, and that this program's user may read it")
    })?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(
            Error::invalid(format!("the file is larger than {FILE_BYTES_MAX} bytes")).at(path.display().to_string())
        );
    }
    Ok(content)
}

fn digest(contents: &[Vec<u8>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    hash.finalize().into()
}
