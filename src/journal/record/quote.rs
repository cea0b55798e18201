//! Hot. A quote's explanation in 64 bytes.
//!
//! A tag, a market, four bytes of names, a price, a size, eight parts and four factors fill the
//! record to its checksum. With a lead the shift takes the place of the model's part, which takes
//! that of the volatility's: a quote has only one of these two.

use super::{Get, Put, RECORD, tag};
use crate::explain::Note;
use crate::instrument::InstId;
use crate::strategy::lead::{LeadShift, LeadState};
use crate::strategy::maker::{SIZE_FACTORS, SPREAD_PARTS, Silence, SpreadPart};
use crate::units::{Bps, Price, Qty, Side};

const SELL: u8 = 1;
const RAISED: u8 = 2;
/// The first part is the model's.
const MODEL_FIRST: u8 = 4;

pub(super) fn encode(note: &Note) -> [u8; RECORD] {
    let Note::Quote { inst, side, silence, raised, px, qty, mut parts, factors, lead } = *note
    else {
        panic!("a quote's note");
    };
    let mut bits = if side == Side::Sell { SELL } else { 0 };
    bits |= if raised { RAISED } else { 0 };
    if lead.state != LeadState::Off {
        let (first, model) = (SpreadPart::Volatility as usize, SpreadPart::Model as usize);
        if parts[first] == 0 {
            bits |= MODEL_FIRST;
            parts[first] = parts[model];
        }
        parts[model] = lead.shift.0 as i32;
    }
    let mut put = Put::new(tag::QUOTE)
        .u16(inst.0)
        .u8(bits)
        .u8(silence.map_or(0, |s| s as u8))
        .i64(px.0)
        .i64(qty.0);
    for part in parts {
        put = put.u32(part as u32);
    }
    for factor in factors {
        put = put.u16(factor);
    }
    put.u8(lead.state as u8).finish()
}

pub(super) fn decode(inst: InstId, get: &mut Get<'_>) -> Option<Note> {
    let bits = get.u8();
    let silence = match get.u8() {
        0 => None,
        code => Some(Silence::from_code(code)?),
    };
    let (px, qty) = (Price(get.i64()), Qty(get.i64()));
    let mut parts = [0; SPREAD_PARTS];
    parts.iter_mut().for_each(|p| *p = get.u32() as i32);
    let mut factors = [0; SIZE_FACTORS];
    factors.iter_mut().for_each(|f| *f = get.u16());
    let state = get.u8();
    let state = LeadState::ALL.into_iter().find(|s| *s as u8 == state)?;
    let mut lead = LeadShift::none(state);
    if state != LeadState::Off {
        let (first, model) = (SpreadPart::Volatility as usize, SpreadPart::Model as usize);
        lead.shift = Bps(i64::from(std::mem::take(&mut parts[model])));
        if bits & MODEL_FIRST != 0 {
            parts[model] = std::mem::take(&mut parts[first]);
        }
    }
    let side = if bits & SELL == 0 { Side::Buy } else { Side::Sell };
    let raised = bits & RAISED != 0;
    Some(Note::Quote { inst, side, silence, raised, px, qty, parts, factors, lead })
}
