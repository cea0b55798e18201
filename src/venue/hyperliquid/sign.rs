//! Hot. L1 action signing: msgpack by hand, action hash, nonces.
