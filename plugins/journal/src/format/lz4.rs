//! Unpacks LZ4 blocks up to a limit: the beginning of a field too long for us is still worth having.

/// Appends at most `limit` bytes of the unpacked block to `out`. `None`: the block is damaged before that.
pub(crate) fn unpack(mut block: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    loop {
        let (token, rest) = block.split_first()?;
        let (length, rest) = length(usize::from(token >> 4), rest)?;
        let left = limit - (out.len() - start);
        if length >= left {
            out.extend_from_slice(rest.get(..left)?);
            return Some(());
        }
        out.extend_from_slice(rest.get(..length)?);
        let rest = &rest[length..];
        if rest.is_empty() {
            return Some(());
        }
        let distance = usize::from(u16::from_le_bytes(rest.get(..2)?.try_into().ok()?));
        let (length, rest) = self::length(usize::from(token & 15), &rest[2..])?;
        let length = (length + 4).min(limit - (out.len() - start));
        copy_back(out, start, distance, length)?;
        if out.len() - start == limit {
            return Some(());
        }
        block = rest;
    }
}

/// A length that does not fit its four bits goes on in the bytes behind.
fn length(nibble: usize, mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = nibble;
    if nibble == 15 {
        loop {
            let (more, behind) = rest.split_first()?;
            (length, rest) = (length.checked_add(usize::from(*more))?, behind);
            if *more != 255 {
                break;
            }
        }
    }
    Some((length, rest))
}

/// Repeats what stands `distance` before the end; what it repeats may be what it just wrote.
fn copy_back(out: &mut Vec<u8>, start: usize, distance: usize, mut length: usize) -> Option<()> {
    if distance == 0 || distance > out.len() - start {
        return None;
    }
    let from = out.len() - distance;
    while length > 0 {
        let piece = length.min(out.len() - from);
        out.extend_from_within(from..from + piece);
        length -= piece;
    }
    Some(())
}
