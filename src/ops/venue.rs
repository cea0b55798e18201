//! Cold. `evenkeel venue`: the embedded venue on its own, for people's own SDKs and bots.
//!
//! It prints one JSON line when it listens, and a report of every account when it ends. Keys of
//! people never come here: an account is an address, and whoever has its key can trade. `lighter.rs` is
//! the same in the second dialect.

mod lighter;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::instrument::{InstId, Instrument, Symbol};
use crate::ops::{Failure, exit};
use crate::pipeline::clock::Clock;
use crate::sim::exchange::{
    AccountId, Exchange, Fill, Market, Markets, OrderView, Rules, hyperliquid_perp,
};
use crate::sim::flow::Flow;
use crate::sim::params::{FlowParams, Scenario};
use crate::sim::server::verify::{Address, address_text, parse_address};
use crate::sim::server::{self, AccountSpec, Rates, ServerConfig, ServerHandle};
use crate::units::{Nanos, Notional, Side, raw_text};

/// Asset numbers of a dex of a builder: 100000 + its place in `perpDexs` times 10000.
const HIP3_BASE: u32 = 100_000;
const DEX_BLOCK: u32 = 10_000;
/// Dexs beside the first; the server's limit is higher.
const DEXS_MAX: usize = 16;

/// Market time that has passed when the first one may ask.
const PLAYED: Nanos = Nanos::from_secs(5);

/// What is served.
#[derive(Clone, Debug, clap::Args)]
pub struct VenueArgs {
    /// Whose protocol.
    #[arg(long, value_enum, default_value_t = Spoken::Hyperliquid)]
    pub venue: Spoken,
    /// Loopback port; 0 takes a free one, which the first line names.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Markets: SOL, ETH, BTC as calibrated, or NAME=SOL for a name of yours on the flow of SOL;
    /// xyz:GOLD=SOL is a market of the builder's dex xyz.
    #[arg(long, value_delimiter = ',', default_value = "SOL,ETH,BTC")]
    pub market: Vec<String>,
    /// OWNER or OWNER+AGENT+AGENT: the address of an account and of the keys that may sign for it
    /// beside its own; SUB@OWNER: a sub-account of one that is stated too. Lighter: INDEX, for which test keys are made and printed, or
    /// INDEX@KEY=PUBLIC+KEY=PUBLIC with API keys of yours; without any, account 1. Repeat for more
    /// accounts.
    #[arg(long, required_if_eq("venue", "hyperliquid"))]
    pub account: Vec<String>,
    /// Quote that each account begins with.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(i64).range(1..=1_000_000_000))]
    pub cash: i64,
    /// The network that actions are signed for. At an address that is not the venue's own,
    /// Hyperliquid's SDK signs for testnet and Lighter's for mainnet: these are the defaults.
    #[arg(long, value_parser = ["testnet", "mainnet"])]
    pub network: Option<String>,
    /// Lighter: fees, delays and limits of the accounts.
    #[arg(long, value_parser = ["standard", "plus", "premium"], default_value = "premium")]
    pub tier: String,
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Market seconds per real second.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub speed: u32,
    /// The venue's documented rate limits hold.
    #[arg(long)]
    pub rates: bool,
    /// Quote that an account must have traded before it may schedule a cancel; the venue asks for
    /// 1000000.
    #[arg(long, default_value_t = 1_000_000)]
    pub schedule_cancel_volume: u32,
    /// Real seconds to serve; otherwise until it is ended.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Ends, with its report, when its standard input does.
    #[arg(long)]
    pub until_eof: bool,
}

/// The dialects of the embedded venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Spoken {
    Hyperliquid,
    Lighter,
}

/// The verb: serves, and reports at the end. Ended by a signal it reports nothing.
pub fn run(args: &VenueArgs, out: &mut impl Write) -> Result<i32, Failure> {
    let clock = Clock::start(args.speed);
    let (served, told, names) = match args.venue {
        Spoken::Hyperliquid => {
            let owners = accounts(&args.account)?;
            let served = serve(args, &owners, &clock)?;
            let names: Vec<Value> =
                owners.iter().map(|o| json!(address_text(&o.address))).collect();
            let told = json!({
                "http": served.http_url(),
                "ws": served.ws_url(),
                "network": args.network.as_deref().unwrap_or("testnet"),
                "accounts": names,
            });
            (served, told, names)
        }
        Spoken::Lighter => lighter::serve(args, &clock)?,
    };
    print(out, &told)?;
    wait(args);
    let exchange = served.stop().ok_or_else(|| Failure::bug("the venue's thread panicked"))?;
    print(out, &report(&exchange, &names))?;
    Ok(exit::OK)
}

fn print(out: &mut impl Write, line: &Value) -> Result<(), Failure> {
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::environment(format!("standard output: {error}")))
}

/// Until the time is over or the input ends; otherwise for ever.
fn wait(args: &VenueArgs) {
    let over = Arc::new(AtomicBool::new(false));
    if args.until_eof {
        let over = Arc::clone(&over);
        std::thread::spawn(move || {
            let mut input = std::io::stdin().lock();
            // An input that cannot be read has ended.
            while input.read(&mut [0; 256]).is_ok_and(|n| n > 0) {}
            over.store(true, Ordering::Release);
        });
    }
    let mut left_ms = args.seconds.map(|s| s.saturating_mul(1000));
    while !over.load(Ordering::Acquire) && left_ms != Some(0) {
        std::thread::sleep(Duration::from_millis(10));
        left_ms = left_ms.map(|ms| ms.saturating_sub(10));
    }
}

/// An account: its address, its agents, its master when it is a sub-account.
struct Owner {
    address: Address,
    agents: Vec<Address>,
    master: Option<Address>,
}

fn accounts(texts: &[String]) -> Result<Vec<Owner>, Failure> {
    let owner = |text: &String| {
        let read = |part: &str| {
            parse_address(part).ok_or_else(|| {
                Failure::usage(format!("--account {text}: {part:?} is not 0x and 40 hex digits"))
            })
        };
        if let Some((sub, master)) = text.split_once('@') {
            let (address, master) = (read(sub)?, Some(read(master)?));
            return Ok(Owner { address, agents: Vec::new(), master });
        }
        let mut parts = text.split('+').map(read);
        let address = parts.next().unwrap_or_else(|| Err(Failure::usage("--account is empty")))?;
        Ok(Owner { address, agents: parts.collect::<Result<Vec<_>, _>>()?, master: None })
    };
    let owners = texts.iter().map(owner).collect::<Result<Vec<Owner>, Failure>>()?;
    let mut seen: Vec<Address> = Vec::new();
    for address in owners.iter().flat_map(|o| std::iter::once(&o.address).chain(&o.agents)) {
        if seen.contains(address) {
            let text = address_text(address);
            return Err(Failure::usage(format!("--account: {text} stands twice")));
        }
        seen.push(*address);
    }
    for master in owners.iter().filter_map(|o| o.master) {
        let is = |o: &Owner| o.address == master && o.master.is_none();
        if !owners.iter().any(is) {
            let text = address_text(&master);
            return Err(Failure::usage(format!("--account: {text} is no account that is stated")));
        }
    }
    Ok(owners)
}

/// The markets by their names: numbers as the venue gives them.
pub fn markets(names: &[String]) -> Result<Vec<(Instrument, FlowParams)>, Failure> {
    let mut dexs: Vec<&str> = Vec::new();
    let mut next: BTreeMap<usize, u32> = BTreeMap::new();
    let mut taken: Vec<u32> = Vec::new();
    let mut list = Vec::new();
    for (i, text) in names.iter().enumerate() {
        let (name, flow) = text.split_once('=').unwrap_or((text, text));
        let params = FlowParams::built_in(flow, Scenario::Calm).map_err(Failure::usage)?;
        let asset = match name.split_once(':') {
            None if name == flow => params.asset,
            // Behind the calibrated ones, which keep the numbers that they have at the venue.
            None => free(&mut next, 0, 10, &taken),
            Some((dex, _)) => {
                let place = dexs.iter().position(|d| *d == dex).unwrap_or_else(|| {
                    dexs.push(dex);
                    dexs.len() - 1
                });
                if place >= DEXS_MAX {
                    return Err(Failure::usage(format!("--market: more than {DEXS_MAX} dexs")));
                }
                free(&mut next, place + 1, HIP3_BASE + (place as u32 + 1) * DEX_BLOCK, &taken)
            }
        };
        taken.push(asset);
        let symbol = Symbol::new(name)
            .ok_or_else(|| Failure::usage(format!("--market {name:?} is not a market's name")))?;
        let inst = InstId(u16::try_from(i).map_err(Failure::usage)?);
        let instrument = hyperliquid_perp(inst, symbol, asset, params.sz_decimals)
            .map_err(|error| Failure::bug(error.name()))?;
        list.push((instrument, params));
    }
    Ok(list)
}

/// The next number of a dex, which counts from `first`.
fn free(next: &mut BTreeMap<usize, u32>, dex: usize, first: u32, taken: &[u32]) -> u32 {
    let at = next.entry(dex).or_insert(first);
    while taken.contains(at) {
        *at += 1;
    }
    *at
}

fn serve(args: &VenueArgs, owners: &[Owner], clock: &Clock) -> Result<ServerHandle, Failure> {
    let markets = markets(&args.market)?;
    // From a little before now, so that the first one who asks finds books.
    let from = Nanos(clock.now().0 - PLAYED.0);
    let mut flows = Markets::new();
    for (i, (instrument, params)) in markets.iter().enumerate() {
        let seed = args.seed.wrapping_add(i as u64);
        flows.add(Flow::new(instrument, params.clone(), seed, from));
    }
    let rules = Rules { seed: args.seed, ..Rules::default() };
    let instruments = markets.into_iter().map(|(instrument, _)| instrument).collect();
    let mut exchange = Exchange::new(instruments, rules);
    let spec = |owner: &Owner| AccountSpec {
        address: owner.address,
        account: exchange.open_account(quote(args.cash)),
        agents: owner.agents.clone(),
        master: owner.master,
    };
    let accounts = owners.iter().map(spec).collect();
    let config = ServerConfig {
        addr: ([127, 0, 0, 1], args.port).into(),
        mainnet: args.network.as_deref() == Some("mainnet"),
        accounts,
        rates: if args.rates { Rates::VENUE } else { Rates::default() },
        schedule_cancel_volume: quote(i64::from(args.schedule_cancel_volume)),
        // Pings are real time, so is this minute.
        idle_close: Some(Nanos::from_secs(60 * u64::from(args.speed))),
        ..ServerConfig::local()
    };
    let market: Box<dyn Market + Send> = Box::new(flows);
    let time = clock.clone();
    server::start(config, exchange, market, Box::new(move || time.now()))
        .map_err(Failure::environment)
}

fn quote(amount: i64) -> Notional {
    Notional::from_raw(amount * crate::units::SCALE)
}

/// What the exchange knows of each account, not by way of the protocol.
fn report(exchange: &Exchange, names: &[Value]) -> Value {
    let coin = |inst: InstId| {
        exchange.instrument(inst).map_or(String::new(), |i| i.spec.symbol.as_str().to_owned())
    };
    let account = |(i, name): (usize, &Value)| {
        // The exchange numbers accounts from 1; 0 is the crowd.
        let id = AccountId(i as u32 + 1);
        let positions: Value = exchange
            .instruments()
            .map(|i| (i.spec.symbol.as_str().to_owned(), exchange.position(id, i.id)))
            .filter(|(_, p)| p.qty.0 != 0)
            .map(|(coin, p)| json!({"coin": coin, "szi": raw_text(p.qty.0)}))
            .collect();
        let orders: Value = exchange.open_orders(id).map(|o| order(&o, &coin(o.inst))).collect();
        let fills: Value = exchange.fills(id).map(|f| fill(f, &coin(f.inst))).collect();
        json!({
            "address": name,
            "cash": raw_text(exchange.margin(id).cash.to_raw()),
            "positions": positions,
            "open_orders": orders,
            "fills": fills,
        })
    };
    json!({ "accounts": names.iter().enumerate().map(account).collect::<Vec<_>>() })
}

fn order(order: &OrderView, coin: &str) -> Value {
    json!({
        "coin": coin,
        "oid": order.oid,
        "cloid": order.cloid.map(|id| format!("0x{id:032x}")),
        "side": letter(order.side),
        "px": raw_text(order.px.0),
        "sz": raw_text(order.left.0),
    })
}

fn fill(fill: &Fill, coin: &str) -> Value {
    json!({
        "coin": coin,
        "oid": fill.oid,
        "tid": fill.tid,
        "side": letter(fill.side),
        "px": raw_text(fill.px.0),
        "sz": raw_text(fill.qty.0),
        "fee": raw_text(fill.fee),
        "crossed": fill.taker,
    })
}

fn letter(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "A",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(names: &[&str]) -> Vec<(String, u32)> {
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let list = markets(&names).expect("markets that exist");
        list.iter().map(|(i, _)| (i.spec.symbol.as_str().to_owned(), i.spec.asset)).collect()
    }

    #[test]
    fn markets_have_the_numbers_of_their_dex() {
        let row = |name: &str, asset| (name.to_owned(), asset);
        assert_eq!(
            assets(&["SOL", "BTC", "xyz:GOLD=SOL", "xyz:OIL=ETH", "abc:X=SOL", "MINE=BTC"]),
            [
                row("SOL", 5),
                row("BTC", 0),
                row("xyz:GOLD", 110_000),
                row("xyz:OIL", 110_001),
                row("abc:X", 120_000),
                row("MINE", 10),
            ]
        );
    }

    #[test]
    fn what_cannot_be_served_is_refused_by_name() {
        let refused = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
            markets(&names).map(|_| ()).expect_err("no such flow").message
        };
        assert!(refused(&["DOGE"]).contains("DOGE"));
        let one = "0x00000000000000000000000000000000000000aa";
        let twice =
            accounts(&[one.to_owned(), one.to_owned()]).map(drop).expect_err("the same twice");
        assert!(twice.message.contains("stands twice"), "{}", twice.message);
        let bad = accounts(&["0xzz".to_owned()]).map(drop).expect_err("no address");
        assert!(bad.message.contains("0xzz"), "{}", bad.message);
        let sub = "0x00000000000000000000000000000000000000bb";
        let of_none = accounts(&[format!("{sub}@{one}")]).map(drop).expect_err("no master");
        assert!(of_none.message.contains(one), "{}", of_none.message);
        let chain = [one.to_owned(), format!("{sub}@{one}"), format!("0x{:040x}@{sub}", 0xcc)];
        assert!(accounts(&chain).is_err(), "a sub-account of a sub-account");
        assert!(accounts(&chain[..2]).is_ok());
    }
}
