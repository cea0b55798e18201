//! The WebSocket client against tungstenite and against raw bytes, over loopback.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use evenkeel::net::frame::{Fault, FrameReader, Opcode};
use evenkeel::net::http::HttpLimits;
use evenkeel::net::{Conn, Endpoint, Limits, NetError, Sent, http_post};
use proptest::prelude::*;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::{Frame, FrameHeader, coding};
use tungstenite::{Message, WebSocket};

/// A clock that stands still: blocking calls wait as long as their limits allow.
const STILL: &dyn Fn() -> u64 = &|| 0;
/// No wait in these tests is longer; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that accepts one connection and does `serve` with it.
fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Endpoint, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        serve(stream)
    });
    (Endpoint::parse(&url).unwrap(), thread)
}

fn websocket<T: Send + 'static>(
    serve: impl FnOnce(WebSocket<TcpStream>) -> T + Send + 'static,
) -> (Endpoint, JoinHandle<T>) {
    server(move |stream| serve(tungstenite::accept(stream).unwrap()))
}

/// A server that upgrades by hand and may then write any bytes at all.
fn raw<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Endpoint, JoinHandle<T>) {
    raw_with(b"", serve)
}

/// As [`raw`], with bytes in the same segment as the end of the handshake.
fn raw_with<T: Send + 'static>(
    behind: &'static [u8],
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (Endpoint, JoinHandle<T>) {
    server(move |mut stream| {
        let request = read_head(&mut stream);
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .expect("a key is sent");
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.trim().as_bytes())
        );
        stream.write_all(&[answer.as_bytes(), behind].concat()).unwrap();
        serve(stream)
    })
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Waits for the socket in mio, as a parked owner does, until `done` or the end.
struct Parked {
    conn: Conn,
    poll: mio::Poll,
    texts: Vec<Vec<u8>>,
}

impl Parked {
    fn connect(to: &Endpoint, limits: Limits) -> Parked {
        let mut conn = Conn::connect(to, &limits, STILL).unwrap();
        let poll = mio::Poll::new().unwrap();
        conn.register(poll.registry(), mio::Token(0)).unwrap();
        Parked { conn, poll, texts: Vec::new() }
    }

    fn until(&mut self, done: impl Fn(&Parked) -> bool) -> Result<(), NetError> {
        let mut events = mio::Events::with_capacity(4);
        loop {
            loop {
                let texts = &mut self.texts;
                let outcome = self.conn.poll_read(|text| texts.push(text.to_vec()))?;
                self.conn.flush()?;
                if done(self) {
                    return Ok(());
                }
                if outcome.bytes == 0 {
                    break;
                }
            }
            self.poll.poll(&mut events, Some(PATIENCE)).unwrap();
            assert!(!events.is_empty(), "nothing came: {:?}", self.conn);
        }
    }

    fn end(&mut self) -> NetError {
        let end = self.until(|_| false).unwrap_err();
        assert!(!self.conn.is_open());
        assert_eq!(self.conn.send(b"late"), Err(NetError::Closed));
        assert_eq!(self.conn.poll_read(|_| {}), Err(NetError::Closed));
        end
    }
}

fn small() -> Limits {
    Limits { message_max: 64 * 1024, write_max: 64 * 1024, ..Limits::default() }
}

#[test]
fn text_goes_both_ways() {
    let (to, thread) = websocket(|mut ws| {
        for _ in 0..5 {
            let message = ws.read().unwrap();
            ws.send(message).unwrap();
        }
        // The client's word that it has them all.
        ws.read().unwrap();
        ws.close(None).unwrap();
        while ws.read().is_ok() {}
    });
    let mut parked = Parked::connect(&to, Limits::default());
    let texts: Vec<Vec<u8>> =
        [0, 1, 125, 126, 70_000].map(|n| "\u{20ac}x".repeat(n).into_bytes()).to_vec();
    for text in &texts[..4] {
        assert_eq!(parked.conn.send(text), Ok(Sent::All));
    }
    parked.conn.send(&texts[4][..200_000]).unwrap();
    parked.until(|p| p.texts.len() == 5).unwrap();
    assert_eq!(parked.texts[..4], texts[..4]);
    assert_eq!(parked.texts[4], texts[4][..200_000]);
    parked.conn.send(b"bye").unwrap();
    assert_eq!(parked.end(), NetError::PeerClosed { code: None });
    let counters = parked.conn.counters();
    assert_eq!((counters.messages_in, counters.messages_out), (5, 6));
    assert!(counters.bytes_in > 200_000 && counters.bytes_out > 200_000);
    thread.join().unwrap();
}

#[test]
fn pings_are_answered_and_pongs_are_counted() {
    let (to, thread) = websocket(|mut ws| {
        ws.send(Message::Ping(b"are you there"[..].into())).unwrap();
        let mut seen = Vec::new();
        while seen.len() < 2 {
            match ws.read().unwrap() {
                // tungstenite answers the ping by itself on the next write.
                Message::Ping(_) => ws.flush().unwrap(),
                message => seen.push(message),
            }
        }
        seen
    });
    let mut parked = Parked::connect(&to, small());
    assert_eq!(parked.conn.ping(), Ok(Sent::All));
    parked.until(|p| p.conn.counters().pings_in == 1 && p.conn.counters().pongs_in == 1).unwrap();
    parked.conn.send(b"done").unwrap();
    let seen = thread.join().unwrap();
    assert_eq!(seen, [Message::Pong(b"are you there"[..].into()), Message::text("done")]);
    assert_eq!(parked.conn.counters().pings_out, 1);
}

#[test]
fn fragments_are_one_message() {
    let (to, thread) = websocket(|mut ws| {
        let part = |data: &'static [u8], code, fin| {
            Message::Frame(Frame::message(data, coding::OpCode::Data(code), fin))
        };
        ws.send(part(b"{\"a\"", coding::Data::Text, false)).unwrap();
        ws.send(Message::Ping(b""[..].into())).unwrap();
        ws.send(part(b":", coding::Data::Continue, false)).unwrap();
        ws.send(part(b"1}", coding::Data::Continue, true)).unwrap();
        assert_eq!(ws.read().unwrap(), Message::Pong(b""[..].into()));
    });
    let mut parked = Parked::connect(&to, small());
    parked.until(|p| p.texts.len() == 1).unwrap();
    assert_eq!(parked.texts[0], b"{\"a\":1}");
    thread.join().unwrap();
}

#[test]
fn frames_behind_the_handshake_are_not_lost() {
    let (to, thread) = raw_with(b"\x81\x05hello\x81\x03wor", |mut stream| {
        stream.write_all(b"\x81\x02ld").unwrap();
        stream
    });
    // The last frame is one byte short until the server's second write: "\x81\x03wor" is whole.
    let mut parked = Parked::connect(&to, small());
    parked.until(|p| p.texts.len() == 3).unwrap();
    assert_eq!(parked.texts, [b"hello".to_vec(), b"wor".to_vec(), b"ld".to_vec()]);
    drop(thread.join().unwrap());
}

#[test]
fn frames_behind_the_handshake_come_before_the_end() {
    let (to, thread) = raw_with(b"\x81\x05hello", drop);
    let mut conn = Conn::connect(&to, &small(), STILL).unwrap();
    // The end of the stream is here before the first read.
    thread.join().unwrap();
    let mut texts = Vec::new();
    conn.poll_read(|text| texts.push(text.to_vec())).unwrap();
    assert_eq!(texts, [b"hello"]);
    assert_eq!(conn.poll_read(|_| {}), Err(NetError::Eof));
}

#[test]
fn the_close_of_the_peer_is_answered() {
    let (to, thread) = raw(|mut stream| {
        stream.write_all(b"\x81\x02hi\x88\x02\x03\xf3").unwrap(); // 1011
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    });
    let mut parked = Parked::connect(&to, small());
    assert_eq!(parked.end(), NetError::PeerClosed { code: Some(1011) });
    assert_eq!(parked.texts, [b"hi"]);
    let answer = thread.join().unwrap();
    assert_eq!(answer.len(), 8, "a masked close frame: {answer:02x?}");
    assert_eq!(answer[..2], [0x88, 0x82]);
    let code = [answer[6] ^ answer[2], answer[7] ^ answer[3]];
    assert_eq!(u16::from_be_bytes(code), 1011);
}

#[test]
fn our_close_reaches_the_peer() {
    let (to, thread) = websocket(|mut ws| ws.read().unwrap());
    let mut conn = Conn::connect(&to, &small(), STILL).unwrap();
    conn.close();
    assert_eq!(conn.send(b"late"), Err(NetError::Closed));
    let Message::Close(Some(frame)) = thread.join().unwrap() else { panic!("a close frame") };
    assert_eq!(u16::from(frame.code), 1000);
}

#[test]
fn one_byte_at_a_time() {
    let (to, thread) = raw(|mut stream| {
        stream.set_nodelay(true).unwrap();
        let long = [&[0x81, 126, 1, 0][..], &[b'y'; 256]].concat();
        for byte in [b"\x81\x03one", &long[..], b"\x01\x01a", b"\x80\x01b"].concat() {
            stream.write_all(&[byte]).unwrap();
        }
        stream
    });
    let mut parked = Parked::connect(&to, small());
    parked.until(|p| p.texts.len() == 3).unwrap();
    assert_eq!(parked.texts, [b"one".to_vec(), vec![b'y'; 256], b"ab".to_vec()]);
    drop(thread.join().unwrap());
}

#[test]
fn a_stream_cut_at_each_byte_ends_by_name() {
    let frame = b"\x81\x03two\x01\x02ab\x80\x02cd";
    for cut in 0..=frame.len() {
        let (to, thread) = raw(move |mut stream| stream.write_all(&frame[..cut]).unwrap());
        let mut parked = Parked::connect(&to, small());
        let end = parked.end();
        let (texts, held) = match cut {
            0..5 => (0, cut),
            // Between the two fragments, the two bytes of the first one are held.
            5..9 => (1, cut - 5),
            9..13 => (1, 2 + cut - 9),
            _ => (2, 0),
        };
        assert_eq!(parked.texts.len(), texts, "cut at {cut}");
        let want = if held == 0 { NetError::Eof } else { NetError::Truncated { held } };
        assert_eq!(end, want, "cut at {cut}");
        thread.join().unwrap();
    }
}

#[test]
fn a_breach_of_the_protocol_ends_the_connection_by_name() {
    for (bytes, fault) in [
        (&b"\x81\x82\0\0\0\0hi"[..], Fault::Masked),
        (b"\xc1\x00", Fault::ReservedBits),
        (b"\x83\x00", Fault::ReservedOpcode),
        (b"\x82\x01x", Fault::Binary),
        (b"\x81\x7e\x00\x01x", Fault::BadLength),
        (b"\x81\x7f\0\0\0\0\0\x01\0\0", Fault::Oversized),
        (b"\x09\x00", Fault::BadControl),
        (b"\x80\x00", Fault::BadSequence),
        (b"\x88\x01x", Fault::BadClose),
        (b"\x81\x02\xc3\x28", Fault::BadUtf8),
    ] {
        let (to, thread) = raw(move |mut stream| {
            stream.write_all(b"\x81\x02ok").unwrap();
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            // A reset is as good as an end: our side closes with bytes unread.
            let _ = stream.read_to_end(&mut answer);
            answer
        });
        let mut parked = Parked::connect(&to, Limits { message_max: 65_535, ..small() });
        assert_eq!(parked.end(), NetError::Protocol(fault));
        assert_eq!(parked.texts, [b"ok"], "{fault:?}");
        assert_eq!(parked.conn.counters().faults[fault as usize], 1);
        let answer = thread.join().unwrap();
        let code = u16::from_be_bytes([answer[6] ^ answer[2], answer[7] ^ answer[3]]);
        assert_eq!(code, fault.close_code(), "{fault:?}");
    }
}

/// Resident memory of this process, KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn ten_megabytes_are_refused_in_flat_memory() {
    let (to, thread) = raw(|mut stream| {
        // As fragments, so that no single length gives it away.
        let piece = [&[0x01, 127, 0, 0, 0, 0, 0, 1, 0, 0][..], &[b'z'; 65_536]].concat();
        for i in 0..160 {
            let first = if i == 0 { 0x01 } else { 0x00 };
            if stream.write_all(&[&[first], &piece[1..]].concat()).is_err() {
                return i;
            }
        }
        160
    });
    let mut parked = Parked::connect(&to, Limits::default());
    let before = resident_kib();
    assert_eq!(parked.end(), NetError::Protocol(Fault::Oversized));
    let grown = resident_kib().saturating_sub(before);
    // Both buffers of 1 MiB may become resident, and other tests run beside this one.
    assert!(grown < 8 * 1024, "{grown} KiB");
    assert!(parked.conn.counters().bytes_in < 2 << 20);
    // The socket goes with the connection; only then the peer's writes fail.
    drop(parked);
    assert!(thread.join().unwrap() < 160);
}

#[test]
fn a_socket_that_takes_nothing_fills_a_bounded_buffer() {
    let (to, thread) = raw(|mut stream| {
        let mut go = [0; 0];
        stream.read_exact(&mut go).unwrap();
        stream
    });
    let mut conn = Conn::connect(&to, &small(), STILL).unwrap();
    let mut stream = thread.join().unwrap();
    let text = vec![b'q'; 30_000];
    let mut accepted = 0u64;
    let full = loop {
        match conn.send(&text) {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
        assert!(accepted < 10_000, "the kernel never filled up");
    };
    assert_eq!(full, NetError::WriteFull);
    assert!(conn.is_open() && conn.counters().write_full == 1);
    // Up to the last byte for data there is room for control frames.
    let mut small_ones = 0;
    while conn.send(b"!").is_ok() {
        small_ones += 1;
        assert!(small_ones < 20_000);
    }
    assert!(matches!(conn.ping(), Ok(Sent::Pending(_))));
    assert!(matches!(conn.flush(), Ok(Sent::Pending(_))));
    let all = accepted * (30_000 + 8) + small_ones * (1 + 6) + 6;
    // Once the peer reads again every accepted message arrives whole.
    let reader = std::thread::spawn(move || {
        let mut total = 0u64;
        let mut piece = vec![0; 1 << 20];
        while total < all {
            total += stream.read(&mut piece).unwrap() as u64;
        }
        total
    });
    let poll = mio::Poll::new().unwrap();
    conn.register(poll.registry(), mio::Token(0)).unwrap();
    let mut poll = poll;
    let mut events = mio::Events::with_capacity(4);
    while conn.flush().unwrap() != Sent::All {
        poll.poll(&mut events, Some(PATIENCE)).unwrap();
        assert!(!events.is_empty(), "never writable");
    }
    assert_eq!(reader.join().unwrap(), all);
    assert_eq!(conn.counters().messages_out, accepted + small_ones);
}

#[test]
fn a_handshake_that_is_not_one_is_refused() {
    let ok = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for (answer, want) in [
        ("HTTP/1.1 429 Too Many Requests\r\n\r\n".to_owned(), NetError::Status(429)),
        (
            format!("{ok}Sec-WebSocket-Accept: c3RhbGU=\r\n\r\n"),
            NetError::Handshake("the server answered another key"),
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\n\r\n".to_owned(),
            NetError::Handshake("the server did not upgrade to a WebSocket"),
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n".to_owned(), NetError::Http("the head is not HTTP/1.1")),
        ("HTTP/1.1 101 Sw".to_owned(), NetError::Truncated { held: 15 }),
    ] {
        let (to, thread) = server(move |mut stream| {
            read_head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        assert_eq!(Conn::connect(&to, &small(), STILL).err(), Some(want));
        thread.join().unwrap();
    }
}

#[test]
fn a_dripping_handshake_ends_at_the_deadline() {
    let (to, thread) = server(|mut stream| {
        // A byte at a time for ever; the test ends because the client goes away.
        while stream.write_all(b"H").is_ok() {
            std::thread::yield_now();
        }
    });
    // Each look at the clock is a second later: five looks pass the limit.
    let looks = std::cell::Cell::new(0u64);
    let clock = || {
        looks.set(looks.get() + 1);
        looks.get() * 1_000_000_000
    };
    let end = Conn::connect(&to, &small(), &clock).err();
    assert!(
        matches!(end, Some(NetError::Timeout | NetError::Http("the head is not HTTP/1.1"))),
        "{end:?}"
    );
    thread.join().unwrap();
    // Nobody listens: refused, not hung.
    let gone = Conn::connect(&to, &small(), STILL).err();
    assert_eq!(gone, Some(NetError::Io(std::io::ErrorKind::ConnectionRefused)));
}

#[test]
fn http_posts() {
    let exchange = |answer: &'static str, limits: HttpLimits| {
        let (to, thread) = server(move |mut stream| {
            let head = read_head(&mut stream);
            let mut body = [0; 13];
            stream.read_exact(&mut body).unwrap();
            let _ = stream.write_all(answer.as_bytes());
            (head, body)
        });
        let got = http_post(&to.with_path("/info"), b"{\"type\":\"x\"}\n", &limits, STILL);
        let (head, body) = thread.join().unwrap();
        assert!(head.starts_with("POST /info HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 13\r\n"), "{head}");
        assert_eq!(&body, b"{\"type\":\"x\"}\n");
        got
    };
    let limits = HttpLimits { body_max: 64, ..HttpLimits::default() };
    let ok = |text: &str| Ok(text.as_bytes().to_vec());
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(exchange(length, limits), ok("hello"));
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello";
    assert_eq!(exchange(close, limits), ok("hello"));
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
    assert_eq!(exchange(chunks, limits), ok("hello"));
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello";
    assert_eq!(exchange(cut, limits), Err(NetError::Truncated { held: 5 }));
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n";
    assert_eq!(exchange(long, limits), Err(NetError::Http("the body is too long")));
    let long = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\n";
    assert_eq!(exchange(long, limits), Err(NetError::Http("the body is too long")));
    let bad = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert_eq!(exchange(bad, limits), Err(NetError::Http("bad chunk size")));
    assert_eq!(exchange("HTTP/1.1 429 Slow\r\n\r\n", limits), Err(NetError::Status(429)));
}

/// One message as a server may send it: fragmented at the given points, pings between.
fn encode(text: &[u8], cuts: &[usize], out: &mut Vec<u8>) {
    let mut points: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    points.sort_unstable();
    points.push(text.len());
    let mut from = 0;
    for (i, &to) in points.iter().enumerate() {
        let last = i + 1 == points.len();
        let mut header = FrameHeader { is_final: last, ..FrameHeader::default() };
        let data = if i == 0 { coding::Data::Text } else { coding::Data::Continue };
        header.opcode = coding::OpCode::Data(data);
        header.format((to - from) as u64, out).unwrap();
        out.extend_from_slice(&text[from..to]);
        if !last {
            out.extend_from_slice(b"\x89\x01p");
        }
        from = to;
    }
}

proptest! {
    #[test]
    fn any_delivery_gives_the_same_messages(
        messages in proptest::collection::vec(
            (".{0,300}", proptest::collection::vec(any::<usize>(), 0..4)), 1..12),
        steps in proptest::collection::vec(1usize..700, 1..40),
    ) {
        let mut stream = Vec::new();
        for (text, cuts) in &messages {
            encode(text.as_bytes(), cuts, &mut stream);
        }
        let mut reader = FrameReader::new(4096);
        let mut got: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        for step in steps.iter().cycle() {
            if at == stream.len() {
                break;
            }
            let mut piece = &stream[at..stream.len().min(at + step)];
            at += reader.fill(&mut piece).unwrap();
            while let Some(item) = reader.next_item().unwrap() {
                if item.opcode == Opcode::Text {
                    got.push(reader.payload(item).to_vec());
                }
            }
        }
        let want: Vec<Vec<u8>> = messages.iter().map(|(text, _)| text.as_bytes().to_vec()).collect();
        prop_assert_eq!(got, want);
        prop_assert_eq!(reader.held(), 0);
    }

    #[test]
    fn no_bytes_panic(stream in proptest::collection::vec(any::<u8>(), 0..600), step in 1usize..50) {
        let mut reader = FrameReader::new(256);
        'stream: for mut piece in stream.chunks(step) {
            if reader.fill(&mut piece).is_err() {
                break;
            }
            loop {
                match reader.next_item() {
                    Ok(Some(item)) => prop_assert!(reader.payload(item).len() <= 256),
                    Ok(None) => break,
                    Err(_) => break 'stream,
                }
            }
        }
    }
}
