//! Cold. The demo's venue: an exchange, a market on it, an account with an agent, a server.

use super::DemoArgs;
use crate::config::Config;
use crate::instrument::{Instrument, InstrumentSpec, Symbol};
use crate::net::Endpoint;
use crate::ops::Failure;
use crate::ops::local::{self, Keys, Local, Serving};
use crate::ops::run::start;
use crate::ops::scenario::{self, Stage};
use crate::pipeline::clock::Clock;
use crate::pipeline::table::Table;
use crate::session::Spec;
use crate::sim::exchange::{AccountId, Exchange, Market, Rules};
use crate::sim::flow::Flow;
use crate::sim::params::FlowParams;
use crate::sim::recording::Recording;
use crate::sim::server::ServerHandle;
use crate::units::{Nanos, Notional, SCALE};
use crate::venue::rest::Pass;
use std::path::PathBuf;

/// Quote that the demo's account begins with.
const CASH: i64 = 10_000;

#[derive(Debug)]
pub struct Venue {
    /// For faults, and for a look at the exchange.
    pub server: ServerHandle,
    pub account: AccountId,
    keys: Keys,
    run_tag: u64,
}

/// What is asked of a venue's server and of the session that trades on it.
#[derive(Clone, Debug)]
pub struct Wiring {
    pub config: Config,
    pub table: Table,
    pub journal: PathBuf,
    /// Signs with a pool of prepared nonces.
    pub pooled: bool,
}

/// The market of the demo's arguments, from `now` on: a scenario's, a recording, or the calm one.
pub fn stage(args: &DemoArgs, now: Nanos) -> Result<Stage, Failure> {
    if let Some(name) = &args.scenario {
        return scenario::find(name)?.served(args.seed, now);
    }
    // A builder's market has no calibrated flow of its own.
    let name = match is_builders(&args.symbol) {
        false => args.symbol.clone(),
        true => format!("{}={BUILDERS_FLOW}", args.symbol),
    };
    let (instrument, params) = market(&name)?;
    let market: Box<dyn Market + Send> = match &args.data {
        None => Box::new(Flow::new(&instrument, params, args.seed, now)),
        Some(folder) => {
            let recording = Recording::open(folder, &args.symbol).map_err(Failure::environment)?;
            Box::new(recording.starting_at(now))
        }
    };
    let rules = Rules { seed: args.seed, ..Rules::default() };
    let mut exchange = Exchange::new(vec![instrument], rules);
    let account = exchange.open_account(Notional::from_raw(CASH * SCALE));
    Ok(Stage { exchange, account, market })
}

/// The market whose flow and settings a market of a builder's dex runs on.
pub const BUILDERS_FLOW: &str = "SOL";

/// A market of a builder's dex, `xyz:GOLD`: the embedded venue names them so.
pub fn is_builders(symbol: &str) -> bool {
    symbol.contains(':')
}

fn market(name: &str) -> Result<(Instrument, FlowParams), Failure> {
    let mut list = crate::ops::venue::markets(&[name.to_owned()])?;
    list.pop().ok_or_else(|| Failure::bug("a name without a market"))
}

/// Starts the venue in the language of its markets' venue.
pub fn start(stage: Stage, port: u16, clock: &Clock) -> Result<Venue, Failure> {
    let Local { server, account, keys } = local::start(stage, Serving { port, tick: TICK }, clock)?;
    tracing::info!(url = %server.http_url(), account = %keys.owner(), "the embedded venue listens");
    let run_tag = u64::from_be_bytes(local::random::<8>()?);
    Ok(Venue { server, account, keys, run_tag })
}

/// A 20th of the market's block of 70 ms at the demo's usual speed.
const TICK: std::time::Duration = std::time::Duration::from_micros(500);

impl Venue {
    pub fn ws_url(&self) -> String {
        self.server.ws_url()
    }

    pub fn http_url(&self) -> String {
        self.server.http_url()
    }

    /// The markets' rules as the venue states them, over REST like at any venue.
    pub fn specs(&self, symbols: &[Symbol], clock: &Clock) -> Result<Vec<InstrumentSpec>, Failure> {
        let rest = Endpoint::parse(&self.http_url()).map_err(Failure::environment)?;
        let asked = start::Venue { rest, clock: clock.clone() };
        asked.specs(&mut self.keys.owner().rest(symbols), &Pass::default())
    }

    /// A session that trades on this venue, by `specs` (see [`Venue::specs`]).
    pub fn session(
        &self,
        wiring: &Wiring,
        specs: Vec<InstrumentSpec>,
        clock: &Clock,
    ) -> Result<Spec, Failure> {
        let core = wiring.config.core(&specs).map_err(Failure::config)?;
        let access = self.keys.access(wiring.pooled)?;
        Ok(Spec {
            market_ws: Endpoint::parse(&self.ws_url()).map_err(Failure::environment)?,
            ws: Endpoint::parse(&self.ws_url()).map_err(Failure::environment)?,
            rest: Endpoint::parse(&self.http_url()).map_err(Failure::environment)?,
            access,
            run_tag: self.run_tag,
            specs,
            options: crate::ops::options(&wiring.config),
            core,
            config_text: wiring.config.effective_toml(),
            table: wiring.table.clone(),
            journal: Some(wiring.journal.clone()),
            clock: clock.clone(),
        })
    }

    /// What the venue knows at the end.
    pub fn stop(self) -> Option<Exchange> {
        self.server.stop()
    }
}
