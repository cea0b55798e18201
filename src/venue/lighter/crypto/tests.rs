//! Cold. What needs the inside of the module: signatures with a given k.

use super::ecgfp5::Point;
use super::goldilocks::Gf;
use super::quintic::Gf5;
use super::scalar::Scalar;
use super::schnorr::{PublicKey, Signature, Signer};
use crate::venue::eip712::parse_hex;

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [0; N];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    assert!(parse_hex(digits.as_bytes(), &mut out), "{text}");
    out
}

/// The signature that a given k makes, and its r.
fn sign_with(signer: &Signer, k: [u8; 40], hash: &Gf5) -> (Signature, Gf5) {
    let k = Scalar::from_bytes(&k).unwrap();
    let r = Point::multiply_generator(&k).encode();
    (signer.finish(&k, &r, hash), r)
}

fn vectors(name: &str) -> serde_json::Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lighter/");
    serde_json::from_slice(&std::fs::read(format!("{folder}{name}")).unwrap()).unwrap()
}

#[test]
fn signatures_with_a_given_nonce_are_equal_byte_for_byte() {
    let file = vectors("signing_vectors.json");
    let cases = file["deterministic_schnorr_fixed_k"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let signer = Signer::parse(text("private_key")).unwrap();
        let hash = Gf5::from_bytes(&bytes(text("message_hash"))).unwrap();
        let (signature, r) = sign_with(&signer, bytes(text("k")), &hash);
        assert_eq!(signature.to_bytes(), bytes(text("sig_hex")));
        assert_eq!(r.to_bytes(), bytes(text("r_encoded")));
        assert!(signer.public_key().verify(&hash, &signature));
    }
    let file = vectors("crypto_vectors.json");
    let cases = file["repo_schnorr_fixed_k"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let signer = Signer::parse(text("sk")).unwrap();
        let hash = Gf5::from_bytes(&bytes(text("message_hash"))).unwrap();
        let (signature, _) = sign_with(&signer, bytes(text("k")), &hash);
        let both = format!("{}{}", text("s"), text("e"));
        assert_eq!(signature.to_bytes(), bytes(&both));
        assert_eq!(signer.public_key(), PublicKey::parse(text("public_key")).unwrap());
    }
}

#[test]
fn a_non_canonical_representation_counts_as_its_value() {
    // 2^64 - 1 stands for 2^32 - 2.
    let large = Gf::new(u64::MAX);
    let small = Gf::new(0xffff_fffe);
    assert_eq!(large, small);
    assert_eq!(large + large, small + small);
    assert_eq!(large - small, Gf::ZERO);
    assert_eq!(Gf::ZERO - large, Gf::ZERO - small);
    assert_eq!(small - Gf::new(u64::MAX - 1), Gf::ONE);
    assert_eq!(large * large, small * small);
    assert!(Gf::new(super::goldilocks::P).is_zero());
}

/// Are the nonces uniform below n, or biased as reduced from too few bits? From a fixed stream, so
/// that the answer is the same each time.
#[test]
fn nonces_are_uniform_below_the_order() {
    const DRAWS: u64 = 20_000;
    let mut ones = [0u32; 319];
    let mut eighths = [0u32; 8];
    for i in 0..DRAWS {
        let mut wide = [0; 64];
        for (half, place) in wide.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            *place =
                crate::venue::eip712::keccak256(&[&i.to_be_bytes()[..], &[half as u8]].concat());
        }
        let k = Scalar::from_wide(&wide);
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += (k.words()[bit / 64] >> (bit % 64) & 1) as u32;
        }
        // n is 2^319 less one part in 2^34, so eighths of 2^319 are eighths of n.
        eighths[(k.words()[4] >> 60) as usize] += 1;
    }
    // Five standard deviations: sqrt(20 000 / 4) = 71, sqrt(20 000 7/64) = 47.
    assert!(ones.iter().all(|count| count.abs_diff(10_000) < 355), "{ones:?}");
    assert!(eighths.iter().all(|count| count.abs_diff(2_500) < 235), "{eighths:?}");
}

#[test]
fn drawn_nonces_are_long_and_differ() {
    let mut source = Signer::new([3; 40]).unwrap().nonce_source();
    let mut seen = Vec::new();
    for _ in 0..2_000 {
        seen.push(Scalar::from_wide(&source.draw().unwrap()));
        seen.push(Scalar::from_wide(&source.draw_for(&[0; 40]).0));
    }
    // A k of 256 bits would have no fifth word; one of ours lacks it once in 2^63.
    assert!(seen.iter().all(|k| k.words()[4] != 0));
    seen.sort_by_key(|k| *k.words());
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn the_same_random_bytes_do_not_give_the_same_nonce_twice() {
    let (mut a, mut b) = (Signer::new([3; 40]).unwrap(), Signer::new([3; 40]).unwrap());
    let hash = Gf5::ONE;
    let signatures = [a.sign(&hash), a.sign(&hash), b.sign(&hash)];
    for (i, one) in signatures.iter().enumerate() {
        assert!(signatures[..i].iter().all(|other| other != one));
    }
}
