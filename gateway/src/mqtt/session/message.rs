//! A message between log and client: the gateway's own fields in a record's properties, and a counted copy of a record.
//!
//! ```text
//! properties = empty, or: flags u8 | expiry u32 (flag 1) | client length u16, client id (flag 2) | v5 properties
//! ```
//!
//! The publisher's client id is written only where somebody needs it: for QoS 2 (duplicates are recognised by client
//! and packet id) and when the publisher itself has a no-local subscription. Little endian, like the record.

use greenhub_model::Record;
use greenhub_model::record::RecordError;
use std::sync::Arc;

const HAS_EXPIRY: u8 = 1;
const HAS_CLIENT: u8 = 2;

/// The gateway's reading of a record's properties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Properties<'a> {
    /// Message expiry in seconds.
    pub expiry: Option<u32>,
    /// Client id of the publisher, where it matters.
    pub client: Option<&'a str>,
    /// v5 properties to hand on, as on the wire.
    pub handed: &'a [u8],
}

impl<'a> Properties<'a> {
    /// Appends the encoded form to `out`; nothing at all in the common case.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let client = self.client.filter(|client| client.len() <= usize::from(u16::MAX));
        if self.expiry.is_none() && client.is_none() && self.handed.is_empty() {
            return;
        }
        out.push(self.expiry.map_or(0, |_| HAS_EXPIRY) | client.map_or(0, |_| HAS_CLIENT));
        if let Some(seconds) = self.expiry {
            out.extend_from_slice(&seconds.to_le_bytes());
        }
        if let Some(client) = client {
            out.extend_from_slice(&(client.len() as u16).to_le_bytes());
            out.extend_from_slice(client.as_bytes());
        }
        out.extend_from_slice(self.handed);
    }

    /// Reads them back; bytes that are none are taken for no properties.
    pub fn decode(bytes: &'a [u8]) -> Self {
        Self::try_decode(bytes).unwrap_or_default()
    }

    fn try_decode(bytes: &'a [u8]) -> Option<Self> {
        let (&flags, mut rest) = bytes.split_first()?;
        let mut properties = Properties::default();
        if flags & HAS_EXPIRY != 0 {
            let (seconds, after) = rest.split_first_chunk::<4>()?;
            properties.expiry = Some(u32::from_le_bytes(*seconds));
            rest = after;
        }
        if flags & HAS_CLIENT != 0 {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (client, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            properties.client = Some(std::str::from_utf8(client).ok()?);
            rest = after;
        }
        properties.handed = rest;
        Some(properties)
    }
}

/// One message for one client: a counted copy of the log record and how this client gets it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The encoded record; shared by all clients that get it.
    pub record: Arc<[u8]>,
    /// Its place in the log; names it in acknowledgement records.
    pub position: u64,
    /// When the hub received it, Unix microseconds.
    pub received: i64,
    /// QoS granted, 1 or 2 (QoS 0 is never kept).
    pub qos: u8,
    /// Retain flag as the subscription wants it.
    pub retain: bool,
    /// Identifiers of the subscriptions that matched.
    pub subscriptions: Vec<u32>,
}

impl Delivery {
    /// What it weighs against a client's bounds.
    pub fn weight(&self) -> usize {
        self.record.len() + size_of::<Self>()
    }

    /// The record.
    pub fn record(&self) -> Result<Record<'_>, RecordError> {
        Record::decode(&self.record).map(|(record, _)| record)
    }
}

/// Seconds of life left of a message, `Err` when it has expired. No expiry: `Ok(None)`.
pub fn life_left(expiry: Option<u32>, received: i64, now: i64) -> Result<Option<u32>, Expired> {
    let Some(seconds) = expiry else { return Ok(None) };
    let age = now.saturating_sub(received).max(0) / 1_000_000;
    match i64::from(seconds) - age {
        left if left > 0 => Ok(Some(left as u32)),
        _ => Err(Expired),
    }
}

/// The message's expiry interval has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_back_and_damage_reads_as_none() {
        for expiry in [None, Some(7)] {
            for client in [None, Some("c1")] {
                for handed in [&b""[..], b"\x01\x01"] {
                    let properties = Properties { expiry, client, handed };
                    let mut bytes = vec![];
                    properties.encode(&mut bytes);
                    assert_eq!(Properties::decode(&bytes), properties);
                    for cut in 0..bytes.len() {
                        let _no_panic = Properties::decode(&bytes[..cut]);
                    }
                }
            }
        }
        let mut bytes = vec![];
        Properties::default().encode(&mut bytes);
        assert!(bytes.is_empty(), "a plain message costs nothing");
    }

    #[test]
    fn life_runs_from_reception() {
        assert_eq!(life_left(None, 0, i64::MAX), Ok(None));
        assert_eq!(life_left(Some(10), 0, 3_000_000), Ok(Some(7)));
        assert_eq!(life_left(Some(10), 0, 10_000_000), Err(Expired));
        assert_eq!(life_left(Some(0), 5, 5), Err(Expired));
        assert_eq!(life_left(Some(10), 9_000_000, 0), Ok(Some(10)), "a clock that stepped back ages nothing");
    }
}
