//! Cold. A WebSocket and HTTP server that speaks Hyperliquid over loopback.
