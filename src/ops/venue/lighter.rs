//! Cold. `evenkeel venue --venue lighter`: the embedded venue in its second dialect.
//!
//! An account is a number and its API keys. Without keys of yours it makes test keys and prints them,
//! private halves too: they are worth nothing anywhere else, and every run of a seed has the same ones.

use serde_json::{Value, json};

use super::{PLAYED, VenueArgs, quote};
use crate::instrument::{InstId, Instrument, Symbol};
use crate::ops::Failure;
use crate::pipeline::clock::Clock;
use crate::sim::exchange::{Exchange, Market, Markets, hyperliquid_perp};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario};
use crate::sim::server::lighter::crypto::{PublicKey, hex, test_key};
use crate::sim::server::lighter::{
    self, ApiKey, LighterAccount, LighterConfig, LighterRates, Tier,
};
use crate::sim::server::verify::{Address, address_text};
use crate::sim::server::{ServerHandle, start_lighter};
use crate::units::{Nanos, Notional, Qty, SCALE};

/// What each account has where no key of its own is named: one for quotes, one for hedges.
const TEST_KEYS: [u8; 2] = [4, 5];
const FIRST_ACCOUNT: u64 = 1;

/// A calibrated market under this venue's number and scales (recorded 2026-10): decimals of prices and of
/// sizes, smallest size raw 10^-8, smallest worth in quote.
struct Scale {
    name: &'static str,
    id: u32,
    decimals: (u32, u32),
    min_base: i64,
    min_quote: i64,
}

const SCALES: [Scale; 3] = [
    Scale { name: "ETH", id: 0, decimals: (2, 4), min_base: SCALE / 500, min_quote: 10 },
    Scale { name: "BTC", id: 1, decimals: (1, 5), min_base: SCALE / 100_000 * 7, min_quote: 10 },
    Scale { name: "SOL", id: 2, decimals: (3, 3), min_base: SCALE / 1000 * 55, min_quote: 10 },
];

/// What was asked for by `--account`.
#[derive(Debug)]
struct Wanted {
    index: u64,
    keys: Vec<ApiKey>,
    /// Test keys: index and private half.
    private: Vec<(u8, String)>,
}

/// A server, what its first line says, and how its accounts are named in the report.
pub(super) fn serve(
    args: &VenueArgs,
    clock: &Clock,
) -> Result<(ServerHandle, Value, Vec<Value>), Failure> {
    let tier = Tier::parse(&args.tier).ok_or_else(|| Failure::bug("clap has checked the tier"))?;
    let wanted = accounts(args)?;
    let from = Nanos(clock.now().0 - PLAYED.0);
    let mut flows = Markets::new();
    let mut instruments = Vec::new();
    for (i, text) in args.market.iter().enumerate() {
        let (instrument, coarse, params) = market(i, text, tier)?;
        flows.add(Flow::new(&coarse, params, args.seed.wrapping_add(i as u64), from));
        instruments.push(instrument);
    }
    let listed: Vec<Value> = instruments
        .iter()
        .map(|i| json!({"symbol": i.spec.symbol.as_str(), "market_id": i.spec.asset}))
        .collect();
    let mut exchange = Exchange::new(instruments, lighter::rules(args.seed));
    let accounts: Vec<LighterAccount> = wanted
        .iter()
        .map(|wanted| LighterAccount {
            index: wanted.index,
            account: exchange.open_account(quote(args.cash)),
            l1_address: address(wanted.index),
            keys: wanted.keys.clone(),
            tier,
        })
        .collect();
    let chain_id = if args.network.as_deref() == Some("testnet") { 300 } else { 304 };
    let config = LighterConfig {
        addr: ([127, 0, 0, 1], args.port).into(),
        chain_id,
        accounts,
        rates: if args.rates { LighterRates::VENUE } else { LighterRates::default() },
        // Pings are real time, so are these two minutes.
        heard_within: Some(Nanos::from_secs(120 * u64::from(args.speed))),
        ping_every: Some(Nanos::from_secs(60 * u64::from(args.speed))),
        ..LighterConfig::local()
    };
    let market: Box<dyn Market + Send> = Box::new(flows);
    let time = clock.clone();
    let served = start_lighter(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)?;
    let told = json!({
        "http": served.http_url(),
        "ws": served.ws_url(),
        "chain_id": chain_id,
        "tier": tier.name,
        "markets": listed,
        "accounts": wanted.iter().map(told).collect::<Vec<_>>(),
    });
    Ok((served, told, wanted.iter().map(|w| json!(w.index)).collect()))
}

fn told(wanted: &Wanted) -> Value {
    let key = |key: &ApiKey| {
        let private = wanted.private.iter().find(|p| p.0 == key.index).map(|p| &p.1);
        json!({"index": key.index, "public_key": key.public.text(), "private_key": private})
    };
    json!({
        "index": wanted.index,
        "l1_address": address_text(&address(wanted.index)),
        "keys": wanted.keys.iter().map(key).collect::<Vec<_>>(),
    })
}

/// An address for an account that has none of its own: its number.
fn address(index: u64) -> Address {
    let mut address = [0; 20];
    address[12..].copy_from_slice(&index.to_be_bytes());
    address
}

/// `INDEX`, or `INDEX@KEY=PUBLIC+KEY=PUBLIC`.
fn accounts(args: &VenueArgs) -> Result<Vec<Wanted>, Failure> {
    if args.account.is_empty() {
        return Ok(vec![with_test_keys(FIRST_ACCOUNT, args.seed)]);
    }
    let mut list: Vec<Wanted> = Vec::new();
    for text in &args.account {
        let refused = |what: &str| Failure::usage(format!("--account {text}: {what}"));
        let (index, keys) =
            text.split_once('@').map_or((text.as_str(), None), |(i, k)| (i, Some(k)));
        let index = index.parse().map_err(|_| refused("an account is a number"))?;
        if list.iter().any(|w| w.index == index) {
            return Err(refused("it stands twice"));
        }
        let Some(keys) = keys else {
            list.push(with_test_keys(index, args.seed));
            continue;
        };
        let key = |text: &str| {
            let (index, public) = text.split_once('=')?;
            let index = index.parse::<u8>().ok().filter(|i| *i < 255)?;
            Some(ApiKey { index, public: PublicKey::parse(public)? })
        };
        let keys: Option<Vec<ApiKey>> = keys.split('+').map(key).collect();
        let keys = keys.ok_or_else(|| refused("a key is a number, =, and 80 hex digits"))?;
        list.push(Wanted { index, keys, private: Vec::new() });
    }
    Ok(list)
}

fn with_test_keys(index: u64, seed: u64) -> Wanted {
    let made = TEST_KEYS.map(|key| (key, test_key(seed, index, key)));
    Wanted {
        index,
        keys: made.iter().map(|(i, k)| ApiKey { index: *i, public: PublicKey::of(k) }).collect(),
        private: made.iter().map(|(i, k)| (*i, hex(&k.to_bytes()))).collect(),
    }
}

/// A market's instrument, and the coarser one on which its crowd trades: the flow is calibrated on
/// Hyperliquid's ticks, and this venue's are finer.
fn market(
    i: usize,
    text: &str,
    tier: Tier,
) -> Result<(Instrument, Instrument, FlowParams), Failure> {
    let (name, flow) = text.split_once('=').unwrap_or((text, text));
    let params = FlowParams::built_in(flow, Scenario::Calm).map_err(Failure::usage)?;
    let scale = SCALES.iter().find(|s| s.name == flow).ok_or_else(|| {
        Failure::usage(format!("--market {text}: the flow {flow:?} has no scale at this venue"))
    })?;
    let symbol = Symbol::new(name)
        .ok_or_else(|| Failure::usage(format!("--market {name:?} is not a market's name")))?;
    let inst = InstId(u16::try_from(i).map_err(Failure::usage)?);
    // Names of your own come behind the calibrated ones.
    let id = if name == flow { scale.id } else { 100 + u32::from(inst.0) };
    let minimums = (Qty(scale.min_base), Notional::from_raw(scale.min_quote * SCALE));
    let bug = |error: crate::instrument::SpecError| Failure::bug(error.name());
    let fine = lighter::perp(inst, symbol, id, scale.decimals, minimums, tier).map_err(bug)?;
    let coarse = hyperliquid_perp(inst, symbol, params.asset, params.sz_decimals).map_err(bug)?;
    Ok((fine, coarse, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markets_have_the_venues_numbers() {
        let row = |text: &str, i: usize| {
            let (fine, ..) = market(i, text, Tier::PREMIUM).expect("a market");
            (fine.spec.symbol.as_str().to_owned(), fine.spec.asset, fine.spec.taker_fee.0)
        };
        assert_eq!(row("SOL", 0), ("SOL".to_owned(), 2, 28_000));
        assert_eq!(row("MINE=BTC", 3), ("MINE".to_owned(), 103, 28_000));
        assert!(market(0, "DOGE", Tier::STANDARD).is_err());
    }

    #[test]
    fn an_address_is_the_accounts_number() {
        assert_eq!(address_text(&address(258)), "0x0000000000000000000000000000000000000102");
        let keys = with_test_keys(7, 1);
        assert_eq!(keys.keys.len(), 2);
        assert_ne!(keys.private[0].1, keys.private[1].1);
    }
}
