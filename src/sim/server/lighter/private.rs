//! Cold. Private channels: what became of an account's orders, trades, positions and money.

use std::collections::BTreeSet;

use super::channels::Channel;
use super::hub::Hub;
use super::ledger::TradeRow;
use super::wire::{self, list};
use crate::instrument::InstId;
use crate::sim::exchange::Fill;
use crate::units::Notional;

/// What a step brought to accounts.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Each state of each order.
    orders: Vec<(usize, InstId, String)>,
    fills: Vec<(usize, InstId, u64)>,
    /// Positions that changed.
    touched: BTreeSet<(usize, InstId)>,
    txs: Vec<(usize, String)>,
}

impl News {
    pub fn order(&mut self, slot: usize, inst: InstId, text: String) {
        self.orders.push((slot, inst, text));
    }

    pub fn fill(&mut self, slot: usize, fill: &Fill) {
        self.fills.push((slot, fill.inst, fill.tid));
        self.touch(slot, fill.inst);
    }

    pub fn touch(&mut self, slot: usize, inst: InstId) {
        self.touched.insert((slot, inst));
    }

    pub fn tx(&mut self, slot: usize, hash: String) {
        self.txs.push((slot, hash));
    }

    fn is_empty(&self) -> bool {
        self.orders.is_empty()
            && self.fills.is_empty()
            && self.touched.is_empty()
            && self.txs.is_empty()
    }
}

impl Hub {
    pub(super) fn publish_private(&mut self) {
        let news = std::mem::take(&mut self.news);
        if news.is_empty() {
            return;
        }
        let mut out = Vec::new();
        for (peer, subs) in &self.subs {
            for channel in subs {
                let text = || channel.text(&self.directory);
                if let Some(body) = self.private_update(*channel, &news) {
                    let name = channel.name();
                    let text = text();
                    out.push((
                        *peer,
                        format!("{{\"channel\":\"{text}\",{body},\"type\":\"update/{name}\"}}"),
                    ));
                }
            }
        }
        for (peer, text) in out {
            self.send(peer, text);
        }
    }

    /// The members of an update; `None` when this channel has nothing to say.
    fn private_update(&self, channel: Channel, news: &News) -> Option<String> {
        let of = channel.account()?;
        let orders = |only: Option<InstId>| -> Vec<(InstId, String)> {
            let mine = news.orders.iter().filter(|o| o.0 == of && only.is_none_or(|i| i == o.1));
            mine.map(|o| (o.1, o.2.clone())).collect()
        };
        let fills = |only: Option<InstId>| -> Vec<(InstId, String)> {
            let mine = news.fills.iter().filter(|f| f.0 == of && only.is_none_or(|i| i == f.1));
            let rows = mine.rev().filter_map(|f| self.ledger.rows.get(&f.2));
            rows.map(|row| (row.inst, self.trade_text(row, of))).collect()
        };
        let touched: Vec<InstId> = news.touched.iter().filter(|t| t.0 == of).map(|t| t.1).collect();
        let moved = !touched.is_empty() || news.orders.iter().any(|o| o.0 == of);
        match channel {
            Channel::AllOrders(_) => {
                let rows = orders(None);
                (!rows.is_empty()).then(|| format!("\"orders\":{}", self.by_market(rows)))
            }
            Channel::Orders(inst, _) => {
                let rows = orders(Some(inst));
                let head = self.orders_head(of);
                (!rows.is_empty()).then(|| format!("{head},\"orders\":{}", self.by_market(rows)))
            }
            Channel::AllTrades(_) => {
                let rows = fills(None);
                (!rows.is_empty()).then(|| format!("\"trades\":{}", self.by_market(rows)))
            }
            Channel::AllPositions(_) => (!touched.is_empty()).then(|| {
                let positions = self.positions(of, Some(&touched));
                format!("\"positions\":{positions},\"shares\":[]")
            }),
            Channel::UserStats(_) => moved.then(|| self.stats_body(of)),
            Channel::AllAssets(_) => {
                (!touched.is_empty()).then(|| format!("\"assets\":{}", self.assets(of)))
            }
            Channel::AccountAll(_) => moved.then(|| {
                let positions = self.positions(of, Some(&touched));
                let trades = self.by_market(fills(None));
                self.account_all(of, &positions, &trades)
            }),
            Channel::AccountMarket(inst, _) => {
                let (orders, trades) = (orders(Some(inst)), fills(Some(inst)));
                let rows = |rows: Vec<(InstId, String)>| list(rows.into_iter().map(|r| r.1));
                let any = !orders.is_empty() || !trades.is_empty() || touched.contains(&inst);
                any.then(|| self.account_market(of, inst, &rows(orders), &rows(trades)))
            }
            Channel::Txs(_) => {
                let mine = news.txs.iter().filter(|t| t.0 == of);
                let rows = mine.filter_map(|t| self.ledger.txs.get(&t.1));
                let rows = list(rows.map(|row| format!("{{{}}}", wire::tx(&self.directory, row))));
                (rows != "[]").then(|| format!("\"txs\":{rows}"))
            }
            _ => None,
        }
    }

    /// The state of a private channel, as the answer to its subscription.
    pub(super) fn private_snapshot(&self, channel: Channel, text: &str) -> String {
        let name = channel.name();
        let slot = channel.account().unwrap_or(0);
        let open = |only: Option<InstId>| -> Vec<(InstId, String)> {
            let mine = self.ledger.of(slot).filter(|o| only.is_none_or(|i| i == o.inst));
            mine.map(|o| (o.inst, wire::order(&self.directory, o))).collect()
        };
        let body = match channel {
            Channel::AllOrders(_) => format!("\"orders\":{}", self.by_market(open(None))),
            Channel::Orders(inst, _) => {
                let orders = self.by_market(open(Some(inst)));
                format!("{},\"orders\":{orders}", self.orders_head(slot))
            }
            Channel::AllTrades(_) => {
                let volume = wire::money(Notional(self.directory.holders[slot].volume));
                format!(
                    "\"daily_volume\":{volume},\"monthly_volume\":{volume},\
                     \"total_volume\":{volume},\"weekly_volume\":{volume},\"trades\":{{}}"
                )
            }
            Channel::AllPositions(_) => {
                format!("\"positions\":{},\"shares\":[]", self.positions(slot, None))
            }
            Channel::UserStats(_) => self.stats_body(slot),
            Channel::AllAssets(_) => format!("\"assets\":{}", self.assets(slot)),
            Channel::AccountAll(_) => {
                let positions = self.positions(slot, None);
                self.account_all(slot, &positions, "{}")
            }
            Channel::AccountMarket(inst, _) => {
                let orders = list(open(Some(inst)).into_iter().map(|r| r.1));
                self.account_market(slot, inst, &orders, "[]")
            }
            _ => "\"txs\":[]".to_owned(),
        };
        format!("{{\"channel\":\"{text}\",{body},\"type\":\"subscribed/{name}\"}}")
    }

    fn trade_text(&self, row: &TradeRow, slot: usize) -> String {
        wire::trade(&self.directory, row, Some(self.directory.holders[slot].index))
    }

    /// Rows in an object by market.
    fn by_market(&self, rows: Vec<(InstId, String)>) -> String {
        let markets: BTreeSet<InstId> = rows.iter().map(|r| r.0).collect();
        let one = |inst: InstId| {
            let mine = rows.iter().filter(|r| r.0 == inst).map(|r| r.1.clone());
            format!("\"{}\":{}", self.directory.of(inst).id, list(mine))
        };
        format!("{{{}}}", markets.into_iter().map(one).collect::<Vec<_>>().join(","))
    }

    fn orders_head(&self, slot: usize) -> String {
        let index = self.directory.holders[slot].index;
        format!("\"account\":{index},\"nonce\":{}", self.feed.nonce())
    }

    /// Of these markets; `None`: of all.
    fn positions(&self, slot: usize, only: Option<&[InstId]>) -> String {
        let holder = &self.directory.holders[slot];
        let wanted = |inst: InstId| only.is_none_or(|list| list.contains(&inst));
        let one = |market: &super::directory::Listed| {
            let open = self.open_orders(slot, market.inst);
            let text = wire::position(&self.exchange, holder, market, open);
            format!("\"{}\":{text}", market.id)
        };
        let markets = self.directory.markets.iter().filter(|m| wanted(m.inst));
        format!("{{{}}}", markets.map(one).collect::<Vec<_>>().join(","))
    }

    fn assets(&self, slot: usize) -> String {
        let holder = &self.directory.holders[slot];
        format!("{{\"{}\":{}}}", wire::USDC, wire::asset(&self.exchange, holder))
    }

    fn stats_body(&self, slot: usize) -> String {
        let stats = wire::stats(&self.exchange, &self.directory.holders[slot]);
        format!("\"stats\":{stats},\"timestamp\":{}", wire::ms(self.now))
    }

    fn account_all(&self, slot: usize, positions: &str, trades: &str) -> String {
        let holder = &self.directory.holders[slot];
        let (volume, count) = (wire::money(Notional(holder.volume)), holder.trades);
        let [daily, weekly, monthly, total] = ["daily", "weekly", "monthly", "total"]
            .map(|of| format!("\"{of}_trades_count\":{count},\"{of}_volume\":{volume}"));
        format!(
            "\"account\":{},\"assets\":{},\"bo_positions\":{{}},{daily},{weekly},{monthly},{total},\
             \"funding_histories\":{{}},\"positions\":{positions},\"shares\":[],\
             \"trades\":{trades},\"transaction_time\":{}",
            holder.index,
            self.assets(slot),
            wire::us(self.now),
        )
    }

    fn account_market(&self, slot: usize, inst: InstId, orders: &str, trades: &str) -> String {
        let holder = &self.directory.holders[slot];
        let market = self.directory.of(inst);
        let open = self.open_orders(slot, inst);
        let position = wire::position(&self.exchange, holder, market, open);
        format!(
            "\"account\":{},\"assets\":{},\"funding_history\":null,\"orders\":{orders},\
             \"position\":[{position}],\"trades\":{trades}",
            holder.index,
            self.assets(slot),
        )
    }
}
