//! Cold. Tokens, pings, the end of a connection, what a lost one has missed.

use super::kit::*;
use evenkeel::event::Event;
use evenkeel::units::Nanos;
use evenkeel::venue::VenueAccount;
use evenkeel::venue::account::Options;
use evenkeel::venue::rest::VenueView;
use serde_json::Value;

fn beats(account: &VenueAccount, now_ms: u64) -> bool {
    account.wants_beat(Nanos(now_ms * 1_000_000))
}

/// What frames ask for: type, channel, and the deadline of the token, s.
fn asked(frames: &[String]) -> Vec<(String, String, u64)> {
    let read = |frame: &String| {
        let frame: Value = serde_json::from_str(frame).expect("JSON");
        let text = |name: &str| frame[name].as_str().expect("a text").to_owned();
        let deadline = text("auth").split(':').next().expect("a deadline").parse();
        (text("type"), text("channel"), deadline.expect("seconds"))
    };
    frames.iter().map(read).collect()
}

const HOUR_MS: u64 = 3_600_000;

#[test]
fn tokens_are_renewed_before_they_end() {
    let mut account = account();
    let deadline = NOW / 1000 + 7 * 3600;
    let first = asked(&account.subscriptions(NOW));
    let channels: Vec<&str> = first.iter().map(|ask| ask.1.as_str()).collect();
    assert_eq!(
        channels,
        [
            "account_all_orders/77",
            "account_all_trades/77",
            "account_all_positions/77",
            "user_stats/77"
        ]
    );
    assert!(first.iter().all(|ask| ask.0 == "subscribe" && ask.2 == deadline));
    // REST shows the same one.
    let pass = account.pass(NOW + HOUR_MS).0.expect("a token");
    assert!(pass.starts_with(&format!("{deadline}:77:4:")));
    let mut told = Vec::new();
    account.rate_report(NOW, RECV, &mut told);
    assert_eq!(account.renewals(NOW + 6 * HOUR_MS), [""; 0]);
    let due = NOW + 6 * HOUR_MS + HOUR_MS / 2;
    assert!(beats(&account, due));
    let again = asked(&account.renewals(due));
    let kinds: Vec<&str> = again.iter().map(|ask| ask.0.as_str()).collect();
    // A channel that stands must be ended first.
    assert_eq!(kinds, ["unsubscribe", "subscribe"].repeat(4));
    assert!(again.iter().all(|ask| ask.2 == due / 1000 + 7 * 3600));
    assert_eq!(account.renewals(due + 1), [""; 0], "once");
    // What may have been missed between end and beginning is read.
    assert!(tell(&mut account, r#"{"type":"pong"}"#).0.stale);
    view(&mut account, &[]);
    assert!(!tell(&mut account, r#"{"type":"pong"}"#).0.stale);
}

#[test]
fn a_refused_channel_is_asked_for_again_and_not_at_once() {
    for error in [
        r#"{"error":{"code":30003,"message":"Already Subscribed to : account_all_orders:77"}}"#,
        r#"{"error":{"code":20013,"message":"invalid auth: account_all_orders:77"}}"#,
        r#"{"error":{"code":20001,"message":"invalid param : auth field is required: account_all_orders:77"}}"#,
    ] {
        let mut account = account();
        account.subscriptions(NOW);
        account.rate_report(NOW, RECV, &mut Vec::new());
        tell(&mut account, error);
        assert_eq!(account.renewals(NOW + 1_000), [""; 0], "{error}");
        assert!(beats(&account, NOW + 10_000), "{error}");
        assert_eq!(account.renewals(NOW + 10_000).len(), 8, "{error}");
        assert_eq!(account.renewals(NOW + 20_000), [""; 0], "{error}");
    }
    let mut account = account();
    account.subscriptions(NOW);
    let public = r#"{"error":{"code":30003,"message":"Already Subscribed to : order_book:2"}}"#;
    tell(&mut account, public);
    assert_eq!(account.renewals(NOW + 10_000), [""; 0], "not a channel of ours");
}

#[test]
fn pings_are_answered_and_an_announced_end_is_made() {
    let mut account = account();
    let (done, events) = tell(&mut account, r#"{"type":"ping"}"#);
    assert!(done.ping && !done.closing && events.is_empty());
    assert_eq!(account.pong(), r#"{"type":"pong"}"#);
    assert_eq!(account.ping(), r#"{"type":"ping"}"#);
    // The venue closes after two minutes of silence.
    assert!(account.heard_within_ns() <= 120_000_000_000);
    assert!(tell(&mut account, r#"{"type":"shutdown","close_in_ms":5000}"#).0.closing);
    let greeting = r#"{"session_id":"x","type":"connected"}"#;
    assert_eq!(tell(&mut account, greeting).0.ignored, 0);
}

#[test]
fn fills_that_a_lost_connection_has_missed_are_in_the_view() {
    let mut account = account();
    send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let told = |trade_id| trade_json(trade_id, client(1), 100_000, 100, false);
    assert_eq!(heard(&mut account, &trade(1, client(1), 100_000, 100, false)), ["fill 1 100"]);
    account.lost(NOW + 1_000);
    let fills = format!(r#"{{"code":200,"trades":[{},{}]}}"#, told(2), told(1)).into_bytes();
    account.take_view(&VenueView { fills: fills.clone(), ..VenueView::default() });
    let mut events: Vec<Event> = Vec::new();
    assert!(account.tell_recovered(&mut events));
    // The core knows trades by their number.
    assert_eq!(events.iter().map(short).collect::<Vec<_>>(), ["fill 1 100", "fill 1 100"]);
    assert!(matches!(
        events[..],
        [Event::Fill { trade_id: 2, .. }, Event::Fill { trade_id: 1, .. }]
    ));
    // Once; and at the start of a run nothing is news.
    account.take_view(&VenueView { fills: fills.clone(), ..VenueView::default() });
    let mut again: Vec<Event> = Vec::new();
    assert!(account.tell_recovered(&mut again) && again.is_empty());
    let mut fresh = account_with("77", &Options::default());
    fresh.take_view(&VenueView { fills, ..VenueView::default() });
    assert!(fresh.tell_recovered(&mut again) && again.is_empty());
}

/// Takes so many events at a time.
struct Narrow {
    room: usize,
    events: Vec<Event>,
}

impl evenkeel::venue::Sink for Narrow {
    fn put(&mut self, event: Event) -> bool {
        if self.room == 0 {
            return false;
        }
        self.room -= 1;
        self.events.push(event);
        true
    }
}

#[test]
fn a_full_sink_gets_every_event_once() {
    let mut account = account();
    send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let open =
        Told { client: client(1), px: 100_000, whole: 500, filled: 0, status: "open", nonce: 1 };
    heard(&mut account, &update(open));
    send(&mut account, &[modify(1, 2, 101_000, 500)], NOW).expect("sent");
    // It tells two things: the old one is no more, the new one rests.
    let moved = update(Told { px: 101_000, nonce: 2, ..open });
    let mut sink = Narrow { room: 0, events: Vec::new() };
    let mut taken = 0;
    loop {
        let done = account.decode(taken, moved.as_bytes(), RECV, &mut sink).expect("sound");
        taken = done.taken;
        if !done.full {
            break;
        }
        sink.room = 1;
    }
    let told: Vec<String> = sink.events.iter().map(short).collect();
    assert_eq!(told, ["canceled 1 by_us", "ack 2"]);
}
