//! Hot. What Lighter signs with: Schnorr signatures over ecGFp5 with Poseidon2 as the hash.
//!
//! From the bottom: [`goldilocks`] (the field), [`quintic`] (its extension of degree five),
//! [`poseidon2`] (hash), [`ecgfp5`] (group), [`scalar`] (numbers mod the group's order),
//! [`schnorr`] (keys, signatures, verification), [`pool`] (nonces made ahead). Each names its
//! sources. `tests/lighter_crypto.rs` holds them against the venue's own vectors and against
//! arbitrary-precision integers.
//!
//! **Secrets and time.** Secret are the key, the nonce k, and what is computed from them until r
//! and s are made. They pass through: `Scalar::{from_wide, reduce, plus, minus, prepare, times}`,
//! `Point::multiply_generator` with its digits, masks and additions, and the inversion in
//! `Point::encode`. None of these branches on a value or uses one as an index: carries and digits
//! become masks, the table is read whole, the group's formulas are complete, inversions have fixed
//! exponents. Multiplication of 64-bit words takes the same time for all values on the processors
//! that this runs on. The rest is for numbers that everybody may know, and is named `.._public`.
//! The compiler is not bound by any of this; where it could turn a mask into a branch
//! (`ecgfp5::equal_mask`), a `black_box` stands in its way.
//!
//! **One encoding.** A limb is below p, a scalar below n, a point's w belongs to the group, or the
//! bytes are refused. Otherwise one signature would have several texts.

mod constants;
pub mod ecgfp5;
pub mod goldilocks;
pub mod pool;
pub mod poseidon2;
pub mod quintic;
pub mod scalar;
pub mod schnorr;

#[cfg(test)]
mod tests;
