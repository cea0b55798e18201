//! Hot. A caller's buffer, written from the front: the texts of all venues' frames. One that is too
//! small sets a flag and takes no more.

use crate::units::{SCALE, eight_chars, short_chars};

/// A caller's buffer and how much of it is written.
#[derive(Debug)]
pub struct Buf<'a> {
    out: &'a mut [u8],
    len: usize,
    /// Something did not fit; nothing more is taken.
    pub(super) full: bool,
}

impl<'a> Buf<'a> {
    pub fn new(out: &'a mut [u8]) -> Buf<'a> {
        Buf { out, len: 0, full: false }
    }

    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        match self.out.get_mut(self.len..self.len + bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            None => self.full = true,
        }
    }

    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        self.put(&[byte]);
    }

    /// Lower-case hex, two digits a byte.
    #[inline]
    pub fn hex(&mut self, bytes: &[u8; 32]) {
        match self.out.get_mut(self.len..self.len + 2 * bytes.len()) {
            Some(place) => {
                crate::venue::eip712::write_hex(bytes, place);
                self.len += 2 * bytes.len();
            }
            None => self.full = true,
        }
    }

    /// The first `len` of these bytes. A copy of constant length is a few moves, one of `len` bytes
    /// is a call: an order has thirty of them. What lies behind is overwritten by what follows.
    #[inline(always)]
    pub fn put_some<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        match self.out.get_mut(self.len..).and_then(|rest| rest.first_chunk_mut::<N>()) {
            Some(place) => {
                *place = *bytes;
                self.len += len.min(N);
            }
            None => self.put(&bytes[..len.min(N)]),
        }
    }

    /// The shortest decimal digits, eight at a time.
    #[inline]
    pub fn decimal(&mut self, value: u64) {
        const E8: u64 = SCALE as u64;
        if value < E8 {
            return self.short(value as u32);
        }
        let (high, low) = (value / E8, (value % E8) as u32);
        if high < E8 {
            self.short(high as u32);
        } else {
            // 2^64 has twenty digits: four above these.
            self.short((high / E8) as u32);
            self.put(&eight_chars((high % E8) as u32));
        }
        self.put(&eight_chars(low));
    }

    #[inline(always)]
    fn short(&mut self, value: u32) {
        let (chars, len) = short_chars(value);
        self.put_some(&chars, len);
    }

    /// Whether everything fitted so far and `len` more bytes will.
    #[inline]
    pub fn has_room(&self, len: usize) -> bool {
        !self.full && self.out.len() - self.len >= len
    }

    /// What is written; `None` when it did not fit.
    #[inline]
    pub fn written(&self) -> Option<&[u8]> {
        (!self.full).then_some(&self.out[..self.len])
    }
}
