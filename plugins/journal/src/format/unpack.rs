//! Unpacks compressed fields up to a limit.

use super::{lz4, u64_at, xz};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_frame_content_size};

/// Flags of a data object.
const XZ: u8 = 1;
const LZ4: u8 = 2;
const ZSTD: u8 = 4;
/// The largest window a zstd frame may ask for, as a power of two: 8 MiB. systemd's need 2 MiB at most.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Unpacks; keeps what can be used again.
#[derive(Default)]
pub(crate) struct Unpack {
    zstd: Option<DCtx<'static>>,
}

impl std::fmt::Debug for Unpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpack")
    }
}

impl Unpack {
    /// Appends at most `limit` bytes of the unpacked payload to `out`; `flags` are the object's.
    pub(crate) fn unpack(&mut self, flags: u8, packed: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
        match flags & (XZ | LZ4 | ZSTD) {
            XZ => xz::unpack(packed, limit, out),
            LZ4 => {
                let size = usize::try_from(u64_at(packed, 0)?).ok()?;
                lz4::unpack(&packed[8..], size.min(limit), out)
            }
            ZSTD => self.zstd(packed, limit, out),
            _ => None,
        }
    }

    fn zstd(&mut self, packed: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
        if self.zstd.is_none() {
            let mut context = DCtx::try_create()?;
            context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).ok()?;
            self.zstd = Some(context);
        }
        let context = self.zstd.as_mut()?;
        let size = get_frame_content_size(packed).ok().flatten().and_then(|size| usize::try_from(size).ok());
        let mut room = Vec::with_capacity(size.map_or(limit, |size| size.min(limit)));
        if size.is_some_and(|size| size <= limit) {
            context.decompress(&mut room, packed).ok()?;
        } else {
            context.reset(ResetDirective::SessionOnly).ok()?;
            let mut input = InBuffer::around(packed);
            let mut output = OutBuffer::around(&mut room);
            loop {
                let before = (input.pos(), output.pos());
                let left = context.decompress_stream(&mut output, &mut input).ok()?;
                if left == 0 || output.pos() == output.capacity() {
                    break;
                }
                if (input.pos(), output.pos()) == before {
                    return None;
                }
            }
        }
        out.extend_from_slice(&room);
        Some(())
    }
}
