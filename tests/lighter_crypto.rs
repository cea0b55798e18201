//! Lighter's cryptography against the venue's vectors, against arbitrary-precision integers, and
//! against the laws that fields and groups have.

use evenkeel::venue::eip712::parse_hex;
use evenkeel::venue::lighter::crypto::ecgfp5::Point;
use evenkeel::venue::lighter::crypto::goldilocks::{Gf, P};
use evenkeel::venue::lighter::crypto::poseidon2::{WIDTH, hash, hash_to_quintic, permute};
use evenkeel::venue::lighter::crypto::quintic::Gf5;
use evenkeel::venue::lighter::crypto::scalar::{N, Scalar};
use evenkeel::venue::lighter::crypto::schnorr::{BadKey, PublicKey, Signature, Signer};
use num_bigint::BigUint;
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lighter/crypto_vectors.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A number that the file writes as a text.
fn number(value: &Value) -> Gf {
    Gf::from_canonical(value.as_str().unwrap().parse().unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<Gf> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn element(value: &Value) -> Gf5 {
    Gf5(numbers(value).try_into().unwrap())
}

fn bytes<const LEN: usize>(value: &Value) -> [u8; LEN] {
    let mut out = [0; LEN];
    assert!(parse_hex(value.as_str().unwrap().as_bytes(), &mut out), "{value}");
    out
}

/// The cases of a list, of which the file has `count`.
fn each(value: &Value, count: usize, mut check: impl FnMut(&Value)) {
    let cases = value.as_array().unwrap();
    assert_eq!(cases.len(), count);
    cases.iter().for_each(&mut check);
}

#[test]
fn the_hash_equals_the_vectors() {
    let file = vectors();
    let repo = &file["repo_vectors"];
    let mut state: [Gf; WIDTH] = numbers(&repo["permute"]["input"]).try_into().unwrap();
    permute(&mut state);
    assert_eq!(state[..], numbers(&repo["permute"]["output"]));
    for (name, len) in [("hash_n_to_12", 12), ("hash_n_to_4", 4)] {
        let mut output = vec![Gf::ZERO; len];
        hash(&numbers(&repo[name]["input"]), &mut output);
        assert_eq!(output, numbers(&repo[name]["output"]), "{name}");
    }
    each(&file["generated_by_python_reference"]["hash_to_quintic"], 14, |case| {
        assert_eq!(hash_to_quintic(&numbers(&case["input"])), element(&case["output"]), "{case}");
    });
}

#[test]
fn the_fields_equal_the_vectors() {
    let file = vectors();
    let made = &file["generated_by_python_reference"];
    each(&made["goldilocks"], 16, |case| {
        let (a, b) = (number(&case["a"]), number(&case["b"]));
        for (name, got) in [("add", a + b), ("sub", a - b), ("mul", a * b), ("inv_a", a.invert())] {
            assert_eq!(got, number(&case[name]), "{name} of {case}");
        }
    });
    each(&made["fp5"], 12, |case| {
        let (a, b) = (element(&case["a"]), element(&case["b"]));
        assert_eq!(a * b, element(&case["mul"]));
        assert_eq!(a.square(), element(&case["square_a"]));
        assert_eq!(a.invert(), element(&case["inv_a"]));
    });
}

#[test]
fn the_group_equals_the_vectors() {
    let file = vectors();
    let made = &file["generated_by_python_reference"];
    each(&made["scalar_mul_generator"], 20, |case| {
        let k = Scalar::from_bytes(&bytes(&case["k"])).unwrap();
        let point = Point::multiply_generator(&k);
        assert_eq!(point.encode().to_bytes(), bytes(&case["encoded_kG"]));
        assert_eq!(Point::decode(point.encode()), Some(point));
    });
    each(&made["decode"], 12, |case| {
        let point = Point::decode(Gf5::from_bytes(&bytes(&case["w"])).unwrap());
        assert_eq!(point.is_some(), case["valid"].as_bool().unwrap());
    });
}

fn big(words: &[u64]) -> BigUint {
    words.iter().rev().fold(BigUint::ZERO, |value, &word| (value << 64u32) + word)
}

fn order() -> BigUint {
    big(&N)
}

fn of(scalar: &Scalar) -> BigUint {
    BigUint::from_bytes_le(&scalar.to_bytes())
}

/// A word, more often than not at an edge of the field or of its representation.
fn word() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (0u64..4).prop_map(|near| P.wrapping_add(near).wrapping_sub(2)),
        (0u64..4).prop_map(|near| u64::MAX - near),
        (0u64..4),
        (0u64..4).prop_map(|near| 0xffff_fffe + near),
    ]
}

fn field() -> impl Strategy<Value = Gf5> {
    [word(), word(), word(), word(), word()].prop_map(|words| Gf5(words.map(Gf::new)))
}

fn scalar() -> impl Strategy<Value = Scalar> {
    let any = any::<[u64; 5]>().prop_map(Scalar::reduce);
    let low = (0u64..5).prop_map(|low| Scalar::from_words([low, 0, 0, 0, 0]).unwrap());
    let high = (1u64..5).prop_map(|low| {
        let low = Scalar::from_words([low, 0, 0, 0, 0]).unwrap();
        Scalar::ZERO.minus(&low)
    });
    prop_oneof![4 => any, 1 => low, 1 => high]
}

fn point() -> impl Strategy<Value = Point> {
    scalar().prop_map(|k| Point::multiply_generator(&k))
}

/// The product by the definition of the extension, in arbitrary precision.
fn slow_product(a: Gf5, b: Gf5) -> Gf5 {
    let (a, b) = (a.to_limbs(), b.to_limbs());
    let mut sums = [BigUint::ZERO, BigUint::ZERO, BigUint::ZERO, BigUint::ZERO, BigUint::ZERO];
    for i in 0..5 {
        for j in 0..5 {
            let wraps = if i + j < 5 { 1u32 } else { 3 };
            sums[(i + j) % 5] += BigUint::from(a[i]) * b[j] * wraps;
        }
    }
    Gf5(sums.map(|sum| Gf::new((sum % P).try_into().unwrap())))
}

proptest! {
    #[test]
    fn field_arithmetic_is_that_of_integers_mod_p(a in word(), b in word()) {
        let wide = |value: u128| Gf::new((value % u128::from(P)) as u64);
        let (x, y) = (u128::from(a), u128::from(b));
        let p2 = 2 * u128::from(P);
        prop_assert_eq!(Gf::new(a) + Gf::new(b), wide(x + y));
        prop_assert_eq!(Gf::new(a) - Gf::new(b), wide(x + p2 - y));
        prop_assert_eq!(-Gf::new(a), wide(p2 - x));
        prop_assert_eq!(Gf::new(a) * Gf::new(b), wide(x * y));
        prop_assert_eq!(u128::from(Gf::new(a).to_u64()), x % u128::from(P));
        prop_assert_eq!(Gf::new(a).is_zero(), x % u128::from(P) == 0);
        let inverse = Gf::new(a).invert();
        prop_assert_eq!(inverse * Gf::new(a), if Gf::new(a).is_zero() { Gf::ZERO } else { Gf::ONE });
        let square = Gf::new(a).square();
        let root = square.sqrt_public().unwrap();
        prop_assert!(root == Gf::new(a) || root == -Gf::new(a));
        // 7 generates the group, so it is no square.
        prop_assert!(Gf::new(a).is_zero() || (square * Gf::new(7)).sqrt_public().is_none());
    }

    #[test]
    fn extension_arithmetic_is_that_of_polynomials(a in field(), b in field(), c in field()) {
        prop_assert_eq!(a * b, slow_product(a, b));
        prop_assert_eq!(a.square(), slow_product(a, a));
        prop_assert_eq!(a * (b + c), a * b + a * c);
        prop_assert_eq!(a - b + b, a);
        prop_assert_eq!(a.times(263), slow_product(a, Gf5::new([263, 0, 0, 0, 0])));
        prop_assert_eq!(a.times_z(263), slow_product(a, Gf5::new([0, 263, 0, 0, 0])));
        let inverse = if a == Gf5::ZERO { Gf5::ZERO } else { Gf5::ONE };
        prop_assert_eq!(a * a.invert(), inverse);
        let root = a.square().sqrt_public().unwrap();
        prop_assert!(root == a || root == -a);
        prop_assert!(a.square().is_square_public());
        match b.sqrt_public() {
            Some(root) => prop_assert_eq!(root.square(), b),
            None => prop_assert!(!b.is_square_public()),
        }
        prop_assert_eq!(Gf5::from_bytes(&a.to_bytes()), Some(a));
    }

    #[test]
    fn scalar_arithmetic_is_that_of_integers_mod_n(
        a in scalar(), b in scalar(), any in any::<[u64; 5]>(), wide in any::<[u64; 8]>(),
    ) {
        prop_assert_eq!(of(&a.plus(&b)), (of(&a) + of(&b)) % order());
        prop_assert_eq!(of(&a.minus(&b)), (of(&a) + order() - of(&b)) % order());
        prop_assert_eq!(of(&a.times(&b.prepare())), (of(&a) * of(&b)) % order());
        prop_assert_eq!(of(&Scalar::reduce(any)), big(&any) % order());
        let mut bytes = [0; 64];
        for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(wide) {
            *place = word.to_le_bytes();
        }
        prop_assert_eq!(of(&Scalar::from_wide(&bytes)), big(&wide) % order());
        prop_assert_eq!(Scalar::from_words(any).is_some(), big(&any) < order());
        prop_assert_eq!(Scalar::from_bytes(&a.to_bytes()), Some(a));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn points_are_a_group(a in point(), b in point(), c in point()) {
        prop_assert_eq!(a.add(&b), b.add(&a));
        prop_assert_eq!(a.add(&b).add(&c), a.add(&b.add(&c)));
        prop_assert_eq!(a.add(&Point::NEUTRAL), a);
        prop_assert_eq!(a.add(&a.negate()), Point::NEUTRAL);
        prop_assert_eq!(a.add(&a), a.double());
        prop_assert_eq!(Point::decode(a.encode()), Some(a));
        prop_assert_eq!(Point::NEUTRAL.double(), Point::NEUTRAL);
    }

    #[test]
    fn multiples_add_up(a in scalar(), b in scalar(), c in scalar()) {
        let of = Point::multiply_generator;
        prop_assert_eq!(of(&a).add(&of(&b)), of(&a.plus(&b)));
        prop_assert_eq!(of(&a.minus(&b)).add(&of(&b)), of(&a));
        let both = of(&c).double_multiply_public(&a, &b);
        prop_assert_eq!(both, of(&a.plus(&b.times(&c.prepare()))));
        // The table against doubling and adding, bit by bit.
        let mut slow = Point::NEUTRAL;
        for bit in (0..320).rev() {
            slow = slow.double();
            if a.words()[bit / 64] >> (bit % 64) & 1 == 1 {
                slow = slow.add(&Point::generator());
            }
        }
        prop_assert_eq!(of(&a), slow);
    }

    #[test]
    fn what_was_signed_verifies_and_nothing_else(
        key in any::<[u8; 40]>(), hash in field(), flip in 0usize..640,
    ) {
        let key = Scalar::reduce(std::array::from_fn(|i| {
            u64::from_le_bytes(key[8 * i..8 * i + 8].try_into().unwrap())
        }));
        let mut signer = Signer::new(key.to_bytes()).unwrap();
        let public = signer.public_key();
        let (first, second) = (signer.sign(&hash), signer.sign(&hash));
        prop_assert_ne!(first, second);
        prop_assert!(public.verify(&hash, &first) && public.verify(&hash, &second));
        prop_assert!(!public.verify(&(hash + Gf5::ONE), &first));
        let mut other = Signer::new(key.plus(&Scalar::ONE).to_bytes()).unwrap();
        prop_assert!(!other.public_key().verify(&hash, &first));
        prop_assert!(!public.verify(&hash, &other.sign(&hash)));
        let mut bytes = first.to_bytes();
        bytes[flip / 8] ^= 1 << (flip % 8);
        if let Some(signature) = Signature::from_bytes(&bytes) {
            prop_assert!(!public.verify(&hash, &signature));
        }
    }
}

#[test]
fn one_value_has_one_encoding() {
    for i in 0..5 {
        let mut limbs = [0; 5];
        for (limb, good) in [(P - 1, true), (P, false), (P + 1, false), (u64::MAX, false)] {
            limbs[i] = limb;
            assert_eq!(Gf5::from_limbs(limbs).is_some(), good, "limb {i}: {limb}");
        }
    }
    assert!(Gf::from_canonical(P).is_none() && Gf::from_canonical(P - 1).is_some());
    assert!(Scalar::from_words(N).is_none());
    let last = Scalar::ZERO.minus(&Scalar::ONE);
    assert_eq!(of(&last), order() - 1u32);
    assert!(Scalar::from_bytes(&[0xff; 40]).is_none());
}

/// A second text of a signature would be a second transaction to whoever counts by bytes.
#[test]
fn a_signature_has_no_second_text() {
    let mut signer = Signer::new([7; 40]).unwrap();
    let (public, mut added) = (signer.public_key(), 0);
    for i in 0..20 {
        let hash = Gf5::new([i, 0, 0, 0, 0]);
        let bytes = signer.sign(&hash).to_bytes();
        assert!(public.verify(&hash, &Signature::from_bytes(&bytes).unwrap()));
        for half in [0, 40] {
            let plus_n = BigUint::from_bytes_le(&bytes[half..half + 40]) + order();
            let text = plus_n.to_bytes_le();
            if text.len() <= 40 {
                let mut other = bytes;
                other[half..half + text.len()].copy_from_slice(&text);
                assert!(Signature::from_bytes(&other).is_none());
                added += 1;
            }
        }
        // -s belongs to another r, so to another e.
        let minus = order() - BigUint::from_bytes_le(&bytes[..40]);
        let mut other = bytes;
        other[..40].fill(0);
        let text = minus.to_bytes_le();
        other[..text.len()].copy_from_slice(&text);
        assert!(!public.verify(&hash, &Signature::from_bytes(&other).unwrap()));
    }
    assert_eq!(added, 40, "2 n is below 2^320");
}

#[test]
fn what_is_no_key_is_refused_by_name() {
    assert_eq!(Signer::new([0; 40]).unwrap_err(), BadKey::Range);
    assert_eq!(Signer::new(order().to_bytes_le().try_into().unwrap()).unwrap_err(), BadKey::Range);
    assert_eq!(Signer::new([0xff; 40]).unwrap_err(), BadKey::Range);
    assert_eq!(Signer::parse("0x12").unwrap_err(), BadKey::Text);
    assert_eq!(Signer::parse(&"g".repeat(80)).unwrap_err(), BadKey::Text);
    // Under the neutral point as the key, everything would verify.
    assert_eq!(PublicKey::from_bytes(&[0; 40]).unwrap_err(), BadKey::Point);
    assert_eq!(PublicKey::from_bytes(&[0xff; 40]).unwrap_err(), BadKey::Point);
    let off = vectors()["generated_by_python_reference"]["decode"][0]["w"].clone();
    assert_eq!(PublicKey::parse(off.as_str().unwrap()).unwrap_err(), BadKey::Point);
    let shown = format!("{:?}", Signer::new([7; 40]).unwrap());
    assert!(shown.contains("redacted") && !shown.contains("0707"), "{shown}");
}
