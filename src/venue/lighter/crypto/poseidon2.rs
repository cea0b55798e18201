//! Hot. The Poseidon2 permutation at width 12 and the sponge on it.
//!
//! Four full rounds (x^7 on each word, then a matrix of small numbers), 22 partial ones (x^7 on
//! the first word, then ones everywhere plus a diagonal), four full ones. Between rounds words are
//! any 64-bit representation; a linear layer sums in 128 bits and reduces once a word, and the
//! next round's constants are in that sum.
//!
//! The sponge overwrites: each chunk of up to eight inputs replaces as many first words, also when
//! the last chunk is short, and no padding marks the end. So it must not hash inputs of differing
//! lengths in one role; every use in this venue has a fixed length per transaction type.
//!
//! Sources: L. Grassi, D. Khovratovich, M. Schofnegger, "Poseidon2" (IACR ePrint 2023/323); the
//! venue's instance, elliottech/poseidon_crypto (Apache-2.0).

use super::constants::{DIAGONAL, FULL, PARTIAL};
use super::goldilocks::{Gf, reduce96, reduce128};
use super::quintic::Gf5;

pub const WIDTH: usize = 12;

/// Words of the state that take inputs and give outputs.
pub const RATE: usize = 8;

/// What the linear layer at the end of each full round adds: the constants of what follows. The
/// first entry is for the layer before the first round.
const AFTER_FULL: [[u64; WIDTH]; 9] = {
    let mut after = [[0; WIDTH]; 9];
    let mut round = 0;
    while round < 4 {
        after[round] = FULL[round];
        round += 1;
    }
    after[4][0] = PARTIAL[0];
    while round < 7 {
        // The layer after full round 4 is entry 5.
        after[round + 1] = FULL[round + 1];
        round += 1;
    }
    after
};

/// A 128-bit sum of small multiples of words. Here at most 28 words and a constant: 2^69.
#[inline(always)]
fn plus(a: u128, b: u128) -> u128 {
    a.wrapping_add(b)
}

/// The matrix of the full rounds, circ(2 M, M, M) with M = circ(2, 3, 1, 1), then `constants`.
#[inline(always)]
fn full_layer(state: &mut [Gf; WIDTH], constants: &[u64; WIDTH]) {
    let mut blocks = [[0u128; 4]; 3];
    for (block, words) in blocks.iter_mut().zip(state.as_chunks::<4>().0) {
        let [a, b, c, d] = words.map(|word| u128::from(word.raw()));
        let (ab, bc, cd, da) = (plus(a, b), plus(b, c), plus(c, d), plus(d, a));
        let all = plus(ab, cd);
        *block = [
            plus(plus(all, ab), b),
            plus(plus(all, bc), c),
            plus(plus(all, cd), d),
            plus(plus(all, da), a),
        ];
    }
    let [first, second, third] = blocks;
    let column: [u128; 4] = std::array::from_fn(|i| plus(plus(first[i], second[i]), third[i]));
    for (i, word) in state.iter_mut().enumerate() {
        let sum = plus(blocks[i / 4][i % 4], column[i % 4]);
        *word = reduce96(plus(sum, constants[i].into()));
    }
}

#[inline(always)]
fn full_round(state: &mut [Gf; WIDTH], constants: &[u64; WIDTH]) {
    *state = state.map(Gf::pow7);
    full_layer(state, constants);
}

/// x^7 on the first word, then each word times its diagonal plus the sum of all plus a constant.
#[inline(always)]
fn partial_round(state: &mut [Gf; WIDTH], constants: &[u64; WIDTH]) {
    // The sum of the others does not wait for x^7.
    let others = state[1..].iter().fold(0, |sum, word| plus(sum, word.raw().into()));
    state[0] = state[0].pow7();
    let all = plus(others, state[0].raw().into());
    for (i, word) in state.iter_mut().enumerate() {
        // A diagonal is below p, so the product is at most (2^64 - 1)(2^64 - 2^32), which leaves
        // room for 2^96 - 2^64; the sum is below 13 2^64.
        let product = u128::from(word.raw()).wrapping_mul(DIAGONAL[i].into());
        *word = reduce128(plus(product, plus(all, constants[i].into())));
    }
}

/// Permutes the state in place.
pub fn permute(state: &mut [Gf; WIDTH]) {
    full_layer(state, &AFTER_FULL[0]);
    for constants in &AFTER_FULL[1..5] {
        full_round(state, constants);
    }
    for &constant in &PARTIAL[1..] {
        let mut constants = [0; WIDTH];
        constants[0] = constant;
        partial_round(state, &constants);
    }
    partial_round(state, &FULL[4]);
    for constants in &AFTER_FULL[5..] {
        full_round(state, constants);
    }
}

/// Hashes `input` to as many words as `output` has. An empty input gives zeros.
#[inline]
pub fn hash(input: &[Gf], output: &mut [Gf]) {
    let mut state = [Gf::ZERO; WIDTH];
    for chunk in input.chunks(RATE) {
        state[..chunk.len()].copy_from_slice(chunk);
        permute(&mut state);
    }
    for (i, chunk) in output.chunks_mut(RATE).enumerate() {
        if i > 0 {
            permute(&mut state);
        }
        chunk.copy_from_slice(&state[..chunk.len()]);
    }
}

/// Hashes to an element of GF(p^5): the hash of a transaction, the challenge of a signature.
#[inline]
pub fn hash_to_quintic(input: &[Gf]) -> Gf5 {
    let mut element = Gf5::ZERO;
    hash(input, &mut element.0);
    element
}
