//! Cold. The start-up proof of a hedge on another market. Its orders are that market's: floor, lot,
//! limits and band of prices. What its inventory is, is the made market's.

use super::{Finding, Standing, judged};
use crate::instrument::Instrument;
use crate::strategy::exposure::HedgeFor;
use crate::strategy::proof::{Row, Setting};
use crate::units::{Qty, Round};

/// The clip as it is in the market that hedges: the keys are the made market's.
pub const CLIP: &str = "hedger.max_clip x hedger.ratio";
/// As [`CLIP`], of the largest hedge.
pub const HARD_CLIP: &str = "hedger.max_clip_hard x hedger.ratio";

/// The trigger to prove. An exposure is any number, and not whole lots as a position is: all of what
/// lies above the trigger is executable only when the whole lots below it are.
pub(super) fn trigger(inst: &Instrument, trigger: Setting) -> Setting {
    let whole = inst.round_qty(trigger.qty, Round::Down).0 - inst.spec.lot.0;
    Setting { qty: Qty(whole.max(0)), ..trigger }
}

/// The dead band in units of the market whose inventory it is: from its trigger to what the floor of
/// the market that hedges is there.
pub(super) fn dead_band(row: Row, of: &HedgeFor, trigger: Qty, inst: &Instrument) -> Finding {
    let lot = inst.spec.lot;
    let repair = row.repair.map(|q| of.ratio.back(Qty(q.0 + lot.0)));
    let (size, floor) = (of.ratio.back(trigger), of.ratio.back(row.floor));
    let made_of = Some(format!("{}'s {}", of.symbol.as_str(), row.key));
    let row = Row { size, floor, repair, ..row };
    Finding { made_of, ..judged(row, Standing::Warning) }
}
