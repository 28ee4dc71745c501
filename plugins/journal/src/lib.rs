//! Reads systemd journal files in pure Rust.
