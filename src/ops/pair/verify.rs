//! Cold. The imbalance of each cycle from a CSV of trades.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ops::explain::pair::exact;
use crate::strategy::pair::Imbalance;
use crate::units::{Bps, Notional, Price, Qty, Side, parse_raw};

/// The columns that a file must have; `intent` may follow.
const COLUMNS: [&str; 8] =
    ["timestamp", "leg", "side", "quantity", "price", "notional", "fee", "cycle"];
const INTENTS: [&str; 6] = ["enter", "complete", "rebalance", "exit", "unwind", "flatten"];
/// 0.1 %.
const GOAL: Bps = Bps::whole(10);

/// One leg of a cycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    pub name: String,
    /// The side of its entry.
    pub side: Side,
    /// Entered, less what a rebalance gave back.
    pub qty: i64,
    pub notional: i128,
    /// Bought less sold, over all of the cycle: zero when it is closed.
    pub left: i64,
}

/// One cycle: leg a is the one that was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    pub number: u32,
    pub legs: Vec<Leg>,
}

impl Cycle {
    fn leg(&self, side: Side) -> Option<&Leg> {
        self.legs.iter().find(|l| l.side == side)
    }

    /// |N_a - N_b| / N_a of what was entered; `None` when a leg has none.
    pub fn imbalance(&self) -> Option<Imbalance> {
        let (a, b) = (self.leg(Side::Buy)?, self.leg(Side::Sell)?);
        if b.notional <= 0 {
            return None;
        }
        Imbalance::of(Notional(a.notional), Notional(b.notional))
    }

    pub fn is_flat(&self) -> bool {
        self.legs.iter().all(|l| l.left == 0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub cycles: Vec<Cycle>,
    pub trades: usize,
}

/// Reads a CSV of trades.
///
/// # Errors
/// `line: what`: a column that is not there, a number that is none, a notional that is not quantity
/// x price, a third leg, two legs on one side.
pub fn verify(text: &str) -> Result<Verified, String> {
    let mut lines = text.lines().enumerate();
    let head = lines.next().map(|(_, l)| l.trim_end()).unwrap_or_default();
    let columns: Vec<&str> = head.split(',').collect();
    let with_intent = match columns.len() {
        8 => false,
        9 => columns[8] == "intent",
        _ => false,
    };
    if columns[..columns.len().min(8)] != COLUMNS || columns.len() != 8 + usize::from(with_intent) {
        return Err(format!("1: expected the columns {},intent", COLUMNS.join(",")));
    }
    let mut cycles: BTreeMap<u32, Cycle> = BTreeMap::new();
    let mut trades = 0;
    for (i, line) in lines.filter(|(_, l)| !l.trim().is_empty()) {
        let at = |what: String| format!("{}: {what}", i + 1);
        let trade = trade(line.trim_end(), columns.len()).map_err(at)?;
        let number = trade.cycle;
        let cycle = cycles.entry(number).or_insert(Cycle { number, legs: Vec::new() });
        book(cycle, &trade).map_err(at)?;
        trades += 1;
    }
    Ok(Verified { cycles: cycles.into_values().collect(), trades })
}

struct Trade<'a> {
    leg: &'a str,
    side: Side,
    qty: i64,
    notional: i128,
    cycle: u32,
    /// `None` where the file does not say.
    intent: Option<&'a str>,
}

fn trade(line: &str, columns: usize) -> Result<Trade<'_>, String> {
    let cells: Vec<&str> = line.split(',').collect();
    if cells.len() != columns {
        return Err(format!("{} values for {columns} columns", cells.len()));
    }
    let number = |i: usize| {
        let wrong = |why: &str| format!("{} {:?}: {why}", COLUMNS[i], cells[i]);
        parse_raw(cells[i].as_bytes()).map_err(|e| wrong(e.name()))
    };
    let positive = |i: usize| match number(i)? {
        raw if raw > 0 => Ok(raw),
        _ => Err(format!("{} {:?} is not positive", COLUMNS[i], cells[i])),
    };
    if cells[0].parse::<u64>().is_err() {
        return Err(format!("timestamp {:?} is no count of ns", cells[0]));
    }
    let side = match cells[2] {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => return Err(format!("side {other:?} is neither buy nor sell")),
    };
    let (qty, px) = (positive(3)?, positive(4)?);
    let notional = Notional::of(Price(px), Qty(qty));
    let typed = wide(cells[5]).ok_or_else(|| format!("notional {:?} is no decimal", cells[5]))?;
    if typed != notional.0 {
        let product = exact(notional);
        return Err(format!("notional {} is not quantity x price = {product}", cells[5]));
    }
    number(6)?;
    let cycle = cells[7].parse().map_err(|_| format!("cycle {:?} is no whole number", cells[7]))?;
    let intent = cells.get(8).copied();
    if let Some(other) = intent.filter(|i| !INTENTS.contains(i)) {
        return Err(format!("intent {other:?} is none of {}", INTENTS.join(", ")));
    }
    if cells[1].is_empty() {
        return Err("a leg has a name".to_owned());
    }
    Ok(Trade { leg: cells[1], side, qty, notional: notional.0, cycle, intent })
}

/// A decimal of at most 16 places, raw 10^-16.
fn wide(text: &str) -> Option<i128> {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    let fits = (1..=20).contains(&whole.len()) && places.len() <= 16;
    if !fits || !digits(whole) || !digits(places) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let padded = format!("{places:0<16}");
    Some(whole * 10_i128.pow(16) + padded.parse::<i128>().ok()?)
}

fn book(cycle: &mut Cycle, trade: &Trade<'_>) -> Result<(), String> {
    let enters = trade.intent.is_none_or(|i| matches!(i, "enter" | "complete" | "rebalance"));
    let known = cycle.legs.iter().position(|l| l.name == trade.leg);
    let at = match known {
        Some(at) => at,
        None => {
            // The first trade of a leg goes in, unless the file says that it goes out.
            let side = if enters { trade.side } else { trade.side.opposite() };
            if cycle.legs.len() == 2 {
                return Err(format!("cycle {} has a third leg, {}", cycle.number, trade.leg));
            }
            if cycle.legs.iter().any(|l| l.side == side) {
                return Err(format!("cycle {}: both legs on the same side", cycle.number));
            }
            let name = trade.leg.to_owned();
            cycle.legs.push(Leg { name, side, qty: 0, notional: 0, left: 0 });
            cycle.legs.len() - 1
        }
    };
    let leg = &mut cycle.legs[at];
    let overflow = || "more than 10^10 in one leg".to_owned();
    let moved = trade.side.sign() * trade.qty;
    leg.left = leg.left.checked_add(moved).ok_or_else(overflow)?;
    // Without an intent what goes the other way is an exit.
    let entry = if trade.intent.is_some() { enters } else { trade.side == leg.side };
    if entry {
        let sign = if trade.side == leg.side { 1 } else { -1 };
        leg.qty = leg.qty.checked_add(sign * trade.qty).ok_or_else(overflow)?;
        let more = i128::from(sign) * trade.notional;
        leg.notional = leg.notional.checked_add(more).ok_or_else(overflow)?;
    }
    Ok(())
}

impl Verified {
    fn within(&self) -> usize {
        let good = |c: &&Cycle| c.imbalance().is_some_and(|i| i.within(GOAL));
        self.cycles.iter().filter(good).count()
    }

    fn worst(&self) -> Option<Imbalance> {
        self.cycles.iter().filter_map(Cycle::imbalance).max()
    }

    pub fn text(&self) -> String {
        let mut out = String::new();
        for cycle in &self.cycles {
            let leg = |l: &Leg| {
                let (side, qty) = (l.side.name(), Qty(l.qty));
                format!("{} {side} {qty} for {}", l.name, exact(Notional(l.notional)))
            };
            let legs: Vec<String> = cycle.legs.iter().map(leg).collect();
            let ratio = match cycle.imbalance() {
                Some(imbalance) => format!("imbalance {imbalance}"),
                None => "one leg only".to_owned(),
            };
            let end = if cycle.is_flat() { "closed" } else { "NOT CLOSED" };
            out.push_str(&format!("cycle {}: {}; {ratio}; {end}\n", cycle.number, legs.join(", ")));
        }
        let worst = self.worst().map_or_else(|| "none".to_owned(), |i| i.to_string());
        out.push_str(&format!(
            "{} cycles of {} trades; {} within 0.001; worst {worst}",
            self.cycles.len(),
            self.trades,
            self.within()
        ));
        out
    }

    pub fn json(&self) -> Value {
        let leg = |l: &Leg| {
            json!({ "leg": l.name, "side": l.side.name(), "quantity": Qty(l.qty).to_string(),
                "notional": exact(Notional(l.notional)), "left": Qty(l.left).to_string() })
        };
        let cycle = |c: &Cycle| {
            json!({ "cycle": c.number, "legs": c.legs.iter().map(leg).collect::<Vec<_>>(),
                "imbalance": c.imbalance().map(|i| i.to_string()), "closed": c.is_flat() })
        };
        json!({
            "cycles": self.cycles.iter().map(cycle).collect::<Vec<_>>(),
            "trades": self.trades,
            "within_goal": self.within(),
            "worst_imbalance": self.worst().map(|i| i.to_string()),
        })
    }
}
