//! Cold. `plan hedge`: the size of one hedge.

use clap::{Args, ValueEnum};

use super::{ANY_TICK, Market, Nonsense, Report, floor_at, permille, price, qty};
use crate::strategy::hedger::{HedgeRule, HedgeSize, size};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Args, Clone, Debug)]
pub struct HedgeArgs {
    /// What is held: negative when short
    #[arg(long, allow_hyphen_values = true)]
    pub inventory: String,
    #[arg(long, allow_hyphen_values = true)]
    pub price: String,
    #[arg(long, allow_hyphen_values = true)]
    pub lot: String,
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_size: String,
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_notional: String,
    /// It acts above this
    #[arg(long, allow_hyphen_values = true)]
    pub trigger: String,
    /// It goes toward this
    #[arg(long, allow_hyphen_values = true)]
    pub target: String,
    /// Largest order while the floor does not ask for more
    #[arg(long, allow_hyphen_values = true)]
    pub max_clip: String,
    /// Largest order of the remainder rule; else the larger of max clip and twice the floor
    #[arg(long, allow_hyphen_values = true)]
    pub max_clip_hard: Option<String>,
    /// The guard is active and multiplies the clip by this
    #[arg(long, allow_hyphen_values = true)]
    pub guard_multiplier: Option<String>,
    /// Take all where the rest could not be hedged later
    #[arg(long, default_value = "on")]
    pub remainder_rule: Switch,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

pub(super) fn report(args: &HedgeArgs) -> Result<Report, Nonsense> {
    let market = Market {
        tick: ANY_TICK,
        lot: &args.lot,
        min_size: &args.min_size,
        min_notional: &args.min_notional,
    };
    let inst = market.instrument()?;
    let px = price("price", &args.price)?;
    let floor = floor_at(&inst, px)?;
    let hard = args.max_clip_hard.as_deref().map(|text| qty("max-clip-hard", text)).transpose()?;
    let guard = args.guard_multiplier.as_deref();
    let guard = guard.map(|text| permille("guard-multiplier", text)).transpose()?;
    let rule = HedgeRule {
        trigger: qty("trigger", &args.trigger)?,
        target: qty("target", &args.target)?,
        max_clip: qty("max-clip", &args.max_clip)?,
        max_clip_hard: hard,
        guard_multiplier_permille: guard.unwrap_or(1000),
        remainder_rule: args.remainder_rule == Switch::On,
    };
    rule.validate().map_err(|why| Nonsense(why.name().to_owned()))?;
    let inventory = qty("inventory", &args.inventory)?;
    let (outcome, side, order, residual, summary) =
        match size(&rule, inventory, guard.is_some(), floor, &inst) {
            HedgeSize::Order { side, qty, residual } => {
                let text = format!("{side} {qty} at {px}, leaves {residual}");
                ("order", Some(side.name()), Some(qty), residual, text)
            }
            HedgeSize::None => {
                let held = inventory.abs();
                ("none", None, None, held, format!("none: {held} is within {}", rule.trigger))
            }
            HedgeSize::ResidualBelowMinimum { residual, floor } => {
                let text = format!("none: the residual {residual} is below the floor {floor}");
                ("residual_below_minimum", None, None, residual, text)
            }
        };
    Ok(Report::new(summary)
        .with("outcome", outcome)
        .number("side", side)
        .number("qty", order)
        .number("residual", Some(residual))
        .number("floor", Some(floor)))
}
