//! The broker over real sockets, on a log whose disk fails on command.

#![allow(clippy::unwrap_used)]

mod bounds;
mod delivery;
mod durability;
mod hostile;
mod kit;
mod sessions;
mod transport;
