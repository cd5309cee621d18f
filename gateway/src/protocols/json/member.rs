//! One member's value, whatever its type: parsed without judging, so that a wrong type is reported by the member's name
//! and costs one element, not the message. Nested arrays and objects are walked (the parser's depth limit holds) and
//! forgotten.

use greenhub_model::Reject;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Longest excerpt of an offending value in a reason, in characters.
const EXCERPT_CHARS: usize = 60;

/// A value as it stands in the message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Member<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// An array or object.
    Nested,
}

impl<'de: 'a, 'a> Deserialize<'de> for Member<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyMember)
    }
}

struct AnyMember;

impl<'de> Visitor<'de> for AnyMember {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Null)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        Ok(Member::Bool(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Member::Int(v))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(v).map_or(Member::Float(v as f64), Member::Int))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Member::Float(v))
    }
    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Borrowed(v)))
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Owned(v.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Nested)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Nested)
    }
}

/// The reason for a member of the wrong type or form.
pub(super) fn wrong_type(member: &str, expected: &str) -> Reject {
    Reject::WrongType { member: member.chars().take(80).collect(), expected: expected.to_owned() }
}

/// A finite number within `min..=max`. `None` and `null` are `None`.
pub(super) fn number(member: &str, value: Option<&Member<'_>>, min: f64, max: f64) -> Result<Option<f64>, Reject> {
    let value = match value {
        None | Some(Member::Null) => return Ok(None),
        Some(Member::Int(v)) => *v as f64,
        Some(Member::Float(v)) => *v,
        Some(_) => return Err(wrong_type(member, "a number")),
    };
    if value.is_finite() && (min..=max).contains(&value) {
        // -0.0 and 0.0 are the same measurement and must be the same bytes everywhere.
        return Ok(Some(value + 0.0));
    }
    Err(Reject::OutOfRange {
        member: member.chars().take(80).collect(),
        value: value.to_string(),
        expected: format!("{min} to {max}"),
    })
}

/// As [`number`], for quantities that need no more than single precision.
pub(super) fn small_number(
    member: &str,
    value: Option<&Member<'_>>,
    min: f64,
    max: f64,
) -> Result<Option<f32>, Reject> {
    Ok(number(member, value, min, max)?.map(|v| v as f32))
}

/// A truth value.
pub(super) fn truth(member: &str, value: Option<&Member<'_>>) -> Result<Option<bool>, Reject> {
    match value {
        None | Some(Member::Null) => Ok(None),
        Some(Member::Bool(v)) => Ok(Some(*v)),
        Some(_) => Err(wrong_type(member, "true or false")),
    }
}

/// Text.
pub(super) fn text<'m>(member: &str, value: Option<&'m Member<'_>>) -> Result<Option<&'m str>, Reject> {
    match value {
        None | Some(Member::Null) => Ok(None),
        Some(Member::Text(v)) => Ok(Some(v)),
        Some(_) => Err(wrong_type(member, "text")),
    }
}

/// At most `max` characters of `text`, without control characters.
pub(super) fn clean(text: &str, max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max).collect()
}

/// The value as a reason shows it.
pub(super) fn shown(value: &str) -> String {
    clean(value, EXCERPT_CHARS)
}
