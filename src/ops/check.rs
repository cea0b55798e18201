//! Cold. `evenkeel check`: is a configuration valid, can this machine run it, and can every order
//! that it may make be executed?
//!
//! Three questions in this order, each with everything that is wrong at once: the configuration
//! (exit 3), the pipeline's table for this machine's cores (exit 4), and the start-up proof over a
//! band of prices (exit 1). `--strict`, which a live configuration implies, lets nothing pass that
//! would run otherwise than configured.

pub mod pair;
pub mod report;
pub mod rules;

use std::io::Write;
use std::path::PathBuf;

use crate::config::{self, Config, Mode, Shape};
use crate::core::CoreConfig;
use crate::instrument::{InstId, Instrument};
use crate::ops::{Failure, exit};
use crate::pipeline::runner;
use crate::pipeline::table::{Table, Topology, Wish};
use crate::proved::pair::{PairProof, prove_pair};
use crate::proved::{MarketProof, Standing, prove_market};
use crate::strategy::proof::PriceBand;
use crate::units::{Price, SCALE, parse_raw};
use rules::Rules;

#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The configuration, over the defaults
    pub config: PathBuf,
    /// Warnings fail too; always on for a live configuration
    #[arg(long)]
    pub strict: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
    /// Order prices to prove: a part of the last price, or P..Q
    #[arg(long, default_value = "20%")]
    pub price_band: String,
    /// Last price of a market, instead of the one in the rules: SYMBOL=P
    #[arg(long)]
    pub price: Vec<String>,
    /// Venue rules of the markets, before the ones that ship
    #[arg(long)]
    pub rules: Option<PathBuf>,
}

/// What was asked of a configuration and what came out.
#[derive(Debug)]
pub struct Outcome {
    pub file: String,
    pub strict: bool,
    /// The pipeline on this machine, or why it can't run here.
    pub table: Result<Table, String>,
    pub markets: Vec<MarketProof>,
    pub pairs: Vec<PairProof>,
}

impl Outcome {
    /// The worst of all markets and pairs.
    pub fn standing(&self) -> Standing {
        let pairs = self.pairs.iter().map(PairProof::standing);
        let all = self.markets.iter().map(MarketProof::standing).chain(pairs);
        all.max().unwrap_or(Standing::Proved)
    }

    pub fn exit_code(&self) -> i32 {
        match self.standing() {
            Standing::Refused => exit::FAILED,
            Standing::Warning if self.strict => exit::FAILED,
            _ if self.table.is_err() => exit::ENVIRONMENT,
            _ => exit::OK,
        }
    }
}

pub fn run(args: &CheckArgs, out: &mut impl Write) -> Result<i32, Failure> {
    let outcome = check(args, runner::cores())?;
    let text = if args.json { report::json(&outcome) } else { report::text(&outcome) };
    // A closed pipe is not an error of the check.
    let _ = writeln!(out, "{text}");
    Ok(outcome.exit_code())
}

/// Everything but the printing, for a machine with these cores.
pub fn check(args: &CheckArgs, cores: Vec<usize>) -> Result<Outcome, Failure> {
    let config = Config::load(&args.config).map_err(Failure::config)?;
    let band = Band::parse(&args.price_band)?;
    let prices = args.price.iter().map(|text| price_of(text)).collect::<Result<Vec<_>, _>>()?;
    for (symbol, _) in &prices {
        if config.markets.iter().all(|m| m.symbol.as_str() != *symbol) {
            let what = format!("--price {symbol}: no such market is configured");
            return Err(Failure::usage(what));
        }
    }
    if let (Band::Between(..), 2..) = (band, config.markets.len()) {
        let what = "--price-band P..Q is for one market; state a part of the price, such as 20%";
        return Err(Failure::usage(what));
    }
    let known = known_rules(args)?;
    let found = config.markets.iter().map(|m| {
        let same = |r: &&Rules| r.spec.venue == config.venue.name && r.spec.symbol == m.symbol;
        let (symbol, venue) = (m.symbol.as_str(), config.venue.name.name());
        let missing = format!("the rules of {symbol} at {venue} are not known: state --rules FILE");
        known.iter().find(same).copied().ok_or(missing)
    });
    let found: Vec<Rules> = all(found).map_err(Failure::environment)?;
    let specs: Vec<_> = found.iter().map(|r| r.spec).collect();
    let core = config.core(&specs).map_err(Failure::config)?;
    let mut markets = Vec::with_capacity(found.len());
    for (rules, inst_config) in found.iter().zip(&core.instruments) {
        let symbol = rules.spec.symbol.as_str();
        let stated = prices.iter().rev().find(|(s, _)| *s == symbol).map(|(_, p)| *p);
        let band = band.around(symbol, stated.or(rules.price))?;
        let inst = Instrument::new(InstId(0), rules.spec)
            .map_err(|why| Failure::config(format!("{symbol}: {}", why.name())))?;
        let proof = prove_market(&inst, inst_config, band)
            .map_err(|why| Failure::usage(format!("{symbol}: {}", why.name())))?;
        markets.push(proof);
    }
    let pairs = prove_pairs(&core, &markets)?;
    let strict = args.strict || config.engine.mode == Mode::Live;
    let table = Table::build(&wish(&config), cores, config.markets.len()).map_err(|e| e.0);
    Ok(Outcome { file: args.config.display().to_string(), strict, table, markets, pairs })
}

/// Each pair over the bands of its legs' markets.
/// The proof of every pair, at the bands of its legs' markets.
pub fn prove_pairs(core: &CoreConfig, markets: &[MarketProof]) -> Result<Vec<PairProof>, Failure> {
    let prove = |pair: &crate::core::PairConfig| {
        let at = pair.legs.map(|leg| usize::from(leg.0));
        let of = |i: usize| {
            let spec = core.instruments[at[i]].spec;
            Instrument::new(pair.legs[i], spec).map_err(|why| Failure::config(why.name()))
        };
        let (a, b) = (of(0)?, of(1)?);
        let configs = at.map(|i| &core.instruments[i]);
        let bands = at.map(|i| markets[i].band);
        Ok(prove_pair([&a, &b], configs, bands, &pair.params))
    };
    core.pairs.iter().map(prove).collect()
}

/// All values, or all reasons, one a line.
fn all<T>(results: impl Iterator<Item = Result<T, String>>) -> Result<Vec<T>, String> {
    let mut reasons = Vec::new();
    let values = results.filter_map(|r| r.map_err(|why| reasons.push(why)).ok()).collect();
    if reasons.is_empty() { Ok(values) } else { Err(reasons.join("\n")) }
}

/// The user's rules come first: they may be newer than the ones that ship.
fn known_rules(args: &CheckArgs) -> Result<Vec<Rules>, Failure> {
    let mut known = Vec::new();
    if let Some(path) = &args.rules {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::environment(format!("{file}: {error}")))?;
        known = rules::parse(&text, &file).map_err(Failure::config)?;
    }
    known.extend(rules::shipped());
    Ok(known)
}

/// What the configuration asks of the machine.
pub fn wish(config: &Config) -> Wish {
    Wish {
        topology: match config.topology.shape {
            Shape::Auto => None,
            Shape::Pipeline => Some(Topology::Pipeline),
            Shape::Pair => Some(Topology::Pair),
            Shape::Fused => Some(Topology::Fused),
        },
        wait: match config.topology.wait {
            config::Wait::Auto => None,
            config::Wait::Spin => Some(runner::Wait::Spin),
            config::Wait::Yield => Some(runner::Wait::Yield),
            config::Wait::Sleep => Some(runner::Wait::BackOff),
        },
        cpus: config.topology.cpus.clone(),
    }
}

/// The prices that are to be proved, as asked for.
#[derive(Clone, Copy, Debug)]
enum Band {
    /// Permille of the last price, to both sides.
    Part(i64),
    Between(Price, Price),
}

impl Band {
    fn parse(text: &str) -> Result<Band, Failure> {
        let wrong = |why: &str| Failure::usage(format!("--price-band {text:?}: {why}"));
        let price = |part: &str| match parse_raw(part.as_bytes()) {
            Ok(raw) if raw > 0 => Ok(Price(raw)),
            _ => Err(wrong("write a part of the price, such as 20%, or two prices, P..Q")),
        };
        if let Some(part) = text.strip_suffix('%') {
            // A percent is ten permille.
            let permille = price(part)?.0 / (SCALE / 10);
            let exact = permille * (SCALE / 10) == price(part)?.0;
            return match permille {
                1..1000 if exact => Ok(Band::Part(permille)),
                _ => Err(wrong("a part is 0.1% to 99.9%, in tenths of a percent")),
            };
        }
        let (lo, hi) = text.split_once("..").unwrap_or((text, ""));
        let (lo, hi) = (price(lo)?, price(hi)?);
        if lo > hi { Err(wrong("it ends before it starts")) } else { Ok(Band::Between(lo, hi)) }
    }

    fn around(self, symbol: &str, last: Option<Price>) -> Result<PriceBand, Failure> {
        let last = last.ok_or_else(|| {
            Failure::usage(format!("the price of {symbol} is not known: state --price {symbol}=P"))
        })?;
        match self {
            Band::Part(permille) => Ok(PriceBand::around(last, permille)),
            Band::Between(lo, hi) if lo <= last && last <= hi => Ok(PriceBand { lo, last, hi }),
            Band::Between(lo, hi) => Err(Failure::usage(format!(
                "--price-band {lo}..{hi} does not hold the last price {last}: state --price \
                 {symbol}=P"
            ))),
        }
    }
}

fn price_of(text: &str) -> Result<(&str, Price), Failure> {
    let wrong = || Failure::usage(format!("--price {text:?}: write SYMBOL=P, such as SOL=143"));
    let (symbol, price) = text.split_once('=').ok_or_else(wrong)?;
    match parse_raw(price.as_bytes()) {
        Ok(raw) if raw > 0 => Ok((symbol, Price(raw))),
        _ => Err(wrong()),
    }
}
