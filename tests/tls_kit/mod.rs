//! A certificate authority of the tests' own, and the server's side of TLS.

#![allow(dead_code, reason = "each user takes a part of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use evenkeel::net::Trust;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// From when to when a certificate is good, as years.
#[derive(Clone, Copy)]
pub struct Years(pub i32, pub i32);

/// As long as these tests will run.
pub const GOOD: Years = Years(2020, 2200);

/// Signs certificates that only whoever has its PEM trusts.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate with its key.
pub struct Identity {
    cert: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn params(host: &str, years: Years) -> CertificateParams {
    let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params
}

impl Authority {
    pub fn new() -> Authority {
        let mut ca = params("authority.test", GOOD);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = ca.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(ca, key), pem }
    }

    pub fn trust(&self) -> Trust {
        Trust::from_pem(self.pem.as_bytes()).unwrap()
    }

    pub fn identity(&self, host: &str, years: Years) -> Identity {
        let key = KeyPair::generate().unwrap();
        let cert = params(host, years).signed_by(&key, &self.issuer).unwrap();
        Identity { cert: cert.der().clone(), key: private(&key) }
    }
}

/// Nobody's word but its own.
pub fn self_signed(host: &str) -> Identity {
    let key = KeyPair::generate().unwrap();
    let cert = params(host, GOOD).self_signed(&key).unwrap();
    Identity { cert: cert.der().clone(), key: private(&key) }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::try_from(key.serialize_der()).unwrap()
}

impl Identity {
    pub fn config(self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.cert], self.key)
            .unwrap();
        Arc::new(config)
    }
}

pub type Stream = StreamOwned<ServerConnection, TcpStream>;

/// The server's side of one connection; the handshake happens with its first read or write.
pub fn accept(config: &Arc<ServerConfig>, stream: TcpStream) -> Stream {
    stream.set_nodelay(true).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream)
}

/// Listens with TLS and passes what comes to `upstream` without it, for as long as the process
/// runs. Returns where.
pub fn front(identity: Identity, upstream: SocketAddr) -> SocketAddr {
    let config = identity.config();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(client), Ok(server)) = (stream, TcpStream::connect(upstream)) else { continue };
            let config = Arc::clone(&config);
            std::thread::spawn(move || pass(accept(&config, client), server));
        }
    });
    addr
}

/// Passes bytes both ways until one end is at its end.
fn pass(mut client: Stream, mut server: TcpStream) {
    let mut bytes = vec![0; 1 << 16];
    client.sock.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    server.set_nodelay(true).unwrap();
    loop {
        let mut moved = false;
        match client.read(&mut bytes) {
            Ok(0) => return,
            Ok(n) => {
                moved = true;
                if !push(&mut server, &bytes[..n]) {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        match server.read(&mut bytes) {
            Ok(0) => {
                client.conn.send_close_notify();
                drop(client.flush());
                return;
            }
            Ok(n) => {
                moved = true;
                if !push(&mut client, &bytes[..n]) {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
        if !moved {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// Writes everything to a stream that does not block.
fn push(to: &mut impl Write, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return false,
        }
    }
    loop {
        match to.flush() {
            Ok(()) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => return false,
        }
    }
}
