//! Cold. Keys, nonces, answers, unknown outcomes, the rate.

use super::kit::*;
use evenkeel::event::{Event, Refused, RejectReason, VenueOrderState};
use evenkeel::units::{Price, Qty};
use evenkeel::venue::account::{Asked, Leverage, Options, Switch};
use evenkeel::venue::rest::{Fate, OpenOrder, SendTier, VenueView};
use evenkeel::venue::{FRAME_MAX, VenueAccount};
use serde_json::Value;

#[test]
fn what_rests_goes_by_the_first_key_and_what_takes_by_the_second() {
    let mut account = account();
    let mut sent = |action| {
        let sent = send(&mut account, &[action], NOW).expect("it is sent");
        (sent.kinds[0], sent.number("ApiKeyIndex"), sent.number("Nonce"))
    };
    assert_eq!(sent(place(1, 100_000, 500)), (14, 4, 10));
    assert_eq!(sent(ioc(2, 101_000, 300)), (14, 5, 20));
    assert_eq!(sent(place(3, 99_000, 500)), (14, 4, 11));
    assert_eq!(sent(cancel(1)), (15, 4, 12));
    assert_eq!(sent(ioc(4, 101_000, 300)), (14, 5, 21));
    let mut one = account_with("77", &Options::default());
    view(&mut one, &[(4, 7)]);
    let sent = send(&mut one, &[ioc(1, 101_000, 300)], NOW).expect("it is sent");
    assert_eq!((sent.number("ApiKeyIndex"), sent.number("Nonce")), (4, 7));
    assert_eq!(sent.number("ClientOrderIndex"), client(1));
    assert_eq!((sent.number("TimeInForce"), sent.number("OrderExpiry")), (0, 0));
}

#[test]
fn frames_of_two_keys_have_numbers_of_their_own() {
    let mut account = account();
    let a = send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let b = send(&mut account, &[ioc(2, 101_000, 300)], NOW).expect("sent");
    assert_ne!(a.id, b.id);
    assert_eq!(heard(&mut account, &refused(&b, 21_739)), ["reject 2 margin"]);
    assert_eq!(heard(&mut account, &refused(&a, 21_706)), ["reject 1 min_notional"]);
    assert_eq!(tell(&mut account, &refused(&a, 21_706)).0.ignored, 1, "it waits no more");
}

#[test]
fn nothing_is_sent_before_the_nonces_are_known() {
    let mut account = account_with("77:4:5", &Options::default());
    let nothing = Err(Refused::NotReconciled);
    assert_eq!(send(&mut account, &[place(1, 100_000, 500)], NOW).map(drop), nothing);
    assert_eq!(send(&mut account, &[cancel(1)], NOW).map(drop), nothing);
    view(&mut account, &[(4, 10)]);
    assert!(send(&mut account, &[place(1, 100_000, 500)], NOW).is_ok());
    assert_eq!(send(&mut account, &[ioc(2, 101_000, 300)], NOW).map(drop), nothing);
}

#[test]
fn taken_is_not_executed() {
    let mut account = account();
    let sent = send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let (done, events) = tell(&mut account, &taken(&sent));
    assert_eq!((done.answers, events.len(), done.stale), (1, 0, false));
    let mut told =
        Told { client: client(1), px: 100_000, whole: 500, filled: 0, status: "open", nonce: 1 };
    assert_eq!(heard(&mut account, &update(told)), ["ack 1"]);
    told.status = "filled";
    told.filled = 500;
    assert_eq!(heard(&mut account, &trade(1, client(1), 100_000, 500, false)), ["fill 1 500"]);
    assert_eq!(heard(&mut account, &update(told)), ["done 1"]);
}

#[test]
fn an_answer_is_known_by_its_hash_too() {
    let mut account = account();
    let all = [place(1, 100_000, 500), place(2, 100_000, 500)];
    for action in all {
        send(&mut account, &[action], NOW).expect("sent");
    }
    // Another's hash, and a shape without id or hash while two wait.
    let other =
        format!(r#"{{"type":"jsonapi/sendtx","code":200,"tx_hash":"{}"}}"#, "ab".repeat(40));
    assert_eq!(tell(&mut account, &other).0.ignored, 1);
    let bare = r#"{"type":"jsonapi/sendtx","code":21149,"message":"integrator is not approved"}"#;
    assert_eq!(tell(&mut account, bare).0.ignored, 1);
}

#[test]
fn the_last_frame_that_is_refused_gives_its_nonce_back() {
    let mut account = account();
    let sent = send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let (done, events) = tell(&mut account, &refused(&sent, 21_706));
    assert!(!done.stale);
    assert!(matches!(events[..], [Event::Reject { reason: RejectReason::MinNotional, .. }]));
    let next = send(&mut account, &[place(2, 100_000, 500)], NOW).expect("sent");
    assert_eq!(next.number("Nonce"), 10, "a refused frame used none");
}

#[test]
fn a_lost_nonce_is_asked_for_and_set() {
    let mut account = account();
    let frames: Vec<Sent> = (1..=3)
        .map(|n| send(&mut account, &[place(n, 100_000, 500)], NOW).expect("sent"))
        .collect();
    // The first is refused with two behind it: their nonces are beyond the venue's.
    assert!(!tell(&mut account, &refused(&frames[0], 21_706)).0.stale, "answers are on their way");
    assert_eq!(
        send(&mut account, &[place(4, 100_000, 500)], NOW).map(drop),
        Err(Refused::NotReconciled)
    );
    view(&mut account, &[(4, 10), (5, 20)]);
    assert!(
        send(&mut account, &[place(4, 100_000, 500)], NOW).is_err(),
        "a nonce from before the last answer is not believed"
    );
    assert_eq!(heard(&mut account, &refused(&frames[1], 21_104)), ["reject 2 nonce"]);
    let (done, events) = tell(&mut account, &refused(&frames[2], 21_104));
    assert_eq!((done.stale, events.len()), (true, 1));
    // The other key goes on.
    assert_eq!(send(&mut account, &[ioc(5, 101_000, 300)], NOW).expect("sent").number("Nonce"), 20);
    view(&mut account, &[(4, 12), (5, 99)]);
    assert_eq!(
        send(&mut account, &[place(6, 100_000, 500)], NOW).expect("sent").number("Nonce"),
        12
    );
    let ours = send(&mut account, &[ioc(7, 101_000, 300)], NOW).expect("sent");
    assert_eq!(ours.number("Nonce"), 21, "a key that is in step keeps its own count");
    assert!(!tell(&mut account, r#"{"type":"pong"}"#).0.stale);
}

#[test]
fn a_refusal_holds_nothing_up_where_nonces_may_be_skipped() {
    let mut account = account_with("77:4:5", &Options { skip_nonces: true, ..Options::default() });
    view(&mut account, &[(4, 10), (5, 20)]);
    let frames: Vec<Sent> = (1..=3)
        .map(|n| send(&mut account, &[place(n, 100_000, 500)], NOW).expect("sent"))
        .collect();
    assert!(frames.iter().all(|f| f.infos[0]["L2TxAttributes"]["4"] == 1), "marked");
    // The first is refused with two behind it, which the venue takes; of the second nobody knows.
    assert!(!tell(&mut account, &refused(&frames[0], 21_706)).0.stale);
    assert_eq!(heard(&mut account, &refused(&frames[1], 29_500)), ["unknown 2"]);
    let next = send(&mut account, &[place(4, 100_000, 500)], NOW).expect("sent");
    assert_eq!(next.number("Nonce"), 13);
    // The last one gives its nonce back; a nonce that is not above the venue's is a key out of step.
    assert!(!tell(&mut account, &refused(&next, 21_706)).0.stale);
    let again = send(&mut account, &[place(5, 100_000, 500)], NOW).expect("sent");
    assert_eq!(again.number("Nonce"), 13);
    assert_eq!(heard(&mut account, &refused(&again, 21_104)), ["reject 5 nonce"]);
    assert!(send(&mut account, &[place(6, 100_000, 500)], NOW).is_err());
}

#[test]
fn the_servers_own_fault_leaves_the_outcome_unknown() {
    let mut account = account();
    let sent = send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let (done, events) = tell(&mut account, &refused(&sent, 29_500));
    assert_eq!(events.iter().map(short).collect::<Vec<_>>(), ["unknown 1"]);
    assert!(done.stale, "nor is it known whether the nonce was used");
}

#[test]
fn a_batch_that_is_refused_is_not_known_order_by_order() {
    let options = Options { batches: true, ..Options::default() };
    let mut account = account_with("77:4:5", &options);
    view(&mut account, &[(4, 10), (5, 20)]);
    assert_eq!(account.batch_max(), 15);
    let both = [place(1, 100_000, 500), place(2, 99_000, 500)];
    let sent = send(&mut account, &both, NOW).expect("sent");
    assert_eq!((sent.infos.len(), sent.infos[1]["Nonce"].as_u64()), (2, Some(11)));
    assert_eq!(heard(&mut account, &refused(&sent, 21_706)), ["unknown 1", "unknown 2"]);
    assert!(tell(&mut account, r#"{"type":"pong"}"#).0.stale);
    view(&mut account, &[(4, 10), (5, 20)]);
    // Of a nonce nothing is taken, whichever of them it is about.
    let sent = send(&mut account, &[place(3, 100_000, 500), place(4, 99_000, 500)], NOW);
    let sent = sent.expect("sent");
    assert_eq!(heard(&mut account, &refused(&sent, 21_104)), ["reject 3 nonce", "reject 4 nonce"]);
    view(&mut account, &[(4, 10), (5, 20)]);
    let sent = send(&mut account, &[cancel(1), cancel(2)], NOW).expect("sent");
    assert_eq!(
        heard(&mut account, &refused(&sent, 21_600)),
        ["unknown 1", "unknown 2"],
        "both are asked about"
    );
    assert_eq!(account_with("77", &Options::default()).batch_max(), 1);
}

fn not_found() -> Fate {
    Fate {
        state: VenueOrderState::NotFound,
        filled: Qty::ZERO,
        venue_oid: 0,
        now: (Price::ZERO, Qty::ZERO),
    }
}

#[test]
fn a_lost_connection_is_resolved_by_asking() {
    let mut account = account();
    send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    send(&mut account, &[place(2, 99_000, 500)], NOW + 5_000).expect("sent");
    account.lost(NOW + 5_500);
    assert_eq!(
        send(&mut account, &[cancel(1)], NOW + 5_600).map(drop),
        Err(Refused::NotReconciled)
    );
    let mut room = [0; FRAME_MAX];
    assert_eq!(account.ask(id(1), 7, &mut room), Ok(Asked::Rest(client(1).into())));
    // It may still come: no answer is not "it is not there".
    assert_eq!(account.judge(id(1), &not_found(), NOW + TTL), None);
    assert_eq!(account.judge(id(2), &not_found(), NOW + TTL + 2_000), None);
    let gone = account.judge(id(1), &not_found(), NOW + TTL + 1_001).expect("expired");
    assert_eq!(gone.state, VenueOrderState::NotFound);
    let open = Fate {
        state: VenueOrderState::Open,
        filled: qty(100),
        venue_oid: 5,
        now: (px(99_000), qty(500)),
    };
    assert_eq!(account.judge(id(2), &open, NOW + 6_000), Some(open));
    // An order that is not of this run is as the venue says.
    assert_eq!(account.judge(id(900), &open, NOW), Some(open));
}

/// Names and values of a form.
fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(body.to_vec()).expect("ASCII");
    let decode = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((&first, more)) = rest.split_first() {
            rest = more;
            if first == b'%' {
                let digits = std::str::from_utf8(&more[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                rest = &more[2..];
            } else {
                bytes.push(first);
            }
        }
        String::from_utf8(bytes).expect("UTF-8")
    };
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').expect("a field");
        (decode(name), decode(value))
    };
    text.split('&').map(pair).collect()
}

#[test]
fn cancels_by_rest_are_forms_that_skip_nonces() {
    let mut account = account();
    send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    account.lost(NOW);
    let listed = |id, inst| OpenOrder { inst, id, client: None };
    let one = listed(281_474_976_710_700, Some(SOL));
    let mut room = [0; FRAME_MAX];
    let requests = account.cancel_requests(&[one, listed(9, None)], NOW, &mut room);
    let [Ok(request)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(request.path, "/api/v1/sendTx");
    assert_eq!(request.headers[0].1, "application/x-www-form-urlencoded");
    let fields = form(&request.body);
    assert_eq!(fields[0], ("tx_type".to_owned(), "15".to_owned()));
    let info: Value = serde_json::from_str(&fields[1].1).expect("JSON");
    assert_eq!(info["Index"], 281_474_976_710_700_u64);
    // Above every nonce that was used here, whether or not the venue has seen them.
    assert_eq!((&info["Nonce"], &info["L2TxAttributes"]["4"]), (&11.into(), &1.into()));
    let three: Vec<_> = (0..51).map(|n| listed(281_474_976_710_700 + n, Some(SOL))).collect();
    let requests = account.cancel_requests(&three, NOW, &mut room);
    let [Ok(batch), Ok(single)] = &requests[..] else { panic!("{} requests", requests.len()) };
    assert_eq!(
        (batch.path.as_str(), single.path.as_str()),
        ("/api/v1/sendTxBatch", "/api/v1/sendTx")
    );
    let fields = form(&batch.body);
    let kinds: Vec<u64> = serde_json::from_str(&fields[0].1).expect("types");
    let infos: Vec<String> = serde_json::from_str(&fields[1].1).expect("texts");
    let last: Value = serde_json::from_str(&infos[49]).expect("JSON");
    assert_eq!((kinds.len(), &last["Nonce"]), (50, &61.into()));
}

fn next_house(account: &mut VenueAccount, now_ms: u64) -> Option<Sent> {
    let mut room = [0; FRAME_MAX];
    let len = account.housekeep(1, now_ms, &mut room)?;
    Some(Sent::read(&room[..len]))
}

#[test]
fn leverages_are_set_once_and_a_refusal_is_told() {
    let leverage = |times, isolated| Some(Leverage { times, isolated });
    let wanted = vec![leverage(20, false), leverage(3, true)];
    let options = Options { leverage: wanted, ..Options::default() };
    let mut account = account_with("77", &options);
    assert!(next_house(&mut account, NOW).is_none(), "no nonce yet");
    view(&mut account, &[(4, 10)]);
    let mut seen = Vec::new();
    while let Some(sent) = next_house(&mut account, NOW) {
        let parts = ["MarketIndex", "InitialMarginFraction", "MarginMode"];
        seen.push((sent.kinds[0], parts.map(|name| sent.number(name))));
        if seen.len() == 1 {
            tell(&mut account, &taken(&sent));
            assert_eq!(account.take_leverage_refused(), None);
        } else {
            tell(&mut account, &refused(&sent, 21_132));
        }
    }
    // A third of the value is 33.34 %: never more leverage than is meant.
    assert_eq!(seen, [(20, [1, 3_334, 1]), (20, [2, 500, 0])]);
    assert_eq!(account.take_leverage_refused(), Some(RejectReason::BadRequest));
    assert_eq!(account.take_leverage_refused(), None);
}

#[test]
fn the_dead_mans_switch_is_set_put_off_and_taken_back() {
    let options = Options { dead_man: true, ..Options::default() };
    let mut account = account_with("77", &options);
    view(&mut account, &[(4, 10)]);
    let mut room = [0; FRAME_MAX];
    let mut beat = |account: &mut VenueAccount, now_ms| {
        account.beat(now_ms, &mut room).map(|len| Sent::read(&room[..len]))
    };
    let sent = beat(&mut account, NOW).expect("it is due");
    assert_eq!((sent.kinds[0], sent.number("TimeInForce")), (16, 1));
    // At least five minutes ahead.
    assert_eq!(sent.number("Time"), NOW + 360_000);
    tell(&mut account, &taken(&sent));
    assert_eq!(account.switch(), Switch::Armed);
    assert!(beat(&mut account, NOW + 119_999).is_none());
    let sent = beat(&mut account, NOW + 120_000).expect("it is put off");
    tell(&mut account, &refused(&sent, 21_712));
    let sent = beat(&mut account, NOW + 120_001).expect("what is queued goes first");
    assert_eq!((sent.number("TimeInForce"), sent.number("Time")), (2, 0));
    tell(&mut account, &taken(&sent));
    assert!(beat(&mut account, NOW + 121_000).is_none(), "taken is not executed");
    let sent = beat(&mut account, NOW + 121_001).expect("and is set anew");
    tell(&mut account, &taken(&sent));
    assert_eq!(account.switch(), Switch::Armed);
    let mut room = [0; FRAME_MAX];
    let len = account.disarm(NOW + 130_000, &mut room).expect("it is armed");
    assert_eq!(Sent::read(&room[..len]).number("TimeInForce"), 2);
}

#[test]
fn the_rate_is_told_and_cancels_have_the_last_of_it() {
    let mut account = account();
    let told = |account: &mut VenueAccount, now_ms| {
        let mut events = Vec::new();
        account.rate_report(now_ms, RECV, &mut events);
        events
    };
    let answered = |account: &mut VenueAccount, n| -> Result<(), Refused> {
        let sent = send(account, &[place(n, 100_000, 500)], NOW)?;
        tell(account, &taken(&sent));
        Ok(())
    };
    // Standard: 60 a minute, until the venue says otherwise; six of them for cancels.
    for n in 1..=54 {
        answered(&mut account, n).expect("there is room");
    }
    assert_eq!(answered(&mut account, 55), Err(Refused::RateBudget));
    assert!(send(&mut account, &[cancel(1)], NOW).is_ok());
    let events = told(&mut account, NOW);
    let [Event::RateBudget { minute_permille: 916, left: i64::MAX, refused: false, .. }] =
        events[..]
    else {
        panic!("{events:?}")
    };
    let tier = Some(SendTier { per_minute: 4_000, has_quota: true });
    account.take_view(&VenueView { tier, ..VenueView::default() });
    let sent = send(&mut account, &[place(56, 100_000, 500)], NOW).expect("there is room again");
    let body = format!(r#"{{"code":200,"id":"{}","volume_quota_remaining":3}}"#, sent.id);
    tell(&mut account, &body);
    let events = told(&mut account, NOW + 5_000);
    assert!(matches!(events[..], [Event::RateBudget { left: 3, .. }]), "{events:?}");
    for n in 57..=59 {
        answered(&mut account, n).expect("the quota is not used up");
    }
    // One is free every fifteen seconds.
    answered(&mut account, 60).expect("the free one");
    assert_eq!(answered(&mut account, 61), Err(Refused::RateBudget));
    assert!(send(&mut account, &[cancel(2)], NOW).is_ok(), "cancels are free");
    let sent = send(&mut account, &[cancel(3)], NOW).expect("sent");
    tell(&mut account, &refused(&sent, 23_000));
    assert_eq!(send(&mut account, &[cancel(4)], NOW).map(drop), Err(Refused::RateBudget));
    let events = told(&mut account, NOW + 10_000);
    assert!(matches!(events[..], [Event::RateBudget { left: 0, .. }]), "{events:?}");
}

#[test]
fn a_key_that_the_venue_does_not_know_sends_cancels_only() {
    let mut account = account();
    let sent = send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    assert_eq!(heard(&mut account, &refused(&sent, 21_109)), ["reject 1 signature"]);
    assert_eq!(send(&mut account, &[place(2, 100_000, 500)], NOW).map(drop), Err(Refused::Halted));
    assert!(send(&mut account, &[cancel(1)], NOW).is_ok());
    assert!(send(&mut account, &[ioc(3, 101_000, 300)], NOW).is_ok(), "the other key");
}

#[test]
fn only_what_this_run_has_sent_is_ours() {
    let mut account = account();
    send(&mut account, &[place(1, 100_000, 500)], NOW).expect("sent");
    let listed = |inst, client| OpenOrder { inst, id: 281_474_976_710_700, client };
    assert!(account.is_ours(&listed(Some(SOL), Some(client(1).into()))));
    // The same tag, of an earlier run.
    assert!(!account.is_ours(&listed(Some(SOL), Some(client(2).into()))));
    assert!(!account.is_ours(&listed(Some(SOL), None)));
    assert!(!account.is_ours(&listed(None, Some(client(1).into()))));
    assert!(!account.is_ours(&listed(Some(SOL), Some(u128::MAX))));
}
