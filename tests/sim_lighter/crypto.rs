//! The embedded venue's own verifier against the official signer's vectors, and against the engine's
//! signer.

use evenkeel::sim::server::Json;
use evenkeel::sim::server::lighter::crypto::{
    Fe, Fe5, Point, PublicKey, Scalar, hash5, hex, test_key, unhex,
};
use evenkeel::sim::server::lighter::tx::{Tx, text_hash};
use evenkeel::venue::lighter::crypto::schnorr::Signer;
use serde_json::Value;

fn file(name: &str) -> Value {
    let path = format!("{}/tests/data/lighter/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn key(vectors: &Value, name: &str) -> PublicKey {
    let keys = vectors["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["name"] == name).unwrap();
    PublicKey::parse(text(key, "public_key")).unwrap()
}

#[test]
fn hashes_and_signatures_of_the_official_signer() {
    let vectors = file("signing_vectors.json");
    let (mut executed, mut refused) = (0, 0);
    for case in vectors["transactions"].as_array().unwrap() {
        let Some(info) = case["tx_info"].as_str() else { continue };
        let info = Json::parse(info.as_bytes()).unwrap();
        let chain = u32::try_from(case["chain_id"].as_u64().unwrap()).unwrap();
        let tx = match Tx::read(case["tx_type"].as_u64().unwrap(), &info, chain) {
            Ok(tx) => tx,
            Err(refusal) => {
                assert_eq!(refusal.code, 21505, "{case}");
                refused += 1;
                continue;
            }
        };
        assert_eq!(hex(&tx.hash.to_bytes()), text(case, "tx_hash").trim_start_matches("0x"));
        let public = key(&vectors, text(case, "key"));
        assert!(public.verifies(&tx.hash, &tx.signature), "{case}");
        // One bit of either half, or another message.
        for at in [0, 39, 40, 79] {
            let mut bent = tx.signature;
            bent[at] ^= 1;
            assert!(!public.verifies(&tx.hash, &bent));
        }
        assert!(!public.verifies(&Fe5::ONE, &tx.signature));
        executed += 1;
    }
    // What the venue executes, and groups, margin, sub-accounts and keys, which it refuses by name.
    assert_eq!((executed, refused), (41, 6));
}

#[test]
fn tokens_of_the_official_signer() {
    let vectors = file("signing_vectors.json");
    let tokens = vectors["auth_tokens"].as_array().unwrap();
    assert!(tokens.len() >= 5);
    for token in tokens {
        let hash = text_hash(text(token, "message"));
        assert_eq!(hex(&hash.to_bytes()), text(token, "message_hash"));
        let signature = unhex::<80>(text(token, "sig_hex")).unwrap();
        assert!(key(&vectors, text(token, "key")).verifies(&hash, &signature));
    }
}

#[test]
fn signatures_with_a_known_nonce() {
    let vectors = file("signing_vectors.json");
    for case in vectors["deterministic_schnorr_fixed_k"].as_array().unwrap() {
        let public = PublicKey::parse(text(case, "public_key")).unwrap();
        let hash =
            unhex::<40>(text(case, "message_hash")).and_then(|b| Fe5::from_bytes(&b)).unwrap();
        let signature = unhex::<80>(text(case, "sig_hex")).unwrap();
        assert!(public.verifies(&hash, &signature), "{case}");
    }
}

#[test]
fn keys_and_signatures_of_the_engine() {
    for n in 0..20 {
        let private = test_key(n, 1, 4);
        let mut signer = Signer::new(private.to_bytes()).unwrap();
        let public = PublicKey::of(&private);
        assert_eq!(public.bytes(), &signer.public_key().to_bytes());
        assert!(PublicKey::from_bytes(public.bytes()).is_some());
        let hash = evenkeel::venue::lighter::token::text_hash(&format!("message {n}"));
        let mine = text_hash(&format!("message {n}"));
        assert_eq!(mine.to_bytes(), hash.to_bytes());
        assert!(public.verifies(&mine, &signer.sign(&hash).to_bytes()));
    }
}

#[test]
fn what_has_another_encoding_is_refused() {
    let order = "e1ff8b9496d90fe89ca024d7395c88e83906b8cfe6ffff7f16000000f1ffff7f07000080fdffff7f";
    assert!(Scalar::from_bytes(&unhex::<40>(order).unwrap()).is_none(), "the order itself");
    assert!(Scalar::from_bytes(&[0xff; 40]).is_none());
    assert!(PublicKey::from_bytes(&[0; 40]).is_none(), "the neutral point");
    assert!(PublicKey::from_bytes(&[0xff; 40]).is_none(), "words beyond p");
    // Half of all elements are no point's encoding.
    let found = (1..200u64).filter(|n| Point::decode(Fe5::small(*n)).is_some()).count();
    assert!((60..140).contains(&found), "{found}");
    assert!(unhex::<40>("00").is_none() && unhex::<1>("zz").is_none());
}

#[test]
fn the_hash_takes_any_length() {
    let ones = |n: usize| hash5(&vec![Fe::ONE; n]);
    let all: Vec<Fe5> = (0..30).map(ones).collect();
    for (i, a) in all.iter().enumerate() {
        assert!(!all[..i].contains(a), "{i}");
    }
    assert_eq!(ones(0), Fe5::ZERO);
}
