//! Hot. TLS under a connection: rustls over a stream that may block or not.
//!
//! The peer's certificate is always verified: against the public roots, or against the one file
//! that a configuration names. There is no switch that accepts anything, and no version below
//! TLS 1.2. What a peer did wrong has a name, [`TlsFault`], so that "the wrong host" and "an expired
//! certificate" are not both "connection failed".
//!
//! rustls keeps what it has encrypted until the socket takes it and what it has decrypted until the
//! frames are cut, each at most `BUFFER_MAX` bytes or one read. It allocates exactly once for a
//! record that comes and once for one that goes, a vector of the record's length: the one exception
//! to the hot path's rule, and `tests/alloc_path.rs` fails when it becomes more or less.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ClientConnection, PeerIncompatible,
    PeerMisbehaved, RootCertStore,
};

use super::NetError;

/// Encrypted bytes that may wait for the socket.
const BUFFER_MAX: usize = 64 * 1024;
/// Records without data that one read may pass over: tickets, key updates.
const EMPTY_MAX: usize = 64;

/// Why a peer is not spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate is for other names than the one that was called.
    WrongHost,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come: one of the two clocks is wrong.
    NotYetValid,
    /// Nobody whom we trust has signed the certificate: it is self-signed, or of a foreign
    /// authority.
    UnknownIssuer,
    /// Anything else that is wrong with the certificate.
    BadCertificate,
    /// The peer speaks TLS 1.1 or older.
    OldVersion,
    /// Peer or path tried to make both ends use less than they can.
    Downgraded,
    /// No common cipher, curve or signature.
    Incompatible,
    /// What came is not TLS.
    NotTls,
    /// A record that is forged or damaged.
    BadRecord,
    /// The peer broke the protocol.
    Misbehaved,
    /// The peer ended the session with this alert.
    Alert(u8),
    /// The stream ended without TLS's goodbye: it may have been cut.
    Truncated,
    /// Our own side: the library refused.
    Internal,
}

impl TlsFault {
    pub fn name(self) -> &'static str {
        match self {
            TlsFault::WrongHost => "the certificate is for another host",
            TlsFault::Expired => "the certificate has expired",
            TlsFault::NotYetValid => "the certificate is not valid yet: compare the clocks",
            TlsFault::UnknownIssuer => "the certificate is self-signed or of an unknown authority",
            TlsFault::BadCertificate => "the certificate cannot be used",
            TlsFault::OldVersion => "the peer speaks no TLS of 1.2 or newer",
            TlsFault::Downgraded => "the session was made weaker on the way",
            TlsFault::Incompatible => "the peer has no cipher in common with us",
            TlsFault::NotTls => "the peer does not speak TLS",
            TlsFault::BadRecord => "a record is forged or damaged",
            TlsFault::Misbehaved => "the peer broke the protocol",
            TlsFault::Alert(_) => "the peer ended the session with an alert",
            TlsFault::Truncated => "the stream was cut without TLS's goodbye",
            TlsFault::Internal => "the TLS library refused",
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFault::Alert(code) => write!(f, "TLS: {} ({code})", self.name()),
            _ => write!(f, "TLS: {}", self.name()),
        }
    }
}

impl std::error::Error for TlsFault {}

fn fault_of(error: &rustls::Error, handshaking: bool) -> TlsFault {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(why) => match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFault::WrongHost
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsFault::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFault::NotYetValid
            }
            // An authority with a name that we trust, and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsFault::UnknownIssuer
            }
            _ => TlsFault::BadCertificate,
        },
        E::NoCertificatesPresented => TlsFault::BadCertificate,
        E::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | E::AlertReceived(AlertDescription::ProtocolVersion) => TlsFault::OldVersion,
        E::PeerIncompatible(_) => TlsFault::Incompatible,
        E::PeerMisbehaved(PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported) => {
            TlsFault::Downgraded
        }
        E::AlertReceived(alert) => TlsFault::Alert(u8::from(*alert)),
        E::InvalidMessage(_) if handshaking => TlsFault::NotTls,
        E::InvalidMessage(_) | E::DecryptError | E::PeerSentOversizedRecord => TlsFault::BadRecord,
        E::PeerMisbehaved(_)
        | E::InappropriateMessage { .. }
        | E::InappropriateHandshakeMessage { .. } => TlsFault::Misbehaved,
        _ => TlsFault::Internal,
    }
}

/// Whose word about a peer's identity is taken.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

impl PartialEq for Trust {
    fn eq(&self, other: &Trust) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trust {}

impl Trust {
    /// The authorities that browsers trust, as they were when this program was built.
    pub fn public() -> Result<Trust, NetError> {
        Trust::of(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// Only the authorities of a PEM text: a venue of one's own on loopback.
    pub fn from_pem(pem: &[u8]) -> Result<Trust, NetError> {
        let bad = NetError::BadUrl("the CA file holds no certificate in PEM form");
        let mut roots = RootCertStore::empty();
        for found in CertificateDer::pem_slice_iter(pem) {
            roots.add(found.map_err(|_| bad)?).map_err(|_| bad)?;
        }
        if roots.is_empty() { Err(bad) } else { Trust::of(roots) }
    }

    fn of(roots: RootCertStore) -> Result<Trust, NetError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| NetError::Tls(TlsFault::Internal))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // A WebSocket begins as HTTP/1.1; a front that could choose HTTP/2 must not.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Trust(Arc::new(config)))
    }
}

/// A TLS session and the stream that it runs over.
pub(super) struct Tls<S> {
    session: ClientConnection,
    stream: S,
}

impl<S> fmt::Debug for Tls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No word of the session's secrets.
        f.write_str("Tls")
    }
}

impl<S: Read + Write> Tls<S> {
    /// One move of the handshake: what waits is written, then one read. `true` when it is done.
    fn shake(&mut self) -> io::Result<bool> {
        self.drain()?;
        if self.session.is_handshaking() {
            self.receive()?;
            self.drain()?;
        }
        Ok(!self.session.is_handshaking())
    }

    /// One read of the stream into the session.
    fn receive(&mut self) -> io::Result<()> {
        let handshaking = self.session.is_handshaking();
        let n = self.session.read_tls(&mut self.stream)?;
        if n == 0 && handshaking {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(error) = self.session.process_new_packets() {
            // The peer is told why, if its socket takes it.
            let _ = self.drain();
            return Err(io::Error::other(fault_of(&error, handshaking)));
        }
        Ok(())
    }

    /// Plaintext that is there. `None`: there is none.
    fn take(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        match self.session.reader().read(buf) {
            Ok(n) => Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(_) => Err(io::Error::other(TlsFault::Truncated)),
        }
    }

    fn read_once(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        if let Some(n) = self.take(buf)? {
            return Ok(Some(n));
        }
        self.receive()?;
        if self.session.wants_write() {
            self.drain_some()?;
        }
        self.take(buf)
    }

    /// Gives the stream what is encrypted. `WouldBlock` when it does not take all of it.
    fn drain(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.stream)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// As [`Tls::drain`]; what does not go now goes later.
    fn drain_some(&mut self) -> io::Result<()> {
        match self.drain() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// Where the bytes go.
#[derive(Debug)]
pub(super) enum Transport<S> {
    Plain(S),
    Tls(Box<Tls<S>>),
}

impl<S: Read + Write> Transport<S> {
    /// A session that has not said anything yet. `host`: as in the URL, without its port.
    pub fn tls(stream: S, trust: &Trust, host: &str) -> Result<Transport<S>, NetError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| NetError::BadUrl("the host is no name that a certificate can have"))?;
        let mut session = ClientConnection::new(Arc::clone(&trust.0), name)
            .map_err(|_| NetError::Tls(TlsFault::Internal))?;
        session.set_buffer_limit(Some(BUFFER_MAX));
        Ok(Transport::Tls(Box::new(Tls { session, stream })))
    }

    /// One move of the handshake; `true` when there is nothing (more) to do.
    pub fn shake(&mut self) -> io::Result<bool> {
        match self {
            Transport::Plain(_) => Ok(true),
            Transport::Tls(tls) => tls.shake(),
        }
    }

    /// At most one read of the stream; `None` when it brought nothing of ours.
    #[inline]
    pub fn read_once(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        match self {
            Transport::Plain(stream) => stream.read(buf).map(Some),
            Transport::Tls(tls) => tls.read_once(buf),
        }
    }

    pub fn socket(&mut self) -> &mut S {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => &mut tls.stream,
        }
    }

    /// Tells the peer that this is the end, if its socket takes it.
    pub fn goodbye(&mut self) {
        if let Transport::Tls(tls) = self {
            tls.session.send_close_notify();
            let _ = tls.drain();
        }
    }

    /// The same session over the same socket in another form.
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> Transport<T> {
        match self {
            Transport::Plain(stream) => Transport::Plain(change(stream)),
            Transport::Tls(tls) => {
                let Tls { session, stream } = *tls;
                Transport::Tls(Box::new(Tls { session, stream: change(stream) }))
            }
        }
    }
}

impl<S: Read + Write> Read for Transport<S> {
    /// For a stream that does not block: reads until there is plaintext or nothing more comes.
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(stream) => stream.read(buf),
            Transport::Tls(tls) => {
                for _ in 0..EMPTY_MAX {
                    if let Some(n) = tls.read_once(buf)? {
                        return Ok(n);
                    }
                }
                Err(io::Error::other(TlsFault::Misbehaved))
            }
        }
    }
}

impl<S: Read + Write> Write for Transport<S> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(stream) => stream.write(buf),
            Transport::Tls(tls) => {
                // Nothing new is taken before the last is gone, so the buffer stays small.
                tls.drain()?;
                let n = tls.session.writer().write(buf)?;
                tls.drain_some()?;
                Ok(n)
            }
        }
    }

    /// `WouldBlock` while encrypted bytes wait for the stream.
    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(_) => Ok(()),
            Transport::Tls(tls) => tls.drain(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        for text in [
            &b""[..],
            b"not PEM",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(matches!(Trust::from_pem(text), Err(NetError::BadUrl(_))));
        }
        assert!(Trust::public().is_ok());
    }
}
