//! What the broker must remember of a persistent session, one [`RecordKind::Session`] record per change.
//!
//! The record's topic is the client id, its principal the authenticated one, its payload the change as JSON. Replaying
//! all of them (and the messages between) from an empty broker, or from a snapshot, gives the sessions as they were.
//! `epoch` names one connection of one run of the hub, so that a late record of an old connection changes nothing.

use crate::mqtt::wire::packet::{Options, Will};
use greenhub_model::{Channel, Record, RecordKind};
use serde::{Deserialize, Serialize};

/// One change of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A client connected; the session begins or goes on.
    Open {
        /// The connection.
        epoch: u64,
        /// Forget what was there.
        clean: bool,
        /// Seconds the session outlives the connection.
        expiry: u32,
        /// The will.
        will: Option<Will>,
    },
    /// Subscriptions were asked for and judged.
    Subscribe {
        /// The connection.
        epoch: u64,
        /// Packet id to answer.
        packet_id: u16,
        /// Subscription identifier.
        identifier: Option<u32>,
        /// Filters as subscribed, options, and the reason code of each.
        filters: Vec<(String, Options, u8)>,
    },
    /// Subscriptions were given up.
    Unsubscribe {
        /// The connection.
        epoch: u64,
        /// Packet id to answer.
        packet_id: u16,
        /// Filters as subscribed.
        filters: Vec<String>,
    },
    /// The connection is over.
    Closed {
        /// The connection.
        epoch: u64,
        /// Publish the will when its delay has passed.
        will: bool,
        /// New session expiry given with DISCONNECT.
        expiry: Option<u32>,
    },
    /// QoS 2 messages got the packet ids under which they are about to be sent.
    Assigned {
        /// The connection.
        epoch: u64,
        /// Packet id and log position of each.
        sent: Vec<(u16, u64)>,
    },
    /// The client has received QoS 2 messages (PUBREC); they may be released, never sent again.
    Received {
        /// The connection.
        epoch: u64,
        /// Packet id and log position of each.
        sent: Vec<(u16, u64)>,
    },
    /// The client is done with these messages (PUBACK, PUBCOMP, expiry). Written lazily.
    Settled {
        /// The connection.
        epoch: u64,
        /// Log positions.
        positions: Vec<u64>,
    },
    /// The client released QoS 2 packet ids of its own (PUBREL); they may be used for new messages.
    Released {
        /// Packet ids.
        ids: Vec<u16>,
    },
    /// The will of this connection has been published.
    WillDone {
        /// The connection that left it.
        epoch: u64,
    },
    /// The session is over: expired, or replaced by a clean start.
    Ended {
        /// The connection that began it.
        born: u64,
    },
}

impl Change {
    /// The payload of its record.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data with string keys always serialises")
    }

    /// Reads a payload back.
    pub fn decode(payload: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(payload)
    }

    /// The record that carries `payload` for `client`.
    pub fn record<'a>(client: &'a str, principal: &'a str, payload: &'a [u8]) -> Record<'a> {
        Record { kind: RecordKind::Session, ..Record::message(Channel::Mqtt, client, principal, payload) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_as_written() {
        let options = Options { qos: 1, no_local: false, retain_as_published: true, retain_handling: 2 };
        let will = Will {
            topic: "t".into(),
            payload: vec![0, 255],
            qos: 2,
            retain: true,
            delay: 5,
            expiry: Some(9),
            properties: vec![1, 1],
            unregistered: true,
        };
        for change in [
            Change::Open { epoch: 1, clean: true, expiry: u32::MAX, will: Some(will) },
            Change::Subscribe {
                epoch: 1,
                packet_id: 2,
                identifier: Some(3),
                filters: vec![("a/#".into(), options, 1)],
            },
            Change::Unsubscribe { epoch: 1, packet_id: 2, filters: vec!["a/#".into()] },
            Change::Closed { epoch: 1, will: true, expiry: Some(0) },
            Change::Assigned { epoch: 1, sent: vec![(1, 2)] },
            Change::Settled { epoch: 1, positions: vec![u64::MAX] },
            Change::Released { ids: vec![65535] },
            Change::WillDone { epoch: 1 },
            Change::Ended { born: 1 },
        ] {
            assert_eq!(Change::decode(&change.encode()).expect("just written"), change);
        }
        assert!(Change::decode(b"{\"opened\":1}").is_err());
    }
}
