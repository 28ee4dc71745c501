//! How journal files hash a field: SipHash-2-4 keyed by the file's id, or Jenkins' lookup3 in older files.

use super::{header::Header, u32_at, u64_at};

/// The hash of a whole field, `NAME=value`, in this file.
pub(crate) fn field_hash(header: &Header, field: &[u8]) -> u64 {
    if header.keyed_hash { siphash24(&header.file_id.0, field) } else { jenkins(field) }
}

fn siphash24(key: &[u8; 16], bytes: &[u8]) -> u64 {
    let (k0, k1) = (u64_at(key, 0).unwrap_or_default(), u64_at(key, 8).unwrap_or_default());
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].wrapping_add(v[3]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].wrapping_add(v[1]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    };
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    last[7] = bytes.len() as u8;
    for word in words.chain([&last[..]]) {
        let word = u64_at(word, 0).unwrap_or_default();
        v[3] ^= word;
        round(&mut v);
        round(&mut v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    (0..4).for_each(|_| round(&mut v));
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

/// `hashlittle2` of lookup3, both halves.
fn jenkins(bytes: &[u8]) -> u64 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = bytes;
    while rest.len() > 12 {
        a = a.wrapping_add(u32_at(rest, 0).unwrap_or_default());
        b = b.wrapping_add(u32_at(rest, 4).unwrap_or_default());
        c = c.wrapping_add(u32_at(rest, 8).unwrap_or_default());
        // Six like steps, after each of which the three change places.
        for by in [4, 6, 8, 16, 19, 4] {
            a = a.wrapping_sub(c) ^ c.rotate_left(by);
            c = c.wrapping_add(b);
            (a, b, c) = (b, c, a);
        }
        rest = &rest[12..];
    }
    if rest.is_empty() {
        return u64::from(c) << 32 | u64::from(b);
    }
    let mut last = [0; 12];
    last[..rest.len()].copy_from_slice(rest);
    a = a.wrapping_add(u32_at(&last, 0).unwrap_or_default());
    b = b.wrapping_add(u32_at(&last, 4).unwrap_or_default());
    c = c.wrapping_add(u32_at(&last, 8).unwrap_or_default());
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    u64::from(c) << 32 | u64::from(b)
}
