//! Cold. Auth tokens: what the private channels and the account's REST calls ask for.
//!
//! `{deadline}:{account}:{API key}:{signature in hex}`, the deadline in seconds since the epoch.
//! Signed is the hash of the text before the last colon, in words of eight bytes, little-endian, the
//! last filled with zeros. A token is good for the API key that signed it.
//!
//! Source: elliottech/lighter-go (Apache-2.0), types and signer.

use std::fmt;

use super::crypto::goldilocks::Gf;
use super::crypto::pool::PooledSigner;
use super::crypto::poseidon2::hash_to_quintic;
use super::crypto::quintic::Gf5;
use super::tx::{ACCOUNT_MAX, API_KEY_MAX};
use crate::venue::eip712::write_hex;

/// The longest that the venue lets a token be good for, in seconds: 8 hours.
pub const LIFE_MAX_S: u64 = 8 * 3600;

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefused {
    Account,
    ApiKey,
    /// Not after now, or more than [`LIFE_MAX_S`] after.
    Deadline,
}

impl fmt::Display for TokenRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenRefused::Account => "no account has this index",
            TokenRefused::ApiKey => "no API key has this index",
            TokenRefused::Deadline => "a token is good for 1 s to 8 h from now",
        })
    }
}

impl std::error::Error for TokenRefused {}

/// The hash of a text, as tokens are signed. ASCII, so that no word reaches p.
pub fn text_hash(text: &str) -> Gf5 {
    let words = text.as_bytes().chunks(8).map(|chunk| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        Gf::new(u64::from_le_bytes(bytes))
    });
    hash_to_quintic(&words.collect::<Vec<Gf>>())
}

/// A token that is good until `deadline_s`; `now_s` is the time now, both in seconds since the
/// epoch.
pub fn auth_token(
    signer: &mut PooledSigner,
    (account, api_key): (u64, u8),
    deadline_s: u64,
    now_s: u64,
) -> Result<String, TokenRefused> {
    if account > ACCOUNT_MAX {
        return Err(TokenRefused::Account);
    }
    if api_key > API_KEY_MAX {
        return Err(TokenRefused::ApiKey);
    }
    match deadline_s.checked_sub(now_s) {
        Some(1..=LIFE_MAX_S) => {}
        _ => return Err(TokenRefused::Deadline),
    }
    let message = format!("{deadline_s}:{account}:{api_key}");
    let signature = signer.sign(&text_hash(&message)).to_bytes();
    let mut digits = [0; 160];
    write_hex(&signature, &mut digits);
    Ok(format!("{message}:{}", str::from_utf8(&digits).expect("hex digits")))
}
