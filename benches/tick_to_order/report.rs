//! Cold. What is printed and kept: the table, `.hgrm` files, the JSON and its comparison with the
//! run before.

use crate::figures::{Case, Hdr, Quantiles};
use crate::run::Hiccups;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// A path beside ours, in the same run.
pub struct Peer {
    pub name: String,
    pub order: Hdr,
}

fn us(ns: u64) -> String {
    match ns {
        0..100_000 => format!("{:.2}", ns as f64 / 1e3),
        _ => format!("{:.0}", ns as f64 / 1e3),
    }
}

pub fn hiccups_text(h: &Hiccups) -> String {
    let seconds = h.watched_ns as f64 / 1e9;
    format!(
        "{:.0} gaps > 1 us a second, longest {} us, {:.2} % of the time lost",
        h.count as f64 / seconds.max(1e-9),
        us(h.longest_ns),
        h.lost_ns as f64 / h.watched_ns.max(1) as f64 * 100.0,
    )
}

/// One case as a table.
pub fn case_text(case: &Case) -> String {
    let mut out = String::new();
    let share = case.causing as f64 / case.events.max(1) as f64 * 100.0;
    let _ = writeln!(
        out,
        "{}: {} events, {} of them ({share:.0} %) caused {} frames with {} orders and {} cancels; \
         {} frames after answers and timers",
        case.name, case.events, case.causing, case.frames, case.places, case.cancels, case.uncaused,
    );
    let _ = writeln!(out, "  {:<18}{:>9}{:>9}{:>9}{:>9}", "us", "p50", "p99", "p99.9", "max");
    for (name, q) in case.rows() {
        let _ = write!(
            out,
            "  {name:<18}{:>9}{:>9}{:>9}{:>9}",
            us(q.p50),
            us(q.p99),
            us(q.p999),
            us(q.max)
        );
        if let (Some(goal), "tick_to_order") = (case.goal, name) {
            let verdict = |value, goal| if value <= goal { "PASS" } else { "short" };
            let _ = write!(
                out,
                "   goal p50 {} {}, p99 {} {}",
                us(goal.p50),
                verdict(q.p50, goal.p50),
                us(goal.p99),
                verdict(q.p99, goal.p99),
            );
        }
        let _ = writeln!(out);
    }
    let _ = writeln!(
        out,
        "  quietest round: tick_to_order p50 {}, p99 {};  machine: {}",
        us(case.quiet.p50),
        us(case.quiet.p99),
        hiccups_text(&case.hiccups)
    );
    out
}

fn quantiles_json(q: &Quantiles) -> Value {
    json!({"p50": q.p50, "p99": q.p99, "p99_9": q.p999, "max": q.max})
}

fn hiccups_json(h: &Hiccups) -> Value {
    json!({
        "gaps_over_1us": h.count,
        "lost_ns": h.lost_ns,
        "longest_ns": h.longest_ns,
        "watched_ns": h.watched_ns,
    })
}

/// The whole run, ns.
pub fn json(cases: &[Case], peers: &[Peer], ratios: &[(String, f64)], machine: &Hiccups) -> Value {
    let mut by_case = Map::new();
    for case in cases {
        let rows: Map<String, Value> = case
            .rows()
            .iter()
            .map(|(name, q)| (name.trim().replace(' ', "_"), quantiles_json(q)))
            .collect();
        let goal = case.goal.map(|g| json!({"p50": g.p50, "p99": g.p99}));
        let entry = json!({
            "events": case.events,
            "causing": case.causing,
            "frames": case.frames,
            "orders": case.places,
            "cancels": case.cancels,
            "rows": rows,
            "quietest_round": {"p50": case.quiet.p50, "p99": case.quiet.p99},
            "goal": goal,
            "hiccups": hiccups_json(&case.hiccups),
        });
        by_case.insert(case.name.clone(), entry);
    }
    let peers: Map<String, Value> =
        peers.iter().map(|p| (p.name.clone(), quantiles_json(&Quantiles::of(&p.order)))).collect();
    let ratios: Map<String, Value> =
        ratios.iter().map(|(name, ratio)| (name.clone(), json!(ratio))).collect();
    json!({
        "unit": "ns",
        "cases": by_case,
        "peers": peers,
        "ratios": ratios,
        "machine": hiccups_json(machine),
    })
}

/// Old -> new of each figure that both runs have, with the ratio.
pub fn comparison(old: &Value, new: &Value) -> String {
    let mut out = String::new();
    let Some(cases) = new["cases"].as_object() else { return out };
    for (case, entry) in cases {
        let Some(rows) = entry["rows"].as_object() else { continue };
        for (row, now) in rows {
            let before = &old["cases"][case]["rows"][row];
            let mut cells = String::new();
            for quantile in ["p50", "p99"] {
                let (Some(was), Some(is)) = (before[quantile].as_u64(), now[quantile].as_u64())
                else {
                    continue;
                };
                let ratio = is as f64 / was.max(1) as f64;
                let _ = write!(cells, "   {quantile} {:>7} -> {:>7}  x{ratio:.2}", us(was), us(is));
            }
            if !cells.is_empty() {
                let _ = writeln!(out, "  {case:<16} {row:<18}{cells}");
            }
        }
    }
    out
}

/// The standard text of a histogram, in us, as the plotters of HdrHistogram read it.
pub fn hgrm(h: &Hdr) -> String {
    let mut out = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let mut seen = 0;
    for step in h.iter_quantiles(5) {
        seen += step.count_since_last_iteration();
        let quantile = step.quantile_iterated_to();
        let value = step.value_iterated_to() as f64 / 1e3;
        let _ = write!(out, "{value:>12.3} {quantile:>2.12} {seen:>10}");
        let _ = if quantile < 1.0 {
            writeln!(out, " {:>14.2}", 1.0 / (1.0 - quantile))
        } else {
            writeln!(out)
        };
    }
    let _ = writeln!(
        out,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]\n#[Max     = {:>12.3}, Total count    \
         = {:>12}]",
        h.mean() / 1e3,
        h.stdev() / 1e3,
        h.max() as f64 / 1e3,
        h.len()
    );
    out
}

/// Writes every file of the run into `folder`.
pub fn save(
    folder: &Path,
    cases: &[Case],
    peers: &[Peer],
    json: &Value,
    svg: &str,
) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = |name: &str| name.replace([' ', ','], "_").to_lowercase();
    for case in cases {
        let name = format!("tick_to_order.{}.hgrm", file(&case.name));
        std::fs::write(folder.join(name), hgrm(&case.order))?;
        let name = format!("tick_to_order.{}.due.hgrm", file(&case.name));
        std::fs::write(folder.join(name), hgrm(&case.due))?;
    }
    for peer in peers {
        let name = format!("tick_to_order.{}.hgrm", file(&peer.name));
        std::fs::write(folder.join(name), hgrm(&peer.order))?;
    }
    std::fs::write(folder.join("tick_to_order.svg"), svg)?;
    std::fs::write(folder.join("tick_to_order.json"), format!("{json:#}\n"))
}
