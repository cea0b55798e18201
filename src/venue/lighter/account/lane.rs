//! Hot. One API key: its nonces and its signer, and the frames that wait for an answer.

use super::{Action, BATCH_MAX, CancelAll, OrderCodec, PooledSigner, Posted};
use crate::venue::lighter::answer::HASH_LEN;

/// One key.
#[derive(Debug)]
pub(super) struct Lane {
    pub codec: OrderCodec,
    pub signer: PooledSigner,
    /// The next nonce is the venue's.
    synced: bool,
    /// The venue has refused the key: only cancels are tried.
    pub stopped: bool,
}

/// What a frame that waits for its answer was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Orders,
    /// A cancel of an order that the venue lists; its list says what became of it.
    Listed,
    Switch(CancelAll),
    Leverage,
}

/// A frame that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub id: u64,
    pub lane: usize,
    pub key: u8,
    pub nonce: u64,
    pub count: usize,
    pub hash: [u8; HASH_LEN],
    pub what: What,
    pub sent_ms: u64,
    pub actions: [Action; BATCH_MAX],
}

impl Lane {
    pub fn new(codec: OrderCodec, signer: PooledSigner) -> Lane {
        Lane { codec, signer, synced: false, stopped: false }
    }

    #[inline]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Nothing is sent until the venue has said the next nonce.
    pub fn desync(&mut self) {
        self.synced = false;
    }

    pub fn sync(&mut self, next: u64) {
        self.codec.resync(next);
        self.synced = true;
    }

    /// The frame with these nonces was refused, which used none of them.
    pub fn refused(&mut self, nonce: u64, count: usize) {
        // At most a batch.
        let last = nonce + count as u64 - 1;
        if self.codec.is_last(last) {
            self.codec.resync(nonce);
        } else if !self.codec.skips() {
            // Those behind it are refused as well.
            self.desync();
        }
    }

    /// Whether the frame with this nonce, or which part of it, was taken is not known.
    pub fn unclear(&mut self) {
        // The next nonce is above all that were used, which is enough where holes are allowed.
        if !self.codec.skips() {
            self.desync();
        }
    }
}

impl Waiting {
    pub fn of(
        posted: &Posted,
        lane: usize,
        key: u8,
        what: What,
        actions: &[Action],
        sent_ms: u64,
    ) -> Waiting {
        let mut all = [Action::CancelAll; BATCH_MAX];
        all[..actions.len()].copy_from_slice(actions);
        Waiting {
            id: posted.id,
            lane,
            key,
            nonce: posted.nonce,
            count: posted.count,
            hash: posted.hashes[0].to_bytes(),
            what,
            sent_ms,
            actions: all,
        }
    }

    /// The actions; none of a frame that is no order's.
    pub fn actions(&self) -> &[Action] {
        match self.what {
            What::Orders => &self.actions[..self.count],
            _ => &[],
        }
    }
}
