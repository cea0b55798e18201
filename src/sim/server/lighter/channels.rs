//! Cold. Subscriptions: what a client may ask for, and how the venue names it.

use super::super::PeerId;
use super::super::json::Json;
use super::auth::token_account;
use super::directory::Directory;
use super::hub::Hub;
use super::refusal::{self as no, Refusal};
use crate::instrument::InstId;

/// One channel. Accounts are by their place in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Book(InstId),
    Ticker(InstId),
    Trades(InstId),
    /// `None`: of all markets.
    Stats(Option<InstId>),
    Height,
    AccountAll(usize),
    UserStats(usize),
    AllOrders(usize),
    AllTrades(usize),
    AllPositions(usize),
    AllAssets(usize),
    Orders(InstId, usize),
    AccountMarket(InstId, usize),
    Txs(usize),
}

impl Channel {
    /// `None` for what this venue does not have.
    pub fn parse(text: &str, directory: &Directory) -> Option<Channel> {
        let mut parts = text.split('/');
        let name = parts.next()?;
        let (first, second) = (parts.next(), parts.next());
        if parts.next().is_some() {
            return None;
        }
        let inst = |text: Option<&str>| {
            let id = digits(text?)?;
            directory.market(i64::try_from(id).ok()?).map(|m| m.inst)
        };
        let slot = |text: Option<&str>| directory.slot(digits(text?)?);
        let one = |channel: Channel| second.is_none().then_some(channel);
        match name {
            "order_book" => one(Channel::Book(inst(first)?)),
            "ticker" => one(Channel::Ticker(inst(first)?)),
            "trade" => one(Channel::Trades(inst(first)?)),
            "market_stats" if first == Some("all") => one(Channel::Stats(None)),
            "market_stats" => one(Channel::Stats(Some(inst(first)?))),
            "height" if first.is_none() => Some(Channel::Height),
            "account_all" => one(Channel::AccountAll(slot(first)?)),
            "user_stats" => one(Channel::UserStats(slot(first)?)),
            "account_all_orders" => one(Channel::AllOrders(slot(first)?)),
            "account_all_trades" => one(Channel::AllTrades(slot(first)?)),
            "account_all_positions" => one(Channel::AllPositions(slot(first)?)),
            "account_all_assets" => one(Channel::AllAssets(slot(first)?)),
            "account_tx" => one(Channel::Txs(slot(first)?)),
            "account_orders" => Some(Channel::Orders(inst(first)?, slot(second)?)),
            "account_market" => Some(Channel::AccountMarket(inst(first)?, slot(second)?)),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Channel::Book(_) => "order_book",
            Channel::Ticker(_) => "ticker",
            Channel::Trades(_) => "trade",
            Channel::Stats(_) => "market_stats",
            Channel::Height => "height",
            Channel::AccountAll(_) => "account_all",
            Channel::UserStats(_) => "user_stats",
            Channel::AllOrders(_) => "account_all_orders",
            Channel::AllTrades(_) => "account_all_trades",
            Channel::AllPositions(_) => "account_all_positions",
            Channel::AllAssets(_) => "account_all_assets",
            Channel::Orders(..) => "account_orders",
            Channel::AccountMarket(..) => "account_market",
            Channel::Txs(_) => "account_tx",
        }
    }

    /// Whose it is, for the private ones.
    pub fn account(self) -> Option<usize> {
        match self {
            Channel::AccountAll(slot)
            | Channel::UserStats(slot)
            | Channel::AllOrders(slot)
            | Channel::AllTrades(slot)
            | Channel::AllPositions(slot)
            | Channel::AllAssets(slot)
            | Channel::Orders(_, slot)
            | Channel::AccountMarket(_, slot)
            | Channel::Txs(slot) => Some(slot),
            _ => None,
        }
    }

    /// Needs a token. The two that do not were recorded without one.
    fn is_guarded(self) -> bool {
        self.account().is_some() && !matches!(self, Channel::AccountAll(_) | Channel::UserStats(_))
    }

    /// As the venue names it in what it sends: with colons.
    pub fn text(self, directory: &Directory) -> String {
        let name = self.name();
        let market = |inst| directory.of(inst).id;
        match self {
            Channel::Height => name.to_owned(),
            Channel::Stats(None) => format!("{name}:all"),
            Channel::Book(inst)
            | Channel::Ticker(inst)
            | Channel::Trades(inst)
            | Channel::Stats(Some(inst)) => format!("{name}:{}", market(inst)),
            Channel::Orders(inst, slot) | Channel::AccountMarket(inst, slot) => {
                format!("{name}:{}:{}", market(inst), directory.holders[slot].index)
            }
            Channel::AccountAll(slot)
            | Channel::UserStats(slot)
            | Channel::AllOrders(slot)
            | Channel::AllTrades(slot)
            | Channel::AllPositions(slot)
            | Channel::AllAssets(slot)
            | Channel::Txs(slot) => format!("{name}:{}", directory.holders[slot].index),
        }
    }
}

/// A number of digits alone, without zeros before it.
pub fn digits(text: &str) -> Option<u64> {
    let plain =
        text.bytes().all(|b| b.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl Hub {
    fn channel(&self, json: &Json) -> Result<(Channel, String), Refusal> {
        let text = json.get("channel").and_then(Json::str).ok_or(no::WS_CHANNEL)?;
        let channel = Channel::parse(text, &self.directory).ok_or(no::WS_CHANNEL)?;
        Ok((channel, channel.text(&self.directory)))
    }

    pub(super) fn subscribe(&mut self, peer: PeerId, json: &Json) -> Result<(), Refusal> {
        let (channel, text) = self.channel(json)?;
        if channel.is_guarded() {
            let Some(token) = json.given("auth").and_then(Json::str) else {
                return Err(Refusal::param(&format!("auth field is required: {text}")));
            };
            let of = token_account(token, &self.directory, self.now)?;
            if Some(of) != channel.account() {
                return Err(no::TOKEN);
            }
        }
        let subs = self.subs.entry(peer).or_default();
        if subs.contains(&channel) {
            return Err(no::WS_SUBSCRIBED.about(&text));
        }
        if subs.len() >= self.config.rates.subscriptions {
            return Err(no::TOO_MANY_SUBSCRIPTIONS);
        }
        subs.push(channel);
        let first = self.snapshot(channel, &text);
        self.send(peer, first);
        Ok(())
    }

    pub(super) fn unsubscribe(&mut self, peer: PeerId, json: &Json) -> Result<(), Refusal> {
        let (channel, text) = self.channel(json)?;
        let subs = self.subs.entry(peer).or_default();
        let at = subs.iter().position(|s| *s == channel);
        subs.remove(at.ok_or(no::WS_NOT_SUBSCRIBED.about(&text))?);
        self.send(peer, format!("{{\"type\":\"unsubscribed\",\"channel\":\"{text}\"}}"));
        Ok(())
    }
}
