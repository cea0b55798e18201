//! Hot. The venue's transactions: what may be in them, their hash, their signature.
//!
//! hash = H5(chain, type, nonce, expiry, account, API key, then the type's own fields), each number
//! one element of the field. Attributes that differ from their default are hashed as four pairs of
//! number and value, and the result is H5(hash || that). [`Tx::sign`] checks everything that the
//! venue's own signer checks and refuses by name; `wire` writes the text.
//!
//! Sources: elliottech/lighter-go (Apache-2.0), types/txtypes; lighter-sdk 1.1.8 for order versions.
//! `tests/lighter_signing.rs` compares the hashes of the official signer.

mod refused;
pub mod wire;

pub use refused::TxRefused;

use super::crypto::goldilocks::Gf;
use super::crypto::pool::PooledSigner;
use super::crypto::poseidon2::{hash, hash_to_quintic};
use super::crypto::quintic::Gf5;
use super::crypto::schnorr::{PublicKey, Signature};

/// Largest client order index, and largest size: 2^48 - 1.
pub const INDEX_MAX: u64 = (1 << 48) - 1;

/// Largest order index of the venue. Its own begin above [`INDEX_MAX`].
pub const VENUE_INDEX_MAX: u64 = (1 << 60) - 1;

/// Sub-accounts count down from here.
pub const ACCOUNT_MAX: u64 = (1 << 48) - 2;

/// API keys are 0 to 254; 255 means all or none.
pub const API_KEY_MAX: u8 = 254;

/// No market: "all" in a cancel.
pub const NO_MARKET: u32 = 255;

/// Largest time of a transaction, ms.
const TIME_MAX: u64 = (1 << 48) - 1;

/// Fees and margin amounts: 10^-6 of the notional, and 2^60 - 1 units of 10^-6 USDC.
const FEE_MAX: u32 = 1_000_000;
const USDC_MAX: u64 = (1 << 60) - 1;

/// Margin fractions are in 10^-4.
const MARGIN_FRACTION_MAX: u16 = 10_000;

/// Orders of one group.
pub const GROUP_MAX: usize = 3;

/// Attributes of one transaction.
const ATTRIBUTES_MAX: usize = 4;

/// Who sends, and to which chain. A hash for another chain is another hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// 304 mainnet, 300 testnet.
    pub chain_id: u32,
    pub account: u64,
    pub api_key: u8,
}

/// What every transaction has besides its own fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub nonce: u64,
    /// The venue does not take it later than this, ms since the epoch.
    pub expires_ms: u64,
    pub attributes: Attributes,
}

/// Options of a transaction. What has its default is neither sent nor hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub integrator: u64,
    /// In 10^-6.
    pub integrator_taker_fee: u32,
    pub integrator_maker_fee: u32,
    /// Any nonce above the last is good, not only the next.
    pub skip_nonce: bool,
    /// The one market of an immediate cancel-all.
    pub cancel_all_market: Option<u32>,
    pub self_trade: SelfTrade,
    /// Orders of the same master account count as our own, not only the same account's.
    pub same_master: bool,
    /// A modify is applied only to an order of a lower version.
    pub order_version: u64,
}

/// What happens when we would trade with ourselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfTrade {
    #[default]
    ExpireMaker = 0,
    ExpireTaker = 1,
    CancelBoth = 2,
    Reduce = 3,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderKind {
    Limit = 0,
    Market = 1,
    StopLoss = 2,
    StopLossLimit = 3,
    TakeProfit = 4,
    TakeProfitLimit = 5,
    Twap = 6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum TimeInForce {
    Ioc = 0,
    /// Good till time: rests until its expiry.
    Gtt = 1,
    PostOnly = 2,
}

/// An order in the market's integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub market: u32,
    /// Zero: none.
    pub client_index: u64,
    pub base: u64,
    /// For a market or IOC order the worst acceptable one.
    pub price: u32,
    pub is_ask: bool,
    pub kind: OrderKind,
    pub tif: TimeInForce,
    pub reduce_only: bool,
    /// Zero: none.
    pub trigger_price: u32,
    /// ms since the epoch; zero for what does not rest.
    pub expiry_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum MarginMode {
    Cross = 0,
    Isolated = 1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAll {
    /// Of every market, or of the attribute's.
    Immediate,
    /// At a time in ms: the dead man's switch.
    Scheduled(u64),
    /// Disarms it.
    Abort,
}

/// How the orders of a group depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Grouping {
    OneTriggersOther = 1,
    OneCancelsOther = 2,
    OneTriggersPair = 3,
}

/// A transaction's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tx<'a> {
    CreateOrder(Order),
    /// By client index or by the venue's.
    CancelOrder {
        market: u32,
        index: u64,
    },
    CancelAll(CancelAll),
    /// Replaces size, price and trigger; the order keeps its indices.
    ModifyOrder {
        market: u32,
        index: u64,
        base: u64,
        price: u32,
        trigger_price: u32,
    },
    UpdateLeverage {
        market: u32,
        /// In 10^-4: 500 is 20 x.
        initial_margin_fraction: u16,
        mode: MarginMode,
    },
    /// Moves margin of an isolated position, in 10^-6 USDC.
    UpdateMargin {
        market: u32,
        usdc: u64,
        add: bool,
    },
    CreateGroupedOrders {
        grouping: Grouping,
        orders: &'a [Order],
    },
    CreateSubAccount,
    /// Registers a key, signed with that key. Needs the owner's Ethereum signature beside it.
    ChangePubKey {
        public: PublicKey,
    },
}

/// What a signed transaction adds to its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The hash under which the venue will report it.
    pub hash: Gf5,
    pub signature: Signature,
}

/// Is a market one of spot? They have no position to reduce and no triggers.
#[inline]
fn is_spot(market: u32) -> bool {
    (2048..=4094).contains(&market)
}

#[inline]
fn require(holds: bool, refused: TxRefused) -> Result<(), TxRefused> {
    if holds { Ok(()) } else { Err(refused) }
}

#[inline]
fn check_market(market: u32) -> Result<(), TxRefused> {
    require(market != NO_MARKET, TxRefused::Market)
}

/// Of both kinds of index zero is none.
#[inline]
fn check_index(index: u64) -> Result<(), TxRefused> {
    require((1..=VENUE_INDEX_MAX).contains(&index), TxRefused::OrderIndex)
}

/// [`hash_attributes`] of the mark SkipNonce alone, which every order of a session may have: a
/// permutation less in each. A test makes it anew.
const SKIP_NONCE_HASH: [Gf; 5] = [
    Gf::new(17_428_108_783_901_960_683),
    Gf::new(9_881_969_333_306_583_742),
    Gf::new(15_081_316_116_031_276_418),
    Gf::new(4_943_051_268_547_759_080),
    Gf::new(15_527_769_797_742_739_013),
];

/// The hash of the attributes that are not the default, which stand first in the list.
fn hash_attributes(list: &[(u8, u64); 8]) -> Gf5 {
    let mut pairs = [Gf::ZERO; 2 * ATTRIBUTES_MAX];
    for (pair, (number, value)) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(list) {
        *pair = [Gf::new((*number).into()), Gf::new(*value)];
    }
    hash_to_quintic(&pairs)
}

impl Attributes {
    /// Number and value of those that are not the default, by number.
    #[inline]
    fn list(&self) -> ([(u8, u64); 8], usize) {
        let values = [
            (1, self.integrator, 0),
            (2, self.integrator_taker_fee.into(), 0),
            (3, self.integrator_maker_fee.into(), 0),
            (4, self.skip_nonce.into(), 0),
            (5, self.cancel_all_market.unwrap_or(NO_MARKET).into(), u64::from(NO_MARKET)),
            (6, self.self_trade as u64, 0),
            (7, self.same_master.into(), 0),
            (8, self.order_version, 0),
        ];
        let mut list = [(0, 0); 8];
        let mut len = 0;
        for (number, value, default) in values {
            if value != default {
                list[len] = (number, value);
                len += 1;
            }
        }
        (list, len)
    }

    fn check(&self) -> Result<(), TxRefused> {
        require(self.integrator <= ACCOUNT_MAX, TxRefused::Integrator)?;
        let fees = self.integrator_taker_fee.max(self.integrator_maker_fee);
        require(fees <= FEE_MAX, TxRefused::IntegratorFee)?;
        require(self.cancel_all_market != Some(NO_MARKET), TxRefused::Market)?;
        require(self.order_version <= i64::MAX as u64, TxRefused::OrderVersion)?;
        require(self.list().1 <= ATTRIBUTES_MAX, TxRefused::TooManyAttributes)
    }
}

impl Order {
    /// The rules of the venue's signer. Times are not compared with a clock here.
    pub fn check(&self) -> Result<(), TxRefused> {
        check_market(self.market)?;
        require(self.client_index <= INDEX_MAX, TxRefused::ClientIndex)?;
        // Zero closes the whole position.
        let closes = self.base == 0 && self.reduce_only;
        require(closes || (1..=INDEX_MAX).contains(&self.base), TxRefused::BaseAmount)?;
        require(self.price > 0, TxRefused::Price)?;
        let spot = is_spot(self.market);
        require(!(spot && self.reduce_only), TxRefused::ReduceOnly)?;
        require(self.expiry_ms <= i64::MAX as u64, TxRefused::OrderExpiry)?;
        let (expires, triggered) = (self.expiry_ms != 0, self.trigger_price != 0);
        let rests = self.tif != TimeInForce::Ioc;
        // Kind by kind: is this time in force allowed, must it expire, must it have a trigger?
        let (tif, expiry, trigger) = match self.kind {
            OrderKind::Limit => (true, rests, false),
            OrderKind::Market => (!rests, false, false),
            OrderKind::StopLoss | OrderKind::TakeProfit => (!rests, true, true),
            OrderKind::StopLossLimit | OrderKind::TakeProfitLimit => (true, true, true),
            OrderKind::Twap => (self.tif == TimeInForce::Gtt, true, false),
        };
        require(!(spot && trigger), TxRefused::SpotTrigger)?;
        require(tif, TxRefused::TimeInForce)?;
        require(expires == expiry, TxRefused::OrderExpiry)?;
        require(triggered == trigger, TxRefused::TriggerPrice)
    }

    /// The ten fields, in the order of the hash.
    #[inline]
    fn elements(&self) -> [Gf; 10] {
        [
            self.market.into(),
            self.client_index,
            self.base,
            self.price.into(),
            self.is_ask.into(),
            self.kind as u64,
            self.tif as u64,
            self.reduce_only.into(),
            self.trigger_price.into(),
            self.expiry_ms,
        ]
        .map(Gf::new)
    }
}

impl CancelAll {
    /// Time in force and time.
    #[inline]
    fn numbers(self) -> (u64, u64) {
        match self {
            CancelAll::Immediate => (0, 0),
            CancelAll::Scheduled(at_ms) => (1, at_ms),
            CancelAll::Abort => (2, 0),
        }
    }
}

impl Tx<'_> {
    /// The venue's number of the type.
    #[inline]
    pub fn kind(&self) -> u8 {
        match self {
            Tx::ChangePubKey { .. } => 8,
            Tx::CreateSubAccount => 9,
            Tx::CreateOrder(_) => 14,
            Tx::CancelOrder { .. } => 15,
            Tx::CancelAll(_) => 16,
            Tx::ModifyOrder { .. } => 17,
            Tx::UpdateLeverage { .. } => 20,
            Tx::CreateGroupedOrders { .. } => 28,
            Tx::UpdateMargin { .. } => 29,
        }
    }

    /// Whether the venue's own signer would sign this.
    pub fn check(&self, sender: &Sender, header: &Header) -> Result<(), TxRefused> {
        require(sender.account <= ACCOUNT_MAX, TxRefused::Account)?;
        require(sender.api_key <= API_KEY_MAX, TxRefused::ApiKey)?;
        require(header.nonce <= i64::MAX as u64, TxRefused::Nonce)?;
        require(header.expires_ms <= TIME_MAX, TxRefused::ExpiredAt)?;
        header.attributes.check()?;
        let one_market = header.attributes.cancel_all_market.is_some();
        let may_have_one = matches!(self, Tx::CancelAll(CancelAll::Immediate));
        require(!one_market || may_have_one, TxRefused::CancelAllMarket)?;
        match *self {
            Tx::CreateOrder(ref order) => order.check(),
            Tx::CancelOrder { market, index } => {
                check_market(market)?;
                check_index(index)
            }
            Tx::CancelAll(CancelAll::Scheduled(at_ms)) => {
                require((1..=i64::MAX as u64).contains(&at_ms), TxRefused::CancelAllTime)
            }
            Tx::ModifyOrder { market, index, base, price, .. } => {
                check_market(market)?;
                check_index(index)?;
                require(base <= INDEX_MAX, TxRefused::BaseAmount)?;
                require(price > 0, TxRefused::Price)
            }
            Tx::UpdateLeverage { market, initial_margin_fraction, .. } => {
                check_market(market)?;
                let legal = (1..=MARGIN_FRACTION_MAX).contains(&initial_margin_fraction);
                require(legal, TxRefused::MarginFraction)
            }
            Tx::UpdateMargin { market, usdc, .. } => {
                require(market != NO_MARKET && !is_spot(market), TxRefused::Market)?;
                require((1..=USDC_MAX).contains(&usdc), TxRefused::Usdc)
            }
            Tx::CreateGroupedOrders { grouping, orders } => check_group(grouping, orders),
            Tx::CancelAll(_) | Tx::CreateSubAccount | Tx::ChangePubKey { .. } => Ok(()),
        }
    }

    /// The hash of a transaction that passed [`Tx::check`].
    #[inline]
    pub fn hash(&self, sender: &Sender, header: &Header) -> Gf5 {
        let mut list = [Gf::ZERO; 16];
        let common = [
            sender.chain_id.into(),
            self.kind().into(),
            header.nonce,
            header.expires_ms,
            sender.account,
            sender.api_key.into(),
        ];
        list[..6].copy_from_slice(&common.map(Gf::new));
        let own = self.elements(&mut list[6..]);
        let hash = hash_to_quintic(&list[..6 + own]);
        let (attributes, len) = header.attributes.list();
        if len == 0 {
            return hash;
        }
        let mut both = [Gf::ZERO; 10];
        both[..5].copy_from_slice(&hash.0);
        both[5..].copy_from_slice(&match attributes[..len] {
            [(4, 1)] => SKIP_NONCE_HASH,
            _ => hash_attributes(&attributes).0,
        });
        hash_to_quintic(&both)
    }

    /// Writes the type's own elements to `list` and returns how many they are.
    #[inline]
    fn elements(&self, list: &mut [Gf]) -> usize {
        let mut put = |elements: &[Gf]| {
            list[..elements.len()].copy_from_slice(elements);
            elements.len()
        };
        match *self {
            Tx::CreateOrder(ref order) => put(&order.elements()),
            Tx::CancelOrder { market, index } => put(&[market.into(), index].map(Gf::new)),
            Tx::CancelAll(cancel) => {
                let (tif, time) = cancel.numbers();
                put(&[tif, time].map(Gf::new))
            }
            Tx::ModifyOrder { market, index, base, price, trigger_price } => {
                put(&[market.into(), index, base, price.into(), trigger_price.into()].map(Gf::new))
            }
            Tx::UpdateLeverage { market, initial_margin_fraction, mode } => {
                put(&[market.into(), initial_margin_fraction.into(), mode as u64].map(Gf::new))
            }
            Tx::UpdateMargin { market, usdc, add } => {
                let (low, high) = (usdc & 0xffff_ffff, usdc >> 32);
                put(&[market.into(), low, high, add.into()].map(Gf::new))
            }
            Tx::CreateGroupedOrders { grouping, orders } => {
                let mut elements = [Gf::new(grouping as u64); 5];
                elements[1..].copy_from_slice(&group_hash(orders));
                put(&elements)
            }
            Tx::CreateSubAccount => 0,
            Tx::ChangePubKey { public } => put(&public.encoded().0),
        }
    }

    /// Checks, hashes and signs.
    #[inline]
    pub fn sign(
        &self,
        sender: &Sender,
        header: &Header,
        signer: &mut PooledSigner,
    ) -> Result<Signed, TxRefused> {
        self.check(sender, header)?;
        let hash = self.hash(sender, header);
        Ok(Signed { hash, signature: signer.sign(&hash) })
    }
}

/// Each order to four words, folded from the left.
fn group_hash(orders: &[Order]) -> [Gf; 4] {
    let mut all = [Gf::ZERO; 4];
    for (i, order) in orders.iter().enumerate() {
        let mut both = [Gf::ZERO; 8];
        hash(&order.elements(), &mut both[4..]);
        if i == 0 {
            all.copy_from_slice(&both[4..]);
        } else {
            both[..4].copy_from_slice(&all);
            hash(&both, &mut all);
        }
    }
    all
}

/// As many orders as the grouping has roles, one market, each order legal, each client index once.
fn check_group(grouping: Grouping, orders: &[Order]) -> Result<(), TxRefused> {
    let roles = if grouping == Grouping::OneTriggersPair { GROUP_MAX } else { 2 };
    require(orders.len() == roles, TxRefused::GroupSize)?;
    for (i, order) in orders.iter().enumerate() {
        order.check()?;
        require(!is_spot(order.market), TxRefused::Market)?;
        require(order.market == orders[0].market, TxRefused::GroupMarket)?;
        let again = |other: &Order| other.client_index == order.client_index;
        let repeated = order.client_index != 0 && orders[..i].iter().any(again);
        require(!repeated, TxRefused::GroupClientIndex)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_that_skips_nonces_has_the_hash_that_was_made_ahead() {
        let (list, len) = Attributes { skip_nonce: true, ..Attributes::default() }.list();
        assert_eq!(list[..len], [(4, 1)]);
        let made = hash_attributes(&list).0.map(Gf::to_u64);
        assert_eq!(made, SKIP_NONCE_HASH.map(Gf::to_u64));
    }
}
