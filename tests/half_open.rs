//! A peer that goes silent without a goodbye: its socket stays open and nothing comes. It is asked,
//! and given up within the deadline, by a clock that the test moves.

use evenkeel::event::{Event, GapReason, Link, Stamp};
use evenkeel::instrument::{InstId, Symbol};
use evenkeel::net::{Endpoint, Limits};
use evenkeel::pipeline::Step;
use evenkeel::pipeline::clock::Clock;
use evenkeel::pipeline::dial::Dialer;
use evenkeel::pipeline::feed::FeedStep;
use evenkeel::pipeline::metrics::Metrics;
use evenkeel::pipeline::table::Depths;
use evenkeel::units::Nanos;
use evenkeel::venue::MarketFeed;
use evenkeel::venue::hyperliquid::feed::FeedCodec;
use ring::spsc::channel;
use std::net::TcpListener;
use std::sync::Arc;

const SECOND: u64 = 1_000_000_000;
/// The venue closes a connection after a minute of silence; ours is given up well before.
const DEADLINE_S: u64 = 33;

#[test]
fn a_silent_peer_is_asked_and_then_given_up_within_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    // It reads what comes, says nothing, and never closes.
    let peer = std::thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        let mut heard = Vec::new();
        while let Ok(message) = socket.read() {
            heard.push(message.into_text().unwrap().to_string());
        }
        heard
    });
    let (counter, time) = quanta::Clock::mock();
    let clock = Clock::over(counter, Nanos::from_secs(1_760_000_000), 1000);
    // A stamp of zero is "never".
    time.increment(SECOND);
    let depths = Depths::for_instruments(1);
    let (market, mut events) = channel(depths.market);
    let (_asks, asks) = channel(depths.asks);
    let metrics = Arc::new(Metrics::default());
    let mut feed = FeedStep::new(
        MarketFeed::Hyperliquid(FeedCodec::new(&[(InstId(0), Symbol::new("SOL").unwrap())])),
        Dialer::new(Endpoint::parse(&url).unwrap(), Limits::default(), clock.clone()),
        market,
        asks,
        1,
        clock.clone(),
        Arc::clone(&metrics),
    );
    let up = loop {
        feed.step(clock.stamp());
        match events.pop() {
            Some(Event::LinkUp { link: Link::Market, recv }) => break recv,
            Some(event) => panic!("{event:?}"),
            None => std::thread::yield_now(),
        }
    };
    let mut down: Option<Stamp> = None;
    for _ in 0..DEADLINE_S + 1 {
        time.increment(SECOND);
        // What is lost in one step is told in the next.
        feed.step(clock.stamp());
        feed.step(clock.stamp());
        while let Some(event) = events.pop() {
            match event {
                Event::LinkDown { link: Link::Market, recv } => down = down.or(Some(recv)),
                Event::Gap { reason, .. } => assert_eq!(reason, GapReason::Disconnected),
                event => panic!("{event:?}"),
            }
        }
    }
    let silent = (down.expect("it is given up").0 - up.0) / SECOND;
    assert!((32..=DEADLINE_S).contains(&silent), "given up after {silent} s");
    assert_eq!(metrics.feed.reconnects.get(), 1);
    let heard = peer.join().unwrap();
    let pings = heard.iter().filter(|text| text.contains("\"ping\"")).count();
    assert_eq!(pings, 2, "asked at 15 s and 30 s: {heard:?}");
}
