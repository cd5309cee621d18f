//! What the relay decides, without a socket, a clock or a thread.

pub mod chain;
pub mod cut;
pub mod fmp4;
pub mod h264;
pub mod timeline;
