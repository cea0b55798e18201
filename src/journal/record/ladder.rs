//! Hot. Records of what a ladder says about a side, or about a level.

use super::{Get, Put, tag};
use crate::explain::Note;
use crate::instrument::InstId;
use crate::strategy::ladder::Allocated;
use crate::units::{Bps, Price, Qty};

pub(super) fn encode(note: &Note) -> Put {
    match *note {
        Note::Ladder { inst, side, how, levels, capacity, floor, total } => Put::new(tag::LADDER)
            .u16(inst.0)
            .u8(side as u8)
            .u8(how as u8)
            .u8(levels)
            .i64(capacity.0)
            .i64(floor.0)
            .i64(total.0),
        Note::Level { inst, side, level, px, qty, distance, weight, floor } => Put::new(tag::LEVEL)
            .u16(inst.0)
            .u8(side as u8)
            .u8(level)
            .i64(px.0)
            .i64(qty.0)
            .i64(distance.0)
            .u64(weight)
            .i64(floor.0),
        _ => unreachable!("the caller's match names the two"),
    }
}

pub(super) fn decode(tag: u8, inst: InstId, get: &mut Get<'_>) -> Option<Note> {
    let side = get.side()?;
    if tag == tag::LEVEL {
        return Some(Note::Level {
            inst,
            side,
            level: get.u8(),
            px: Price(get.i64()),
            qty: Qty(get.i64()),
            distance: Bps(get.i64()),
            weight: get.u64(),
            floor: Qty(get.i64()),
        });
    }
    let how = get.u8();
    Some(Note::Ladder {
        inst,
        side,
        how: Allocated::ALL.into_iter().find(|a| *a as u8 == how)?,
        levels: get.u8(),
        capacity: Qty(get.i64()),
        floor: Qty(get.i64()),
        total: Qty(get.i64()),
    })
}
