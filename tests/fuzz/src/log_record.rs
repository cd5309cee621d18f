//! Log records: what decodes is what encodes, and the head alone tells the same as the whole.

use greenhub_model::record::RECORD_BYTES_MAX;
use greenhub_model::{Batch, Channel, Position, ReceivedTime, Record, RecordKind};
use std::sync::Arc;

const FIRST: u64 = 1 << 40;

/// Any bytes, as one record and as the body of a batch.
pub fn check(bytes: &[u8]) {
    if let Ok((record, len)) = Record::decode(bytes) {
        one(bytes, &record, len);
    }
    let batch = Batch {
        number: 1,
        first: Position(FIRST),
        count: 1,
        received: ReceivedTime(0),
        bytes: Arc::new(bytes.to_vec()),
    };
    let (mut at, mut count, mut broken) = (0usize, 0u64, false);
    for step in batch.records() {
        assert!(!broken, "the walk goes on behind a damaged record");
        match step {
            Ok((position, record)) => {
                assert_eq!(position.0, FIRST + count, "positions count up by one");
                at += record.encoded_len();
                count += 1;
            }
            Err(_) => broken = true,
        }
    }
    assert!(at <= bytes.len(), "records beyond the batch");
    assert_eq!(at < bytes.len(), broken, "a walk ends at the end of the batch or with an error");
}

fn one(bytes: &[u8], record: &Record<'_>, len: usize) {
    assert!(len <= bytes.len() && len <= RECORD_BYTES_MAX);
    assert_eq!(record.encoded_len(), len);
    assert!(record.qos <= 2, "a QoS that does not exist");
    let peek = Record::peek(bytes).expect("what decodes can be peeked at");
    assert_eq!((peek.kind, peek.qos, peek.retain, peek.len), (record.kind, record.qos, record.retain, len));
    let mut again = Vec::with_capacity(len);
    record.encode(&mut again).expect("what was decoded can be encoded");
    // Byte 7 and the upper flag bits are reserved: written as zero, not read.
    let mut canonical = bytes[..len].to_vec();
    canonical[5] &= 0x0F;
    canonical[7] = 0;
    assert_eq!(again, canonical);
    assert_eq!(Record::decode(&again), Ok((*record, len)));
}

/// One record of every kind, with and without each field, and a batch of three.
pub fn seeds() -> Vec<Vec<u8>> {
    let topic = "greenhub/v1/patrol/P-001/position";
    let message = Record::message(Channel::Mqtt, topic, "P-001", b"{\"lon\":121.4,\"lat\":31.2}");
    let full = Record {
        qos: 2,
        retain: true,
        unregistered: true,
        packet_id: 513,
        properties: &[0x01, 1, 0x26, 0, 1, b'k', 0, 1, b'v'],
        channel: Channel::Jetstream,
        ..message
    };
    let session =
        Record { kind: RecordKind::Session, topic: "client", ..Record::own(RecordKind::Session, "p", &[0; 9]) };
    let records = [
        message,
        full,
        session,
        Record::own(RecordKind::Command, "user", b"{}"),
        Record::own(RecordKind::Config, "", b"[]"),
        Record::own(RecordKind::Tick, "", b""),
    ];
    let encoded = |records: &[Record<'_>]| {
        let mut bytes = vec![];
        records.iter().for_each(|record| record.encode(&mut bytes).expect("a small record"));
        bytes
    };
    let mut seeds: Vec<_> = records.iter().map(|record| encoded(std::slice::from_ref(record))).collect();
    seeds.push(encoded(&records[..3]));
    seeds
}
