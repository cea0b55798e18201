//! Hot. Answers to posts: what became of each entry of an action, and the events that says.
//!
//! An answer comes once per action, not once per tick, so the scanner is small and strict rather
//! than fast: any key order, escapes, nesting up to a limit; no copy, no allocation.
//!
//! Three layers can refuse: the transport (`type: error`, a text that begins with an HTTP status),
//! the action (`status: err`, one text for all entries), the entry (`{"error":..}`). Validation
//! before execution may answer a batch with a single error; it then stands for every entry.

mod scan;

use super::{PostKind, Posted};
use crate::event::{CancelReason, Event, OrderId, RejectReason, Stamp, VenueOrderState};
use crate::units::{Price, Qty};
use crate::venue::{Malformed, MalformedKind, Sink};

use super::super::errors::cancel_gone;
use scan::Scan;

/// An answer and the post that it answers.
#[derive(Clone, Debug)]
pub struct PostAnswer<'a> {
    pub id: u64,
    pub outcome: Outcome<'a>,
}

/// What became of an action. Texts are as in the frame, escapes included.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// One status for each entry, in order; or a single error for all.
    Statuses(Statuses<'a>),
    /// Taken; this action has no entries.
    Taken,
    /// Refused as a whole.
    Refused(&'a [u8]),
    /// The transport refused it: a text that begins with an HTTP status.
    Failed(&'a [u8]),
    /// The answer to a question; its payload as JSON.
    Info(&'a [u8]),
}

/// What became of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status<'a> {
    Resting {
        oid: u64,
    },
    /// Traded at once, at least in part. The average price is `None` where it has more places than
    /// ours: fills tell exact prices.
    Filled {
        oid: u64,
        qty: Qty,
        avg_px: Option<Price>,
    },
    /// A cancel that found its order.
    Success,
    Error(&'a [u8]),
    /// A status that this engine has no orders for (`waitingForFill`, `waitingForTrigger`) or that
    /// is new.
    Other,
}

/// The statuses of an answer, checked when it was decoded.
#[derive(Clone, Debug)]
pub struct Statuses<'a> {
    rest: Scan<'a>,
    first: bool,
}

/// Reads a frame of channel `post`.
pub fn decode_post(frame: &[u8]) -> Result<PostAnswer<'_>, Malformed> {
    let mut top = Scan::new(frame);
    let (mut channel, mut data) = (None, None);
    top.object(|key, value| {
        match key {
            b"channel" => channel = Some(value),
            b"data" => data = Some(value),
            _ => {}
        }
        Ok(())
    })?;
    top.end()?;
    let mut channel = top.need(channel)?;
    if channel.string()? != b"post" {
        return Err(channel.malformed(MalformedKind::Value));
    }
    let mut data = top.need(data)?;
    let (mut id, mut response) = (None, None);
    data.object(|key, mut value| {
        match key {
            b"id" => id = Some(value.uint()?),
            b"response" => response = Some(value),
            _ => {}
        }
        Ok(())
    })?;
    let id = data.need(id)?;
    let outcome = decode_response(data.need(response)?)?;
    Ok(PostAnswer { id, outcome })
}

fn decode_response(mut response: Scan<'_>) -> Result<Outcome<'_>, Malformed> {
    let (mut kind, mut payload) = (None, None);
    response.object(|key, mut value| {
        match key {
            b"type" => kind = Some(value.string()?),
            b"payload" => payload = Some(value),
            _ => {}
        }
        Ok(())
    })?;
    let mut payload = response.need(payload)?;
    match response.need(kind)? {
        b"action" => outcome(payload),
        b"error" => Ok(Outcome::Failed(payload.string()?)),
        b"info" => Ok(Outcome::Info(payload.text())),
        _ => Err(response.malformed(MalformedKind::Value)),
    }
}

/// Reads the body that `/exchange` answers with.
pub fn decode_body(body: &[u8]) -> Result<Outcome<'_>, Malformed> {
    let mut top = Scan::new(body);
    let value = top.value()?;
    top.end()?;
    outcome(value)
}

fn outcome(mut payload: Scan<'_>) -> Result<Outcome<'_>, Malformed> {
    let (mut status, mut response) = (None, None);
    payload.object(|key, mut value| {
        match key {
            b"status" => status = Some(value.string()?),
            b"response" => response = Some(value),
            _ => {}
        }
        Ok(())
    })?;
    let mut response = payload.need(response)?;
    match payload.need(status)? {
        b"ok" => {}
        b"err" => return Ok(Outcome::Refused(response.string()?)),
        _ => return Err(payload.malformed(MalformedKind::Value)),
    }
    let mut data = None;
    response.object(|key, value| {
        if key == b"data" {
            data = Some(value);
        }
        Ok(())
    })?;
    let Some(mut data) = data else {
        return Ok(Outcome::Taken);
    };
    let mut list = None;
    data.object(|key, value| {
        if key == b"statuses" {
            list = Some(value);
        }
        Ok(())
    })?;
    let mut list = data.need(list)?;
    list.expect(b'[')?;
    let statuses = Statuses { rest: list, first: true };
    let mut check = statuses.clone();
    while check.step()?.is_some() {}
    Ok(Outcome::Statuses(statuses))
}

impl<'a> Statuses<'a> {
    fn step(&mut self) -> Result<Option<Status<'a>>, Malformed> {
        match self.rest.item(&mut self.first)? {
            Some(value) => status(value).map(Some),
            None => Ok(None),
        }
    }
}

impl<'a> Iterator for Statuses<'a> {
    type Item = Status<'a>;

    fn next(&mut self) -> Option<Status<'a>> {
        // `outcome` has been through all of them.
        self.step().ok().flatten()
    }
}

fn status(mut value: Scan<'_>) -> Result<Status<'_>, Malformed> {
    if value.peek() == Some(b'"') {
        let text = value.string()?;
        return Ok(if text == b"success" { Status::Success } else { Status::Other });
    }
    let mut found = Status::Other;
    value.object(|key, mut value| {
        match key {
            b"resting" => found = Status::Resting { oid: fill(&mut value)?.0 },
            b"filled" => {
                let (oid, qty, avg_px) = fill(&mut value)?;
                let qty = value.need(qty)?;
                found = Status::Filled { oid, qty, avg_px };
            }
            b"error" => found = Status::Error(value.string()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// The fields of `resting` and `filled`.
fn fill(value: &mut Scan<'_>) -> Result<(u64, Option<Qty>, Option<Price>), Malformed> {
    let (mut oid, mut qty, mut avg_px) = (None, None, None);
    value.object(|key, mut value| {
        match key {
            b"oid" => oid = Some(value.uint()?),
            b"totalSz" => {
                let parsed = Qty::parse(value.string()?);
                qty = Some(parsed.map_err(|_| value.malformed(MalformedKind::Number))?);
            }
            b"avgPx" => avg_px = Price::parse(value.string()?).ok(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((value.need(oid)?, qty, avg_px))
}

/// What is known of one entry of a post.
#[derive(Clone, Copy)]
enum Verdict<'a> {
    Status(Status<'a>),
    /// Refused together with the whole action.
    Refused(RejectReason),
    Unknown,
}

/// Turns an outcome into events for the orders of its post: at most two for each entry. `reason`
/// types the venue's texts. `false` when the sink had no room for all of them.
///
/// A modify that succeeded is a cancel by us and an ack; one whose entry was refused leaves its old
/// order in doubt, because the venue cancels before it places. A cancel that found nothing is
/// `gone`, which the venue also says of an order that has not arrived yet.
pub fn answer_events(
    posted: &Posted,
    outcome: &Outcome<'_>,
    reason: impl Fn(&[u8]) -> RejectReason,
    recv: Stamp,
    sink: &mut impl Sink,
) -> bool {
    let mut statuses = match outcome {
        Outcome::Statuses(statuses) => Some(statuses.clone()),
        _ => None,
    };
    let common = common_verdict(posted, outcome, &reason);
    let mut room = true;
    for (&order, &old) in posted.orders.iter().zip(&posted.replaced).take(posted.count) {
        let next = || statuses.as_mut().and_then(Iterator::next).map(Verdict::Status);
        let verdict = common.or_else(next).unwrap_or(Verdict::Unknown);
        let (first, second) = match posted.kind {
            PostKind::Place => (place_event(order, verdict, &reason, recv), None),
            PostKind::Modify => modify_events(order, old, verdict, &reason, recv),
            PostKind::Cancel => (cancel_event(order, verdict, recv), None),
            PostKind::Other => return room,
        };
        room &= sink.put(first) && second.is_none_or(|event| sink.put(event));
    }
    room
}

/// The verdict that holds for all entries of a post; `None` when each has its own.
fn common_verdict<'a>(
    posted: &Posted,
    outcome: &Outcome<'a>,
    reason: &impl Fn(&[u8]) -> RejectReason,
) -> Option<Verdict<'a>> {
    match outcome {
        Outcome::Statuses(statuses) => {
            let mut statuses = statuses.clone();
            match (statuses.next(), statuses.next()) {
                (Some(error @ Status::Error(_)), None) if posted.count > 1 => {
                    Some(Verdict::Status(error))
                }
                _ => None,
            }
        }
        Outcome::Refused(text) => Some(Verdict::Refused(reason(text))),
        // 4xx: it was not taken. Anything else may have been.
        Outcome::Failed(text) => Some(match text {
            [b'4', b'2', b'9', ..] => Verdict::Refused(RejectReason::RateLimit),
            [b'4', b'0'..=b'9', b'0'..=b'9', ..] => Verdict::Refused(RejectReason::BadRequest),
            _ => Verdict::Unknown,
        }),
        Outcome::Taken | Outcome::Info(_) => Some(Verdict::Unknown),
    }
}

fn place_event(
    order: OrderId,
    verdict: Verdict<'_>,
    reason: &impl Fn(&[u8]) -> RejectReason,
    recv: Stamp,
) -> Event {
    let reject = |reason| Event::Reject { order, reason, code: 0, recv };
    match verdict {
        Verdict::Status(Status::Resting { oid }) => {
            Event::Ack { order, venue_oid: oid, resting: true, recv }
        }
        // What does not rest has filled what it could: an IOC's remainder is gone without another
        // word. The fills come on their own, so the core must know how much to wait for.
        Verdict::Status(Status::Filled { oid, qty, .. }) => Event::OrderState {
            order,
            state: VenueOrderState::Filled,
            filled: qty,
            venue_oid: oid,
            recv,
        },
        Verdict::Status(Status::Error(text)) => reject(reason(text)),
        Verdict::Refused(reason) => reject(reason),
        Verdict::Status(_) | Verdict::Unknown => Event::OutcomeUnknown { order, recv },
    }
}

/// What is known of the old order, and then of the new one.
fn modify_events(
    order: OrderId,
    old: OrderId,
    verdict: Verdict<'_>,
    reason: &impl Fn(&[u8]) -> RejectReason,
    recv: Stamp,
) -> (Event, Option<Event>) {
    let of_old = match verdict {
        Verdict::Status(Status::Resting { .. } | Status::Filled { .. }) => {
            Event::Canceled { order: old, reason: CancelReason::ByUs, recv }
        }
        Verdict::Refused(_) => Event::CancelReject { order: old, gone: false, recv },
        // The new order was not taken; whether the old one was cancelled for it the venue does not
        // say: it may be gone, and is asked about.
        Verdict::Status(Status::Error(_)) => Event::CancelReject { order: old, gone: true, recv },
        Verdict::Status(_) | Verdict::Unknown => Event::OutcomeUnknown { order: old, recv },
    };
    (of_old, Some(place_event(order, verdict, reason, recv)))
}

fn cancel_event(order: OrderId, verdict: Verdict<'_>, recv: Stamp) -> Event {
    match verdict {
        Verdict::Status(Status::Success) => {
            Event::Canceled { order, reason: CancelReason::ByUs, recv }
        }
        Verdict::Status(Status::Error(text)) => {
            Event::CancelReject { order, gone: cancel_gone(text), recv }
        }
        Verdict::Refused(_) => Event::CancelReject { order, gone: false, recv },
        Verdict::Status(_) | Verdict::Unknown => Event::OutcomeUnknown { order, recv },
    }
}

#[cfg(test)]
mod tests;
