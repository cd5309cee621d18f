//! Pure decoders, one folder per protocol: bytes and facts in, observations or reasons out.
//!
//! Nothing here touches a socket, a clock or a queue. The same decoder runs live, in a replay and in a fuzzer, so what
//! it says depends on its arguments alone. A new protocol is a new folder with a head that states the standard, its
//! vectors, and one line below.

pub mod json;
