//! Hot. The ladder: capacity spread over levels.
