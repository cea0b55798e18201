//! Cold. Configuration in two stages: what was typed, with its place, then what is meant.
//!
//! The raw stage (`layer`) keeps every value as text with its file, line and column, and lays the
//! layers on each other: the defaults (`config/default.toml`, which is also the manual), then files
//! in order, then the environment, then flags. The second stage (`schema`, `read`) makes a
//! [`Config`] from it, whose every value is in its range and (`check`) fits the others. All errors
//! are reported at once, each with its place and reason.
//!
//! Money never passes through a float here: an amount is a decimal in quotes or a whole number,
//! read exactly or refused. Limits have defaults in paper mode only; a live run states each one
//! itself. No key material is accepted in any form.

mod check;
mod error;
mod fields;
mod ladder;
mod layer;
mod model;
mod other;
mod pair;
mod read;
mod schema;

pub use error::{ConfigError, ConfigErrors, Origin};
pub use other::{HedgeOn, LeadOn};
pub use pair::{PairGrowth, PairSettings};

use std::sync::Arc;

use crate::core::{CoreConfig, InstConfig, PairConfig, StandingParams};
use crate::instrument::{InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use crate::risk::{InstLimits, Limits};
use crate::strategy::hedge_exec::HedgeParams;
use crate::strategy::ladder_quote::LadderParams;
use crate::strategy::maker::MakerParams;
use crate::strategy::requote::RequoteParams;
use crate::strategy::signal::SignalParams;
use crate::units::{Bps, Nanos};
use layer::{Keys, Layer, Leaf, Raw, RawMarket};

/// Name of the defaults in messages.
pub const DEFAULT_FILE: &str = "config/default.toml";
/// Variables that begin so are configuration: `EVENKEEL__LIMITS__BURST`.
pub const ENV_PREFIX: &str = "EVENKEEL__";

/// Markets of one engine: more than anyone quotes from one core.
pub const MARKETS_MAX: usize = 64;

/// Where orders go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To a simulated venue.
    Paper,
    /// To the venue.
    Live,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Labels files and metrics.
    pub name: String,
    pub mode: Mode,
    /// The orderly end of a run brings inventory to zero.
    pub flatten_on_stop: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    Mainnet,
    Testnet,
    /// A simulated venue inside this process, on loopback.
    Embedded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venue {
    pub name: VenueId,
    pub network: Network,
    /// Empty: the network's own. For the embedded venue it is known at run time only.
    pub ws_url: String,
    /// As `ws_url`.
    pub rest_url: String,
    /// Books of five levels every 0.5 s, where the venue has a choice.
    pub fast_books: bool,
    /// Books from the venue's undocumented channel of changes.
    pub l2_deltas: bool,
    /// The venue is asked to cancel everything when it has not heard of us for a minute.
    pub dead_man: bool,
    /// Orders share frames where the venue has one answer for a frame.
    pub batches: bool,
    /// A refused transaction does not hold up those behind it, where nonces are the venue's to count.
    pub skip_nonces: bool,
}

/// How the engine's steps share threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// By the number of usable cpus.
    Auto,
    /// Feed, strategy and egress on a thread each.
    Pipeline,
    /// Two threads.
    Pair,
    /// One thread.
    Fused,
}

impl Shape {
    /// Threads of this shape; `None` where the machine decides.
    pub fn threads(self) -> Option<usize> {
        match self {
            Shape::Auto => None,
            Shape::Pipeline => Some(3),
            Shape::Pair => Some(2),
            Shape::Fused => Some(1),
        }
    }
}

/// What a thread does that has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Auto,
    Spin,
    Yield,
    Sleep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    pub shape: Shape,
    pub wait: Wait,
    /// One for each thread in the order feed, strategy, egress; empty: not pinned.
    pub cpus: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    pub enabled: bool,
    /// Directory.
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    pub enabled: bool,
    /// A loopback address with its port; port zero takes any that is free.
    pub address: String,
    /// File with the token of POST /kill, /flatten and /resume; empty: no command is taken.
    pub commands_file: String,
}

/// What stands guard over a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guards {
    pub standing: StandingParams,
    /// Nothing trades while this file exists; empty: none.
    pub kill_file: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// A PEM file of the only authorities that are trusted; empty: the public ones.
    pub ca_file: String,
}

/// Levels of a side that a venue's book has at most.
pub const BOOK_LEVELS_MAX: u32 = 20;

/// One market as configured. The venue's rules of it come from the venue.
#[derive(Clone, Debug, PartialEq)]
pub struct MarketConfig {
    pub symbol: Symbol,
    pub limits: InstLimits,
    pub signals: SignalParams,
    pub requote: RequoteParams,
    /// `None`: no maker on this market.
    pub maker: Option<MakerParams>,
    /// `None`: no ladder on this market. It has a maker or a ladder or neither.
    pub ladder: Option<LadderParams>,
    /// `None`: no hedger on this market.
    pub hedger: Option<HedgeParams>,
    /// Where its orders go. Its thresholds are in units of this market either way.
    pub hedge_on: HedgeOn,
    pub lead: LeadOn,
    pub stale: Nanos,
    pub fast_cancel_edge: Bps,
    pub own_fill_edge: Bps,
    pub answer_timeout: Nanos,
    pub pnl_window: Nanos,
    /// Set at the venue before the first order; zero leaves it as it is.
    pub leverage: u32,
    /// With the leverage: a margin of the position's own.
    pub isolated: bool,
    /// Levels of a side that are read of the venue's book; a pair's legs have all of them.
    pub book_levels: u32,
}

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub engine: Engine,
    pub venue: Venue,
    pub topology: Topology,
    pub limits: Limits,
    pub guards: Guards,
    pub journal: Journal,
    pub metrics: Metrics,
    /// `None`: no pair.
    pub pair: Option<PairSettings>,
    pub net: Net,
    pub markets: Vec<MarketConfig>,
}

impl Config {
    /// The defaults, which are the manual too.
    pub fn default_text() -> &'static str {
        include_str!("../config/default.toml")
    }

    /// One text over the defaults; `file` is its name in messages.
    pub fn parse(text: &str, file: &str) -> Result<Config, ConfigErrors> {
        Config::layered(&[(text, file)], &[], &[])
    }

    /// One file over the defaults.
    pub fn load(path: &std::path::Path) -> Result<Config, ConfigErrors> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse(&text, &file),
            Err(error) => {
                let source = Arc::from(file);
                let at = Origin { layer: 1, line: 0, column: 0, source };
                let what = format!("cannot be read: {error}");
                Err(ConfigErrors::new(vec![ConfigError { at, key: String::new(), what }]))
            }
        }
    }

    /// The defaults, then `files` (text and name) in order, then `env`, then `flags`.
    ///
    /// Of `env` (name and value) only names with [`ENV_PREFIX`] are taken; `__` separates sections:
    /// `EVENKEEL__MARKET__SOL__MAKER__SIZE`. `flags` are key and value: `market.SOL.maker.size`.
    /// Markets of several files meet by symbol. The first market that any file names replaces the
    /// one of the defaults, whose values (its limits in paper mode only) are every market's
    /// defaults.
    pub fn layered(
        files: &[(&str, &str)],
        env: &[(String, String)],
        flags: &[(String, String)],
    ) -> Result<Config, ConfigErrors> {
        let names = |keys: Vec<(String, String)>| keys.into_iter().map(|k| k.0).collect();
        let globals = names(schema::global_keys());
        let keys = Keys { globals, market: names(schema::market_keys()) };
        let mut errors = Vec::new();
        let mut base = layer::read(Config::default_text(), DEFAULT_FILE, 0, &keys, &mut errors);
        assert!(errors.is_empty() && base.markets.len() == 1, "the defaults are tested");
        let template = base.markets[0].leaves.clone();
        let mut named = false;
        for (i, (text, file)) in files.iter().enumerate() {
            let over = layer::read(text, file, i + 1, &keys, &mut errors);
            if !named && !over.markets.is_empty() {
                named = true;
                base.markets.clear();
            }
            layer::lay(&mut base, over, &template);
        }
        let last = files.len();
        for (name, value) in env {
            if let Some(path) = name.strip_prefix(ENV_PREFIX) {
                let path: Vec<&str> = path.split("__").collect();
                overlay(&mut base, &keys, &path, value, at_name(last + 1, name), &mut errors);
            }
        }
        for (key, value) in flags {
            let path: Vec<&str> = key.split('.').collect();
            let at = at_name(last + 2, &format!("--set {}", layer::shown(key)));
            overlay(&mut base, &keys, &path, value, at, &mut errors);
        }
        let config = meant(&base, &mut errors);
        if errors.is_empty() { Ok(config) } else { Err(ConfigErrors::new(errors)) }
    }

    /// The whole configuration as a file: what the journal's header holds. It parses back to an
    /// equal `Config`.
    pub fn effective_toml(&self) -> String {
        let mut writer = read::Writer::default();
        let mut copy = self.clone();
        schema::globals(&mut writer, &mut copy);
        for market in &mut copy.markets {
            writer.entry("market", |io| schema::market(io, market));
        }
        writer.out.trim_start().to_owned()
    }

    /// What the core runs on: this configuration with each market's rules, `specs`, which the
    /// venue's metadata states, in the order of [`Config::markets`].
    pub fn core(&self, specs: &[InstrumentSpec]) -> Result<CoreConfig, ConfigErrors> {
        let mut errors = Vec::new();
        let mut refuse = |market: &MarketConfig, what: String| {
            let key = format!("market.{}", market.symbol.as_str());
            errors.push(ConfigError { at: at_name(0, self.venue.name.name()), key, what });
        };
        let mut instruments = Vec::with_capacity(self.markets.len());
        for (i, market) in self.markets.iter().enumerate() {
            let Some(spec) = specs.get(i) else {
                refuse(market, "the venue states no rules for this market".to_owned());
                continue;
            };
            if spec.symbol != market.symbol || spec.venue != self.venue.name {
                let (venue, symbol) = (spec.venue.name(), spec.symbol.as_str());
                refuse(market, format!("these are the rules of {symbol} at {venue}"));
                continue;
            }
            if let Err(error) = Instrument::new(InstId(i as u16), *spec) {
                refuse(market, format!("the venue's rules cannot be used: {}", error.name()));
                continue;
            }
            instruments.push(market.with(*spec));
        }
        if errors.is_empty()
            && let Err((i, what)) = other::tie(&self.markets, &mut instruments)
        {
            let key = format!("market.{}", self.markets[i].symbol.as_str());
            errors.push(ConfigError { at: at_name(0, self.venue.name.name()), key, what });
        }
        let pairs = match self.pair.as_ref().map(|p| p.legs(&self.markets).map(|l| (p, l))) {
            None => Vec::new(),
            Some(Ok((pair, legs))) => vec![PairConfig { legs, params: pair.params() }],
            Some(Err(what)) => {
                let at = at_name(0, self.venue.name.name());
                errors.push(ConfigError { at, key: "pair".to_owned(), what });
                Vec::new()
            }
        };
        if !errors.is_empty() {
            return Err(ConfigErrors::new(errors));
        }
        let flatten_on_stop = self.engine.flatten_on_stop;
        let standing = self.guards.standing;
        Ok(CoreConfig { limits: self.limits, instruments, pairs, flatten_on_stop, standing })
    }

    /// Every key there is (`limits.burst`, `market.maker.size`) with what it takes, in words.
    pub fn keys() -> Vec<(String, String)> {
        let market = schema::market_keys().into_iter();
        let market = market.map(|(key, takes)| (format!("market.{key}"), takes));
        schema::global_keys().into_iter().chain(market).collect()
    }
}

impl MarketConfig {
    fn with(&self, spec: InstrumentSpec) -> InstConfig {
        InstConfig {
            spec,
            limits: self.limits,
            signals: self.signals,
            requote: self.requote,
            maker: self.maker,
            ladder: self.ladder,
            hedger: self.hedger,
            hedge_for: None,
            lead: None,
            stale: self.stale,
            fast_cancel_edge: self.fast_cancel_edge,
            own_fill_edge: self.own_fill_edge,
            answer_timeout: self.answer_timeout,
            pnl_window: self.pnl_window,
        }
    }
}

fn at_name(layer: usize, name: &str) -> Origin {
    Origin { layer, line: 0, column: 0, source: Arc::from(name) }
}

/// One value from outside of the files.
fn overlay(
    base: &mut Layer,
    keys: &Keys,
    path: &[&str],
    value: &str,
    at: Origin,
    errors: &mut Vec<ConfigError>,
) {
    let lower = |parts: &[&str]| parts.join(".").to_lowercase();
    let mut fail = |key: &str, what: String| {
        let key = layer::shown(key);
        errors.push(ConfigError { at: at.clone(), key, what });
    };
    let whole = lower(path);
    if path.iter().any(|part| layer::looks_secret(part)) || layer::is_key_material(value) {
        return fail(&whole, layer::NO_SECRETS.to_owned());
    }
    let leaf = || Leaf { raw: Raw::Untyped(value.to_owned()), at: at.clone() };
    let [first, rest @ ..] = path else { return };
    if !first.eq_ignore_ascii_case("market") {
        if keys.globals.contains(&whole) {
            base.globals.insert(whole, leaf());
        } else {
            fail(&whole, layer::unknown_path(&whole, &keys.globals, keys));
        }
        return;
    }
    let symbol = rest.first().copied().unwrap_or_default();
    let named = |m: &&mut RawMarket| m.symbol.eq_ignore_ascii_case(symbol);
    let all: Vec<String> = base.markets.iter().map(|m| m.symbol.clone()).collect();
    let Some(market) = base.markets.iter_mut().find(named) else {
        let all = all.join(", ");
        return fail(&whole, format!("no such market is configured; there is {all}"));
    };
    let key = lower(&rest[1..]);
    let shown = format!("market.{}.{key}", market.symbol);
    if key == "symbol" {
        fail(&shown, "a market is named by its symbol, which only a file states".to_owned());
    } else if keys.market.contains(&key) {
        market.leaves.insert(key, leaf());
    } else {
        fail(&shown, layer::unknown_path(&key, &keys.market, keys));
    }
}

/// The second stage: fields from leaves, then the checks between them. (A text that is no TOML is
/// not checked further: what is missing in it may just not have been found.)
fn meant(base: &Layer, errors: &mut Vec<ConfigError>) -> Config {
    let mut config = schema::blank();
    let mut reader = read::Reader::new(&base.globals, "", errors);
    schema::globals(&mut reader, &mut config);
    let mut bad = reader.bad;
    let live = config.engine.mode == Mode::Live;
    if !base.torn {
        if live {
            let at = &base.globals["engine.mode"].at;
            check::unstated(&base.globals, "", at, &mut bad, errors);
        }
        check::globals(&config, &mut check::Scope::new(&base.globals, "", &bad, errors));
    }
    if let Some(extra) = base.markets.get(MARKETS_MAX) {
        let what = format!("more than {MARKETS_MAX} markets");
        let key = layer::scope_of(&extra.symbol);
        errors.push(ConfigError { at: extra.at.clone(), key, what });
    }
    let globals_bad = bad;
    let mut all_bad = Vec::new();
    for raw in base.markets.iter().take(MARKETS_MAX) {
        let scope = layer::scope_of(&raw.symbol);
        let mut market = schema::blank_market();
        let mut reader = read::Reader::new(&raw.leaves, &scope, errors);
        schema::market(&mut reader, &mut market);
        let mut bad = reader.bad;
        if !base.torn {
            if live {
                check::unstated(&raw.leaves, &scope, &raw.at, &mut bad, errors);
            }
            check::market(&market, &mut check::Scope::new(&raw.leaves, &scope, &bad, errors));
        }
        config.markets.push(market);
        all_bad.push(bad);
    }
    if !base.torn {
        other::check(&config, base, &all_bad, errors);
        pair::check(&config, base, &globals_bad, errors);
    }
    config
}
