//! Any serialisable value as bytes that are the same for the same value on every machine: what the output hash of a
//! replay is taken over.
//!
//! Not a format to read back. Numbers are little endian (floats by their bits), text and sequences carry their length,
//! options and variants their number; names of members are left out, they are the same in both runs.

use serde::ser::{self, Serialize};
use std::fmt;

/// Appends `value` to `out`.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    value.serialize(Writer(out)).expect("writing to memory and every type of the data model is supported");
}

struct Writer<'o>(&'o mut Vec<u8>);

/// Only a type that refuses to be serialised can cause one.
#[derive(Debug)]
pub(crate) struct Never(String);

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Never {}
impl ser::Error for Never {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Writer<'_> {
    fn number(self, value: u64) -> Result<(), Never> {
        self.0.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }
    fn sized(self, bytes: &[u8]) -> Result<(), Never> {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl<'o> ser::Serializer for Writer<'o> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = Many<'o>;
    type SerializeTuple = Many<'o>;
    type SerializeTupleStruct = Many<'o>;
    type SerializeTupleVariant = Many<'o>;
    type SerializeMap = Many<'o>;
    type SerializeStruct = Many<'o>;
    type SerializeStructVariant = Many<'o>;

    fn serialize_bool(self, v: bool) -> Result<(), Never> {
        self.0.push(u8::from(v));
        Ok(())
    }
    fn serialize_i8(self, v: i8) -> Result<(), Never> {
        self.serialize_i64(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<(), Never> {
        self.serialize_i64(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<(), Never> {
        self.serialize_i64(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<(), Never> {
        self.number(v as u64)
    }
    fn serialize_u8(self, v: u8) -> Result<(), Never> {
        self.number(v.into())
    }
    fn serialize_u16(self, v: u16) -> Result<(), Never> {
        self.number(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<(), Never> {
        self.number(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<(), Never> {
        self.number(v)
    }
    fn serialize_f32(self, v: f32) -> Result<(), Never> {
        self.number(v.to_bits().into())
    }
    fn serialize_f64(self, v: f64) -> Result<(), Never> {
        self.number(v.to_bits())
    }
    fn serialize_char(self, v: char) -> Result<(), Never> {
        self.number(u32::from(v).into())
    }
    fn serialize_str(self, v: &str) -> Result<(), Never> {
        self.sized(v.as_bytes())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Never> {
        self.sized(v)
    }
    fn serialize_none(self) -> Result<(), Never> {
        self.serialize_bool(false)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        self.0.push(1);
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_unit_variant(self, _name: &'static str, index: u32, _variant: &'static str) -> Result<(), Never> {
        self.number(index.into())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Never> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        self.0.extend_from_slice(&u64::from(index).to_le_bytes());
        value.serialize(self)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Many<'o>, Never> {
        self.0.extend_from_slice(&len.map_or(u64::MAX, |len| len as u64).to_le_bytes());
        Ok(Many(self.0))
    }
    fn serialize_tuple(self, _len: usize) -> Result<Many<'o>, Never> {
        Ok(Many(self.0))
    }
    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Many<'o>, Never> {
        Ok(Many(self.0))
    }
    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Many<'o>, Never> {
        self.0.extend_from_slice(&u64::from(index).to_le_bytes());
        Ok(Many(self.0))
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Many<'o>, Never> {
        self.serialize_seq(len)
    }
    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Many<'o>, Never> {
        Ok(Many(self.0))
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Many<'o>, Never> {
        self.serialize_tuple_variant(name, index, variant, len)
    }
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The members of something that has several.
struct Many<'o>(&'o mut Vec<u8>);

impl Many<'_> {
    fn one<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        value.serialize(Writer(self.0))
    }
}

macro_rules! members {
    ($($trait:ident :: $method:ident),*) => {
        $(impl ser::$trait for Many<'_> {
            type Ok = ();
            type Error = Never;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
                self.one(value)
            }
            fn end(self) -> Result<(), Never> {
                Ok(())
            }
        })*
    };
}
members!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

impl ser::SerializeMap for Many<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Never> {
        self.one(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.one(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}
impl ser::SerializeStruct for Many<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _key: &'static str, value: &T) -> Result<(), Never> {
        self.one(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}
impl ser::SerializeStructVariant for Many<'_> {
    type Ok = ();
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _key: &'static str, value: &T) -> Result<(), Never> {
        self.one(value)
    }
    fn end(self) -> Result<(), Never> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::write;
    use serde::Serialize;

    #[derive(Serialize)]
    enum Shape {
        Empty,
        Round(f64),
        Named { text: &'static str, some: Option<u8> },
    }

    fn bytes<T: Serialize>(value: T) -> Vec<u8> {
        let mut out = Vec::new();
        write(&value, &mut out);
        out
    }

    #[test]
    fn different_values_have_different_bytes() {
        let all = [
            bytes(Shape::Empty),
            bytes(Shape::Round(0.0)),
            bytes(Shape::Round(-0.0)),
            bytes(Shape::Named { text: "ab", some: None }),
            bytes(Shape::Named { text: "ab", some: Some(0) }),
            bytes(Shape::Named { text: "b", some: Some(0) }),
            bytes(vec!["ab", "c"]),
            bytes(vec!["a", "bc"]),
            bytes((1u64, 2u64)),
            bytes((2u64, 1u64)),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| other != one), "value {i}");
        }
        assert_eq!(bytes(Shape::Round(1.5)), bytes(Shape::Round(1.5)));
    }
}
