//! Hot. The notes of a pair as records.

use super::{Get, Put, tag};
use crate::explain::Note;
use crate::instrument::InstId;
use crate::strategy::pair_exec::{PairIntent, PairPhase, PairReason};
use crate::units::{Bps, Notional, Price, Qty};

pub(super) fn encode(note: &Note) -> Put {
    match *note {
        Note::PairSolved { inst, cycle, qty, px, slippage } => Put::new(tag::PAIR_SOLVED)
            .u16(inst.0)
            .u32(cycle)
            .i64(qty[0].0)
            .i64(qty[1].0)
            .i64(px[0].0)
            .i64(px[1].0)
            .i64(slippage[0].0)
            .i64(slippage[1].0),
        Note::PairSent { inst, cycle, leg, intent, side, order, px, qty } => {
            Put::new(tag::PAIR_SENT)
                .u16(inst.0)
                .u32(cycle)
                .u8(leg)
                .u8(intent as u8)
                .u8(side as u8)
                .u64(order.0)
                .i64(px.0)
                .i64(qty.0)
        }
        Note::Pair { inst, cycle, phase, reason, positions } => Put::new(tag::PAIR)
            .u16(inst.0)
            .u32(cycle)
            .u8(phase as u8)
            .u8(reason as u8)
            .i64(positions[0].0)
            .i64(positions[1].0),
        Note::PairEntered { inst, cycle, qty, notional, within } => Put::new(tag::PAIR_ENTERED)
            .u16(inst.0)
            .u32(cycle)
            .i64(qty[0].0)
            .i64(qty[1].0)
            .raw(&notional[0].0.to_le_bytes())
            .raw(&notional[1].0.to_le_bytes())
            .u8(u8::from(within)),
        _ => unreachable!("only notes of a pair come here"),
    }
}

pub(super) fn decode(tag: u8, inst: InstId, get: &mut Get<'_>) -> Option<Note> {
    let cycle = get.u32();
    Some(match tag {
        tag::PAIR_SOLVED => Note::PairSolved {
            inst,
            cycle,
            qty: [Qty(get.i64()), Qty(get.i64())],
            px: [Price(get.i64()), Price(get.i64())],
            slippage: [Bps(get.i64()), Bps(get.i64())],
        },
        tag::PAIR_SENT => Note::PairSent {
            inst,
            cycle,
            leg: get.u8(),
            intent: PairIntent::from_code(get.u8())?,
            side: get.side()?,
            order: get.order(),
            px: Price(get.i64()),
            qty: Qty(get.i64()),
        },
        tag::PAIR => Note::Pair {
            inst,
            cycle,
            phase: PairPhase::from_code(get.u8())?,
            reason: PairReason::from_code(get.u8())?,
            positions: [Qty(get.i64()), Qty(get.i64())],
        },
        _ => Note::PairEntered {
            inst,
            cycle,
            qty: [Qty(get.i64()), Qty(get.i64())],
            notional: [0; 2].map(|_| Notional(i128::from_le_bytes(get.raw()))),
            within: get.u8() != 0,
        },
    })
}
