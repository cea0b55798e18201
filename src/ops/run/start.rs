//! Cold. What a run asks of the venue before its first order: the markets and their prices, who the
//! agent is, what rests; and the proof with the venue's own rules.

use crate::config::Config;
use crate::instrument::{InstId, Instrument, InstrumentSpec};
use crate::keys::AgentKey;
use crate::net::http::HttpLimits;
use crate::net::{Endpoint, http_post};
use crate::ops::check::{self, report};
use crate::ops::{Failure, exit};
use crate::pipeline::clock::Clock;
use crate::pipeline::reconcile;
use crate::pipeline::runner;
use crate::pipeline::table::Table;
use crate::proved::{Standing, prove_market};
use crate::strategy::proof::PriceBand;
use crate::units::{Price, Qty, parse_raw};
use crate::venue::eip712::Address;
use crate::venue::hyperliquid::meta;
use serde_json::{Value, json};

/// Prices for which a start is proved: 20 % to both sides, as `check` does.
const BAND_PERMILLE: i64 = 200;

/// The venue's questions and answers.
#[derive(Clone, Debug)]
pub struct Venue {
    pub rest: Endpoint,
    pub clock: Clock,
}

impl Venue {
    fn ask(&self, body: &Value) -> Result<Vec<u8>, Failure> {
        self.ask_text(&body.to_string())
    }

    fn ask_text(&self, body: &str) -> Result<Vec<u8>, Failure> {
        let info = self.rest.with_path("/info");
        let now = || self.clock.stamp().0;
        http_post(&info, body.as_bytes(), &HttpLimits::default(), &now).map_err(|why| {
            let host = &self.rest.host;
            Failure::environment(format!("the venue's answer to {body} at {host}: {why}"))
        })
    }

    fn json(&self, body: &Value) -> Result<Value, Failure> {
        let answer = self.ask(body)?;
        serde_json::from_slice(&answer).map_err(|error| {
            let kind = body["type"].as_str().unwrap_or_default();
            Failure::environment(format!("the venue's {kind} is malformed: {error}"))
        })
    }

    /// The rules of the configured markets, as the venue states them now.
    pub fn specs(&self, config: &Config, owner: Address) -> Result<Vec<InstrumentSpec>, Failure> {
        let mut fees = self.ask(&json!({"type": "userFees", "user": text(owner)}))?;
        let fees = meta::fees(&mut fees).map_err(Failure::environment)?;
        let mut dexs = self.ask(&json!({"type": "perpDexs"}))?;
        let dexs = meta::perp_dexs(&mut dexs).map_err(Failure::environment)?;
        // Both answers are some 60 kB: each is asked for once, and only when a market needs it.
        let mut known: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut specs = Vec::with_capacity(config.markets.len());
        for market in &config.markets {
            let symbol = market.symbol.as_str();
            let question = meta::question(symbol);
            if !known.iter().any(|(asked, _)| *asked == question) {
                known.push((question, self.ask_text(question)?));
            }
            let answer = known.iter().find(|(asked, _)| *asked == question);
            let mut answer = answer.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
            let spec = meta::perp(&mut answer, symbol, fees).map_err(Failure::config)?;
            meta::check_dex(&spec, &dexs).map_err(Failure::config)?;
            specs.push(spec);
        }
        Ok(specs)
    }

    /// The mid of each market.
    pub fn prices(&self, specs: &[InstrumentSpec]) -> Result<Vec<Price>, Failure> {
        let mids = self.json(&json!({"type": "allMids"}))?;
        let price = |spec: &InstrumentSpec| {
            let symbol = spec.symbol.as_str();
            let raw = mids[symbol].as_str().and_then(|text| parse_raw(text.as_bytes()).ok());
            raw.filter(|raw| *raw > 0).map(Price).ok_or_else(|| {
                Failure::environment(format!("the venue has no price of {symbol} now"))
            })
        };
        specs.iter().map(price).collect()
    }

    /// Is the key one that may trade for the account now?
    pub fn check_agent(&self, key: &AgentKey, account: Address) -> Result<(), Failure> {
        let (agent, owner) = (text(key.address()), text(account));
        if agent == owner {
            // Its own key, which was allowed; nothing expires.
            return Ok(());
        }
        let role = self.json(&json!({"type": "userRole", "user": agent}))?;
        let agents = self.json(&json!({"type": "extraAgents", "user": owner}))?;
        let now_ms = self.clock.now().0 / 1_000_000;
        may_trade(&agent, &owner, &role, &agents, now_ms)
            .map_err(|why| Failure::config(format!("key: {why}")))
    }

    /// What the account has on these markets.
    pub fn account(&self, owner: Address, specs: &[InstrumentSpec]) -> Result<Account, Failure> {
        let info = self.rest.with_path("/info");
        let dexs = meta::dexs(specs.iter().map(|spec| spec.symbol.as_str()));
        let view = reconcile::view(&info, owner, &dexs, &self.clock);
        let view = view.map_err(Failure::environment)?;
        let ours = |coin: &str| specs.iter().any(|spec| spec.symbol.as_str() == coin);
        let held = |spec: &InstrumentSpec| {
            let found = view.positions.iter().find(|p| p.coin == spec.symbol.as_str());
            // A position of nothing is not listed.
            found.map_or(Qty::ZERO, |p| p.qty)
        };
        Ok(Account {
            open_orders: view.orders.iter().filter(|order| ours(&order.coin)).count(),
            positions: specs.iter().map(held).collect(),
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

/// Judges the answers to `userRole` of the agent and `extraAgents` of the account.
fn may_trade(
    agent: &str,
    owner: &str,
    role: &Value,
    agents: &Value,
    now_ms: u64,
) -> Result<(), String> {
    match (role["role"].as_str(), role["data"]["user"].as_str()) {
        (Some("agent"), Some(user)) if user.eq_ignore_ascii_case(owner) => {}
        (Some("agent"), user) => {
            let user = user.unwrap_or("another account");
            return Err(format!("{agent} is an agent of {user}, not of {owner}"));
        }
        (Some("missing"), _) => {
            return Err(format!("{agent} is no agent of {owner}: approve it at the venue"));
        }
        (role, _) => {
            let role = role.unwrap_or("unknown");
            return Err(format!("{agent} is of role {role:?}, not an agent"));
        }
    }
    // The unnamed agent is not listed, and has no end that the venue tells.
    let same = |a: &&Value| a["address"].as_str().is_some_and(|x| x.eq_ignore_ascii_case(agent));
    let list = agents.as_array().ok_or("the venue does not list the account's agents")?;
    match list.iter().find(same).map(|found| found["validUntil"].as_u64()) {
        Some(Some(ms)) if ms <= now_ms => {
            Err(format!("the approval of agent {agent} has expired: approve it again"))
        }
        Some(None) => Err(format!("the venue does not say until when {agent} is valid")),
        _ => Ok(()),
    }
}

pub fn text(address: Address) -> String {
    String::from_utf8_lossy(&address.text()).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str = "0xa1";
    const OWNER: &str = "0xb2";

    fn judge(role: Value, agents: Value) -> Result<(), String> {
        may_trade(AGENT, OWNER, &role, &agents, 1000)
    }

    #[test]
    fn an_agent_of_the_account_may_trade_while_it_is_valid() {
        let role = json!({"role": "agent", "data": {"user": "0xB2"}});
        let until = |ms: Value| json!([{"name": "x", "address": "0xA1", "validUntil": ms}]);
        assert_eq!(judge(role.clone(), until(json!(1001))), Ok(()));
        assert_eq!(judge(role.clone(), json!([])), Ok(()), "the unnamed one");
        let refused = |agents| judge(role.clone(), agents).expect_err("it may not");
        assert!(refused(until(json!(1000))).contains("has expired"));
        assert!(refused(until(json!(null))).contains("until when"));
        assert!(refused(json!(null)).contains("does not list"));
    }

    #[test]
    fn nobody_else_may() {
        let refused = |role| judge(role, json!([])).expect_err("it may not");
        let other = json!({"role": "agent", "data": {"user": "0xc3"}});
        assert!(refused(other).contains("an agent of 0xc3, not of 0xb2"));
        assert!(refused(json!({"role": "missing"})).contains("approve it"));
        assert!(refused(json!({"role": "vault"})).contains("not an agent"));
        assert!(refused(json!(null)).contains("not an agent"));
    }
}
