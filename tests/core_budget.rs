//! Cold. What the venue's rate rules leave, in the line language. Quotes are 99.94 / 100.06 x 0.64 at a
//! mid of 100.

mod common;

use common::config::{core, inst};
use common::lines::Desk;
use evenkeel::core::{Core, CoreConfig, Outputs};
use evenkeel::event::{Component, Room};
use evenkeel::units::Bps;

fn config() -> CoreConfig {
    let mut config = core(vec![inst("SOL")]);
    config.standing.requests_low = 1000;
    config.standing.requests_last = 100;
    config.standing.low_permille = 4000;
    config.instruments[0].requote.tolerance = Bps::whole(1);
    config
}

fn desk() -> Desk {
    Desk::new(&config())
}

const QUOTED: &str = "
    up
    book SOL bid 99.98 x 20 ask 100.02 x 20
    decide            -> place buy 99.94 x 0.64 #1 alo, place sell 100.06 x 0.64 #2 alo
    ack #1
    ack #2
    at +500ms
";

#[test]
fn with_plenty_of_requests_nothing_changes() {
    desk().run(QUOTED).run(
        "
            requests 1000
            why requests      -> nothing
            book SOL bid 100.00 x 20 ask 100.04 x 20   // the mid is 2 bps higher
            decide            -> cancel #1, cancel #2
        ",
    );
}

#[test]
fn with_few_quotes_move_by_more_and_later() {
    desk().run(QUOTED).run(
        "
            requests 999
            why requests      -> low 999 minute 0
            decide
            book SOL bid 100.00 x 20 ask 100.04 x 20
            decide            // 2 bps are within four times the tolerance
            book SOL bid 100.03 x 20 ask 100.07 x 20 -> cancel #2   // without edge: pulled at once all the same
            decide            // 5 bps are not, but the bid is too young: four times 250 ms
            at +500ms
            decide            -> cancel #1
        ",
    );
}

#[test]
fn with_the_last_ones_nothing_leaves_but_cancels_and_what_reduces() {
    let mut desk = desk();
    desk.run(QUOTED).run(
        "
            requests 99       -> alarm rate_budget
            why requests      -> last 99 minute 0
            decide            // what rests and fits stays
            at +1500ms
            book SOL bid 100.03 x 20 ask 100.07 x 20 -> cancel #2
            decide            -> cancel #1
            why buy           -> silent rate_budget
            canceled #1
            canceled #2
            decide            // and nothing takes its place
            why sell          -> silent rate_budget
            requests 1200
            why requests      -> ample 1200 minute 0
            decide            -> place buy 99.99 x 0.64 #3 alo, place sell 100.11 x 0.64 #4 alo
        ",
    );
    let refusals: u64 = desk.core.refusals()[Component::Maker as usize].iter().sum();
    assert_eq!(refusals, 0, "what there is no room for is not even asked of risk");
}

#[test]
fn what_is_held_is_sold_with_the_last_requests() {
    desk().run(
        "
            up 0.3 @ 100
            requests 50       -> alarm rate_budget
            book SOL bid 99.98 x 20 ask 100.02 x 20
            decide            -> place sell 100.06 x 0.64 #1 alo
            why buy           -> silent rate_budget
        ",
    );
}

#[test]
fn a_full_minute_and_a_refusal_count_as_well() {
    desk().run(
        "
            up
            requests 5000 minute 799
            requests 5000 minute 800
            why requests      -> low 5000 minute 800
            requests 5000 minute 950 -> alarm rate_budget
            requests 5000 minute 100
            requests 5000 refused -> alarm rate_budget
            why requests      -> last 5000 minute 0 refused
            requests -3 refused      // no news
            requests 9223372036854775807
            why requests      -> ample 9223372036854775807 minute 0
        ",
    );
    // Thresholds of zero are none.
    let mut config = config();
    (config.standing.requests_low, config.standing.requests_last) = (0, 0);
    Desk::new(&config).run(
        "
            up
            requests -50
            why requests      -> nothing
        ",
    );
}

#[test]
fn replay_reaches_the_same_state() {
    let mut desk = desk();
    desk.run(QUOTED).run("requests 99 -> alarm rate_budget");
    let mut fresh = Core::new(&config()).expect("a valid config");
    for input in &desk.log {
        fresh.apply(input, &mut Outputs::default());
    }
    assert_eq!(fresh.hash(), desk.core.hash());
    assert_eq!(fresh.room_for_actions(), Room::Last);
}
