//! Whole sessions over sockets, in a market that runs a hundred times as fast, while something goes
//! wrong. Nothing asserted depends on timing: however it went, the session ends in order, every
//! order was legal, the journal replays to the same state, and the venue agrees with the engine.

mod session_kit;

use evenkeel::explain::Alarm;
use evenkeel::ops::scenario;
use evenkeel::sim::exchange::Fault;
use evenkeel::sim::server::{BadFrame, Scope, ServerFault};
use evenkeel::venue::hyperliquid::dead_man::Switch;
use session_kit::Run;

/// A market in which both sides trade often.
fn start(name: &'static str) -> Run {
    Run::start(name, scenario::find("volatile").expect("a scenario"), |_| {})
}

#[test]
fn nothing_goes_wrong() {
    let mut run = start("calm");
    run.play(2000);
    // The venue's dead man's switch needs a volume: it says so, and nothing else happens.
    run.until("the switch was not refused", |run| {
        run.session.metrics.egress.dead_man.get() == Switch::TooLittleVolume as u64
    });
    let left = run.end();
    assert_eq!(left.ups, [1, 1]);
    // By name, once, and in the journal, which was replayed.
    let alarms = left.core.counts().alarms;
    assert_eq!(alarms[Alarm::DeadManRefused as usize], 1);
    assert_eq!(alarms[Alarm::LeverageRefused as usize], 0);
    assert_eq!(left.core.counts().adopted, 0);
}

/// A leverage above the venue's highest is refused: an alarm of the core, and a reason in its health.
#[test]
fn a_leverage_that_is_refused_is_an_alarm() {
    let volatile = scenario::find("volatile").expect("a scenario");
    let mut run = Run::start("leverage", volatile, |config| config.markets[0].leverage = 100);
    let count = |run: &Run| run.session.metrics.egress.leverage_refused.get();
    run.until("it was not refused", |run| count(run) > 0);
    run.play(600);
    assert_eq!(count(&run), 1);
    let left = run.end();
    assert_eq!(left.core.counts().alarms[Alarm::LeverageRefused as usize], 1);
}

#[test]
fn market_connection_is_dropped() {
    let mut run = start("drop-market");
    for _ in 0..3 {
        run.play(500);
        run.fault(ServerFault::Drop(Scope::Market));
    }
    run.play(800);
    run.end();
}

#[test]
fn private_connection_is_dropped() {
    let mut run = start("drop-private");
    for _ in 0..3 {
        run.play(500);
        run.fault(ServerFault::Drop(Scope::Private));
    }
    run.until("the drop was not noticed", |run| run.links_down() > 0);
    run.play(800);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

#[test]
fn venue_falls_silent_and_heals() {
    let mut run = start("silence");
    for _ in 0..2 {
        run.play(400);
        run.fault(ServerFault::Silence(Scope::All));
        run.play(250);
        run.fault(ServerFault::Heal);
    }
    run.play(800);
    run.end();
}

#[test]
fn malformed_frames() {
    let mut run = start("malformed");
    let frames = [
        BadFrame::NotUtf8,
        BadFrame::ReservedOpcode,
        BadFrame::Masked,
        BadFrame::Oversized,
        BadFrame::BrokenJson,
        BadFrame::Truncated,
    ];
    run.play(300);
    for frame in frames {
        for scope in [Scope::Market, Scope::Private] {
            run.fault(ServerFault::Malformed(scope, frame));
            run.play(150);
        }
    }
    run.play(500);
    run.end();
}

#[test]
fn new_connections_are_refused_for_a_while() {
    let mut run = start("refused");
    run.play(400);
    run.fault(ServerFault::RefuseNew);
    run.fault(ServerFault::Drop(Scope::All));
    run.until("the drop was not noticed", |run| run.links_down() > 0);
    run.play(600);
    run.fault(ServerFault::Heal);
    run.play(1000);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

/// While no WebSocket can be made, what rests is cancelled over REST.
#[test]
fn what_rests_is_cancelled_by_rest() {
    let mut run = start("rest");
    let account = run.venue.account;
    let open = move |x: &mut evenkeel::sim::exchange::Exchange| x.open_orders(account).count();
    let rests = move |run: &Run| run.venue.server.with(open) != Some(0);
    // What rests when it is dropped may be gone by itself before the engine knows.
    while run.session.metrics.egress.rest_cancels.get() == 0 {
        run.until("nothing rests", rests);
        run.fault(ServerFault::RefuseWebSockets);
        run.fault(ServerFault::Drop(Scope::All));
        run.until("quotes rest that nobody can move", |run| !rests(run));
        run.fault(ServerFault::Heal);
    }
    run.play(1000);
    let left = run.end();
    assert!(left.core.counts().alarms[Alarm::LinkDown as usize] >= 1);
}

#[test]
fn answers_are_lost() {
    let mut run = start("lost-answers");
    run.play(300);
    run.exchange_fault(Fault::DropResponse, 300);
    run.play(1500);
    run.end();
}

#[test]
fn actions_are_lost() {
    let mut run = start("lost-actions");
    run.play(300);
    run.exchange_fault(Fault::DropAction, 200);
    run.play(1500);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0, "an action that never arrived moves nothing");
}

#[test]
fn fills_are_told_twice() {
    let mut run = start("double-fills");
    run.play(200);
    run.exchange_fault(Fault::DuplicateFill, 1000);
    run.play(2000);
    let left = run.end();
    assert_eq!(left.core.counts().adopted, 0, "the second telling was booked");
}
