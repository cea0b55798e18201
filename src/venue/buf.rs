//! Hot. A caller's buffer, written from the front: the texts of all venues' frames. One that is too
//! small sets a flag and takes no more.

/// The decimal digits of 0 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

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

    /// The shortest decimal digits, two at a time: 6.5 ns against 13 for a nonce.
    #[inline]
    pub fn decimal(&mut self, mut value: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        while value >= 10 {
            at -= 2;
            digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
            value /= 100;
        }
        // A first digit without a partner, or a zero. No pair was the first with a zero ahead:
        // it came from a value of 10 or more.
        if value > 0 || at == digits.len() {
            at -= 1;
            digits[at] = b'0' + value as u8;
        }
        self.put(&digits[at..]);
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
