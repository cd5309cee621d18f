//! The JSON payloads of the topic contract (`greenhub/v1/{class}/{device}/{position|reading|alarm|status}`).
//!
//! ```text
//! payload = object | array of objects        RFC 8259 text, UTF-8, at most 256 KiB, at most 10,000 elements
//! ```
//!
//! **Readable or not.** Bytes that are no JSON text (cut off, trailing garbage, NaN, nesting beyond 64, an exponent no
//! double can hold, a member given twice in one object) make one refusal for the whole message, because nobody can say
//! what the sender meant. In a readable message each element is judged alone: one bad position among a hundred buffered
//! ones costs that one.
//!
//! **Members.** `null` is the same as absent. Unknown members are passed over (the log keeps them). A member of the
//! wrong type or out of its physical range refuses its element with the member's name, the value and the accepted range:
//!
//! | message  | required       | optional, with its range |
//! | -------- | -------------- | ------------------------ |
//! | position | `lon`, `lat` (on the earth, not exactly 0, 0) | `speed_kmh` 0–500, `heading_deg` 0–360, `accuracy_m` 0–100,000, `battery_pct` 0–100, `sos` |
//! | reading  | `values`: 1 to 256 points, each a number within ±1e12 | `quality` good, uncertain, bad (absent: good) |
//! | alarm    | `code` | `active` (absent: true), `severity`, `text`, `value` ±1e12, `sub_component` |
//! | status   | nothing        | `online`, `on`, `dim_pct` 0–100, `battery_pct` 0–100, `firmware` |
//!
//! **Time.** `time` is Unix milliseconds (a number, fractions cut) or RFC 3339 text; absent, the receive time stands in
//! and is marked so. It is judged by [`greenhub_model::time::TimeRules`]; beyond them the element is refused.
//!
//! **Datum.** Positions of a device whose profile says GCJ-02 are converted here, once; after this there is only WGS-84.
//!
//! **Cost.** One pass, borrowed text, no tree; a position allocates nothing.
//!
//! **Refuses to do**: look devices up, remember anything between two messages, guess units.

mod element;
mod member;
#[cfg(test)]
mod tests;

use self::element::Elements;
use greenhub_model::decode::{Decode, DecodeContext, PAYLOAD_BYTES_MAX};
use greenhub_model::{DeviceTopic, Observed, Reject};
use serde::de::DeserializeSeed;

/// Deepest nesting of arrays and objects in a payload.
const NESTING_MAX: usize = 64;

/// Decoder of the contract's JSON payloads; it has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonDecoder;

impl Decode for JsonDecoder {
    fn decode(
        &self,
        topic: &DeviceTopic<'_>,
        context: &DecodeContext,
        payload: &[u8],
        out: &mut Vec<Result<Observed, (Option<usize>, Reject)>>,
    ) {
        let start = out.len();
        if let Err(reject) = decode_into(topic, context, payload, out) {
            out.truncate(start);
            out.push(Err((None, reject)));
        }
    }
}

fn decode_into(
    topic: &DeviceTopic<'_>,
    context: &DecodeContext,
    payload: &[u8],
    out: &mut Vec<Result<Observed, (Option<usize>, Reject)>>,
) -> Result<(), Reject> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Reject::TooLarge { bytes: payload.len(), max: PAYLOAD_BYTES_MAX });
    }
    let text = std::str::from_utf8(payload).map_err(|e| Reject::NotUtf8 { at: e.valid_up_to() })?;
    if text.bytes().all(|b| b.is_ascii_whitespace()) {
        return Err(Reject::Empty);
    }
    if nests_too_deep(text) {
        return Err(Reject::NotJson { detail: format!("arrays and objects nest deeper than {NESTING_MAX}") });
    }
    let mut refusal = None;
    let mut parser = serde_json::Deserializer::from_str(text);
    Elements { message: topic.message, context, out, refusal: &mut refusal }
        .deserialize(&mut parser)
        .and_then(|()| parser.end())
        .map_err(|error| not_json(&error, text))?;
    refusal.map_or(Ok(()), Err)
}

/// Whether brackets nest deeper than [`NESTING_MAX`]. The parser walks members nobody reads without recursion, so this
/// is no danger to us; but the message goes on to subscribers whose parsers recurse. Short texts cannot and cost nothing.
fn nests_too_deep(text: &str) -> bool {
    if text.len() <= 2 * NESTING_MAX {
        return false;
    }
    let (mut depth, mut rest) = (0usize, text.as_bytes());
    // What lies between is passed over in one go: most of a long message is names and numbers.
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'[' | b'{' | b']' | b'}')) {
        let byte = rest[at];
        rest = &rest[at + 1..];
        match byte {
            b'"' => rest = behind_text(rest),
            b'[' | b'{' => depth += 1,
            _ => depth = depth.saturating_sub(1),
        }
        if depth > NESTING_MAX {
            return true;
        }
    }
    false
}

/// What follows the closing quotation mark.
fn behind_text(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        if rest[at] == b'"' {
            return &rest[at + 1..];
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// The parser's own words, with a hint where a device wrote a number that JSON does not have.
fn not_json(error: &serde_json::Error, text: &str) -> Reject {
    let mut detail = error.to_string();
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let from = error.column().saturating_sub(2);
    let near: String = line.bytes().skip(from).take(12).map(char::from).collect();
    if ["NaN", "nan", "Inf", "inf"].iter().any(|word| near.contains(word)) {
        detail.push_str("; NaN and Infinity are no JSON numbers");
    }
    Reject::NotJson { detail }
}
