//! Cold. An account, its actions, and frames in the venue's shape.

use evenkeel::event::{Action, Component, Event, OrderId, Refused, Stamp, Tif};
use evenkeel::instrument::{GridSpec, InstId, InstrumentSpec, Symbol, VenueId};
use evenkeel::units::{Bps, Notional, Price, Qty, SCALE, Side};
use evenkeel::venue::account::{AccountFrame, Options};
use evenkeel::venue::build::{Access, Network, Owner};
use evenkeel::venue::rest::{NextNonce, VenueView};
use evenkeel::venue::{FRAME_MAX, VenueAccount};
use serde_json::Value;
use zeroize::Zeroizing;

pub const ACCOUNT: u64 = 77;
pub const TAG: u64 = 0xabc;
pub const SOL: InstId = InstId(0);
pub const NOW: u64 = 1_795_000_000_000;
/// For so long the venue takes a transaction, ms.
pub const TTL: u64 = 10_000;
pub const RECV: Stamp = Stamp(9);

pub fn specs() -> Vec<InstrumentSpec> {
    let spec = |symbol: &str, asset| InstrumentSpec {
        venue: VenueId::Lighter,
        symbol: Symbol::new(symbol).expect("short"),
        asset,
        grid: GridSpec::Tick(Price(SCALE / 1000)),
        lot: Qty(SCALE / 1000),
        min_size: Qty(SCALE / 1000),
        min_notional: Notional::from_raw(SCALE),
        maker_fee: Bps::ZERO,
        taker_fee: Bps::ZERO,
    };
    vec![spec("SOL", 2), spec("BTC", 1)]
}

pub fn account_with(owner: &str, options: &Options) -> VenueAccount {
    let owner = Owner::parse(VenueId::Lighter, owner).expect("an account");
    let secret = |at| Zeroizing::new([0x11 + at as u8; 40]);
    let secrets = (0..owner.api_keys()).map(secret).collect();
    let access = Access::keyed(Network::Mainnet, owner, secrets, None).expect("keys");
    access.account(TAG, &specs(), options)
}

/// One that trades: both keys are known, and nothing is due.
pub fn account() -> VenueAccount {
    let mut account = account_with("77:4:5", &Options::default());
    view(&mut account, &[(4, 10), (5, 20)]);
    account
}

pub fn view(account: &mut VenueAccount, nonces: &[(u8, u64)]) {
    let nonces = nonces.iter().map(|&(key, nonce)| NextNonce { key, nonce }).collect();
    account.take_view(&VenueView { nonces, ..VenueView::default() });
}

pub fn id(counter: u64) -> OrderId {
    OrderId::new(counter, SOL)
}

pub fn client(counter: u64) -> u64 {
    TAG << 32 | counter
}

/// Thousandths.
pub fn px(thousandths: i64) -> Price {
    Price(thousandths * SCALE / 1000)
}

pub fn qty(thousandths: i64) -> Qty {
    Qty(thousandths * SCALE / 1000)
}

pub fn place(order: u64, at: i64, size: i64) -> Action {
    Action::Place {
        inst: SOL,
        side: Side::Buy,
        tif: Tif::Alo,
        reduce_only: false,
        component: Component::Maker,
        order: id(order),
        px: px(at),
        qty: qty(size),
    }
}

pub fn ioc(order: u64, at: i64, size: i64) -> Action {
    let Action::Place { inst, side, reduce_only, order, px, qty, .. } = place(order, at, size)
    else {
        unreachable!()
    };
    let (tif, component) = (Tif::Ioc, Component::Hedger);
    Action::Place { inst, side, tif, reduce_only, component, order, px, qty }
}

pub fn modify(old: u64, order: u64, at: i64, size: i64) -> Action {
    Action::Modify {
        inst: SOL,
        side: Side::Buy,
        tif: Tif::Alo,
        component: Component::Maker,
        order: id(order),
        old: id(old),
        px: px(at),
        qty: qty(size),
    }
}

pub fn cancel(order: u64) -> Action {
    Action::Cancel { inst: SOL, component: Component::Maker, order: id(order) }
}

/// A frame that was sent: its number and its transactions.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: String,
    pub kinds: Vec<u64>,
    pub infos: Vec<Value>,
}

impl Sent {
    pub fn read(frame: &[u8]) -> Sent {
        let frame: Value = serde_json::from_slice(frame).expect("JSON");
        let data = &frame["data"];
        let id = data["id"].as_str().expect("a number as text").to_owned();
        if frame["type"] == "jsonapi/sendtx" {
            let kind = data["tx_type"].as_u64().expect("a type");
            return Sent { id, kinds: vec![kind], infos: vec![data["tx_info"].clone()] };
        }
        assert_eq!(frame["type"], "jsonapi/sendtxbatch");
        let list = |name: &str| data[name].as_str().expect("a text").to_owned();
        let texts: Vec<String> = serde_json::from_str(&list("tx_infos")).expect("texts");
        Sent {
            id,
            kinds: serde_json::from_str(&list("tx_types")).expect("types"),
            infos: texts.iter().map(|text| serde_json::from_str(text).expect("JSON")).collect(),
        }
    }

    pub fn number(&self, name: &str) -> u64 {
        self.infos[0][name].as_u64().unwrap_or_else(|| panic!("{name} in {:?}", self.infos[0]))
    }
}

pub fn send(account: &mut VenueAccount, actions: &[Action], now_ms: u64) -> Result<Sent, Refused> {
    let mut room = [0; FRAME_MAX];
    let len = account.encode(actions, now_ms, &mut room)?;
    Ok(Sent::read(&room[..len]))
}

pub fn tell(account: &mut VenueAccount, frame: &str) -> (AccountFrame, Vec<Event>) {
    let mut events = Vec::new();
    let done = account.decode(0, frame.as_bytes(), RECV, &mut events).expect("a sound frame");
    assert_eq!((done.taken as usize, done.full), (events.len(), false));
    (done, events)
}

pub fn taken(sent: &Sent) -> String {
    format!(r#"{{"code":200,"id":"{}","predicted_execution_time_ms":{NOW}}}"#, sent.id)
}

pub fn refused(sent: &Sent, code: u32) -> String {
    format!(r#"{{"error":{{"code":{code},"message":"no"}},"id":"{}"}}"#, sent.id)
}

/// An order as the stream tells it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub client: u64,
    pub px: i64,
    pub whole: i64,
    pub filled: i64,
    pub status: &'a str,
    pub nonce: u64,
}

pub fn milli(n: i64) -> String {
    format!("{}.{:03}", n / 1000, n % 1000)
}

pub fn order_json(told: &Told<'_>) -> String {
    let Told { client, px, whole, filled, status, nonce } = *told;
    let (px, whole, left, filled) =
        (milli(px), milli(whole), milli((whole - filled).max(0)), milli(filled));
    let oid = 281_474_976_710_656 + client;
    format!(
        r#"{{"order_index":{oid},"client_order_index":{client},"order_id":"{oid}","market_index":2,"owner_account_index":{ACCOUNT},"initial_base_amount":"{whole}","price":"{px}","nonce":{nonce},"remaining_base_amount":"{left}","is_ask":false,"filled_base_amount":"{filled}","side":"","type":"limit","time_in_force":"post-only","reduce_only":false,"status":"{status}"}}"#
    )
}

pub fn orders_frame(kind: &str, all: &[Told<'_>]) -> String {
    let list: Vec<String> = all.iter().map(order_json).collect();
    format!(
        r#"{{"channel":"account_all_orders:{ACCOUNT}","orders":{{"2":[{}]}},"type":"{kind}/account_all_orders"}}"#,
        list.join(",")
    )
}

pub fn update(told: Told<'_>) -> String {
    orders_frame("update", &[told])
}

pub fn trade_json(trade_id: u64, client: u64, at: i64, size: i64, taker: bool) -> String {
    let (at, size) = (milli(at), milli(size));
    // We buy: the maker is the ask when we take.
    format!(
        r#"{{"trade_id":{trade_id},"type":"trade","market_id":2,"size":"{size}","price":"{at}","ask_id":1,"bid_id":2,"ask_client_id":5,"bid_client_id":{client},"ask_account_id":9,"bid_account_id":{ACCOUNT},"is_maker_ask":{taker},"timestamp":{NOW},"transaction_time":{NOW}000}}"#
    )
}

pub fn trade(trade_id: u64, client: u64, at: i64, size: i64, taker: bool) -> String {
    format!(
        r#"{{"channel":"account_all_trades:{ACCOUNT}","trades":{{"2":[{}]}},"type":"update/account_all_trades"}}"#,
        trade_json(trade_id, client, at, size, taker)
    )
}

/// What the core needs to know of an event, in short.
pub fn short(event: &Event) -> String {
    let n = |order: &OrderId| order.counter();
    match event {
        Event::Ack { order, resting: true, .. } => format!("ack {}", n(order)),
        Event::Ack { order, .. } => format!("done {}", n(order)),
        Event::Reject { order, reason, .. } => format!("reject {} {}", n(order), reason.name()),
        Event::Canceled { order, reason, .. } => {
            format!("canceled {} {}", n(order), reason.name())
        }
        Event::CancelReject { order, gone, .. } => format!("cancel_reject {} {gone}", n(order)),
        Event::OutcomeUnknown { order, .. } => format!("unknown {}", n(order)),
        Event::OrderState { order, state, filled, .. } => {
            format!("state {} {state:?} {}", n(order), filled.0 * 1000 / SCALE)
        }
        Event::Fill { order, qty, .. } => format!("fill {} {}", n(order), qty.0 * 1000 / SCALE),
        other => format!("{other:?}"),
    }
}

/// The events of a frame, in short.
pub fn heard(account: &mut VenueAccount, frame: &str) -> Vec<String> {
    tell(account, frame).1.iter().map(short).collect()
}
