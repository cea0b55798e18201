//! TLS against a server with certificates of the tests' own: what is verified, and that what fails
//! is named.

mod tls_kit;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use evenkeel::net::http::HttpLimits;
use evenkeel::net::{Conn, Endpoint, Limits, NetError, Sent, TlsFault, Trust, http_post};
use tls_kit::{Authority, GOOD, Identity, Years, accept, self_signed};
use tungstenite::Message;

/// A clock that stands still: blocking calls wait as long as their limits allow.
const STILL: &dyn Fn() -> u64 = &|| 0;

/// A server of one connection; returns its port.
fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        serve(stream)
    });
    (port, thread)
}

/// A TLS server that says whether a byte of the application reached it.
fn verified(identity: Identity) -> (u16, JoinHandle<bool>) {
    let config = identity.config();
    server(move |stream| matches!(accept(&config, stream).read(&mut [0]), Ok(1)))
}

fn connect(port: u16, trust: &Trust) -> Result<Conn, NetError> {
    let to = Endpoint::parse_trusting(&format!("wss://127.0.0.1:{port}/ws"), Some(trust)).unwrap();
    Conn::connect(&to, &Limits::default(), STILL)
}

fn refused(identity: Identity, trust: &Trust) -> NetError {
    let (port, thread) = verified(identity);
    let error = connect(port, trust).expect_err("it is not who it should be");
    assert!(!thread.join().unwrap(), "the request left before the peer was known");
    error
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let ca = Authority::new();
    let error = refused(ca.identity("venue.test", GOOD), &ca.trust());
    assert_eq!(error, NetError::Tls(TlsFault::WrongHost));
}

#[test]
fn a_certificate_outside_of_its_time_is_refused() {
    let ca = Authority::new();
    let expired = refused(ca.identity("127.0.0.1", Years(2001, 2002)), &ca.trust());
    assert_eq!(expired, NetError::Tls(TlsFault::Expired));
    let early = refused(ca.identity("127.0.0.1", Years(2190, 2200)), &ca.trust());
    assert_eq!(early, NetError::Tls(TlsFault::NotYetValid));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let ca = Authority::new();
    let unknown = NetError::Tls(TlsFault::UnknownIssuer);
    assert_eq!(refused(self_signed("127.0.0.1"), &ca.trust()), unknown);
    // Nor one of another authority, the public ones included.
    assert_eq!(refused(Authority::new().identity("127.0.0.1", GOOD), &ca.trust()), unknown);
    let public = Trust::public().unwrap();
    assert_eq!(refused(ca.identity("127.0.0.1", GOOD), &public), unknown);
}

/// Answers the first bytes with these.
fn answers(bytes: Vec<u8>) -> (u16, JoinHandle<()>) {
    server(move |mut stream| {
        let mut hello = [0; 4096];
        assert!(stream.read(&mut hello).unwrap() > 0);
        stream.write_all(&bytes).unwrap();
        // Until the client hangs up.
        while stream.read(&mut hello).is_ok_and(|n| n > 0) {}
    })
}

#[test]
fn a_peer_of_an_old_version_is_refused() {
    let ca = Authority::new();
    // A ServerHello of TLS 1.1 (RFC 4346): version 3.2, a random, no session,
    // ECDHE-RSA-AES256-SHA, no compression.
    let body = [&[3, 2][..], &[7; 32], &[0, 0xc0, 0x14, 0]].concat();
    let hello = [&[2, 0, 0, body.len() as u8][..], &body].concat();
    let record = [&[0x16, 3, 2, 0, hello.len() as u8][..], &hello].concat();
    // Its other way to say so: alert protocol_version.
    for bytes in [record, vec![0x15, 3, 1, 0, 2, 2, 70]] {
        let (port, thread) = answers(bytes);
        let error = connect(port, &ca.trust()).expect_err("too old");
        assert_eq!(error, NetError::Tls(TlsFault::OldVersion));
        thread.join().unwrap();
    }
}

#[test]
fn a_peer_without_tls_is_refused() {
    let ca = Authority::new();
    let (port, thread) = answers(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let error = connect(port, &ca.trust()).expect_err("it answered in the clear");
    assert_eq!(error, NetError::Tls(TlsFault::NotTls));
    thread.join().unwrap();
}

#[test]
fn a_handshake_ends_at_its_deadline() {
    let ca = Authority::new();
    let (port, thread) = server(|mut stream| {
        // A record of 16 kB of which 25 bytes come, one at a time.
        for byte in [0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc].into_iter().chain([3; 16]) {
            stream.write_all(&[byte]).unwrap();
        }
        while stream.read(&mut [0; 512]).is_ok_and(|n| n > 0) {}
    });
    let to = Endpoint::parse_trusting(&format!("wss://127.0.0.1:{port}"), Some(&ca.trust()));
    let now = Cell::new(0u64);
    let ticking = || now.replace(now.get() + 1_000_000);
    let limits = Limits { connect_ns: 50_000_000, ..Limits::default() };
    let error = Conn::connect(&to.unwrap(), &limits, &ticking).expect_err("it drips");
    assert_eq!(error, NetError::Timeout);
    thread.join().unwrap();
}

/// Reads until `n` texts are there; spins, as the engine does.
fn texts(conn: &mut Conn, n: usize) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    while texts.len() < n {
        conn.flush().unwrap();
        conn.poll_read(|text| texts.push(text.to_vec())).unwrap();
    }
    texts
}

#[test]
fn messages_go_both_ways() {
    let ca = Authority::new();
    let config = ca.identity("127.0.0.1", GOOD).config();
    let (port, thread) = server(move |stream| {
        let mut socket = tungstenite::accept(accept(&config, stream)).unwrap();
        for _ in 0..3 {
            let text = socket.read().unwrap();
            socket.send(Message::Ping(vec![1].into())).unwrap();
            socket.send(text).unwrap();
            assert!(socket.read().unwrap().is_pong());
        }
        while socket.read().is_ok() {}
    });
    let mut conn = connect(port, &ca.trust()).unwrap();
    // 100 kB are many records and more than the socket takes at once.
    for len in [1, 1500, 100_000] {
        let message = vec![b'x'; len];
        conn.send(&message).unwrap();
        assert_eq!(texts(&mut conn, 1), [message]);
    }
    conn.close();
    thread.join().unwrap();
}

#[test]
fn what_the_socket_does_not_take_waits_and_is_known_to_wait() {
    let ca = Authority::new();
    let config = ca.identity("127.0.0.1", GOOD).config();
    let (go, wait) = std::sync::mpsc::channel();
    let (port, thread) = server(move |stream| {
        let mut socket = tungstenite::accept(accept(&config, stream)).unwrap();
        wait.recv().unwrap();
        let mut bytes = 0;
        while let Ok(message) = socket.read() {
            bytes += message.into_data().len();
        }
        bytes
    });
    let mut conn = connect(port, &ca.trust()).unwrap();
    let message = vec![b'x'; 50_000];
    let mut sent = 0;
    while !conn.waits() {
        conn.send(&message).unwrap();
        sent += message.len();
    }
    go.send(()).unwrap();
    while conn.flush().unwrap() != Sent::All {}
    assert!(!conn.waits());
    conn.close();
    assert_eq!(thread.join().unwrap(), sent);
}

#[test]
fn a_stream_that_is_cut_is_named() {
    let ca = Authority::new();
    let config = ca.identity("127.0.0.1", GOOD).config();
    let (port, thread) = server(move |stream| {
        let mut socket = tungstenite::accept(accept(&config, stream)).unwrap();
        socket.send(Message::text("last")).unwrap();
        socket.get_mut().sock.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let mut conn = connect(port, &ca.trust()).unwrap();
    let mut got = 0;
    let end = loop {
        match conn.poll_read(|text| got += text.len()) {
            Ok(_) => {}
            Err(end) => break end,
        }
    };
    assert_eq!((got, end), (4, NetError::Tls(TlsFault::Truncated)));
    assert!(!conn.is_open());
    thread.join().unwrap();
}

#[test]
fn a_post_goes_over_tls_and_a_forged_record_ends_it() {
    let ca = Authority::new();
    let trust = ca.trust();
    let post = |port| {
        let url = format!("https://127.0.0.1:{port}/info");
        let to = Endpoint::parse_trusting(&url, Some(&trust)).unwrap();
        http_post(&to, b"{}", &HttpLimits::default(), STILL)
    };
    for forged in [false, true] {
        let config = ca.identity("127.0.0.1", GOOD).config();
        let (port, thread) = server(move |stream| {
            let mut stream = accept(&config, stream);
            let mut request = [0; 4096];
            while !request.windows(2).any(|w| w == b"{}") {
                assert!(stream.read(&mut request).unwrap() > 0);
            }
            if forged {
                stream.sock.write_all(&[0x17, 3, 3, 0, 20]).unwrap();
                stream.sock.write_all(&[9; 20]).unwrap();
            } else {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue").unwrap();
            }
        });
        match post(port) {
            Ok(body) => assert_eq!((forged, body), (false, b"true".to_vec())),
            Err(error) => {
                assert_eq!((forged, error), (true, NetError::Tls(TlsFault::BadRecord)));
            }
        }
        thread.join().unwrap();
    }
}
