//! What a page needs, embedded and compressed at build time.

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Its name without the sum.
    pub name: &'static str,
    /// Its SHA-256 in hexadecimal digits.
    pub sum: &'static str,
    /// Its length before compression, in bytes.
    pub len: usize,
    /// Compressed with Brotli.
    pub br: &'static [u8],
    /// Compressed with gzip.
    pub gz: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));
