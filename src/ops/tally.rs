//! Cold. What a session has done, at its end: profit by market and by origin, fills, hedges, every
//! reject, refusal, silence and alarm by its reason, and the time of each stage.

pub mod pair;

use super::view::text::{latency_row, quote, rounded};
use crate::core::{Core, InstSnapshot};
use crate::event::{Component, Refused, RejectReason};
use crate::explain::Alarm;
use crate::instrument::{InstId, InstrumentSpec};
use crate::ledger::PnlSplit;
use crate::pipeline::metrics::{Metrics, Stage, Summary};
use crate::strategy::maker::Silence;
use crate::units::{Notional, raw_text};
use pair::PairTally;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The core at its end, and what was measured on the way.
#[derive(Debug)]
pub struct Tally {
    pub core: Core,
    pub markets: Vec<(String, InstSnapshot)>,
    stages: Vec<(Stage, Summary)>,
    /// Orders that failed the checks at the last door.
    pub illegal: u64,
    pair: Option<PairTally>,
}

/// The parts of a profit: for people, for machines, and where it is.
type Part = (&'static str, &'static str, fn(&PnlSplit) -> Notional);
const PARTS: [Part; 6] = [
    ("spread captured", "spread", |p| p.spread),
    ("inventory moves", "inventory", |p| p.inventory),
    ("hedges and exits", "hedge", |p| p.hedge),
    ("fees", "fees", |p| p.fees),
    ("funding", "funding", |p| p.funding),
    ("total", "total", |p| p.total),
];

impl Tally {
    /// `entered`: the imbalances of a pair's entries.
    pub fn new(
        core: Core,
        specs: &[InstrumentSpec],
        metrics: &Metrics,
        entered: &[(u32, crate::strategy::pair::Imbalance)],
    ) -> Tally {
        let markets = (0..).map(InstId).zip(specs);
        let markets =
            markets.map(|(inst, s)| (s.symbol.as_str().to_owned(), core.snapshot(inst))).collect();
        let pair = core.pair(0).map(|seen| PairTally { seen, entered: entered.to_vec() });
        Tally {
            core,
            markets,
            stages: Stage::ALL.map(|s| (s, metrics.stage(s).summary())).to_vec(),
            illegal: metrics.egress.illegal.get(),
            pair,
        }
    }

    /// Over all markets.
    fn sum(&self, of: impl Fn(&InstSnapshot) -> Notional) -> i64 {
        // A report's sum: what does not fit is not shown as something else.
        self.markets.iter().map(|(_, s)| of(s).to_raw()).fold(0, i64::saturating_add)
    }

    fn rejected(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.core.counts().rejects;
        named(RejectReason::ALL.iter().map(|r| (r.name(), counts[*r as usize])))
    }

    fn refused(&self) -> Vec<(String, u64)> {
        let mut out = Vec::new();
        for component in Component::ALL {
            let row = &self.core.refusals()[component as usize];
            for reason in Refused::ALL {
                let count = row[*reason as usize];
                if count > 0 {
                    out.push((format!("{}.{}", component.name(), reason.name()), count));
                }
            }
        }
        out
    }

    fn silences(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.core.counts().silences;
        named(Silence::ALL.iter().map(|s| (s.name(), counts[*s as usize])))
    }

    fn alarms(&self) -> Vec<(&'static str, u64)> {
        let counts = &self.core.counts().alarms;
        named(Alarm::ALL.iter().map(|a| (a.name(), counts[*a as usize])))
    }

    pub fn text(&self) -> String {
        let mut out = self.profit();
        let counts = self.core.counts();
        let _ = writeln!(out, "\nfills {}  of hedges {}", counts.fills, counts.hedge_fills);
        for (symbol, s) in &self.markets {
            let volume = rounded(s.maker_volume.to_raw() + s.taker_volume.to_raw(), 8, 2);
            let _ = writeln!(
                out,
                "  {symbol}: fills {}  volume {volume}  hedges begun {}  inventory max {} now {}",
                s.fills,
                s.hedger.hedges(),
                s.max_abs_position,
                s.position
            );
        }
        let _ = writeln!(
            out,
            "orders sent {}  cancels {} (of these {} by the event itself)",
            counts.orders_sent, counts.cancels_sent, counts.fast_cancels
        );
        let list = |rows: &[(&str, u64)]| match rows {
            [] => "none".to_owned(),
            rows => rows.iter().map(|(n, c)| format!("{n} {c}")).collect::<Vec<_>>().join(", "),
        };
        let refused = self.refused();
        let refused: Vec<(&str, u64)> = refused.iter().map(|(n, c)| (n.as_str(), *c)).collect();
        let _ = writeln!(out, "rejected by the venue: {}", list(&self.rejected()));
        let _ = writeln!(out, "refused by us:         {}", list(&refused));
        let _ = writeln!(out, "silent sides:          {}", list(&self.silences()));
        let _ = writeln!(out, "alarms:                {}", list(&self.alarms()));
        let tier = if self.core.is_premium_advised() { "advised" } else { "not advised" };
        let _ = writeln!(out, "illegal orders:        {}", self.illegal);
        let _ = writeln!(out, "fee-paying tier:       {tier}");
        let (once, none) = (counts.ladder_concentrated, counts.ladder_filtered);
        if once + none > 0 {
            let _ =
                writeln!(out, "ladder:                concentrated {once}, all filtered {none}");
        }
        if let Some(pair) = &self.pair {
            let _ = writeln!(out, "\n{}", pair.text());
        }
        let _ = writeln!(
            out,
            "\nlatency             count         p50         p99       p99.9         max"
        );
        for (stage, summary) in self.stages.iter().filter(|(_, s)| s.count > 0) {
            let _ = writeln!(out, "{}", latency_row(*stage, summary));
        }
        out
    }

    /// A column for each market, and one for all where there are several.
    fn profit(&self) -> String {
        let mut out = String::from("profit and loss, quote\n");
        let several = self.markets.len() > 1;
        if several {
            let names = self.markets.iter().map(|(symbol, _)| format!(" {symbol:>12}"));
            let _ = writeln!(out, "  {:<17}{} {:>12}", "", names.collect::<String>(), "all");
        }
        for (part, _, of) in PARTS {
            let mut row: Vec<i64> = self.markets.iter().map(|(_, s)| of(&s.pnl).to_raw()).collect();
            if several {
                row.push(self.sum(|s| of(&s.pnl)));
            }
            let row = row.into_iter().map(|raw| format!(" {:>12}", quote(raw)));
            let _ = writeln!(out, "  {part:<17}{}", row.collect::<String>());
        }
        out
    }

    pub fn json(&self) -> Map<String, Value> {
        let counts = self.core.counts();
        let object = |rows: Vec<(&str, u64)>| {
            Value::Object(rows.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect())
        };
        let refused = self.refused();
        let refused = refused.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let stages: Map<String, Value> = self
            .stages
            .iter()
            .map(|(stage, summary)| (stage.name().to_owned(), summary_json(summary)))
            .collect();
        let total: u64 = counts.rejects.iter().sum();
        let tick = stages.get(Stage::TickToOrder.name()).cloned();
        let pnl = pnl_json(|of| self.sum(|s| of(&s.pnl)));
        let value = json!({
            "fills": counts.fills,
            "hedges": self.markets.iter().map(|(_, s)| s.hedger.hedges()).sum::<u64>(),
            "hedge_fills": counts.hedge_fills,
            "orders_sent": counts.orders_sent,
            "cancels_sent": counts.cancels_sent,
            "fast_cancels": counts.fast_cancels,
            "orders_rejected": object(self.rejected()),
            "orders_rejected_total": total,
            "orders_refused": object(refused),
            "silences": object(self.silences()),
            "alarms": object(self.alarms()),
            "illegal_orders": self.illegal,
            "ladder_concentrated": counts.ladder_concentrated,
            "ladder_filtered": counts.ladder_filtered,
            "premium_advised": self.core.is_premium_advised(),
            "pnl": pnl,
            "maker_volume": raw_text(self.sum(|s| s.maker_volume)),
            "taker_volume": raw_text(self.sum(|s| s.taker_volume)),
            "markets": self.markets_json(),
            "pair": self.pair.as_ref().map(PairTally::json),
            "decisions": counts.decisions,
            "inputs": counts.inputs,
            "state_hash": format!("{:016x}", self.core.hash()),
            "tick_to_order_ns": tick,
            "stages_ns": stages,
        });
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn markets_json(&self) -> Vec<Value> {
        let one = |(symbol, s): &(String, InstSnapshot)| {
            json!({
                "symbol": symbol,
                "fills": s.fills,
                "hedges": s.hedger.hedges(),
                "position": s.position.to_string(),
                "max_abs_position": s.max_abs_position.to_string(),
                "pnl": pnl_json(|of| of(&s.pnl).to_raw()),
                "maker_volume": raw_text(s.maker_volume.to_raw()),
                "taker_volume": raw_text(s.taker_volume.to_raw()),
                "mark": s.valued.mark.to_string(),
                "degraded": self.core.degraded(s.inst),
            })
        };
        self.markets.iter().map(one).collect()
    }
}

fn pnl_json(raw: impl Fn(fn(&PnlSplit) -> Notional) -> i64) -> Value {
    Value::Object(
        PARTS.iter().map(|(_, key, of)| ((*key).to_owned(), raw_text(raw(*of)).into())).collect(),
    )
}

fn summary_json(s: &Summary) -> Value {
    json!({"count": s.count, "p50": s.p50, "p99": s.p99, "p999": s.p999, "max": s.max})
}

/// The rows that are not zero.
fn named(rows: impl Iterator<Item = (&'static str, u64)>) -> Vec<(&'static str, u64)> {
    rows.filter(|(_, count)| *count > 0).collect()
}
