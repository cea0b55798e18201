//! The reactions that `docs/hyperliquid-errors.md` promises are those of the risk rules and the core.

mod common;

use common::config::limits;
use evenkeel::event::{Component, RejectReason};
use evenkeel::instrument::InstId;
use evenkeel::risk::Risk;
use evenkeel::units::{Qty, Side};
use evenkeel::venue::hyperliquid::errors::{Reaction, Scope, TEXTS, reaction};

#[test]
fn every_reason_has_the_reaction_of_the_table() {
    for &reason in RejectReason::ALL {
        let mut risk = Risk::new(limits(), 1);
        let mut opened = 0;
        for _ in 0..2 * limits().breaker_rejects {
            let (side, size) = (Side::Buy, Qty(7));
            opened += u32::from(risk.rejected(Component::Maker, side, reason, InstId(0), size));
        }
        let wants = reaction(reason);
        let name = reason.name();
        assert_eq!(opened, u32::from(wants != Reaction::QuoteAnew), "{name}: the breaker");
        let refused = risk.refused_size(InstId(0));
        let never = wants == Reaction::NeverThatSize;
        assert_eq!(refused, if never { Qty(7) } else { Qty::ZERO }, "{name}: the refused size");
    }
}

#[test]
fn every_scope_is_in_the_table() {
    for scope in [Scope::Order, Scope::Cancel, Scope::Action, Scope::Transport] {
        assert!(TEXTS.iter().any(|row| row.scope == scope), "{scope:?}");
    }
}
