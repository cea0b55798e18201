//! Hot. The 64-byte form of inputs, actions and notes. Little-endian fields in the order of their
//! declaration behind a tag byte; the last two bytes are a checksum.

mod facts;
mod ladder;
mod pair;
mod quote;
mod tag;

use super::{JournalError, RECORD, Record};
use crate::event::{
    Action, CancelReason, Command, Component, Event, GapReason, Input, LEVELS_PER_EVENT, Level,
    Link, OrderId, Refused, RejectReason, Stamp, Tif, VenueOrderState,
};
use crate::explain::{Alarm, Edge, Note};
use crate::instrument::InstId;
use crate::strategy::hedge_exec::{HedgeReason, Phase};
use crate::units::{Bps, Nanos, Price, Qty, Side};

/// Writes fields one behind the other into a record.
struct Put {
    bytes: [u8; RECORD],
    at: usize,
}

impl Put {
    fn new(tag: u8) -> Put {
        let mut bytes = [0; RECORD];
        bytes[0] = tag;
        Put { bytes, at: 1 }
    }

    fn raw(mut self, field: &[u8]) -> Put {
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
        self.at += field.len();
        self
    }

    fn u8(self, v: u8) -> Put {
        self.raw(&[v])
    }

    fn u16(self, v: u16) -> Put {
        self.raw(&v.to_le_bytes())
    }

    fn u32(self, v: u32) -> Put {
        self.raw(&v.to_le_bytes())
    }

    fn u64(self, v: u64) -> Put {
        self.raw(&v.to_le_bytes())
    }

    fn i64(self, v: i64) -> Put {
        self.raw(&v.to_le_bytes())
    }

    fn level(self, l: Level) -> Put {
        self.i64(l.px.0).i64(l.qty.0)
    }

    fn finish(mut self) -> [u8; RECORD] {
        assert!(self.at <= RECORD - 2, "a record's fields fit before its checksum");
        let sum = checksum(&self.bytes);
        self.bytes[RECORD - 2..].copy_from_slice(&sum.to_le_bytes());
        self.bytes
    }
}

/// Fletcher-style sum of the first 62 bytes: two 8-bit sums mod 255, which sees any single flipped
/// bit and any swap of two bytes. Starts at one, so that an empty page is not a record.
fn checksum(bytes: &[u8; RECORD]) -> u16 {
    let (mut a, mut b) = (1u32, 1u32);
    for byte in &bytes[..RECORD - 2] {
        a += u32::from(*byte);
        b += a;
    }
    ((b % 255) << 8 | (a % 255)) as u16
}

struct Get<'a> {
    bytes: &'a [u8; RECORD],
    at: usize,
}

impl Get<'_> {
    fn raw<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        out
    }

    fn u8(&mut self) -> u8 {
        self.raw::<1>()[0]
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.raw())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.raw())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.raw())
    }

    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.raw())
    }

    fn inst(&mut self) -> InstId {
        InstId(self.u16())
    }

    fn level(&mut self) -> Level {
        Level { px: Price(self.i64()), qty: Qty(self.i64()) }
    }

    fn side(&mut self) -> Option<Side> {
        match self.u8() {
            0 => Some(Side::Buy),
            1 => Some(Side::Sell),
            _ => None,
        }
    }

    fn stamp(&mut self) -> Stamp {
        Stamp(self.u64())
    }

    fn order(&mut self) -> OrderId {
        OrderId(self.u64())
    }
}

impl Record {
    /// The record's 64 bytes.
    pub fn encode(&self) -> [u8; RECORD] {
        match self {
            Record::Input(input) => encode_input(input),
            Record::Action(action) => encode_action(action),
            Record::Note(note) => encode_note(note),
            Record::Torn { missing } => Put::new(tag::TORN).u64(*missing).finish(),
        }
    }

    /// The record of 64 bytes.
    ///
    /// # Errors
    /// `Checksum` for bytes that were changed, `Code` for a code of another version.
    pub fn decode(bytes: &[u8; RECORD]) -> Result<Record, JournalError> {
        let sum = u16::from_le_bytes([bytes[RECORD - 2], bytes[RECORD - 1]]);
        if sum != checksum(bytes) {
            return Err(JournalError::Checksum);
        }
        let mut get = Get { bytes, at: 1 };
        let record = match bytes[0] {
            tag::LEVELS..=tag::NOT_SET => {
                let now = Nanos(get.u64());
                decode_event(bytes[0], &mut get).map(|event| Record::Input(Input { now, event }))
            }
            tag::PLACE..=tag::PROVE => decode_action(bytes[0], &mut get).map(Record::Action),
            tag::QUOTE..tag::TORN => decode_note(bytes[0], &mut get).map(Record::Note),
            tag::TORN => Some(Record::Torn { missing: get.u64() }),
            _ => None,
        };
        record.ok_or(JournalError::Code)
    }
}

fn encode_input(input: &Input) -> [u8; RECORD] {
    let put = |tag: u8| Put::new(tag).u64(input.now.0);
    match input.event {
        Event::Levels { inst, side, start, count, levels } => put(tag::LEVELS)
            .u16(inst.0)
            .u8(side as u8)
            .u8(start)
            .u8(count)
            .level(levels[0])
            .level(levels[1])
            .level(levels[2]),
        Event::BookEnd { inst, bids, asks, decode_ns, exch_ms, recv } => {
            put(tag::BOOK_END).u16(inst.0).u8(bids).u8(asks).u32(decode_ns).u64(exch_ms).u64(recv.0)
        }
        Event::Bbo { inst, decode_ns, bid, ask, exch_ms, recv } => put(tag::BBO)
            .u16(inst.0)
            .level(bid)
            .level(ask)
            // 48 bits of ms reach the year 10889; the recv stamp needs the room.
            .raw(&exch_ms.to_le_bytes()[..6])
            .raw(&recv.0.to_le_bytes()[..6])
            .raw(&decode_ns.to_le_bytes()[..3]),
        Event::Trade { inst, side, px, qty, exch_ms, id, recv } => put(tag::TRADE)
            .u16(inst.0)
            .u8(side as u8)
            .i64(px.0)
            .i64(qty.0)
            .u64(exch_ms)
            .u64(id)
            .u64(recv.0),
        Event::Gap { inst, reason, recv } => put(tag::GAP).u16(inst.0).u8(reason as u8).u64(recv.0),
        Event::Ack { order, venue_oid, resting, recv } => {
            put(tag::ACK).u64(order.0).u64(venue_oid).u8(u8::from(resting)).u64(recv.0)
        }
        Event::Reject { order, reason, code, recv } => {
            put(tag::REJECT).u64(order.0).u8(reason as u8).u32(code).u64(recv.0)
        }
        Event::Fill { inst, side, taker, order, px, qty, fee, trade_id, exch_ms } => put(tag::FILL)
            .u16(inst.0)
            .u8(side as u8 | u8::from(taker) << 1)
            .u64(order.0)
            .i64(px.0)
            .i64(qty.0)
            .i64(fee)
            .u64(trade_id)
            .u64(exch_ms),
        Event::Canceled { order, reason, recv } => {
            put(tag::CANCELED).u64(order.0).u8(reason as u8).u64(recv.0)
        }
        Event::CancelReject { order, gone, recv } => {
            put(tag::CANCEL_REJECT).u64(order.0).u8(u8::from(gone)).u64(recv.0)
        }
        Event::OutcomeUnknown { order, recv } => put(tag::OUTCOME_UNKNOWN).u64(order.0).u64(recv.0),
        Event::OrderState { order, state, filled, venue_oid, recv } => put(tag::ORDER_STATE)
            .u64(order.0)
            .u8(state as u8)
            .i64(filled.0)
            .u64(venue_oid)
            .u64(recv.0),
        Event::Unsent { order, reason, recv } => {
            put(tag::UNSENT).u64(order.0).u8(reason as u8).u64(recv.0)
        }
        Event::LinkUp { link, recv } => put(tag::LINK_UP).u8(link as u8).u64(recv.0),
        Event::LinkDown { link, recv } => put(tag::LINK_DOWN).u8(link as u8).u64(recv.0),
        Event::Command { command } => put(tag::COMMAND).u8(command as u8),
        Event::Decide { drained } => put(tag::DECIDE).u32(drained),
        fact => facts::encode_event(&fact, put),
    }
    .finish()
}

fn decode_event(tag: u8, get: &mut Get<'_>) -> Option<Event> {
    if tag <= tag::GAP {
        return decode_market(tag, get);
    }
    Some(match tag {
        tag::ACK => Event::Ack {
            order: get.order(),
            venue_oid: get.u64(),
            resting: get.u8() != 0,
            recv: get.stamp(),
        },
        tag::REJECT => Event::Reject {
            order: get.order(),
            reason: RejectReason::from_code(get.u8())?,
            code: get.u32(),
            recv: get.stamp(),
        },
        tag::FILL => {
            let inst = get.inst();
            let bits = get.u8();
            Event::Fill {
                inst,
                side: if bits & 1 == 0 { Side::Buy } else { Side::Sell },
                taker: bits & 2 != 0,
                order: get.order(),
                px: Price(get.i64()),
                qty: Qty(get.i64()),
                fee: get.i64(),
                trade_id: get.u64(),
                exch_ms: get.u64(),
            }
        }
        tag::CANCELED => Event::Canceled {
            order: get.order(),
            reason: CancelReason::from_code(get.u8())?,
            recv: get.stamp(),
        },
        tag::CANCEL_REJECT => {
            Event::CancelReject { order: get.order(), gone: get.u8() != 0, recv: get.stamp() }
        }
        tag::OUTCOME_UNKNOWN => Event::OutcomeUnknown { order: get.order(), recv: get.stamp() },
        tag::ORDER_STATE => Event::OrderState {
            order: get.order(),
            state: venue_state(get.u8())?,
            filled: Qty(get.i64()),
            venue_oid: get.u64(),
            recv: get.stamp(),
        },
        tag::UNSENT => Event::Unsent {
            order: get.order(),
            reason: Refused::from_code(get.u8())?,
            recv: get.stamp(),
        },
        tag::LINK_UP => Event::LinkUp { link: Link::from_code(get.u8())?, recv: get.stamp() },
        tag::LINK_DOWN => Event::LinkDown { link: Link::from_code(get.u8())?, recv: get.stamp() },
        tag::COMMAND => Event::Command { command: Command::from_code(get.u8())? },
        tag::DECIDE => Event::Decide { drained: get.u32() },
        _ => return facts::decode_event(tag, get),
    })
}

fn decode_market(tag: u8, get: &mut Get<'_>) -> Option<Event> {
    let inst = get.inst();
    Some(match tag {
        tag::LEVELS => {
            let (side, start, count) = (get.side()?, get.u8(), get.u8());
            let mut levels = [Level::default(); LEVELS_PER_EVENT];
            levels.iter_mut().for_each(|l| *l = get.level());
            Event::Levels { inst, side, start, count, levels }
        }
        tag::BOOK_END => Event::BookEnd {
            inst,
            bids: get.u8(),
            asks: get.u8(),
            decode_ns: get.u32(),
            exch_ms: get.u64(),
            recv: get.stamp(),
        },
        tag::BBO => {
            let (bid, ask) = (get.level(), get.level());
            let (mut exch, mut recv, mut decode) = ([0; 8], [0; 8], [0; 4]);
            exch[..6].copy_from_slice(&get.raw::<6>());
            recv[..6].copy_from_slice(&get.raw::<6>());
            decode[..3].copy_from_slice(&get.raw::<3>());
            Event::Bbo {
                inst,
                decode_ns: u32::from_le_bytes(decode),
                bid,
                ask,
                exch_ms: u64::from_le_bytes(exch),
                recv: Stamp(u64::from_le_bytes(recv)),
            }
        }
        tag::TRADE => Event::Trade {
            inst,
            side: get.side()?,
            px: Price(get.i64()),
            qty: Qty(get.i64()),
            exch_ms: get.u64(),
            id: get.u64(),
            recv: get.stamp(),
        },
        _ => Event::Gap { inst, reason: GapReason::from_code(get.u8())?, recv: get.stamp() },
    })
}

fn venue_state(code: u8) -> Option<VenueOrderState> {
    Some(match code {
        0 => VenueOrderState::Open,
        1 => VenueOrderState::Filled,
        2 => VenueOrderState::Canceled,
        3 => VenueOrderState::Rejected,
        4 => VenueOrderState::NotFound,
        _ => return None,
    })
}

fn tif(code: u8) -> Option<Tif> {
    [Tif::Alo, Tif::Ioc, Tif::Gtc].into_iter().find(|t| *t as u8 == code)
}

fn component(code: u8) -> Option<Component> {
    Component::ALL.into_iter().find(|c| *c as u8 == code)
}

fn encode_action(action: &Action) -> [u8; RECORD] {
    match *action {
        Action::Place { inst, side, tif, reduce_only, component, order, px, qty } => {
            Put::new(tag::PLACE)
                .u16(inst.0)
                .u8(side as u8)
                .u8(tif as u8)
                .u8(u8::from(reduce_only))
                .u8(component as u8)
                .u64(order.0)
                .i64(px.0)
                .i64(qty.0)
        }
        Action::Modify { inst, side, tif, component, order, old, px, qty } => Put::new(tag::MODIFY)
            .u16(inst.0)
            .u8(side as u8)
            .u8(tif as u8)
            .u8(component as u8)
            .u64(order.0)
            .u64(old.0)
            .i64(px.0)
            .i64(qty.0),
        Action::Cancel { inst, component, order } => {
            Put::new(tag::CANCEL).u16(inst.0).u8(component as u8).u64(order.0)
        }
        Action::CancelAll => Put::new(tag::CANCEL_ALL),
        Action::ReadAccount => Put::new(tag::READ_ACCOUNT),
        Action::RefreshRules { inst } => Put::new(tag::REFRESH_RULES).u16(inst.0),
        Action::Prove { inst, rules, px } => Put::new(tag::PROVE).u16(inst.0).u16(rules).i64(px.0),
        Action::Query { inst, order } => Put::new(tag::QUERY).u16(inst.0).u64(order.0),
        Action::Resnapshot { inst } => Put::new(tag::RESNAPSHOT).u16(inst.0),
    }
    .finish()
}

fn decode_action(tag: u8, get: &mut Get<'_>) -> Option<Action> {
    Some(match tag {
        tag::PLACE => Action::Place {
            inst: get.inst(),
            side: get.side()?,
            tif: tif(get.u8())?,
            reduce_only: get.u8() != 0,
            component: component(get.u8())?,
            order: get.order(),
            px: Price(get.i64()),
            qty: Qty(get.i64()),
        },
        tag::MODIFY => Action::Modify {
            inst: get.inst(),
            side: get.side()?,
            tif: tif(get.u8())?,
            component: component(get.u8())?,
            order: get.order(),
            old: get.order(),
            px: Price(get.i64()),
            qty: Qty(get.i64()),
        },
        tag::CANCEL => {
            Action::Cancel { inst: get.inst(), component: component(get.u8())?, order: get.order() }
        }
        tag::CANCEL_ALL => Action::CancelAll,
        tag::READ_ACCOUNT => Action::ReadAccount,
        tag::REFRESH_RULES => Action::RefreshRules { inst: get.inst() },
        tag::PROVE => Action::Prove { inst: get.inst(), rules: get.u16(), px: Price(get.i64()) },
        tag::QUERY => Action::Query { inst: get.inst(), order: get.order() },
        _ => Action::Resnapshot { inst: get.inst() },
    })
}

fn encode_note(note: &Note) -> [u8; RECORD] {
    match *note {
        Note::Quote { .. } => return quote::encode(note),
        Note::Hedge { inst, phase, reason, inventory, residual, px, qty } => Put::new(tag::HEDGE)
            .u16(inst.0)
            .u8(phase as u8)
            .u8(reason as u8)
            .i64(inventory.0)
            .i64(residual.0)
            .i64(px.0)
            .i64(qty.0),
        Note::Refused { inst, side, component, reason, px, qty } => Put::new(tag::REFUSED)
            .u16(inst.0)
            .u8(side as u8)
            .u8(component as u8)
            .u8(reason as u8)
            .i64(px.0)
            .i64(qty.0),
        Note::FastCancel { inst, order, edge, against } => {
            Put::new(tag::FAST_CANCEL).u16(inst.0).u64(order.0).i64(edge).u8(against as u8)
        }
        Note::Alarm { inst, alarm, order } => {
            Put::new(tag::ALARM).u16(inst.0).u8(alarm as u8).u64(order.0)
        }
        Note::Hash { inputs, hash } => Put::new(tag::HASH).u64(inputs).u64(hash),
        Note::Markout { inst, side, horizon, from_fill, from_mid, age } => Put::new(tag::MARKOUT)
            .u16(inst.0)
            .u8(side as u8)
            .u8(horizon)
            .i64(from_fill.0)
            .i64(from_mid.0)
            .u64(age.0),
        Note::Ladder { .. } | Note::Level { .. } => ladder::encode(note),
        Note::PairSolved { .. }
        | Note::PairSent { .. }
        | Note::Pair { .. }
        | Note::PairEntered { .. } => pair::encode(note),
        fact => facts::encode_note(&fact),
    }
    .finish()
}

fn decode_note(tag: u8, get: &mut Get<'_>) -> Option<Note> {
    match tag {
        tag::HASH => return Some(Note::Hash { inputs: get.u64(), hash: get.u64() }),
        tag::ADOPTED..=tag::TIER | tag::BUDGET => return facts::decode_note(tag, get),
        _ => {}
    }
    let inst = get.inst();
    Some(match tag {
        tag::QUOTE => return quote::decode(inst, get),
        tag::HEDGE => {
            let (phase, reason) = (get.u8(), get.u8());
            Note::Hedge {
                inst,
                phase: Phase::ALL.into_iter().find(|p| *p as u8 == phase)?,
                reason: HedgeReason::ALL.into_iter().find(|r| *r as u8 == reason)?,
                inventory: Qty(get.i64()),
                residual: Qty(get.i64()),
                px: Price(get.i64()),
                qty: Qty(get.i64()),
            }
        }
        tag::REFUSED => Note::Refused {
            inst,
            side: get.side()?,
            component: component(get.u8())?,
            reason: Refused::from_code(get.u8())?,
            px: Price(get.i64()),
            qty: Qty(get.i64()),
        },
        tag::MARKOUT => Note::Markout {
            inst,
            side: get.side()?,
            horizon: get.u8(),
            from_fill: Bps(get.i64()),
            from_mid: Bps(get.i64()),
            age: Nanos(get.u64()),
        },
        tag::FAST_CANCEL => {
            let (order, edge, against) = (get.order(), get.i64(), get.u8());
            let against = Edge::ALL.into_iter().find(|e| *e as u8 == against)?;
            Note::FastCancel { inst, order, edge, against }
        }
        tag::LADDER | tag::LEVEL => return ladder::decode(tag, inst, get),
        tag::PAIR_SOLVED..=tag::PAIR_ENTERED => return pair::decode(tag, inst, get),
        _ => {
            let alarm = get.u8();
            Note::Alarm {
                inst,
                alarm: Alarm::ALL.into_iter().find(|a| *a as u8 == alarm)?,
                order: get.order(),
            }
        }
    })
}

#[cfg(test)]
mod tests;
