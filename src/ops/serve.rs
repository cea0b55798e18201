//! Cold. What a running engine shows and takes over HTTP, on loopback: `GET /health`,
//! `GET /metrics` (Prometheus' text form), and `POST /kill`, `/flatten`, `/resume` with a token.
//!
//! One thread, one connection at a time, each with a deadline and a cap: a scraper asks every few
//! seconds, and a client that drips must not hold memory or the next one for long. It reads copies
//! (atomics and the last snapshots), so nothing that it does can touch a hot thread.

mod health;
mod text;

pub use health::{Health, State};

use crate::config::Config;
use crate::core::InstSnapshot;
use crate::event::Command;
use crate::instrument::InstrumentSpec;
use crate::ops::Failure;
use crate::pipeline::clock::Clock;
use crate::pipeline::metrics::Metrics;
use crate::session::Session;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longest head of a request, bytes. What we need of one is its first line and two headers.
const HEAD_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 32;
/// A client has this long for its request, and this long to take the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the listener looks for clients and for the end.
const PAUSE: Duration = Duration::from_millis(10);
/// Shortest token that is taken: 128 bits as hex.
pub const TOKEN_MIN: usize = 32;

/// The server of a run and the board that it shows.
#[derive(Debug)]
pub struct Door {
    board: Arc<Board>,
    server: Server,
}

/// The door's address taken and its token read: before anything trades, since both can fail.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    token: Option<String>,
    name: String,
}

impl Bound {
    /// As configured; `None` when it is switched off.
    pub fn new(config: &Config) -> Result<Option<Bound>, Failure> {
        if !config.metrics.enabled {
            return Ok(None);
        }
        let token = match config.metrics.commands_file.as_str() {
            "" => None,
            path => Some(token(Path::new(path))?),
        };
        let address = &config.metrics.address;
        let listener = TcpListener::bind(address).map_err(|error| {
            Failure::environment(format!("metrics.address {address}: {error}: choose another port"))
        })?;
        Ok(Some(Bound { listener, token, name: config.engine.name.clone() }))
    }

    /// Begins to serve.
    pub fn open(
        self,
        specs: &[InstrumentSpec],
        metrics: &Arc<Metrics>,
        clock: &Clock,
    ) -> Result<Door, Failure> {
        let board = Arc::new(Board::new(&self.name, specs, metrics, clock));
        let server = Server::start(self.listener, self.token, Arc::clone(&board));
        Ok(Door { board, server: server.map_err(Failure::environment)? })
    }
}

impl Door {
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub fn put(&self, snapshot: InstSnapshot) {
        self.board.put(snapshot);
    }

    /// Hands people's commands to the session.
    pub fn pass(&self, session: &mut Session) {
        while let Ok(command) = self.server.commands.try_recv() {
            tracing::warn!(command = command.name(), "by HTTP");
            // A full ring: the core is asked again until it has room, for a kill may not be lost.
            while !session.command(command) && !session.is_broken() {
                std::thread::yield_now();
            }
        }
    }
}

/// Reads the token of commands: a file that only its owner can read.
fn token(path: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::environment(format!("{}: {why}", path.display()));
    let meta = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if meta.mode() & 0o077 != 0 {
        return Err(wrong("others can read it: chmod 600".to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.len() < TOKEN_MIN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong(format!("needs one line of at least {TOKEN_MIN} printable characters")));
    }
    Ok(token.to_owned())
}

/// What is shown: the counters, and the last snapshot of each market.
#[derive(Debug)]
pub struct Board {
    name: String,
    symbols: Vec<String>,
    snapshots: Mutex<Vec<Option<InstSnapshot>>>,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Board {
    pub fn new(
        name: &str,
        specs: &[InstrumentSpec],
        metrics: &Arc<Metrics>,
        clock: &Clock,
    ) -> Board {
        Board {
            name: name.to_owned(),
            symbols: specs.iter().map(|s| s.symbol.as_str().to_owned()).collect(),
            snapshots: Mutex::new(vec![None; specs.len()]),
            metrics: Arc::clone(metrics),
            clock: clock.clone(),
        }
    }

    pub fn put(&self, snapshot: InstSnapshot) {
        let mut all = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = all.get_mut(usize::from(snapshot.inst.0)) {
            *slot = Some(snapshot);
        }
    }

    pub fn health(&self) -> Health {
        Health::of(&self.metrics, &self.symbols, &self.snapshots(), self.clock.stamp().0)
    }

    /// Prometheus' text form.
    pub fn metrics_text(&self) -> String {
        text::page(&self.name, &self.metrics, &self.symbols, &self.snapshots(), &self.health())
    }

    fn snapshots(&self) -> Vec<Option<InstSnapshot>> {
        self.snapshots.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Commands of people, for whoever runs the session.
    pub commands: Receiver<Command>,
}

impl Server {
    /// Serves what is asked of `listener`. `token`: what a command must show; without one no command
    /// is taken.
    ///
    /// # Errors
    /// When the machine gives no thread.
    pub fn start(
        listener: TcpListener,
        token: Option<String>,
        board: Arc<Board>,
    ) -> std::io::Result<Server> {
        // So that the thread sees the end of the run.
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        // A person is slower than eight commands.
        let (sender, commands) = bounded(8);
        let desk = Desk { board, token, commands: sender };
        let ended = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("http".into()).spawn(move || {
            while !ended.load(Ordering::Acquire) {
                match listener.accept() {
                    // A client that goes away in the middle is its own affair.
                    Ok((stream, _)) => drop(desk.serve(stream)),
                    Err(_) => std::thread::sleep(PAUSE),
                }
            }
        })?;
        Ok(Server { address, stop, thread: Some(thread), commands })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An answer: status line's end, content type, body.
struct Answer(&'static str, &'static str, String);

fn plain(status: &'static str, body: &str) -> Answer {
    Answer(status, "text/plain; charset=utf-8", format!("{body}\n"))
}

struct Desk {
    board: Arc<Board>,
    token: Option<String>,
    commands: Sender<Command>,
}

impl Desk {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let Answer(status, kind, body) = match head(&mut stream)? {
            Head::Whole(bytes) => self.answer(&bytes),
            Head::TooLarge => plain("431 Request Header Fields Too Large", "the head is too long"),
            Head::Cut => plain("400 Bad Request", "no whole request came"),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())
    }

    fn answer(&self, bytes: &[u8]) -> Answer {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        if !request.parse(bytes).is_ok_and(|s| s.is_complete()) {
            return plain("400 Bad Request", "not a request of HTTP/1.1");
        }
        let path = request.path.unwrap_or("").split('?').next().unwrap_or("");
        match (request.method.unwrap_or(""), path) {
            ("GET", "/health") => {
                let health = self.board.health();
                let status = match health.state {
                    State::Ok => "200 OK",
                    State::Degraded | State::Down => "503 Service Unavailable",
                };
                Answer(status, "application/json", format!("{}\n", health.json()))
            }
            ("GET", "/metrics") => {
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                Answer("200 OK", kind, self.board.metrics_text())
            }
            ("POST", "/kill") => self.command(Command::Kill, request.headers),
            ("POST", "/flatten") => self.command(Command::Flatten, request.headers),
            ("POST", "/resume") => self.command(Command::Resume, request.headers),
            (_, "/health" | "/metrics") => plain("405 Method Not Allowed", "use GET"),
            (_, "/kill" | "/flatten" | "/resume") => plain("405 Method Not Allowed", "use POST"),
            _ => plain(
                "404 Not Found",
                "there are GET /health, GET /metrics, POST /kill, POST /flatten and POST /resume",
            ),
        }
    }

    fn command(&self, command: Command, headers: &[httparse::Header<'_>]) -> Answer {
        let Some(token) = &self.token else {
            return plain(
                "403 Forbidden",
                "no token: state metrics.commands_file to take commands",
            );
        };
        let shown = headers
            .iter()
            .find(|h| h.name.eq_ignore_ascii_case("authorization"))
            .and_then(|h| h.value.strip_prefix(b"Bearer "));
        if !shown.is_some_and(|shown| is_same(shown, token.as_bytes())) {
            return plain("401 Unauthorized", "needs `Authorization: Bearer TOKEN`");
        }
        match self.commands.try_send(command) {
            Ok(()) => plain("202 Accepted", command.name()),
            Err(_) => plain("503 Service Unavailable", "the engine takes no commands now"),
        }
    }
}

/// Equality in a time that depends on the lengths only.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

enum Head {
    Whole(Vec<u8>),
    TooLarge,
    Cut,
}

/// Reads to the empty line. A body, if there is one, is not looked at.
fn head(stream: &mut TcpStream) -> std::io::Result<Head> {
    let mut bytes = Vec::with_capacity(1024);
    let mut piece = [0; 1024];
    // Each read waits at most `PATIENCE`; so many reads bound the whole.
    for _ in 0..HEAD_MAX / 64 {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(Head::Cut),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Head::Cut);
            }
            Err(error) => return Err(error),
        }
        if bytes.windows(4).any(|w| w == b"\r\n\r\n") {
            return Ok(Head::Whole(bytes));
        }
        if bytes.len() > HEAD_MAX {
            return Ok(Head::TooLarge);
        }
    }
    Ok(Head::Cut)
}
