//! Which machine this is.

use crate::{
    entry::{
        decode::{Decode, Read},
        filter::Judge,
    },
    files::{folder::Files, name::Writer},
    format::blocks::Blocks,
};
use infralogs_core::{
    entry::{BATCH_BYTES_MAX, Entries},
    id::Id128,
};

/// The machine we run on, as systemd numbers it.
pub(crate) fn local() -> Option<Id128> {
    std::fs::read_to_string("/etc/machine-id").ok()?.trim().parse().ok()
}

/// The machine whose entries these files hold. journald writes it into every entry; systemd-journal-remote's files
/// say in their headers only where they were written.
pub(crate) fn of_files(files: &mut Files, blocks: &mut Blocks, decode: &mut Decode) -> Option<Id128> {
    let mut said = None;
    for file in files.list.iter_mut().filter(|file| file.has_entries()) {
        if file.reopen().is_err() {
            continue;
        }
        let header = file.header?;
        if file.name.writer != Writer::Other {
            return Some(header.machine_id);
        }
        said = said.or(Some(header.machine_id));
        if let Some(machine) = file.foreign.entry().and_then(|entry| entry.machine()) {
            return Some(machine);
        }
        let Some((_, first)) = file.readable(blocks, 0, file.len()) else { continue };
        let mut entries = Entries::default();
        decode.begin(Judge::default(), BATCH_BYTES_MAX);
        if decode.entry(file, blocks, &first, &mut entries) == Read::Taken
            && let Some(machine) = entries.get(0).machine()
        {
            return Some(machine);
        }
    }
    said
}
