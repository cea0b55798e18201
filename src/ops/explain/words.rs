//! Cold. Shared phrases of the answers: times, books, parts of a quote, notes.

use serde_json::{Map, Value, json};

use crate::core::{Core, CoreConfig};
use crate::event::Level;
use crate::explain::Note;
use crate::instrument::InstId;
use crate::strategy::ladder::Allocated;
use crate::strategy::maker::{SIZE_FACTORS, SPREAD_PARTS, SizeFactor, SpreadPart};
use crate::strategy::quality::HORIZONS;
use crate::strategy::regime::{Mode, Trend};
use crate::units::{Bps, Nanos, Notional, Price, Qty, Side, raw_text};

/// `+12.345678 s`: a time after the journal's first input, to the microsecond.
pub fn after(first: Nanos, now: Nanos) -> String {
    let us = now.since(first).0 / 1_000;
    format!("+{}.{:06} s", us / 1_000_000, us % 1_000_000)
}

/// A span in the unit that reads best.
pub fn span(from: Nanos, to: Nanos) -> String {
    match to.since(from).0 {
        ns @ 0..1_000_000 => format!("{} us", ns / 1_000),
        ns @ 1_000_000..10_000_000_000 => {
            let us = ns / 1_000;
            format!("{}.{:03} ms", us / 1_000, us % 1_000)
        }
        ns => format!("{} s", ns / 1_000_000_000),
    }
}

/// A permille as a factor: 850 is 0.85.
pub fn factor(permille: i64) -> String {
    raw_text(permille * 100_000)
}

/// An amount in quote, cut to 10^-8.
pub fn quote(amount: Notional) -> String {
    raw_text(amount.to_raw())
}

pub fn symbol(config: &CoreConfig, inst: InstId) -> &str {
    config.instruments.get(usize::from(inst.0)).map_or("?", |i| i.spec.symbol.as_str())
}

fn is_ladder(config: &CoreConfig, inst: InstId) -> bool {
    config.instruments.get(usize::from(inst.0)).is_some_and(|i| i.ladder.is_some())
}

/// `volatility 7 + regime 1`: the parts that are not zero.
pub fn parts(parts: &[i32; SPREAD_PARTS]) -> String {
    let named = SpreadPart::NAMES.iter().zip(parts).filter(|(_, p)| **p != 0);
    let named: Vec<String> =
        named.map(|(name, p)| format!("{name} {}", Bps(i64::from(*p)))).collect();
    if named.is_empty() { "no part".to_owned() } else { named.join(" + ") }
}

pub fn spread(parts: &[i32; SPREAD_PARTS]) -> Bps {
    Bps(parts.iter().map(|p| i64::from(*p)).sum())
}

/// `x volatility 1.1 x regime 0.9`: the factors that are not one.
pub fn factors(factors: &[u16; SIZE_FACTORS]) -> String {
    let named = SizeFactor::NAMES.iter().zip(factors).filter(|(_, f)| **f != 1000);
    named.map(|(name, f)| format!(" x {name} {}", factor(i64::from(*f)))).collect()
}

pub fn parts_json(parts: &[i32; SPREAD_PARTS]) -> Value {
    let named = SpreadPart::NAMES.iter().zip(parts);
    let map: Map<String, Value> =
        named.map(|(n, p)| ((*n).to_owned(), Bps(i64::from(*p)).to_string().into())).collect();
    Value::Object(map)
}

pub fn factors_json(factors: &[u16; SIZE_FACTORS]) -> Value {
    let named = SizeFactor::NAMES.iter().zip(factors);
    let map: Map<String, Value> =
        named.map(|(n, f)| ((*n).to_owned(), factor(i64::from(*f)).into())).collect();
    Value::Object(map)
}

/// Levels of a book that are shown.
const DEPTH: usize = 3;

/// What the core saw of one instrument at a moment.
#[derive(Clone, Debug)]
pub struct Seen {
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    pub book: &'static str,
    pub position: Qty,
    pub realized: Notional,
    pub volatility: Option<Bps>,
    pub trend: Bps,
    pub mode: Mode,
    pub trend_filter: Trend,
    pub paused: bool,
    pub pnl_guard: bool,
    pub hedger: &'static str,
    pub open_orders: usize,
}

impl Seen {
    /// `None` for an instrument that the configuration does not have.
    pub fn of(core: &mut Core, inst: InstId) -> Option<Seen> {
        let state = core.insts.get(usize::from(inst.0))?;
        let levels = |side| state.book.levels(side).iter().take(DEPTH).copied().collect();
        let (bids, asks) = (levels(Side::Buy), levels(Side::Sell));
        let book = match state.book.state() {
            crate::book::BookState::Empty => "no book yet",
            crate::book::BookState::Valid => "valid",
            crate::book::BookState::Torn(reason) => reason.name(),
        };
        let shot = core.snapshot(inst);
        Some(Seen {
            bids,
            asks,
            book,
            position: shot.position,
            realized: shot.realized,
            volatility: shot.volatility,
            trend: shot.trend,
            mode: shot.maker.regime.mode,
            trend_filter: shot.maker.regime.trend,
            paused: shot.maker.regime.paused,
            pnl_guard: shot.maker.pnl_guard.is_active(),
            hedger: shot.hedger.phase().name(),
            open_orders: shot.open_orders,
        })
    }

    pub fn mid(&self) -> Option<Price> {
        let (bid, ask) = (self.bids.first()?, self.asks.first()?);
        Some(Price((bid.px.0 + ask.px.0) / 2))
    }

    fn mode(&self) -> &'static str {
        match self.mode {
            Mode::Aggressive => "aggressive",
            Mode::Defensive => "defensive",
        }
    }

    fn trend_filter(&self) -> &'static str {
        match self.trend_filter {
            Trend::None => "none",
            Trend::Down => "down",
            Trend::Up => "up",
        }
    }

    fn guards(&self) -> String {
        let on = [
            (self.pnl_guard, "pnl_guard"),
            (self.trend_filter != Trend::None, "trend filter"),
            (self.paused, "volatility pause"),
        ];
        let on: Vec<&str> = on.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        if on.is_empty() { "none".to_owned() } else { on.join(", ") }
    }

    /// Book, account and signals, one line each.
    pub fn lines(&self) -> Vec<String> {
        let side = |levels: &[Level]| {
            let all: Vec<String> = levels.iter().map(|l| format!("{} x {}", l.px, l.qty)).collect();
            all.join(", ")
        };
        let book = match self.mid() {
            Some(mid) => {
                format!("mid {mid}; bids {}; asks {}", side(&self.bids), side(&self.asks))
            }
            None => format!("not to be trusted: {}", self.book),
        };
        let volatility = match self.volatility {
            Some(vol) => format!("{vol} bps"),
            None => "not known yet".to_owned(),
        };
        vec![
            format!("book      {book}"),
            format!(
                "account   inventory {}, realized {}, {} orders open, hedger {}",
                self.position,
                quote(self.realized),
                self.open_orders,
                self.hedger
            ),
            format!(
                "signals   volatility {volatility}, trend {} bps, regime {}, guards: {}",
                self.trend,
                self.mode(),
                self.guards()
            ),
        ]
    }

    pub fn json(&self) -> Value {
        let side = |levels: &[Level]| -> Vec<Value> {
            let level = |l: &Level| json!({ "px": l.px.to_string(), "qty": l.qty.to_string() });
            levels.iter().map(level).collect()
        };
        json!({
            "book": self.book,
            "bids": side(&self.bids),
            "asks": side(&self.asks),
            "mid": self.mid().map(|p| p.to_string()),
            "inventory": self.position.to_string(),
            "realized_quote": quote(self.realized),
            "open_orders": self.open_orders,
            "volatility_bps": self.volatility.map(|v| v.to_string()),
            "trend_bps": self.trend.to_string(),
            "regime": self.mode(),
            "trend_filter": self.trend_filter(),
            "volatility_pause": self.paused,
            "pnl_guard": self.pnl_guard,
            "hedger": self.hedger,
        })
    }
}

fn horizon_text(index: u8) -> String {
    match HORIZONS.get(usize::from(index)) {
        Some(horizon) => format!("{} s", horizon.0 / 1_000_000_000),
        None => "?".to_owned(),
    }
}

/// A note on one line, without its time.
pub fn note(note: &Note, config: &CoreConfig) -> String {
    match *note {
        Note::Quote { inst, side, silence: Some(why), .. } => {
            format!("{} {side} silent: {}", symbol(config, inst), why.name())
        }
        Note::Quote { inst, side, raised, px, qty, parts: p, factors: f, .. } => format!(
            "{} {side} {}quote {qty} @ {px}: spread {} bps = {}; size{}{}",
            symbol(config, inst),
            if is_ladder(config, inst) { "ladder's best " } else { "" },
            spread(&p),
            parts(&p),
            if f == [1000; SIZE_FACTORS] { " x 1".to_owned() } else { factors(&f) },
            if raised { ", raised to the minimum" } else { "" }
        ),
        Note::Hedge { inst, phase, reason, inventory, residual, px, qty } => {
            let order = if qty == Qty::ZERO { String::new() } else { format!(", {qty} @ {px}") };
            format!(
                "{} hedger {}: {}{order}; inventory {inventory}, would leave {residual}",
                symbol(config, inst),
                phase.name(),
                reason.name()
            )
        }
        Note::Refused { inst, side, component, reason, px, qty } => format!(
            "{} {} {side} {qty} @ {px} refused: {}",
            symbol(config, inst),
            component.name(),
            reason.name()
        ),
        Note::FastCancel { inst, order, edge } => format!(
            "{} #{} pulled: its edge fell to {} bps",
            symbol(config, inst),
            order.counter(),
            Bps(edge)
        ),
        Note::Alarm { inst, alarm, order } => {
            let about = match order.counter() {
                0 => String::new(),
                n => format!(" #{n}"),
            };
            format!("{} ALARM {}{about}", symbol(config, inst), alarm.name())
        }
        Note::Markout { inst, side, horizon, from_fill, from_mid, age } => format!(
            "{} {side} markout after {}: {from_fill} bps ({from_mid} from the mid then), quote \
             {} old when hit",
            symbol(config, inst),
            horizon_text(horizon),
            span(Nanos::ZERO, age)
        ),
        Note::Adopted { inst, ours, venue, px } => format!(
            "{} position {ours} brought to the venue's {venue}, at {px}",
            symbol(config, inst)
        ),
        Note::Ladder { .. } | Note::Level { .. } => ladder_note(note, config),
        Note::PairSolved { .. }
        | Note::PairSent { .. }
        | Note::Pair { .. }
        | Note::PairEntered { .. } => super::pair::text(note, config),
        Note::Proof { .. } | Note::Tier { .. } => standing_note(note, config),
        Note::Hash { inputs, hash } => format!("state {hash:016x} after {inputs} inputs"),
    }
}

/// What is said of what must hold for as long as something is quoted.
fn standing_note(note: &Note, config: &CoreConfig) -> String {
    match *note {
        Note::Proof { inst, holds: true, lo, hi, .. } => {
            format!("{} settings proved for mids {lo} to {hi}", symbol(config, inst))
        }
        Note::Proof { inst, line, component, size, px, floor, .. } => format!(
            "{} settings NOT proved: {} {}: {size} at {px}, where the least is {floor}",
            symbol(config, inst),
            component.name(),
            line.name()
        ),
        Note::Tier { advised, realized } => format!(
            "fee-paying tier {}advised: realized {}",
            if advised { "" } else { "no longer " },
            quote(realized)
        ),
        _ => String::new(),
    }
}

/// What a ladder says about a side, or about a level.
fn ladder_note(note: &Note, config: &CoreConfig) -> String {
    match *note {
        Note::Ladder { inst, side, how: Allocated::BelowFloor, capacity, floor, .. } => format!(
            "{} {side} ladder WARNING: all levels filtered, capacity {capacity} is below the floor \
             {floor}",
            symbol(config, inst)
        ),
        Note::Ladder { inst, side, how, levels, capacity, floor, total } => format!(
            "{} {side} ladder {}: {levels} levels, {total} of a capacity of {capacity}, floor \
             {floor}",
            symbol(config, inst),
            how.name()
        ),
        Note::Level { inst, side, level, px, qty, distance, weight, floor } => format!(
            "{} {side} ladder level {level}: {qty} @ {px}, {distance} bps out, weight {weight}, \
             floor {floor}",
            symbol(config, inst)
        ),
        _ => String::new(),
    }
}

/// A note with every field, for machines.
pub fn note_json(note: &Note, config: &CoreConfig) -> Value {
    match *note {
        Note::Quote { inst, side, silence, raised, px, qty, parts: p, factors: f } => json!({
            "kind": "quote", "symbol": symbol(config, inst), "side": side.name(),
            "silence": silence.map(|s| s.name()), "raised": raised, "px": px.to_string(),
            "qty": qty.to_string(), "spread_bps": spread(&p).to_string(), "parts": parts_json(&p),
            "factors": factors_json(&f),
        }),
        Note::Hedge { inst, phase, reason, inventory, residual, px, qty } => json!({
            "kind": "hedge", "symbol": symbol(config, inst), "phase": phase.name(),
            "reason": reason.name(), "inventory": inventory.to_string(),
            "residual": residual.to_string(), "px": px.to_string(), "qty": qty.to_string(),
        }),
        Note::Refused { inst, side, component, reason, px, qty } => json!({
            "kind": "refused", "symbol": symbol(config, inst), "side": side.name(),
            "component": component.name(), "reason": reason.name(), "px": px.to_string(),
            "qty": qty.to_string(),
        }),
        Note::FastCancel { inst, order, edge } => json!({
            "kind": "fast_cancel", "symbol": symbol(config, inst), "order": order.counter(),
            "edge_bps": Bps(edge).to_string(),
        }),
        Note::Alarm { inst, alarm, order } => json!({
            "kind": "alarm", "symbol": symbol(config, inst), "alarm": alarm.name(),
            "order": order.counter(),
        }),
        Note::Markout { inst, side, horizon, from_fill, from_mid, age } => json!({
            "kind": "markout", "symbol": symbol(config, inst), "side": side.name(),
            "horizon": horizon_text(horizon), "from_price_bps": from_fill.to_string(),
            "from_mid_bps": from_mid.to_string(), "quote_age_ns": age.0,
        }),
        Note::Adopted { inst, ours, venue, px } => json!({
            "kind": "adopted", "symbol": symbol(config, inst), "ours": ours.to_string(),
            "venue": venue.to_string(), "px": px.to_string(),
        }),
        Note::Ladder { inst, side, how, levels, capacity, floor, total } => json!({
            "kind": "ladder", "symbol": symbol(config, inst), "side": side.name(),
            "how": how.name(), "levels": levels, "capacity": capacity.to_string(),
            "floor": floor.to_string(), "total": total.to_string(),
        }),
        Note::Level { inst, side, level, px, qty, distance, weight, floor } => json!({
            "kind": "level", "symbol": symbol(config, inst), "side": side.name(), "level": level,
            "px": px.to_string(), "qty": qty.to_string(), "distance_bps": distance.to_string(),
            "weight": weight, "floor": floor.to_string(),
        }),
        Note::PairSolved { .. }
        | Note::PairSent { .. }
        | Note::Pair { .. }
        | Note::PairEntered { .. } => super::pair::json(note, config),
        Note::Proof { inst, holds, line, component, lo, hi, size, px, floor } => json!({
            "kind": "proof", "symbol": symbol(config, inst), "holds": holds, "line": line.name(),
            "component": component.name(), "lo": lo.to_string(), "hi": hi.to_string(),
            "size": size.to_string(), "px": px.to_string(), "floor": floor.to_string(),
        }),
        Note::Tier { advised, realized } => json!({
            "kind": "tier", "advised": advised, "realized_quote": quote(realized),
        }),
        Note::Hash { inputs, hash } => json!({
            "kind": "hash", "inputs": inputs, "hash": format!("{hash:016x}"),
        }),
    }
}
