//! Cold. The venue's objects, with the keys that its clients ask for.
//!
//! Prices and sizes are texts with all decimals of their market, money has six places. What this venue
//! has no notion of (integrators, isolated margin, pools, entry quotes before a trade) has the value that
//! the venue gives to an account without it.

use super::super::verify::address_text;
use super::directory::{Directory, Holder, Listed, fixed, usd};
use super::ledger::{Order, Party, TradeRow, TxRow};
use crate::sim::exchange::{Exchange, Margin};
use crate::units::{Nanos, Notional, Price, Qty, Side};

/// The one asset: margin is in USDC.
pub const USDC: u32 = 3;
/// A new block, in ms: for the height alone.
const BLOCK_MS: u64 = 100;

pub fn ms(at: Nanos) -> u64 {
    at.0 / 1_000_000
}

pub fn us(at: Nanos) -> u64 {
    at.0 / 1000
}

pub fn height(at: Nanos) -> u64 {
    ms(at) / BLOCK_MS
}

/// Money, toward zero; beyond an `i64` of 10^-8 it is the largest number.
pub fn money(amount: Notional) -> String {
    let raw = amount.0 / 100_000_000;
    usd(i64::try_from(raw).unwrap_or(if raw > 0 { i64::MAX } else { i64::MIN }))
}

fn words(order: &Order) -> (&'static str, &'static str) {
    let kind = if order.kind == 1 { "market" } else { "limit" };
    let tif = match order.tif {
        0 => "immediate-or-cancel",
        1 => "good-till-time",
        _ => "post-only",
    };
    (kind, tif)
}

pub fn order(directory: &Directory, order: &Order) -> String {
    let market = directory.of(order.inst);
    let owner = directory.holders[order.slot].index;
    let (kind, tif) = words(order);
    let (is_ask, side) = match order.side {
        Side::Buy => (false, "buy"),
        Side::Sell => (true, "sell"),
    };
    let (index, client) = (order.index, order.client);
    format!(
        "{{\"order_index\":{index},\"client_order_index\":{client},\"order_id\":\"{index}\",\
         \"client_order_id\":\"{client}\",\"market_index\":{},\"owner_account_index\":{owner},\
         \"initial_base_amount\":\"{}\",\"price\":\"{}\",\"nonce\":{},\
         \"remaining_base_amount\":\"{}\",\"is_ask\":{is_ask},\"base_size\":{},\"base_price\":{},\
         \"filled_base_amount\":\"{}\",\"filled_quote_amount\":\"{}\",\"side\":\"{side}\",\
         \"type\":\"{kind}\",\"time_in_force\":\"{tif}\",\"reduce_only\":{},\
         \"trigger_price\":\"{}\",\"order_expiry\":{},\"status\":\"{}\",\"trigger_status\":\"na\",\
         \"trigger_time\":0,\"parent_order_index\":0,\"parent_order_id\":\"0\",\
         \"to_trigger_order_id_0\":\"0\",\"to_trigger_order_id_1\":\"0\",\
         \"to_cancel_order_id_0\":\"0\",\"integrator_fee_collector_index\":\"0\",\
         \"integrator_taker_fee\":\"0\",\"integrator_maker_fee\":\"0\",\"order_flags\":0,\
         \"order_version\":{},\"market_symbol\":\"{}\",\"market_kind\":\"perps\",\
         \"block_height\":{},\"timestamp\":{},\"created_at\":{},\"updated_at\":{},\
         \"transaction_time\":{}}}",
        market.id,
        market.qty(order.initial),
        market.px(order.px),
        order.nonce,
        market.qty(order.left),
        market.qty_int(order.left),
        market.px_int(order.px),
        market.qty(order.filled),
        money(order.filled_quote),
        order.reduce_only,
        market.px(Price::ZERO),
        order.expiry_ms,
        order.status,
        order.version,
        market.symbol,
        height(order.updated),
        ms(order.created),
        ms(order.created),
        ms(order.updated),
        us(order.updated),
    )
}

/// `viewer`: the account that asks, whose profit is told.
pub fn trade(directory: &Directory, row: &TradeRow, viewer: Option<u64>) -> String {
    let market = directory.of(row.inst);
    let maker_ask = row.side == Side::Buy;
    let (maker, taker) = if maker_ask { (&row.ask, &row.bid) } else { (&row.bid, &row.ask) };
    let pnl = |party: &Party| {
        let told = viewer == Some(party.account);
        if told { money(party.pnl) } else { "0.000000".to_owned() }
    };
    // A fee of nothing is left out.
    let fee = |name: &str, ticks: i64| match ticks {
        0 => String::new(),
        ticks => format!("\"{name}\":{ticks},"),
    };
    let fees = fee("taker_fee", market.taker_ticks) + &fee("maker_fee", market.maker_ticks);
    let [before, after] = ["before", "after"].map(|when| {
        format!("\"taker_allocated_margin_usdc_{when}\":0,\"maker_allocated_margin_usdc_{when}\":0")
    });
    format!(
        "{{\"trade_id\":{0},\"trade_id_str\":\"{0}\",\"tx_hash\":\"{1}\",\"type\":\"trade\",\
         \"market_id\":{2},\"market_symbol\":\"{3}\",\"market_kind\":\"perps\",\"size\":\"{4}\",\
         \"price\":\"{5}\",\"usd_amount\":\"{6}\",{7},\"is_maker_ask\":{maker_ask},\
         \"block_height\":{8},\"timestamp\":{9},{fees}{10},{11},\"transaction_time\":{12},\
         \"bid_account_pnl\":\"{13}\",\"ask_account_pnl\":\"{14}\",\"integrator_maker_fee\":0,\
         \"integrator_maker_fee_collector_index\":0,\"integrator_taker_fee\":0,\
         \"integrator_taker_fee_collector_index\":0,{before},{after},\
         \"ask_order_version\":{15},\"bid_order_version\":{16}}}",
        row.tid,
        row.hash,
        market.id,
        market.symbol,
        market.qty(row.qty),
        market.px(row.px),
        money(Notional::of(row.px, row.qty)),
        sides(&row.ask, &row.bid),
        height(row.at),
        ms(row.at),
        party(market, "taker", taker),
        party(market, "maker", maker),
        us(row.at),
        pnl(&row.bid),
        pnl(&row.ask),
        row.ask.version,
        row.bid.version,
    )
}

fn sides(ask: &Party, bid: &Party) -> String {
    let side = |name: &str, party: &Party| {
        format!(
            "\"{name}_id\":{0},\"{name}_id_str\":\"{0}\",\"{name}_client_id\":{1},\
             \"{name}_client_id_str\":\"{1}\",\"{name}_account_id\":{2}",
            party.order, party.client, party.account
        )
    };
    format!("{},{}", side("ask", ask), side("bid", bid))
}

fn party(market: &Listed, role: &str, party: &Party) -> String {
    let changed = party.start.0.signum() * party.end.0.signum() <= 0 && party.start != party.end;
    format!(
        "\"{role}_position_size_before\":\"{}\",\"{role}_entry_quote_before\":\"0.000000\",\
         \"{role}_initial_margin_fraction_before\":0,\"{role}_position_sign_changed\":{changed}",
        market.qty(party.start)
    )
}

/// Initial margin of an account on a market, in 10^-4.
pub fn fraction(exchange: &Exchange, holder: &Holder, market: &Listed) -> u32 {
    let of_leverage = 10_000 / exchange.leverage(holder.account, market.inst).max(1);
    holder.fractions.get(&market.inst).copied().unwrap_or(of_leverage)
}

pub fn position(
    exchange: &Exchange,
    holder: &Holder,
    market: &Listed,
    open_orders: usize,
) -> String {
    let held = exchange.position(holder.account, market.inst);
    let mark = exchange.mark(market.inst).unwrap_or(Price::ZERO);
    let value = Notional::of(mark, held.qty);
    let sign = if held.qty.0 < 0 { -1 } else { 1 };
    let fraction = fraction(exchange, holder, market);
    format!(
        "{{\"market_id\":{},\"symbol\":\"{}\",\"initial_margin_fraction\":\"{}\",\
         \"open_order_count\":{open_orders},\"pending_order_count\":0,\
         \"position_tied_order_count\":0,\"sign\":{sign},\"position\":\"{}\",\
         \"avg_entry_price\":\"{}\",\"position_value\":\"{}\",\"unrealized_pnl\":\"{}\",\
         \"realized_pnl\":\"{}\",\"liquidation_price\":\"0\",\"total_funding_paid_out\":\"{}\",\
         \"margin_mode\":0,\"margin_set_flag\":1,\"allocated_margin\":\"0.000000\",\
         \"total_discount\":\"0.000000\"}}",
        market.id,
        market.symbol,
        fixed(i64::from(fraction) * 1_000_000, 2),
        market.qty(held.qty.abs()),
        fixed(held.entry_px().0, 8),
        money(Notional(value.0.abs())),
        money(Notional(value.0 - held.cost.0)),
        money(held.realized),
        usd(-held.funding),
    )
}

/// What of the account's money is not bound.
pub fn available(margin: &Margin) -> Notional {
    Notional((margin.equity.0 - margin.used.0).max(0))
}

/// What was paid in, earned and paid out: the equity without what is not realized.
pub fn collateral(exchange: &Exchange, holder: &Holder) -> Notional {
    let open = |inst| {
        let held = exchange.position(holder.account, inst);
        let mark = exchange.mark(inst).unwrap_or(Price::ZERO);
        Notional::of(mark, held.qty).0 - held.cost.0
    };
    let unrealized: i128 = exchange.instruments().map(|i| open(i.id)).sum();
    Notional(exchange.margin(holder.account).equity.0 - unrealized)
}

pub fn asset(exchange: &Exchange, holder: &Holder) -> String {
    format!(
        "{{\"symbol\":\"USDC\",\"asset_id\":{USDC},\"balance\":\"0.000000\",\
         \"locked_balance\":\"0.000000\",\"margin_mode\":\"enabled\",\"margin_balance\":\"{}\",\
         \"multiplier\":\"1.000000000000000000\"}}",
        money(collateral(exchange, holder))
    )
}

/// The object `stats` of `user_stats`.
pub fn stats(exchange: &Exchange, holder: &Holder) -> String {
    let margin = exchange.margin(holder.account);
    let equity = margin.equity.0;
    // In hundredths; of an account without equity there is none.
    let ratio = |part: i128| match (equity > 0).then(|| part.checked_mul(100)).flatten() {
        Some(part) => fixed(i64::try_from(part / equity).unwrap_or(0).saturating_mul(1_000_000), 2),
        None => "0.00".to_owned(),
    };
    let one = format!(
        "\"collateral\":\"{}\",\"portfolio_value\":\"{}\",\"leverage\":\"{}\",\
         \"available_balance\":\"{}\",\"margin_usage\":\"{}\",\"buying_power\":\"0\"",
        money(collateral(exchange, holder)),
        money(margin.equity),
        ratio(margin.position_notional.0),
        money(available(&margin)),
        ratio(margin.used.0.saturating_mul(100)),
    );
    format!(
        "{{{one},\"account_trading_mode\":0,\"cross_stats\":{{{one}}},\"total_stats\":{{{one}}}}}"
    )
}

/// The members that the short and the long form of an account share.
pub fn account_head(exchange: &Exchange, holder: &Holder, orders: usize) -> String {
    let margin = exchange.margin(holder.account);
    let used = holder.keys.iter().map(|k| k.used_us).max().unwrap_or(0);
    format!(
        "\"code\":0,\"account_type\":0,\"index\":{},\"l1_address\":\"{}\",\
         \"cancel_all_time\":{},\"total_order_count\":{orders},\"total_isolated_order_count\":0,\
         \"pending_order_count\":0,\"available_balance\":\"{}\",\"status\":1,\
         \"collateral\":\"{}\",\"transaction_time\":{used},\"account_trading_mode\":0",
        holder.index,
        address_text(&holder.l1),
        holder.scheduled.map_or(0, |(at, _)| ms(at)),
        money(available(&margin)),
        money(collateral(exchange, holder)),
    )
}

/// An `EnrichedTx` without its braces.
pub fn tx(directory: &Directory, row: &TxRow) -> String {
    let holder = &directory.holders[row.slot];
    let event = format!("{{\"ae\":{}}}", super::super::json::quoted(&row.error));
    let done = if row.executed == Nanos::ZERO { 0 } else { ms(row.executed) };
    format!(
        "\"hash\":\"{}\",\"type\":{},\"info\":{},\"event_info\":{},\"status\":{},\
         \"transaction_index\":{},\"l1_address\":\"{}\",\"account_index\":{},\"nonce\":{},\
         \"expire_at\":{},\"block_height\":{},\"queued_at\":{},\"sequence_index\":{},\
         \"parent_hash\":\"\",\"api_key_index\":{},\"transaction_time\":{},\"committed_at\":0,\
         \"verified_at\":0,\"executed_at\":{done}",
        row.hash,
        row.kind,
        super::super::json::quoted(&row.info),
        super::super::json::quoted(&event),
        row.status,
        row.sequence % 1000,
        address_text(&holder.l1),
        holder.index,
        row.nonce,
        row.expires_ms,
        height(row.executed.max(row.queued)),
        ms(row.queued),
        row.sequence,
        row.key,
        us(row.executed.max(row.queued)),
    )
}

/// One level of a book.
pub fn level(market: &Listed, px: Price, qty: Qty) -> String {
    format!("{{\"price\":\"{}\",\"size\":\"{}\"}}", market.px(px), market.qty(qty))
}

pub fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
