//! Cold. The venue's messages, written in its key order and with its numbers.
//!
//! A decimal is the shortest text with at least one place: `80459.0`, `0.00124`, as recorded in
//! 2026. Amounts of money are truncated to eight places, the finest that a client of ours reads
//! (the venue prints six to ten).

use super::directory::{Coin, Directory};
use super::verify::{Address, address_text};
use crate::event::Tif;
use crate::instrument::InstId;
use crate::sim::exchange::{
    AccountId, Bbo, BookLevel, Exchange, Fill, Margin, OrderView, Outcome, Trade,
};
use crate::units::{Nanos, Notional, Price, Qty, Side, raw_text};

pub const BOOK_LEVELS: usize = 20;
pub const FAST_LEVELS: usize = 5;

/// Raw 10^-8 units as the venue prints them.
pub fn num(raw: i64) -> String {
    let mut text = raw_text(raw);
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

fn px(px: Price) -> String {
    num(px.0)
}

fn qty(qty: Qty) -> String {
    num(qty.0)
}

fn usd(amount: Notional) -> String {
    num(amount.to_raw())
}

pub fn ms(at: Nanos) -> u64 {
    at.0 / 1_000_000
}

pub fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "B",
        Side::Sell => "A",
    }
}

pub fn cloid(cloid: u128) -> String {
    format!("0x{cloid:032x}")
}

/// `,"cloid":".."` or nothing.
fn cloid_field(id: Option<u128>) -> String {
    id.map_or(String::new(), |id| format!(",\"cloid\":\"{}\"", cloid(id)))
}

pub fn channel(name: &str, data: &str) -> String {
    format!("{{\"channel\":\"{name}\",\"data\":{data}}}")
}

pub fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn level(level: BookLevel) -> String {
    format!("{{\"px\":\"{}\",\"sz\":\"{}\",\"n\":{}}}", px(level.px), qty(level.qty), level.n)
}

/// The `data` of `l2Book`, and its REST answer.
pub fn l2_book(exchange: &Exchange, coin: &Coin, fast: bool, at: Nanos) -> String {
    let n = if fast { FAST_LEVELS } else { BOOK_LEVELS };
    let side = |side| list(exchange.levels(coin.inst, side, n).map(level));
    format!(
        "{{\"coin\":\"{}\",\"time\":{},\"levels\":[{},{}]{}}}",
        coin.name,
        ms(at),
        side(Side::Buy),
        side(Side::Sell),
        if fast { ",\"fast\":true" } else { "" }
    )
}

pub fn bbo(coin: &Coin, bbo: Bbo, at: Nanos) -> String {
    let side = |best: Option<BookLevel>| best.map_or("null".to_owned(), level);
    format!(
        "{{\"coin\":\"{}\",\"time\":{},\"bbo\":[{},{}]}}",
        coin.name,
        ms(at),
        side(bbo.bid),
        side(bbo.ask)
    )
}

/// A transaction hash: made up, one per trade.
fn hash(tid: u64) -> String {
    format!("0x{tid:064x}")
}

pub fn trade(directory: &Directory, trade: &Trade) -> String {
    let user = |account| address_text(&directory.address(account));
    format!(
        "{{\"coin\":\"{}\",\"side\":\"{}\",\"px\":\"{}\",\"sz\":\"{}\",\"time\":{},\
         \"hash\":\"{}\",\"tid\":{},\"users\":[\"{}\",\"{}\"]}}",
        directory.coin(trade.inst).name,
        side(trade.side),
        px(trade.px),
        qty(trade.qty),
        ms(trade.at),
        hash(trade.tid),
        trade.tid,
        user(trade.buyer),
        user(trade.seller)
    )
}

pub fn fill(directory: &Directory, fill: &Fill) -> String {
    format!(
        "{{\"coin\":\"{}\",\"px\":\"{}\",\"sz\":\"{}\",\"side\":\"{}\",\"time\":{},\
         \"startPosition\":\"{}\",\"dir\":\"{}\",\"closedPnl\":\"{}\",\"hash\":\"{}\",\"oid\":{},\
         \"crossed\":{},\"fee\":\"{}\",\"tid\":{}{},\"feeToken\":\"USDC\",\"twapId\":null}}",
        directory.coin(fill.inst).name,
        px(fill.px),
        qty(fill.qty),
        side(fill.side),
        ms(fill.at),
        qty(fill.start_position),
        fill.dir.text(),
        usd(fill.closed_pnl),
        hash(fill.tid),
        fill.oid,
        fill.taker,
        num(fill.fee),
        fill.tid,
        cloid_field(fill.cloid)
    )
}

/// An order as `orderUpdates` and `openOrders` have it.
pub fn order(directory: &Directory, order: &OrderView) -> String {
    format!(
        "{{{},\"origSz\":\"{}\"{}{}}}",
        order_head(directory, order),
        qty(order.qty),
        if order.reduce_only { ",\"reduceOnly\":true" } else { "" },
        cloid_field(order.cloid)
    )
}

fn order_head(directory: &Directory, order: &OrderView) -> String {
    format!(
        "\"coin\":\"{}\",\"side\":\"{}\",\"limitPx\":\"{}\",\"sz\":\"{}\",\"oid\":{},\
         \"timestamp\":{}",
        directory.coin(order.inst).name,
        side(order.side),
        px(order.px),
        qty(order.left),
        order.oid,
        ms(order.placed_at)
    )
}

/// An order as `frontendOpenOrders` and `orderStatus` have it.
pub fn frontend_order(directory: &Directory, order: &OrderView) -> String {
    let tif = match order.tif {
        Tif::Alo => "Alo",
        Tif::Ioc => "Ioc",
        Tif::Gtc => "Gtc",
    };
    let id = order.cloid.map_or("null".to_owned(), |id| format!("\"{}\"", cloid(id)));
    format!(
        "{{{},\"triggerCondition\":\"N/A\",\"isTrigger\":false,\"triggerPx\":\"0.0\",\
         \"children\":[],\"isPositionTpsl\":false,\"reduceOnly\":{},\"orderType\":\"Limit\",\
         \"origSz\":\"{}\",\"tif\":\"{tif}\",\"cloid\":{id}}}",
        order_head(directory, order),
        order.reduce_only,
        qty(order.qty)
    )
}

/// One element of `orderUpdates`.
pub fn order_update(directory: &Directory, view: &OrderView) -> String {
    format!(
        "{{\"order\":{},\"status\":\"{}\",\"statusTimestamp\":{}}}",
        order(directory, view),
        view.status.text(),
        ms(view.status_at)
    )
}

/// One entry of `statuses`.
pub fn status(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Resting { oid, cloid } => {
            format!("{{\"resting\":{{\"oid\":{oid}{}}}}}", cloid_field(*cloid))
        }
        Outcome::Filled { oid, cloid, qty: total, avg_px } => format!(
            "{{\"filled\":{{\"totalSz\":\"{}\",\"avgPx\":\"{}\",\"oid\":{oid}{}}}}}",
            qty(*total),
            px(*avg_px),
            cloid_field(*cloid)
        ),
        Outcome::Done => "\"success\"".to_owned(),
        Outcome::Rejected(reject) => status_error(&reject.to_string()),
    }
}

pub fn status_error(text: &str) -> String {
    format!("{{\"error\":{}}}", super::json::quoted(text))
}

/// The whole-action refusal.
pub fn err(text: &str) -> String {
    format!("{{\"status\":\"err\",\"response\":{}}}", super::json::quoted(text))
}

pub fn ok_default() -> String {
    "{\"status\":\"ok\",\"response\":{\"type\":\"default\"}}".to_owned()
}

pub fn ok_statuses(kind: &str, statuses: impl Iterator<Item = String>) -> String {
    format!(
        "{{\"status\":\"ok\",\"response\":{{\"type\":\"{kind}\",\"data\":{{\"statuses\":{}}}}}}}",
        list(statuses)
    )
}

/// What the context of a market needs beside its book.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session {
    /// The mark when the server first saw one.
    pub first_px: Price,
    /// Traded since the server started.
    pub volume: Notional,
    pub base_volume: Qty,
    /// The rate of the last funding payment, raw 10^-8.
    pub funding_rate: i64,
}

/// The `ctx` of `activeAssetCtx` and of `metaAndAssetCtxs`.
pub fn asset_ctx(exchange: &Exchange, inst: InstId, session: &Session) -> String {
    let mark = exchange.mark(inst).unwrap_or(Price::ZERO);
    let best = exchange.bbo(inst);
    let longs = exchange.accounts().map(|a| exchange.position(a, inst).qty.0.max(0)).sum();
    let impact = match (best.bid, best.ask) {
        (Some(bid), Some(ask)) => format!("[\"{}\",\"{}\"]", px(bid.px), px(ask.px)),
        _ => "null".to_owned(),
    };
    let mid = best.mid().map_or("null".to_owned(), |mid| format!("\"{}\"", px(mid)));
    format!(
        "{{\"funding\":\"{}\",\"openInterest\":\"{}\",\"prevDayPx\":\"{}\",\"dayNtlVlm\":\"{}\",\
         \"premium\":\"0.0\",\"oraclePx\":\"{}\",\"markPx\":\"{}\",\"midPx\":{mid},\
         \"impactPxs\":{impact},\"dayBaseVlm\":\"{}\"}}",
        num(session.funding_rate),
        num(longs),
        px(session.first_px),
        usd(session.volume),
        px(mark),
        px(mark),
        qty(session.base_volume)
    )
}

/// The state of an account on one dex. All dexs of the embedded venue share one pot of money.
pub fn clearinghouse(
    exchange: &Exchange,
    directory: &Directory,
    account: Option<AccountId>,
    dex: usize,
    at: Nanos,
) -> String {
    let margin = account.map_or(Margin::default(), |a| exchange.margin(a));
    let summary = format!(
        "{{\"accountValue\":\"{}\",\"totalNtlPos\":\"{}\",\"totalRawUsd\":\"{}\",\
         \"totalMarginUsed\":\"{}\"}}",
        usd(margin.equity),
        usd(margin.position_notional),
        usd(margin.cash),
        usd(margin.used)
    );
    let coins = directory.coins().iter().filter(|c| c.dex == dex);
    let positions = account
        .map_or(String::from("[]"), |a| list(coins.filter_map(|c| position(exchange, c, a))));
    format!(
        "{{\"marginSummary\":{summary},\"crossMarginSummary\":{summary},\
         \"crossMaintenanceMarginUsed\":\"{}\",\"withdrawable\":\"{}\",\
         \"assetPositions\":{positions},\"time\":{}}}",
        usd(Notional(margin.used.0 / 2)),
        usd(Notional((margin.equity.0 - margin.used.0).max(0))),
        ms(at)
    )
}

fn position(exchange: &Exchange, coin: &Coin, account: AccountId) -> Option<String> {
    let position = exchange.position(account, coin.inst);
    if position.qty.0 == 0 {
        return None;
    }
    let mark = exchange.mark(coin.inst).unwrap_or(Price::ZERO);
    let value = Notional::of(mark, position.qty);
    let leverage = exchange.leverage(account, coin.inst).max(1);
    let used = Notional(value.0.abs() / i128::from(leverage));
    let pnl = Notional(value.0 - position.cost.0);
    // The return on the margin, in 10^-8; the amounts keep their own scale until the division.
    let roe = match used.to_raw() {
        0 => 0,
        used => (i128::from(pnl.to_raw()) * 100_000_000 / i128::from(used)) as i64,
    };
    // The venue counts funding as a cost: positive is paid.
    let funding = num(-position.funding);
    Some(format!(
        "{{\"type\":\"oneWay\",\"position\":{{\"coin\":\"{}\",\"szi\":\"{}\",\
         \"leverage\":{{\"type\":\"cross\",\"value\":{leverage}}},\"entryPx\":\"{}\",\
         \"positionValue\":\"{}\",\"unrealizedPnl\":\"{}\",\"returnOnEquity\":\"{}\",\
         \"liquidationPx\":null,\"marginUsed\":\"{}\",\"maxLeverage\":{},\
         \"cumFunding\":{{\"allTime\":\"{funding}\",\"sinceOpen\":\"{funding}\",\
         \"sinceChange\":\"{funding}\"}}}}}}",
        coin.name,
        qty(position.qty),
        px(position.entry_px()),
        usd(Notional(value.0.abs())),
        usd(pnl),
        num(roe),
        usd(used),
        exchange.rules().leverage_max
    ))
}

/// A funding payment, raw 10^-8 quote; negative is paid.
#[derive(Clone, Copy, Debug)]
pub struct Paid {
    pub account: AccountId,
    pub inst: InstId,
    pub amount: i64,
    /// The position that it was paid for.
    pub position: Qty,
    pub rate: i64,
    pub at: Nanos,
}

/// A payment as the user channels have it.
pub fn funding(directory: &Directory, paid: &Paid) -> String {
    format!("{{\"time\":{},{}}}", ms(paid.at), funding_fields(directory, paid))
}

/// A payment as `userFunding` has it.
pub fn funding_delta(directory: &Directory, paid: &Paid) -> String {
    format!(
        "{{\"time\":{},\"hash\":\"{}\",\"delta\":{{\"type\":\"funding\",{}}}}}",
        ms(paid.at),
        hash(0),
        funding_fields(directory, paid)
    )
}

fn funding_fields(directory: &Directory, paid: &Paid) -> String {
    format!(
        "\"coin\":\"{}\",\"usdc\":\"{}\",\"szi\":\"{}\",\"fundingRate\":\"{}\",\"nSamples\":null",
        directory.coin(paid.inst).name,
        num(paid.amount),
        qty(paid.position),
        raw_text(paid.rate)
    )
}

/// What an account can still open on a market, buying and selling.
pub fn active_asset_data(
    exchange: &Exchange,
    coin: &Coin,
    user: &Address,
    account: Option<AccountId>,
) -> String {
    let mark = exchange.mark(coin.inst).unwrap_or(Price::ZERO);
    let margin = account.map_or(Margin::default(), |a| exchange.margin(a));
    let leverage = account.map_or(1, |a| exchange.leverage(a, coin.inst)).max(1);
    let held = account.map_or(Qty::ZERO, |a| exchange.position(a, coin.inst).qty);
    let free = (margin.equity.0 - margin.used.0).max(0);
    // Against the position the margin that it ties up is free as well, twice: closed and reversed.
    let tied = Notional::of(mark, held).0.abs() / i128::from(leverage) * 2;
    let room = |against: bool| Notional(free + if against { tied } else { 0 });
    let available = [room(held.0 < 0), room(held.0 > 0)];
    let lot = 10i64.pow(8 - coin.sz_decimals.min(8));
    let most = |room: Notional| match i128::from(mark.0) {
        0 => Qty::ZERO,
        px => Qty((room.0 * i128::from(leverage) / px) as i64 / lot * lot),
    };
    format!(
        "{{\"user\":\"{}\",\"coin\":\"{}\",\"leverage\":{{\"type\":\"cross\",\"value\":{leverage}}},\
         \"maxTradeSzs\":[\"{}\",\"{}\"],\"availableToTrade\":[\"{}\",\"{}\"],\"markPx\":\"{}\"}}",
        address_text(user),
        coin.name,
        qty(most(available[0])),
        qty(most(available[1])),
        usd(available[0]),
        usd(available[1]),
        px(mark)
    )
}

/// The `data` of the `clearinghouseState` channel.
pub fn clearinghouse_channel(dex: &str, user: &Address, state: &str) -> String {
    format!(
        "{{\"dex\":\"{dex}\",\"user\":\"{}\",\"clearinghouseState\":{state}}}",
        address_text(user)
    )
}
