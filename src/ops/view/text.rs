//! Cold. Numbers as people read them.

use crate::pipeline::metrics::{Stage, Summary};
use crate::units::Bps;
use rust_decimal::Decimal;

/// For people.
pub fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Basis points with two places, for people.
pub fn bps(value: Bps) -> String {
    // Raw 10^-4 bps.
    rounded(value.0, 4, 2)
}

/// Raw 10^-8 quote with four places and its sign, for people.
pub fn quote(raw: i64) -> String {
    let sign = if raw < 0 { "" } else { "+" };
    format!("{sign}{}", rounded(raw, 8, 4))
}

/// An integer of 10^-`scale` as text with so many places: a report's rounding, never a decision's.
pub fn rounded(raw: i64, scale: u32, places: u32) -> String {
    let exact = Decimal::from_i128_with_scale(i128::from(raw), scale);
    format!("{:.*}", places as usize, exact.round_dp(places))
}

/// A span for people.
pub fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}

/// One line of the latency table.
pub fn latency_row(stage: Stage, s: &Summary) -> String {
    format!(
        "  {:<14} {:>8} {:>11} {:>11} {:>11} {:>11}",
        stage.name(),
        s.count,
        time(s.p50),
        time(s.p99),
        time(s.p999),
        time(s.max)
    )
}
