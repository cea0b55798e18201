//! Cold. `plan ladder`: a capacity over the levels of one side.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{ANY_TICK, Market, Nonsense, Report, floor_at, price, qty, raw};
use crate::strategy::ladder::{Allocated, LEVELS_MAX, LadderLevel, Shortfall, allocate};
use crate::units::Qty;

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum PolicyArg {
    /// All of it to the best level when every level falls below its floor
    Concentrate,
    /// A floor for as many of the best levels as it suffices for
    WaterFill,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum AllocationArg {
    /// Weights are marginal values
    Proportional,
    /// Weights are edge over variance; shares of the capacity, whatever the Kelly fraction
    Kelly,
}

#[derive(Args, Clone, Debug)]
pub struct LadderArgs {
    /// In base units
    #[arg(long, allow_hyphen_values = true)]
    pub capacity: String,
    /// Price of all levels
    #[arg(long, allow_hyphen_values = true)]
    pub price: String,
    #[arg(long, allow_hyphen_values = true)]
    pub lot: String,
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_notional: String,
    #[arg(long, allow_hyphen_values = true)]
    pub levels: String,
    #[arg(long, default_value = "concentrate")]
    pub policy: PolicyArg,
    #[arg(long, default_value = "proportional")]
    pub allocation: AllocationArg,
    /// One for each level, from the touch outward; equal when not given
    #[arg(long, value_delimiter = ',', allow_hyphen_values = true)]
    pub weights: Vec<String>,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

fn weights(args: &LadderArgs) -> Result<Vec<u64>, Nonsense> {
    let count = args.levels.parse::<usize>().ok().filter(|n| (1..=LEVELS_MAX).contains(n));
    let Some(count) = count else {
        let why = format!("must be a whole number within 1 and {LEVELS_MAX}");
        return Err(Nonsense::flag("levels", &args.levels, &why));
    };
    if args.weights.is_empty() {
        return Ok(vec![1; count]);
    }
    if args.weights.len() != count {
        let why = format!("{} weights for {count} levels", args.weights.len());
        return Err(Nonsense::flag("weights", &args.weights.join(","), &why));
    }
    let weight = |text: &String| match raw("weights", text)? {
        ..0 => Err(Nonsense::flag("weights", text, "must not be negative")),
        found => Ok(found as u64),
    };
    args.weights.iter().map(weight).collect()
}

pub(super) fn report(args: &LadderArgs) -> Result<Report, Nonsense> {
    let market =
        Market { tick: ANY_TICK, lot: &args.lot, min_size: "0", min_notional: &args.min_notional };
    let inst = market.instrument()?;
    let px = price("price", &args.price)?;
    let floor = floor_at(&inst, px)?;
    let capacity = match qty("capacity", &args.capacity)? {
        Qty(..0) => {
            return Err(Nonsense::flag("capacity", &args.capacity, "must not be negative"));
        }
        found => found,
    };
    let weights = weights(args)?;
    let levels: Vec<LadderLevel> =
        weights.iter().map(|&weight| LadderLevel { px, weight, floor }).collect();
    let shortfall = match args.policy {
        PolicyArg::Concentrate => Shortfall::Concentrate,
        PolicyArg::WaterFill => Shortfall::WaterFill,
    };
    // Both allocations give weights; Kelly's are normalised to the capacity that is given here.
    let ladder = allocate(capacity, &levels, shortfall, &inst);
    let orders: Vec<_> = (0..levels.len())
        .filter(|&i| ladder.sizes[i].0 > 0)
        .map(|i| {
            json!({
                "level": i.to_string(),
                "price": px.to_string(),
                "qty": ladder.sizes[i].to_string(),
            })
        })
        .collect();
    let warning = match ladder.how {
        Allocated::BelowFloor => Some(format!("capacity {capacity} is below the floor {floor}")),
        Allocated::NoEdge => Some("no level has a weight".to_owned()),
        _ => None,
    };
    let summary = match &warning {
        Some(why) => format!("warning: all levels filtered: {why}"),
        None => format!("{} orders, {} of {capacity}", orders.len(), ladder.total()),
    };
    let report = Report::new(summary)
        .with("orders", orders)
        .with("concentrated", ladder.how == Allocated::Concentrated)
        .number("floor", Some(floor))
        .with("allocated", ladder.how.name());
    Ok(match warning {
        Some(why) => report.with("warning", why),
        None => report,
    })
}
