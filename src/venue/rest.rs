//! Cold. What is asked of a venue over REST, in every venue's terms: which request comes next, and
//! what the answers say. The requests are made by the pipeline.
//!
//! A topic is one or more requests. [`VenueRest::next`] looks at the answers so far and names the next
//! request, so that a venue may ask for a page at a time, or for what an answer has named; when there
//! is none, the reader of the topic turns the answers into plain values.

use super::{hyperliquid, lighter};
use crate::event::VenueOrderState;
use crate::instrument::{InstId, InstrumentSpec};
use crate::units::{Price, Qty};

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// One request to the venue's REST base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// Begins with `/`, with its query.
    pub path: String,
    /// Beside `Host` and the length: the type of the body, an auth token.
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(path: String) -> Request {
        Request { method: Method::Get, path, headers: Vec::new(), body: Vec::new() }
    }

    /// A JSON body.
    pub fn post_json(path: &str, body: Vec<u8>) -> Request {
        let headers = vec![("Content-Type", "application/json".to_owned())];
        Request { method: Method::Post, path: path.to_owned(), headers, body }
    }

    /// For people: what was asked, without headers, which may hold a token.
    pub fn name(&self) -> String {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(120)]);
        format!("{} {body}", self.path).trim_end().to_owned()
    }
}

/// What the venue wants to see with a question about the account, and only the account's keys can
/// make ([`super::VenueAccount::pass`]). It is good for minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pass(pub Option<String>);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    /// Positions, open orders, worth, nonces: [`VenueRest::view`].
    View,
    /// What rests, order by order: [`VenueRest::open_orders`].
    OpenOrders,
    /// How many orders rest, asked by one that has no [`Pass`]: [`VenueRest::resting`].
    Resting,
    /// What became of the order with this client order id: [`VenueRest::fate`].
    Fate(InstId, u128),
    /// The rules of the markets and the account's fees, at the start: [`VenueRest::specs`].
    Specs,
    /// The rules again, while trading: [`VenueRest::listings`].
    Listings,
    /// A price of each market: [`VenueRest::prices`].
    Prices,
    /// May this key, named as [`super::build::Access::keys`] names it, sign for the account:
    /// [`VenueRest::check_key`].
    Key(&'a str),
}

/// Why answers say nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Not what the venue documents.
    Malformed(String),
    /// The venue will not have it as configured: a market, a key. The text names the remedy.
    Refused(String),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Unread::Malformed(text) | Unread::Refused(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Unread {}

/// A position of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// `None`: on a market that is not traded here.
    pub inst: Option<InstId>,
    pub qty: Qty,
    pub entry: Price,
}

/// An open order of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// `None`: on a market that is not traded here.
    pub inst: Option<InstId>,
    /// The venue's number.
    pub id: u64,
    /// The client order id, when it has one.
    pub client: Option<u128>,
}

/// The nonce to use next with one of the account's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextNonce {
    pub key: u8,
    pub nonce: u64,
}

/// The venue's view of the account at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VenueView {
    pub positions: Vec<Position>,
    pub orders: Vec<OpenOrder>,
    /// Raw 10^-8 quote; `None` where the answer has none that can be read.
    pub equity: Option<i64>,
    /// Where nonces are the venue's to count, one for each key; elsewhere none.
    pub nonces: Vec<NextNonce>,
    /// What the account may send, where that depends on the account and the venue says so.
    pub tier: Option<SendTier>,
    /// The last fills as the venue wrote them, for [`super::VenueAccount::take_view`] to read: where the
    /// stream does not repeat what a lost connection has missed. Elsewhere empty.
    pub fills: Vec<u8>,
}

/// What an account may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTier {
    /// Transactions in a minute.
    pub per_minute: u32,
    /// They also cost of a quota that grows with what is traded.
    pub has_quota: bool,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    pub state: VenueOrderState,
    pub filled: Qty,
    pub venue_oid: u64,
    /// Its price and whole size now, where the venue's order may have been another of ours before: the
    /// account's side says whose the answer is. Elsewhere zeros.
    pub now: (Price, Qty),
}

/// What the venue says of a market now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    Listed(InstrumentSpec),
    /// It takes no orders any more, or none that the engine may send.
    Gone,
}

/// The REST side of a venue: a closed set with one `match`. It knows the account and the markets of a
/// session, in their order; it holds no key.
#[derive(Clone, Debug)]
pub enum VenueRest {
    Hyperliquid(hyperliquid::rest::Rest),
    Lighter(lighter::rest::Rest),
}

impl VenueRest {
    /// The next request of a topic, `answers` being the bodies so far; `None` when they are all.
    /// An answer that names the next page may be refused here.
    pub fn next(
        &self,
        topic: Topic<'_>,
        answers: &[Vec<u8>],
        pass: &Pass,
    ) -> Result<Option<Request>, Unread> {
        match self {
            // Nothing that is asked here takes a pass.
            VenueRest::Hyperliquid(rest) => Ok(rest.next(topic, answers)),
            VenueRest::Lighter(rest) => rest.next(topic, answers, pass),
        }
    }

    /// The rules of the markets, of which a venue may need its own numbers. Before them only
    /// [`Topic::Specs`] and [`Topic::Key`] can be asked everywhere.
    pub fn know(&mut self, specs: &[InstrumentSpec]) {
        match self {
            // It names markets as we do.
            VenueRest::Hyperliquid(_) => {}
            VenueRest::Lighter(rest) => rest.know(specs),
        }
    }

    pub fn view(&self, answers: &[Vec<u8>]) -> Result<VenueView, Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => rest.view(answers),
            VenueRest::Lighter(rest) => rest.view(answers),
        }
    }

    pub fn open_orders(&self, answers: &[Vec<u8>]) -> Result<Vec<OpenOrder>, Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => rest.open_orders(answers),
            VenueRest::Lighter(rest) => rest.open_orders(answers),
        }
    }

    /// How many orders rest on the markets that are traded here.
    pub fn resting(&self, answers: &[Vec<u8>]) -> Result<usize, Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => {
                let orders = rest.open_orders(answers)?;
                Ok(orders.iter().filter(|order| order.inst.is_some()).count())
            }
            VenueRest::Lighter(rest) => rest.resting(answers),
        }
    }

    /// What became of the order with this client order id.
    pub fn fate(&self, client: u128, answers: &[Vec<u8>]) -> Result<Fate, Unread> {
        match self {
            // The answer is about it alone.
            VenueRest::Hyperliquid(rest) => rest.fate(answers),
            VenueRest::Lighter(rest) => rest.fate(client, answers),
        }
    }

    /// The rules of the markets, in their order.
    pub fn specs(&self, answers: &[Vec<u8>]) -> Result<Vec<InstrumentSpec>, Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => rest.specs(answers),
            VenueRest::Lighter(rest) => rest.specs(answers),
        }
    }

    /// What the answers say of markets that are `known`, in their order.
    pub fn listings(
        &self,
        answers: &[Vec<u8>],
        known: &[InstrumentSpec],
    ) -> Result<Vec<Listing>, Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => rest.listings(answers, known),
            VenueRest::Lighter(rest) => rest.listings(answers, known),
        }
    }

    /// A price of each market, in their order; `None` where the venue has none now.
    pub fn prices(&self, answers: &[Vec<u8>]) -> Result<Vec<Option<Price>>, Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => rest.prices(answers),
            VenueRest::Lighter(rest) => rest.prices(answers),
        }
    }

    /// May `key` sign for the account at this time?
    pub fn check_key(&self, key: &str, answers: &[Vec<u8>], now_ms: u64) -> Result<(), Unread> {
        match self {
            VenueRest::Hyperliquid(rest) => rest.check_key(key, answers, now_ms),
            // Keys do not expire.
            VenueRest::Lighter(rest) => rest.check_key(key, answers),
        }
    }
}
