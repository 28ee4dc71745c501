//! Disk reports: whole numbers that agree with `stat -f`, one entry a mount, a place that moves on.
#![allow(clippy::unwrap_used)]

use infralogs_agent::disk::Disk;
use infralogs_core::plugin::{Ask, Source};
use std::process::Command;

#[tokio::test]
async fn each_report_is_new_and_says_what_the_system_says() {
    let mut disk = Disk::of_this_machine();
    let hello = disk.read(&Ask { limit: 0, ..Ask::default() }).await.unwrap();
    assert!(hello.entries.is_empty() && hello.head.is_some());
    let first = disk.read(&Ask::default()).await.unwrap();
    for entry in first.entries.iter() {
        let text = |name: &str| String::from_utf8(entry.field(name).expect(name).to_vec()).unwrap();
        let number = |name: &str| text(name).parse::<u64>().expect(name);
        let said = Command::new("stat").args(["-f", "-c", "%S %b %c", &text("DISK_MOUNT")]).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let said: Vec<u64> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
        assert_eq!(number("DISK_TOTAL_BYTES"), said[0] * said[1], "{}", text("DISK_MOUNT"));
        assert_eq!(number("DISK_INODES"), said[2]);
        assert!(number("DISK_USED_BYTES") + number("DISK_FREE_BYTES") <= number("DISK_TOTAL_BYTES"));
        assert_eq!(text("SYSLOG_IDENTIFIER"), "infralogs-disk");
    }
    // The next report is behind the first, whatever the clock does, and comes whole again.
    let next = disk.read(&Ask { after: first.next, ..Ask::default() }).await.unwrap();
    assert_eq!(next.entries.len(), first.entries.len());
    let seqnums = |batch: &infralogs_core::entry::Batch| {
        batch.entries.iter().map(|entry| entry.cursor.seqnum).collect::<Vec<_>>()
    };
    assert!(seqnums(&first).iter().max() < seqnums(&next).iter().min() || first.entries.is_empty());
    assert_eq!((next.machine, next.gaps.len(), next.unreadable), (hello.machine, 0, first.unreadable));
}
