//! Hot. L1 action signing: msgpack by hand, action hash, nonces.
//!
//! What is signed is `keccak256(msgpack(action) || nonce || vault || expiry)` as the connection id
//! of a "phantom agent", an EIP-712 struct under a domain that never changes (chain id 1337 on
//! both networks). So of an order's three hashes the first depends on the order and the other two
//! start from constants; an order with a cloid is 124 bytes, one Keccak block.
//!
//! Source: the venue's documentation of `/exchange` and its Python SDK 0.24.0, whose bytes
//! `tests/signing.rs` compares. Key order is part of the hash: `type` first, then as written here.

pub mod action_json;
pub mod read;
pub mod wire;

use crate::event::Tif;
use crate::units::{Price, Qty, TEXT_MAX, write_raw};
use crate::venue::eip712::{Address, digest, keccak256, write_hex};

use wire::{Buf, Key, Out, key};

pub use crate::venue::build::Network;

/// A client order id: 128 bits, on the wire `0x` and 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cloid(pub u128);

impl Cloid {
    #[inline]
    pub fn text(self) -> [u8; 34] {
        let mut text = [0; 34];
        text[..2].copy_from_slice(b"0x");
        write_hex(&self.0.to_be_bytes(), &mut text[2..]);
        text
    }
}

/// Which order a modify replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Oid(u64),
    Cloid(Cloid),
}

/// Take profit or stop loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tpsl {
    TakeProfit,
    StopLoss,
}

/// How an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderType {
    Limit(Tif),
    Trigger { is_market: bool, px: Price, tpsl: Tpsl },
}

/// An order as the venue writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderWire {
    pub asset: u32,
    pub is_buy: bool,
    pub px: Price,
    pub qty: Qty,
    pub reduce_only: bool,
    pub kind: OrderType,
    pub cloid: Option<Cloid>,
}

/// What the orders of one action have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    Na,
    /// An order priority fee of `n` 10^-8 of the notional.
    Priority(u32),
}

/// A builder and its fee in tenths of a basis point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builder {
    pub address: Address,
    pub fee: u32,
}

/// An action that an agent may sign. Flags that are false (`fast`, `always_place`) are left out:
/// the venue refuses their explicit false.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1Action<'a> {
    Order {
        orders: &'a [OrderWire],
        grouping: Grouping,
        builder: Option<Builder>,
    },
    /// By asset and the venue's order id.
    Cancel {
        cancels: &'a [(u32, u64)],
        fast: bool,
    },
    CancelByCloid {
        cancels: &'a [(u32, Cloid)],
        fast: bool,
    },
    Modify {
        target: Target,
        order: OrderWire,
        always_place: bool,
    },
    BatchModify {
        modifies: &'a [(Target, OrderWire)],
        always_place: bool,
    },
    /// The dead man's switch: cancels everything at `time_ms`; `None` disarms it.
    ScheduleCancel {
        time_ms: Option<u64>,
    },
    UpdateLeverage {
        asset: u32,
        is_cross: bool,
        leverage: u32,
    },
    /// `amount` in 10^-6 of the collateral; negative takes margin away.
    UpdateIsolatedMargin {
        asset: u32,
        is_buy: bool,
        amount: i64,
    },
    /// Burns a nonce: an action in flight with the same one can no longer land.
    Noop,
    ReserveRequestWeight {
        weight: u32,
    },
}

impl L1Action<'_> {
    /// Writes the action in the venue's key order.
    pub fn write<O: Out>(&self, o: &mut O) {
        match *self {
            L1Action::Order { orders, grouping, builder } => {
                open_orders(o, orders.len(), builder.is_some());
                for wire in orders {
                    o.item();
                    order(o, wire);
                }
                close_orders(o, grouping, builder);
            }
            L1Action::Cancel { cancels, fast } => {
                open_list(o, "cancel", key!("cancels"), cancels.len(), fast);
                for &(asset, oid) in cancels {
                    o.item();
                    cancel(o, asset, oid);
                }
                close_list(o, fast.then_some(key!("f")));
            }
            L1Action::CancelByCloid { cancels, fast } => {
                open_list(o, "cancelByCloid", key!("cancels"), cancels.len(), fast);
                for &(asset, cloid) in cancels {
                    o.item();
                    cancel_by_cloid(o, asset, cloid);
                }
                close_list(o, fast.then_some(key!("f")));
            }
            L1Action::Modify { target, order: wire, always_place } => {
                o.map(3 + usize::from(always_place));
                kind(o, "modify");
                modify_fields(o, target, &wire);
                close_flagged(o, always_place.then_some(key!("a")));
            }
            L1Action::BatchModify { modifies, always_place } => {
                open_list(o, "batchModify", key!("modifies"), modifies.len(), always_place);
                for (target, wire) in modifies {
                    o.item();
                    modify(o, *target, wire);
                }
                close_list(o, always_place.then_some(key!("a")));
            }
            _ => self.write_account(o),
        }
    }

    /// The actions that concern no order.
    fn write_account<O: Out>(&self, o: &mut O) {
        let uint = |o: &mut O, key, value: u64| {
            o.key(key);
            o.uint(value);
        };
        match *self {
            L1Action::ScheduleCancel { time_ms } => {
                o.map(1 + usize::from(time_ms.is_some()));
                kind(o, "scheduleCancel");
                if let Some(time) = time_ms {
                    uint(o, key!("time"), time);
                }
            }
            L1Action::UpdateLeverage { asset, is_cross, leverage } => {
                o.map(4);
                kind(o, "updateLeverage");
                uint(o, key!("asset"), asset.into());
                o.key(key!("isCross"));
                o.flag(is_cross);
                uint(o, key!("leverage"), leverage.into());
            }
            L1Action::UpdateIsolatedMargin { asset, is_buy, amount } => {
                o.map(4);
                kind(o, "updateIsolatedMargin");
                uint(o, key!("asset"), asset.into());
                o.key(key!("isBuy"));
                o.flag(is_buy);
                o.key(key!("ntli"));
                o.int(amount);
            }
            L1Action::ReserveRequestWeight { weight } => {
                o.map(2);
                kind(o, "reserveRequestWeight");
                uint(o, key!("weight"), weight.into());
            }
            // Everything else was written by the caller.
            _ => {
                o.map(1);
                kind(o, "noop");
            }
        }
        o.end_map();
    }
}

#[inline(always)]
fn kind<O: Out>(o: &mut O, name: &'static str) {
    o.key(key!("type"));
    o.text(name.as_bytes());
}

/// `type`, then a list, then perhaps one flag.
#[inline(always)]
pub fn open_list<O: Out>(o: &mut O, name: &'static str, list: Key, len: usize, flag: bool) {
    o.map(2 + usize::from(flag));
    kind(o, name);
    o.key(list);
    o.list(len);
}

#[inline(always)]
pub fn close_list<O: Out>(o: &mut O, flag: Option<Key>) {
    o.end_list();
    close_flagged(o, flag);
}

#[inline(always)]
fn close_flagged<O: Out>(o: &mut O, flag: Option<Key>) {
    if let Some(key) = flag {
        o.key(key);
        o.flag(true);
    }
    o.end_map();
}

#[inline(always)]
pub fn open_orders<O: Out>(o: &mut O, len: usize, has_builder: bool) {
    o.map(3 + usize::from(has_builder));
    kind(o, "order");
    o.key(key!("orders"));
    o.list(len);
}

#[inline(always)]
pub fn close_orders<O: Out>(o: &mut O, grouping: Grouping, builder: Option<Builder>) {
    o.end_list();
    o.key(key!("grouping"));
    match grouping {
        Grouping::Na => o.text(b"na"),
        Grouping::Priority(fee) => {
            o.map(1);
            o.key(key!("p"));
            o.uint(fee.into());
            o.end_map();
        }
    }
    if let Some(builder) = builder {
        o.key(key!("builder"));
        o.map(2);
        o.key(key!("b"));
        o.text(&builder.address.text());
        o.key(key!("f"));
        o.uint(builder.fee.into());
        o.end_map();
    }
    o.end_map();
}

#[inline(always)]
fn decimal<O: Out>(o: &mut O, raw: i64) {
    let mut text = [0; TEXT_MAX];
    let len = write_raw(raw, &mut text);
    o.short(&text, len);
}

/// One order. The caller has seen that price and size are positive.
#[inline(always)]
pub fn order<O: Out>(o: &mut O, wire: &OrderWire) {
    o.map(6 + usize::from(wire.cloid.is_some()));
    o.key(key!("a"));
    o.uint(wire.asset.into());
    o.key(key!("b"));
    o.flag(wire.is_buy);
    o.key(key!("p"));
    decimal(o, wire.px.0);
    o.key(key!("s"));
    decimal(o, wire.qty.0);
    o.key(key!("r"));
    o.flag(wire.reduce_only);
    o.key(key!("t"));
    o.map(1);
    match wire.kind {
        OrderType::Limit(tif) => {
            o.key(key!("limit"));
            o.map(1);
            o.key(key!("tif"));
            o.text(match tif {
                Tif::Alo => b"Alo",
                Tif::Ioc => b"Ioc",
                Tif::Gtc => b"Gtc",
            });
            o.end_map();
        }
        OrderType::Trigger { is_market, px, tpsl } => trigger(o, is_market, px, tpsl),
    }
    o.end_map();
    if let Some(cloid) = wire.cloid {
        o.key(key!("c"));
        o.text(&cloid.text());
    }
    o.end_map();
}

#[cold]
fn trigger<O: Out>(o: &mut O, is_market: bool, px: Price, tpsl: Tpsl) {
    o.key(key!("trigger"));
    o.map(3);
    o.key(key!("isMarket"));
    o.flag(is_market);
    o.key(key!("triggerPx"));
    decimal(o, px.0);
    o.key(key!("tpsl"));
    o.text(match tpsl {
        Tpsl::TakeProfit => b"tp",
        Tpsl::StopLoss => b"sl",
    });
    o.end_map();
}

#[inline(always)]
pub fn modify<O: Out>(o: &mut O, target: Target, wire: &OrderWire) {
    o.map(2);
    modify_fields(o, target, wire);
    o.end_map();
}

#[inline(always)]
fn modify_fields<O: Out>(o: &mut O, target: Target, wire: &OrderWire) {
    o.key(key!("oid"));
    match target {
        Target::Oid(oid) => o.uint(oid),
        Target::Cloid(cloid) => o.text(&cloid.text()),
    }
    o.key(key!("order"));
    order(o, wire);
}

#[inline(always)]
pub fn cancel<O: Out>(o: &mut O, asset: u32, oid: u64) {
    o.map(2);
    o.key(key!("a"));
    o.uint(asset.into());
    o.key(key!("o"));
    o.uint(oid);
    o.end_map();
}

#[inline(always)]
pub fn cancel_by_cloid<O: Out>(o: &mut O, asset: u32, cloid: Cloid) {
    o.map(2);
    o.key(key!("asset"));
    o.uint(asset.into());
    o.key(key!("cloid"));
    o.text(&cloid.text());
    o.end_map();
}

/// Appends what the hash takes after the action, and hashes: the connection id. `None` when the
/// buffer is too small (it needs 38 bytes at most).
#[inline]
pub fn action_hash(
    packed: &mut Buf<'_>,
    nonce: u64,
    vault: Option<&Address>,
    expires_after: Option<u64>,
) -> Option<[u8; 32]> {
    packed.put(&nonce.to_be_bytes());
    match vault {
        None => packed.byte(0),
        Some(address) => {
            packed.byte(1);
            packed.put(&address.0);
        }
    }
    if let Some(time) = expires_after {
        packed.byte(0);
        packed.put(&time.to_be_bytes());
    }
    packed.written().map(keccak256)
}

/// The separator of domain `Exchange`, version 1, chain 1337, contract zero.
const DOMAIN: [u8; 32] = hex("d79297fcdf2ffcd4ae223d01edaa2ba214ff8f401d7c9300d995d17c82aa4040");
/// The hash of `Agent(string source,bytes32 connectionId)`.
const AGENT: [u8; 32] = hex("26f05c2f7239b6983075e58321292d77b3aa173d19b27257ac96ab362570f508");
/// The hash of `a`, the source on mainnet.
const MAINNET: [u8; 32] = hex("3ac225168df54212a25c1c01fd35bebfea408fdac2e31ddd6f80a4bbf9a5f1cb");
/// The hash of `b`, the source on testnet.
const TESTNET: [u8; 32] = hex("b5553de315e0edf504d9150af82dafa5c4667fa618ed0a6f19c69b41166c5510");

const fn hex(text: &str) -> [u8; 32] {
    const fn digit(byte: u8) -> u8 {
        if byte <= b'9' { byte - b'0' } else { byte - b'a' + 10 }
    }
    let (text, mut out, mut i) = (text.as_bytes(), [0; 32], 0);
    while i < 32 {
        out[i] = digit(text[2 * i]) << 4 | digit(text[2 * i + 1]);
        i += 1;
    }
    out
}

/// The 32 bytes that are signed for a connection id.
#[inline]
pub fn agent_digest(network: Network, connection_id: &[u8; 32]) -> [u8; 32] {
    let mut message = [0; 96];
    message[..32].copy_from_slice(&AGENT);
    message[32..64].copy_from_slice(match network {
        Network::Mainnet => &MAINNET,
        Network::Testnet => &TESTNET,
    });
    message[64..].copy_from_slice(connection_id);
    digest(&DOMAIN, &keccak256(&message))
}

/// The nonces of one signer: milliseconds of the wall clock, one more than the last where the
/// clock stood still or went back. The venue keeps the 100 highest of a signer and takes new ones
/// within (-2 days, +1 day) of its own time, so 1000 actions per second would not outrun it in a
/// session, and order of arrival does not matter within the window.
#[derive(Clone, Copy, Debug, Default)]
pub struct NonceClock {
    last: u64,
}

impl NonceClock {
    #[inline]
    pub fn next(&mut self, now_ms: u64) -> u64 {
        self.last = now_ms.max(self.last + 1);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::eip712::domain_separator;

    #[test]
    fn constants_follow_from_their_definitions() {
        assert_eq!(DOMAIN, domain_separator("Exchange", "1", 1337, &Address([0; 20])));
        assert_eq!(AGENT, keccak256(b"Agent(string source,bytes32 connectionId)"));
        assert_eq!(MAINNET, keccak256(b"a"));
        assert_eq!(TESTNET, keccak256(b"b"));
    }

    #[test]
    fn nonces_rise_when_the_clock_does_not() {
        let mut clock = NonceClock::default();
        let times = [1000, 1000, 1000, 999, 0, 1002, 1010, 5, 2000];
        let nonces = times.map(|now| clock.next(now));
        assert_eq!(nonces, [1000, 1001, 1002, 1003, 1004, 1005, 1010, 1011, 2000]);
    }
}
