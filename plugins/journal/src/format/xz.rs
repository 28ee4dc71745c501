//! Unpacks XZ streams up to a limit. Each chunk says how long it will be, so that a small field can't ask for
//! gigabytes: chunks beyond the limit are never unpacked.

use std::io::Cursor;

/// Stream header: magic, flags, CRC.
const STREAM_HEADER_BYTES: usize = 12;
const MAGIC: &[u8] = b"\xfd7zXZ\0";

/// Appends at most `limit` bytes of the unpacked stream to `out`. `None`: damaged, or not LZMA2 alone (the only
/// filter that systemd uses).
pub(crate) fn unpack(stream: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    if stream.get(..MAGIC.len())? != MAGIC {
        return None;
    }
    let block = stream.get(STREAM_HEADER_BYTES..)?;
    let header_bytes = (usize::from(*block.first()?) + 1) * 4;
    if lone_filter(block.get(..header_bytes)?)? != LZMA2 {
        return None;
    }
    let mut chunks = whole_chunks(block.get(header_bytes..)?, limit)?.to_vec();
    chunks.push(0);
    let mut unpacked = Vec::new();
    lzma_rs::decompress::raw::Lzma2Decoder::new().decompress(&mut Cursor::new(chunks), &mut unpacked).ok()?;
    unpacked.truncate(limit);
    out.extend_from_slice(&unpacked);
    Some(())
}

const LZMA2: u8 = 0x21;

/// The only filter of a block header.
fn lone_filter(header: &[u8]) -> Option<u8> {
    let flags = *header.get(1)?;
    if flags & 3 != 0 {
        return None;
    }
    let mut at = 2;
    // The sizes, if they are there, are numbers of up to nine bytes of seven bits each.
    for present in [flags & 0x40, flags & 0x80] {
        if present != 0 {
            at += header.get(at..)?.iter().take(9).position(|byte| byte & 0x80 == 0)? + 1;
        }
    }
    header.get(at).copied()
}

/// The chunks that together hold at least `limit` bytes, or all of them, without the end mark.
fn whole_chunks(chunks: &[u8], limit: usize) -> Option<&[u8]> {
    let (mut at, mut unpacked) = (0, 0);
    while unpacked < limit {
        let control = *chunks.get(at)?;
        let number = |at: usize| Some(usize::from(u16::from_be_bytes(chunks.get(at..at + 2)?.try_into().ok()?)));
        let (length, plain) = match control {
            0 => break,
            1 | 2 => (3 + number(at + 1)? + 1, number(at + 1)? + 1),
            3..0x80 => return None,
            _ => {
                let properties = usize::from(control >= 0xc0);
                let plain = (usize::from(control & 0x1f) << 16) + number(at + 1)? + 1;
                (5 + properties + number(at + 3)? + 1, plain)
            }
        };
        at += length;
        unpacked += plain;
    }
    chunks.get(..at)
}
