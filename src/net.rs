//! Hot. The WebSocket client: bytes in, bytes out; knows no other module of ours.
