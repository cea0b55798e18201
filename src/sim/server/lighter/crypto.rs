//! Cold. Who signed: the venue's hash, group and signatures, for checking them only.
//!
//! Written from the published description (elliottech/poseidon_crypto, pornin/ecgfp5) and apart from
//! the engine's signer, so that an error of one of the two does not verify itself. It is plain and
//! slow (about half a millisecond a signature) and takes no care of secrets: the only private keys
//! that it sees are printed ones.
//!
//! The engine's constants are not taken from there either: `table.rs` is a copy of its own.

mod curve;
mod field;
mod sponge;
mod table;

pub use curve::{Point, Scalar};
pub use field::{Fe, Fe5};
pub use sponge::hash5;

/// A public key, ready to check with.
#[derive(Clone, Debug)]
pub struct PublicKey {
    bytes: [u8; 40],
    point: Point,
}

impl PublicKey {
    /// `None` for what is no point's encoding, and for the neutral point.
    pub fn from_bytes(bytes: &[u8; 40]) -> Option<PublicKey> {
        let encoded = Fe5::from_bytes(bytes)?;
        if encoded == Fe5::ZERO {
            return None;
        }
        Some(PublicKey { bytes: *bytes, point: Point::decode(encoded)? })
    }

    /// 80 hex digits, `0x` before them or not.
    pub fn parse(hex: &str) -> Option<PublicKey> {
        PublicKey::from_bytes(&unhex::<40>(hex)?)
    }

    /// Of a private key: for keys that are made for a test and shown to everybody.
    pub fn of(private: &Scalar) -> PublicKey {
        let point = Point::GENERATOR.times(private);
        PublicKey { bytes: point.encode().to_bytes(), point }
    }

    pub fn bytes(&self) -> &[u8; 40] {
        &self.bytes
    }

    /// As the venue prints it: 80 hex digits.
    pub fn text(&self) -> String {
        hex(&self.bytes)
    }

    /// A signature is s and e, 40 bytes each, little-endian: with r = s G + e K it is right when
    /// H(r, message) is e again.
    pub fn verifies(&self, message: &Fe5, signature: &[u8; 80]) -> bool {
        let half = |at: usize| {
            let mut bytes = [0; 40];
            bytes.copy_from_slice(&signature[at..at + 40]);
            Scalar::from_bytes(&bytes)
        };
        let (Some(s), Some(e)) = (half(0), half(40)) else { return false };
        let r = self.point.times_and_generator(&e, &s).encode();
        let mut input = [Fe::ZERO; 10];
        input[..5].copy_from_slice(&r.0);
        input[5..].copy_from_slice(&message.0);
        Scalar::reduced(&hash5(&input)) == e
    }
}

/// A private key that everybody may know: a number of this seed and this place.
pub fn test_key(seed: u64, account: u64, key: u8) -> Scalar {
    let input = [0x6576_656e, seed, account, u64::from(key)].map(Fe::reduced);
    Scalar::reduced(&hash5(&input))
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

/// Exactly `N` bytes of hex digits, `0x` before them or not.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        // Two digits of four bits: at most 255.
        *slot = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(out)
}
