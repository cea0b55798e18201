//! The engine's codecs against the embedded venue: each was written without a look at the other.

use evenkeel::event::{Action, CancelReason, Component, Event, OrderId, RejectReason, Stamp, Tif};
use evenkeel::units::{Price, Qty, Side};
use evenkeel::venue::lighter::answer::{Outcome, decode_answer};
use evenkeel::venue::lighter::feed::{Decoded, FeedCodec, FeedCodecCounts};
use evenkeel::venue::lighter::orders::{
    CodecConfig, FRAME_MAX, Market, NonceMode, OrderCodec, REST_MIN_MS,
};
use evenkeel::venue::lighter::tx::Sender;
use evenkeel::venue::lighter::user::UserCodec;

use crate::bed::{Bed, Client, QUOTES, SOL, SOL_ID, US, signer};

const RUN: u16 = 0xabc;

fn codec() -> OrderCodec {
    let market = Market { index: SOL_ID, price_decimals: 3, size_decimals: 3 };
    let mut codec = OrderCodec::new(CodecConfig {
        sender: Sender { chain_id: 304, account: US, api_key: QUOTES },
        run_tag: RUN,
        markets: vec![(SOL, market)],
        tx_ttl_ms: 10_000,
        rest_ms: REST_MIN_MS * 2,
        nonces: NonceMode::Sequential,
    })
    .unwrap();
    codec.resync(0);
    codec
}

fn px(text: &str) -> Price {
    Price::parse(text.as_bytes()).unwrap()
}

fn place(n: u64, side: Side, price: &str, tif: Tif) -> Action {
    Action::Place {
        inst: SOL,
        side,
        tif,
        reduce_only: false,
        component: Component::Maker,
        order: OrderId::new(n, SOL),
        px: px(price),
        qty: Qty::parse(b"1").unwrap(),
    }
}

/// Sends actions as the engine does; the answer as it reads it.
fn send(bed: &Bed, client: &mut Client, codec: &mut OrderCodec, actions: &[Action]) -> Outcome {
    let mut out = vec![0; FRAME_MAX];
    let mut signer = signer(US, QUOTES);
    let posted = codec.encode(actions, bed.now_ms(), &mut signer, &mut out).unwrap();
    client.send(std::str::from_utf8(&out[..posted.len]).unwrap());
    loop {
        let text = client.try_text().unwrap();
        if let Some(answer) = decode_answer(text.as_bytes()).unwrap() {
            assert_eq!(answer.id, Some(posted.id));
            if answer.outcome == (Outcome::Accepted { predicted_ms: None, quota: None }) {
                assert_eq!(answer.hash, Some(posted.hashes[0].to_bytes()));
            }
            return answer.outcome;
        }
    }
}

/// What the engine hears of its account in so many frames that say something.
fn heard(client: &mut Client, user: &mut UserCodec, frames: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..frames {
        let text = client.try_text().unwrap();
        let decoded = user.decode(text.as_bytes(), Stamp::default(), &mut events).unwrap();
        assert_eq!((decoded.unknown_markets, decoded.unknown_statuses), (0, 0), "{text}");
    }
    events
}

#[test]
fn orders_of_the_engine_live_at_the_venue() {
    let bed = Bed::new();
    bed.fill_book();
    let (mut client, mut orders) = (bed.client(), bed.client());
    let mut user = UserCodec::new(US, RUN, &[(SOL, SOL_ID)]);
    for frame in user.subscriptions(&bed.token(US)) {
        client.send(&frame);
    }
    let first = heard(&mut client, &mut user, 4);
    assert!(first.iter().all(|e| !matches!(e, Event::Fill { .. } | Event::OrderState { .. })));
    let mut codec = codec();
    let quotes = [
        place(1, Side::Buy, "106.4", Tif::Alo),
        place(2, Side::Sell, "106.9", Tif::Alo),
        place(3, Side::Buy, "106.56", Tif::Alo),
    ];
    let taken = send(&bed, &mut orders, &mut codec, &quotes);
    assert!(matches!(taken, Outcome::Accepted { .. }), "{taken:?}");
    let events = heard(&mut client, &mut user, 2);
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Ack { order, .. } => Some((order.counter(), "open")),
            Event::Reject { order, reason: RejectReason::WouldCross, .. } => {
                Some((order.counter(), "would cross"))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [(1, "open"), (2, "open"), (3, "would cross")]);
    // A fill in part, and the cancel of the rest.
    bed.crowd(Side::Sell, "106.5", "10.1", Tif::Ioc);
    bed.crowd(Side::Sell, "106.5", "20.5", Tif::Ioc);
    bed.crowd(Side::Sell, "106.4", "0.25", Tif::Ioc);
    let mut events = Vec::new();
    while !events.iter().any(|event| matches!(event, Event::Fill { .. })) {
        events.extend(heard(&mut client, &mut user, 1));
    }
    let fill = events.iter().find_map(|event| match *event {
        Event::Fill { order, side, px, qty, taker, fee, .. } => {
            Some((order.counter(), side, px.0, qty.0, taker, fee))
        }
        _ => None,
    });
    // 26.6 x 40 / 10^6.
    let want = (1, Side::Buy, px("106.4").0, 25_000_000, false, 106_400);
    assert_eq!(fill, Some(want));
    let cancel =
        Action::Cancel { inst: SOL, component: Component::Maker, order: OrderId::new(1, SOL) };
    send(&bed, &mut orders, &mut codec, &[cancel]);
    while !events.iter().any(|event| matches!(event, Event::Canceled { .. })) {
        events.extend(heard(&mut client, &mut user, 1));
    }
    let gone = events.iter().find_map(|event| match *event {
        Event::Canceled { order, reason, .. } => Some((order.counter(), reason)),
        _ => None,
    });
    assert_eq!(gone, Some((1, CancelReason::ByUs)));
    // A cancel of what is gone is refused at once, and the nonce that it used is used by the next.
    assert!(matches!(
        send(&bed, &mut orders, &mut codec, &[cancel]),
        Outcome::Refused { code: 21600, .. }
    ));
    codec.resync(bed.next_nonce(QUOTES));
    assert!(matches!(
        send(&bed, &mut orders, &mut codec, &[Action::CancelAll]),
        Outcome::Accepted { .. }
    ));
    assert!(bed.active().is_empty());
}

fn read(feed: &mut FeedCodec, text: &str) {
    let decoded = feed.decode(text.as_bytes(), Stamp::default(), &mut Vec::new()).unwrap();
    assert_ne!(decoded, Decoded::UnknownChannel, "{text}");
}

#[test]
fn the_engines_book_is_the_venues() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    let mut feed = FeedCodec::new(&[(SOL, SOL_ID)]);
    for frame in feed.subscriptions() {
        client.send(&frame);
    }
    for text in client.texts() {
        read(&mut feed, &text);
    }
    for n in 0..30 {
        let side = if n % 2 == 0 { Side::Buy } else { Side::Sell };
        let price = if side == Side::Buy { 10_600 + n } else { 10_700 - n };
        let price = format!("{}.{:02}", price / 100, price % 100);
        bed.crowd(
            side,
            &price,
            &format!("{}", 1 + n),
            if n % 7 == 6 { Tif::Ioc } else { Tif::Gtc },
        );
        bed.pass(50);
        for text in client.texts() {
            read(&mut feed, &text);
        }
        for side in Side::BOTH {
            let ours: Vec<(i64, i64)> =
                feed.kept(SOL, side).map(|level| (level.px.0, level.qty.0)).collect();
            let theirs: Vec<(i64, i64)> = bed
                .server
                .with(move |x| x.levels(SOL, side, 100).map(|l| (l.px.0, l.qty.0)).collect())
                .unwrap();
            assert_eq!(ours, theirs, "{n} {side}");
        }
    }
    // In the recorded form, which the engine's scanners take.
    assert_eq!(feed.counts(), FeedCodecCounts::default());
}
