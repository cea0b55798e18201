//! Cold. Tokens: `deadline:account:key:signature`, signed by that API key, for eight hours at most.

use super::channels::digits;
use super::crypto::unhex;
use super::directory::Directory;
use super::refusal::{self as no, Refusal};
use super::tx::text_hash;
use crate::units::Nanos;

/// Longest life of a token, in seconds.
const LIFE_MAX_S: u64 = 8 * 3600;
/// Clocks may differ by so much, in seconds.
const SKEW_S: u64 = 60;

/// The place of the account that the token stands for.
pub fn token_account(token: &str, directory: &Directory, now: Nanos) -> Result<usize, Refusal> {
    let mut parts = token.split(':');
    let mut next = || parts.next().ok_or(no::TOKEN);
    let (deadline, account, key, signature) = (next()?, next()?, next()?, next()?);
    if parts.next().is_some() {
        return Err(no::TOKEN);
    }
    let number = |text: &str| digits(text).ok_or(no::TOKEN);
    let until = number(deadline)?;
    let now_s = now.0 / 1_000_000_000;
    if until <= now_s || until > now_s + LIFE_MAX_S + SKEW_S {
        return Err(no::TOKEN.about(": invalid deadline"));
    }
    let slot = directory.slot(number(account)?).ok_or(no::TOKEN)?;
    let index = number(key)?;
    let key = directory.holders[slot].keys.iter().find(|k| u64::from(k.index) == index);
    let key = key.ok_or(no::TOKEN.about(": api key not found"))?;
    let signature = unhex::<80>(signature).ok_or(no::TOKEN)?;
    let message = format!("{deadline}:{account}:{index}");
    if key.public.verifies(&text_hash(&message), &signature) {
        Ok(slot)
    } else {
        Err(no::TOKEN.about(": invalid signature"))
    }
}
