//! Hot. The records of what is told about the account and the market's rules, and of what follows.

use super::{Get, Put, component, tag};
use crate::event::{Event, ProofLine, Room, Setting};
use crate::explain::Note;
use crate::instrument::GridSpec;
use crate::units::{Notional, Price, Qty};

/// The events that are neither market data nor an order's fate.
pub(super) fn encode_event(event: &Event, put: impl Fn(u8) -> Put) -> Put {
    match *event {
        Event::Position { inst, qty, entry, recv } => {
            put(tag::POSITION).u16(inst.0).i64(qty.0).i64(entry.0).u64(recv.0)
        }
        Event::Reconciled { open_orders, recv } => {
            put(tag::RECONCILED).u32(open_orders).u64(recv.0)
        }
        Event::Funding { inst, amount, exch_ms } => {
            put(tag::FUNDING).u16(inst.0).i64(amount).u64(exch_ms)
        }
        Event::Equity { amount, recv } => put(tag::EQUITY).i64(amount).u64(recv.0),
        Event::Rules { inst, listed, grid, lot, min_size, min_notional, recv } => {
            let (kind, grid) = match grid {
                GridSpec::Tick(tick) => (0, tick.0 as u64),
                GridSpec::SigFigs { figures, max_decimals } => {
                    (1, u64::from(figures) << 32 | u64::from(max_decimals))
                }
            };
            put(tag::RULES)
                .u16(inst.0)
                .u8(u8::from(listed) | kind << 1)
                .u64(grid)
                .i64(lot.0)
                .i64(min_size.0)
                .i64(min_notional)
                .u64(recv.0)
        }
        Event::Proved { inst, holds, line, component, rules, lo, hi, size, px, floor } => {
            put(tag::PROVED)
                .u16(inst.0)
                .u8(u8::from(holds))
                .u8(line as u8)
                .u8(component as u8)
                .u16(rules)
                .i64(lo.0)
                .i64(hi.0)
                .i64(size.0)
                .i64(px.0)
                .i64(floor.0)
        }
        Event::ClockJump { by, recv } => put(tag::CLOCK_JUMP).i64(by).u64(recv.0),
        Event::Context { inst, mark, oracle, funding, recv } => {
            let put = put(tag::CONTEXT).u16(inst.0).i64(mark.0).i64(oracle.0);
            put.i64(funding).u64(recv.0)
        }
        Event::RateBudget { refused, minute_permille, left, used, recv } => put(tag::RATE_BUDGET)
            .u8(u8::from(refused))
            .u16(minute_permille)
            .i64(left)
            .u64(used)
            .u64(recv.0),
        Event::NotSet { setting, recv } => put(tag::NOT_SET).u8(setting as u8).u64(recv.0),
        _ => unreachable!("the other events have records of their own"),
    }
}

pub(super) fn decode_event(tag: u8, get: &mut Get<'_>) -> Option<Event> {
    Some(match tag {
        tag::POSITION => Event::Position {
            inst: get.inst(),
            qty: Qty(get.i64()),
            entry: Price(get.i64()),
            recv: get.stamp(),
        },
        tag::RECONCILED => Event::Reconciled { open_orders: get.u32(), recv: get.stamp() },
        tag::FUNDING => Event::Funding { inst: get.inst(), amount: get.i64(), exch_ms: get.u64() },
        tag::EQUITY => Event::Equity { amount: get.i64(), recv: get.stamp() },
        tag::RULES => {
            let (inst, bits, grid) = (get.inst(), get.u8(), get.u64());
            let grid = match bits >> 1 {
                0 => GridSpec::Tick(Price(grid as i64)),
                1 => {
                    let (figures, max_decimals) = ((grid >> 32) as u32, grid as u32);
                    GridSpec::SigFigs { figures, max_decimals }
                }
                _ => return None,
            };
            Event::Rules {
                inst,
                listed: bits & 1 != 0,
                grid,
                lot: Qty(get.i64()),
                min_size: Qty(get.i64()),
                min_notional: get.i64(),
                recv: get.stamp(),
            }
        }
        tag::PROVED => Event::Proved {
            inst: get.inst(),
            holds: get.u8() != 0,
            line: ProofLine::from_code(get.u8())?,
            component: component(get.u8())?,
            rules: get.u16(),
            lo: Price(get.i64()),
            hi: Price(get.i64()),
            size: Qty(get.i64()),
            px: Price(get.i64()),
            floor: Qty(get.i64()),
        },
        tag::CLOCK_JUMP => Event::ClockJump { by: get.i64(), recv: get.stamp() },
        tag::CONTEXT => Event::Context {
            inst: get.inst(),
            mark: Price(get.i64()),
            oracle: Price(get.i64()),
            funding: get.i64(),
            recv: get.stamp(),
        },
        tag::RATE_BUDGET => Event::RateBudget {
            refused: get.u8() != 0,
            minute_permille: get.u16(),
            left: get.i64(),
            used: get.u64(),
            recv: get.stamp(),
        },
        tag::NOT_SET => Event::NotSet { setting: Setting::from_code(get.u8())?, recv: get.stamp() },
        _ => return None,
    })
}

/// The notes about these facts.
pub(super) fn encode_note(note: &Note) -> Put {
    match *note {
        Note::Adopted { inst, ours, venue, px } => {
            Put::new(tag::ADOPTED).u16(inst.0).i64(ours.0).i64(venue.0).i64(px.0)
        }
        Note::Proof { inst, holds, line, component, lo, hi, size, px, floor } => {
            Put::new(tag::PROOF)
                .u16(inst.0)
                .u8(u8::from(holds))
                .u8(line as u8)
                .u8(component as u8)
                .i64(lo.0)
                .i64(hi.0)
                .i64(size.0)
                .i64(px.0)
                .i64(floor.0)
        }
        Note::Tier { advised, realized } => {
            Put::new(tag::TIER).u8(u8::from(advised)).raw(&realized.0.to_le_bytes())
        }
        Note::Budget { room, left, minute_permille, refused } => Put::new(tag::BUDGET)
            .u8(room as u8)
            .i64(left)
            .u16(minute_permille)
            .u8(u8::from(refused)),
        _ => unreachable!("the other notes have records of their own"),
    }
}

pub(super) fn decode_note(tag: u8, get: &mut Get<'_>) -> Option<Note> {
    Some(match tag {
        tag::ADOPTED => Note::Adopted {
            inst: get.inst(),
            ours: Qty(get.i64()),
            venue: Qty(get.i64()),
            px: Price(get.i64()),
        },
        tag::PROOF => Note::Proof {
            inst: get.inst(),
            holds: get.u8() != 0,
            line: ProofLine::from_code(get.u8())?,
            component: component(get.u8())?,
            lo: Price(get.i64()),
            hi: Price(get.i64()),
            size: Qty(get.i64()),
            px: Price(get.i64()),
            floor: Qty(get.i64()),
        },
        tag::TIER => {
            let advised = get.u8() != 0;
            Note::Tier { advised, realized: Notional(i128::from_le_bytes(get.raw())) }
        }
        tag::BUDGET => Note::Budget {
            room: Room::from_code(get.u8())?,
            left: get.i64(),
            minute_permille: get.u16(),
            refused: get.u8() != 0,
        },
        _ => return None,
    })
}
