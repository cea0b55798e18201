//! Hot. A cursor over JSON bytes: keys, decimals as integers, no tree, no allocation.
