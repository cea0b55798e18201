//! Hot. secp256k1 signatures over 32-byte digests, with the recovery id that Ethereum calls v.
//!
//! [`Signer`] is the plain way: the nonce is derived from key and digest (RFC 6979, HMAC-SHA-256)
//! and s is the low one of the two, so a signature is a function of its input and equals what
//! eth_account and libsecp256k1 give. It costs a multiplication of the generator, which is what
//! [`super::pool`] moves off the path.

use std::fmt;

use k256::ecdsa::{RecoveryId, Signature as K256Signature, SigningKey, VerifyingKey};

use super::keccak256;

/// An account: the last 20 bytes of the hash of the public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub [u8; 20]);

/// r and s big-endian, s low, v 27 or 28.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    pub r: [u8; 32],
    pub s: [u8; 32],
    pub v: u8,
}

/// The 32 bytes are not a private key: zero, or not below the order of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadKey;

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a secp256k1 private key: zero or not below the group order")
    }
}

impl std::error::Error for BadKey {}

/// A private key and the address it signs for. The key is in one heap place, which a move of the
/// signer does not copy, and is wiped there on drop.
pub struct Signer {
    key: Box<SigningKey>,
    address: Address,
}

impl Signer {
    /// Takes a private key, big-endian; wipes the copy it was given. Computing the public key also
    /// builds the table of multiples of the generator, which is then not left to the first order.
    pub fn new(mut key: [u8; 32]) -> Result<Signer, BadKey> {
        let parsed = SigningKey::from_slice(&key);
        zeroize::Zeroize::zeroize(&mut key);
        let key = Box::new(parsed.map_err(|_| BadKey)?);
        let address = address_of(key.verifying_key());
        Ok(Signer { key, address })
    }

    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a digest; the same digest gives the same signature. Takes tens of microseconds.
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        let (signature, recovery) = self.key.sign_prehash_recoverable(digest);
        let (r, s) = signature.split_bytes();
        Signature { r: r.into(), s: s.into(), v: 27 + recovery.to_byte() }
    }

    pub(super) fn secret(&self) -> &k256::NonZeroScalar {
        self.key.as_nonzero_scalar()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?}, key redacted)", self.address)
    }
}

impl Signature {
    /// The address whose key made this signature over `digest`; `None` when no key can have.
    /// Cold: tests and the check of a new key.
    pub fn recover(&self, digest: &[u8; 32]) -> Option<Address> {
        let recovery = RecoveryId::from_byte(self.v.checked_sub(27)?)?;
        let signature = K256Signature::from_scalars(self.r, self.s).ok()?;
        let key = VerifyingKey::recover_from_prehash(digest, &signature, recovery).ok()?;
        Some(address_of(&key))
    }
}

fn address_of(key: &VerifyingKey) -> Address {
    // SEC1 uncompressed: 04, x, y; the hash is of x and y.
    let point = key.to_sec1_point(false);
    let hash = keccak256(&point.as_bytes()[1..]);
    let mut address = [0; 20];
    address.copy_from_slice(&hash[12..]);
    Address(address)
}

impl Address {
    /// Reads `0x` and 40 hex digits of either case.
    pub fn parse(text: &[u8]) -> Option<Address> {
        let mut address = [0; 20];
        super::parse_hex(text.strip_prefix(b"0x")?, &mut address).then_some(Address(address))
    }

    /// `0x` and 40 lower-case digits: the only form that Hyperliquid hashes.
    pub fn text(&self) -> [u8; 42] {
        let mut text = [0; 42];
        text[..2].copy_from_slice(b"0x");
        super::write_hex(&self.0, &mut text[2..]);
        text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.text()).expect("hex digits are ASCII"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [0x01; 32];

    #[test]
    fn keys_are_checked() {
        assert_eq!(Signer::new([0; 32]).err(), Some(BadKey));
        assert_eq!(Signer::new([0xff; 32]).err(), Some(BadKey));
        assert!(Signer::new(KEY).is_ok());
    }

    #[test]
    fn signatures_recover_and_repeat() {
        let signer = Signer::new(KEY).unwrap();
        for i in 0..20 {
            let digest = keccak256(&[i]);
            let signature = signer.sign(&digest);
            assert_eq!(signature, signer.sign(&digest));
            assert_eq!(signature.recover(&digest), Some(signer.address()));
            assert!(signature.s[0] < 0x80, "s is low");
            assert_ne!(signature.recover(&keccak256(&[i, i])), Some(signer.address()));
        }
    }

    #[test]
    fn nothing_of_the_key_is_printed() {
        let text = format!("{:?}", Signer::new(KEY).unwrap());
        assert!(!text.contains("0101") && text.contains("redacted"), "{text}");
    }

    #[test]
    fn addresses_are_read_and_written() {
        let text = b"0x14791697260E4c9A71f18484C9f997B308e59325";
        let address = Address::parse(text).unwrap();
        assert_eq!(address.to_string(), "0x14791697260e4c9a71f18484c9f997b308e59325");
        for bad in ["", "0x", "14791697260E4c9A71f18484C9f997B308e59325", "0x1", "0xzz"] {
            assert_eq!(Address::parse(bad.as_bytes()), None);
        }
    }
}
