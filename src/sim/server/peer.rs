//! Cold. One connection: HTTP until it upgrades, WebSocket from then on. Never blocks, never
//! allocates beyond its limits.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use mio::net::TcpStream;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::dialect::{Ask, Get, Out};
use super::{BadFrame, PeerId, PeerLimits};
use crate::units::Nanos;

/// Most requests and messages taken from one connection in one round.
const ROUND_MAX: usize = 64;
const HEADERS_MAX: usize = 64;

/// The connection ended, or has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The peer left.
    Closed,
    /// What it sent is not HTTP, not WebSocket, or too long.
    Protocol,
    /// It does not take what is sent to it.
    Slow,
}

enum Stage {
    Http {
        stream: TcpStream,
        input: Vec<u8>,
        output: Vec<u8>,
        /// A request is being answered: the next one waits.
        waiting: bool,
        /// The peer asked for the end of the connection after the answer, or must get it.
        last: bool,
    },
    Ws(Box<WebSocket<TcpStream>>),
    /// Between two stages.
    Moving,
}

/// One connection.
pub struct Peer {
    pub id: PeerId,
    /// The socket may have bytes.
    pub readable: bool,
    /// When something was last sent, and last heard.
    pub sent_at: Nanos,
    pub heard_at: Nanos,
    stage: Stage,
    /// What is to be sent, and when.
    queue: VecDeque<(Nanos, Out)>,
    queued: usize,
    limits: PeerLimits,
    paths: Paths,
}

/// What of HTTP there is besides posts.
#[derive(Clone, Copy, Debug)]
pub struct Paths {
    /// Where WebSockets are taken; a query behind it is ignored.
    pub ws: &'static str,
    /// Other `GET`s are asked; otherwise they are refused with 404.
    pub gets: bool,
}

impl Peer {
    pub fn new(
        id: PeerId,
        stream: TcpStream,
        limits: PeerLimits,
        paths: Paths,
        now: Nanos,
    ) -> Peer {
        // Fails only on a socket that is gone, which the first read will tell.
        let _ = stream.set_nodelay(true);
        let stage = Stage::Http {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            waiting: false,
            last: false,
        };
        let queue = VecDeque::new();
        let (sent_at, heard_at) = (now, now);
        Peer { id, readable: true, sent_at, heard_at, stage, queue, queued: 0, limits, paths }
    }

    pub fn is_ws(&self) -> bool {
        matches!(self.stage, Stage::Ws(_))
    }

    /// It has not asked for anything that is being answered: it may make room for another.
    pub fn may_be_evicted(&self) -> bool {
        matches!(self.stage, Stage::Http { waiting: false, .. })
    }

    /// The socket, for its registration.
    pub fn stream(&mut self) -> Option<&mut TcpStream> {
        match &mut self.stage {
            Stage::Http { stream, .. } => Some(stream),
            Stage::Ws(ws) => Some(ws.get_mut()),
            Stage::Moving => None,
        }
    }

    /// Takes what the socket has, up to a bound; the rest stays readable. What was asked before
    /// the connection ended is in `asks` all the same.
    pub fn read(&mut self, now: Nanos, asks: &mut Vec<Ask>) -> Result<(), Gone> {
        for _ in 0..ROUND_MAX {
            if !self.readable {
                break;
            }
            match &mut self.stage {
                Stage::Http { .. } => self.read_http(asks)?,
                Stage::Ws(ws) => match ws.read() {
                    Ok(Message::Text(text)) => {
                        self.heard_at = now;
                        asks.push(Ask::Text(text.as_str().to_owned()));
                    }
                    Ok(_) => self.heard_at = now,
                    Err(Error::Io(error)) if is_later(&error) => self.readable = false,
                    Err(error) => return Err(ended(&error)),
                },
                Stage::Moving => return Err(Gone::Closed),
            }
        }
        Ok(())
    }

    fn read_http(&mut self, asks: &mut Vec<Ask>) -> Result<(), Gone> {
        let Stage::Http { stream, input, waiting, .. } = &mut self.stage else { return Ok(()) };
        if input.len() > self.limits.head_max + self.limits.body_max {
            // A pipelining client while an answer is due: its bytes stay in the kernel.
            if *waiting {
                self.readable = false;
                return Ok(());
            }
            return Err(Gone::Protocol);
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => return Err(Gone::Closed),
            Ok(n) => input.extend_from_slice(&piece[..n]),
            Err(error) if is_later(&error) => self.readable = false,
            Err(_) => return Err(Gone::Closed),
        }
        self.take_request(asks)
    }

    /// Takes one complete request from the input, unless one is being answered.
    fn take_request(&mut self, asks: &mut Vec<Ask>) -> Result<(), Gone> {
        let (limits, paths) = (self.limits, self.paths);
        let Stage::Http { input, waiting, last, output, .. } = &mut self.stage else {
            return Ok(());
        };
        if *waiting || *last {
            return Ok(());
        }
        let request = match parse_request(input, &limits, paths) {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => request,
            Err(status) => {
                *last = true;
                input.clear();
                output.extend(response(status, "", true));
                return Ok(());
            }
        };
        input.drain(..request.size);
        match request.kind {
            Kind::Post { path, body, close } => {
                *waiting = true;
                *last = close;
                asks.push(Ask::Post { path, body });
                Ok(())
            }
            Kind::Get { get, close } => {
                *waiting = true;
                *last = close;
                asks.push(Ask::Get(get));
                Ok(())
            }
            Kind::Upgrade { key } => self.upgrade(&key),
        }
    }

    fn upgrade(&mut self, key: &str) -> Result<(), Gone> {
        let stage = std::mem::replace(&mut self.stage, Stage::Moving);
        let Stage::Http { mut stream, input, .. } = stage else { return Err(Gone::Closed) };
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        // An empty socket takes 130 bytes at once, or it is not one to talk to.
        match stream.write(head.as_bytes()) {
            Ok(n) if n == head.len() => {}
            _ => return Err(Gone::Closed),
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_write_buffer_size(self.limits.queue_max)
            .max_message_size(Some(self.limits.body_max))
            .max_frame_size(Some(self.limits.body_max));
        let ws = WebSocket::from_partially_read(stream, input, Role::Server, Some(config));
        self.stage = Stage::Ws(Box::new(ws));
        Ok(())
    }

    /// Queues what is to be sent at `at`.
    pub fn push(&mut self, at: Nanos, out: Out) -> Result<(), Gone> {
        self.queued += size(&out);
        if self.queued > self.limits.queue_max {
            return Err(Gone::Slow);
        }
        self.queue.push_back((at, out));
        Ok(())
    }

    /// Gives the socket what is due. Returns the number of messages.
    pub fn write(&mut self, now: Nanos, asks: &mut Vec<Ask>) -> Result<u64, Gone> {
        let mut sent = 0;
        while let Some((at, _)) = self.queue.front()
            && *at <= now
        {
            let Some((_, out)) = self.queue.pop_front() else { break };
            self.queued -= size(&out);
            self.sent_at = now;
            sent += 1;
            self.put(out)?;
        }
        match &mut self.stage {
            Stage::Ws(ws) => match ws.flush() {
                Ok(()) => {}
                Err(Error::Io(error)) if is_later(&error) => {}
                Err(error) => return Err(ended(&error)),
            },
            Stage::Http { stream, output, waiting, last, .. } => {
                while !output.is_empty() {
                    match stream.write(output) {
                        Ok(0) => return Err(Gone::Closed),
                        Ok(n) => drop(output.drain(..n)),
                        Err(error) if is_later(&error) => return Ok(sent),
                        Err(_) => return Err(Gone::Closed),
                    }
                }
                if *last && !*waiting {
                    return Err(Gone::Closed);
                }
            }
            Stage::Moving => return Err(Gone::Closed),
        }
        if sent > 0 && !self.is_ws() {
            // An answer makes room for the next request, which may be here already.
            self.take_request(asks)?;
            self.readable = true;
        }
        Ok(sent)
    }

    fn put(&mut self, out: Out) -> Result<(), Gone> {
        match (&mut self.stage, out) {
            (Stage::Ws(ws), Out::Text(text)) => match ws.write(Message::text(text)) {
                Ok(()) => Ok(()),
                // It lies in the buffer.
                Err(Error::Io(error)) if is_later(&error) => Ok(()),
                Err(Error::WriteBufferFull(_)) => Err(Gone::Slow),
                Err(error) => Err(ended(&error)),
            },
            (Stage::Http { output, waiting, last, .. }, Out::Http(status, body)) => {
                *waiting = false;
                output.extend(response(status, &body, *last));
                Ok(())
            }
            (_, Out::Close) => Err(Gone::Closed),
            // An answer for a stage that is over.
            _ => Ok(()),
        }
    }

    /// Drops what waits: the peer is to hear nothing.
    pub fn forget(&mut self) {
        self.queue.clear();
        self.queued = 0;
    }

    /// Sends bytes that are no frame of the protocol, as far as the socket takes them.
    pub fn misbehave(&mut self, frame: BadFrame) -> Result<(), Gone> {
        let bytes: &[u8] = match frame {
            BadFrame::NotUtf8 => b"\x81\x02\xc3\x28",
            BadFrame::ReservedOpcode => b"\x83\x02{}",
            BadFrame::Masked => b"\x81\x82\0\0\0\0{}",
            BadFrame::Oversized => b"\x81\x7f\0\0\0\0\0\x98\x96\x80{\"channel\"",
            BadFrame::BrokenJson => b"\x81\x24{\"channel\":\"l2Book\",\"data\":{\"coin\":\"",
            BadFrame::Truncated => b"\x81\x7e\x01\x00{\"channel\":\"l2Book\",\"data\":",
        };
        let Some(stream) = self.stream() else { return Err(Gone::Closed) };
        stream.write(bytes).map_err(|_| Gone::Closed)?;
        if frame == BadFrame::Truncated { Err(Gone::Closed) } else { Ok(()) }
    }
}

fn size(out: &Out) -> usize {
    match out {
        Out::Text(text) | Out::Http(_, text) => text.len() + 64,
        Out::Close => 0,
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn ended(error: &Error) -> Gone {
    match error {
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)
        | Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Io(_) => Gone::Closed,
        _ => Gone::Protocol,
    }
}

/// A complete HTTP request.
struct HttpRequest {
    kind: Kind,
    /// Bytes that it took.
    size: usize,
}

enum Kind {
    Post { path: String, body: Vec<u8>, close: bool },
    Get { get: Get, close: bool },
    Upgrade { key: String },
}

/// `Ok(None)` until it is complete; `Err` is the status that refuses it.
fn parse_request(
    input: &[u8],
    limits: &PeerLimits,
    paths: Paths,
) -> Result<Option<HttpRequest>, u16> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(input) {
        Ok(httparse::Status::Complete(head)) if head <= limits.head_max => head,
        Ok(httparse::Status::Partial) if input.len() <= limits.head_max => return Ok(None),
        Ok(_) => return Err(431),
        Err(httparse::Error::TooManyHeaders) => return Err(431),
        Err(_) => return Err(400),
    };
    let header = |name: &str| {
        let found = request.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
        found.and_then(|h| std::str::from_utf8(h.value).ok()).map(str::trim)
    };
    let lists = |name: &str, word: &str| {
        header(name).is_some_and(|v| v.split(',').any(|w| w.trim().eq_ignore_ascii_case(word)))
    };
    let path = request.path.unwrap_or("/").to_owned();
    match request.method {
        Some("POST") => {
            // Both would allow two readings of where a body ends.
            if header("transfer-encoding").is_some() {
                return Err(411);
            }
            let length = header("content-length").ok_or(411u16)?;
            let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            let length =
                digits.then(|| length.parse::<usize>().unwrap_or(usize::MAX)).ok_or(400u16)?;
            if length > limits.body_max {
                return Err(413);
            }
            let Some(body) = input.get(head..head + length) else { return Ok(None) };
            let close = lists("connection", "close") || request.version == Some(0);
            let kind = Kind::Post { path, body: body.to_vec(), close };
            Ok(Some(HttpRequest { kind, size: head + length }))
        }
        Some("GET") if path.split('?').next() == Some(paths.ws) => {
            let version = header("sec-websocket-version") == Some("13");
            let upgrade = lists("connection", "upgrade") && lists("upgrade", "websocket");
            match header("sec-websocket-key").filter(|key| key.len() == 24) {
                Some(key) if version && upgrade => {
                    let kind = Kind::Upgrade { key: key.to_owned() };
                    Ok(Some(HttpRequest { kind, size: head }))
                }
                _ => Err(400),
            }
        }
        Some("GET") if paths.gets => {
            let close = lists("connection", "close") || request.version == Some(0);
            let get = Get { path, auth: header("authorization").map(str::to_owned) };
            Ok(Some(HttpRequest { kind: Kind::Get { get, close }, size: head }))
        }
        Some("GET") => Err(404),
        _ => Err(405),
    }
}

fn response(status: u16, body: &str, close: bool) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        _ => "Request Header Fields Too Large",
    };
    let kind = if status == 422 { "text/plain" } else { "application/json" };
    let connection = if close { "close" } else { "keep-alive" };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: {connection}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
