//! Cold. Every part of the maker and the hedger, on and off, on one market: what each is good for.
//!
//! A part is switched off by configuration alone, so what is compared is what a user can choose. The
//! market is the calibrated flow over several seeds, or a recording; there the seeds vary the
//! venue's latency only, for the record is what it is.

use super::study::{self, Study};
use super::{CASH, EPOCH, Stage};
use crate::backtest::{Backtest, Setup};
use crate::config::Config;
use crate::instrument::{InstId, Instrument, Symbol};
use crate::ops::Failure;
use crate::sim::exchange::{Exchange, Market, Rules, hyperliquid_perp};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario as Mood};
use crate::sim::recording::Recording;
use crate::units::{Nanos, Notional, SCALE};
use serde_json::json;
use std::path::Path;

/// Length of a simulated run.
const SPAN: Nanos = Nanos::from_secs(1800);
/// The market that `config/demo.toml` is sized for.
const SYMBOL: &str = "SOL";

/// One part and what switches it off, over `config/demo.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub name: &'static str,
    /// Keys of the market.
    off: &'static str,
}

/// Every part that configuration can switch off, in the order of the strategy.
pub const PARTS: &[Part] = &[
    Part { name: "fast-cancel", off: "fast_cancel_edge_bps = \"-100\"" },
    Part {
        name: "volatility-band",
        off: "[market.maker]\nspread_calm_bps = \"3.5\"\nspread_wild_bps = \"3.5\"\n\
              size_calm_factor = \"1\"\nsize_wild_factor = \"1\"",
    },
    Part { name: "inventory-spread", off: "[market.maker]\ninventory_spread = []" },
    Part { name: "inventory-size", off: "[market.maker]\ninventory_size = []" },
    Part {
        name: "asymmetric",
        // The whole reduction is offered beyond the soft cap only, and the adding side always.
        off: "[market.maker]\nasymmetric_above = \"3\"\nsoft_cap = \"3\"",
    },
    Part { name: "skew", off: "[market.maker]\nskew_at_soft_cap_bps = \"0\"" },
    Part { name: "pnl-guard", off: "[market.maker.pnl_guard]\ntrigger_quote = \"-1000000\"" },
    Part { name: "healing", off: "[market.maker.healing]\nsteps_max = 0" },
    Part {
        name: "hit-quality",
        off: "[market.maker.quality]\nwiden_bps = \"0\"\nalone_bps = \"0\"",
    },
    Part {
        name: "trend-filter",
        off: "[market.maker.trend]\nengage_bps = \"1000\"\nrelease_bps = \"1000\"",
    },
    Part { name: "pause", off: "[market.maker.pause]\nvolatility_bps = \"1000\"" },
    Part { name: "hedger", off: "[market.hedger]\nenabled = false" },
    Part {
        name: "asymmetric+hedger",
        off: "[market.maker]\nasymmetric_above = \"3\"\nsoft_cap = \"3\"\n\
              [market.hedger]\nenabled = false",
    },
];

/// Where the parts are tried.
#[derive(Clone, Debug)]
pub struct Ground {
    recording: Option<Recording>,
    mood: Mood,
    span: Nanos,
}

impl Ground {
    /// The calibrated market in this mood.
    pub fn flow(mood: Mood) -> Ground {
        Ground { recording: None, mood, span: SPAN }
    }

    /// A recording of SOL: the market that the configuration is sized for.
    pub fn recorded(folder: &Path) -> Result<Ground, Failure> {
        let recording = Recording::open(folder, SYMBOL).map_err(Failure::environment)?;
        let span = recording.end().since(recording.start());
        Ok(Ground { recording: Some(recording), mood: Mood::Calm, span })
    }

    fn stage(&self, seed: u64) -> Result<(Stage, Instrument), Failure> {
        let params = FlowParams::built_in(SYMBOL, self.mood).map_err(Failure::usage)?;
        let symbol = Symbol::new(SYMBOL).ok_or_else(|| Failure::bug("a symbol"))?;
        let instrument = hyperliquid_perp(InstId(0), symbol, params.asset, params.sz_decimals)
            .map_err(|error| Failure::bug(error.name()))?;
        let market: Box<dyn Market + Send> = match &self.recording {
            Some(recording) => Box::new(recording.clone().starting_at(EPOCH)),
            None => Box::new(Flow::new(&instrument, params, seed, EPOCH)),
        };
        let rules = Rules { seed, ..Rules::default() };
        let mut exchange = Exchange::new(vec![instrument.clone()], rules);
        exchange.advance(EPOCH);
        let account = exchange.open_account(Notional::from_raw(CASH * SCALE));
        Ok((Stage { exchange, account, market }, instrument))
    }

    fn run(
        &self,
        off: Option<&Part>,
        seed: u64,
    ) -> Result<crate::backtest::BacktestReport, Failure> {
        let (Stage { exchange, account, market }, instrument) = self.stage(seed)?;
        let core = config(off)?.core(&[instrument.spec]).map_err(Failure::config)?;
        let setup = Setup { exchange, market, account, ask_latency: Nanos::from_millis(100) };
        let mut test = Backtest::new(&core, setup).map_err(|error| Failure::bug(error.name()))?;
        test.run(EPOCH.after(self.span));
        Ok(test.report())
    }

    /// Every part, with and without it, over `seeds` runs each.
    pub fn compare(&self, seeds: u32) -> Result<Vec<(&'static Part, Study)>, Failure> {
        let seeds = 1..=u64::from(seeds);
        // The run with everything is the same for each part.
        let whole: Vec<_> =
            seeds.clone().map(|seed| self.run(None, seed)).collect::<Result<_, _>>()?;
        let mut rows = Vec::with_capacity(PARTS.len());
        for part in PARTS {
            let mut study = Study::default();
            for (with, seed) in whole.iter().zip(seeds.clone()) {
                study.add(with, &self.run(Some(part), seed)?, self.span);
            }
            rows.push((part, study));
        }
        Ok(rows)
    }

    fn name(&self) -> String {
        match &self.recording {
            Some(_) => format!("recorded {SYMBOL}, {} s", self.span.0 / 1_000_000_000),
            None => format!("simulated {SYMBOL} ({:?}), {} s", self.mood, SPAN.0 / 1_000_000_000),
        }
    }
}

fn config(off: Option<&Part>) -> Result<Config, Failure> {
    let layer = off.map(|part| format!("[[market]]\nsymbol = \"{SYMBOL}\"\n{}\n", part.off));
    let mut layers = vec![(include_str!("../../../config/demo.toml"), "config/demo.toml")];
    if let Some(layer) = &layer {
        layers.push((layer, "the comparison"));
    }
    let mut config = Config::layered(&layers, &[], &[]).map_err(Failure::config)?;
    config.markets.retain(|m| m.symbol.as_str() == SYMBOL);
    Ok(config)
}

/// The table, or one JSON object a line.
pub fn lines(ground: &Ground, seeds: u32, as_json: bool) -> Result<Vec<String>, Failure> {
    let rows = ground.compare(seeds)?;
    if as_json {
        return Ok(rows
            .iter()
            .map(|(part, study)| {
                json!({"part": part.name, "market": ground.name(), "study": study.json()})
                    .to_string()
            })
            .collect());
    }
    let mut lines = vec![
        format!(
            "{}, {seeds} runs each; means of a run; markouts in bps, PnL in quote",
            ground.name()
        ),
        format!("{:<20}{}   |q| max|q| guard total ahead", "without", study::head()),
    ];
    if let Some((_, study)) = rows.first() {
        lines.push(format!("{:<20}{}", "(everything on)", study.with.cells()));
    }
    for (part, study) in &rows {
        lines.push(format!("{:<20}{}  {}", part.name, study.without.cells(), study.ahead()));
    }
    Ok(lines)
}
