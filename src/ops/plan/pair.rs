//! Cold. `plan pair`: two legs of equal notional.

use clap::{Args, ValueEnum};

use super::{ANY_TICK, Market, Nonsense, Report, amount, floor_at, price, ratio};
use crate::strategy::pair::{PairFigures, PairLeg, PairLimits, PairOutcome, PairPolicy, balance};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PairPolicyArg {
    /// Whatever is best within the tolerance
    Accept,
    /// The smallest larger target that meets the limit, up to --grow-to
    Grow,
    /// Nothing while the limit is not met
    Wait,
}

#[derive(Args, Clone, Debug)]
pub struct PairArgs {
    /// Notional of each leg
    #[arg(long, allow_hyphen_values = true)]
    pub target: String,
    #[arg(long, allow_hyphen_values = true)]
    pub price_a: String,
    #[arg(long, allow_hyphen_values = true)]
    pub lot_a: String,
    #[arg(long, allow_hyphen_values = true)]
    pub price_b: String,
    #[arg(long, allow_hyphen_values = true)]
    pub lot_b: String,
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_notional_a: String,
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_notional_b: String,
    /// How far a leg may lie from the target, as a ratio
    #[arg(long, default_value = "0.2", allow_hyphen_values = true)]
    pub tolerance: String,
    #[arg(long, default_value = "accept")]
    pub policy: PairPolicyArg,
    /// Largest target of --policy grow
    #[arg(long, allow_hyphen_values = true)]
    pub grow_to: Option<String>,
    /// Limit of --policy grow and wait, as a ratio
    #[arg(long, default_value = "0.001", allow_hyphen_values = true)]
    pub max_imbalance: String,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

fn leg(name: char, px: &str, lot: &str, min_notional: &str) -> Result<PairLeg, Nonsense> {
    let named = |Nonsense(why): Nonsense| Nonsense(format!("leg {name}: {why}"));
    let market = Market { tick: ANY_TICK, lot, min_size: "0", min_notional };
    let inst = market.instrument().map_err(named)?;
    let px = price("price", px).map_err(named)?;
    Ok(PairLeg { px, lot: inst.spec.lot, floor: floor_at(&inst, px).map_err(named)? })
}

fn policy(args: &PairArgs) -> Result<PairPolicy, Nonsense> {
    let max_imbalance = ratio("max-imbalance", &args.max_imbalance)?;
    Ok(match (args.policy, &args.grow_to) {
        (PairPolicyArg::Accept, _) => PairPolicy::Accept,
        (PairPolicyArg::Wait, _) => PairPolicy::Wait { max_imbalance },
        (PairPolicyArg::Grow, Some(cap)) => {
            PairPolicy::Grow { max_imbalance, cap: amount("grow-to", cap)? }
        }
        (PairPolicyArg::Grow, None) => {
            return Err(Nonsense("--policy grow needs --grow-to".to_owned()));
        }
    })
}

fn figures(report: Report, found: &PairFigures) -> Report {
    report
        .number("qty_a", Some(found.qty_a))
        .number("qty_b", Some(found.qty_b))
        .number("notional_a", Some(found.notional_a))
        .number("notional_b", Some(found.notional_b))
        .number("imbalance", Some(found.imbalance()))
        .number("target", Some(found.target))
}

pub(super) fn report(args: &PairArgs) -> Result<Report, Nonsense> {
    let a = leg('a', &args.price_a, &args.lot_a, &args.min_notional_a)?;
    let b = leg('b', &args.price_b, &args.lot_b, &args.min_notional_b)?;
    let limits =
        PairLimits { tolerance: ratio("tolerance", &args.tolerance)?, policy: policy(args)? };
    let target = amount("target", &args.target)?;
    let outcome =
        balance(target, &a, &b, &limits).map_err(|why| Nonsense(why.name().to_owned()))?;
    Ok(match outcome {
        PairOutcome::Balanced(pair) => {
            let found = pair.figures();
            let text = format!(
                "{} x {} against {} x {}, imbalance {}",
                found.qty_a,
                a.px,
                found.qty_b,
                b.px,
                found.imbalance()
            );
            figures(Report::new(text).with("outcome", "balanced"), &found)
        }
        PairOutcome::Wait { best } => {
            let limit = &args.max_imbalance;
            let text = format!("wait: the best imbalance {} is above {limit}", best.imbalance());
            figures(Report::new(text).with("outcome", "wait"), &best)
        }
        PairOutcome::Infeasible { smallest, next } => {
            let hint = match smallest {
                Some(smallest) => format!("the smallest feasible target is {smallest}"),
                None => "no target was found that has one".to_owned(),
            };
            let none = None::<&str>;
            Report::new(format!("infeasible: no pair within the tolerance of {target}; {hint}"))
                .with("outcome", "infeasible")
                .number("qty_a", none)
                .number("qty_b", none)
                .number("notional_a", none)
                .number("notional_b", none)
                .number("imbalance", none)
                .number("target", Some(target))
                .number("smallest_feasible_target", smallest)
                .number("next_feasible_target", next)
        }
    })
}
