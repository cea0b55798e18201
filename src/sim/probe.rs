//! Cold. A naive maker as a measuring instrument: how often a quote near the mid is hit, and what
//! becomes of it. It depends on queue, sweeps, jumps and reversion at once, so it tells whether a
//! simulated market treats a maker as the recorded one does. None of the flow's parameters is a
//! direct image of it.

use crate::event::Tif;
use crate::instrument::InstId;
use crate::units::{Bps, Nanos, Notional, Price, Qty, Round, SCALE, Side};

use super::exchange::{AccountId, Exchange, Fill, Market, NewOrder, Notice, Request, order};

/// Distance of the quotes from the mid.
const DISTANCE: Bps = Bps::whole(3);
/// Seconds after which they are replaced.
const LIFE_S: u64 = 5;
/// Seconds after a fill at which the mid is compared with its price.
const MARKOUT_S: [u64; 2] = [1, 30];

/// What the naive maker met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Probe {
    pub fills_per_hour: f64,
    /// Mean move of the mid in our favour, from the fill's price.
    pub markout_1s_bps: f64,
    pub markout_30s_bps: f64,
}

/// Quotes about 20 quote units on each side in `market`, from `from` until `until`.
pub fn probe(
    market: &mut dyn Market,
    exchange: &mut Exchange,
    inst: InstId,
    from: Nanos,
    until: Nanos,
) -> Probe {
    let me = exchange.open_account(Notional::from_raw(1_000_000 * SCALE));
    let mut waiting: Vec<(u64, Fill)> = Vec::new();
    let mut markouts = [(0.0, 0.0); MARKOUT_S.len()];
    let mut fills = 0.0;
    let seconds = until.since(from).0 / 1_000_000_000;
    for second in 0..seconds {
        let now = from.after(Nanos::from_secs(second));
        market.step(exchange, now);
        let mid = exchange.bbo(inst).mid();
        for (markout, after) in markouts.iter_mut().zip(MARKOUT_S) {
            // A side may be empty for a moment: then there is no mid, and no markout.
            let Some(mid) = mid else { continue };
            for (_, fill) in waiting.iter().filter(|(at, _)| at + after == second) {
                let moved = fill.px.bps_to(mid).0 * fill.side.sign();
                *markout = (markout.0 + moved as f64 / Bps::ONE as f64, markout.1 + 1.0);
            }
        }
        if let (0, Some(mid)) = (second % LIFE_S, mid) {
            requote(exchange, me, inst, mid, second);
        }
        while let Some((_, notice)) = exchange.poll(now) {
            if let Notice::Fill(fill) = notice {
                waiting.push((second, fill));
                fills += 1.0;
            }
        }
    }
    let [short, long] = markouts.map(|(sum, count)| sum / count);
    Probe {
        fills_per_hour: fills * 3600.0 / seconds as f64,
        markout_1s_bps: short,
        markout_30s_bps: long,
    }
}

fn requote(exchange: &mut Exchange, me: AccountId, inst: InstId, mid: Price, request: u64) {
    let Some(rules) = exchange.instrument(inst) else { return };
    let quote = |side: Side| -> Option<NewOrder> {
        let round = if side == Side::Buy { Round::Down } else { Round::Up };
        let px = rules.round_price(mid.shift(Bps(-side.sign() * DISTANCE.0)), round)?;
        // Twice the venue's minimum.
        let qty = Qty(rules.min_qty(px)?.0 * 2);
        Some(order(inst, side, px, qty, Tif::Alo))
    };
    let orders = Side::BOTH.into_iter().filter_map(quote).map(Request::Place);
    let entries: Vec<Request> = std::iter::once(Request::CancelAll).chain(orders).collect();
    let now = exchange.now();
    exchange.submit(now, me, request, &entries);
}
