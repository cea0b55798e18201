//! Cold. The hash of transactions: Poseidon2 of twelve words, eight of them taken in at a time.

use super::field::{Fe, Fe5};
use super::table::{DIAGONAL, FULL, PARTIAL};

type State = [Fe; 12];

fn seventh(x: Fe) -> Fe {
    let square = x.times(x);
    square.times(square).times(square).times(x)
}

/// The matrix of the rounds that touch everything: a circulant of 2, 3, 1, 1 on each four words, and
/// to each word those at the same place of the three fours.
fn mix(state: &State) -> State {
    let mut out = *state;
    for (four, block) in state.chunks_exact(4).enumerate() {
        let sum = block.iter().fold(Fe::ZERO, |sum, x| sum.plus(*x));
        for i in 0..4 {
            let next = block[(i + 1) % 4];
            out[4 * four + i] = sum.plus(block[i]).plus(next).plus(next);
        }
    }
    let column = |i: usize| out[i].plus(out[i + 4]).plus(out[i + 8]);
    let sums = [column(0), column(1), column(2), column(3)];
    std::array::from_fn(|i| out[i].plus(sums[i % 4]))
}

fn full(state: &State, constants: &[u64; 12]) -> State {
    mix(&std::array::from_fn(|i| seventh(state[i].plus(Fe::constant(constants[i])))))
}

fn permute(state: &State) -> State {
    let (first, last) = FULL.split_at(4);
    let mut state = first.iter().fold(mix(state), |s, row| full(&s, row));
    for constant in PARTIAL {
        state[0] = seventh(state[0].plus(Fe::constant(constant)));
        let sum = state.iter().fold(Fe::ZERO, |sum, x| sum.plus(*x));
        state = std::array::from_fn(|i| sum.plus(state[i].times(Fe::constant(DIAGONAL[i]))));
    }
    last.iter().fold(state, |s, row| full(&s, row))
}

/// No padding: a short last piece leaves the other words as they are.
fn absorb(input: &[Fe]) -> State {
    let mut state = [Fe::ZERO; 12];
    for piece in input.chunks(8) {
        state[..piece.len()].copy_from_slice(piece);
        state = permute(&state);
    }
    state
}

pub fn hash5(input: &[Fe]) -> Fe5 {
    let state = absorb(input);
    Fe5(std::array::from_fn(|i| state[i]))
}
