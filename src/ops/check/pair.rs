//! Cold. What `check` says of a pair.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::proved::Standing;
use crate::proved::pair::{PairCheck, PairFinding, PairProof};
use crate::units::Notional;

pub fn text(pair: &PairProof, out: &mut String) {
    let [a, b] = pair.legs.each_ref().map(|s| s.as_str());
    let _ = writeln!(out, "\npair, long {a} and short {b}");
    let _ = writeln!(
        out,
        "  {:<9} {:<6} {:>12} {:>12} {:>12} {:>12} verdict",
        "leg", "check", "size", "notional", "at", "against"
    );
    for f in &pair.findings {
        let _ = writeln!(
            out,
            "  {:<9} {:<6} {:>12} {:>12} {:>12} {:>12} {}",
            f.leg.as_str(),
            f.check.name(),
            f.size,
            Notional::of(f.px, f.size),
            f.px,
            f.bound,
            f.standing.name()
        );
    }
    for f in pair.findings.iter().filter(|f| f.standing != Standing::Proved) {
        let _ = writeln!(out, "  {}: {}", f.standing.name(), sentence(f));
    }
    let _ = writeln!(out, "  {}: {}", pair.balance.name(), balance(pair));
}

fn sentence(f: &PairFinding) -> String {
    let PairFinding { leg, px, size, bound, .. } = f;
    let leg = leg.as_str();
    match f.check {
        PairCheck::Entry => format!(
            "no whole lots of {leg} fit at {px}: the smallest entry is {size}, the window around the \
             target ends at {bound}; raise pair.target_quote or pair.tolerance_share"
        ),
        PairCheck::Exit => format!(
            "an entry of {size} {leg} could not be closed at {px}, where the floor is {bound}; raise \
             pair.target_quote or pair.exit_margin_factor"
        ),
        PairCheck::Limit => format!(
            "an entry may be {size} {leg} at {px}, and risk lets {bound} through: raise \
             market.{leg}.limits.order_size and .position"
        ),
    }
}

fn balance(pair: &PairProof) -> String {
    let PairProof { tried, solved, unsolved, .. } = pair;
    let first = unsolved.map_or_else(String::new, |[a, b]| format!("; none at {a} and {b}"));
    format!("of {tried} pairs of prices {solved} have legs that the policy takes{first}")
}

pub fn json(pair: &PairProof) -> Value {
    let row = |f: &PairFinding| {
        json!({
            "leg": f.leg.as_str(),
            "check": f.check.name(),
            "size": f.size.to_string(),
            "price": f.px.to_string(),
            "against": f.bound.to_string(),
            "verdict": f.standing.name(),
            "why": (f.standing != Standing::Proved).then(|| sentence(f)),
        })
    };
    json!({
        "legs": pair.legs.each_ref().map(|s| s.as_str()),
        "verdict": pair.standing().name(),
        "rows": pair.findings.iter().map(row).collect::<Vec<_>>(),
        "prices_tried": pair.tried,
        "prices_solved": pair.solved,
        "unsolved_at": pair.unsolved.map(|px| px.map(|p| p.to_string())),
    })
}
