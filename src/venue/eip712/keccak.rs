//! Hot. Keccak-256 (the original padding, not SHA-3's), for messages of mostly one block.
//!
//! An order costs three permutations that wait for each other, so this is most of the price of a
//! signature. The state is kept with lanes 1, 2, 8, 12, 17 and 20 complemented (Keccak
//! implementation overview 3.2, section 2.2), which leaves 8 of the 25 NOTs of a round: x86-64
//! without BMI1 has no and-not. Four rounds to an iteration, because a round writes its 25 lanes
//! elsewhere and LLVM then need not copy them back.
//!
//! Measured on a Zen 4 core at the x86-64 baseline, 96 bytes, ns: this 280 (two rounds to an
//! iteration 291, all 24 in a row 276 at four times the code), `keccak-asm` 277, `sha3` 358,
//! `tiny-keccak` 350. So safe code costs nothing here and saves a C and assembly build.

/// Bytes of a block: 1600 bits less twice 256 of capacity.
pub const RATE: usize = 136;

/// Complemented lanes of the state.
const COMPLEMENTED: [usize; 6] = [1, 2, 8, 12, 17, 20];

const ROUND_CONSTANTS: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808a,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808b,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008a,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000a,
    0x0000_0000_8000_808b,
    0x8000_0000_0000_008b,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800a,
    0x8000_0000_8000_000a,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// The Keccak-256 hash of `message`.
#[inline(always)]
pub fn keccak256(message: &[u8]) -> [u8; 32] {
    let mut lanes = [0u64; 25];
    for i in COMPLEMENTED {
        lanes[i] = !0;
    }
    let (blocks, rest) = message.as_chunks::<RATE>();
    for block in blocks {
        absorb(&mut lanes, block);
    }
    let mut last = [0u8; RATE];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x01;
    last[RATE - 1] |= 0x80;
    absorb(&mut lanes, &last);
    let mut hash = [0; 32];
    for (out, (i, lane)) in hash.as_chunks_mut::<8>().0.iter_mut().zip(lanes.iter().enumerate()) {
        let lane = if i == 1 || i == 2 { !lane } else { *lane };
        *out = lane.to_le_bytes();
    }
    hash
}

/// XORs a block into the state and permutes it.
#[inline]
fn absorb(lanes: &mut [u64; 25], block: &[u8; RATE]) {
    for (lane, bytes) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane ^= u64::from_le_bytes(*bytes);
    }
    permute(lanes);
}

/// Keccak-f[1600] of a state with complemented lanes.
#[inline(never)]
fn permute(state: &mut [u64; 25]) {
    let mut a = *state;
    for constants in ROUND_CONSTANTS.as_chunks::<4>().0 {
        a = round(&a, constants[0]);
        a = round(&a, constants[1]);
        a = round(&a, constants[2]);
        a = round(&a, constants[3]);
    }
    *state = a;
}

/// One round. Lane (x, y) is `a[x + 5 y]`; rows are written out because each complements other
/// lanes: with b of a complemented lane, `b ^ (!c & d)` becomes one of `^ |`, `^ &` by De Morgan.
#[inline(always)]
fn round(a: &[u64; 25], constant: u64) -> [u64; 25] {
    let c: [u64; 5] = std::array::from_fn(|x| a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
    let d: [u64; 5] = std::array::from_fn(|x| c[(x + 4) % 5] ^ c[(x + 1) % 5].rotate_left(1));
    // theta, rho and pi of one row of the result: from these lanes, turned by these offsets.
    let row = |lanes: [usize; 5], turn: [u32; 5]| -> [u64; 5] {
        std::array::from_fn(|i| (a[lanes[i]] ^ d[lanes[i] % 5]).rotate_left(turn[i]))
    };
    let mut e = [0; 25];

    let b = row([0, 6, 12, 18, 24], [0, 44, 43, 21, 14]);
    e[0] = b[0] ^ (b[1] | b[2]) ^ constant;
    e[1] = b[1] ^ (!b[2] | b[3]);
    e[2] = b[2] ^ (b[3] & b[4]);
    e[3] = b[3] ^ (b[4] | b[0]);
    e[4] = b[4] ^ (b[0] & b[1]);

    let b = row([3, 9, 10, 16, 22], [28, 20, 3, 45, 61]);
    e[5] = b[0] ^ (b[1] | b[2]);
    e[6] = b[1] ^ (b[2] & b[3]);
    e[7] = b[2] ^ (b[3] | !b[4]);
    e[8] = b[3] ^ (b[4] | b[0]);
    e[9] = b[4] ^ (b[0] & b[1]);

    let b = row([1, 7, 13, 19, 20], [1, 6, 25, 8, 18]);
    let not = !b[3];
    e[10] = b[0] ^ (b[1] | b[2]);
    e[11] = b[1] ^ (b[2] & b[3]);
    e[12] = b[2] ^ (not & b[4]);
    e[13] = not ^ (b[4] | b[0]);
    e[14] = b[4] ^ (b[0] & b[1]);

    let b = row([4, 5, 11, 17, 23], [27, 36, 10, 15, 56]);
    let not = !b[3];
    e[15] = b[0] ^ (b[1] & b[2]);
    e[16] = b[1] ^ (b[2] | b[3]);
    e[17] = b[2] ^ (not | b[4]);
    e[18] = not ^ (b[4] & b[0]);
    e[19] = b[4] ^ (b[0] | b[1]);

    let b = row([2, 8, 14, 15, 21], [62, 55, 39, 41, 2]);
    let not = !b[1];
    e[20] = b[0] ^ (not & b[2]);
    e[21] = not ^ (b[2] | b[3]);
    e[22] = b[2] ^ (b[3] & b[4]);
    e[23] = b[3] ^ (b[4] | b[0]);
    e[24] = b[4] ^ (b[0] & b[1]);
    e
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha3::Digest;

    #[test]
    fn known_hashes() {
        // The well-known hash of nothing (the code hash of an account without code).
        let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hex(&keccak256(b"")), empty);
        let abc = "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45";
        assert_eq!(hex(&keccak256(b"abc")), abc);
    }

    #[test]
    fn equals_the_library_at_every_length() {
        let message: Vec<u8> = (0..500u32).map(|i| (i * 167 + 13) as u8).collect();
        for n in 0..message.len() {
            let want: [u8; 32] = sha3::Keccak256::digest(&message[..n]).into();
            assert_eq!(keccak256(&message[..n]), want, "{n} bytes");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }
}
