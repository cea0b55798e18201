//! Cold. The venue's REST calls: the questions of each topic, and what the answers say.
//!
//! Orders are asked for before positions: a fill between the two then shows in the position and is
//! known by its trade id. What only the account may see takes a pass, an auth token; a session's start
//! and end have none, so without one a view is positions alone, and fees are those of an account that
//! pays none.

use super::info::{self, AccountOrder, InfoError};
use super::meta::{self, Fees, MetaError};
use super::quota::Tier;
use super::user::state_of;
use crate::event::VenueOrderState;
use crate::instrument::{InstId, InstrumentSpec, Symbol};
use crate::units::{Bps, Price, Qty};
use crate::venue::rest::{
    Fate, Listing, NextNonce, OpenOrder, Pass, Position, Request, SendTier, Topic, Unread,
    VenueView,
};

/// Pages of orders that are read at most: 1500 may rest, 100 on a page.
const PAGES_MAX: usize = 20;
/// Pages of ended orders in which one is looked for.
const ENDED_PAGES: usize = 4;
/// Rows on a page.
const PAGE: usize = 100;
/// All markets.
const ALL: u32 = 255;

/// The account and the markets of a session.
#[derive(Clone, Debug)]
pub struct Rest {
    account: u64,
    /// The API keys that sign here.
    keys: Vec<u8>,
    symbols: Vec<Symbol>,
    /// The venue's numbers of the markets, once they are known.
    markets: Vec<u32>,
}

/// Answers to `accountActiveOrders` at the beginning of a list, and whether they are all.
struct Pages {
    orders: Vec<AccountOrder>,
    /// How many answers they are.
    read: usize,
    /// Where the next page begins.
    next: Option<String>,
}

impl Pages {
    /// Reads pages until the last one, or until the answers end.
    fn read(answers: &[Vec<u8>]) -> Result<Pages, Unread> {
        let mut all = Pages { orders: Vec::new(), read: 0, next: None };
        for body in answers.iter().take(PAGES_MAX) {
            let page = info::orders(body).map_err(unread)?;
            all.orders.extend(page.orders);
            all.read += 1;
            all.next = page.next;
            if all.next.is_none() {
                break;
            }
        }
        Ok(all)
    }

    fn is_whole(&self) -> bool {
        self.read > 0 && self.next.is_none()
    }
}

impl Rest {
    /// Instrument `i` is `symbols[i]`.
    pub fn new(account: u64, keys: &[u8], symbols: &[Symbol]) -> Rest {
        Rest { account, keys: keys.to_vec(), symbols: symbols.to_vec(), markets: Vec::new() }
    }

    /// The venue's numbers of the markets.
    pub fn know(&mut self, specs: &[InstrumentSpec]) {
        self.markets = specs.iter().map(|spec| spec.asset).collect();
    }

    pub fn next(
        &self,
        topic: Topic<'_>,
        answers: &[Vec<u8>],
        pass: &Pass,
    ) -> Result<Option<Request>, Unread> {
        let account = self.account;
        let at = answers.len();
        let first = |path: String| Ok((at == 0).then(|| Request::get(path)));
        match topic {
            Topic::View if pass.0.is_none() => first(self.account_path()),
            Topic::View => self.view_request(answers, pass),
            Topic::OpenOrders => self.orders_request(ALL, answers, pass),
            Topic::Resting => first(self.account_path()),
            Topic::Fate(inst, client) => self.fate_request(inst, client, answers, pass),
            Topic::Specs if at == 1 && pass.0.is_some() => {
                Ok(Some(allowed(format!("accountLimits?account_index={account}"), pass)))
            }
            Topic::Specs | Topic::Listings | Topic::Prices => {
                first("/api/v1/orderBookDetails?filter=perp".to_owned())
            }
            Topic::Key(key) => {
                let (index, _) = key_parts(key)?;
                first(format!("/api/v1/apikeys?account_index={account}&api_key_index={index}"))
            }
        }
    }

    fn account_path(&self) -> String {
        format!("/api/v1/account?by=index&value={}", self.account)
    }

    fn orders_request(
        &self,
        market: u32,
        answers: &[Vec<u8>],
        pass: &Pass,
    ) -> Result<Option<Request>, Unread> {
        let pages = Pages::read(answers)?;
        if pages.is_whole() || pages.read == PAGES_MAX {
            return Ok(None);
        }
        let account = self.account;
        let call = format!("accountActiveOrders?account_index={account}&market_id={market}");
        Ok(Some(allowed(with_cursor(call, pages.next), pass)))
    }

    /// Orders, then the account, the nonces, the tier, the last fills.
    fn view_request(&self, answers: &[Vec<u8>], pass: &Pass) -> Result<Option<Request>, Unread> {
        if let Some(request) = self.orders_request(ALL, answers, pass)? {
            return Ok(Some(request));
        }
        let account = self.account;
        let behind = answers.len() - Pages::read(answers)?.read;
        let keys = self.keys.len();
        Ok(match behind {
            0 => Some(Request::get(self.account_path())),
            n if n <= keys => {
                let key = self.keys[n - 1];
                let call = format!("nextNonce?account_index={account}&api_key_index={key}");
                Some(allowed(call, pass))
            }
            n if n == keys + 1 => {
                Some(allowed(format!("accountLimits?account_index={account}"), pass))
            }
            n if n == keys + 2 => {
                let call = format!("trades?sort_by=timestamp&limit={PAGE}&account_index={account}");
                Some(allowed(call, pass))
            }
            _ => None,
        })
    }

    /// What rests on the market, then what has ended: an order moves from the first to the second, so
    /// one that is there is found.
    fn fate_request(
        &self,
        inst: InstId,
        client: u128,
        answers: &[Vec<u8>],
        pass: &Pass,
    ) -> Result<Option<Request>, Unread> {
        let Some(market) = self.markets.get(usize::from(inst.0)) else {
            return Err(Unread::Refused("a market that is not known".to_owned()));
        };
        if let Some(request) = self.orders_request(*market, answers, pass)? {
            return Ok(Some(request));
        }
        let active = Pages::read(answers)?;
        let ended = Pages::read(&answers[active.read..])?;
        let found = find(&active.orders, client).or_else(|| find(&ended.orders, client));
        if found.is_some() || ended.is_whole() || ended.read >= ENDED_PAGES {
            return Ok(None);
        }
        let account = self.account;
        let call = format!(
            "accountInactiveOrders?account_index={account}&limit={PAGE}&market_id={market}"
        );
        Ok(Some(allowed(with_cursor(call, ended.next), pass)))
    }

    fn inst(&self, market: u32) -> Option<InstId> {
        let at = self.markets.iter().position(|known| *known == market)?;
        Some(InstId(at as u16))
    }

    pub fn view(&self, answers: &[Vec<u8>]) -> Result<VenueView, Unread> {
        let Some((first, rest)) = answers.split_first() else { return Err(missing("account")) };
        let mut view = VenueView::default();
        let account = if rest.is_empty() {
            first
        } else {
            let pages = Pages::read(answers)?;
            view.orders = pages.orders.iter().filter_map(|order| self.open(order)).collect();
            let behind = &answers[pages.read..];
            let (account, behind) = behind.split_first().ok_or_else(|| missing("account"))?;
            let (nonces, behind) =
                behind.split_at_checked(self.keys.len()).ok_or_else(|| missing("nextNonce"))?;
            for (key, body) in self.keys.iter().zip(nonces) {
                let nonce = info::next_nonce(body).map_err(unread)?;
                view.nonces.push(NextNonce { key: *key, nonce });
            }
            let [limits, fills] = behind else { return Err(missing("accountLimits")) };
            let name = info::limits(limits).map_err(unread)?.tier;
            // Of a tier that is not known the slowest one's rate is kept.
            let tier = Tier::of(&name).unwrap_or(Tier::STANDARD);
            let (per_minute, has_quota) = (tier.sends_per_minute, tier.has_quota);
            view.tier = Some(SendTier { per_minute, has_quota });
            view.fills.clone_from(fills);
            account
        };
        let account = info::account(account).map_err(unread)?;
        view.equity = Some(account.equity);
        view.positions = account
            .positions
            .iter()
            .map(|held| Position { inst: self.inst(held.market), qty: held.qty, entry: held.entry })
            .collect();
        Ok(view)
    }

    /// `None`: it has ended since.
    fn open(&self, order: &AccountOrder) -> Option<OpenOrder> {
        let rests = state_of(order.status, order.filled) == VenueOrderState::Open;
        rests.then(|| OpenOrder {
            inst: self.inst(order.market),
            id: order.venue_oid,
            client: (order.client_index != 0).then_some(order.client_index.into()),
        })
    }

    pub fn open_orders(&self, answers: &[Vec<u8>]) -> Result<Vec<OpenOrder>, Unread> {
        let pages = Pages::read(answers)?;
        Ok(pages.orders.iter().filter_map(|order| self.open(order)).collect())
    }

    /// By the account's own counts: all orders, but those on other markets that the answer lists.
    pub fn resting(&self, answers: &[Vec<u8>]) -> Result<usize, Unread> {
        let body = answers.first().ok_or_else(|| missing("account"))?;
        let account = info::account(body).map_err(unread)?;
        let other = |(market, _): &&(u32, u32)| self.inst(*market).is_none();
        let others: u32 =
            account.orders_of.iter().filter(other).fold(0, |sum, row| sum.saturating_add(row.1));
        Ok(account.open_orders.saturating_sub(others) as usize)
    }

    pub fn fate(&self, client: u128, answers: &[Vec<u8>]) -> Result<Fate, Unread> {
        let active = Pages::read(answers)?;
        let ended = Pages::read(answers.get(active.read..).unwrap_or(&[]))?;
        // An order that has just ended may be in both: the second is newer.
        let found = find(&ended.orders, client).or_else(|| find(&active.orders, client));
        Ok(match found {
            None => Fate {
                state: VenueOrderState::NotFound,
                filled: Qty::ZERO,
                venue_oid: 0,
                now: (Price::ZERO, Qty::ZERO),
            },
            Some(order) => Fate {
                state: state_of(order.status, order.filled),
                filled: order.filled,
                venue_oid: order.venue_oid,
                now: (order.px, order.whole),
            },
        })
    }

    pub fn specs(&self, answers: &[Vec<u8>]) -> Result<Vec<InstrumentSpec>, Unread> {
        let body = answers.first().ok_or_else(|| missing("orderBookDetails"))?;
        let fees = match answers.get(1) {
            Some(limits) => Fees::of(&info::limits(limits).map_err(unread)?),
            None => Fees { maker: Bps::ZERO, taker: Bps::ZERO },
        };
        let spec = |symbol: &Symbol| {
            meta::perp(body, symbol.as_str(), fees).map(|listed| listed.spec).map_err(refused)
        };
        self.symbols.iter().map(spec).collect()
    }

    pub fn listings(
        &self,
        answers: &[Vec<u8>],
        known: &[InstrumentSpec],
    ) -> Result<Vec<Listing>, Unread> {
        let body = answers.first().ok_or_else(|| missing("orderBookDetails"))?;
        known.iter().map(|known| listing(body, known)).collect()
    }

    pub fn prices(&self, answers: &[Vec<u8>]) -> Result<Vec<Option<Price>>, Unread> {
        let body = answers.first().ok_or_else(|| missing("orderBookDetails"))?;
        meta::marks(body, &self.markets).map_err(refused)
    }

    /// `key`: its index and its public part, with a colon between.
    pub fn check_key(&self, key: &str, answers: &[Vec<u8>]) -> Result<(), Unread> {
        let body = answers.first().ok_or_else(|| missing("apikeys"))?;
        let (index, public) = key_parts(key)?;
        let keys = info::api_keys(body).map_err(unread)?;
        let account = self.account;
        info::check_key(&keys, index, &public).map(drop).map_err(|why| {
            Unread::Refused(format!("account {account}, key {index}: {}", why.text()))
        })
    }
}

fn key_parts(key: &str) -> Result<(u8, [u8; info::PUBLIC_KEY_LEN]), Unread> {
    let parts = key
        .split_once(':')
        .and_then(|(index, public)| Some((index.parse().ok()?, info::hex_key(public)?)));
    parts.ok_or_else(|| Unread::Refused("not an index and a public key".to_owned()))
}

fn find(orders: &[AccountOrder], client: u128) -> Option<&AccountOrder> {
    orders.iter().find(|order| u128::from(order.client_index) == client && client != 0)
}

fn allowed(call: String, pass: &Pass) -> Request {
    let mut request = Request::get(format!("/api/v1/{call}"));
    if let Some(token) = &pass.0 {
        request.headers.push(("Authorization", token.clone()));
    }
    request
}

fn with_cursor(mut call: String, cursor: Option<String>) -> String {
    if let Some(cursor) = cursor {
        call.push_str("&cursor=");
        super::orders::form::escape(&cursor, &mut call);
    }
    call
}

fn missing(what: &str) -> Unread {
    Unread::Malformed(format!("{what}: no answer"))
}

fn unread(error: InfoError) -> Unread {
    Unread::Malformed(error.to_string())
}

fn refused(error: MetaError) -> Unread {
    match error {
        MetaError::Answer(error) => unread(error),
        _ => Unread::Refused(error.to_string()),
    }
}

/// What the rules say of a market that is known. Under another number it is another market.
fn listing(body: &[u8], known: &InstrumentSpec) -> Result<Listing, Unread> {
    let fees = Fees { maker: known.maker_fee, taker: known.taker_fee };
    match meta::perp(body, known.symbol.as_str(), fees) {
        Ok(stated) if stated.spec.asset != known.asset => Ok(Listing::Gone),
        Ok(stated) => Ok(Listing::Listed(stated.spec)),
        Err(MetaError::Answer(error)) => Err(unread(error)),
        Err(MetaError::OutOfScale(symbol)) => {
            Err(Unread::Refused(MetaError::OutOfScale(symbol).to_string()))
        }
        Err(_) => Ok(Listing::Gone),
    }
}

#[cfg(test)]
mod tests;
