//! Sixteen bytes compared at once. What is unsafe in the parse engine stands here: SSE2, which every x86-64 has.

#![allow(unsafe_code)] // the intrinsics ask for a processor that has SSE2

/// Sixteen bytes. A mark is a bit, the first byte's lowest.
#[derive(Clone, Copy)]
pub(super) struct Lanes(own::Bytes);

impl Lanes {
    /// The sixteen bytes at a place.
    #[inline(always)]
    pub fn at(text: &[u8], at: usize) -> Option<Self> {
        Some(Self(own::load(text.get(at..)?.first_chunk()?)))
    }

    /// Marks those that are this byte.
    #[inline(always)]
    pub fn are(self, byte: u8) -> u32 {
        own::are(self.0, byte)
    }

    /// Marks those that are this byte or a smaller one.
    #[inline(always)]
    pub fn are_at_most(self, byte: u8) -> u32 {
        own::are_at_most(self.0, byte)
    }
}

#[cfg(target_arch = "x86_64")]
mod own {
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8,
    };

    pub type Bytes = __m128i;

    #[inline(always)]
    pub fn load(bytes: &[u8; 16]) -> Bytes {
        // SAFETY: sixteen bytes are there, and they need not be aligned.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    #[inline(always)]
    pub fn are(bytes: Bytes, byte: u8) -> u32 {
        // SAFETY: every x86-64 has SSE2; no memory is touched.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))).cast_unsigned() }
    }

    #[inline(always)]
    pub fn are_at_most(bytes: Bytes, byte: u8) -> u32 {
        // SAFETY: every x86-64 has SSE2; no memory is touched.
        unsafe {
            let least = _mm_min_epu8(bytes, _mm_set1_epi8(byte.cast_signed()));
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, least)).cast_unsigned()
        }
    }
}

/// The same for other processors.
#[cfg(not(target_arch = "x86_64"))]
mod own {
    pub type Bytes = [u8; 16];

    #[inline(always)]
    pub fn load(bytes: &[u8; 16]) -> Bytes {
        *bytes
    }

    #[inline(always)]
    fn marks(bytes: Bytes, test: impl Fn(u8) -> bool) -> u32 {
        bytes.iter().enumerate().fold(0, |marks, (at, byte)| marks | u32::from(test(*byte)) << at)
    }

    #[inline(always)]
    pub fn are(bytes: Bytes, byte: u8) -> u32 {
        marks(bytes, |own| own == byte)
    }

    #[inline(always)]
    pub fn are_at_most(bytes: Bytes, byte: u8) -> u32 {
        marks(bytes, |own| own <= byte)
    }
}
