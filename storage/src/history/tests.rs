//! What the history promises.
