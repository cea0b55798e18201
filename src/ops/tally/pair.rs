//! Cold. What the demo says at its end of a pair: cycles, rates, and the imbalance of each cycle.

use crate::core::PairSnapshot;
use crate::strategy::pair::Imbalance;
use crate::strategy::pair_exec::PairReason;
use serde_json::{Value, json};

/// A pair at the end of a run.
#[derive(Clone, Debug)]
pub struct PairTally {
    pub seen: PairSnapshot,
    /// Each held entry: its cycle, and its imbalance by the fills.
    pub entered: Vec<(u32, Imbalance)>,
}

/// `39 of 40 (97.5 %)`, cut to a tenth.
fn share(part: u64, whole: u64) -> String {
    match (part * 1000).checked_div(whole) {
        None => format!("{part} of {whole}"),
        Some(permille) => {
            format!("{part} of {whole} ({}.{} %)", permille / 10, permille % 10)
        }
    }
}

impl PairTally {
    /// Cycles that are over: the running one may still be held.
    fn ended(&self) -> u64 {
        let counts = &self.seen.counts;
        let ended = [
            PairReason::Succeeded,
            PairReason::NotFilled,
            PairReason::Unwound,
            PairReason::Residual,
        ];
        ended.iter().map(|r| counts.reasons[*r as usize]).sum()
    }

    pub fn text(&self) -> String {
        let counts = &self.seen.counts;
        let [a, b] = self.seen.positions;
        let each = self.entered.iter().map(|(cycle, ratio)| format!("{cycle}: {ratio}"));
        let named = PairReason::ALL.iter().filter(|r| counts.reasons[**r as usize] > 0);
        let named = named.map(|r| format!("{} {}", r.name(), counts.reasons[*r as usize]));
        format!(
            "pair cycles begun      {}\n  in and out in balance {} (goal 95 %)\n  legs filled whole     {} \
             (goal 95 %)\n  within the limit      {} (goal 0.001)\n  imbalance by cycle    {}\n  why  \
                              {}\n  stands                {}: {}, holds {a} and {b}",
            counts.cycles,
            share(counts.succeeded, self.ended()),
            share(counts.legs_filled, counts.legs_sent),
            share(counts.level, counts.entered),
            each.collect::<Vec<_>>().join(", "),
            named.collect::<Vec<_>>().join(", "),
            self.seen.phase.name(),
            self.seen.reason.name(),
        )
    }

    pub fn json(&self) -> Value {
        let counts = &self.seen.counts;
        let reasons: serde_json::Map<String, Value> = PairReason::ALL
            .iter()
            .map(|r| (r.name().to_owned(), counts.reasons[*r as usize].into()))
            .collect();
        let each = self.entered.iter();
        let each: Vec<Value> =
            each.map(|(cycle, i)| json!({ "cycle": cycle, "imbalance": i.to_string() })).collect();
        json!({
            "cycles": counts.cycles,
            "ended": self.ended(),
            "succeeded": counts.succeeded,
            "entered": counts.entered,
            "within_limit": counts.level,
            "legs_sent": counts.legs_sent,
            "legs_filled": counts.legs_filled,
            "imbalances": each,
            "reasons": reasons,
            "phase": self.seen.phase.name(),
            "positions": self.seen.positions.map(|q| q.to_string()),
        })
    }
}
