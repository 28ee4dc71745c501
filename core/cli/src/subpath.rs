//! Finds scripts on mounts that never change: a Kubernetes `subPath` is a copy made once, when the pod starts.

use std::path::{Path, PathBuf};

/// The script roots, or files below them, that are such mounts.
pub fn among(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let roots: Vec<PathBuf> = roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    find(&mounts, &roots)
}

/// The same for a given `/proc/self/mountinfo`.
///
/// Its fourth field is what of the file system is mounted: for a subPath the kubelet's own folder
/// `volume-subpaths`, or what `..data` pointed to at that moment. A mount of the whole volume has neither.
fn find(mounts: &str, roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(3);
        let (Some(mounted), Some(at)) = (words.next(), words.next()) else { continue };
        let at = PathBuf::from(unescape(at));
        let fixed = Path::new(mounted).components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            part == "volume-subpaths" || part.starts_with("..2")
        });
        let is_ours = roots.iter().any(|root| at.starts_with(root) || root.starts_with(&at));
        if fixed && is_ours {
            found.push(at);
        }
    }
    found
}

/// Blanks and backslashes are written as `\040` and so on.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sub_paths_are_found() {
        let pod = "/var/lib/kubelet/pods/0a1b";
        let mounts = format!(
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
             31 22 8:1 {pod}/volumes/kubernetes.io~configmap/scripts /live ro - ext4 /dev/sda1 rw\n\
             32 22 8:1 {pod}/volume-subpaths/scripts/agent/0 /fixed ro - ext4 /dev/sda1 rw\n\
             33 22 0:54 /..2026_01_31_12_00_00.123/a.rhai /some/my\\040scripts/a.rhai ro - tmpfs tmpfs rw\n"
        );
        let of = |root: &str| find(&mounts, &[PathBuf::from(root)]);
        assert!(of("/live").is_empty());
        assert_eq!(of("/fixed/parsers"), [PathBuf::from("/fixed")]);
        assert_eq!(of("/some/my scripts"), [PathBuf::from("/some/my scripts/a.rhai")]);
    }
}
