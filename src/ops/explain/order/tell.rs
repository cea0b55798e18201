//! Cold. An order's story as text and as JSON.

use serde_json::{Value, json};

use super::story::{Filled, Happened, Markout, Story};
use crate::core::CoreConfig;
use crate::event::{Component, Tif, VenueOrderState};
use crate::explain::Note;
use crate::ops::explain::walk::Walked;
use crate::ops::explain::words;
use crate::strategy::quality::HORIZONS;
use crate::units::{Bps, Nanos, Price, Qty, raw_text};

pub fn text(story: &Story, config: &CoreConfig, walked: &Walked) -> String {
    let first = walked.first;
    let symbol = words::symbol(config, story.inst);
    let reduce = if story.reduce_only { ", reduce-only" } else { "" };
    let mut lines = vec![
        format!(
            "order #{} ({}): {} {} {} {symbol} @ {}, {}{reduce}",
            story.id.counter(),
            story.id.0,
            story.component.name(),
            story.side,
            story.qty,
            story.px,
            tif(story.tif)
        ),
        format!(
            "  placed    {} ({} ns, record {})",
            words::after(first, story.placed),
            story.placed.0,
            story.record
        ),
    ];
    lines.extend(story.seen.lines().iter().map(|l| format!("  {l}")));
    why(story, config, &mut lines);
    lines.push("  risk      approved".to_owned());
    let mut rest: Vec<(Nanos, String, Option<&Filled>)> = story
        .happened
        .iter()
        .map(|(now, h)| (*now, format!("  {}", happened(h)), None))
        .chain(story.fills.iter().map(|f| (f.now, fill(f), Some(f))))
        .collect();
    rest.sort_by_key(|(now, ..)| *now);
    for (now, what, filled) in rest {
        let since = words::span(story.placed, now);
        lines.push(format!("{what}  ({}, {since} after it was placed)", words::after(first, now)));
        lines.extend(filled.map(markouts));
    }
    lines.push(format!("  end       {}", end(story)));
    lines.extend(walked.caveat.iter().map(|c| format!("note: {c}")));
    lines.join("\n")
}

fn tif(tif: Tif) -> &'static str {
    match tif {
        Tif::Alo => "post-only",
        Tif::Ioc => "immediate or cancel",
        Tif::Gtc => "good till cancelled",
    }
}

/// The quote's sum and product, or the hedger's reason.
fn why(story: &Story, config: &CoreConfig, lines: &mut Vec<String>) {
    match story.why {
        Some(Note::Quote { raised, px, qty, parts, factors, .. }) => {
            let spread = words::spread(&parts);
            let half = Bps(spread.0 / 2);
            let parts = words::parts(&parts);
            lines.push(format!("  spread    {spread} bps = {parts}"));
            let level = if px == story.px {
                String::new()
            } else {
                format!("; this is a level behind the best, {px}")
            };
            let maker = config.instruments.get(usize::from(story.inst.0)).and_then(|i| i.maker);
            let leans = story.seen.position != Qty::ZERO
                && maker.is_some_and(|p| p.skew_at_soft_cap != Bps::ZERO);
            let from = if leans { "the mid, which leans against inventory" } else { "the mid" };
            lines.push(format!("  price     {half} bps from {from}{level}"));
            if let Some(p) = maker {
                let product = factors.iter().fold(p.size, |q, f| q.permille(i64::from(*f)));
                let factors = words::factors(&factors);
                let raised = if raised { ", raised to the venue's minimum" } else { "" };
                lines.push(format!(
                    "  size      {}{factors} = {product}, held within {} and {}: {qty}{raised}",
                    p.size, p.size_min, p.size_max
                ));
            }
        }
        Some(Note::Hedge { phase, reason, inventory, residual, .. }) => {
            let (phase, reason) = (phase.name(), reason.name());
            lines.push(format!(
                "  hedge     {reason}, now {phase}; inventory {inventory}, would leave {residual}"
            ));
        }
        Some(Note::Level { level, distance, weight, floor, .. }) => {
            lines.push(format!(
                "  level     {level} of the ladder, {distance} bps from the reservation price and \
                 what guards add"
            ));
            lines.push(format!("  size      by its weight {weight}, at least {floor}"));
        }
        _ if story.component == Component::Unwind => {
            lines.push("  wanted    a stop or a kill with flatten: what there is goes".to_owned());
        }
        _ => lines.push("  wanted    no explanation was recorded with it".to_owned()),
    }
}

fn happened(happened: &Happened) -> String {
    match happened {
        Happened::Acked { resting: true, venue_oid } => format!("acked     rests as {venue_oid}"),
        Happened::Acked { resting: false, venue_oid } => {
            format!("acked     as {venue_oid}, traded at once")
        }
        Happened::CancelSent(why) => format!("cancel    sent: {why}"),
        Happened::ModifySent(order, why) => {
            format!("modify    sent: #{} takes its place, {why}", order.counter())
        }
        Happened::CancelRefused { gone: true } => "cancel    refused: it is gone".to_owned(),
        Happened::CancelRefused { gone: false } => "cancel    refused".to_owned(),
        Happened::Canceled(reason) => format!("cancelled {}", reason.name()),
        Happened::Rejected { reason, code } => format!("rejected  {}, code {code}", reason.name()),
        Happened::Unsent(reason) => format!("unsent    {}", reason.name()),
        Happened::Unknown => "unknown   no answer may come any more".to_owned(),
        Happened::Asked => "asked     what became of it".to_owned(),
        Happened::State(state) => format!("answered  it is {}", state_name(*state)),
    }
}

fn happened_json(h: &Happened) -> Value {
    match h {
        Happened::Acked { resting, venue_oid } => {
            json!({ "kind": "acked", "resting": resting, "venue_oid": venue_oid })
        }
        Happened::CancelSent(why) => json!({ "kind": "cancel_sent", "why": why }),
        Happened::ModifySent(order, why) => {
            json!({ "kind": "modify_sent", "why": why, "order": order.counter() })
        }
        Happened::CancelRefused { gone } => json!({ "kind": "cancel_refused", "gone": gone }),
        Happened::Canceled(reason) => json!({ "kind": "canceled", "reason": reason.name() }),
        Happened::Rejected { reason, code } => {
            json!({ "kind": "rejected", "reason": reason.name(), "code": code })
        }
        Happened::Unsent(reason) => json!({ "kind": "unsent", "reason": reason.name() }),
        Happened::Unknown => json!({ "kind": "unknown" }),
        Happened::Asked => json!({ "kind": "asked" }),
        Happened::State(state) => json!({ "kind": "state", "state": state_name(*state) }),
    }
}

fn state_name(state: VenueOrderState) -> &'static str {
    match state {
        VenueOrderState::Open => "open",
        VenueOrderState::Filled => "filled",
        VenueOrderState::Canceled => "canceled",
        VenueOrderState::Rejected => "rejected",
        VenueOrderState::NotFound => "not_found",
    }
}

fn fill(f: &Filled) -> String {
    let how = if f.taker { "taker" } else { "maker" };
    let mid = Price(f.mid2 / 2);
    format!("  filled    {} @ {} as {how}, fee {}, mid {mid}", f.qty, f.px, raw_text(f.fee))
}

fn seconds(span: Nanos) -> u64 {
    span.0 / 1_000_000_000
}

fn markouts(f: &Filled) -> String {
    let told = f.markouts.iter().zip(HORIZONS.map(seconds)).map(|(markout, s)| match markout {
        Some(m) => format!("{s} s: {} bps ({} from the mid then)", m.from_price, m.from_mid),
        None => format!("{s} s: beyond the journal"),
    });
    format!("  markout   {}", told.collect::<Vec<_>>().join("; "))
}

fn end(story: &Story) -> String {
    let filled = story.filled();
    if filled >= story.qty {
        return "filled".to_owned();
    }
    let last = story.happened.iter().rev().find_map(|(_, h)| match h {
        Happened::Canceled(reason) => Some(format!("cancelled: {}", reason.name())),
        Happened::Rejected { reason, .. } => Some(format!("rejected: {}", reason.name())),
        Happened::Unsent(reason) => Some(format!("never sent: {}", reason.name())),
        Happened::State(VenueOrderState::Open) | Happened::Acked { .. } => Some("open".to_owned()),
        Happened::State(state) => Some(state_name(*state).to_owned()),
        Happened::Unknown => Some("unknown".to_owned()),
        _ => None,
    });
    let last = last.unwrap_or_else(|| "no answer yet".to_owned());
    match filled {
        Qty::ZERO => last,
        some => format!("{last}, {some} of {} filled", story.qty),
    }
}

pub fn json(story: &Story, config: &CoreConfig, walked: &Walked) -> Value {
    let after = |now: Nanos| words::after(walked.first, now);
    let fills: Vec<Value> = story
        .fills
        .iter()
        .map(|f| {
            let markout = |(m, s): (&Option<Markout>, u64)| {
                json!({
                    "after_s": s,
                    "mid": m.map(|m| Price(m.mid2 / 2).to_string()),
                    "from_price_bps": m.map(|m| m.from_price.to_string()),
                    "from_mid_bps": m.map(|m| m.from_mid.to_string()),
                })
            };
            json!({
                "ns": f.now.0, "after": after(f.now), "px": f.px.to_string(),
                "qty": f.qty.to_string(), "taker": f.taker, "fee_quote": raw_text(f.fee),
                "mid": Price(f.mid2 / 2).to_string(),
                "markouts": f.markouts.iter().zip(HORIZONS.map(seconds)).map(markout).collect::<Vec<_>>(),
            })
        })
        .collect();
    let told = story.happened.iter().map(|(now, h)| {
        let mut json = happened_json(h);
        json["ns"] = now.0.into();
        json["after"] = after(*now).into();
        json
    });
    json!({
        "found": true,
        "order": story.id.counter(),
        "id": story.id.0,
        "symbol": words::symbol(config, story.inst),
        "component": story.component.name(),
        "side": story.side.name(),
        "tif": tif(story.tif),
        "reduce_only": story.reduce_only,
        "px": story.px.to_string(),
        "qty": story.qty.to_string(),
        "placed_ns": story.placed.0,
        "placed": after(story.placed),
        "record": story.record,
        "seen": story.seen.json(),
        "why": story.why.map(|n| words::note_json(&n, config)),
        "risk": "approved",
        "happened": told.collect::<Vec<_>>(),
        "fills": fills,
        "end": end(story),
        "caveat": walked.caveat,
    })
}
