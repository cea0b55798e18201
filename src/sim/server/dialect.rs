//! Cold. The languages of the server: what the sockets need of each, and what a connection asks.

use std::time::Duration;

use super::hub::Hub;
use super::lighter::{LighterFault, hub::Hub as Lighter};
use super::{PeerId, PeerLimits, ServerStats};
use crate::sim::exchange::Exchange;
use crate::units::Nanos;

/// What is to be sent to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// A WebSocket text.
    Text(String),
    /// The answer to the HTTP request that waits.
    Http(u16, String),
    /// No answer will come: end it.
    Close,
}

/// A `GET` that is no upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// With its query.
    pub path: String,
    /// The header `Authorization`.
    pub auth: Option<String>,
}

/// What a connection asks.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    Text(String),
    Get(Get),
    Post { path: String, body: Vec<u8> },
}

/// Who answers.
pub enum Dialect {
    Hyperliquid(Box<Hub>),
    Lighter(Box<Lighter>),
}

macro_rules! both {
    ($self:ident, $hub:ident => $does:expr) => {
        match $self {
            Dialect::Hyperliquid($hub) => $does,
            Dialect::Lighter($hub) => $does,
        }
    };
}

impl Dialect {
    /// Where it takes WebSockets.
    pub fn ws_path(&self) -> &'static str {
        match self {
            Dialect::Hyperliquid(_) => "/ws",
            Dialect::Lighter(_) => "/stream",
        }
    }

    /// A `GET` that is no upgrade may be asked.
    pub fn takes_gets(&self) -> bool {
        matches!(self, Dialect::Lighter(_))
    }

    pub fn tick(&self) -> Duration {
        both!(self, hub => hub.config.tick)
    }

    pub fn limits(&self) -> PeerLimits {
        both!(self, hub => hub.config.limits)
    }

    pub fn now(&self) -> Nanos {
        both!(self, hub => hub.now)
    }

    /// The time has come to this, before anything is read. What one dialect has in its agenda until then
    /// happened before that.
    pub fn reach(&mut self, now: Nanos) {
        match self {
            Dialect::Hyperliquid(hub) => hub.now = hub.now.max(now),
            Dialect::Lighter(hub) => hub.step(now),
        }
    }

    pub fn step(&mut self, now: Nanos) {
        both!(self, hub => hub.step(now));
    }

    pub fn stats(&mut self) -> &mut ServerStats {
        both!(self, hub => &mut hub.stats)
    }

    pub fn exchange(&mut self) -> &mut Exchange {
        both!(self, hub => &mut hub.exchange)
    }

    pub fn into_exchange(self) -> Exchange {
        both!(self, hub => hub.exchange)
    }

    pub fn take_out(&mut self) -> Vec<(PeerId, Out)> {
        both!(self, hub => std::mem::take(&mut hub.out))
    }

    /// A connection has become a WebSocket.
    pub fn opened(&mut self, peer: PeerId) {
        match self {
            Dialect::Hyperliquid(hub) => {
                if hub.config.greeting {
                    let text = "Websocket connection established.".to_owned();
                    hub.out.push((peer, Out::Text(text)));
                }
            }
            Dialect::Lighter(hub) => hub.opened(peer),
        }
    }

    pub fn gone(&mut self, peer: PeerId) {
        both!(self, hub => hub.gone(peer));
    }

    pub fn is_private(&self, peer: PeerId) -> bool {
        both!(self, hub => hub.is_private(peer))
    }

    /// A WebSocket is to be closed: one venue asks when it last sent something, the other when it last
    /// heard something.
    pub fn is_idle(&self, sent_at: Nanos, heard_at: Nanos) -> bool {
        match self {
            Dialect::Hyperliquid(hub) => {
                hub.now.since(sent_at) >= hub.config.idle_close.unwrap_or(Nanos::MAX)
            }
            Dialect::Lighter(hub) => hub.is_idle(heard_at),
        }
    }

    pub fn ask(&mut self, peer: PeerId, ask: Ask) {
        match (self, ask) {
            (Dialect::Hyperliquid(hub), Ask::Text(text)) => hub.on_text(peer, &text),
            (Dialect::Hyperliquid(hub), Ask::Post { path, body }) => {
                hub.on_http(peer, &path, &body)
            }
            // The peer has refused it: see `takes_gets`.
            (Dialect::Hyperliquid(_), Ask::Get(_)) => {}
            (Dialect::Lighter(hub), Ask::Text(text)) => hub.on_text(peer, &text),
            (Dialect::Lighter(hub), Ask::Post { path, body }) => hub.on_post(peer, &path, &body),
            (Dialect::Lighter(hub), Ask::Get(get)) => hub.on_get(peer, &get),
        }
    }

    /// A fault of the second dialect; nothing in the first.
    pub fn fault(&mut self, fault: LighterFault) {
        if let Dialect::Lighter(hub) = self {
            hub.fault(fault);
        }
    }
}
