//! Cold. The server's loop: sockets in and out, the hub in between.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use super::dialect::{Ask, Dialect};
use super::peer::{Gone, Paths, Peer};
use super::{Command, PeerId, Scope, ServerFault};
use crate::sim::exchange::Exchange;
use crate::units::Nanos;

const LISTEN: Token = Token(0);
/// Of the handle, when it has a command.
pub const WAKE: Token = Token(1);
/// Connections are numbered from here; a number is never used again.
const FIRST_PEER: u64 = 2;

/// The faults that last.
#[derive(Clone, Copy, Debug, Default)]
struct Active {
    silence: Option<Scope>,
    delay: Option<(Scope, Nanos)>,
    refuse_new: bool,
    refuse_ws: bool,
}

/// What one look at the inbox found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commanded {
    Nothing,
    Something,
    Stop,
}

/// All sockets and the hub.
pub struct Sockets {
    hub: Dialect,
    poll: Poll,
    listener: TcpListener,
    inbox: Receiver<Command>,
    peers: BTreeMap<PeerId, Peer>,
    next_peer: u64,
    active: Active,
}

impl Sockets {
    pub fn new(
        hub: Dialect,
        poll: Poll,
        mut listener: TcpListener,
        inbox: Receiver<Command>,
    ) -> io::Result<Sockets> {
        poll.registry().register(&mut listener, LISTEN, Interest::READABLE)?;
        let peers = BTreeMap::new();
        let active = Active::default();
        Ok(Sockets { hub, poll, listener, inbox, peers, next_peer: FIRST_PEER, active })
    }

    /// Serves until it is told to stop.
    pub fn run(mut self, clock: &dyn Fn() -> Nanos) -> Exchange {
        let mut events = Events::with_capacity(256);
        let mut more = false;
        loop {
            // A connection with bytes left over from its round is not waited for.
            let busy = self.peers.values().any(|p| p.readable && !self.is_silent(p));
            let wait = if busy || more { std::time::Duration::ZERO } else { self.hub.tick() };
            // An interrupted wait is a short one; a broken poll leaves the tick's work to be done.
            let _ = self.poll.poll(&mut events, Some(wait));
            for event in &events {
                match event.token() {
                    LISTEN => self.accept(),
                    WAKE => {}
                    Token(n) => {
                        if let Some(peer) = self.peers.get_mut(&PeerId(n as u64)) {
                            peer.readable = true;
                        }
                    }
                }
            }
            let commanded = self.command();
            if commanded == Commanded::Stop {
                return self.hub.into_exchange();
            }
            more = commanded == Commanded::Something;
            self.hub.reach(clock());
            self.read();
            self.hub.step(clock());
            self.write();
        }
    }

    /// Does what the handle asks, one thing per step, so that what one command did is told before
    /// the next is looked at.
    fn command(&mut self) -> Commanded {
        match self.inbox.try_recv() {
            Ok(Command::Fault(fault, done)) => {
                self.fault(fault);
                // Nobody waits: as good.
                let _ = done.send(());
            }
            Ok(Command::Lighter(fault, done)) => {
                self.hub.fault(fault);
                // Nobody waits: as good.
                let _ = done.send(());
            }
            Ok(Command::With(act)) => act(self.hub.exchange()),
            Ok(Command::Stats(done)) => drop(done.send(*self.hub.stats())),
            Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return Commanded::Stop,
            Err(TryRecvError::Empty) => return Commanded::Nothing,
        }
        Commanded::Something
    }

    fn accept(&mut self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nobody else, or no descriptor for anybody: the next event tries again.
                Err(_) => return,
            }
        }
    }

    fn admit(&mut self, stream: mio::net::TcpStream) {
        if self.peers.len() >= self.hub.limits().connections {
            // Numbers grow: the first one found is the oldest.
            let idle = self.peers.values().find(|p| p.may_be_evicted()).map(|p| p.id);
            match idle {
                Some(id) => {
                    self.hub.stats().evicted += 1;
                    self.drop_peer(id);
                }
                None => self.hub.stats().refused += 1,
            }
        }
        let full = self.peers.len() >= self.hub.limits().connections;
        if full || self.active.refuse_new {
            self.hub.stats().refused += u64::from(!full);
            return;
        }
        let id = PeerId(self.next_peer);
        self.next_peer += 1;
        let paths = Paths { ws: self.hub.ws_path(), gets: self.hub.takes_gets() };
        let mut peer = Peer::new(id, stream, self.hub.limits(), paths, self.hub.now());
        let token = Token(id.0 as usize);
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registered = peer
            .stream()
            .is_some_and(|stream| self.poll.registry().register(stream, token, interest).is_ok());
        if registered {
            self.hub.stats().accepted += 1;
            self.peers.insert(id, peer);
        }
    }

    fn drop_peer(&mut self, id: PeerId) {
        if let Some(mut peer) = self.peers.remove(&id)
            && let Some(stream) = peer.stream()
        {
            // Closing the descriptor would do the same.
            let _ = self.poll.registry().deregister(stream);
        }
        self.hub.gone(id);
    }

    fn end(&mut self, id: PeerId, why: Gone) {
        match why {
            Gone::Closed => {}
            Gone::Protocol => self.hub.stats().protocol_errors += 1,
            Gone::Slow => self.hub.stats().slow_closed += 1,
        }
        self.drop_peer(id);
    }

    fn read(&mut self) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        let mut asks = Vec::new();
        for id in ids {
            let silent = self.peers.get(&id).is_none_or(|p| !p.readable || self.is_silent(p));
            let Some(peer) = self.peers.get_mut(&id).filter(|_| !silent) else { continue };
            let was_http = !peer.is_ws();
            let outcome = peer.read(self.hub.now(), &mut asks);
            let upgraded = was_http && peer.is_ws();
            if upgraded && self.active.refuse_ws {
                self.hub.stats().refused += 1;
                self.drop_peer(id);
                continue;
            }
            if upgraded {
                peer.sent_at = self.hub.now();
                self.hub.opened(id);
            }
            self.ask(id, &mut asks);
            if let Err(why) = outcome {
                self.end(id, why);
            }
        }
    }

    fn ask(&mut self, id: PeerId, asks: &mut Vec<Ask>) {
        for ask in asks.drain(..) {
            self.hub.ask(id, ask);
        }
    }

    fn write(&mut self) {
        let now = self.hub.now();
        for (id, out) in self.hub.take_out() {
            let Some(peer) = self.peers.get(&id) else { continue };
            if self.is_silent(peer) {
                continue;
            }
            let late = self.active.delay.filter(|(scope, _)| self.concerns(*scope, peer));
            let at = now.after(late.map_or(Nanos::ZERO, |(_, by)| by));
            let pushed = self.peers.get_mut(&id).map(|peer| peer.push(at, out));
            if let Some(Err(why)) = pushed {
                self.end(id, why);
            }
        }
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        let mut asks = Vec::new();
        for id in ids {
            let silent = self.peers.get(&id).is_none_or(|p| self.is_silent(p));
            let Some(peer) = self.peers.get_mut(&id).filter(|_| !silent) else { continue };
            match peer.write(now, &mut asks) {
                Ok(sent) => self.hub.stats().messages_out += sent,
                Err(why) => {
                    self.end(id, why);
                    continue;
                }
            }
            let idle = peer.is_ws() && self.hub.is_idle(peer.sent_at, peer.heard_at);
            if idle {
                self.hub.stats().idle_closed += 1;
                self.drop_peer(id);
            }
            self.ask(id, &mut asks);
        }
    }

    fn concerns(&self, scope: Scope, peer: &Peer) -> bool {
        match scope {
            Scope::All => true,
            Scope::Market => peer.is_ws() && !self.hub.is_private(peer.id),
            Scope::Private => peer.is_ws() && self.hub.is_private(peer.id),
        }
    }

    fn is_silent(&self, peer: &Peer) -> bool {
        self.active.silence.is_some_and(|scope| self.concerns(scope, peer))
    }

    fn among(&self, scope: Scope) -> Vec<PeerId> {
        self.peers.values().filter(|p| self.concerns(scope, p)).map(|p| p.id).collect()
    }

    fn fault(&mut self, fault: ServerFault) {
        match fault {
            ServerFault::Drop(scope) => {
                for id in self.among(scope) {
                    self.drop_peer(id);
                }
            }
            ServerFault::Silence(scope) => {
                self.active.silence = Some(scope);
                for id in self.among(scope) {
                    if let Some(peer) = self.peers.get_mut(&id) {
                        peer.forget();
                    }
                }
            }
            ServerFault::Delay(scope, by) => self.active.delay = Some((scope, by)),
            ServerFault::Malformed(scope, frame) => {
                for id in self.among(scope) {
                    let peer = self.peers.get_mut(&id).filter(|p| p.is_ws());
                    if let Some(Err(why)) = peer.map(|p| p.misbehave(frame)) {
                        self.end(id, why);
                    }
                }
            }
            ServerFault::RefuseNew => self.active.refuse_new = true,
            ServerFault::RefuseWebSockets => self.active.refuse_ws = true,
            ServerFault::Heal => self.active = Active::default(),
        }
    }
}
