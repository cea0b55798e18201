//! Hot. EIP-712 typed-data hashing and secp256k1 signing.
