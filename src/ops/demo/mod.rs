//! Cold. `evenkeel demo`: a whole trading run against the embedded venue, explained while it runs.
//!
//! Everything is real: a matching engine behind a WebSocket and HTTP server on loopback, orders
//! signed and verified, three pipeline steps, a journal that is replayed at the end. No key,
//! network or file is needed.

mod report;
pub mod venue;

use crate::config::{self, Config, Shape};
use crate::event::Command;
use crate::instrument::{InstrumentSpec, Symbol, VenueId};
use crate::ops::scenario::pair_entry;
use crate::ops::serve::Bound;
use crate::ops::view::View;
use crate::ops::watch::{Drawing, Quiet, Watch};
use crate::ops::{Failure, exit, scenario};
use crate::pipeline::clock::Clock;
use crate::pipeline::runner;
use crate::pipeline::table::{Table, Topology, Wish};
use crate::switch::{Asked, Switch};
use report::Outcome;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;
use venue::Wiring;

/// The market that is traded unless another is named.
const SYMBOL: &str = "SOL";
/// What is traded at the second venue.
const LIGHTER: &str = "lighter-sol";

/// What can be asked of the demo.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Real seconds to trade.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Seed of the market.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Whose language the embedded venue speaks, with that venue's rules. lighter: the profile
    /// config/examples/lighter-sol.toml.
    #[arg(long, default_value = "hyperliquid", value_parser = ["hyperliquid", "lighter"])]
    pub venue: String,
    /// A named situation: its market, faults and configuration; `scenarios` lists them.
    #[arg(long, conflicts_with_all = ["data", "symbol"])]
    pub scenario: Option<String>,
    /// Plays a recorded market from this folder instead of the seeded one.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Market to trade. One of a builder's dex (xyz:GOLD) runs on the flow and settings of SOL.
    #[arg(long, default_value = SYMBOL)]
    pub symbol: String,
    /// Market seconds per real second: the venue, the market and the engine's timers run faster;
    /// latencies stay real.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub speed: u32,
    /// One JSON object at the end instead of text.
    #[arg(long)]
    pub json: bool,
    /// pipeline, pair or fused; by default what the machine's cores allow.
    #[arg(long)]
    pub topology: Option<String>,
    /// spin, yield or sleep.
    #[arg(long)]
    pub wait: Option<String>,
    /// Where the journal is written.
    #[arg(long, default_value = "out/demo.journal")]
    pub journal: PathBuf,
    /// A configuration on top of the built-in demo profile.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Signs with a pool of prepared nonces.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub pooled: bool,
    /// Port of the embedded venue; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

/// Longest wait for the stop to be complete: the venue's answers and the last unwinding orders.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

pub fn run(args: &DemoArgs) -> Result<i32, Failure> {
    let mut args = args.clone();
    if args.venue == VenueId::Lighter.name() {
        at_lighter(&mut args)?;
    }
    // The pair's scenario has two markets of its own.
    if let Some(name) = args.scenario.as_ref().filter(|n| *n != pair_entry::NAME) {
        args.symbol = scenario::find(name)?.symbol.to_owned();
    }
    let args = &args;
    let config = configuration(args)?;
    let symbols: Vec<Symbol> = config.markets.iter().map(|m| m.symbol).collect();
    // With a pair the first market shown is its leg a.
    let args = &DemoArgs { symbol: symbols[0].as_str().to_owned(), ..args.clone() };
    let file = Some(config.guards.kill_file.clone()).filter(|f| !f.is_empty());
    let switch = Switch::install(file.map(PathBuf::from)).map_err(Failure::switch)?;
    let clock = Clock::start(args.speed);
    let cores = runner::cores();
    let mut wish = wish(args, &config)?;
    if wish.topology.is_none() && cores.len() < 4 {
        // The venue lives in this process and needs a core as well.
        wish.topology = Some(Topology::Fused);
    }
    let table = Table::build(&wish, cores, symbols.len()).map_err(Failure::environment)?;
    let stage = match symbols.as_slice() {
        [a, b] => pair_entry::stage([*a, *b], args.seed, clock.now())?,
        _ => venue::stage(args, clock.now())?,
    };
    let venue = venue::start(stage, args.port, &clock)?;
    let mut specs = venue.specs(&symbols, &clock)?;
    if let Some(name) = args.scenario.as_ref().filter(|n| *n != pair_entry::NAME) {
        specs[0] = scenario::find(name)?.refine(specs[0])?;
    }
    let journal = args.journal.clone();
    let bound = Bound::new(&config)?;
    let wiring = Wiring { config, table: table.clone(), journal, pooled: args.pooled };
    let spec = venue.session(&wiring, specs.clone(), &clock)?;
    let view =
        View::new(title(args, &specs[0], &table, &venue.ws_url()), Some(args.seconds), &specs);
    let drawing = Drawing::new(!args.json, Duration::from_secs(1));
    let mut watch = Watch::start(spec, bound, switch, view, drawing)?;
    let asked = watch.trade(Some(args.seconds));
    let stopped = stop(&mut watch, asked);
    let metrics = std::sync::Arc::clone(&watch.session.metrics);
    let Watch { session, view, switch, .. } = watch;
    let ended = session.end();
    let exchange = venue.stop();
    let replayed = crate::ops::replay::file(&args.journal);
    let outcome = Outcome::new(args, &specs, &view, &metrics, ended, exchange, replayed, stopped)?;
    let mut out = std::io::stdout().lock();
    let text = if args.json { outcome.json() } else { outcome.text() };
    // A closed pipe is not an error of the run.
    let _ = writeln!(out, "{text}");
    Ok(match switch.told() {
        Some(Asked::Kill | Asked::Flatten) => exit::KILLED,
        Some(Asked::Abort) => exit::ABORTED,
        Some(Asked::Stop) | None => outcome.exit_code(),
    })
}

/// The second venue has one market, with the profile that is shipped for it: a scenario.
fn at_lighter(args: &mut DemoArgs) -> Result<(), Failure> {
    let refused = |what: &str| Failure::usage(format!("--venue lighter: {what}"));
    if args.data.is_some() {
        return Err(refused("recordings are of hyperliquid's markets; leave --data out"));
    }
    if args.symbol != SYMBOL {
        return Err(refused("its profile, config/examples/lighter-sol.toml, trades SOL"));
    }
    match args.scenario.as_deref() {
        None => args.scenario = Some(LIGHTER.to_owned()),
        Some(LIGHTER) => {}
        Some(_) => return Err(refused("of the scenarios only lighter-sol is there")),
    }
    Ok(())
}

fn title(args: &DemoArgs, spec: &InstrumentSpec, table: &Table, url: &str) -> String {
    let source = match &args.data {
        Some(folder) => format!("recording {}", folder.display()),
        None => format!("seed {}", args.seed),
    };
    let threads = table.threads.len();
    format!(
        "evenkeel demo: {} at {url}, {source}, {}x time, {} on {threads} thread{}, {}",
        spec.symbol.as_str(),
        args.speed,
        table.topology.name(),
        if threads == 1 { "" } else { "s" },
        table.wait.name(),
    )
}

/// The built-in profile, then the user's file; of its markets only the one that is traded, or the
/// two of the pair.
fn configuration(args: &DemoArgs) -> Result<Config, Failure> {
    let user = match &args.config {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
            Some((text, path.display().to_string()))
        }
    };
    let mut layers = vec![(include_str!("../../../config/demo.toml"), "config/demo.toml")];
    match &args.scenario {
        Some(name) if name == pair_entry::NAME => layers.push(pair_entry::LAYER),
        Some(name) => {
            layers = scenario::find(name)?.served_layers();
        }
        None => {}
    }
    if let Some((text, file)) = &user {
        layers.push((text, file));
    }
    let mut config = Config::layered(&layers, &[], &[]).map_err(Failure::config)?;
    if config.pair.is_some() {
        if args.data.is_some() {
            return Err(Failure::usage("--data plays one market: a pair has two"));
        }
        pair_entry::keep_legs(&mut config)?;
        return Ok(config);
    }
    if venue::is_builders(&args.symbol)
        && let Some(symbol) = Symbol::new(&args.symbol)
        && !config.markets.iter().any(|m| m.symbol == symbol)
        && let Some(market) =
            config.markets.iter_mut().find(|m| m.symbol.as_str() == venue::BUILDERS_FLOW)
    {
        market.symbol = symbol;
    }
    let known: Vec<&str> = config.markets.iter().map(|m| m.symbol.as_str()).collect();
    if !known.contains(&args.symbol.as_str()) {
        let known = known.join(", ");
        return Err(Failure::usage(format!(
            "--symbol {}: the demo's profile has {known}; another needs a [[market]] in --config",
            args.symbol
        )));
    }
    config.markets.retain(|m| m.symbol.as_str() == args.symbol);
    Ok(config)
}

fn wish(args: &DemoArgs, config: &Config) -> Result<Wish, Failure> {
    let mut wish = Wish {
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
    };
    if let Some(name) = &args.topology {
        let topology = Topology::parse(name).ok_or_else(|| {
            Failure::usage(format!("--topology {name:?}: choose pipeline, pair or fused"))
        })?;
        wish.topology = Some(topology);
    }
    if let Some(name) = &args.wait {
        let wait = runner::Wait::parse(name).ok_or_else(|| {
            Failure::usage(format!("--wait {name:?}: choose spin, yield or sleep"))
        })?;
        wish.wait = Some(wait);
    }
    Ok(wish)
}

/// Stops in order. `true` when everything was closed in time.
fn stop(watch: &mut Watch, asked: Option<Asked>) -> bool {
    let mut command = asked.map_or(Command::Stop, Asked::command);
    let quiet = loop {
        match watch.wait_quiet(command, STOP_PATIENCE) {
            Quiet::Asked(more) => command = more.command(),
            quiet => break quiet,
        }
    };
    watch.last_look();
    quiet == Quiet::Reached
}
