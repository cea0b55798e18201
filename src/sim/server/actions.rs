//! Cold. An action of the protocol, read into requests of the exchange, and its answer.

use super::directory::Directory;
use super::info::{order_ref, parse_cloid};
use super::json::Json;
use super::wire;
use crate::event::Tif;
use crate::instrument::InstId;
use crate::sim::exchange::{NewOrder, OrderRef, Outcome, Request};
use crate::units::{Nanos, Price, Qty, Side};

/// Entries of one signed action.
pub const ENTRIES_MAX: usize = 200;
/// Least distance of a scheduled cancel.
const SCHEDULE_MIN: Nanos = Nanos::from_secs(5);

/// How an action is answered when it is not refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A list of statuses under this type.
    Statuses(&'static str),
    /// `default`, or the refusal of its only entry.
    Default,
}

/// One entry: on its way to the exchange, or refused with a text before.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    Send(Request),
    Refused(String),
}

/// A readable action.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    pub shape: Shape,
    pub slots: Vec<Slot>,
    /// It only cancels: the address limit has more room for it.
    pub cancels: bool,
}

/// Why an action goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Not of the documented form: HTTP 422, or an error frame.
    Form,
    /// Refused as a whole with this text.
    Text(String),
}

impl Action {
    /// Reads an action. `now` is the venue's time.
    pub fn parse(action: &Json, directory: &Directory, now: Nanos) -> Result<Action, Unread> {
        let kind = action.get("type").and_then(Json::str).ok_or(Unread::Form)?;
        let entries = |key: &str| {
            let list = action.get(key).and_then(Json::arr).ok_or(Unread::Form)?;
            match list.len() {
                // The text is ours: the venue's has not been seen.
                0 => Err(Unread::Text("Action has no entries.".to_owned())),
                1..=ENTRIES_MAX => Ok(list),
                _ => {
                    let text = format!("Signed action over weight limit of {ENTRIES_MAX}.");
                    Err(Unread::Text(text))
                }
            }
        };
        let all = |list: &[Json], read: &dyn Fn(&Json) -> Option<Slot>| {
            list.iter().map(read).collect::<Option<Vec<Slot>>>().ok_or(Unread::Form)
        };
        let flag = |key: &str| match action.given(key) {
            None => Ok(false),
            Some(value) => value.bool().ok_or(Unread::Form),
        };
        let statuses =
            |kind, slots, cancels| Action { shape: Shape::Statuses(kind), slots, cancels };
        let default = |slot| Action { shape: Shape::Default, slots: vec![slot], cancels: false };
        match kind {
            "order" => {
                grouping(action)?;
                let slots = all(entries("orders")?, &|order| place(order, directory))?;
                Ok(statuses("order", slots, false))
            }
            "cancel" | "cancelByCloid" => {
                flag("f")?;
                let list = entries("cancels")?;
                let by_cloid = kind == "cancelByCloid";
                let slots = all(list, &|cancel| cancel_one(cancel, by_cloid, directory))?;
                Ok(statuses("cancel", slots, true))
            }
            "batchModify" => {
                let always = flag("a")?;
                let slots = all(entries("modifies")?, &|one| modify(one, always, directory))?;
                Ok(statuses("order", slots, false))
            }
            "modify" => modify(action, flag("a")?, directory).map(default).ok_or(Unread::Form),
            "scheduleCancel" => {
                schedule(action, now).map(|slot| Action { cancels: true, ..default(slot) })
            }
            "updateLeverage" => leverage(action, directory).map(default).ok_or(Unread::Form),
            "noop" => Ok(Action { shape: Shape::Default, slots: Vec::new(), cancels: true }),
            _ => Err(Unread::Form),
        }
    }

    /// What goes to the exchange.
    pub fn requests(&self) -> Vec<Request> {
        let sent = |slot: &Slot| match slot {
            Slot::Send(request) => Some(*request),
            Slot::Refused(_) => None,
        };
        self.slots.iter().filter_map(sent).collect()
    }

    /// The answer, once the exchange has an outcome for each request.
    pub fn answer(&self, outcomes: &[Outcome]) -> String {
        let whole = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Rejected(reject) if reject.is_whole_action() => Some(reject.to_string()),
            _ => None,
        });
        if let Some(text) = whole {
            return wire::err(&text);
        }
        match self.shape {
            Shape::Statuses(kind) => {
                let mut outcomes = outcomes.iter();
                let statuses = self.slots.iter().filter_map(|slot| match slot {
                    Slot::Refused(text) => Some(wire::status_error(text)),
                    Slot::Send(_) => outcomes.next().map(wire::status),
                });
                wire::ok_statuses(kind, statuses)
            }
            Shape::Default => match (self.slots.first(), outcomes.first()) {
                (Some(Slot::Refused(text)), _) => wire::err(text),
                (_, Some(Outcome::Rejected(reject))) => wire::err(&reject.to_string()),
                _ => wire::ok_default(),
            },
        }
    }
}

/// `"na"`, the two groups of triggers, or a priority. The fee of a priority is not modelled.
fn grouping(action: &Json) -> Result<(), Unread> {
    let known = match action.get("grouping") {
        Some(Json::Str(text)) => matches!(text.as_str(), "na" | "normalTpsl" | "positionTpsl"),
        Some(group) => group.get("p").and_then(Json::uint).is_some(),
        None => false,
    };
    if known { Ok(()) } else { Err(Unread::Form) }
}

fn place(order: &Json, directory: &Directory) -> Option<Slot> {
    Some(match new_order(order, directory)? {
        Ok(order) => Slot::Send(Request::Place(order)),
        Err(text) => Slot::Refused(text),
    })
}

/// `None` for a form that is not an order; an order that no market can take has a text.
fn new_order(order: &Json, directory: &Directory) -> Option<Result<NewOrder, String>> {
    let asset = order.get("a")?.uint()?;
    let side = if order.get("b")?.bool()? { Side::Buy } else { Side::Sell };
    let px = Price::parse(order.get("p")?.str()?.as_bytes());
    let qty = Qty::parse(order.get("s")?.str()?.as_bytes());
    let reduce_only = order.get("r")?.bool()?;
    let cloid = match order.given("c") {
        None => None,
        Some(text) => Some(parse_cloid(text.str()?)?),
    };
    let kind = order.get("t")?;
    let tif = match (kind.get("limit"), kind.get("trigger")) {
        (Some(limit), None) => match limit.get("tif")?.str()? {
            "Alo" => Tif::Alo,
            "Gtc" => Tif::Gtc,
            "Ioc" | "FrontendMarket" => Tif::Ioc,
            _ => return None,
        },
        // Trigger orders are not modelled; the text is the venue's for one that cannot be.
        (None, Some(_)) => return Some(Err(format!("Invalid TP/SL price. asset={asset}"))),
        _ => return None,
    };
    let Some(inst) = inst(asset, directory) else { return Some(Err(unknown(asset))) };
    let Ok(px) = px else { return Some(Err(format!("Order has invalid price. asset={asset}"))) };
    match qty {
        Ok(qty) if qty.0 >= 0 => {
            Some(Ok(NewOrder { inst, side, px, qty, tif, reduce_only, cloid }))
        }
        _ => Some(Err(format!("Order has invalid size. asset={asset}"))),
    }
}

fn cancel_one(cancel: &Json, by_cloid: bool, directory: &Directory) -> Option<Slot> {
    let (asset, target) = if by_cloid {
        let cloid = parse_cloid(cancel.get("cloid")?.str()?)?;
        (cancel.get("asset")?.uint()?, OrderRef::Cloid(cloid))
    } else {
        (cancel.get("a")?.uint()?, OrderRef::Oid(cancel.get("o")?.uint()?))
    };
    Some(match inst(asset, directory) {
        Some(inst) => Slot::Send(Request::Cancel { inst, target }),
        None => Slot::Refused(unknown(asset)),
    })
}

fn modify(one: &Json, always_place: bool, directory: &Directory) -> Option<Slot> {
    let target = order_ref(one.get("oid")?)?;
    Some(match new_order(one.get("order")?, directory)? {
        Ok(order) => Slot::Send(Request::Modify { target, order, always_place }),
        Err(text) => Slot::Refused(text),
    })
}

fn schedule(action: &Json, now: Nanos) -> Result<Slot, Unread> {
    let at = match action.given("time") {
        None => None,
        Some(time) => {
            let ms = time.uint().ok_or(Unread::Form)?;
            Some(Nanos(ms.checked_mul(1_000_000).ok_or(Unread::Form)?))
        }
    };
    if at.is_some_and(|at| at < now.after(SCHEDULE_MIN)) {
        // The rule is documented, its text has not been seen: this one is ours.
        let text = "Scheduled cancel time must be at least 5 seconds in the future.";
        return Ok(Slot::Refused(text.to_owned()));
    }
    Ok(Slot::Send(Request::ScheduleCancel { at }))
}

fn leverage(action: &Json, directory: &Directory) -> Option<Slot> {
    let asset = action.get("asset")?.uint()?;
    action.get("isCross")?.bool()?;
    let leverage = u32::try_from(action.get("leverage")?.uint()?).unwrap_or(u32::MAX);
    Some(match inst(asset, directory) {
        Some(inst) => Slot::Send(Request::Leverage { inst, leverage }),
        None => Slot::Refused(unknown(asset)),
    })
}

fn inst(asset: u64, directory: &Directory) -> Option<InstId> {
    directory.by_asset(asset).map(|coin| coin.inst)
}

fn unknown(asset: u64) -> String {
    format!("Unknown asset. asset={asset}")
}
