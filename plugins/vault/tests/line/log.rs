//! Everything that is logged while tests run, at the most verbose level: no secret of a stand-in may be in it.

use crate::standin::StandIn;
use std::{
    io::Write,
    path::Path,
    sync::{Mutex, Once, PoisonError},
};
use tempfile::TempDir;

/// All of it but two libraries that say the words of requests: `infralogs` never lets them speak, whatever level is asked
/// for, which `core/cli/tests/vault.rs` asks for by name.
const VERBOSE: &str = "trace,rustify=off,vaultrs=off";

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Catches from now on.
fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing_subscriber::fmt().with_env_filter(VERBOSE).with_writer(|| Log).with_ansi(false).init();
    });
}

/// A test's own folder. When it goes, the log told nothing.
pub struct Folder {
    folder: TempDir,
    standin: StandIn,
}

impl Folder {
    pub fn of(standin: &StandIn) -> Self {
        catch();
        Self { folder: tempfile::tempdir().expect("a folder"), standin: standin.clone() }
    }
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let log = String::from_utf8_lossy(&LOG.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
        assert!(log.contains("TRACE"), "the log was caught");
        for secret in &self.standin.lock().secret {
            let told = log.lines().find(|line| line.contains(secret.as_str()));
            assert!(told.is_none(), "the log tells a secret: {}", told.unwrap_or_default());
        }
    }
}
