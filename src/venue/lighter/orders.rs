//! Hot. Orders as signed WebSocket frames.
//!
//! One call turns a slice of [`Action`]s into the text of one `jsonapi/sendtx` frame, or for
//! several of one `jsonapi/sendtxbatch`: scale, check, hash, sign, write, no allocation. Kinds may
//! be mixed in a batch; its transactions have nonces in a row.
//!
//! * **Scales.** A market counts prices and sizes in integers of its own decimals. A value that is
//!   not a whole number of them is refused, never rounded: the quantizer rounds.
//! * **Client indices** are 16 bits of the run and 32 of the order's counter, so they are unique
//!   over all markets and an order of an earlier run is not taken for one of ours.
//! * **Expiry.** The venue answers 200 to a resting order that expires in less than five minutes
//!   and then drops it in silence; so the span is checked when the codec is made. The transaction
//!   has an expiry of its own, after which the venue no longer takes it.
//! * **Nonces** count per API key. What is not encoded uses none; what the venue refused used none
//!   either, and [`OrderCodec::resync`] sets the counter to what it says.

use crate::event::{Action, OrderId, Tif};
use crate::instrument::InstId;
use crate::units::{Price, Qty, SCALE_DECIMALS, Side};
use crate::venue::buf::Buf;

use super::crypto::pool::PooledSigner;
use super::crypto::quintic::Gf5;
use super::names::{Names, NotNamed};
use super::tx::wire::{Form, INFO_MAX, write_info};
use super::tx::{
    Attributes, CancelAll, Header, Order, OrderKind, Sender, Signed, TimeInForce, Tx, TxRefused,
};

/// Transactions of one WebSocket batch.
pub const BATCH_MAX: usize = 15;

/// Room for a frame: fifteen modifies or orders of less than 700 bytes nested, and 200 around
/// them. A caller's buffer of this size is never too small.
pub const FRAME_MAX: usize = 12_288;

/// Resting orders live from five minutes to thirty days, in ms.
pub const REST_MIN_MS: u64 = 5 * 60 * 1000;
pub const REST_MAX_MS: u64 = 30 * 24 * 3600 * 1000;

/// A scheduled cancel-all lies five minutes to fifteen days ahead, in ms.
pub const SCHEDULE_MIN_MS: u64 = 5 * 60 * 1000;
pub const SCHEDULE_MAX_MS: u64 = 15 * 24 * 3600 * 1000;

/// The counter's part of a client index.
const COUNTER_BITS: u32 = 32;

/// Nonces end here.
const NONCE_MAX: u64 = (1 << 47) - 2;

/// How one market counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    pub index: u32,
    /// At most eight, as the engine's own numbers have.
    pub price_decimals: u8,
    pub size_decimals: u8,
}

/// How nonces are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceMode {
    /// The next number each time: a transaction that is lost holds up those behind it.
    Sequential,
    /// The same numbers, marked so that each needs only to be above the last one: the refusal of a
    /// transaction leaves a hole, and those behind it on their way are taken.
    Skipping,
    /// The clock in ms, or one more than the last: each needs only to be above the last.
    Clock,
}

/// What a codec needs to know, once.
#[derive(Clone, Debug)]
pub struct CodecConfig {
    pub sender: Sender,
    /// The upper 16 bits of our client indices; differs from run to run, and is not zero.
    pub run_tag: u16,
    pub markets: Vec<(InstId, Market)>,
    /// The venue takes a transaction this long, in ms. (The official client uses 599 000.)
    pub tx_ttl_ms: u64,
    /// How long a resting order lives, in ms.
    pub rest_ms: u64,
    pub nonces: NonceMode,
}

/// Why nothing was encoded. No nonce is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    Empty,
    /// More than [`BATCH_MAX`] actions.
    TooMany,
    UnknownInstrument,
    /// A price that is not a whole number of the market's units, not positive, or above 2^32 - 1 of them.
    Price,
    /// A size that is not a whole number of the market's units, not positive, or above 2^48 - 1 of them.
    Size,
    /// More than 2^32 orders in this run.
    Counter,
    /// A modify to an IOC: a modify keeps the time in force that the order has.
    IocModify,
    /// An action that is not sent as one.
    NotAnOrder,
    /// A scheduled cancel-all nearer than five minutes or farther than fifteen days.
    Schedule,
    /// No nonce is left below 2^47 - 1.
    Nonce,
    /// The venue's signer would refuse it.
    Tx(TxRefused),
    /// The caller's buffer is too small.
    Full,
    /// The order has no client index now.
    Named(NotNamed),
}

impl EncodeError {
    /// Stable name for counters.
    pub fn name(self) -> &'static str {
        match self {
            EncodeError::Empty => "empty",
            EncodeError::TooMany => "too_many",
            EncodeError::UnknownInstrument => "unknown_instrument",
            EncodeError::Price => "price_scale",
            EncodeError::Size => "size_scale",
            EncodeError::Counter => "order_counter",
            EncodeError::IocModify => "ioc_modify",
            EncodeError::NotAnOrder => "not_an_order",
            EncodeError::Schedule => "schedule",
            EncodeError::Nonce => "nonces_used_up",
            EncodeError::Tx(refused) => refused.name(),
            EncodeError::Full => "full",
            EncodeError::Named(NotNamed::Full) => "no_client_index",
            EncodeError::Named(NotNamed::Moving) => "modify_on_its_way",
        }
    }
}

/// Why no codec was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigRefused {
    /// Orders would expire before five minutes or after thirty days.
    RestMs,
    /// Transactions would expire at once, or after 2^32 ms.
    TxTtlMs,
    /// Zero.
    RunTag,
    /// A market with more decimals than the engine's eight.
    Decimals(InstId),
}

/// What must be remembered of a frame until its answer comes.
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    /// The number that the answer carries.
    pub id: u64,
    /// The nonce of the first transaction; the others follow.
    pub nonce: u64,
    /// Bytes written.
    pub len: usize,
    /// Transactions.
    pub count: usize,
    /// The order of each; [`OrderId::EXTERNAL`] for a cancel of all.
    pub orders: [OrderId; BATCH_MAX],
    /// The hash of each, under which the venue reports it.
    pub hashes: [Gf5; BATCH_MAX],
}

/// Encodes actions for one API key. One per signer: it owns the key's nonces.
#[derive(Debug)]
pub struct OrderCodec {
    terms: Terms,
    last_nonce: Option<u64>,
    next_id: u64,
    id_step: u64,
}

/// What does not change from frame to frame.
#[derive(Debug)]
struct Terms {
    config: CodecConfig,
    /// By instrument.
    markets: Vec<Option<Market>>,
}

/// 10^-8 units in one of a market's: raw / 10^(8 - decimals), when that is exact. The match makes
/// each division one by a constant, which is a multiplication.
#[inline]
fn scaled(raw: i64, decimals: u8) -> Option<u64> {
    let raw = u64::try_from(raw).ok()?;
    let (quotient, rest) = match decimals {
        8 => (raw, 0),
        7 => (raw / 10, raw % 10),
        6 => (raw / 100, raw % 100),
        5 => (raw / 1000, raw % 1000),
        4 => (raw / 10_000, raw % 10_000),
        3 => (raw / 100_000, raw % 100_000),
        2 => (raw / 1_000_000, raw % 1_000_000),
        1 => (raw / 10_000_000, raw % 10_000_000),
        0 => (raw / 100_000_000, raw % 100_000_000),
        _ => return None,
    };
    (rest == 0).then_some(quotient)
}

impl Market {
    /// A price in the market's integers; `None` when it is none.
    #[inline]
    pub fn price(&self, px: Price) -> Option<u32> {
        let units = u32::try_from(scaled(px.0, self.price_decimals)?).ok()?;
        (units > 0).then_some(units)
    }

    /// A size in the market's integers; `None` when it is none.
    #[inline]
    pub fn size(&self, qty: Qty) -> Option<u64> {
        let units = scaled(qty.0, self.size_decimals)?;
        (1..=super::tx::INDEX_MAX).contains(&units).then_some(units)
    }
}

impl OrderCodec {
    pub fn new(config: CodecConfig) -> Result<OrderCodec, ConfigRefused> {
        if !(REST_MIN_MS..=REST_MAX_MS).contains(&config.rest_ms) {
            return Err(ConfigRefused::RestMs);
        }
        if !(1..=u64::from(u32::MAX)).contains(&config.tx_ttl_ms) {
            return Err(ConfigRefused::TxTtlMs);
        }
        if config.run_tag == 0 {
            return Err(ConfigRefused::RunTag);
        }
        let slots = config.markets.iter().map(|(inst, _)| usize::from(inst.0) + 1).max();
        let mut markets = vec![None; slots.unwrap_or(0)];
        for &(inst, market) in &config.markets {
            if u32::from(market.price_decimals.max(market.size_decimals)) > SCALE_DECIMALS {
                return Err(ConfigRefused::Decimals(inst));
            }
            markets[usize::from(inst.0)] = Some(market);
        }
        Ok(OrderCodec {
            terms: Terms { config, markets },
            last_nonce: None,
            next_id: 1,
            id_step: 1,
        })
    }

    /// Numbers of frames as one of `step` codecs that share a connection.
    pub fn with_ids(mut self, first: u64, step: u64) -> OrderCodec {
        (self.next_id, self.id_step) = (first, step);
        self
    }

    /// How a market counts; `None` for one that is not traded here.
    #[inline]
    pub fn market(&self, inst: InstId) -> Option<Market> {
        self.terms.market(inst).ok()
    }

    pub fn sender(&self) -> Sender {
        self.terms.config.sender
    }

    /// Until when the venue takes what is written at this time, ms.
    #[inline]
    pub fn expires_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add(self.terms.config.tx_ttl_ms)
    }

    /// Does the venue take nonces with holes between them?
    #[inline]
    pub fn skips(&self) -> bool {
        self.terms.config.nonces != NonceMode::Sequential
    }

    /// Is this the last nonce that was used?
    #[inline]
    pub fn is_last(&self, nonce: u64) -> bool {
        self.last_nonce == Some(nonce)
    }

    /// Sets the nonce to use next, as the venue's `nextNonce` gives it: at the start, and after a
    /// refusal for its nonce.
    pub fn resync(&mut self, next: u64) {
        self.last_nonce = next.checked_sub(1);
    }

    /// The client index of an order of this run; `None` past 2^32 orders.
    #[inline]
    pub fn client_index(&self, order: OrderId) -> Option<u64> {
        self.terms.client_index(order).ok()
    }

    /// The order of this run that a client index names, on the market with the venue's number;
    /// `None` for another run's, for orders placed by hand and for markets that are not ours.
    pub fn order_of(&self, client_index: u64, market: u32) -> Option<OrderId> {
        let config = &self.terms.config;
        if client_index >> COUNTER_BITS != u64::from(config.run_tag) {
            return None;
        }
        let (inst, _) = config.markets.iter().find(|(_, known)| known.index == market)?;
        Some(OrderId::new(client_index & ((1 << COUNTER_BITS) - 1), *inst))
    }

    /// Writes one signed frame for `actions` into `out`. `now_ms` is the wall clock in ms since the
    /// epoch.
    #[inline]
    pub fn encode(
        &mut self,
        actions: &[Action],
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        self.encode_named(actions, None, now_ms, signer, out)
    }

    /// As `encode`, for orders that may have been modified: `names` knows under which client index the
    /// venue has each, and how much of it has traded.
    #[inline]
    pub fn encode_named(
        &mut self,
        actions: &[Action],
        names: Option<&Names>,
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        if actions.len() > BATCH_MAX {
            return Err(EncodeError::TooMany);
        }
        let mut txs = [Tx::CancelAll(CancelAll::Immediate); BATCH_MAX];
        let mut orders = [OrderId::EXTERNAL; BATCH_MAX];
        for (i, action) in actions.iter().enumerate() {
            (txs[i], orders[i]) = self.terms.tx(action, names, now_ms)?;
        }
        self.write(&txs[..actions.len()], orders, now_ms, signer, out)
    }

    /// Writes one signed frame for any transaction: leverage, margin, groups, orders that are not
    /// of this run.
    pub fn encode_tx(
        &mut self,
        tx: &Tx<'_>,
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        if let Tx::CancelAll(CancelAll::Scheduled(at_ms)) = *tx {
            match at_ms.checked_sub(now_ms) {
                Some(SCHEDULE_MIN_MS..=SCHEDULE_MAX_MS) => {}
                _ => return Err(EncodeError::Schedule),
            }
        }
        self.write(&[*tx], [OrderId::EXTERNAL; BATCH_MAX], now_ms, signer, out)
    }

    /// The nonce of the first of `count` transactions, which is not used up yet.
    #[inline]
    fn first_nonce(&self, count: usize, now_ms: u64) -> Result<u64, EncodeError> {
        let next = self.last_nonce.map_or(0, |last| last + 1);
        let first = match self.terms.config.nonces {
            NonceMode::Sequential | NonceMode::Skipping => next,
            NonceMode::Clock => next.max(now_ms),
        };
        // Both are far below 2^63.
        if first > NONCE_MAX - count as u64 { Err(EncodeError::Nonce) } else { Ok(first) }
    }

    /// Checks, signs and writes; only then are nonces and number used up.
    #[inline]
    fn write(
        &mut self,
        txs: &[Tx<'_>],
        orders: [OrderId; BATCH_MAX],
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        if txs.is_empty() {
            return Err(EncodeError::Empty);
        }
        let (nonce, id) = (self.first_nonce(txs.len(), now_ms)?, self.next_id);
        let mut buf = Buf::new(out);
        if !buf.has_room(INFO_MAX.max(txs.len() * (FRAME_MAX / BATCH_MAX))) {
            return Err(EncodeError::Full);
        }
        let terms = &self.terms;
        for (i, tx) in txs.iter().enumerate() {
            let header = terms.header(nonce + i as u64, now_ms);
            tx.check(&terms.config.sender, &header).map_err(EncodeError::Tx)?;
        }
        let mut posted =
            Posted { id, nonce, len: 0, count: txs.len(), orders, hashes: [Gf5::ZERO; BATCH_MAX] };
        open(&mut buf, id, txs);
        let form = if txs.len() == 1 { Form::Plain } else { Form::Nested };
        for (i, tx) in txs.iter().enumerate() {
            let header = terms.header(nonce + i as u64, now_ms);
            let hash = tx.hash(&terms.config.sender, &header);
            let signed = Signed { hash, signature: signer.sign(&hash) };
            posted.hashes[i] = hash;
            if form == Form::Nested {
                buf.put(if i == 0 { b"\\\"" } else { b",\\\"" });
            }
            write_info(&mut buf, form, tx, &terms.config.sender, &header, &signed);
            if form == Form::Nested {
                buf.put(b"\\\"");
            }
        }
        buf.put(if form == Form::Nested { b"]\"}}" } else { b"}}" });
        posted.len = buf.written().ok_or(EncodeError::Full)?.len();
        self.last_nonce = Some(nonce + txs.len() as u64 - 1);
        self.next_id += self.id_step;
        Ok(posted)
    }
}

/// Everything before the first transaction.
#[inline]
fn open(buf: &mut Buf<'_>, id: u64, txs: &[Tx<'_>]) {
    if let [tx] = txs {
        buf.put(b"{\"type\":\"jsonapi/sendtx\",\"data\":{\"id\":\"");
        buf.decimal(id);
        buf.put(b"\",\"tx_type\":");
        buf.decimal(tx.kind().into());
        return buf.put(b",\"tx_info\":");
    }
    buf.put(b"{\"type\":\"jsonapi/sendtxbatch\",\"data\":{\"id\":\"");
    buf.decimal(id);
    buf.put(b"\",\"tx_types\":\"");
    for (i, tx) in txs.iter().enumerate() {
        buf.byte(if i == 0 { b'[' } else { b',' });
        buf.decimal(tx.kind().into());
    }
    buf.put(b"]\",\"tx_infos\":\"[");
}

impl Terms {
    #[inline]
    fn header(&self, nonce: u64, now_ms: u64) -> Header {
        let skip_nonce = self.config.nonces != NonceMode::Sequential;
        let attributes = Attributes { skip_nonce, ..Attributes::default() };
        Header { nonce, expires_ms: now_ms.saturating_add(self.config.tx_ttl_ms), attributes }
    }

    #[inline]
    fn client_index(&self, order: OrderId) -> Result<u64, EncodeError> {
        let counter = order.counter();
        if counter >> COUNTER_BITS != 0 {
            return Err(EncodeError::Counter);
        }
        Ok(u64::from(self.config.run_tag) << COUNTER_BITS | counter)
    }

    #[inline]
    fn market(&self, inst: InstId) -> Result<Market, EncodeError> {
        match self.markets.get(usize::from(inst.0)) {
            Some(Some(market)) => Ok(*market),
            _ => Err(EncodeError::UnknownInstrument),
        }
    }

    /// An action as a transaction, and the order that it is about.
    #[inline]
    fn tx(
        &self,
        action: &Action,
        names: Option<&Names>,
        now_ms: u64,
    ) -> Result<(Tx<'static>, OrderId), EncodeError> {
        match *action {
            Action::Place { inst, side, tif, reduce_only, order, px, qty, .. } => {
                let market = self.market(inst)?;
                let (tif, expiry_ms) = match tif {
                    Tif::Alo => (TimeInForce::PostOnly, now_ms.saturating_add(self.config.rest_ms)),
                    Tif::Gtc => (TimeInForce::Gtt, now_ms.saturating_add(self.config.rest_ms)),
                    Tif::Ioc => (TimeInForce::Ioc, 0),
                };
                let tx = Tx::CreateOrder(Order {
                    market: market.index,
                    client_index: self.client_index(order)?,
                    base: market.size(qty).ok_or(EncodeError::Size)?,
                    price: market.price(px).ok_or(EncodeError::Price)?,
                    is_ask: side == Side::Sell,
                    kind: OrderKind::Limit,
                    tif,
                    reduce_only,
                    trigger_price: 0,
                    expiry_ms,
                });
                Ok((tx, order))
            }
            // The order keeps its client index, so `old` is its name at the venue from here on; and it
            // keeps what has traded, which its new size therefore includes.
            Action::Modify { inst, tif, order, old, px, qty, .. } => {
                if tif == Tif::Ioc {
                    return Err(EncodeError::IocModify);
                }
                let market = self.market(inst)?;
                let (index, whole) = match names {
                    Some(names) => names.move_of(old, qty).map_err(EncodeError::Named)?,
                    None => (self.client_index(old)?, qty),
                };
                let tx = Tx::ModifyOrder {
                    market: market.index,
                    index,
                    base: market.size(whole).ok_or(EncodeError::Size)?,
                    price: market.price(px).ok_or(EncodeError::Price)?,
                    trigger_price: 0,
                };
                Ok((tx, order))
            }
            Action::Cancel { inst, order, .. } => {
                let market = self.market(inst)?.index;
                let index = match names.and_then(|names| names.client_of(order)) {
                    Some(index) => index,
                    None => self.client_index(order)?,
                };
                Ok((Tx::CancelOrder { market, index }, order))
            }
            Action::CancelAll => Ok((Tx::CancelAll(CancelAll::Immediate), OrderId::EXTERNAL)),
            Action::Query { .. }
            | Action::Resnapshot { .. }
            | Action::ReadAccount
            | Action::RefreshRules { .. }
            | Action::Prove { .. } => Err(EncodeError::NotAnOrder),
        }
    }
}

pub mod form;

#[cfg(test)]
mod tests;
