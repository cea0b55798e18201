//! Cold. A pair's cycle in words: what was solved, sent, filled, and why it ended.

use serde_json::{Value, json};

use super::words::symbol;
use crate::core::CoreConfig;
use crate::explain::Note;
use crate::instrument::InstId;
use crate::strategy::pair::Imbalance;
use crate::units::{Notional, Qty};

/// The symbols of both legs of the pair whose leg a is `inst`.
fn legs(config: &CoreConfig, inst: InstId) -> [&str; 2] {
    let pair = config.pairs.iter().find(|p| p.legs[0] == inst);
    pair.map_or(["?"; 2], |p| p.legs.map(|leg| symbol(config, leg)))
}

/// A raw notional exactly: sixteen places.
pub fn exact(n: Notional) -> String {
    const ONE: u128 = 10_u128.pow(16);
    let sign = if n.0 < 0 { "-" } else { "" };
    let (whole, places) = (n.0.unsigned_abs() / ONE, n.0.unsigned_abs() % ONE);
    if places == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{places:016}").trim_end_matches('0').to_owned()
}

fn ratio(n: [Notional; 2]) -> String {
    Imbalance::of(n[0], n[1]).map_or_else(|| "not known".to_owned(), |i| i.to_string())
}

/// A note of a pair on one line.
pub fn text(note: &Note, config: &CoreConfig) -> String {
    match *note {
        Note::PairSolved { inst, cycle, qty, px, slippage } => {
            let [a, b] = legs(config, inst);
            let n = [0, 1].map(|i| Notional::of(px[i], qty[i]));
            format!(
                "pair {a}/{b} cycle {cycle} solved: {} {a} and {} {b}, {} and {} at the worst prices \
                 {} and {}; by the books {} and {} bps from the mids",
                qty[0],
                qty[1],
                exact(n[0]),
                exact(n[1]),
                px[0],
                px[1],
                slippage[0],
                slippage[1]
            )
        }
        Note::PairSent { inst, cycle, intent, side, order, px, qty, .. } => format!(
            "pair cycle {cycle} sent to {}: {} {side} {qty} @ {px}  #{}",
            intent.name(),
            symbol(config, inst),
            order.counter()
        ),
        Note::Pair { inst, cycle, phase, reason, positions } => {
            let [a, b] = legs(config, inst);
            format!(
                "pair {a}/{b} cycle {cycle} {}: {}; holds {} {a} and {} {b}",
                phase.name(),
                reason.name(),
                positions[0],
                positions[1]
            )
        }
        Note::PairEntered { inst, cycle, qty, notional, within } => {
            let [a, b] = legs(config, inst);
            format!(
                "pair {a}/{b} cycle {cycle} filled: {} {a} for {}, {} {b} for {}; imbalance {}{}",
                qty[0],
                exact(notional[0]),
                qty[1],
                exact(notional[1]),
                ratio(notional),
                if within { "" } else { ", above the limit" }
            )
        }
        _ => String::new(),
    }
}

/// A note of a pair with every field, for machines.
pub fn json(note: &Note, config: &CoreConfig) -> Value {
    let two = |qty: [Qty; 2]| qty.map(|q| q.to_string());
    match *note {
        Note::PairSolved { inst, cycle, qty, px, slippage } => json!({
            "kind": "pair_solved", "legs": legs(config, inst), "cycle": cycle, "qty": two(qty),
            "px": px.map(|p| p.to_string()), "slippage_bps": slippage.map(|b| b.to_string()),
        }),
        Note::PairSent { inst, cycle, leg, intent, side, order, px, qty } => json!({
            "kind": "pair_sent", "symbol": symbol(config, inst), "cycle": cycle, "leg": leg,
            "intent": intent.name(), "side": side.name(), "order": order.counter(),
            "px": px.to_string(), "qty": qty.to_string(),
        }),
        Note::Pair { inst, cycle, phase, reason, positions } => json!({
            "kind": "pair", "legs": legs(config, inst), "cycle": cycle, "phase": phase.name(),
            "reason": reason.name(), "positions": two(positions),
        }),
        Note::PairEntered { inst, cycle, qty, notional, within } => json!({
            "kind": "pair_entered", "legs": legs(config, inst), "cycle": cycle, "qty": two(qty),
            "notional": notional.map(exact), "imbalance": ratio(notional), "within": within,
        }),
        _ => Value::Null,
    }
}
