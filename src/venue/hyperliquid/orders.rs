//! Hot. Orders as signed `post` frames, and their answers.
//!
//! One call turns a slice of like [`Action`]s into the complete text of one WebSocket `post` (or
//! of the body of `/exchange`): encode, hash, sign, no allocation. Batches are of one kind because
//! the venue answers entry by entry and because it puts actions with only post-only orders before
//! those with any other.
//!
//! A client order id is the run's tag and our order number, so an order of an earlier run can never
//! be taken for one of ours, and cancels need no order id of the venue. (A modify names its order by
//! the venue's where that is known: see `oids.rs`.)

pub mod answer;

use crate::event::{Action, Event, OrderId, Tif};
use crate::instrument::InstId;
use crate::units::{Price, Qty, Side};
use crate::venue::eip712::{Address, PooledSigner, Signature};

use super::oids::Oids;
use super::sign::wire::{Both, Buf, Json, Out, Pack, key};
use super::sign::{
    self, Builder, Cloid, Grouping, L1Action, Network, NonceClock, OrderType, OrderWire, Target,
    action_hash, agent_digest,
};

/// Most entries of one action: the venue weighs an action `1 + floor(n / 40)`, so 39 entries are
/// the most that cost as much as one. (It refuses more than 200.)
pub const BATCH_MAX: usize = 39;

/// Room for the hash preimage: 39 modifies of at most 163 bytes are 6357, and 80 around them.
const PREIMAGE_MAX: usize = 6_528;

/// Room for a frame: 39 modifies of at most 235 bytes are 9165, and 450 around them. A caller's
/// buffer of this size is never too small.
pub const FRAME_MAX: usize = 9_728;

/// What follows the action in the preimage: nonce 8, vault 1 + 20, expiry 1 + 8.
const HASH_TAIL: usize = 38;

/// What follows the action in the frame: 105 bytes of keys and brackets, two numbers of 64 digits,
/// nonce and expiry of 20, an address of 44.
const ENVELOPE_MAX: usize = 320;

/// What a codec needs to know, once.
#[derive(Clone, Debug)]
pub struct CodecConfig {
    pub network: Network,
    /// The sub-account or vault that the signer acts for.
    pub vault: Option<Address>,
    /// The upper half of our client order ids: a number that differs from run to run.
    pub run_tag: u64,
    /// The venue's number of each market.
    pub assets: Vec<(InstId, u32)>,
    /// Orders (not cancels) are refused by the venue when they arrive this much later, in ms. A
    /// stale one costs five times the address's rate limit.
    pub order_ttl_ms: Option<u64>,
    /// The priority fee of IOC orders in 10^-8 of their notional.
    pub ioc_priority: Option<u32>,
    pub builder: Option<Builder>,
}

/// Which text an action becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `{"method":"post",..}` for the WebSocket.
    Post,
    /// The body of `POST /exchange`.
    Body,
}

/// What kind of entries a post carries, and so how its answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostKind {
    Place,
    /// Each entry replaces an order by another.
    Modify,
    Cancel,
    /// Not about orders of ours by number: cancels by venue id, account actions.
    Other,
}

/// What must be remembered of a post until its answer comes.
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    /// The number that the answer carries.
    pub id: u64,
    pub nonce: u64,
    pub kind: PostKind,
    /// Bytes written.
    pub len: usize,
    /// Entries in `orders`.
    pub count: usize,
    /// In the order of the answer's statuses; past `count` they mean nothing.
    pub orders: [OrderId; BATCH_MAX],
    /// For a modify, the order that each entry replaces.
    pub replaced: [OrderId; BATCH_MAX],
}

/// Why nothing was encoded. No nonce is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    Empty,
    /// More than [`BATCH_MAX`] entries.
    TooMany,
    /// Entries of different kinds or times in force.
    Mixed,
    UnknownInstrument,
    /// A price or size that is not positive.
    Value,
    /// A modify to an IOC: it needs `always_place`, which would place the new order even when the
    /// old one had just been filled.
    IocModify,
    /// An action that is not sent as one: the caller expands `CancelAll`, asks for `Query`.
    NotAnOrder,
    /// The caller's buffer is too small.
    Full,
}

impl EncodeError {
    /// Stable name for counters.
    pub fn name(self) -> &'static str {
        match self {
            EncodeError::Empty => "empty",
            EncodeError::TooMany => "too_many",
            EncodeError::Mixed => "mixed",
            EncodeError::UnknownInstrument => "unknown_instrument",
            EncodeError::Value => "value",
            EncodeError::IocModify => "ioc_modify",
            EncodeError::NotAnOrder => "not_an_order",
            EncodeError::Full => "full",
        }
    }
}

/// An instrument that is not this venue's.
const NO_ASSET: u32 = u32::MAX;

/// Encodes actions for one account. One per signer: it owns the signer's nonces.
#[derive(Debug)]
pub struct OrderCodec {
    terms: Terms,
    nonces: NonceClock,
    next_id: u64,
    preimage: Box<[u8; PREIMAGE_MAX]>,
    pub(super) oids: Oids,
}

/// What does not change from frame to frame.
#[derive(Debug)]
struct Terms {
    config: CodecConfig,
    /// By instrument.
    assets: Vec<u32>,
}

impl OrderCodec {
    pub fn new(config: CodecConfig) -> OrderCodec {
        let slots = config.assets.iter().map(|(inst, _)| usize::from(inst.0) + 1).max();
        let mut assets = vec![NO_ASSET; slots.unwrap_or(0)];
        for (inst, asset) in &config.assets {
            assets[usize::from(inst.0)] = *asset;
        }
        OrderCodec {
            terms: Terms { config, assets },
            nonces: NonceClock::default(),
            next_id: 1,
            preimage: Box::new([0; PREIMAGE_MAX]),
            oids: Oids::default(),
        }
    }

    /// Takes the venue's number of an order from what was heard of it.
    #[inline]
    pub fn heard(&mut self, event: &Event) {
        self.oids.heard(event);
    }

    /// The venue's number of a market of this session.
    pub fn asset(&self, inst: InstId) -> Option<u32> {
        let asset = *self.terms.assets.get(usize::from(inst.0))?;
        (asset != NO_ASSET).then_some(asset)
    }

    /// The client order id of an order of this run.
    #[inline]
    pub fn cloid(&self, order: OrderId) -> Cloid {
        self.terms.cloid(order)
    }

    /// The order of this run that a client order id names; `None` for another run's.
    #[inline]
    pub fn order_of(&self, cloid: Cloid) -> Option<OrderId> {
        ((cloid.0 >> 64) as u64 == self.terms.config.run_tag).then_some(OrderId(cloid.0 as u64))
    }

    /// Writes one signed frame for `actions`, all of one kind and (for orders) one time in force,
    /// into `out`. `now_ms` is the wall clock in ms since the epoch.
    #[inline]
    pub fn encode(
        &mut self,
        actions: &[Action],
        form: Form,
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        let mut posted = Posted::new(0);
        self.encode_to(&mut posted, actions, form, now_ms, signer, out)?;
        Ok(posted)
    }

    /// As [`OrderCodec::encode`], with what must be remembered written in place: it is ten cache
    /// lines, most of them empty. After an error nothing of it means anything.
    #[inline]
    pub fn encode_to(
        &mut self,
        posted: &mut Posted,
        actions: &[Action],
        form: Form,
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        if actions.len() > BATCH_MAX {
            return Err(EncodeError::TooMany);
        }
        let terms = &self.terms;
        let mut o = open(&mut self.preimage[..], out, form, self.next_id);
        posted.id = self.next_id;
        posted.count = actions.len();
        let mut expires = terms.config.order_ttl_ms.map(|ttl| now_ms + ttl);
        match actions.first() {
            Some(Action::Place { tif, .. }) => terms.places(actions, *tif, &mut o, posted)?,
            Some(Action::Modify { tif, .. }) => {
                terms.modifies(actions, *tif, &self.oids, &mut o, posted)?;
            }
            Some(Action::Cancel { .. }) => {
                expires = None;
                terms.cancels(actions, &mut o, posted)?;
            }
            Some(_) => return Err(EncodeError::NotAnOrder),
            None => return Err(EncodeError::Empty),
        }
        fits(&o)?;
        posted.nonce = self.nonces.next(now_ms);
        self.next_id += 1;
        posted.len = close(o, terms, form, posted.nonce, expires, signer)?;
        Ok(())
    }

    /// Writes one signed frame for any action: cancels of orders that are not of this run (by the
    /// venue's id), the dead man's switch, leverage, request weight.
    pub fn encode_l1(
        &mut self,
        action: &L1Action<'_>,
        form: Form,
        now_ms: u64,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        self.encode_with_nonce(action, form, Err(now_ms), signer, out)
    }

    /// Writes a `noop` with the nonce of a post whose fate is unknown: when it is accepted, that
    /// post can no longer land.
    pub fn encode_void(
        &mut self,
        nonce: u64,
        form: Form,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        self.encode_with_nonce(&L1Action::Noop, form, Ok(nonce), signer, out)
    }

    /// `nonce`: a given one, or the time in ms to take a new one at.
    fn encode_with_nonce(
        &mut self,
        action: &L1Action<'_>,
        form: Form,
        nonce: Result<u64, u64>,
        signer: &mut PooledSigner,
        out: &mut [u8],
    ) -> Result<Posted, EncodeError> {
        let mut o = open(&mut self.preimage[..], out, form, self.next_id);
        let mut posted = Posted::new(self.next_id);
        action.write(&mut o);
        fits(&o)?;
        posted.nonce = nonce.unwrap_or_else(|now_ms| self.nonces.next(now_ms));
        self.next_id += 1;
        posted.len = close(o, &self.terms, form, posted.nonce, None, signer)?;
        Ok(posted)
    }
}

impl Posted {
    pub(super) fn new(id: u64) -> Posted {
        let none = [OrderId(0); BATCH_MAX];
        let kind = PostKind::Other;
        Posted { id, nonce: 0, kind, len: 0, count: 0, orders: none, replaced: none }
    }
}

impl Terms {
    #[inline]
    fn cloid(&self, order: OrderId) -> Cloid {
        Cloid(u128::from(self.config.run_tag) << 64 | u128::from(order.0))
    }

    #[inline]
    fn asset(&self, inst: InstId) -> Result<u32, EncodeError> {
        match self.assets.get(usize::from(inst.0)) {
            Some(&asset) if asset != NO_ASSET => Ok(asset),
            _ => Err(EncodeError::UnknownInstrument),
        }
    }

    #[inline]
    fn order(
        &self,
        (inst, side): (InstId, Side),
        (px, qty): (Price, Qty),
        tif: Tif,
        reduce_only: bool,
        order: OrderId,
    ) -> Result<OrderWire, EncodeError> {
        if px.0 <= 0 || qty.0 <= 0 {
            return Err(EncodeError::Value);
        }
        Ok(OrderWire {
            asset: self.asset(inst)?,
            is_buy: side == Side::Buy,
            px,
            qty,
            reduce_only,
            kind: OrderType::Limit(tif),
            cloid: Some(self.cloid(order)),
        })
    }

    #[inline]
    fn places(
        &self,
        actions: &[Action],
        of: Tif,
        o: &mut Both<'_>,
        posted: &mut Posted,
    ) -> Result<(), EncodeError> {
        posted.kind = PostKind::Place;
        let builder = self.config.builder;
        sign::open_orders(o, actions.len(), builder.is_some());
        for (action, slot) in actions.iter().zip(&mut posted.orders) {
            let Action::Place { inst, side, tif, reduce_only, order, px, qty, .. } = *action else {
                return Err(EncodeError::Mixed);
            };
            if tif != of {
                return Err(EncodeError::Mixed);
            }
            *slot = order;
            o.item();
            sign::order(o, &self.order((inst, side), (px, qty), tif, reduce_only, order)?);
        }
        let grouping = match self.config.ioc_priority {
            Some(fee) if of == Tif::Ioc => Grouping::Priority(fee),
            _ => Grouping::Na,
        };
        sign::close_orders(o, grouping, builder);
        Ok(())
    }

    /// Always a `batchModify`: a single `modify` answers without the new order's id.
    #[inline]
    fn modifies(
        &self,
        actions: &[Action],
        of: Tif,
        oids: &Oids,
        o: &mut Both<'_>,
        posted: &mut Posted,
    ) -> Result<(), EncodeError> {
        if of == Tif::Ioc {
            return Err(EncodeError::IocModify);
        }
        posted.kind = PostKind::Modify;
        sign::open_list(o, "batchModify", key!("modifies"), actions.len(), false);
        for (i, action) in actions.iter().enumerate() {
            let Action::Modify { inst, side, tif, order, old, px, qty, .. } = *action else {
                return Err(EncodeError::Mixed);
            };
            if tif != of {
                return Err(EncodeError::Mixed);
            }
            posted.orders[i] = order;
            posted.replaced[i] = old;
            o.item();
            let wire = self.order((inst, side), (px, qty), tif, false, order)?;
            let target = oids.get(old).map_or_else(|| Target::Cloid(self.cloid(old)), Target::Oid);
            sign::modify(o, target, &wire);
        }
        sign::close_list(o, None);
        Ok(())
    }

    /// With the fast flag: without it a cancel has no priority in the mempool.
    #[inline]
    fn cancels(
        &self,
        actions: &[Action],
        o: &mut Both<'_>,
        posted: &mut Posted,
    ) -> Result<(), EncodeError> {
        posted.kind = PostKind::Cancel;
        sign::open_list(o, "cancelByCloid", key!("cancels"), actions.len(), true);
        for (action, slot) in actions.iter().zip(&mut posted.orders) {
            let Action::Cancel { inst, order, .. } = *action else {
                return Err(EncodeError::Mixed);
            };
            *slot = order;
            o.item();
            sign::cancel_by_cloid(o, self.asset(inst)?, self.cloid(order));
        }
        sign::close_list(o, Some(key!("f")));
        Ok(())
    }
}

/// Begins a frame, up to where the action goes.
#[inline]
fn open<'a>(preimage: &'a mut [u8], out: &'a mut [u8], form: Form, id: u64) -> Both<'a> {
    let mut buf = Buf::new(out);
    if form == Form::Post {
        buf.put(b"{\"method\":\"post\",\"id\":");
        buf.decimal(id);
        buf.put(b",\"request\":{\"type\":\"action\",\"payload\":");
    }
    buf.put(b"{\"action\":");
    Both { pack: Pack(Buf::new(preimage)), json: Json::new(buf) }
}

/// Whether the action fitted and what follows it will: asked before a nonce is used up.
#[inline]
fn fits(o: &Both<'_>) -> Result<(), EncodeError> {
    let room = o.pack.0.has_room(HASH_TAIL) && o.json.buf.has_room(ENVELOPE_MAX);
    room.then_some(()).ok_or(EncodeError::Full)
}

/// Hashes, signs and ends a frame; the bytes written.
#[inline]
fn close(
    o: Both<'_>,
    terms: &Terms,
    form: Form,
    nonce: u64,
    expires: Option<u64>,
    signer: &mut PooledSigner,
) -> Result<usize, EncodeError> {
    let Both { pack: Pack(mut packed), json: Json { mut buf, .. } } = o;
    let vault = terms.config.vault.as_ref();
    let id = action_hash(&mut packed, nonce, vault, expires).ok_or(EncodeError::Full)?;
    let signature = signer.sign(&agent_digest(terms.config.network, &id));
    envelope(&mut buf, nonce, &signature, vault, expires);
    if form == Form::Post {
        buf.put(b"}}");
    }
    buf.written().map(<[u8]>::len).ok_or(EncodeError::Full)
}

/// What follows the action.
#[inline]
fn envelope(
    buf: &mut Buf<'_>,
    nonce: u64,
    signature: &Signature,
    vault: Option<&Address>,
    expires: Option<u64>,
) {
    buf.put(b",\"nonce\":");
    buf.decimal(nonce);
    buf.put(b",\"signature\":{\"r\":\"0x");
    buf.hex(&signature.r);
    buf.put(b"\",\"s\":\"0x");
    buf.hex(&signature.s);
    buf.put(b"\",\"v\":");
    buf.decimal(signature.v.into());
    buf.put(b"},\"vaultAddress\":");
    match vault {
        None => buf.put(b"null"),
        Some(address) => {
            buf.byte(b'"');
            buf.put(&address.text());
            buf.byte(b'"');
        }
    }
    buf.put(b",\"expiresAfter\":");
    match expires {
        None => buf.put(b"null"),
        Some(time) => buf.decimal(time),
    }
    buf.byte(b'}');
}

#[cfg(test)]
mod tests;
