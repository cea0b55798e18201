//! Cold. What can be asked over HTTP: markets, books, trades, and what the venue knows of an account.

use super::super::dialect::Get;
use super::super::json::quoted;
use super::super::verify::{address_text, parse_address};
use super::auth::token_account;
use super::channels::digits;
use super::directory::{Holder, Listed, fixed};
use super::hub::Hub;
use super::ledger::{CROWD_INDEX, Order};
use super::refusal::{self as no, Refusal};
use super::send::form;
use super::wire::{self, list, ms};
use crate::instrument::InstId;
use crate::sim::exchange::BookLevel;
use crate::units::{Price, Side};

/// "All" for a number of a market or a key.
const ALL: u64 = 255;

/// A question's parameters.
struct Query {
    fields: Vec<(String, String)>,
    token: Option<String>,
}

impl Query {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|f| f.0 == name).map(|f| f.1.as_str())
    }

    fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::param(&format!("field \"{name}\" is not set")))
    }

    fn number(&self, name: &str) -> Result<u64, Refusal> {
        let text = self.text(name)?;
        digits(text).ok_or_else(|| Refusal::param(&format!("{name} {text:?}")))
    }

    fn or(&self, name: &str, default: u64) -> Result<u64, Refusal> {
        if self.get(name).is_some() { self.number(name) } else { Ok(default) }
    }
}

/// The weight of a call per rolling minute, as documented.
fn weight(call: &str) -> u32 {
    match call {
        "nextNonce" => 6,
        "accountInactiveOrders" => 100,
        "apikeys" => 150,
        "transferFeeInfo" => 500,
        "trades" | "recentTrades" => 600,
        _ => 300,
    }
}

impl Hub {
    pub(super) fn ask(&mut self, get: &Get) -> Result<String, Refusal> {
        let (path, query) = get.path.split_once('?').unwrap_or((&get.path, ""));
        let fields = form(query.as_bytes()).ok_or_else(|| Refusal::param("query"))?;
        let token = fields.iter().find(|f| f.0 == "auth").map(|f| f.1.clone());
        let query = Query { fields, token: get.auth.clone().or(token) };
        if path == "/" || path == "/api/v1/status" {
            let now_s = ms(self.now) / 1000;
            let network = self.config.chain_id;
            return Ok(format!(
                "{{\"status\":200,\"network_id\":{network},\"timestamp\":{now_s}}}"
            ));
        }
        if path == "/info" {
            return Ok(
                "{\"contract_address\":\"0x0000000000000000000000000000000000000000\"}".into()
            );
        }
        let call = path.strip_prefix("/api/v1/").ok_or(no::NOT_FOUND)?;
        let limit = self.config.rates.weight_per_min;
        if !self.weight.take(weight(call), limit, self.now) {
            return Err(no::TOO_MANY_REQUESTS);
        }
        let body = self.call(call, &query)?;
        Ok(format!("{{\"code\":200,{body}}}"))
    }

    /// The members of an answer behind its code.
    fn call(&self, call: &str, query: &Query) -> Result<String, Refusal> {
        match call {
            "orderBooks" => Ok(format!("\"order_books\":{}", self.order_books(query, false)?)),
            "orderBookDetails" => Ok(format!(
                "\"order_book_details\":{},\"spot_order_book_details\":[]",
                self.order_books(query, true)?
            )),
            "orderBookOrders" => self.order_book_orders(query),
            "recentTrades" => self.recent_trades(query),
            "trades" => self.trades_asked(query),
            "nextNonce" => {
                let holder = self.holder(query.number("account_index")?)?;
                let index = query.number("api_key_index")?;
                let key = holder.keys.iter().find(|k| u64::from(k.index) == index);
                // A key that was never registered begins at 0 too.
                Ok(format!("\"nonce\":{}", key.map_or(0, |key| key.last + 1)))
            }
            "apikeys" => self.api_keys(query),
            "account" => self.account(query),
            "accountsByL1Address" => self.accounts_by_l1(query),
            "accountActiveOrders" => {
                let slot = self.authorized(query)?;
                let market = query.or("market_id", ALL)?;
                let mine = self.ledger.of(slot).filter(|o| self.is_of(o, market));
                Ok(format!("\"orders\":{}", self.orders(mine)))
            }
            "accountInactiveOrders" => {
                let slot = self.authorized(query)?;
                let market = query.or("market_id", ALL)?;
                let limit = limit(query, 100)?;
                let mine = self.ledger.done[slot].iter().rev();
                let mine = mine.filter(|o| self.is_of(o, market)).take(limit);
                Ok(format!("\"next_cursor\":\"\",\"orders\":{}", self.orders(mine)))
            }
            "accountLimits" => self.limits(query),
            "accountTxs" => {
                let slot = self.authorized(query)?;
                let mine = self.ledger.txs.values().filter(|row| row.slot == slot);
                let mut mine: Vec<_> = mine.collect();
                mine.sort_by_key(|row| std::cmp::Reverse(row.sequence));
                let rows = mine.into_iter().take(limit(query, 100)?);
                let rows = rows.map(|row| format!("{{{}}}", wire::tx(&self.directory, row)));
                Ok(format!("\"txs\":{}", list(rows)))
            }
            "tx" => {
                let value = query.text("value")?;
                let row = match query.text("by")? {
                    "hash" => self.ledger.txs.get(value.trim_start_matches("0x")),
                    _ => {
                        let wanted = digits(value).ok_or(no::NO_TX)?;
                        self.ledger.txs.values().find(|row| row.sequence == wanted)
                    }
                };
                Ok(wire::tx(&self.directory, row.ok_or(no::NO_TX)?))
            }
            "currentHeight" => Ok(format!("\"height\":{}", wire::height(self.now))),
            "systemConfig" => Ok(SYSTEM.to_owned()),
            "exchangeStats" => Ok(self.exchange_stats()),
            "funding-rates" => Ok("\"funding_rates\":[]".to_owned()),
            "fundings" => Ok("\"resolution\":\"1h\",\"fundings\":[]".to_owned()),
            _ => Err(no::NOT_FOUND),
        }
    }

    fn holder(&self, index: u64) -> Result<&Holder, Refusal> {
        self.directory.slot(index).map(|s| &self.directory.holders[s]).ok_or(no::NO_ACCOUNT)
    }

    /// The place of `account_index` (of one call, `value`), whose token must be there.
    fn authorized(&self, query: &Query) -> Result<usize, Refusal> {
        let name = if query.get("account_index").is_some() { "account_index" } else { "value" };
        let wanted = query.number(name)?;
        let Some(token) = query.token.as_deref().filter(|t| !t.is_empty()) else {
            return Err(Refusal::param("auth query param and Authorization header are empty"));
        };
        let slot = token_account(token, &self.directory, self.now)?;
        if self.directory.holders[slot].index == wanted { Ok(slot) } else { Err(no::TOKEN) }
    }

    fn is_of(&self, order: &Order, market: u64) -> bool {
        market == ALL || u64::from(self.directory.of(order.inst).id) == market
    }

    fn orders<'a>(&'a self, orders: impl Iterator<Item = &'a Order>) -> String {
        list(orders.map(|order| wire::order(&self.directory, order)))
    }

    fn order_books(&self, query: &Query, details: bool) -> Result<String, Refusal> {
        let wanted = query.or("market_id", ALL)?;
        let kind = query.get("filter").unwrap_or("all");
        let all = wanted == ALL;
        if !all && !self.directory.markets.iter().any(|m| u64::from(m.id) == wanted) {
            return Err(no::MARKET);
        }
        let markets = self.directory.markets.iter();
        let markets = markets.filter(|m| kind != "spot" && (all || u64::from(m.id) == wanted));
        Ok(list(markets.map(|m| {
            let more =
                if details { self.details(m) } else { "\"open_interest\":\"0.000000\"".into() };
            format!("{{{},{more}}}", self.order_book(m))
        })))
    }

    fn order_book(&self, market: &Listed) -> String {
        // Ticks of 10^-6 of the notional, in percent.
        let fee = |ticks: i64| fixed(ticks * 10_000, 4);
        format!(
            "\"symbol\":\"{}\",\"market_id\":{},\"market_type\":\"perp\",\"base_asset_id\":0,\
             \"quote_asset_id\":0,\"status\":\"active\",\"taker_fee\":\"{}\",\
             \"is_taker_fee_enabled\":true,\"maker_fee\":\"{}\",\"is_maker_fee_enabled\":true,\
             \"liquidation_fee\":\"1.0000\",\"min_base_amount\":\"{}\",\
             \"min_quote_amount\":\"{}\",\"order_quote_limit\":\"281474976.710655\",\
             \"supported_size_decimals\":{},\"supported_price_decimals\":{},\
             \"supported_quote_decimals\":6,\"created_at\":\"0\",\
             \"multiplier\":\"1.000000000000000000\",\"start_timestamp\":0,\"end_timestamp\":0,\
             \"outcome\":0,\"operator_account_index\":1,\"settlement_cap\":0,\
             \"settlement_type\":0,\"settlement_price\":0,\"default_price\":0,\
             \"is_frozen\":false",
            market.symbol,
            market.id,
            fee(market.taker_ticks),
            fee(market.maker_ticks),
            market.qty(market.min_base),
            fixed(market.min_quote, 6),
            market.sz_decimals,
            market.px_decimals,
        )
    }

    fn details(&self, market: &Listed) -> String {
        let px = |px: Option<Price>| market.px(px.unwrap_or(Price::ZERO));
        let mark = px(self.exchange.mark(market.inst));
        let least = 10_000 / self.exchange.rules().leverage_max.max(1);
        let trades = self.feed.sessions[usize::from(market.inst.0)].trades;
        format!(
            "\"size_decimals\":{},\"price_decimals\":{},\"quote_multiplier\":1,\
             \"default_initial_margin_fraction\":{least},\"min_initial_margin_fraction\":{least},\
             \"maintenance_margin_fraction\":{},\"closeout_margin_fraction\":{},\
             \"mark_price\":\"{mark}\",\"index_price\":\"{mark}\",\"last_trade_price\":{},\
             \"daily_trades_count\":{trades},{},\"open_interest\":0,\
             \"open_interest_limit\":\"72057594037927936.000000\",\
             \"open_interest_usd\":\"0.000000\",\"daily_chart\":{{}},\
             \"market_config\":{{\"market_margin_mode\":0,\
             \"insurance_fund_account_index\":281474976710655,\"liquidation_mode\":0,\
             \"force_reduce_only\":false,\"trading_hours\":\"\",\
             \"funding_fee_discounts_enabled\":false,\"hidden\":false,\"rfq_enabled\":false}},\
             \"strategy_index\":0,\"market_flags\":0,\"funding_premium_multiplier\":100,\
             \"funding_clamp_small\":\"0.0500\",\"funding_clamp_big\":\"4.0000\",\
             \"base_interest_rate\":\"0.0100\"",
            market.sz_decimals,
            market.px_decimals,
            least * 3 / 5,
            least * 2 / 5,
            px(self.exchange.last_trade(market.inst)),
            self.daily(market),
        )
    }

    fn market_asked(&self, query: &Query) -> Result<&Listed, Refusal> {
        let id = i64::try_from(query.number("market_id")?).map_err(|_| no::MARKET)?;
        self.directory.market(id).ok_or(no::MARKET)
    }

    /// One row a level, as if it were one order: the exchange tells no more of the crowd.
    fn order_book_orders(&self, query: &Query) -> Result<String, Refusal> {
        let market = self.market_asked(query)?;
        let most = limit(query, 250)?;
        let row = |side: Side, level: BookLevel| {
            let base = if side == Side::Sell { 562_953u64 } else { 844_421 };
            // Unique by price: a price has less than ten digits of units.
            let index = base * 1_000_000_000 + market.px_int(level.px).unsigned_abs();
            let size = market.qty(level.qty);
            format!(
                "{{\"order_index\":{index},\"order_id\":\"{index}\",\
                 \"owner_account_index\":{CROWD_INDEX},\"initial_base_amount\":\"{size}\",\
                 \"remaining_base_amount\":\"{size}\",\"price\":\"{}\",\"order_expiry\":{},\
                 \"transaction_time\":0}}",
                market.px(level.px),
                ms(self.now) + 86_400_000,
            )
        };
        let rows = |side: Side| -> Vec<String> {
            self.exchange.levels(market.inst, side, most).map(|l| row(side, l)).collect()
        };
        let (asks, bids) = (rows(Side::Sell), rows(Side::Buy));
        Ok(format!(
            "\"total_asks\":{},\"asks\":[{}],\"total_bids\":{},\"bids\":[{}]",
            asks.len(),
            asks.join(","),
            bids.len(),
            bids.join(",")
        ))
    }

    fn recent_trades(&self, query: &Query) -> Result<String, Refusal> {
        let market = self.market_asked(query)?;
        let recent = &self.ledger.recent[usize::from(market.inst.0)];
        let rows = recent.iter().rev().take(limit(query, 100)?);
        let rows = rows.filter_map(|tid| self.ledger.rows.get(tid));
        let rows = list(rows.map(|row| wire::trade(&self.directory, row, None)));
        Ok(format!("\"trades\":{rows}"))
    }

    /// Newest first, whatever they are sorted by: number, time and block grow together. The cursor is
    /// the last number of the page before.
    fn trades_asked(&self, query: &Query) -> Result<String, Refusal> {
        let most = limit(query, 100)?;
        let market = query.or("market_id", ALL)?;
        let before = query.or("cursor", u64::MAX)?;
        let of_market =
            |inst: InstId| market == ALL || u64::from(self.directory.of(inst).id) == market;
        let viewer = match query.get("account_index") {
            None => None,
            Some(_) => Some(self.directory.holders[self.authorized(query)?].index),
        };
        let rows: Vec<_> = match viewer {
            Some(account) => self.ledger.trades_of(account).collect(),
            None => self.ledger.rows.values().rev().collect(),
        };
        let rows = rows.into_iter().filter(|r| of_market(r.inst) && r.tid < before);
        let rows: Vec<_> = rows.take(most).collect();
        let cursor = match rows.last() {
            Some(row) if rows.len() == most => row.tid.to_string(),
            _ => String::new(),
        };
        let rows = list(rows.iter().map(|row| wire::trade(&self.directory, row, viewer)));
        Ok(format!("\"next_cursor\":{},\"trades\":{rows}", quoted(&cursor)))
    }

    fn api_keys(&self, query: &Query) -> Result<String, Refusal> {
        let holder = self.holder(query.number("account_index")?)?;
        let wanted = query.or("api_key_index", ALL)?;
        let keys = holder.keys.iter().filter(|k| wanted == ALL || u64::from(k.index) == wanted);
        let rows = list(keys.map(|key| {
            format!(
                "{{\"account_index\":{},\"api_key_index\":{},\"nonce\":{},\"public_key\":\"{}\",\
                 \"transaction_time\":{}}}",
                holder.index,
                key.index,
                key.last + 1,
                key.public.text(),
                key.used_us,
            )
        }));
        if rows == "[]" { Err(no::NO_KEY) } else { Ok(format!("\"api_keys\":{rows}")) }
    }

    fn account(&self, query: &Query) -> Result<String, Refusal> {
        let value = query.text("value")?;
        let slots: Vec<usize> = match query.text("by")? {
            "index" => digits(value).and_then(|i| self.directory.slot(i)).into_iter().collect(),
            "l1_address" => self.of_l1(value),
            _ => return Err(Refusal::param("by")),
        };
        if slots.is_empty() {
            return Err(no::NOT_FOUND);
        }
        let rows = slots.iter().map(|slot| format!("{{{}}}", self.account_row(*slot)));
        Ok(format!("\"total\":{},\"next_cursor\":\"\",\"accounts\":{}", slots.len(), list(rows)))
    }

    fn account_row(&self, slot: usize) -> String {
        let holder = &self.directory.holders[slot];
        let margin = self.exchange.margin(holder.account);
        let orders = self.ledger.of(slot).count();
        let equity = wire::money(margin.equity);
        let position = |m: &Listed| {
            let open = self.open_orders(slot, m.inst);
            wire::position(&self.exchange, holder, m, open)
        };
        format!(
            "{},\"account_index\":{},\"name\":\"\",\"description\":\"\",\"can_invite\":true,\
             \"referral_points_percentage\":\"\",\"can_rfq\":false,\"can_rfq_market_ids\":[],\
             \"agent_enabled\":true,\"created_at\":0,\"metadata\":{{\"color\":\"\"}},\
             \"positions\":{},\"bo_positions\":[],\"assets\":[{}],\
             \"total_asset_value\":\"{equity}\",\"cross_asset_value\":\"{equity}\",\
             \"cross_initial_margin_requirement\":\"{}\",\
             \"cross_maintenance_margin_requirement\":\"{}\",\"shares\":[],\
             \"pending_unlocks\":[],\"approved_integrators\":[],\"pool_info\":{POOL}",
            wire::account_head(&self.exchange, holder, orders),
            holder.index,
            list(self.directory.markets.iter().map(position)),
            wire::asset(&self.exchange, holder),
            wire::money(margin.used),
            wire::money(crate::units::Notional(margin.used.0 * 3 / 5)),
        )
    }

    fn of_l1(&self, text: &str) -> Vec<usize> {
        let Some(address) = parse_address(text) else { return Vec::new() };
        let all = self.directory.holders.iter().enumerate();
        all.filter(|(_, h)| h.l1 == address).map(|(slot, _)| slot).collect()
    }

    fn accounts_by_l1(&self, query: &Query) -> Result<String, Refusal> {
        let slots = self.of_l1(query.text("l1_address")?);
        let Some(first) = slots.first() else { return Err(no::NO_ACCOUNT) };
        let rows = slots.iter().map(|&slot| {
            let orders = self.ledger.of(slot).count();
            let holder = &self.directory.holders[slot];
            format!("{{{}}}", wire::account_head(&self.exchange, holder, orders))
        });
        Ok(format!(
            "\"l1_address\":\"{}\",\"sub_accounts\":{}",
            address_text(&self.directory.holders[*first].l1),
            list(rows)
        ))
    }

    fn limits(&self, query: &Query) -> Result<String, Refusal> {
        let slot = self.authorized(query)?;
        let tier = self.directory.holders[slot].tier;
        let market = self.directory.markets.first();
        let (maker, taker) = market.map_or((0, 0), |m| (m.maker_ticks, m.taker_ticks));
        Ok(format!(
            "\"max_llp_percentage\":25,\"user_tier\":\"std\",\"can_create_public_pool\":true,\
             \"max_llp_amount\":\"1000000\",\"current_maker_fee_tick\":{maker},\
             \"current_taker_fee_tick\":{taker},\"effective_lit_stakes\":\"0\",\
             \"leased_lit\":\"0\",\"user_tier_name\":\"{}\",\"user_tier_last_update\":0,\
             \"bo_user_tier_name\":\"standard\",\"bo_fee_rate\":0",
            tier.name
        ))
    }

    fn exchange_stats(&self) -> String {
        let row = |m: &Listed| {
            let session = self.feed.sessions[usize::from(m.inst.0)];
            let last = self.exchange.last_trade(m.inst).unwrap_or(Price::ZERO);
            format!(
                "{{\"symbol\":\"{}\",\"last_trade_price\":{},\"daily_trades_count\":{},{}}}",
                m.symbol,
                m.px(last),
                session.trades,
                self.daily(m)
            )
        };
        let markets = &self.directory.markets;
        let rows = list(markets.iter().map(row));
        let sessions = &self.feed.sessions;
        let quote: i128 = sessions.iter().map(|s| s.quote).sum();
        let trades: u64 = sessions.iter().map(|s| s.trades).sum();
        format!(
            "\"total\":{},\"order_book_stats\":{rows},\"daily_usd_volume\":{},\
             \"daily_trades_count\":{trades}",
            markets.len(),
            wire::money(crate::units::Notional(quote)),
        )
    }
}

/// Within 1..=`most`, as the venue asks for.
fn limit(query: &Query, most: u64) -> Result<usize, Refusal> {
    let limit = query.or("limit", most)?;
    if !(1..=most).contains(&limit) {
        return Err(Refusal::param("limit"));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

const SYSTEM: &str = "\"liquidity_pool_index\":281474976710654,\
    \"staking_pool_index\":281474976624800,\"funding_fee_rebate_account_index\":713888,\
    \"market_maker_incentive_account_index\":723106,\
    \"fee_collector_account_index\":281474976496476,\"liquidity_pool_cooldown_period\":300000,\
    \"staking_pool_lockup_period\":259200000,\"max_integrator_spot_taker_fee\":10000,\
    \"max_integrator_spot_maker_fee\":10000,\"max_integrator_perps_taker_fee\":1000,\
    \"max_integrator_perps_maker_fee\":1000";

/// No account here is a pool; the official client insists on the object.
const POOL: &str = "{\"status\":0,\"operator_fee\":\"\",\"min_operator_share_rate\":\"\",\
    \"total_shares\":0,\"operator_shares\":0,\"annual_percentage_yield\":0,\"daily_returns\":[],\
    \"share_prices\":[],\"sharpe_ratio\":0,\"strategies\":[]}";
