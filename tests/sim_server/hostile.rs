//! Faults on purpose, and clients that mean no good.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use evenkeel::event::Tif;
use evenkeel::net::frame::Fault;
use evenkeel::net::{Conn, Endpoint, Limits, NetError};
use evenkeel::sim::exchange::{FaultRule, Rules};
use evenkeel::sim::server::{BadFrame, PeerLimits, Scope, ServerFault};
use evenkeel::units::{Nanos, Side};

use crate::bed::{Bed, PATIENCE, T0, limit};

const BOOK: &str = "{\"type\":\"l2Book\",\"coin\":\"SOL\"}";

fn raw(bed: &Bed) -> TcpStream {
    let stream = TcpStream::connect(bed.server.addr()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Everything until the end, which must come.
fn until_end(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads with our connection until it ends.
fn end_of(conn: &mut Conn) -> NetError {
    let mut poll = mio::Poll::new().unwrap();
    conn.register(poll.registry(), mio::Token(0)).unwrap();
    let mut events = mio::Events::with_capacity(4);
    loop {
        match conn.poll_read(|_| {}) {
            Ok(outcome) if outcome.bytes > 0 => {}
            Ok(_) => {
                poll.poll(&mut events, Some(PATIENCE)).unwrap();
                assert!(!events.is_empty(), "it never ended");
            }
            Err(end) => return end,
        }
    }
}

fn conn(bed: &Bed) -> Conn {
    let to = Endpoint::parse(&bed.server.ws_url()).unwrap();
    Conn::connect(&to, &Limits::default(), &|| 0).unwrap()
}

#[test]
fn bad_frames_end_our_connection_by_name() {
    let bed = Bed::new();
    for (frame, want) in [
        (BadFrame::NotUtf8, NetError::Protocol(Fault::BadUtf8)),
        (BadFrame::ReservedOpcode, NetError::Protocol(Fault::ReservedOpcode)),
        (BadFrame::Masked, NetError::Protocol(Fault::Masked)),
        (BadFrame::Oversized, NetError::Protocol(Fault::Oversized)),
        (BadFrame::Truncated, NetError::Truncated { held: 31 }),
    ] {
        let mut conn = conn(&bed);
        bed.server.fault(ServerFault::Malformed(Scope::All, frame));
        assert_eq!(end_of(&mut conn), want, "{frame:?}");
    }
    let mut client = bed.client();
    bed.server.fault(ServerFault::Malformed(Scope::Market, BadFrame::BrokenJson));
    let text = client.recv();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err(), "{text}");
}

#[test]
fn connections_drop_and_new_ones_are_refused() {
    let bed = Bed::new();
    let mut market = bed.client();
    market.subscribe(BOOK);
    market.channel("l2Book");
    let mut private = bed.client();
    private.subscribe(&format!("{{\"type\":\"orderUpdates\",\"user\":\"{}\"}}", bed.user.text()));
    private.recv();
    bed.server.fault(ServerFault::Drop(Scope::Private));
    assert!(private.try_recv().is_err());
    assert!(market.settle().is_empty(), "the other one lives");
    bed.server.fault(ServerFault::RefuseNew);
    assert!(tungstenite::connect(bed.server.ws_url()).is_err());
    bed.server.fault(ServerFault::Heal);
    bed.client().settle();
    bed.server.fault(ServerFault::Drop(Scope::All));
    assert!(market.try_recv().is_err());
}

#[test]
fn silence_is_half_open_and_heals() {
    let bed = Bed::new();
    bed.fill_book();
    let mut client = bed.client();
    client.subscribe("{\"type\":\"bbo\",\"coin\":\"SOL\"}");
    client.channel("bbo");
    bed.server.fault(ServerFault::Silence(Scope::Market));
    bed.crowd(Side::Buy, "106.551", "1", Tif::Gtc);
    client.send("{\"method\":\"ping\"}");
    // Commands are one per step: it has stepped since, and said nothing.
    bed.server.stats().unwrap();
    bed.server.fault(ServerFault::Heal);
    assert_eq!(client.recv(), "{\"channel\":\"pong\"}", "what happened meanwhile is lost");
}

#[test]
fn delay_is_in_market_time() {
    let bed = Bed::new();
    let mut client = bed.client();
    client.settle();
    bed.server.fault(ServerFault::Delay(Scope::All, Nanos::from_millis(250)));
    client.send("{\"method\":\"ping\"}");
    client.subscribe(BOOK);
    // Both are read when the stats say so; nothing is due before the time passes.
    while bed.server.stats().unwrap().messages_in < 3 {
        std::thread::yield_now();
    }
    let before = bed.server.stats().unwrap().messages_out;
    bed.pass(249);
    bed.server.stats().unwrap();
    assert_eq!(bed.server.stats().unwrap().messages_out, before);
    bed.pass(1);
    assert_eq!(client.recv(), "{\"channel\":\"pong\"}");
    client.channel("l2Book");
}

#[test]
fn an_idle_socket_is_closed_unless_it_pings() {
    let bed = Bed::new();
    let (mut idle, mut alive) = (bed.client(), bed.client());
    idle.settle();
    alive.settle();
    bed.pass(50_000);
    alive.settle();
    bed.pass(10_000);
    assert!(idle.try_recv().is_err());
    assert!(alive.settle().is_empty());
    assert_eq!(bed.server.stats().unwrap().idle_closed, 1);
}

#[test]
fn the_greeting_is_not_json() {
    let bed = Bed::with(|c| c.greeting = true, Rules::instant());
    assert_eq!(bed.client().recv(), "Websocket connection established.");
}

#[test]
fn http_that_is_not_right_is_refused_by_status() {
    let bed = Bed::with(|c| c.limits.body_max = 1000, Rules::instant());
    let long = format!("GET /ws HTTP/1.1\r\nX: {}", "x".repeat(9000));
    let many = format!("GET /ws HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(100));
    for (request, status) in [
        ("\x16\x03\x01\x02\x00\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("PUT /info HTTP/1.1\r\n\r\n", "405"),
        ("POST /info HTTP/1.1\r\n\r\n", "411"),
        ("POST /info HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", "413"),
        ("POST /info HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", "413"),
        ("POST /info HTTP/1.1\r\nContent-Length: +5\r\n\r\n", "400"),
        ("POST /info HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "411"),
        ("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "400"),
        (&long, "431"),
        (&many, "431"),
    ] {
        let mut stream = raw(&bed);
        stream.write_all(request.as_bytes()).unwrap();
        let answer = until_end(stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }
    bed.client().settle();
}

#[test]
fn one_connection_asks_many_times_and_in_pieces() {
    let bed = Bed::new();
    let mut stream = raw(&bed);
    let body = "{\"type\":\"perpDexs\"}";
    let request =
        format!("POST /info HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for byte in request.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    // Two more at once, the last of them says goodbye.
    let last = request.replace("Host: x", "Connection: close");
    stream.write_all(format!("{request}{last}").as_bytes()).unwrap();
    let answers = until_end(stream);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(answers.matches("\"name\":\"xyz\"").count(), 3);
}

#[test]
fn slow_connections_make_room_and_busy_ones_stay() {
    let limits = PeerLimits { connections: 4, ..PeerLimits::default() };
    let bed = Bed::with(|c| c.limits = limits, Rules::instant());
    let mut client = bed.client();
    client.settle();
    let mut slow: Vec<TcpStream> = (0..20).map(|_| raw(&bed)).collect();
    for stream in &mut slow {
        // Some are gone already: they made room.
        let _ = stream.write_all(b"GET /ws HT");
    }
    assert!(client.settle().is_empty(), "a working connection is not evicted");
    assert!(bed.info("{\"type\":\"meta\"}").contains("SOL"), "and a new one is served");
    let stats = bed.server.stats().unwrap();
    assert!(stats.evicted >= 17 && stats.refused == 0, "{stats:?}");
    // Full of working connections: the next one is turned away.
    drop(slow);
    let mut rest: Vec<_> = Vec::new();
    while rest.len() < 3 {
        if let Ok((ws, _)) = tungstenite::connect(bed.server.ws_url()) {
            rest.push(ws);
        }
    }
    assert!(tungstenite::connect(bed.server.ws_url()).is_err());
    assert!(client.settle().is_empty());
    assert!(bed.server.stats().unwrap().refused >= 1);
}

#[test]
fn websocket_garbage_ends_one_connection_only() {
    let bed = Bed::with(|c| c.limits.body_max = 4096, Rules::instant());
    let mut client = bed.client();
    let upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for bytes in [
        &b"\x81\x02hi"[..],                        // not masked
        b"\x81\xff\0\0\0\0\0\x98\x96\x80\0\0\0\0", // 10 MB
        b"\x81\x82\0\0\0\0\xc3\x28",               // not UTF-8
        b"\x83\x80\0\0\0\0",                       // reserved
        b"\x80\x80\0\0\0\0",                       // a continuation of nothing
    ] {
        let mut stream = raw(&bed);
        stream.write_all(&[upgrade.as_bytes(), bytes].concat()).unwrap();
        let answer = until_end(stream);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    }
    assert_eq!(bed.server.stats().unwrap().protocol_errors, 5);
    // Texts of every odd kind are answered with an error and nothing else.
    for text in [
        "",
        "null",
        "{\"method\":5}",
        "{\"method\":\"post\",\"id\":-1}",
        &"[".repeat(4000),
        "\u{0}\u{feff}",
    ] {
        client.send(text);
        assert!(client.recv().starts_with("{\"channel\":\"error\""), "{text:?}");
    }
    client.settle();
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    let limits = PeerLimits { queue_max: 64 * 1024, ..PeerLimits::default() };
    let bed = Bed::with(
        |c| {
            c.limits = limits;
            c.idle_close = None;
        },
        Rules::instant(),
    );
    bed.fill_book();
    let mut client = bed.client();
    client.subscribe(BOOK);
    client.channel("l2Book");
    // One book each half second, until the kernel's buffers and ours are full.
    for _ in 0..200_000 {
        if bed.server.stats().unwrap().slow_closed == 1 {
            assert!(T0 > 0 && bed.client().settle().is_empty());
            return;
        }
        bed.pass(500);
    }
    panic!("the queue has no end");
}

#[test]
fn what_waits_in_a_delay_is_bounded_too() {
    let limits = PeerLimits { queue_max: 10_000, ..PeerLimits::default() };
    let bed = Bed::with(|c| c.limits = limits, Rules::instant());
    let mut client = bed.client();
    client.settle();
    bed.server.fault(ServerFault::Delay(Scope::All, Nanos::from_secs(1)));
    // It may be gone before the last of them.
    let mut sent = 0;
    while sent < 200 && client.try_send("{\"method\":\"ping\"}") {
        sent += 1;
    }
    assert!(client.try_recv().is_err());
    assert_eq!(bed.server.stats().unwrap().slow_closed, 1);
}

#[test]
fn a_lost_answer_ends_the_http_connection_after_a_minute() {
    let bed = Bed::new();
    let lost = FaultRule::once(evenkeel::sim::exchange::Fault::DropResponse);
    bed.server.with(move |x| x.add_fault(lost)).unwrap();
    let body = bed.agent.sign(&limit(true, "100", "1", "Alo"), bed.nonce());
    let mut stream = raw(&bed);
    let head = format!("POST /exchange HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    while bed.server.stats().unwrap().actions == 0 {
        std::thread::yield_now();
    }
    bed.pass(60_001);
    assert_eq!(until_end(stream), "");
}
