//! Hot. Which actions share a frame, and the last check of each before the signer.

use crate::event::{Action, Tif};
use crate::instrument::Quantizer;

/// Do two actions fit into one frame? Orders or modifies of one time in force, or cancels.
#[inline]
pub fn same_frame(a: &Action, b: &Action) -> bool {
    match (a, b) {
        (Action::Place { tif: x, .. }, Action::Place { tif: y, .. }) => x == y && *x != Tif::Ioc,
        (Action::Cancel { .. }, Action::Cancel { .. }) => true,
        (Action::Modify { tif: x, .. }, Action::Modify { tif: y, .. }) => x == y,
        _ => false,
    }
}

/// Does it change orders at the venue, which takes a signature?
#[inline]
pub fn is_order(action: &Action) -> bool {
    matches!(action, Action::Place { .. } | Action::Modify { .. } | Action::Cancel { .. })
}

#[inline]
pub fn is_legal(markets: &mut [Quantizer], action: &Action) -> bool {
    let (Action::Place { inst, px, qty, .. } | Action::Modify { inst, px, qty, .. }) = *action
    else {
        return true;
    };
    let Some(market) = markets.get_mut(usize::from(inst.0)) else { return false };
    let fits = market.is_on_grid(px) && market.instrument().is_whole_lots(qty);
    fits && market.floor(px).is_some_and(|floor| qty >= floor)
}
