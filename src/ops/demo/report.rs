//! Cold. How the demo ends: one text for people, one JSON object for machines.

use super::DemoArgs;
use crate::instrument::{InstId, InstrumentSpec};
use crate::ops::tally::Tally;
use crate::ops::view::View;
use crate::ops::{Failure, exit};
use crate::pipeline::metrics::Metrics;
use crate::replay::Report;
use crate::session::Ended;
use crate::sim::exchange::Exchange;
use crate::units::Qty;
use serde_json::{Value, json};
use std::fmt::Write;

/// Everything that is said at the end.
#[derive(Debug)]
pub struct Outcome {
    tally: Tally,
    journal_records: u64,
    journal_dropped: u64,
    replay: Result<Report, Failure>,
    panicked: bool,
    stopped: bool,
    /// The venue's position of each market; `None`: its thread panicked.
    venue_positions: Option<Vec<Qty>>,
    venue_open: Option<usize>,
    journal: String,
    settings: Value,
}

impl Outcome {
    #[expect(clippy::too_many_arguments, reason = "what is known at the end, each once")]
    pub fn new(
        args: &DemoArgs,
        specs: &[InstrumentSpec],
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
        let positions = |e: &Exchange| {
            e.instruments().map(|i| e.position(account, i.id).qty).collect::<Vec<Qty>>()
        };
        Ok(Outcome {
            tally: Tally::new(core, specs, metrics, &view.entered),
            journal_records: ended.journal_records,
            journal_dropped: metrics.journal_dropped.get(),
            replay,
            panicked: ended.panicked,
            stopped,
            venue_positions: known.map(positions),
            venue_open: known.map(|e| e.open_orders(account).count()),
            journal: args.journal.display().to_string(),
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
        self.replay.as_ref().is_ok_and(|r| {
            r.identical() && r.damage.is_none() && r.state_hash == self.tally.core.hash()
        })
    }

    /// The venue's view at the end agrees with ours, and nothing rests there.
    fn agrees(&self) -> bool {
        let ours = self.tally.markets.iter().map(|(_, s)| s.position);
        self.venue_positions.iter().all(|venue| ours.clone().eq(venue.iter().copied()))
            && self.venue_open.is_none_or(|n| n == 0)
    }

    pub fn exit_code(&self) -> i32 {
        if self.panicked {
            return exit::PANICKED;
        }
        let sound =
            self.replay_identical() && self.tally.illegal == 0 && self.stopped && self.agrees();
        if sound { exit::OK } else { exit::FAILED }
    }

    pub fn text(&self) -> String {
        format!("\n{}\n{}", self.tally.text(), self.verdicts())
    }

    fn verdicts(&self) -> String {
        let mut out = String::new();
        match &self.replay {
            Ok(report) => {
                let _ = writeln!(out, "{}", crate::ops::replay::line(report));
                if report.identical() && report.state_hash != self.tally.core.hash() {
                    let _ = writeln!(out, "STATE DIFFERS after replay: the journal misses inputs");
                }
            }
            Err(failure) => {
                let _ = writeln!(out, "NOT REPLAYED: {}", failure.message);
            }
        }
        let venue = if self.agrees() {
            "the venue agrees: same position, nothing open".to_owned()
        } else {
            let positions = self.venue_positions.iter().flatten();
            let positions: Vec<String> = positions.map(ToString::to_string).collect();
            let (positions, open) = (positions.join(", "), self.venue_open.unwrap_or(0));
            format!("THE VENUE DISAGREES: position {positions}, {open} orders open")
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
        let first = &self.tally.markets[0].1;
        let venue = self.venue_positions.as_ref().and_then(|p| p.first());
        let more = json!({
            "settings": self.settings,
            "degraded": self.tally.core.degraded(InstId(0)),
            "max_abs_inventory": first.max_abs_position.to_string(),
            "final_inventory": first.position.to_string(),
            "venue_inventory": venue.map(|p| p.to_string()),
            "venue_open_orders": self.venue_open,
            "replay_identical": self.replay_identical(),
            "journal": self.journal,
            "journal_records": self.journal_records,
            "journal_dropped": self.journal_dropped,
            "stopped_in_order": self.stopped,
        });
        let mut all = self.tally.json();
        all.extend(more.as_object().cloned().unwrap_or_default());
        Value::Object(all).to_string()
    }
}
