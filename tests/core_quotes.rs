//! Cold. What the maker quotes, line by line. The language is described in `common/lines.rs`.

mod common;

use common::config::{bps, n, q};
use common::lines::{plain, sol};
use evenkeel::core::InstConfig;
use evenkeel::strategy::quality::QualityParams;
use evenkeel::units::Nanos;

// -- quotes ----------------------------------------------------------------------------------------

#[test]
fn quotes_both_sides_around_the_mid() {
    plain().run(
        "
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                     // not connected: nothing is quoted, and that is said
            why buy                  -> silent not_ready
            up
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            why buy                  -> volatility 12
            ack #1
            ack #2
            decide                     // nothing has changed
            wake                     -> +500ms
        ",
    );
}

#[test]
fn the_spread_is_a_sum_of_named_parts() {
    plain().run(
        "
            up 0.25 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.92 x 0.32 #1 alo, place sell 100.08 x 0.32 #2 alo
            why buy                  -> volatility 12, inventory 4, size x0.5 inventory
            why sell                 -> volatility 12, inventory 4, size x0.5 inventory
        ",
    );
}

#[test]
fn inventory_widens_shrinks_and_then_silences_the_adding_side() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +200ms
            fill #1 buy 0.15 @ 99.94 maker
            decide                   -> cancel #1, cancel #2, place buy 99.93 x 0.48 #3 alo, place sell 100.07 x 0.48 #4 alo   // +2 bps and x 0.75: both prices move by more than the tolerance
            why sell                 -> volatility 12, inventory 2, size x0.75 inventory
            ack #3
            ack #4
            canceled #1
            canceled #2
            at +200ms
            fill #3 buy 0.48 @ 99.93 maker
            decide                   -> cancel #4, place sell 100.09 x 0.32 #5 alo   // above 0.4 the adding side is silent
            why buy                  -> silent asymmetric
            why sell                 -> volatility 12, inventory 6, size x0.5 inventory
        ",
    );
}

#[test]
fn beyond_the_soft_cap_the_whole_inventory_is_offered() {
    plain().run(
        "
            up -2.5 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 2.5 #1 alo
            why sell                 -> silent asymmetric
        ",
    );
}

#[test]
fn volatility_moves_the_spread_between_its_bounds() {
    let mut desk = sol(|i| {
        i.signals.warm_up = Nanos::from_secs(1);
        i.maker.as_mut().expect("a maker").regime.defensive = bps("100");
    });
    desk.run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            why buy                  -> volatility 12   // not known yet: the base
            ack #1
            ack #2
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> cancel #1, cancel #2, place buy 99.96 x 0.7 #3 alo, place sell 100.04 x 0.7 #4 alo   // calm: 7 bps, and a larger size
            why buy                  -> volatility 7, size x1.1 volatility
            canceled #1
            canceled #2
            ack #3
            ack #4
            at +1s
            book SOL bid 100.08 x 20 ask 100.12 x 20 -> cancel #4
            decide                   -> cancel #3, place buy 100.03 x 0.44 #5 alo, place sell 100.17 x 0.44 #6 alo   // 10 bps in a second of three: 22 bps over 15 s
            why buy                  -> volatility 13, size x0.7 volatility
        ",
    );
}

#[test]
fn a_pause_stops_adding_and_never_reducing() {
    let pause = |i: &mut InstConfig| {
        i.signals.warm_up = Nanos::from_secs(1);
        i.maker.as_mut().expect("a maker").trend_pauses = false;
    };
    sol(pause).run(
        "
            up 0.3 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 101.98 x 20 ask 102.02 x 20
            decide                   -> place sell 102.12 x 0.22 #1 alo
            why buy                  -> silent volatility_pause
            why sell                 -> volatility 13, inventory 4, trend 5, size x0.7 volatility, size x0.5 inventory
        ",
    );
    sol(pause).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 101.98 x 20 ask 102.02 x 20
            decide                     // flat: both sides are silent
            why buy                  -> silent volatility_pause
            why sell                 -> silent volatility_pause
        ",
    );
}

#[test]
fn a_trend_pauses_the_side_that_it_would_run_over_unless_that_reduces() {
    let scenario = |position: &str, then: &str| {
        format!(
            "
            up {position} @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            at +1s
            book SOL bid 99.78 x 20 ask 99.82 x 20
            {then}
        "
        )
    };
    plain().run(&scenario(
        "0",
        "decide -> place sell 99.89 x 0.64 #1 alo      // down: bids are paused, asks wider
            why buy -> silent trend_filter
            why sell -> volatility 12, trend 5",
    ));
    plain().run(&scenario(
        "-0.5",
        "decide -> place buy 99.71 x 0.32 #1 alo     // short: asks are asymmetric, bids reduce
            why buy -> volatility 12, inventory 6, size x0.5 inventory
            why sell -> silent asymmetric",
    ));
    sol(|i| i.maker.as_mut().expect("a maker").trend_pauses = false).run(&scenario(
        "0",
        "decide -> place buy 99.71 x 0.64 #1 alo, place sell 99.89 x 0.64 #2 alo
            why buy -> volatility 12, trend 5     // widened instead of paused",
    ));
}

#[test]
fn the_profit_guard_engages_holds_and_clears_at_half() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            shows SOL guard          -> off
            fill #1 buy 0.64 @ 99.94 maker
            fill #2 sell 0.64 @ 99.6 maker   // a loss of 0.2176
            at +1s
            decide                   -> place buy 99.91 x 0.54 #3 alo, place sell 100.09 x 0.54 #4 alo
            shows SOL guard          -> on
            why buy                  -> volatility 12, pnl_guard 6, size x0.85 pnl_guard
            ack #3
            ack #4
            funding SOL 0.15
            at +1s
            decide
            shows SOL guard          -> on   // above half of the trigger, and held
            at +60s
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> cancel #3, cancel #4, place buy 99.94 x 0.64 #5 alo, place sell 100.06 x 0.64 #6 alo
            shows SOL guard          -> off
        ",
    );
}

#[test]
fn a_position_limit_leaves_the_room_that_there_is() {
    sol(|i| {
        i.maker.as_mut().expect("a maker").asymmetric_above = q("10");
        i.limits.position = q("2");
    })
    .run(
        "
            up 1.8 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 0.2 #1 alo, place sell 100.09 x 0.32 #2 alo   // 0.2 until the limit
            ack #1
            ack #2
            fill #1 buy 0.2 @ 99.91 maker
            decide
            why buy                  -> silent risk
        ",
    );
}

#[test]
fn a_notional_limit_counts_like_a_position_limit() {
    sol(|i| {
        i.maker.as_mut().expect("a maker").asymmetric_above = q("10");
        i.limits.inventory_notional = n("200");
    })
    .run(
        "
            up -1.7 @ 100
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.91 x 0.32 #1 alo, place sell 100.09 x 0.3 #2 alo   // 0.3 until 200 quote
        ",
    );
}

#[test]
fn a_size_below_the_floor_is_raised_or_skipped_but_not_on_the_way_out() {
    sol(|i| i.maker.as_mut().expect("a maker").size_min = q("0.01")).run(
        "
            up
            book SOL bid 9.98 x 20 ask 10.02 x 20
            decide                   -> place buy 9.99 x 1.01 #1 alo, place sell 10.01 x 1 #2 alo   // the floor at 10 is 1
            why buy                  -> volatility 12, raised
        ",
    );
    sol(|i| {
        let maker = i.maker.as_mut().expect("a maker");
        maker.raise_to_minimum = false;
        maker.asymmetric_above = q("0.01");
    })
    .run(
        "
            up 1.2 @ 10
            book SOL bid 9.98 x 20 ask 10.02 x 20
            decide                   -> place sell 10.01 x 1 #1 alo   // skipped, but an inventory that can be sold keeps its way out
            why sell                 -> volatility 12, inventory 6, size x0.5 inventory, raised
            why buy                  -> silent asymmetric
        ",
    );
}

#[test]
fn levels_that_meet_in_one_price_are_one_order() {
    sol(|i| {
        let maker = i.maker.as_mut().expect("a maker");
        maker.defensive.levels = 3;
        maker.level_step = bps("0.4");
    })
    .run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place buy 99.93 x 0.64 #2 alo, place sell 100.06 x 0.64 #3 alo, place sell 100.07 x 0.64 #4 alo
        ",
    );
}

// -- requoting -------------------------------------------------------------------------------------

#[test]
fn a_quote_is_kept_within_its_tolerance_and_moved_when_it_is_old_enough() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +50ms
            book SOL bid 99.98 x 20 ask 100.03 x 20
            decide                     // half a tick of the mid: within a bps
            book SOL bid 100 x 20 ask 100.04 x 20
            decide                     // 2 bps: too young to be moved
            wake                     -> +50ms
            timer                    -> cancel #1, cancel #2, place buy 99.95 x 0.64 #3 alo, place sell 100.09 x 0.64 #4 alo
            canceled #1
            canceled #2
            decide
        ",
    );
}

#[test]
fn a_quote_without_edge_is_pulled_by_the_book_itself() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            bbo SOL 99.93 x 1 / 99.97 x 20 -> cancel #1   // the bid at 99.94 has no 2 bps left
            why fast                 -> #1 edge -0.81
            decide                   -> place buy 99.89 x 0.64 #3 alo
        ",
    );
}

#[test]
fn no_quote_is_placed_that_the_next_book_would_pull() {
    // The spread would be 1 bps a side, the edge must be 2.
    sol(|i| i.maker.as_mut().expect("a maker").spread_base = bps("2")).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.97 x 0.64 #1 alo, place sell 100.03 x 0.64 #2 alo
            ack #1
            ack #2
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide
        ",
    );
}

#[test]
fn a_post_only_order_that_would_have_traded_pauses_its_side() {
    plain().run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            reject #1 would_cross
            ack #2
            decide                     // not as fast as the venue answers
            wake                     -> +100ms
            timer                    -> place buy 99.94 x 0.64 #3 alo
        ",
    );
}

// -- quality ---------------------------------------------------------------------------------------

#[test]
fn bad_markouts_widen_the_adding_side() {
    let quality = QualityParams { samples: 1, ..QualityParams::DEFAULT };
    sol(|i| i.maker.as_mut().expect("a maker").quality = quality).run(
        "
            up
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +1s
            fill #1 buy 0.2 @ 99.94 maker
            at +1s
            book SOL bid 99.88 x 20 ask 99.92 x 20 -> cancel #1
            decide                   -> cancel #2, place buy 99.83 x 0.48 #3 alo, place sell 99.97 x 0.48 #4 alo
            why markout              -> buy 0 from fill -4.0024 from mid -10
            canceled #1
            canceled #2
            ack #3
            ack #4
            at +4s
            book SOL bid 99.88 x 20 ask 99.92 x 20
            decide                   -> cancel #3, place buy 99.81 x 0.48 #5 alo   // 4 bps under the fill after 5 s
            why markout              -> buy 1 from fill -4.0024 from mid -10
            why buy                  -> volatility 12, inventory 2, quality 4, size x0.75 inventory
            why sell                 -> volatility 12, inventory 2, size x0.75 inventory
        ",
    );
}

#[test]
fn alone_at_the_top_is_too_near() {
    let quality = QualityParams { samples: 1, ..QualityParams::DEFAULT };
    sol(|i| i.maker.as_mut().expect("a maker").quality = quality).run(
        "
            up
            book SOL bid 99.9 x 20 ask 100.1 x 20
            decide                   -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
            ack #1
            ack #2
            at +1s
            bbo SOL 99.94 x 0.64 / 100.06 x 5 -> cancel #1   // the bid is ours, the ask has company
            decide                   -> place buy 99.93 x 0.64 #3 alo
            why buy                  -> volatility 12, quality 2
        ",
    );
}
