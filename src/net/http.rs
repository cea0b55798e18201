//! Cold. What happens before a socket is hot: a URL, a blocking HTTP/1.1 exchange, the upgrade.
//!
//! Used at start-up and after a drop, never between a tick and an order. Each call has a deadline
//! by the caller's clock and a cap on what it takes in: a peer that drips one byte at a time ends
//! at the deadline, because the socket's time-out is shortened to what is left before every read.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::NetError;
use super::tls::{Transport, Trust};

/// Longest head of an answer, bytes.
const HEAD_MAX: usize = 16 * 1024;
/// Most header lines of an answer.
const HEADERS_MAX: usize = 64;
/// Bytes asked of the socket at a time.
const PIECE: usize = 16 * 1024;

/// Where a venue listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub addr: SocketAddr,
    /// As the `Host` header has it.
    pub host: String,
    /// Begins with `/`.
    pub path: String,
    /// Encrypted, and by whose word the peer is who it is.
    pub tls: Option<Trust>,
}

impl Endpoint {
    /// Reads `wss://host:port/path`, `https://..`, or without encryption `ws://..` and `http://..`,
    /// and resolves the host. Public authorities are trusted. Blocking.
    pub fn parse(url: &str) -> Result<Endpoint, NetError> {
        Endpoint::parse_trusting(url, None)
    }

    /// As [`Endpoint::parse`], trusting only `trust` when it is given.
    pub fn parse_trusting(url: &str, trust: Option<&Trust>) -> Result<Endpoint, NetError> {
        let (tls, rest) = match url.split_once("://") {
            Some(("ws" | "http", rest)) => (false, rest),
            Some(("wss" | "https", rest)) => (true, rest),
            _ => return Err(NetError::BadUrl("the URL must begin with wss:// or https://")),
        };
        let (host, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let printable = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
        if host.is_empty() || !printable(host) || !printable(path) {
            return Err(NetError::BadUrl("host and path must be printable ASCII"));
        }
        let tls = match (tls, trust) {
            (false, _) => None,
            (true, Some(trust)) => Some(trust.clone()),
            (true, None) => Some(Trust::public()?),
        };
        let addr = resolve(host, tls.is_some())?;
        Ok(Endpoint { addr, host: host.to_owned(), path: path.to_owned(), tls })
    }

    /// The same endpoint where its host is now: names of large sites move between addresses. The
    /// old one stays when the resolver fails. Blocking.
    pub fn again(&self) -> Endpoint {
        let addr = resolve(&self.host, self.tls.is_some()).unwrap_or(self.addr);
        Endpoint { addr, ..self.clone() }
    }

    /// The host without its port, as a certificate has it.
    fn name(&self) -> &str {
        let name = if port_given(&self.host) {
            self.host.rsplit_once(':').map_or("", |(name, _)| name)
        } else {
            &self.host
        };
        name.trim_start_matches('[').trim_end_matches(']')
    }

    /// The same host with another path.
    pub fn with_path(&self, path: &str) -> Endpoint {
        Endpoint { path: path.to_owned(), ..self.clone() }
    }
}

fn port_given(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
}

fn resolve(host: &str, tls: bool) -> Result<SocketAddr, NetError> {
    let port = if tls { 443 } else { 80 };
    let found =
        if port_given(host) { host.to_socket_addrs() } else { (host, port).to_socket_addrs() };
    let first = found.ok().and_then(|mut all| all.next());
    first.ok_or(NetError::BadUrl("the host has no address"))
}

/// How much a blocking HTTP call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// From connecting to the last byte, ns.
    pub total_ns: u64,
    /// Largest body of an answer, bytes. Hyperliquid's `meta` is about 60 kB.
    pub body_max: usize,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits { total_ns: 10_000_000_000, body_max: 4 << 20 }
    }
}

/// A stream whose every wait ends at one deadline.
struct Timed<'a> {
    transport: Transport<TcpStream>,
    now_ns: &'a dyn Fn() -> u64,
    deadline_ns: u64,
}

impl<'a> Timed<'a> {
    fn connect(
        to: &Endpoint,
        total_ns: u64,
        now_ns: &'a dyn Fn() -> u64,
    ) -> Result<Timed<'a>, NetError> {
        let deadline_ns = now_ns().saturating_add(total_ns);
        let stream = TcpStream::connect_timeout(&to.addr, left(now_ns, deadline_ns)?)?;
        // Orders are small and must not wait for the acknowledgement of the one before.
        stream.set_nodelay(true)?;
        let transport = match &to.tls {
            None => Transport::Plain(stream),
            Some(trust) => Transport::tls(stream, trust, to.name())?,
        };
        let mut timed = Timed { transport, now_ns, deadline_ns };
        // Each move reads at most once, so that a peer that drips ends at the deadline.
        while {
            timed.arm()?;
            !timed.transport.shake()?
        } {}
        Ok(timed)
    }

    /// Shortens the socket's waits to what is left.
    fn arm(&mut self) -> Result<(), NetError> {
        let wait = Some(left(self.now_ns, self.deadline_ns)?);
        let socket = self.transport.socket();
        socket.set_read_timeout(wait)?;
        socket.set_write_timeout(wait)?;
        Ok(())
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), NetError> {
        while !bytes.is_empty() {
            self.arm()?;
            match self.transport.write(bytes)? {
                0 => return Err(NetError::Eof),
                n => bytes = &bytes[n..],
            }
        }
        self.arm()?;
        Ok(self.transport.flush()?)
    }

    /// Appends what the next read brings; zero is the end of the stream.
    fn read_into(&mut self, out: &mut Vec<u8>) -> Result<usize, NetError> {
        let before = out.len();
        loop {
            self.arm()?;
            out.resize(before + PIECE, 0);
            let got = self.transport.read_once(&mut out[before..]);
            out.truncate(before + got.as_ref().map_or(0, |n| n.unwrap_or(0)));
            if let Some(n) = got? {
                return Ok(n);
            }
        }
    }
}

/// The time to the deadline; an error when there is none.
fn left(now_ns: &dyn Fn() -> u64, deadline_ns: u64) -> Result<Duration, NetError> {
    match deadline_ns.saturating_sub(now_ns()) {
        0 => Err(NetError::Timeout),
        ns => Ok(Duration::from_nanos(ns)),
    }
}

/// The part of an answer's head that anyone here asks for.
#[derive(Debug, Default)]
struct Head {
    status: u16,
    /// Bytes of the head.
    size: usize,
    content_length: Option<usize>,
    chunked: bool,
    upgrade: bool,
    connection_upgrade: bool,
    accept: Option<String>,
    extensions: bool,
}

/// Parses a head once it is complete.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, NetError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let size = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return Ok(None),
        Ok(httparse::Status::Partial) => return Err(NetError::Http("the head is too long")),
        Err(_) => return Err(NetError::Http("the head is not HTTP/1.1")),
    };
    let mut head = Head { status: answer.code.unwrap_or(0), size, ..Head::default() };
    for header in answer.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or("").trim();
        let lists = |word: &str| value.split(',').any(|v| v.trim().eq_ignore_ascii_case(word));
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let length = value.parse().map_err(|_| NetError::Http("bad content-length"))?;
                if head.content_length.is_some_and(|before| before != length) {
                    return Err(NetError::Http("two different content-lengths"));
                }
                head.content_length = Some(length);
            }
            "transfer-encoding" if lists("chunked") => head.chunked = true,
            "transfer-encoding" => return Err(NetError::Http("unknown transfer-encoding")),
            "upgrade" => head.upgrade = lists("websocket"),
            "connection" => head.connection_upgrade = lists("upgrade"),
            "sec-websocket-accept" => head.accept = Some(value.to_owned()),
            "sec-websocket-extensions" | "sec-websocket-protocol" => head.extensions = true,
            _ => {}
        }
    }
    Ok(Some(head))
}

/// Reads until the head is complete.
fn read_head(stream: &mut Timed<'_>, bytes: &mut Vec<u8>) -> Result<Head, NetError> {
    loop {
        if stream.read_into(bytes)? == 0 {
            return Err(NetError::Truncated { held: bytes.len() });
        }
        if let Some(head) = parse_head(bytes)? {
            return Ok(head);
        }
    }
}

/// Connects and performs the WebSocket handshake (RFC 6455, 4.1). Returns the stream, still
/// blocking, and the bytes that came behind the answer.
pub(super) fn upgrade(
    to: &Endpoint,
    total_ns: u64,
    now_ns: &dyn Fn() -> u64,
) -> Result<(Transport<TcpStream>, Vec<u8>), NetError> {
    let mut stream = Timed::connect(to, total_ns, now_ns)?;
    let key = generate_key();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n",
        to.path, to.host
    );
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    let head = read_head(&mut stream, &mut bytes)?;
    if head.status != 101 {
        return Err(NetError::Status(head.status));
    }
    if !head.upgrade || !head.connection_upgrade {
        return Err(NetError::Handshake("the server did not upgrade to a WebSocket"));
    }
    if head.accept != Some(derive_accept_key(key.as_bytes())) {
        return Err(NetError::Handshake("the server answered another key"));
    }
    if head.extensions {
        return Err(NetError::Handshake("the server chose an extension that was not offered"));
    }
    bytes.drain(..head.size);
    Ok((stream.transport, bytes))
}

/// One `POST` of a JSON body on a connection of its own. Blocking; answers other than 200 are
/// [`NetError::Status`].
pub fn http_post(
    to: &Endpoint,
    body: &[u8],
    limits: &HttpLimits,
    now_ns: &dyn Fn() -> u64,
) -> Result<Vec<u8>, NetError> {
    let json = [("Content-Type", "application/json")];
    http_call(to, &Call { method: "POST", headers: &json, body }, limits, now_ns)
}

/// A request on a connection of its own, beside `Host` and the body's length.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub method: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// As [`http_post`], with any method and headers.
pub fn http_call(
    to: &Endpoint,
    call: &Call<'_>,
    limits: &HttpLimits,
    now_ns: &dyn Fn() -> u64,
) -> Result<Vec<u8>, NetError> {
    match http_answer(to, call, limits, now_ns)? {
        Answer { status: 200, body } => Ok(body),
        Answer { status, .. } => Err(NetError::Status(status)),
    }
}

/// Most of the body of a refusal that is read, bytes: what the server says of its reasons.
pub const REFUSAL_MAX: usize = 16 * 1024;

/// An answer of any status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Whole where the status is 200; else what came of it, at most [`REFUSAL_MAX`] bytes.
    pub body: Vec<u8>,
}

/// A request and its answer, of whatever status: a server may say in the body why it refuses. A path or
/// value that would end its line is [`NetError::Http`].
pub fn http_answer(
    to: &Endpoint,
    call: &Call<'_>,
    limits: &HttpLimits,
    now_ns: &dyn Fn() -> u64,
) -> Result<Answer, NetError> {
    let mut stream = send(to, call, limits, now_ns)?;
    let mut bytes = Vec::new();
    let head = read_head(&mut stream, &mut bytes)?;
    bytes.drain(..head.size);
    let status = head.status;
    if status == 200 {
        let body = read_body(&mut stream, bytes, &head, limits.body_max)?;
        return Ok(Answer { status, body });
    }
    // The status is an answer, also where its body is cut short or too long.
    let mut body = Vec::new();
    if head.chunked {
        body = read_chunked(&mut stream, bytes, REFUSAL_MAX).unwrap_or_default();
    } else {
        let want = head.content_length.unwrap_or(REFUSAL_MAX).min(REFUSAL_MAX);
        while bytes.len() < want && stream.read_into(&mut bytes).is_ok_and(|read| read > 0) {}
        bytes.truncate(want);
        body.append(&mut bytes);
    }
    Ok(Answer { status, body })
}

/// Connects and writes the request.
fn send<'a>(
    to: &Endpoint,
    call: &Call<'_>,
    limits: &HttpLimits,
    now_ns: &'a dyn Fn() -> u64,
) -> Result<Timed<'a>, NetError> {
    let Call { method, headers, body } = *call;
    let one_line = |text: &str| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if to.path.contains(' ') || !one_line(&to.path) || !headers.iter().all(|h| one_line(h.1)) {
        return Err(NetError::Http("a path or header that is not printable"));
    }
    let mut head = format!("{method} {} HTTP/1.1\r\nHost: {}\r\n", to.path, to.host);
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    if !body.is_empty() || method == "POST" {
        head.push_str("Content-Length: ");
        head.push_str(&body.len().to_string());
        head.push_str("\r\n");
    }
    head.push_str("Connection: close\r\n\r\n");
    let mut stream = Timed::connect(to, limits.total_ns, now_ns)?;
    stream.write_all(&[head.as_bytes(), body].concat())?;
    Ok(stream)
}

/// Reads a whole body of which `bytes` were read already.
fn read_body(
    stream: &mut Timed<'_>,
    mut bytes: Vec<u8>,
    head: &Head,
    body_max: usize,
) -> Result<Vec<u8>, NetError> {
    if head.chunked {
        return read_chunked(stream, bytes, body_max);
    }
    let want = head.content_length.unwrap_or(usize::MAX);
    if head.content_length.is_some_and(|length| length > body_max) {
        return Err(NetError::Http("the body is too long"));
    }
    while bytes.len() < want {
        if bytes.len() > body_max {
            return Err(NetError::Http("the body is too long"));
        }
        if stream.read_into(&mut bytes)? == 0 {
            match head.content_length {
                None => break,
                Some(_) => return Err(NetError::Truncated { held: bytes.len() }),
            }
        }
    }
    bytes.truncate(want);
    Ok(bytes)
}

/// Reads a chunked body (RFC 9112, 7.1) of which `bytes` were read already.
fn read_chunked(
    stream: &mut Timed<'_>,
    mut bytes: Vec<u8>,
    body_max: usize,
) -> Result<Vec<u8>, NetError> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(&bytes) {
            Ok(httparse::Status::Complete((_, 0))) => return Ok(body),
            Ok(httparse::Status::Complete((skip, size))) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                if size > body_max - body.len() {
                    return Err(NetError::Http("the body is too long"));
                }
                let end = skip + size;
                // The chunk and the line end behind it.
                if bytes.len() >= end + 2 {
                    body.extend_from_slice(&bytes[skip..end]);
                    bytes.drain(..end + 2);
                    continue;
                }
            }
            Ok(httparse::Status::Partial) if bytes.len() < 1024 => {}
            _ => return Err(NetError::Http("bad chunk size")),
        }
        if stream.read_into(&mut bytes)? == 0 {
            return Err(NetError::Truncated { held: bytes.len() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let to = Endpoint::parse("ws://127.0.0.1:3001/ws").unwrap();
        assert_eq!(to.addr, "127.0.0.1:3001".parse().unwrap());
        assert_eq!((to.host.as_str(), to.path.as_str()), ("127.0.0.1:3001", "/ws"));
        assert_eq!(to.with_path("/info").path, "/info");
        let to = Endpoint::parse("http://127.0.0.1").unwrap();
        assert_eq!((to.addr.port(), to.path.as_str()), (80, "/"));
        assert_eq!(Endpoint::parse("ws://[::1]:9/x").unwrap().addr, "[::1]:9".parse().unwrap());
        for bad in [
            "",
            "127.0.0.1",
            "ftp://x",
            "ws://",
            "ws:///a",
            "wss://x",
            "ws://a b/",
            "ws://127.0.0.1:x/",
        ] {
            assert!(matches!(Endpoint::parse(bad), Err(NetError::BadUrl(_))), "{bad:?}");
        }
        assert!(matches!(Endpoint::parse("ws://127.0.0.1/a\r\nb"), Err(NetError::BadUrl(_))));
    }

    #[test]
    fn heads() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\nA: b\r\n").unwrap().is_none());
        let head =
            parse_head(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").unwrap().unwrap();
        assert_eq!((head.status, head.size, head.content_length), (200, 38, Some(5)));
        for bad in [
            &b"not http\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            assert!(matches!(parse_head(bad), Err(NetError::Http(_))));
        }
        let long = [b"HTTP/1.1 200 OK\r\nA: ".to_vec(), vec![b'x'; HEAD_MAX]].concat();
        assert!(matches!(parse_head(&long), Err(NetError::Http(_))));
    }

    /// What a server reads of one call.
    fn heard(call: &Call<'_>, path: &str) -> Result<String, NetError> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let serve = std::thread::spawn(move || {
            let Ok((mut stream, _)) = listener.accept() else { return String::new() };
            let mut bytes = vec![0; 4096];
            let read = std::io::Read::read(&mut stream, &mut bytes).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            String::from_utf8(bytes[..read].to_vec()).unwrap()
        });
        // A clock that stands: no deadline passes.
        let body = http_call(&to.with_path(path), call, &HttpLimits::default(), &|| 1)?;
        assert_eq!(body, b"ok");
        Ok(serve.join().unwrap())
    }

    /// What is made of an answer.
    fn answered(text: &str) -> Result<Answer, NetError> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = Endpoint::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let text = text.to_owned();
        let serve = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let read = std::io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
            // A client that has read enough may have gone.
            let written = stream.write_all(text.as_bytes());
            (read, written.is_ok())
        });
        let get = Call { method: "GET", headers: &[], body: b"" };
        let answer = http_answer(&to, &get, &HttpLimits::default(), &|| 1);
        assert!(serve.join().unwrap().0 > 0);
        answer
    }

    #[test]
    fn a_refusal_says_why() {
        let body = r#"{"code":21104,"message":"invalid nonce"}"#;
        let why = Ok(Answer { status: 400, body: body.as_bytes().to_vec() });
        let length = body.len();
        assert_eq!(
            answered(&format!("HTTP/1.1 400 Bad\r\nContent-Length: {length}\r\n\r\n{body}")),
            why
        );
        assert_eq!(answered(&format!("HTTP/1.1 400 Bad\r\n\r\n{body}")), why, "to its end");
        assert_eq!(
            answered(&format!(
                "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
            )),
            why
        );
        let cut = answered(&format!("HTTP/1.1 429 Slow\r\nContent-Length: 999\r\n\r\n{body}"));
        assert_eq!(cut, Ok(Answer { status: 429, body: body.as_bytes().to_vec() }));
        let long = "x".repeat(REFUSAL_MAX + 1);
        let long = answered(&format!("HTTP/1.1 500 No\r\n\r\n{long}")).unwrap();
        assert_eq!((long.status, long.body.len()), (500, REFUSAL_MAX));
    }

    #[test]
    fn a_call_has_its_method_and_headers() {
        let token = [("Authorization", "1:2:3:ab")];
        let get = Call { method: "GET", headers: &token, body: b"" };
        let told = heard(&get, "/api/v1/x?by=index").unwrap();
        assert!(told.starts_with("GET /api/v1/x?by=index HTTP/1.1\r\nHost: 127.0.0.1:"), "{told}");
        assert!(
            told.contains("\r\nAuthorization: 1:2:3:ab\r\n") && !told.contains("Content-Length")
        );
        let post = Call { method: "POST", headers: &[], body: b"a=b" };
        let told = heard(&post, "/x").unwrap();
        assert!(
            told.contains("\r\nContent-Length: 3\r\n") && told.ends_with("\r\n\r\na=b"),
            "{told}"
        );
        let lines = [("Authorization", "a\r\nHost: other")];
        let bad = Call { method: "GET", headers: &lines, body: b"" };
        assert!(matches!(heard(&bad, "/x"), Err(NetError::Http(_))));
        assert!(matches!(heard(&get, "/x y"), Err(NetError::Http(_))));
    }
}
