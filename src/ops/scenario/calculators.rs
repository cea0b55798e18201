//! Cold. Scenarios of calculators that no live strategy uses yet: the ladder of a small account.

use crate::instrument::{InstId, Instrument, Symbol};
use crate::ops::Failure;
use crate::sim::exchange::hyperliquid_perp;
use crate::strategy::ladder::{self, Ladder, LadderLevel, Shortfall};
use crate::units::{Price, Qty, SCALE};
use serde_json::json;

/// The seed's price of one BTC.
const BTC_PX: Price = Price(90_000 * SCALE);
const LEVELS: usize = 5;

/// One ladder of `equity` quote at 90 000 a BTC without leverage, five levels of equal worth.
pub fn small_account(equity: i64, shortfall: Shortfall) -> Result<Ladder, Failure> {
    let btc = bitcoin()?;
    let floor = btc.min_qty(BTC_PX).ok_or_else(|| Failure::bug("a floor at 90 000"))?;
    let level = LadderLevel { px: BTC_PX, weight: 1, floor };
    let capacity = Qty((i128::from(equity) * i128::from(SCALE) / 90_000) as i64);
    Ok(ladder::allocate(capacity, &[level; LEVELS], shortfall, &btc))
}

/// The market of the ladder: lot 0.00001, at least 10 quote.
pub fn bitcoin() -> Result<Instrument, Failure> {
    let symbol = Symbol::new("BTC").ok_or_else(|| Failure::bug("a symbol"))?;
    hyperliquid_perp(InstId(0), symbol, 0, 5).map_err(|error| Failure::bug(error.name()))
}

/// The small account's line for each equity and policy.
pub fn lines(as_json: bool) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for equity in [237, 50] {
        for (name, shortfall) in
            [("concentrate", Shortfall::Concentrate), ("water_fill", Shortfall::WaterFill)]
        {
            let got = small_account(equity, shortfall)?;
            let (count, total, how) = (got.count(), got.total(), got.how.name());
            lines.push(if as_json {
                json!({
                    "scenario": "small-account", "equity": equity, "policy": name,
                    "orders": count, "total": total.to_string(), "how": how,
                })
                .to_string()
            } else {
                format!(
                    "small-account   {equity} quote at 90000, {name}: {count} orders of {total} \
                     BTC in all, {how}"
                )
            });
        }
    }
    Ok(lines)
}
