//! What a journal file's name says: whose it is and whether it is still written.

use std::path::Path;

/// Who writes to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// journald, for the system: nothing of the counter is missing here but what users wrote.
    System,
    /// journald, for one user.
    User,
    /// Something else, such as systemd-journal-remote.
    Other,
}

/// What the name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) writer: Writer,
    /// Rotated away (`system@….journal`) or given up (`….journal~`).
    pub(crate) closed: bool,
    /// Given up when it was found not closed in order: its header says it is being written, but it is not.
    pub(crate) given_up: bool,
}

impl Name {
    /// Of a file that somebody named and that goes by another name.
    pub(crate) const PLAIN: Self = Self { writer: Writer::Other, closed: false, given_up: false };

    /// `None`: no journal file.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let given_up = name.ends_with(".journal~");
        let stem = name.strip_suffix(".journal").or_else(|| name.strip_suffix(".journal~"))?;
        let (base, rotated) = stem.split_once('@').map_or((stem, false), |(base, _)| (base, true));
        let user =
            base.strip_prefix("user-").is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()));
        let writer = match base {
            "system" => Writer::System,
            _ if user => Writer::User,
            _ => Writer::Other,
        };
        Some(Self { writer, closed: rotated || given_up, given_up })
    }
}

/// Whether a folder holds a machine's journal: its name is a 128-bit id. (`ID.namespace` holds another journal.)
pub(crate) fn is_machine(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.parse::<infralogs_core::id::Id128>().is_ok()
}
