//! Hot. The hedger: brings inventory back.
