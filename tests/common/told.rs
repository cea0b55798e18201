//! Cold. Explanations in the words of the line language.

use evenkeel::explain::{Edge, Note};
use evenkeel::strategy::imbalance::Imbalance;
use evenkeel::strategy::lead::LeadState;
use evenkeel::strategy::maker::{SizeFactor, SpreadPart};
use evenkeel::units::Bps;

/// An explanation as `why` shows it.
pub fn explain(note: &Note) -> String {
    match *note {
        Note::Quote { silence: Some(silence), .. } => format!("silent {}", silence.name()),
        Note::Quote { raised, parts, factors, lead, .. } => {
            let mut said = Vec::new();
            match lead.state {
                LeadState::Off => {}
                LeadState::Used => said.push(format!("lead {}", lead.shift)),
                other => said.push(format!("lead {}", other.name())),
            }
            for (name, part) in SpreadPart::NAMES.iter().zip(parts) {
                if part != 0 {
                    said.push(format!("{name} {}", Bps(i64::from(part))));
                }
            }
            for (name, factor) in SizeFactor::NAMES.iter().zip(factors) {
                if factor != 1000 {
                    said.push(format!("size x{} {name}", f64::from(factor) / 1000.0));
                }
            }
            if raised {
                said.push("raised".into());
            }
            said.join(", ")
        }
        Note::Hedge { reason, residual, .. } => format!("{}, residual {residual}", reason.name()),
        Note::Refused { side, component, reason, .. } => {
            format!("{} {} {}", component.name(), side.name(), reason.name())
        }
        Note::FastCancel { order, edge, against, .. } => {
            let of = match against {
                Edge::Microprice => String::new(),
                other => format!(" against {}", other.name()),
            };
            format!("#{} edge {}{of}", order.counter(), Bps(edge))
        }
        Note::Markout { side, horizon, from_fill, from_mid, .. } => {
            format!("{side} {horizon} from fill {from_fill} from mid {from_mid}")
        }
        Note::Ladder { side, how, levels, capacity, floor, .. } => {
            format!("{side} {}, {levels} levels, capacity {capacity}, floor {floor}", how.name())
        }
        Note::Level { side, level, distance, floor, .. } => {
            format!("{side} level {level} at {distance}, floor {floor}")
        }
        Note::Pair { cycle, phase, reason, positions: [a, b], .. } => {
            format!("{} {}, {} holds {a} {b}", cycle, phase.name(), reason.name())
        }
        Note::PairSolved { qty: [a, b], slippage: [x, y], .. } => {
            format!("{a} {b} at {x} {y} bps")
        }
        Note::PairEntered { qty: [a, b], notional: [m, n], within, .. } => {
            let ratio = Imbalance::of(m, n).expect("a filled leg");
            format!("{a} {b} imbalance {ratio} {}", if within { "within" } else { "above" })
        }
        Note::PairSent { intent, qty, .. } => format!("{} {qty}", intent.name()),
        Note::Proof { holds: true, lo, hi, .. } => format!("proved {lo} to {hi}"),
        Note::Proof { line, component, size, px, floor, .. } => {
            format!("{} {} {size} at {px} least {floor}", component.name(), line.name())
        }
        Note::Tier { advised, realized } => format!("advised {advised}, realized {realized}"),
        Note::Budget { room, left, minute_permille, refused } => {
            let refused = if refused { " refused" } else { "" };
            format!("{} {left} minute {minute_permille}{refused}", room.name())
        }
        _ => String::new(),
    }
}
