//! Cold. What `check` found, as text for people and as one JSON object.
//!
//! JSON gives prices on the venue's grid. In text the price from which a row holds is rounded up to
//! five significant figures, which keeps the statement true and the column readable.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Outcome;
use crate::instrument::{GridSpec, InstrumentSpec};
use crate::proved::{CAPACITY, Finding, LimitFinding, MarketProof, Standing};
use crate::strategy::proof::{Check, PriceBand, Row, Verdict};
use crate::units::{Notional, Price, Qty};

/// Where a row holds, within the band.
fn holds(row: &Row, band: PriceBand) -> String {
    match (row.verdict, row.holds_from) {
        (Verdict::Holds, _) => format!("{}..{}", band.lo, band.hi),
        (_, Some(from)) => format!("{} up", figures_up(from)),
        (_, None) => "nowhere".to_owned(),
    }
}

/// The next price of at most five significant figures, not below `px`.
pub fn figures_up(px: Price) -> Price {
    let mut step = 1;
    while px.0 / step >= 100_000 {
        step *= 10;
    }
    Price(px.0.div_euclid(step).saturating_add(i64::from(px.0 % step != 0)) * step)
}

/// The whole check as text, without the last line's end.
pub fn text(outcome: &Outcome) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}: valid", outcome.file);
    match &outcome.table {
        Ok(table) => out.push_str(&table.text()),
        Err(why) => {
            let _ = writeln!(out, "pipeline: cannot run on this machine: {why}");
        }
    }
    for market in &outcome.markets {
        market_text(market, &mut out);
    }
    for pair in &outcome.pairs {
        super::pair::text(pair, &mut out);
    }
    let _ = write!(out, "\n{}", conclusion(outcome));
    out
}

fn conclusion(outcome: &Outcome) -> String {
    let count = |standing| {
        let rows = outcome.markets.iter().flat_map(|m| m.findings.iter().map(|f| f.standing));
        let limits = outcome.markets.iter().flat_map(|m| m.limits.iter().map(|f| f.standing));
        let pairs = outcome
            .pairs
            .iter()
            .flat_map(|p| p.findings.iter().map(|f| f.standing).chain([p.balance]));
        rows.chain(limits).chain(pairs).filter(|s| *s == standing).count()
    };
    let refused = count(Standing::Refused);
    let warnings = match count(Standing::Warning) {
        1 => "1 warning".to_owned(),
        n => format!("{n} warnings"),
    };
    let strict = if outcome.strict { ", strict" } else { "" };
    match (outcome.standing(), &outcome.table) {
        (Standing::Refused, _) => {
            format!("NOT PROVED{strict}: {refused} refused, {warnings}")
        }
        (Standing::Warning, _) if outcome.strict => {
            format!("NOT PROVED{strict}: {warnings}")
        }
        (_, Err(_)) => format!("orders proved{strict}; the pipeline cannot run here"),
        (Standing::Warning, _) => format!("executable, with {warnings}"),
        _ => format!("PROVED{strict}: every order is executable at every price of the band"),
    }
}

fn market_text(market: &MarketProof, out: &mut String) {
    let MarketProof { spec, band, findings, limits } = market;
    let _ = writeln!(
        out,
        "\n{} at {}: {}, lot {}, smallest order {} and {} quote\norder prices {}..{}, last {}",
        spec.symbol.as_str(),
        spec.venue.name(),
        grid(spec),
        spec.lot,
        spec.min_size,
        spec.min_notional,
        band.lo,
        band.hi,
        band.last
    );
    let _ = writeln!(
        out,
        "  {:<9} {:<4} {:<9} {:<19} {:>10} {:>12} {:>8} {:>9} {:<14} verdict",
        "component", "side", "check", "setting", "order", "notional", "at", "floor", "holds"
    );
    for f in findings {
        let row = &f.row;
        let _ = writeln!(
            out,
            "  {:<9} both {:<9} {:<19} {:>10} {:>12} {:>8} {:>9} {:<14} {}",
            row.component.name(),
            row.check.name(),
            row.key,
            row.size,
            row.notional,
            row.px,
            row.floor,
            holds(row, *band),
            f.standing.name()
        );
    }
    for f in findings.iter().filter(|f| f.standing != Standing::Proved) {
        let _ = writeln!(out, "  {}: {}", f.standing.name(), sentence(f, spec));
    }
    for f in limits.iter().filter(|f| f.standing != Standing::Proved) {
        let _ = writeln!(out, "  {}: {}", f.standing.name(), limit_sentence(f, band.hi));
    }
}

fn grid(spec: &InstrumentSpec) -> String {
    match spec.grid {
        GridSpec::Tick(tick) => format!("tick {tick}"),
        GridSpec::SigFigs { figures, max_decimals } => {
            format!("{figures} figures, {max_decimals} decimals")
        }
    }
}

/// What is wrong with its witness and the smallest change that repairs it.
pub fn sentence(f: &Finding, spec: &InstrumentSpec) -> String {
    let row = &f.row;
    let name = row.component.name();
    let size = match &f.made_of {
        Some(product) => format!("{product} = {}", row.size),
        None => format!("{} {}", row.key, row.size),
    };
    let px = row.px;
    let at = format!("{} at {px}", row.notional);
    let mut text = match row.check {
        Check::Clip | Check::Cap => {
            let less = compare(row.notional, row.size, row.floor, spec.min_notional);
            let what = if row.check == Check::Clip { "smallest" } else { "largest" };
            format!("{name}'s {what} size, {size}, is {at} {less}")
        }
        Check::DeadBand => format!(
            "{name}: an inventory above {size} and below {} cannot be removed at {px}: a dead band",
            row.floor
        ),
        Check::Exit => format!(
            "{name}'s smallest entry, {size}, is {at}; {} with 15 % to spare for its exit after a \
             fall",
            row.floor
        ),
    };
    match (f.standing, row.component.name(), row.check) {
        (Standing::Raised, ..) => {
            let _ = write!(text, ": it is raised to the floor, as raise_to_minimum says");
        }
        (Standing::Warning, "ladder", Check::Clip) => {
            let _ = write!(text, ": that level is left out, or all go to one");
        }
        (Standing::Warning, _, Check::Clip | Check::Cap) => {
            let _ = write!(text, ": the order is the floor, {}, past this setting", row.floor);
        }
        _ => {}
    }
    match row.holds_from {
        Some(from) => {
            let _ = write!(text, "; holds from {} up", figures_up(from));
        }
        None => text.push_str("; holds at no price"),
    }
    if let Some(enough) = row.repair {
        let _ = write!(text, "; smallest repair: {} >= {enough}", row.key);
    }
    text
}

fn limit_sentence(f: &LimitFinding, hi: Price) -> String {
    let (name, limit) = (f.component.name(), format!("{} {}", f.limit_key, f.limit));
    if f.limit_key == CAPACITY {
        let (least, largest) = (f.least, f.largest);
        return match f.standing {
            Standing::Refused => format!(
                "the ladder's whole capacity, {limit}, is below the venue's floor, which can be \
                 {least} at {hi}: no level can be quoted; smallest repair: {CAPACITY} >= {least}"
            ),
            _ => format!(
                "of the ladder's capacity, {limit}, the smallest level's share is below the \
                 venue's floor: levels are left out, or all go to one; smallest repair: \
                 {CAPACITY} >= {largest}"
            ),
        };
    }
    if f.standing == Standing::Refused {
        let least = f.least;
        return format!("{name}'s smallest order can be {least}, above {limit}: risk refuses it");
    }
    let (key, largest) = (f.key, f.largest);
    format!(
        "{name}'s largest order, by {key}, is {largest} at {hi}, above {limit}: risk refuses it; \
         smallest repair: {} >= {largest}",
        f.limit_key
    )
}

/// The witness against what it falls short of: the notional, or where that is reached, the size.
fn compare(notional: Notional, size: Qty, floor: Qty, least: Notional) -> String {
    if notional < least {
        format!("< {least}")
    } else if size < floor {
        format!("and below the floor {floor}")
    } else {
        format!(">= {least}")
    }
}

/// The whole check as one JSON object on one line. Numbers are decimal strings.
pub fn json(outcome: &Outcome) -> String {
    let pipeline = match &outcome.table {
        Ok(table) => json!({
            "topology": table.topology.name(),
            "wait": table.wait.name(),
            "cores": table.cores,
            "text": table.text(),
        }),
        Err(why) => json!({ "refused": why }),
    };
    let markets: Vec<Value> = outcome.markets.iter().map(market_json).collect();
    json!({
        "config": outcome.file,
        "strict": outcome.strict,
        "verdict": outcome.standing().name(),
        "exit": outcome.exit_code(),
        "pipeline": pipeline,
        "markets": markets,
        "pairs": outcome.pairs.iter().map(super::pair::json).collect::<Vec<_>>(),
    })
    .to_string()
}

fn market_json(market: &MarketProof) -> Value {
    let MarketProof { spec, band, findings, limits } = market;
    let limits: Vec<Value> = limits
        .iter()
        .map(|f| {
            json!({
                "component": f.component.name(),
                "setting": f.key,
                "largest": f.largest.to_string(),
                "least": f.least.to_string(),
                "limit": f.limit_key,
                "limit_quote": f.limit.to_string(),
                "verdict": f.standing.name(),
                "why": (f.standing != Standing::Proved).then(|| limit_sentence(f, band.hi)),
            })
        })
        .collect();
    let rows: Vec<Value> = findings
        .iter()
        .map(|f| {
            json!({
                "component": f.row.component.name(),
                "side": "both",
                "check": f.row.check.name(),
                "setting": f.row.key,
                "made_of": f.made_of,
                "size": f.row.size.to_string(),
                "price": f.row.px.to_string(),
                "notional": f.row.notional.to_string(),
                "floor": f.row.floor.to_string(),
                "holds": f.row.verdict.name(),
                "holds_from": f.row.holds_from.map(|p| p.to_string()),
                "repair": f.row.repair.map(|q| q.to_string()),
                "verdict": f.standing.name(),
                "why": (f.standing != Standing::Proved).then(|| sentence(f, spec)),
            })
        })
        .collect();
    json!({
        "symbol": spec.symbol.as_str(),
        "venue": spec.venue.name(),
        "lot": spec.lot.to_string(),
        "min_size": spec.min_size.to_string(),
        "min_notional": spec.min_notional.to_string(),
        "grid": grid(spec),
        "band": {
            "lo": band.lo.to_string(),
            "last": band.last.to_string(),
            "hi": band.hi.to_string(),
        },
        "verdict": market.standing().name(),
        "rows": rows,
        "limits": limits,
    })
}
