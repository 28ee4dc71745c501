//! A value read from files, read again when their content changes: tokens, certificates.

use infralogs_core::{Error, Result};
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
    paths: Vec<PathBuf>,
    make: Make<T>,
    state: Mutex<State<T>>,
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
        let contents = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
        let value = Arc::new(make(&contents)?);
        let state = State { value, content: digest(&contents), looked: Instant::now(), failing: false };
        Ok(Self { paths, make: Box::new(make), state: Mutex::new(state) })
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

    fn look(&self, state: &mut State<T>) {
        let made = self.paths.iter().map(|path| read(path)).collect::<Result<Vec<_>>>().and_then(|contents| {
            let content = digest(&contents);
            if content == state.content { Ok(None) } else { (self.make)(&contents).map(|value| Some((value, content))) }
        });
        match made {
            Ok(changed) => {
                state.failing = false;
                if let Some((value, content)) = changed {
                    tracing::info!("read {} again: it changed", self.paths[0].display());
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
        f.debug_struct("Reread").field("paths", &self.paths).finish_non_exhaustive()
    }
}

/// A file's whole content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content))
        .map_err(|error| Error::invalid("can't read the file").at(path.display().to_string()).because(error))?;
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
