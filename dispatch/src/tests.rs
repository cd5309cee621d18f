//! What dispatch promises.
