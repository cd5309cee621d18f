//! placeholder head, replaced below.
