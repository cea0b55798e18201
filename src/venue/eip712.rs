//! Hot. EIP-712 typed-data hashing and secp256k1 signing.
//!
//! A typed message is signed as `keccak256(19 01 || domain separator || struct hash)`; both venues
//! that sign this way (Hyperliquid, Nado) compute their domain once and their struct hash per
//! order. Domains are built from their parts here, so that a constant can be checked against them.

mod keccak;
mod pool;
mod secp;

pub use keccak::{RATE, keccak256};
pub use pool::{FillError, PoolFiller, PoolTaker, PooledSigner, nonce_pool};
pub use secp::{Address, BadKey, Signature, Signer};

/// The digest that is signed.
#[inline]
pub fn digest(domain: &[u8; 32], struct_hash: &[u8; 32]) -> [u8; 32] {
    let mut message = [0; 66];
    message[0] = 0x19;
    message[1] = 0x01;
    message[2..34].copy_from_slice(domain);
    message[34..].copy_from_slice(struct_hash);
    keccak256(&message)
}

/// The separator of a domain with the four usual fields. Cold: once per venue.
pub fn domain_separator(
    name: &str,
    version: &str,
    chain_id: u64,
    verifying_contract: &Address,
) -> [u8; 32] {
    const TYPE: &[u8] =
        b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    let mut message = [0; 160];
    message[..32].copy_from_slice(&keccak256(TYPE));
    message[32..64].copy_from_slice(&keccak256(name.as_bytes()));
    message[64..96].copy_from_slice(&keccak256(version.as_bytes()));
    message[120..128].copy_from_slice(&chain_id.to_be_bytes());
    message[140..].copy_from_slice(&verifying_contract.0);
    keccak256(&message)
}

/// Writes lower-case hex. Without a table: arithmetic on each digit is what LLVM makes vectors of.
///
/// # Panics
/// When `out` is not twice as long as `bytes`.
#[inline]
pub fn write_hex(bytes: &[u8], out: &mut [u8]) {
    assert_eq!(out.len(), 2 * bytes.len(), "two digits a byte");
    let digit = |nibble: u8| nibble + if nibble > 9 { b'a' - 10 } else { b'0' };
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
}

/// Reads hex of either case; `false` when the text is not exactly the digits of `out`.
pub fn parse_hex(text: &[u8], out: &mut [u8]) -> bool {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|d| d as u8);
    if text.len() != 2 * out.len() {
        return false;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_chunks::<2>().0) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
            return false;
        };
        *byte = high << 4 | low;
    }
    true
}
