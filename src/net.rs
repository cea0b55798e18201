//! Hot. The WebSocket client: bytes in, bytes out; knows no other module of ours.
//!
//! A [`Conn`] is one non-blocking connection. Spinning, its owner calls [`Conn::poll_read`], which
//! is one `read` of the socket (0.2 us when there is nothing); parked, it registers the connection
//! with mio and does the same when woken. What one read brings is cut into frames where it lies
//! ([`frame`]) and handed out as slices. Connecting and REST are blocking and cold ([`http`]).
//!
//! Time is the caller's: a connection knows no silence and no ping interval. [`ReadOutcome::bytes`]
//! tells its owner when to move its `idle_since` stamp, and [`Conn::ping`] asks for a sign of life.
//!
//! Every end has a name in [`NetError`] and is final: what was held of an unfinished frame is
//! dropped, later calls answer [`NetError::Closed`], and dropping the connection frees the socket.
//! Nothing here connects again: that, with its back-off and its recovery, is the owner's decision.

pub mod frame;
pub mod http;
pub mod mask;
pub mod tls;

use std::fmt;
use std::io::{self, Write};
use std::net::Shutdown;

use frame::{CONTROL_MAX, Fault, FrameReader, MASKED_HEAD_MAX, Opcode, write_masked};
pub use http::{Call, Endpoint, http_call, http_post};
use mask::MaskKeys;
use tls::Transport;
pub use tls::{TlsFault, Trust};

/// Why a connection ended or a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetError {
    /// The operating system's error, by kind: refused, reset, unreachable.
    Io(io::ErrorKind),
    /// The peer ended the stream between two messages.
    Eof,
    /// The peer ended the stream inside a message, of which `held` bytes had arrived.
    Truncated { held: usize },
    /// The peer sent a close frame.
    PeerClosed { code: Option<u16> },
    /// The peer broke the protocol.
    Protocol(Fault),
    /// No room in the write buffer. Nothing was sent of this message; the connection goes on.
    WriteFull,
    /// Used after its end.
    Closed,
    /// The deadline of a blocking call passed.
    Timeout,
    /// The URL is not one that we can open.
    BadUrl(&'static str),
    /// The answer to the upgrade is not an acceptance of it.
    Handshake(&'static str),
    /// An HTTP answer that cannot be read.
    Http(&'static str),
    /// An HTTP status other than the one that was needed.
    Status(u16),
    /// The operating system gave no randomness for mask keys.
    NoRandomness,
    /// The peer is not who it should be, or its encryption is broken.
    Tls(TlsFault),
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::Io(kind) => write!(f, "{kind}"),
            NetError::Eof => f.write_str("the peer ended the stream"),
            NetError::Truncated { held } => write!(f, "the stream ended inside a frame ({held} B)"),
            NetError::PeerClosed { code: Some(code) } => write!(f, "closed by the peer ({code})"),
            NetError::PeerClosed { code: None } => f.write_str("closed by the peer"),
            NetError::Protocol(fault) => write!(f, "protocol error: {}", fault.name()),
            NetError::WriteFull => f.write_str("write buffer full"),
            NetError::Closed => f.write_str("connection is closed"),
            NetError::Timeout => f.write_str("timed out"),
            NetError::BadUrl(why) | NetError::Handshake(why) | NetError::Http(why) => {
                f.write_str(why)
            }
            NetError::Status(status) => write!(f, "HTTP status {status}"),
            NetError::NoRandomness => f.write_str("no randomness from the operating system"),
            NetError::Tls(fault) => write!(f, "{fault}"),
        }
    }
}

impl std::error::Error for NetError {}

impl From<io::Error> for NetError {
    fn from(error: io::Error) -> NetError {
        if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFault>()) {
            return NetError::Tls(*fault);
        }
        match error.kind() {
            // What a blocking socket answers when its time-out passed, on Linux and elsewhere.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => NetError::Timeout,
            kind => NetError::Io(kind),
        }
    }
}

/// The named limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest message in bytes; also the size of both receive buffers.
    pub message_max: usize,
    /// Bytes that may wait for the socket. A venue's action is 0.3-8 kB.
    pub write_max: usize,
    /// How long connecting and the handshake may take together, ns.
    pub connect_ns: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { message_max: 1 << 20, write_max: 256 * 1024, connect_ns: 5_000_000_000 }
    }
}

/// What went through a connection, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// Text messages.
    pub messages_in: u64,
    pub messages_out: u64,
    pub pings_in: u64,
    pub pings_out: u64,
    pub pongs_in: u64,
    /// Pings that found no room for their pong.
    pub pongs_dropped: u64,
    /// Reads that brought bytes.
    pub reads: u64,
    /// Times that the socket took less than was there.
    pub partial_writes: u64,
    /// Sends refused with [`NetError::WriteFull`].
    pub write_full: u64,
    /// Protocol errors, by `Fault as usize`.
    pub faults: [u64; Fault::COUNT],
}

/// What one [`Conn::poll_read`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOutcome {
    /// Bytes that the socket gave; zero when it had none. mio reports a socket once: a parked owner
    /// reads until this is zero.
    pub bytes: usize,
    /// Text messages handed out.
    pub messages: u32,
}

/// What became of bytes that were to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The socket has everything.
    All,
    /// So many bytes wait for the socket: call [`Conn::flush`] later or when it is writable.
    Pending(usize),
}

/// Room that data leaves for control frames: a pong and a close, each of the longest form.
const CONTROL_RESERVE: usize = 2 * (CONTROL_MAX + MASKED_HEAD_MAX);

/// One WebSocket connection, client side.
#[derive(Debug)]
pub struct Conn {
    transport: Transport<mio::net::TcpStream>,
    reader: FrameReader,
    keys: MaskKeys,
    out: Box<[u8]>,
    out_start: usize,
    out_end: usize,
    open: bool,
    /// The socket has not taken everything.
    waits: bool,
    /// Bytes from behind the handshake that lie in the reader and were not looked at.
    preloaded: usize,
    counters: Counters,
}

impl Conn {
    /// Connects and upgrades, blocking at most `limits.connect_ns` by the caller's monotonic clock
    /// `now_ns`. Cold.
    pub fn connect(
        to: &Endpoint,
        limits: &Limits,
        now_ns: &dyn Fn() -> u64,
    ) -> Result<Conn, NetError> {
        let (mut transport, behind) = http::upgrade(to, limits.connect_ns, now_ns)?;
        transport.socket().set_nonblocking(true)?;
        let mut conn = Conn {
            transport: transport.map(mio::net::TcpStream::from_std),
            reader: FrameReader::new(limits.message_max),
            keys: MaskKeys::from_os().map_err(|_| NetError::NoRandomness)?,
            out: vec![0; limits.write_max + CONTROL_RESERVE].into_boxed_slice(),
            out_start: 0,
            out_end: 0,
            open: true,
            waits: false,
            preloaded: behind.len(),
            counters: Counters::default(),
        };
        // Frames that came in the same segment as the end of the handshake.
        if !conn.reader.preload(&behind) {
            return Err(NetError::Protocol(Fault::Oversized));
        }
        Ok(conn)
    }

    /// One non-blocking read; each complete text message goes to `on_text` in its order. Pings are
    /// answered on the way. An `Err` is the end of the connection; messages before it were handed
    /// out.
    #[inline]
    pub fn poll_read(&mut self, mut on_text: impl FnMut(&[u8])) -> Result<ReadOutcome, NetError> {
        let bytes = self.fill()?;
        let mut messages = 0;
        while let Some(text) = self.next_text()? {
            on_text(text);
            messages += 1;
        }
        Ok(ReadOutcome { bytes, messages })
    }

    /// The first half of [`Conn::poll_read`]: one read. Zero when the socket has nothing, or when
    /// the messages read before were not taken and fill the buffer: a taker that stops, stops the
    /// peer. An `Err` ends the connection with whatever was not taken.
    #[inline]
    pub fn fill(&mut self) -> Result<usize, NetError> {
        if !self.open {
            return Err(NetError::Closed);
        }
        if self.preloaded > 0 {
            // They are this call's bytes: the socket may already be at its end.
            let n = std::mem::take(&mut self.preloaded);
            self.counters.bytes_in += n as u64;
            return Ok(n);
        }
        match self.reader.fill(&mut self.transport) {
            Ok(0) => {
                let held = self.reader.held();
                let end = if held == 0 { NetError::Eof } else { NetError::Truncated { held } };
                Err(self.end(end))
            }
            Ok(n) => {
                self.counters.bytes_in += n as u64;
                self.counters.reads += 1;
                Ok(n)
            }
            Err(error) if is_retry(&error) => Ok(0),
            Err(error) => Err(self.end(NetError::from(error))),
        }
    }

    /// The second half of [`Conn::poll_read`]: the next complete text message that was read.
    #[inline]
    pub fn next_text(&mut self) -> Result<Option<&[u8]>, NetError> {
        if !self.open {
            return Err(NetError::Closed);
        }
        loop {
            let item = match self.reader.next_item() {
                Ok(Some(item)) => item,
                Ok(None) => return Ok(None),
                Err(fault) => return Err(self.refuse(fault)),
            };
            if item.opcode == Opcode::Text {
                self.counters.messages_in += 1;
                return Ok(Some(self.reader.payload(item)));
            }
            self.control(item)?;
        }
    }

    #[cold]
    fn control(&mut self, item: frame::Item) -> Result<(), NetError> {
        let payload = self.reader.payload(item);
        let mut copy = [0; CONTROL_MAX];
        let copy = &mut copy[..payload.len()];
        copy.copy_from_slice(payload);
        match item.opcode {
            Opcode::Ping => {
                self.counters.pings_in += 1;
                match self.queue(Opcode::Pong, copy, 0) {
                    Ok(()) => drop(self.flush()?),
                    // The socket takes nothing: more pongs would not help.
                    Err(_) => self.counters.pongs_dropped += 1,
                }
                Ok(())
            }
            Opcode::Pong => {
                self.counters.pongs_in += 1;
                Ok(())
            }
            _ => {
                let code = copy.first_chunk::<2>().map(|code| u16::from_be_bytes(*code));
                self.say_close(code.unwrap_or(1000));
                Err(self.end(NetError::PeerClosed { code }))
            }
        }
    }

    /// Sends one text message. Refused as a whole with [`NetError::WriteFull`] when the socket has
    /// not taken enough of the earlier ones.
    #[inline]
    pub fn send(&mut self, text: &[u8]) -> Result<Sent, NetError> {
        self.post(text)?;
        self.flush()
    }

    /// As [`Conn::send`], but leaves the message behind what waits: several messages then leave in
    /// one write, with the next [`Conn::flush`].
    #[inline]
    pub fn post(&mut self, text: &[u8]) -> Result<(), NetError> {
        if !self.open {
            return Err(NetError::Closed);
        }
        if let Err(full) = self.queue(Opcode::Text, text, CONTROL_RESERVE) {
            self.counters.write_full += 1;
            return Err(full);
        }
        self.counters.messages_out += 1;
        Ok(())
    }

    /// Sends an empty ping; [`Counters::pongs_in`] counts the answers.
    pub fn ping(&mut self) -> Result<Sent, NetError> {
        if !self.open {
            return Err(NetError::Closed);
        }
        self.queue(Opcode::Ping, &[], 0)?;
        self.counters.pings_out += 1;
        self.flush()
    }

    /// Gives the socket what waits for it.
    #[inline]
    pub fn flush(&mut self) -> Result<Sent, NetError> {
        if !self.open {
            return Err(NetError::Closed);
        }
        while self.out_start < self.out_end {
            match self.transport.write(&self.out[self.out_start..self.out_end]) {
                Ok(0) => return Err(self.end(NetError::Io(io::ErrorKind::WriteZero))),
                Ok(n) => {
                    self.out_start += n;
                    self.counters.bytes_out += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.counters.partial_writes += 1;
                    self.waits = true;
                    return Ok(Sent::Pending(self.out_end - self.out_start));
                }
                Err(error) => return Err(self.end(NetError::from(error))),
            }
        }
        self.out_start = 0;
        self.out_end = 0;
        self.flush_records()
    }

    /// What is encrypted and was not taken: at most a few records.
    #[inline]
    fn flush_records(&mut self) -> Result<Sent, NetError> {
        match self.transport.flush() {
            Ok(()) => {
                self.waits = false;
                Ok(Sent::All)
            }
            Err(error) if is_retry(&error) => {
                self.counters.partial_writes += 1;
                self.waits = true;
                Ok(Sent::Pending(1))
            }
            Err(error) => Err(self.end(NetError::from(error))),
        }
    }

    /// Does anything wait for the socket? Then somebody must call [`Conn::flush`] again.
    #[inline]
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Puts one masked frame behind what waits, leaving `reserve` bytes free.
    #[inline]
    fn queue(&mut self, opcode: Opcode, payload: &[u8], reserve: usize) -> Result<(), NetError> {
        let limit = self.out.len() - reserve;
        if self.out_start > 0 && limit < self.out_end + payload.len() + MASKED_HEAD_MAX {
            self.out.copy_within(self.out_start..self.out_end, 0);
            self.out_end -= self.out_start;
            self.out_start = 0;
        }
        let room = self.out.get_mut(self.out_end..limit).ok_or(NetError::WriteFull)?;
        let key = self.keys.next_key();
        let n = write_masked(room, opcode, payload, key).ok_or(NetError::WriteFull)?;
        self.out_end += n;
        Ok(())
    }

    /// Lets a parked owner wait for this connection: readable and writable, edge-triggered.
    pub fn register(&mut self, registry: &mio::Registry, token: mio::Token) -> io::Result<()> {
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        registry.register(self.transport.socket(), token, interest)
    }

    /// Undoes [`Conn::register`].
    pub fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        registry.deregister(self.transport.socket())
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Says goodbye and ends the connection; what waited and does not fit the socket is lost.
    pub fn close(&mut self) {
        if self.open {
            self.say_close(1000);
            self.end(NetError::Closed);
        }
    }

    #[cold]
    fn refuse(&mut self, fault: Fault) -> NetError {
        self.counters.faults[fault as usize] += 1;
        self.say_close(fault.close_code());
        self.end(NetError::Protocol(fault))
    }

    /// One attempt to tell the peer why; the connection ends in any case.
    #[cold]
    fn say_close(&mut self, code: u16) {
        if self.queue(Opcode::Close, &code.to_be_bytes(), 0).is_ok() {
            let _ = self.flush();
        }
    }

    #[cold]
    fn end(&mut self, error: NetError) -> NetError {
        self.open = false;
        self.transport.goodbye();
        // Fails when the peer is gone already, which is as good.
        let _ = self.transport.socket().shutdown(Shutdown::Both);
        error
    }
}

fn is_retry(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
