//! Hot. Mask keys: an unpredictable 32-bit value for every frame that we send.
//!
//! RFC 6455 (5.3) wants each key from a strong source, such that earlier keys do not tell the next.
//! A counter or a xorshift does not give that; `getrandom` does, but it is a system call per order.
//! ChaCha with 8 rounds, keyed once per connection by the operating system, gives 16 keys per
//! block: about 100 ns once per 16 frames, in line with the rest of the cost of a frame. The best
//! published attacks reach 7 rounds and need 2^235 work or more (Aumasson, "Too Much Crypto",
//! 2019), and these keys guard nothing but intermediaries that misread a stream.

/// The state of ChaCha: constants, 256-bit key, 64-bit block counter, 64-bit nonce.
const SIGMA: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

/// A stream of mask keys.
pub struct MaskKeys {
    state: [u32; 16],
    block: [u32; 16],
    next: usize,
}

impl std::fmt::Debug for MaskKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskKeys(..)")
    }
}

impl MaskKeys {
    /// A stream keyed by the operating system's randomness.
    pub fn from_os() -> Result<MaskKeys, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(MaskKeys::from_seed(seed))
    }

    /// A stream with a given key, for tests.
    pub fn from_seed(seed: [u8; 32]) -> MaskKeys {
        let mut state = [0; 16];
        state[..4].copy_from_slice(&SIGMA);
        for (word, bytes) in state[4..12].iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        MaskKeys { state, block: [0; 16], next: 16 }
    }

    /// The next key.
    #[inline]
    pub fn next_key(&mut self) -> [u8; 4] {
        if self.next == self.block.len() {
            self.refill();
        }
        let key = self.block[self.next].to_le_bytes();
        self.next += 1;
        key
    }

    #[inline(never)]
    fn refill(&mut self) {
        self.block = chacha::<8>(&self.state);
        self.next = 0;
        let counter = (u64::from(self.state[13]) << 32 | u64::from(self.state[12])).wrapping_add(1);
        self.state[12] = counter as u32;
        self.state[13] = (counter >> 32) as u32;
    }
}

fn chacha<const ROUNDS: usize>(state: &[u32; 16]) -> [u32; 16] {
    let mut x = *state;
    for _ in 0..ROUNDS / 2 {
        for column in 0..4 {
            quarter(&mut x, [column, 4 + column, 8 + column, 12 + column]);
        }
        for d in 0..4 {
            quarter(&mut x, [d, 4 + (d + 1) % 4, 8 + (d + 2) % 4, 12 + (d + 3) % 4]);
        }
    }
    for (word, start) in x.iter_mut().zip(state) {
        *word = word.wrapping_add(*start);
    }
    x
}

#[inline(always)]
fn quarter(x: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (one, two, three, by) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        x[one] = x[one].wrapping_add(x[two]);
        x[three] = (x[three] ^ x[one]).rotate_left(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8439, 2.3.2: the rounds and the layout; only the round count differs from ours.
    #[test]
    fn the_block_function_is_chacha() {
        let mut seed = [0; 32];
        for (i, byte) in seed.iter_mut().enumerate() {
            *byte = i as u8;
        }
        let mut state = MaskKeys::from_seed(seed).state;
        state[12..].copy_from_slice(&[1, 0x0900_0000, 0x4a00_0000, 0]);
        let block = chacha::<20>(&state);
        assert_eq!(block[..4], [0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3]);
        assert_eq!(block[12..], [0xd19c_12b5, 0xb94e_16de, 0xe883_d0cb, 0x4e3c_50a2]);
    }

    #[test]
    fn keys_do_not_repeat_and_streams_differ() {
        let mut one = MaskKeys::from_os().unwrap();
        let mut two = MaskKeys::from_os().unwrap();
        let keys: std::collections::BTreeSet<_> = (0..1000).map(|_| one.next_key()).collect();
        // 1000 draws of 2^32: a pair of equal keys has a chance of about 10^-4.
        assert!(keys.len() >= 999);
        let first: Vec<_> = (0..4).map(|_| one.next_key()).collect();
        let second: Vec<_> = (0..4).map(|_| two.next_key()).collect();
        assert_ne!(first, second);
    }
}
