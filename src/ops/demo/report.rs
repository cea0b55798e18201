//! Cold. How the demo ends: one text for people, one JSON object for machines.

use super::DemoArgs;
use super::pair::PairTally;
use super::view::{self, View};
use crate::core::{Core, InstSnapshot};
use crate::event::{Component, Refused, RejectReason};
use crate::explain::Alarm;
use crate::instrument::InstId;
use crate::ops::{Failure, exit};
use crate::pipeline::metrics::{Metrics, Stage, Summary};
use crate::replay::Report;
use crate::session::Ended;
use crate::sim::exchange::Exchange;
use crate::strategy::maker::Silence;
use crate::units::{Qty, raw_text};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Everything that is said at the end.
pub struct Outcome {
    snapshot: InstSnapshot,
    core: Core,
    stages: Vec<(Stage, Summary)>,
    illegal: u64,
    journal_records: u64,
    journal_dropped: u64,
    replay: Result<Report, Failure>,
    panicked: bool,
    stopped: bool,
    venue_position: Option<Qty>,
    /// The venue's and our position of every other market.
    others: Vec<(Qty, Qty)>,
    pair: Option<PairTally>,
    venue_open: Option<usize>,
    journal: String,
    symbol: String,
    settings: Value,
}

impl Outcome {
    pub fn new(
        args: &DemoArgs,
        view: &View,
        metrics: &Metrics,
        ended: Ended,
        exchange: Option<Exchange>,
        replay: Result<Report, Failure>,
        stopped: bool,
    ) -> Result<Outcome, Failure> {
        let Some(core) = ended.core else {
            let message = "the strategy's thread panicked; its orders were cancelled".to_owned();
            return Err(Failure { code: exit::PANICKED, message });
        };
        let account = crate::sim::exchange::AccountId(1);
        let known = exchange.as_ref();
        let mut snapshot = core.snapshot(InstId(0));
        if let Some(pair) = core.pair(0) {
            add_profit(&mut snapshot, &core.snapshot(pair.legs[1]));
        }
        let others = known.iter().flat_map(|e| {
            e.instruments()
                .skip(1)
                .map(|i| (e.position(account, i.id).qty, core.snapshot(i.id).position))
        });
        let others = others.collect();
        let pair = core.pair(0).map(|seen| PairTally { seen, entered: view.entered.clone() });
        Ok(Outcome {
            others,
            pair,
            snapshot,
            core,
            stages: Stage::ALL.map(|s| (s, metrics.stage(s).summary())).to_vec(),
            illegal: metrics.egress.illegal.get(),
            journal_records: ended.journal_records,
            journal_dropped: metrics.journal_dropped.get(),
            replay,
            panicked: ended.panicked,
            stopped,
            venue_position: known.map(|e| e.position(account, InstId(0)).qty),
            venue_open: known.map(|e| e.open_orders(account).count()),
            journal: args.journal.display().to_string(),
            symbol: args.symbol.clone(),
            settings: json!({
                "seconds": args.seconds,
                "seed": args.seed,
                "scenario": args.scenario,
                "symbol": args.symbol,
                "speed": args.speed,
                "data": args.data.as_ref().map(|d| d.display().to_string()),
                "pooled": args.pooled,
            }),
        })
    }

    /// The journal holds every record, and replaying it gave the same decisions and state.
    fn replay_identical(&self) -> bool {
        self.replay
            .as_ref()
            .is_ok_and(|r| r.identical() && r.damage.is_none() && r.state_hash == self.core.hash())
    }

    /// The venue's view at the end agrees with ours, and nothing rests there.
    fn agrees(&self) -> bool {
        self.venue_position.is_none_or(|p| p == self.snapshot.position)
            && self.others.iter().all(|(venue, ours)| venue == ours)
            && self.venue_open.is_none_or(|n| n == 0)
    }

    pub fn exit_code(&self) -> i32 {
        if self.panicked {
            return exit::PANICKED;
        }
        let sound = self.replay_identical() && self.illegal == 0 && self.stopped && self.agrees();
        if sound { exit::OK } else { exit::FAILED }
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
        let counts = self.core.counts();
        let s = &self.snapshot;
        let p = &s.pnl;
        let q = |n: crate::units::Notional| view::quote(n.to_raw());
        let mut out = String::from("\n");
        let _ = writeln!(out, "profit and loss, quote");
        let _ = writeln!(out, "  spread captured   {:>12}", q(p.spread));
        let _ = writeln!(out, "  inventory moves   {:>12}", q(p.inventory));
        let _ = writeln!(out, "  hedges and exits  {:>12}", q(p.hedge));
        let _ = writeln!(out, "  fees              {:>12}", q(p.fees));
        let _ = writeln!(out, "  funding           {:>12}", q(p.funding));
        let _ = writeln!(out, "  total             {:>12}", q(p.total));
        let volume = view::rounded(s.maker_volume.to_raw() + s.taker_volume.to_raw(), 8, 2);
        let _ = writeln!(
            out,
            "\nfills {}  of hedges {}  volume {volume}  inventory max {} now {} {}",
            counts.fills, counts.hedge_fills, s.max_abs_position, s.position, self.symbol
        );
        let _ = writeln!(
            out,
            "orders sent {}  cancels {} (of these {} by the event itself)  hedges begun {}",
            counts.orders_sent,
            counts.cancels_sent,
            counts.fast_cancels,
            s.hedger.hedges()
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
            let _ = writeln!(out, "{}", view::latency_row(*stage, summary));
        }
        let _ = writeln!(out, "\n{}", self.verdicts());
        out.trim_end().to_owned()
    }

    fn verdicts(&self) -> String {
        let mut out = String::new();
        match &self.replay {
            Ok(report) => {
                let _ = writeln!(out, "{}", crate::ops::replay::line(report));
                if report.identical() && report.state_hash != self.core.hash() {
                    let _ = writeln!(out, "STATE DIFFERS after replay: the journal misses inputs");
                }
            }
            Err(failure) => {
                let _ = writeln!(out, "NOT REPLAYED: {}", failure.message);
            }
        }
        let venue = match (self.agrees(), self.venue_position) {
            (true, _) => "the venue agrees: same position, nothing open".to_owned(),
            (false, position) => format!(
                "THE VENUE DISAGREES: position {}, {} orders open",
                position.map_or("?".to_owned(), |p| p.to_string()),
                self.venue_open.unwrap_or(0)
            ),
        };
        let _ = writeln!(out, "{venue}");
        if !self.stopped {
            let _ = writeln!(out, "THE STOP WAS NOT COMPLETE in its time");
        }
        let _ = write!(
            out,
            "journal {} ({} records, {} dropped); see: evenkeel replay {}",
            self.journal, self.journal_records, self.journal_dropped, self.journal
        );
        out
    }

    pub fn json(&self) -> String {
        let counts = self.core.counts();
        let s = &self.snapshot;
        let p = &s.pnl;
        let amount = |n: crate::units::Notional| raw_text(n.to_raw());
        let object = |rows: Vec<(&str, u64)>| {
            Value::Object(rows.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect())
        };
        let refused = self.refused();
        let refused = refused.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let mut stages = Map::new();
        for (stage, summary) in &self.stages {
            stages.insert(stage.name().to_owned(), summary_json(summary));
        }
        let total: u64 = counts.rejects.iter().sum();
        json!({
            "settings": self.settings,
            "fills": counts.fills,
            "hedges": s.hedger.hedges(),
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
            "degraded": self.core.degraded(InstId(0)),
            "max_abs_inventory": s.max_abs_position.to_string(),
            "final_inventory": s.position.to_string(),
            "venue_inventory": self.venue_position.map(|p| p.to_string()),
            "venue_open_orders": self.venue_open,
            "pnl": {
                "total": amount(p.total),
                "spread": amount(p.spread),
                "inventory": amount(p.inventory),
                "hedge": amount(p.hedge),
                "fees": amount(p.fees),
                "funding": amount(p.funding),
            },
            "maker_volume": amount(s.maker_volume),
            "taker_volume": amount(s.taker_volume),
            "pair": self.pair.as_ref().map(PairTally::json),
            "replay_identical": self.replay_identical(),
            "decisions": counts.decisions,
            "inputs": counts.inputs,
            "state_hash": format!("{:016x}", self.core.hash()),
            "tick_to_order_ns": self.tick_to_order(),
            "stages_ns": stages,
            "journal": self.journal,
            "journal_records": self.journal_records,
            "journal_dropped": self.journal_dropped,
            "stopped_in_order": self.stopped,
        })
        .to_string()
    }

    fn tick_to_order(&self) -> Value {
        let row = self.stages.iter().find(|(stage, _)| *stage == Stage::TickToOrder);
        row.map_or(Value::Null, |(_, summary)| summary_json(summary))
    }
}

/// A pair's profit is both legs'.
fn add_profit(a: &mut InstSnapshot, b: &InstSnapshot) {
    let (sum, more) = (&mut a.pnl, &b.pnl);
    sum.spread.0 += more.spread.0;
    sum.hedge.0 += more.hedge.0;
    sum.inventory.0 += more.inventory.0;
    sum.fees.0 += more.fees.0;
    sum.funding.0 += more.funding.0;
    sum.total.0 += more.total.0;
    a.maker_volume.0 += b.maker_volume.0;
    a.taker_volume.0 += b.taker_volume.0;
}

fn summary_json(s: &Summary) -> Value {
    json!({"count": s.count, "p50": s.p50, "p99": s.p99, "p999": s.p999, "max": s.max})
}

/// The rows that are not zero.
fn named(rows: impl Iterator<Item = (&'static str, u64)>) -> Vec<(&'static str, u64)> {
    rows.filter(|(_, count)| *count > 0).collect()
}
