//! Hot. Answers to sent transactions, over the WebSocket and over REST.
//!
//! **Code 200 means taken, not executed.** The venue's server has passed the transaction on; its
//! matching engine may still refuse the order, and says so on the account's stream alone. So an
//! accepted answer makes no event: it never says that an order rests.
//!
//! The form of a success over the WebSocket is not documented with certainty, so it is read
//! leniently: an answer is a frame of type `jsonapi/sendtx` or `jsonapi/sendtxbatch`, or one
//! without a type that has an `id`; its code stands in the frame or in `error`. It belongs to the
//! frame with its `id`, else to the transaction with its hash. One code holds for a whole batch.

use super::control::error_members;
use super::errors::{self, Reaction};
use crate::event::{Action, Event, OrderId, RejectReason, Stamp};
use crate::venue::json::{Cursor, Text, once};
use crate::venue::{Malformed, MalformedKind, Sink};

/// Bytes of an answer: a batch of 50 hashes has 4 kB.
pub const ANSWER_MAX: usize = 1 << 16;
/// The code of a transaction that was taken.
const TAKEN: u64 = 200;
/// Bytes of a transaction's hash.
pub const HASH_LEN: usize = 40;

/// What the venue said of a frame of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number that the frame was sent with.
    pub id: Option<u64>,
    /// The hash of its first transaction.
    pub hash: Option<[u8; HASH_LEN]>,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Taken; the account's stream decides.
    Accepted {
        /// When the venue expects to execute it, ms.
        predicted_ms: Option<u64>,
        /// What is left of the volume quota; `None` when none was used or it is not told.
        quota: Option<u64>,
    },
    /// Not taken: no nonce was used.
    Refused { code: u32, reason: RejectReason, reaction: Reaction },
}

/// The members of an answer.
#[derive(Default)]
struct Members<'a> {
    kind: Option<Text<'a>>,
    id: Option<Option<u64>>,
    code: Option<u64>,
    inner: Option<Option<u64>>,
    has_error: bool,
    hash: Option<Option<[u8; HASH_LEN]>>,
    predicted_ms: Option<u64>,
    quota: Option<Option<u64>>,
}

/// Reads a frame; `None` when it is no answer to a transaction.
pub fn decode_answer(frame: &[u8]) -> Result<Option<Answer>, Malformed> {
    let mut cursor = Cursor::new(frame);
    if frame.len() > ANSWER_MAX {
        // Data frames may be longer; an answer never is.
        return Ok(None);
    }
    let all = read_members(&mut cursor)?;
    let typed = all.kind.is_some_and(|kind| kind.as_raw().starts_with(b"jsonapi/sendtx"));
    if !typed && (all.kind.is_some() || all.id.is_none()) {
        return Ok(None);
    }
    outcome(&all, &cursor).map(Some)
}

/// Reads the body of a REST answer to `sendTx` or `sendTxBatch`.
pub fn decode_rest(body: &[u8]) -> Result<Answer, Malformed> {
    let mut cursor = Cursor::new(body);
    if body.len() > ANSWER_MAX {
        return Err(cursor.refuse(MalformedKind::Oversized));
    }
    let all = read_members(&mut cursor)?;
    outcome(&all, &cursor)
}

fn outcome(all: &Members<'_>, cursor: &Cursor<'_>) -> Result<Answer, Malformed> {
    let missing = cursor.refuse(MalformedKind::MissingField);
    let id = all.id.flatten();
    let hash = all.hash.flatten();
    let code = if all.has_error { all.inner.flatten() } else { all.code }.ok_or(missing)?;
    if code == TAKEN && !all.has_error {
        let quota = all.quota.flatten();
        let outcome = Outcome::Accepted { predicted_ms: all.predicted_ms, quota };
        return Ok(Answer { id, hash, outcome });
    }
    let code = u32::try_from(code).map_err(|_| cursor.refuse(MalformedKind::Number))?;
    let (reason, reaction) = (errors::reject_reason(code), errors::reaction(code));
    Ok(Answer { id, hash, outcome: Outcome::Refused { code, reason, reaction } })
}

fn read_members<'a>(cursor: &mut Cursor<'a>) -> Result<Members<'a>, Malformed> {
    let mut all = Members::default();
    let mut members = cursor.object()?;
    while let Some(name) = members.next(cursor)? {
        match name.chars(&mut [0; 32]) {
            Some(b"type") => once(&mut all.kind, cursor.text()?, &name)?,
            Some(b"id") => once(&mut all.id, read_id(cursor)?, &name)?,
            Some(b"code") => once(&mut all.code, cursor.unsigned()?, &name)?,
            Some(b"error") => {
                // `null` beside a code, or an object; a text alone tells no code.
                if cursor.null()? {
                    continue;
                }
                all.has_error = true;
                let code = match cursor.peek()? {
                    b'{' => error_members(cursor)?.0,
                    _ => cursor.skip().map(|()| None)?,
                };
                once(&mut all.inner, code, &name)?;
            }
            Some(b"tx_hash" | b"tx_hashes") => {
                let hash = read_hash(cursor)?;
                if all.hash.flatten().is_none() {
                    all.hash = Some(hash);
                }
            }
            Some(b"predicted_execution_time_ms") => {
                if !cursor.null()? {
                    once(&mut all.predicted_ms, cursor.unsigned()?, &name)?;
                }
            }
            Some(b"volume_quota_remaining") => {
                let left = if cursor.null()? { None } else { Some(cursor.unsigned()?) };
                once(&mut all.quota, left, &name)?;
            }
            _ => cursor.skip()?,
        }
    }
    cursor.end()?;
    // An error that is a text alone has its code beside it.
    if all.has_error && all.inner == Some(None) {
        all.inner = Some(all.code);
    }
    Ok(all)
}

/// Our ids are numbers in a text; others are nobody's.
fn read_id(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Malformed> {
    match cursor.peek()? {
        b'"' => Ok(super::markets::number(cursor.text()?.as_raw())),
        b'0'..=b'9' => cursor.unsigned().map(Some),
        _ => cursor.skip().map(|()| None),
    }
}

/// The hash, or the first of a list. Anything but 80 hex digits is none.
fn read_hash(cursor: &mut Cursor<'_>) -> Result<Option<[u8; HASH_LEN]>, Malformed> {
    match cursor.peek()? {
        b'"' => Ok(hash_of(cursor.text()?.as_raw())),
        b'[' => {
            let (mut first, mut any) = (None, false);
            let mut items = cursor.array()?;
            while items.next(cursor)? {
                let hash = hash_of(cursor.text()?.as_raw());
                if !std::mem::replace(&mut any, true) {
                    first = hash;
                }
            }
            Ok(first)
        }
        _ => cursor.skip().map(|()| None),
    }
}

fn hash_of(digits: &[u8]) -> Option<[u8; HASH_LEN]> {
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    if digits.len() != 2 * HASH_LEN {
        return None;
    }
    let mut hash = [0; HASH_LEN];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(hash)
}

/// What a refused frame tells of each of its actions. An accepted one tells nothing. Does not emit
/// what a full sink refuses, and returns `false` then: the caller asks again later.
pub fn answer_events(
    actions: &[Action],
    outcome: Outcome,
    recv: Stamp,
    sink: &mut impl Sink,
) -> bool {
    let Outcome::Refused { code, reason, reaction } = outcome else { return true };
    // The server's own fault: it may have passed the transaction on before it failed.
    let unknown = matches!(code, 29_500 | 29_501);
    let gone = reaction == Reaction::Ask;
    let rejected = |order| match unknown {
        true => Event::OutcomeUnknown { order, recv },
        false => Event::Reject { order, reason, code, recv },
    };
    let stands = |order: OrderId| match unknown {
        true => Event::OutcomeUnknown { order, recv },
        false => Event::CancelReject { order, gone, recv },
    };
    actions.iter().all(|action| match *action {
        Action::Place { order, .. } => sink.put(rejected(order)),
        Action::Modify { order, old, .. } => {
            let taken = match rejected(order) {
                // The order that it would have replaced is no longer there.
                Event::Reject { order, code, recv, .. } if gone => {
                    Event::Reject { order, reason: RejectReason::NothingToModify, code, recv }
                }
                other => other,
            };
            sink.put(stands(old)) && sink.put(taken)
        }
        Action::Cancel { order, .. } => sink.put(stands(order)),
        // No order of its own to tell of.
        Action::CancelAll
        | Action::ReadAccount
        | Action::Query { .. }
        | Action::Resnapshot { .. }
        | Action::RefreshRules { .. }
        | Action::Prove { .. } => true,
    })
}

#[cfg(test)]
mod tests;
