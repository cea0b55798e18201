//! Cold. `evenkeel run`: trades a configuration, on paper or live, until it is told to stop.
//!
//! `paper` reads the real market and simulates the account (`paper.rs`). `live` sends real orders:
//! it starts only when `check --strict` would pass with the venue's own rules and prices, with a
//! key that the venue says is an agent of the account, and it ends only after the venue was asked
//! what still rests.

pub mod access;
mod paper;
mod report;
pub mod start;

use crate::config::{Config, Mode, Network};
use crate::event::Command;
use crate::instrument::{InstId, InstrumentSpec, Symbol, VenueId};
use crate::net::{Endpoint, Trust};
use crate::ops::serve::Bound;
use crate::ops::view::View;
use crate::ops::watch::{Drawing, Quiet, Watch};
use crate::ops::{Failure, exit};
use crate::pipeline::clock::Clock;
use crate::pipeline::table::Table;
use crate::session::Spec;
use crate::switch::{Asked, Switch};
use crate::units::{Notional, SCALE};
use crate::venue::build::{self, Access, Owner};
use crate::venue::rest::{Pass, VenueRest};
use access::{KeyArgs, access};
use paper::Paper;
use report::{End, Ending};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What can be asked of a run.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// The configuration, over the defaults.
    #[arg(long)]
    pub config: PathBuf,
    /// paper: the real market, simulated fills, no key. live: real orders. By default what the
    /// configuration says.
    #[arg(long, value_parser = ["paper", "live"])]
    pub mode: Option<String>,
    /// Stops after so many seconds; by default at a signal.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// The account that is traded. Hyperliquid: 0x and 40 digits. Lighter: ACCOUNT, or
    /// ACCOUNT:KEY, or ACCOUNT:KEY:HEDGE_KEY, the indices of the account and of its API keys; the
    /// first key is 4 where none is stated. Live only.
    #[arg(long)]
    pub account: Option<String>,
    /// Hyperliquid: a sub-account of --account, or a vault that it leads, which is traded in its
    /// place: 0x and 40 digits. The key stays an agent of --account.
    #[arg(long, value_name = "ADDRESS", requires = "account")]
    pub vault: Option<String>,
    #[command(flatten)]
    pub keys: KeyArgs,
    /// A value over the configuration's: market.SOL.maker.size=0.1
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Quote that a paper account begins with.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(i64).range(1..=1_000_000_000))]
    pub paper_cash: i64,
    /// Signs with a pool of prepared nonces.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub pooled: bool,
    /// One JSON object at the end instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Prepared nonces: several of the largest bursts.
const POOL: usize = 256;
/// Longest wait for the orderly stop to unwind and be answered.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait for the venue to have nothing of ours any more.
const PROOF_PATIENCE_NS: u64 = 10_000_000_000;
/// Between two questions what rests.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// Between two status lines where there is no terminal.
const LINES_EVERY: Duration = Duration::from_secs(10);

pub fn run(args: &RunArgs) -> Result<i32, Failure> {
    let config = configuration(args)?;
    let file = Some(config.guards.kill_file.clone()).filter(|file| !file.is_empty());
    let switch = Switch::install(file.map(PathBuf::from)).map_err(Failure::switch)?;
    let bound = Bound::new(&config)?;
    let clock = Clock::start(1);
    let (market_ws, rest) = endpoints(&config)?;
    let venue = start::Venue { rest, clock: clock.clone() };
    let name = config.engine.name.clone();
    let plan = match config.engine.mode {
        Mode::Paper => on_paper(args, config, &venue, market_ws, &clock)?,
        Mode::Live => live(args, config, venue, market_ws)?,
    };
    let Plan { spec, orders_at, asks, paper } = plan;
    let specs = spec.specs.clone();
    let journal = spec.journal.clone();
    let title = report::title(&name, &specs, paper.is_some(), journal.as_deref());
    let view = View::new(title, args.seconds, &specs);
    let watch = Watch::start(spec, bound, switch, view, Drawing::new(!args.json, LINES_EVERY))?;
    let mut ran = Running { watch, venue: orders_at, asks, markets: specs.len(), clock: &clock };
    let asked = ran.watch.trade(args.seconds);
    let (ending, account) = ran.stop(asked);
    ran.watch.last_look();
    let seconds = ran.watch.elapsed_ns() / 1_000_000_000;
    let Watch { session, view, .. } = ran.watch;
    let metrics = std::sync::Arc::clone(&session.metrics);
    let ended = session.end();
    let exchange = match paper {
        Some(paper) => Some((paper.counts.clone(), paper.account, paper.stop())),
        None => None,
    };
    let end = End::new(ending, account, seconds, journal, ended, &metrics, exchange, &view, &specs);
    end.print(args.json);
    Ok(end.exit_code())
}

/// What a mode has made of a configuration.
struct Plan {
    spec: Spec,
    /// Where the account is, to be asked what rests.
    orders_at: start::Venue,
    asks: VenueRest,
    paper: Option<Paper>,
}

/// The file, the environment, `--set`, and `--mode` over all.
fn configuration(args: &RunArgs) -> Result<Config, Failure> {
    let file = args.config.display().to_string();
    let text = std::fs::read_to_string(&args.config)
        .map_err(|error| Failure::environment(format!("{file}: {error}")))?;
    let mut flags = Vec::new();
    for set in &args.sets {
        let pair = set.split_once('=');
        let (key, value) =
            pair.ok_or_else(|| Failure::usage(format!("--set {set:?}: write KEY=VALUE")))?;
        flags.push((key.to_owned(), value.to_owned()));
    }
    if let Some(mode) = &args.mode {
        flags.push(("engine.mode".to_owned(), mode.clone()));
    }
    let env: Vec<(String, String)> = std::env::vars().collect();
    Config::layered(&[(&text, &file)], &env, &flags).map_err(Failure::config)
}

/// The WebSocket and the REST base that a configuration means.
fn endpoints(config: &Config) -> Result<(Endpoint, Endpoint), Failure> {
    let own = |stated: &str, mainnet: &'static str, testnet: &'static str| match (
        stated,
        config.venue.network,
    ) {
        ("", Network::Mainnet) => Ok(mainnet.to_owned()),
        ("", Network::Testnet) => Ok(testnet.to_owned()),
        ("", Network::Embedded) => Err(Failure::config(
            "venue.network \"embedded\" is what `evenkeel demo` starts: name mainnet or \
                 testnet, or state venue.ws_url and venue.rest_url of one that runs",
        )),
        (stated, _) => Ok(stated.to_owned()),
    };
    let venue = &config.venue;
    let host = |network| build::hosts(venue.name, network).map_err(Failure::config);
    let (main, test) = (host(build::Network::Mainnet)?, host(build::Network::Testnet)?);
    let ws = own(&venue.ws_url, main.0, test.0)?;
    let rest = own(&venue.rest_url, main.1, test.1)?;
    let trust = match config.net.ca_file.as_str() {
        "" => None,
        file => {
            let pem = std::fs::read(file)
                .map_err(|error| Failure::environment(format!("net.ca_file {file}: {error}")))?;
            Some(Trust::from_pem(&pem).map_err(Failure::config)?)
        }
    };
    let open = |url: &str| {
        Endpoint::parse_trusting(url, trust.as_ref())
            .map_err(|why| Failure::environment(format!("{url}: {why}")))
    };
    Ok((open(&ws)?, open(&rest)?))
}

/// A paper run: the venue's market, an exchange of ours.
fn on_paper(
    args: &RunArgs,
    config: Config,
    venue: &start::Venue,
    market_ws: Endpoint,
    clock: &Clock,
) -> Result<Plan, Failure> {
    // Whose fees: the account's when it is named, else those of an account without a history.
    let name = config.venue.name;
    let owner = match &args.account {
        Some(text) => owner(name, text, args.vault.as_deref())?,
        None => Owner::nobody(name).map_err(Failure::config)?,
    };
    let mut asks = owner.rest(&symbols(&config));
    let specs = venue.specs(&mut asks, &Pass::default())?;
    let prices = venue.prices(&asks, &specs)?;
    let table = start::prove(&args.config.display().to_string(), &config, &specs, &prices, false)?;
    let cash = Notional::from_raw(args.paper_cash * SCALE);
    let paper = Paper::start(&market_ws, &specs, cash, clock)?;
    let local = |url: String| Endpoint::parse(&url).map_err(Failure::environment);
    let (ws, rest) = (local(paper.server.ws_url())?, local(paper.server.http_url())?);
    let orders_at = start::Venue { rest: rest.clone(), clock: clock.clone() };
    let access = paper.keys.access(args.pooled)?;
    let mut asks = access.owner().rest(&symbols(&config));
    asks.know(&specs);
    let ends = Ends { market_ws, ws, rest };
    let spec = spec(&config, specs, table, ends, access, clock)?;
    Ok(Plan { spec, orders_at, asks, paper: Some(paper) })
}

/// A live run: nothing is left to chance before the first order.
fn live(
    args: &RunArgs,
    config: Config,
    venue: start::Venue,
    market_ws: Endpoint,
) -> Result<Plan, Failure> {
    let account = args.account.as_deref().ok_or_else(|| {
        Failure::usage("--mode live: state --account, the account that is traded")
    })?;
    let owner = owner(config.venue.name, account, args.vault.as_deref())?;
    let mut access = access(&args.keys, owner, network(&config), args.pooled.then_some(POOL))?;
    let mut asks = owner.rest(&symbols(&config));
    venue.check_keys(&asks, &access)?;
    let pass = access.pass(venue.clock.now().0 / 1_000_000);
    let specs = venue.specs(&mut asks, &pass)?;
    let prices = venue.prices(&asks, &specs)?;
    let table = start::prove(&args.config.display().to_string(), &config, &specs, &prices, true)?;
    let (ws, rest) = (market_ws.clone(), venue.rest.clone());
    let ends = Ends { market_ws, ws, rest };
    let clock = venue.clock.clone();
    let spec = spec(&config, specs, table, ends, access, &clock)?;
    Ok(Plan { spec, orders_at: venue, asks, paper: None })
}

fn owner(venue: VenueId, text: &str, vault: Option<&str>) -> Result<Owner, Failure> {
    let named =
        |flag: &str, text: &str, remedy: &str| Failure::usage(format!("{flag} {text:?}: {remedy}"));
    let owner = Owner::parse(venue, text).map_err(|remedy| named("--account", text, remedy))?;
    let Some(vault) = vault else { return Ok(owner) };
    owner.with_vault(vault).map_err(|remedy| named("--vault", vault, remedy))
}

fn symbols(config: &Config) -> Vec<Symbol> {
    config.markets.iter().map(|market| market.symbol).collect()
}

/// Which chain an action is signed for.
fn network(config: &Config) -> build::Network {
    match config.venue.network {
        Network::Testnet => build::Network::Testnet,
        // An embedded venue verifies as mainnet does.
        Network::Mainnet | Network::Embedded => build::Network::Mainnet,
    }
}

struct Ends {
    market_ws: Endpoint,
    ws: Endpoint,
    rest: Endpoint,
}

fn spec(
    config: &Config,
    specs: Vec<InstrumentSpec>,
    table: Table,
    ends: Ends,
    access: Access,
    clock: &Clock,
) -> Result<Spec, Failure> {
    let core = config.core(&specs).map_err(Failure::config)?;
    let mut tag = [0; 8];
    getrandom::fill(&mut tag)
        .map_err(|error| Failure::environment(format!("no randomness: {error}")))?;
    let now_ms = clock.now().0 / 1_000_000;
    let file = format!("{}-{now_ms}.journal", config.engine.name);
    let journal = config.journal.enabled.then(|| Path::new(&config.journal.path).join(file));
    let Ends { market_ws, ws, rest } = ends;
    Ok(Spec {
        market_ws,
        ws,
        rest,
        access,
        run_tag: u64::from_be_bytes(tag),
        specs,
        options: crate::ops::options(config),
        core,
        config_text: config.effective_toml(),
        table,
        journal,
        clock: clock.clone(),
    })
}

/// A session while it is watched, and where its account is.
struct Running<'a> {
    watch: Watch,
    venue: start::Venue,
    asks: VenueRest,
    markets: usize,
    clock: &'a Clock,
}

impl Running<'_> {
    /// Stops, and asks the venue what still rests and what is held. `None`: it does not answer.
    fn stop(&mut self, asked: Option<Asked>) -> (Ending, Option<start::Account>) {
        let ending = self.wind_down(asked.unwrap_or(Asked::Stop));
        (ending, self.prove_nothing_rests())
    }

    fn wind_down(&mut self, mut asked: Asked) -> Ending {
        loop {
            match asked {
                Asked::Abort | Asked::Kill => self.watch.command(Command::Kill),
                Asked::Stop | Asked::Flatten => {
                    match self.watch.wait_quiet(asked.command(), STOP_PATIENCE) {
                        Quiet::Asked(more) => {
                            asked = more;
                            continue;
                        }
                        Quiet::Broken => return Ending::Broken,
                        Quiet::TimedOut => {
                            self.watch.command(Command::Kill);
                            return Ending::TimedOut;
                        }
                        Quiet::Reached => {}
                    }
                }
            }
            return match asked {
                Asked::Stop => Ending::Stopped,
                Asked::Abort => Ending::Aborted,
                Asked::Kill | Asked::Flatten => Ending::Killed,
            };
        }
    }

    fn prove_nothing_rests(&mut self) -> Option<start::Account> {
        let end = self.clock.stamp().0 + PROOF_PATIENCE_NS;
        loop {
            let late = self.clock.stamp().0 >= end;
            let account = self.venue.account(&self.asks, self.markets);
            // The last fills may still be on their way to us.
            self.watch.pass();
            match account {
                Ok(account) if late || (account.open_orders == 0 && self.agrees(&account)) => {
                    return Some(account);
                }
                // A cancel is on its way, or one is needed that the core does not know of.
                Ok(account) if account.open_orders > 0 => self.watch.command(Command::Kill),
                Ok(_) => {}
                Err(why) if late => {
                    tracing::error!(why = why.message, "the venue does not say what rests");
                    return None;
                }
                Err(_) => {}
            }
            std::thread::sleep(ASK_AGAIN);
        }
    }

    /// By the last snapshots, which come every 100 ms.
    fn agrees(&self, account: &start::Account) -> bool {
        let mut venue = (0..).map(InstId).zip(&account.positions);
        venue.all(|(inst, venue)| self.watch.view.position(inst) == Some(*venue))
    }
}

/// The exit code of an ending, by what is left.
fn exit_code(ending: Ending, clean: bool, panicked: bool, illegal: u64) -> i32 {
    match ending {
        _ if panicked => exit::PANICKED,
        Ending::Broken => exit::PANICKED,
        _ if !clean || illegal > 0 => exit::FAILED,
        Ending::TimedOut => exit::FAILED,
        Ending::Killed => exit::KILLED,
        Ending::Aborted => exit::ABORTED,
        Ending::Stopped => exit::OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_says_what_is_left() {
        assert_eq!(exit_code(Ending::Stopped, true, false, 0), exit::OK);
        assert_eq!(exit_code(Ending::Aborted, true, false, 0), exit::ABORTED);
        assert_eq!(exit_code(Ending::Killed, true, false, 0), exit::KILLED);
        for (ending, clean, illegal) in [
            (Ending::Stopped, false, 0),
            (Ending::Aborted, false, 0),
            (Ending::Killed, false, 0),
            (Ending::TimedOut, true, 0),
            (Ending::Stopped, true, 1),
        ] {
            assert_eq!(exit_code(ending, clean, false, illegal), exit::FAILED);
        }
        assert_eq!(exit_code(Ending::Stopped, true, true, 0), exit::PANICKED);
        assert_eq!(exit_code(Ending::Broken, true, false, 0), exit::PANICKED);
    }
}
