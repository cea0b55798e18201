//! Cold. A WebSocket and HTTP server that speaks Hyperliquid over loopback.

mod json;
pub mod verify;
