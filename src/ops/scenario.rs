//! Cold. Named situations: a market, a configuration and faults, the same for the demo over
//! sockets and for the deterministic backtest, each with what it is compared with.
//!
//! A scenario's configuration is a layer over `config/demo.toml` (or another base); `without` is a further layer that
//! switches the behaviour in question off, so that the comparison shows what it is good for.

pub mod compare;
pub mod pair_entry;
pub mod parts;
pub mod study;

use crate::backtest::{Backtest, BacktestReport, Setup};
use crate::config::Config;
use crate::event::{RejectReason, Tif};
use crate::instrument::{GridSpec, InstId, Instrument, InstrumentSpec, Symbol, VenueId};
use crate::ops::Failure;
use crate::sim::exchange::{
    AccountId, Exchange, Fault, FaultRule, Latency, Market, Request, Rules, hyperliquid_perp, order,
};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario as Mood};
use crate::units::{Bps, Nanos, Notional, Price, Qty, SCALE, Side};

/// Quote that a scenario's account begins with, where it states nothing else.
const CASH: i64 = 10_000;
/// When a backtest begins.
const EPOCH: Nanos = Nanos::from_secs(1_000_000);

/// A position that was there before the run: bought (sold) from the crowd at this price.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    pub side: Side,
    pub qty: &'static str,
    pub px: &'static str,
}

/// A market's rules where they differ from the simulated market's own.
#[derive(Clone, Copy, Debug)]
pub struct MarketRules {
    pub start_px: &'static str,
    pub sz_decimals: u32,
    pub min_size: &'static str,
    pub min_notional: &'static str,
    /// A fixed tick; `None`: the five significant figures of the simulated market's venue.
    pub tick: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// What it shows, in one line.
    pub about: &'static str,
    pub symbol: &'static str,
    /// Whose rules, fees and latency it has. Orders are refused in the embedded exchange's words.
    pub venue: VenueId,
    /// What `config` is laid over, with its file's name.
    pub base: (&'static str, &'static str),
    /// Over `base`, with its file's name.
    pub config: (&'static str, &'static str),
    /// Over `config`: the behaviour in question off.
    pub without: &'static str,
    /// What `without` switches off, in words.
    pub off: &'static str,
    pub mood: Mood,
    pub rules: Option<MarketRules>,
    pub opening: Option<Opening>,
    pub faults: &'static [FaultRule],
    /// Market time of the backtest.
    pub seconds: u64,
    pub seed: u64,
    /// Quote that the account begins with.
    pub cash: i64,
}

const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    symbol: "SOL",
    venue: VenueId::Hyperliquid,
    base: (include_str!("../../config/demo.toml"), "config/demo.toml"),
    config: ("", ""),
    without: "",
    off: "",
    mood: Mood::Calm,
    rules: None,
    opening: None,
    faults: &[],
    seconds: 1800,
    seed: 7,
    cash: CASH,
};

/// Its number there.
const LIGHTER_SOL_ID: u32 = 2;

/// SOL at Lighter in November 2025, as in `config/rules/lighter.toml`.
pub const LIGHTER_SOL: MarketRules = MarketRules {
    start_px: "143",
    sz_decimals: 3,
    min_size: "0.061",
    min_notional: "10.5",
    tick: Some("0.001"),
};

/// The next `times` orders of anyone are refused for this reason.
const fn refuse(reason: RejectReason, times: u32) -> FaultRule {
    let fault = Fault::Reject(reason);
    FaultRule { fault, account: None, inst: None, skip: 0, times, permille: 1000 }
}

macro_rules! layer {
    ($name:literal) => {
        (
            include_str!(concat!("../../config/scenarios/", $name, ".toml")),
            concat!("config/scenarios/", $name, ".toml"),
        )
    };
}

/// Every scenario that trades on the simulated market.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "guarded-hedger",
        about: "a guarded clip below the venue's minimum: 0.093 at 143 goes in one order",
        config: layer!("guarded-hedger"),
        without: "[[market]]\nsymbol = \"SOL\"\n[market.hedger]\nremainder_rule = false\n",
        off: "remainder rule",
        rules: Some(MarketRules {
            start_px: "143",
            sz_decimals: 3,
            min_size: "0.061",
            min_notional: "10.5",
            tick: None,
        }),
        opening: Some(Opening { side: Side::Buy, qty: "0.167", px: "146" }),
        seconds: 120,
        ..PLAIN
    },
    Scenario {
        name: "stuck-inventory",
        about: "fills on one side only: the other side and the hedger bring inventory back",
        config: layer!("stuck-inventory"),
        without: "[[market]]\nsymbol = \"SOL\"\n[market.maker]\nasymmetric_above = \"1\"\n\
                  [market.hedger]\nenabled = false\n",
        off: "asymmetric quoting and hedger",
        mood: Mood::OneSided,
        ..PLAIN
    },
    Scenario {
        name: "rejects",
        about: "rejects: alarm, never the refused size again, the maker's breaker, the hedger goes on",
        config: layer!("rejects"),
        without: "[limits]\nbreaker_rejects = 100\n",
        off: "breaker",
        opening: Some(Opening { side: Side::Buy, qty: "0.9", px: "202.22" }),
        // Maker, hedger, maker (its breaker opens), and then the hedger's next try.
        faults: &[refuse(RejectReason::Margin, 3), refuse(RejectReason::MinNotional, 1)],
        seconds: 300,
        ..PLAIN
    },
    Scenario {
        name: "volatile",
        about: "a wild market: quoting pauses, the side that reduces inventory stays",
        config: layer!("volatile"),
        without: "[[market]]\nsymbol = \"SOL\"\n[market.maker.pause]\nvolatility_bps = \"1000\"\n",
        off: "pause",
        mood: Mood::Volatile,
        ..PLAIN
    },
    Scenario {
        name: "trend",
        about: "a rising market: the side that it runs over is silent",
        config: layer!("trend"),
        without: "[[market]]\nsymbol = \"SOL\"\n[market.maker.trend]\nengage_bps = \"1000\"\n\
                  release_bps = \"1000\"\n",
        off: "trend filter",
        mood: Mood::TrendUp,
        ..PLAIN
    },
    Scenario {
        name: "loss-streak",
        about: "losses in a row: the PnL guard engages and holds without flapping",
        config: layer!("loss-streak"),
        without: "[[market]]\nsymbol = \"SOL\"\n[market.maker.pnl_guard]\nhold_s = 1\n\
                  clear_share = \"1\"\n",
        off: "hysteresis of the guard",
        mood: Mood::Volatile,
        ..PLAIN
    },
    Scenario {
        name: "small-account",
        about: "50 quote for five levels of BTC at 90 000: what a ladder can still quote",
        symbol: "BTC",
        config: layer!("small-account"),
        without: "[[market]]\nsymbol = \"BTC\"\n[market.ladder]\nshortfall = \"water_fill\"\n",
        off: "concentration (water filling instead)",
        rules: Some(MarketRules {
            start_px: "90000",
            sz_decimals: 5,
            min_size: "0",
            min_notional: "10",
            tick: None,
        }),
        seconds: 600,
        cash: 50,
        ..PLAIN
    },
    Scenario {
        name: "lighter-sol",
        about: "the repaired profile at Lighter: 0.093 SOL as it was stuck go, and no order is refused",
        venue: VenueId::Lighter,
        base: (
            include_str!("../../config/examples/lighter-sol.toml"),
            "config/examples/lighter-sol.toml",
        ),
        config: layer!("lighter-sol"),
        without: include_str!("../../config/examples/lighter-sol-seed.toml"),
        off: "the repairs (the profile as it was)",
        rules: Some(LIGHTER_SOL),
        opening: Some(Opening { side: Side::Buy, qty: "0.093", px: "143" }),
        cash: 100,
        ..PLAIN
    },
];

/// The scenario of this name.
pub fn find(name: &str) -> Result<&'static Scenario, Failure> {
    ALL.iter().find(|s| s.name == name).ok_or_else(|| {
        let mut known: Vec<&str> = ALL.iter().map(|s| s.name).collect();
        known.push(pair_entry::NAME);
        Failure::usage(format!("--scenario {name:?}: choose one of {}", known.join(", ")))
    })
}

/// The venue of a scenario, ready to trade.
pub struct Stage {
    pub exchange: Exchange,
    pub account: AccountId,
    pub market: Box<dyn Market + Send>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("account", &self.account).finish_non_exhaustive()
    }
}

impl Scenario {
    /// The scenario's configuration, with or without what it shows.
    pub fn config(&self, with: bool) -> Result<Config, Failure> {
        let mut layers = vec![self.base, self.config];
        if !with {
            layers.push((self.without, "the scenario's comparison"));
        }
        let mut config = Config::layered(&layers, &[], &[]).map_err(Failure::config)?;
        config.markets.retain(|m| m.symbol.as_str() == self.symbol);
        Ok(config)
    }

    /// What its configuration is made of behind a server, in a market that runs faster than the world: a
    /// profile that is made for the world has times too short for that.
    pub fn served_layers(&self) -> Vec<(&'static str, &'static str)> {
        let mut layers = vec![self.base, self.config];
        if self.venue == VenueId::Lighter {
            let times = include_str!("../../config/demo-lighter.toml");
            layers.push((times, "config/demo-lighter.toml"));
        }
        layers
    }

    /// The configuration behind a server.
    pub fn served_config(&self) -> Result<Config, Failure> {
        let layered = Config::layered(&self.served_layers(), &[], &[]);
        let mut config = layered.map_err(Failure::config)?;
        config.markets.retain(|m| m.symbol.as_str() == self.symbol);
        Ok(config)
    }

    /// The market as its venue defines it.
    pub fn instrument(&self) -> Result<Instrument, Failure> {
        let params = self.params()?;
        let symbol = Symbol::new(self.symbol).ok_or_else(|| Failure::bug("a scenario's symbol"))?;
        let plain = hyperliquid_perp(InstId(0), symbol, params.asset, params.sz_decimals);
        let mut plain = plain.map_err(|error| Failure::bug(error.name()))?;
        if self.venue == VenueId::Lighter {
            // The standard tier.
            let fees = (Bps::ZERO, Bps::ZERO);
            (plain.spec.maker_fee, plain.spec.taker_fee) = fees;
            plain.spec.venue = self.venue;
            plain.spec.asset = LIGHTER_SOL_ID;
        }
        let spec = self.refine(plain.spec)?;
        Instrument::new(InstId(0), spec).map_err(|error| Failure::bug(error.name()))
    }

    /// What the venue's dialect cannot state of the market's rules is added to what it states.
    pub fn refine(&self, mut spec: InstrumentSpec) -> Result<InstrumentSpec, Failure> {
        if let Some(rules) = self.rules {
            spec.min_size = Qty(raw(rules.min_size)?);
            spec.min_notional = Notional::from_raw(raw(rules.min_notional)?);
            if let Some(tick) = rules.tick {
                spec.grid = GridSpec::Tick(Price(raw(tick)?));
            }
        }
        Ok(spec)
    }

    fn params(&self) -> Result<FlowParams, Failure> {
        let mut params = FlowParams::built_in(self.symbol, self.mood).map_err(Failure::usage)?;
        if let Some(rules) = self.rules {
            params.start_px = Price(raw(rules.start_px)?);
            params.sz_decimals = rules.sz_decimals;
        }
        Ok(params)
    }

    /// The market on whose grid the crowd trades. The flow is calibrated in ticks of the first venue: on
    /// one ten times as fine its spread and its depth would be a tenth.
    fn crowds(&self, instrument: &Instrument) -> Result<Instrument, Failure> {
        if self.venue == VenueId::Hyperliquid {
            return Ok(instrument.clone());
        }
        let params = FlowParams::built_in(self.symbol, self.mood).map_err(Failure::usage)?;
        let spec = instrument.spec;
        hyperliquid_perp(instrument.id, spec.symbol, params.asset, params.sz_decimals)
            .map_err(|error| Failure::bug(error.name()))
    }

    /// The exchange with its account, opening position and faults, and its market from `now` on.
    pub fn stage(&self, seed: u64, now: Nanos) -> Result<Stage, Failure> {
        let rules = match self.venue {
            VenueId::Lighter => Rules {
                seed,
                latency: Latency::LIGHTER,
                // The ticker comes with every change of the top (here of a ms), the book every 50 ms.
                bbo_every: Nanos::from_millis(1),
                book_every: Nanos::from_millis(50),
                ..Rules::default()
            },
            _ => Rules { seed, ..Rules::default() },
        };
        self.staged(seed, now, rules)
    }

    /// The same behind the server of its venue's dialect, which has delays of its own where the venue's
    /// are an account's and not the network's.
    pub fn served(&self, seed: u64, now: Nanos) -> Result<Stage, Failure> {
        match self.venue {
            VenueId::Lighter => self.staged(seed, now, crate::ops::local::rules(self.venue, seed)),
            _ => self.stage(seed, now),
        }
    }

    fn staged(&self, seed: u64, now: Nanos, rules: Rules) -> Result<Stage, Failure> {
        let instrument = self.instrument()?;
        let market = Flow::new(&self.crowds(&instrument)?, self.params()?, seed, now);
        let mut exchange = Exchange::new(vec![instrument], rules);
        exchange.advance(now);
        let account = exchange.open_account(Notional::from_raw(self.cash * SCALE));
        if let Some(opening) = &self.opening {
            open(&mut exchange, account, opening)?;
        }
        for rule in self.faults {
            exchange.add_fault(*rule);
        }
        Ok(Stage { exchange, account, market: Box::new(market) })
    }

    /// The scenario as a backtest that is ready to run.
    pub fn backtest(&self, with: bool, seed: u64) -> Result<Backtest, Failure> {
        let config = self.config(with)?;
        let core = config.core(&[self.instrument()?.spec]).map_err(Failure::config)?;
        let Stage { exchange, account, market } = self.stage(seed, EPOCH)?;
        let ask_latency = Nanos::from_millis(100);
        let setup = Setup { exchange, market, account, ask_latency };
        Backtest::new(&core, setup).map_err(|error| Failure::bug(error.name()))
    }

    /// Runs the backtest for the scenario's time, without a stop at its end.
    pub fn run(&self, with: bool) -> Result<BacktestReport, Failure> {
        self.run_seed(with, self.seed)
    }

    /// The same with another seed.
    pub fn run_seed(&self, with: bool, seed: u64) -> Result<BacktestReport, Failure> {
        let mut test = self.backtest(with, seed)?;
        test.run(EPOCH.after(self.span()));
        Ok(test.report())
    }

    pub fn span(&self) -> Nanos {
        Nanos::from_secs(self.seconds)
    }
}

fn raw(text: &str) -> Result<i64, Failure> {
    crate::units::parse_raw(text.as_bytes()).map_err(|why| Failure::bug(why.name()))
}

/// The account trades with an order of the crowd that is there for nothing else.
fn open(exchange: &mut Exchange, account: AccountId, opening: &Opening) -> Result<(), Failure> {
    let (px, qty) = (Price(raw(opening.px)?), Qty(raw(opening.qty)?));
    let latency = exchange.rules().latency;
    exchange.set_latency(Latency::Instant);
    let inst = InstId(0);
    exchange.crowd_place(order(inst, opening.side.opposite(), px, qty, Tif::Gtc));
    let own = order(inst, opening.side, px, qty, Tif::Ioc);
    let now = exchange.now();
    exchange.submit(now, account, 0, &[Request::Place(own)]);
    exchange.advance(now);
    // It happened before the run: nobody is told.
    while exchange.poll(now).is_some() {}
    exchange.set_latency(latency);
    if exchange.position(account, inst).qty.abs() != qty {
        return Err(Failure::bug("the opening position of a scenario was not taken"));
    }
    Ok(())
}
