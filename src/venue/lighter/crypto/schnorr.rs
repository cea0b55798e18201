//! Hot. Keys and signatures.
//!
//! With k secret and uniform below n: r = encode(k G), e = H(r || h) mod n, s = k - e d mod n; the
//! signature is s and e, 40 bytes each, little-endian. It is good when H(encode(s G + e Q) || h)
//! mod n is e again. Because e is a hash over r, there is no second signature to be made from a
//! first: s and e have one encoding each.
//!
//! [`Signer`] draws k when it signs: 512 bits from the operating system, the key, a counter and the
//! message, so that k is neither biased nor repeated when the system's bytes are poor. (A k of 256
//! bits under an order of 319, as some clients derive it, gives the key away after a few dozen
//! signatures.) It costs a multiplication of the generator, which [`super::pool`] moves off the
//! path.
//!
//! Source: C. P. Schnorr, "Efficient Signature Generation by Smart Cards" (1991); the layout is
//! that of elliottech/poseidon_crypto (Apache-2.0), signature/schnorr.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::ecgfp5::Point;
use super::goldilocks::Gf;
use super::poseidon2::hash_to_quintic;
use super::quintic::Gf5;
use super::scalar::{Prepared, Scalar};
use crate::venue::eip712::{parse_hex, write_hex};
use crate::venue::nonces::NonceSource;

/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 80;

/// A signature: s, then e.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    s: Scalar,
    e: Scalar,
}

/// Why a text or its bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// Not 80 hex digits, with or without `0x`.
    Text,
    /// A private key that is zero or not below the order of the group.
    Range,
    /// A public key that is not the encoding of a point of the group, or of the neutral one.
    Point,
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadKey::Text => "not a Lighter key: not 80 hex digits",
            BadKey::Range => "not a Lighter private key: zero or not below the group order",
            BadKey::Point => "not a Lighter public key: not a point of the group",
        })
    }
}

impl std::error::Error for BadKey {}

/// A public key: a point that is not the neutral one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey {
    encoded: Gf5,
    point: Point,
}

/// The challenge: H(r || h) mod n.
#[inline]
pub(super) fn challenge(r: &Gf5, hash: &Gf5) -> Scalar {
    let mut input = [Gf::ZERO; 10];
    input[..5].copy_from_slice(&r.0);
    input[5..].copy_from_slice(&hash.0);
    Scalar::reduce(hash_to_quintic(&input).to_limbs())
}

impl PublicKey {
    /// Reads the 40 bytes.
    pub fn from_bytes(bytes: &[u8; 40]) -> Result<PublicKey, BadKey> {
        let encoded = Gf5::from_bytes(bytes).ok_or(BadKey::Point)?;
        let point = Point::decode(encoded).filter(|_| encoded != Gf5::ZERO);
        Ok(PublicKey { encoded, point: point.ok_or(BadKey::Point)? })
    }

    /// Reads 80 hex digits, with or without `0x`.
    pub fn parse(text: &str) -> Result<PublicKey, BadKey> {
        PublicKey::from_bytes(&parse_key(text)?)
    }

    pub fn to_bytes(&self) -> [u8; 40] {
        self.encoded.to_bytes()
    }

    /// The element that a transaction's hash takes.
    pub fn encoded(&self) -> Gf5 {
        self.encoded
    }

    /// Whether this key's owner signed `hash`. Takes as long as it takes: all of it is public.
    pub fn verify(&self, hash: &Gf5, signature: &Signature) -> bool {
        let r = self.point.double_multiply_public(&signature.s, &signature.e).encode();
        challenge(&r, hash) == signature.e
    }
}

impl fmt::Display for PublicKey {
    /// 80 hex digits, as the venue gives them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 80];
        write_hex(&self.to_bytes(), &mut text);
        f.write_str(str::from_utf8(&text).expect("hex digits"))
    }
}

fn parse_key(text: &str) -> Result<[u8; 40], BadKey> {
    let mut bytes = [0; 40];
    let digits = text.strip_prefix("0x").unwrap_or(text);
    parse_hex(digits.as_bytes(), &mut bytes).then_some(bytes).ok_or(BadKey::Text)
}

impl Signature {
    #[inline]
    pub fn to_bytes(&self) -> [u8; SIGNATURE_LEN] {
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..40].copy_from_slice(&self.s.to_bytes());
        bytes[40..].copy_from_slice(&self.e.to_bytes());
        bytes
    }

    /// `None` when s or e is not below n.
    pub fn from_bytes(bytes: &[u8; SIGNATURE_LEN]) -> Option<Signature> {
        let (s, e) = bytes.split_at(40);
        let scalar = |half: &[u8]| Scalar::from_bytes(half.try_into().ok()?);
        Some(Signature { s: scalar(s)?, e: scalar(e)? })
    }
}

/// The private key, and the same prepared for the product e d.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Secret {
    key: Scalar,
    prepared: Prepared,
}

/// A private key. The secret is in one heap place, which a move of the signer does not copy, and
/// is wiped there on drop.
pub struct Signer {
    secret: Box<Secret>,
    public: PublicKey,
    source: NonceSource,
    /// Signatures for which the operating system gave no random bytes. They are safe; the counter
    /// and the message keep their nonces apart.
    pub unseeded: u64,
}

impl Signer {
    /// Takes a private key, little-endian; wipes the copy it was given. Computing the public key
    /// also makes the table of multiples, which is then not left to the first order.
    pub fn new(mut bytes: [u8; 40]) -> Result<Signer, BadKey> {
        let key = Scalar::from_bytes(&bytes).filter(|key| !key.is_zero());
        bytes.zeroize();
        let key = key.ok_or(BadKey::Range)?;
        let secret = Box::new(Secret { key, prepared: key.prepare() });
        let encoded = Point::multiply_generator(&secret.key).encode();
        let public = PublicKey::from_bytes(&encoded.to_bytes())?;
        let text = Zeroizing::new(secret.key.to_bytes());
        let source = NonceSource::new(b"evenkeel schnorr k :", &text[..]);
        Ok(Signer { secret, public, source, unseeded: 0 })
    }

    /// Reads 80 hex digits, with or without `0x`.
    pub fn parse(text: &str) -> Result<Signer, BadKey> {
        Signer::new(parse_key(text)?)
    }

    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Signs with a nonce of its own, drawn now. Takes tens of microseconds.
    pub fn sign(&mut self, hash: &Gf5) -> Signature {
        let (wide, seeded) = self.source.draw_for(&hash.to_bytes());
        self.unseeded += u64::from(!seeded);
        let k = Zeroizing::new(Scalar::from_wide(&wide));
        let r = Point::multiply_generator(&k).encode();
        self.finish(&k, &r, hash)
    }

    /// The rest of a signature, once k and r = encode(k G) are there. `k` must never be used again.
    #[inline]
    pub(super) fn finish(&self, k: &Scalar, r: &Gf5, hash: &Gf5) -> Signature {
        let e = challenge(r, hash);
        Signature { s: k.minus(&e.times(&self.secret.prepared)), e }
    }

    pub(super) fn nonce_source(&self) -> NonceSource {
        let text = Zeroizing::new(self.secret.key.to_bytes());
        NonceSource::new(b"evenkeel schnorr kr:", &text[..])
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, key redacted)", self.public)
    }
}
