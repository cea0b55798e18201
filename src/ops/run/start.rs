//! Cold. What a run asks of the venue before its first order: the markets and their prices, who the
//! agent is, what rests; and the proof with the venue's own rules.

use crate::config::Config;
use crate::instrument::{InstId, Instrument, InstrumentSpec};
use crate::net::Endpoint;
use crate::ops::check::{self, report};
use crate::ops::{Failure, exit};
use crate::pipeline::clock::Clock;
use crate::pipeline::rest;
use crate::pipeline::runner;
use crate::pipeline::table::Table;
use crate::proved::{Standing, prove_market};
use crate::strategy::proof::PriceBand;
use crate::units::{Price, Qty};
use crate::venue::build::Access;
use crate::venue::rest::{Pass, Topic, Unread, VenueRest};

/// Prices for which a start is proved: 20 % to both sides, as `check` does.
const BAND_PERMILLE: i64 = 200;

/// The venue's questions and answers.
#[derive(Clone, Debug)]
pub struct Venue {
    pub rest: Endpoint,
    pub clock: Clock,
}

impl Venue {
    /// Without a key's word.
    fn ask(&self, of: &VenueRest, topic: Topic<'_>) -> Result<Vec<Vec<u8>>, Failure> {
        self.ask_with(of, topic, &Pass::default())
    }

    fn ask_with(
        &self,
        of: &VenueRest,
        topic: Topic<'_>,
        pass: &Pass,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        rest::ask(&self.rest, of, topic, pass, &self.clock).map_err(|why| {
            let host = &self.rest.host;
            Failure::environment(format!("the venue's answer at {host}: {why}"))
        })
    }

    /// The rules of the markets, as the venue states them now, with the fees of the account where
    /// `pass` lets them be seen.
    pub fn specs(&self, of: &mut VenueRest, pass: &Pass) -> Result<Vec<InstrumentSpec>, Failure> {
        let specs = of.specs(&self.ask_with(of, Topic::Specs, pass)?).map_err(failure)?;
        of.know(&specs);
        Ok(specs)
    }

    /// The mid of each market.
    pub fn prices(&self, of: &VenueRest, specs: &[InstrumentSpec]) -> Result<Vec<Price>, Failure> {
        let prices = of.prices(&self.ask(of, Topic::Prices)?).map_err(failure)?;
        let price = |(price, spec): (Option<Price>, &InstrumentSpec)| {
            price.ok_or_else(|| {
                let symbol = spec.symbol.as_str();
                Failure::environment(format!("the venue has no price of {symbol} now"))
            })
        };
        prices.into_iter().zip(specs).map(price).collect()
    }

    /// Is each key one that may trade for the account now, and is what is traded in its place its own?
    pub fn check_keys(&self, of: &VenueRest, access: &Access) -> Result<(), Failure> {
        for key in &access.keys() {
            let answers = self.ask(of, Topic::Key(key))?;
            let now_ms = self.clock.now().0 / 1_000_000;
            of.check_key(key, &answers, now_ms).map_err(|why| match why {
                Unread::Refused(why) => Failure::config(format!("key: {why}")),
                malformed => failure(malformed),
            })?;
        }
        Ok(())
    }

    /// What the account has on these markets.
    pub fn account(&self, of: &VenueRest, markets: usize) -> Result<Account, Failure> {
        let view = of.view(&self.ask(of, Topic::View)?).map_err(failure)?;
        let held = |inst: usize| {
            let is_it = |id: InstId| usize::from(id.0) == inst;
            let found = view.positions.iter().find(|p| p.inst.is_some_and(is_it));
            // A position of nothing is not listed.
            found.map_or(Qty::ZERO, |p| p.qty)
        };
        Ok(Account {
            // A view without a pass may not say.
            open_orders: of.resting(&self.ask(of, Topic::Resting)?).map_err(failure)?,
            positions: (0..markets).map(held).collect(),
        })
    }
}

/// What the venue says of our markets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub open_orders: usize,
    /// Of each market, in their order.
    pub positions: Vec<Qty>,
}

fn failure(why: Unread) -> Failure {
    match why {
        Unread::Malformed(why) => Failure::environment(why),
        Unread::Refused(why) => Failure::config(why),
    }
}

/// `check --strict` with the venue's own rules and prices: the table when every order is proved,
/// else what `check` prints.
pub fn prove(
    file: &str,
    config: &Config,
    specs: &[InstrumentSpec],
    prices: &[Price],
    strict: bool,
) -> Result<Table, Failure> {
    let core = config.core(specs).map_err(Failure::config)?;
    let mut markets = Vec::with_capacity(specs.len());
    for ((spec, inst_config), price) in specs.iter().zip(&core.instruments).zip(prices) {
        let symbol = spec.symbol.as_str();
        let inst = Instrument::new(InstId(0), *spec)
            .map_err(|why| Failure::config(format!("{symbol}: {}", why.name())))?;
        let band = PriceBand::around(*price, BAND_PERMILLE);
        let proof = prove_market(&inst, inst_config, band)
            .map_err(|why| Failure::config(format!("{symbol}: {}", why.name())))?;
        markets.push(proof);
    }
    let pairs = check::prove_pairs(&core, &markets)?;
    let built = Table::build(&check::wish(config), runner::cores(), specs.len());
    let table = built.map_err(|error| error.0);
    let outcome = check::Outcome { file: file.to_owned(), strict, table, markets, pairs };
    if outcome.exit_code() == exit::OK {
        return outcome.table.map_err(Failure::environment);
    }
    let mut message = report::text(&outcome);
    if strict && outcome.standing() == Standing::Warning {
        message.push_str("\na live run starts without warnings only");
    }
    Err(Failure { code: outcome.exit_code(), message })
}
