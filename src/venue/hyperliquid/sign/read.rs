//! Cold. An action in JSON as the value that the hot encoder writes, so that its bytes can be
//! compared with those of others.

use super::action_json::Node;
use super::wire::{Buf, Pack};
use super::{Builder, Cloid, Grouping, L1Action, OrderType, OrderWire, Target, Tpsl};
use crate::event::Tif;
use crate::units::{Price, Qty};
use crate::venue::eip712::Address;

/// An action that owns its entries.
#[derive(Clone, Debug)]
pub enum Owned {
    Order(Vec<OrderWire>, Grouping, Option<Builder>),
    Cancel(Vec<(u32, u64)>, bool),
    CancelByCloid(Vec<(u32, Cloid)>, bool),
    BatchModify(Vec<(Target, OrderWire)>, bool),
    Plain(L1Action<'static>),
}

impl Owned {
    /// Calls `f` with the action.
    pub fn with<T>(&self, f: impl FnOnce(&L1Action<'_>) -> T) -> T {
        f(&match self {
            Owned::Order(orders, grouping, builder) => {
                L1Action::Order { orders, grouping: *grouping, builder: *builder }
            }
            Owned::Cancel(cancels, fast) => L1Action::Cancel { cancels, fast: *fast },
            Owned::CancelByCloid(cancels, fast) => L1Action::CancelByCloid { cancels, fast: *fast },
            Owned::BatchModify(modifies, always_place) => {
                L1Action::BatchModify { modifies, always_place: *always_place }
            }
            Owned::Plain(action) => *action,
        })
    }

    /// `None` for a type or a grouping that the engine does not write, and for a value that is not
    /// of the documented form.
    pub fn read(node: &Node) -> Option<Owned> {
        let list = |key| Some(node.get(key)?.as_list()?.iter());
        Some(match text(node, "type")? {
            "order" => {
                let grouping = match node.get("grouping")? {
                    Node::Text(text) if text == "na" => Grouping::Na,
                    map => Grouping::Priority(uint(map, "p")?),
                };
                let builder = match node.get("builder") {
                    None => None,
                    Some(b) => Some(Builder {
                        address: Address::parse(text(b, "b")?.as_bytes())?,
                        fee: uint(b, "f")?,
                    }),
                };
                Owned::Order(list("orders")?.map(order).collect::<Option<_>>()?, grouping, builder)
            }
            "cancel" => {
                let one = |c: &Node| Some((uint(c, "a")?, c.get("o")?.as_uint()?));
                Owned::Cancel(list("cancels")?.map(one).collect::<Option<_>>()?, flag(node, "f"))
            }
            "cancelByCloid" => {
                let one = |c: &Node| Some((uint(c, "asset")?, cloid(text(c, "cloid")?)?));
                let cancels = list("cancels")?.map(one).collect::<Option<_>>()?;
                Owned::CancelByCloid(cancels, flag(node, "f"))
            }
            "batchModify" => {
                let one = |m: &Node| Some((target(m)?, order(m.get("order")?)?));
                let modifies = list("modifies")?.map(one).collect::<Option<_>>()?;
                Owned::BatchModify(modifies, flag(node, "a"))
            }
            _ => Owned::Plain(plain(node)?),
        })
    }

    /// The msgpack of the hot encoder.
    pub fn pack(&self) -> Vec<u8> {
        // An entry has at most 235 bytes (`orders::FRAME_MAX`), the rest of an action 200.
        let entries = match self {
            Owned::Order(list, ..) => list.len(),
            Owned::Cancel(list, _) => list.len(),
            Owned::CancelByCloid(list, _) => list.len(),
            Owned::BatchModify(list, _) => list.len(),
            Owned::Plain(_) => 1,
        };
        let mut room = vec![0; 256 * entries + 256];
        let mut pack = Pack(Buf::new(&mut room));
        self.with(|action| action.write(&mut pack));
        pack.0.written().unwrap_or_default().to_vec()
    }
}

fn plain(node: &Node) -> Option<L1Action<'static>> {
    Some(match text(node, "type")? {
        "modify" => L1Action::Modify {
            target: target(node)?,
            order: order(node.get("order")?)?,
            always_place: flag(node, "a"),
        },
        "scheduleCancel" => L1Action::ScheduleCancel {
            time_ms: match node.get("time") {
                None => None,
                Some(time) => Some(time.as_uint()?),
            },
        },
        "updateLeverage" => L1Action::UpdateLeverage {
            asset: uint(node, "asset")?,
            is_cross: node.get("isCross")?.as_flag()?,
            leverage: uint(node, "leverage")?,
        },
        "updateIsolatedMargin" => L1Action::UpdateIsolatedMargin {
            asset: uint(node, "asset")?,
            is_buy: node.get("isBuy")?.as_flag()?,
            amount: match node.get("ntli")? {
                Node::Int(amount) => *amount,
                amount => i64::try_from(amount.as_uint()?).ok()?,
            },
        },
        "noop" => L1Action::Noop,
        "reserveRequestWeight" => L1Action::ReserveRequestWeight { weight: uint(node, "weight")? },
        _ => return None,
    })
}

fn uint(node: &Node, key: &str) -> Option<u32> {
    u32::try_from(node.get(key)?.as_uint()?).ok()
}

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key)?.as_text()
}

fn flag(node: &Node, key: &str) -> bool {
    node.get(key).and_then(Node::as_flag) == Some(true)
}

/// `0x` and 32 hex digits.
fn cloid(text: &str) -> Option<Cloid> {
    let digits = text.strip_prefix("0x").filter(|d| d.len() == 32 && !d.starts_with('+'))?;
    u128::from_str_radix(digits, 16).ok().map(Cloid)
}

fn target(node: &Node) -> Option<Target> {
    Some(match node.get("oid")? {
        Node::Text(text) => Target::Cloid(cloid(text)?),
        oid => Target::Oid(oid.as_uint()?),
    })
}

fn order(node: &Node) -> Option<OrderWire> {
    let price = |node, key| Price::parse(text(node, key)?.as_bytes()).ok();
    let kind = node.get("t")?;
    let kind = match (kind.get("limit"), kind.get("trigger")) {
        (Some(limit), None) => OrderType::Limit(match text(limit, "tif")? {
            "Alo" => Tif::Alo,
            "Ioc" => Tif::Ioc,
            "Gtc" => Tif::Gtc,
            _ => return None,
        }),
        (None, Some(trigger)) => OrderType::Trigger {
            is_market: trigger.get("isMarket")?.as_flag()?,
            px: price(trigger, "triggerPx")?,
            tpsl: match text(trigger, "tpsl")? {
                "tp" => Tpsl::TakeProfit,
                "sl" => Tpsl::StopLoss,
                _ => return None,
            },
        },
        _ => return None,
    };
    Some(OrderWire {
        asset: uint(node, "a")?,
        is_buy: node.get("b")?.as_flag()?,
        px: price(node, "p")?,
        qty: Qty::parse(text(node, "s")?.as_bytes()).ok()?,
        reduce_only: node.get("r")?.as_flag()?,
        kind,
        cloid: match node.get("c") {
            None => None,
            Some(id) => Some(cloid(id.as_text()?)?),
        },
    })
}
