//! Cold. `plan quantize`: what the one door makes of a price and a size.

use clap::{Args, ValueEnum};

use super::{Market, Nonsense, Report, raw};
use crate::instrument::{PriceIntent, Quantized, Quantizer, SizePolicy};
use crate::units::{Notional, NumError, Price, Qty, Round, Side, parse_raw};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SideArg {
    Buy,
    Sell,
}

#[derive(Args, Clone, Debug)]
pub struct QuantizeArgs {
    /// A bid is rounded down to the grid, an ask up: never more aggressive
    #[arg(long)]
    pub side: SideArg,
    #[arg(long, allow_hyphen_values = true)]
    pub price: String,
    #[arg(long, allow_hyphen_values = true)]
    pub qty: String,
    /// Smallest step of the price
    #[arg(long, allow_hyphen_values = true)]
    pub tick: String,
    /// Smallest step of the size
    #[arg(long, allow_hyphen_values = true)]
    pub lot: String,
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_size: String,
    /// Smallest price x size that the venue takes
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    pub min_notional: String,
    /// Any positive size below the floor becomes the floor
    #[arg(long)]
    pub raise: bool,
    /// One JSON object
    #[arg(long)]
    pub json: bool,
}

/// A number that is too large for the scale is an outcome of the quantizer, not nonsense.
fn bounded(flag: &str, text: &str) -> Result<Option<i64>, Nonsense> {
    match parse_raw(text.as_bytes()) {
        Err(NumError::TooLarge) => Ok(None),
        _ => raw(flag, text).map(Some),
    }
}

pub(super) fn report(args: &QuantizeArgs) -> Result<Report, Nonsense> {
    let market = Market {
        tick: &args.tick,
        lot: &args.lot,
        min_size: &args.min_size,
        min_notional: &args.min_notional,
    };
    let mut quantizer = Quantizer::new(market.instrument()?);
    let side = match args.side {
        SideArg::Buy => Side::Buy,
        SideArg::Sell => Side::Sell,
    };
    let asked_px = Price(bounded("price", &args.price)?.unwrap_or(i64::MAX));
    let asked = Qty(bounded("qty", &args.qty)?.unwrap_or(i64::MAX));
    let policy = if args.raise { SizePolicy::RaiseToMinimum } else { SizePolicy::Down };
    let outcome = quantizer.quantize(side, asked_px, asked, PriceIntent::Passive, policy);
    // The figures behind the outcome: as far as they exist, also where there is no order.
    let px = quantizer.price(side, asked_px, PriceIntent::Passive);
    let floor = px.and_then(|px| quantizer.floor(px));
    let (name, qty, why) = match outcome {
        Quantized::Order { qty, .. } => ("order", Some(qty), String::new()),
        Quantized::BelowMinimum { floor, .. } => {
            let lots = quantizer.instrument().round_qty(asked, Round::Down);
            ("below_minimum", Some(lots), format!(": {asked} is below the floor {floor}"))
        }
        Quantized::Zero => ("zero", Some(Qty::ZERO), ": no whole positive lot".to_owned()),
        Quantized::OutOfGrid => {
            ("out_of_grid", None, ": the price has no place on the grid".into())
        }
        Quantized::Overflow => ("overflow", None, ": the size or the floor is beyond 10^10".into()),
    };
    let summary = match (outcome, px) {
        (Quantized::Order { px, qty }, _) => format!("{side} {qty} at {px}"),
        _ => format!("no order, {name}{why}"),
    };
    let notional = px.zip(qty).map(|(px, qty)| Notional::of(px, qty));
    Ok(Report::new(summary)
        .with("outcome", name)
        .number("price", px)
        .number("qty", qty)
        .number("floor", floor)
        .number("notional", notional))
}
