//! The stock systemd-journal-upload.

use std::{
    path::Path,
    process::{Command, Stdio},
};

const SENDER: &str = "/lib/systemd/systemd-journal-upload";

/// Pushes a folder's journals until all is sent, or it fails; what it was told is stored it remembers.
pub fn sender(url: &str, journals: &Path, more: &[String]) -> Command {
    let mut sender = Command::new(SENDER);
    sender.arg(format!("--url={url}")).arg(format!("--directory={}", journals.display())).arg("--follow=no");
    sender.arg(format!("--save-state={}", journals.with_extension("state").display())).args(more);
    sender.env("SYSTEMD_LOG_LEVEL", "info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    sender
}
