//! What the log promises.
