//! Cold. One market as people see it: book, quotes with what made them or why there are none,
//! inventory, hedger, profit.

use super::text::{bps, quote, rounded};
use crate::core::{InstSnapshot, Valued};
use crate::explain::Note;
use crate::strategy::maker::{SIZE_FACTORS, SPREAD_PARTS, SizeFactor, SpreadPart};
use crate::strategy::regime::{Mode, Trend};
use crate::units::{Bps, Price, Qty, Side};
use std::fmt::Write;

/// The last explanation of a side.
#[derive(Clone, Copy, Debug)]
struct Said {
    silence: Option<&'static str>,
    px: Price,
    qty: Qty,
    parts: [i32; SPREAD_PARTS],
    factors: [u16; SIZE_FACTORS],
    raised: bool,
}

#[derive(Debug)]
pub struct Market {
    pub symbol: String,
    pub snapshot: Option<InstSnapshot>,
    said: [Option<Said>; 2],
    hedge: String,
}

fn name(side: Side) -> &'static str {
    if side == Side::Buy { "bid" } else { "ask" }
}

/// `mark 202.27   oracle 202.3   funding 0.00125 % an hour`; empty before the venue has said it.
fn valued(v: &Valued) -> String {
    if v.mark == Price::ZERO {
        return String::new();
    }
    // 10^-12 of one is 10^-10 of a per cent.
    let funding = rounded(v.funding, 10, 5);
    format!("mark {}   oracle {}   funding {funding} % an hour", v.mark, v.oracle)
}

impl Market {
    pub fn new(symbol: &str) -> Market {
        Market {
            symbol: symbol.to_owned(),
            snapshot: None,
            said: [None; 2],
            hedge: "idle".to_owned(),
        }
    }

    /// Takes a quote's or a hedge's note. Returns a side that fell silent, with the reason, or that
    /// quotes again.
    pub fn explained(&mut self, note: &Note) -> Option<(Side, Option<&'static str>)> {
        match *note {
            Note::Quote { side, silence, raised, px, qty, parts, factors, .. } => {
                let silence = silence.map(|s| s.name());
                let said = Said { silence, px, qty, parts, factors, raised };
                let before = self.said[side.index()].replace(said);
                (before.map(|s| s.silence) != Some(silence)).then_some((side, silence))
            }
            Note::Hedge { phase, reason, inventory, residual, .. } => {
                self.hedge = format!(
                    "{} ({}), inventory {inventory}, would leave {residual}",
                    phase.name(),
                    reason.name()
                );
                None
            }
            _ => None,
        }
    }

    /// Everything in one line.
    pub fn line(&self) -> String {
        let symbol = &self.symbol;
        let Some(s) = &self.snapshot else { return format!("{symbol}  connecting") };
        let side = |side: Side| match &self.said[side.index()] {
            None => format!("{} -", name(side)),
            Some(Said { silence: Some(why), .. }) => format!("{} silent: {why}", name(side)),
            Some(said) => format!("{} {} x {}", name(side), said.px, said.qty),
        };
        let mut line = format!(
            "{symbol}  mid {}  {}  {}  inventory {}  fills {}  pnl {}",
            s.top.map_or("none, the book is not valid".to_owned(), |t| t.mid().to_string()),
            side(Side::Buy),
            side(Side::Sell),
            s.position,
            s.fills,
            quote(s.pnl.total.to_raw()),
        );
        let valued = valued(&s.valued);
        if !valued.is_empty() {
            let _ = write!(line, "  {valued}");
        }
        line
    }

    /// Three lines.
    pub fn brief(&self) -> String {
        let Some(s) = &self.snapshot else { return "connecting\n".to_owned() };
        let mid = s.top.map_or("not valid".to_owned(), |t| t.mid().to_string());
        let mut out = format!(
            "inventory  {}   fills {}   open orders {}   pnl {}   mid {mid}   {}\n",
            s.position,
            s.fills,
            s.open_orders,
            quote(s.pnl.total.to_raw()),
            valued(&s.valued)
        );
        for side in Side::BOTH {
            let _ = writeln!(out, "{}", self.quote_line(side));
        }
        out
    }

    pub fn full(&self) -> String {
        let mut out = String::new();
        let Some(s) = &self.snapshot else { return "connecting\n".to_owned() };
        match s.top {
            Some(t) => {
                let _ = writeln!(
                    out,
                    "book       bid {:>10} x {:<10} ask {:>10} x {:<10} spread {} bps",
                    t.bid.px,
                    t.bid.qty,
                    t.ask.px,
                    t.ask.qty,
                    bps(t.bid.px.bps_to(t.ask.px))
                );
            }
            None => {
                let _ = writeln!(out, "book       not valid");
            }
        }
        let valued = valued(&s.valued);
        if !valued.is_empty() {
            let _ = writeln!(out, "valued     {valued}");
        }
        let _ = writeln!(
            out,
            "market     volatility {} bps   trend {} bps   regime {}{}{}",
            s.volatility.map_or("warming up".to_owned(), bps),
            bps(s.trend),
            if s.maker.regime.mode == Mode::Aggressive { "aggressive" } else { "defensive" },
            match s.maker.regime.trend {
                Trend::None => "",
                Trend::Down => "   TREND DOWN",
                Trend::Up => "   TREND UP",
            },
            if s.maker.regime.paused { "   PAUSED" } else { "" },
        );
        for side in Side::BOTH {
            let _ = writeln!(out, "{}", self.quote_line(side));
        }
        let _ = writeln!(
            out,
            "inventory  {} {}   max {}   fills {}   open orders {}   pnl guard {}",
            s.position,
            self.symbol,
            s.max_abs_position,
            s.fills,
            s.open_orders,
            if s.maker.pnl_guard.is_active() { "ACTIVE" } else { "clear" }
        );
        let _ = writeln!(out, "hedger     {}", self.hedge);
        let p = &s.pnl;
        let _ = writeln!(
            out,
            "pnl        {} = spread {} + inventory {} + hedge {} + fees {} + funding {}",
            quote(p.total.to_raw()),
            quote(p.spread.to_raw()),
            quote(p.inventory.to_raw()),
            quote(p.hedge.to_raw()),
            quote(p.fees.to_raw()),
            quote(p.funding.to_raw())
        );
        out
    }

    fn quote_line(&self, side: Side) -> String {
        let name = name(side);
        let Some(said) = &self.said[side.index()] else {
            return format!("{name}        -");
        };
        if let Some(why) = said.silence {
            return format!("{name}        silent: {why}");
        }
        let parts: Vec<String> = SpreadPart::NAMES
            .iter()
            .zip(said.parts)
            .filter(|(_, raw)| *raw != 0)
            .map(|(part, raw)| format!("{part} {}", bps(Bps(i64::from(raw)))))
            .collect();
        let factors: Vec<String> = SizeFactor::NAMES
            .iter()
            .zip(said.factors)
            .filter(|(_, permille)| *permille != 1000)
            .map(|(factor, permille)| format!(" x{} {factor}", rounded(i64::from(permille), 3, 2)))
            .collect();
        let sum: i64 = said.parts.iter().map(|p| i64::from(*p)).sum();
        format!(
            "{name}        {:>10} x {:<8} spread {} = {}{}{}",
            said.px,
            said.qty,
            bps(Bps(sum)),
            parts.join(" + "),
            factors.concat(),
            if said.raised { " (raised to the minimum)" } else { "" }
        )
    }
}
