//! Edits of a JSON document: JSON Patch (RFC 6902: `add`, `remove`, `replace`, `test`) and JSON Merge Patch (RFC 7396).
//!
//! A patch applies whole or not at all; the caller works on a copy.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Most operations of one patch.
pub const OPERATIONS_MAX: usize = 10_000;

/// One operation of a JSON Patch. Paths are JSON pointers (RFC 6901); `-` is the place after the last element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub enum Operation {
    /// Puts a value in: a new member, or an element before the one that is there.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// Takes a value out.
    Remove {
        /// Where.
        path: String,
    },
    /// Puts another value in the place of one.
    Replace {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// Demands that a value is there: an edit that was made on other rules fails instead of hitting something else.
    Test {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
}

impl Operation {
    fn path(&self) -> &str {
        match self {
            Operation::Add { path, .. }
            | Operation::Remove { path }
            | Operation::Replace { path, .. }
            | Operation::Test { path, .. } => path,
        }
    }
}

/// An operation that cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("修改“{path}”无法应用：{why}")]
pub struct PatchError {
    /// Where.
    pub path: String,
    /// Why, and what to do (Chinese).
    pub why: &'static str,
}

/// Applies a JSON Patch.
pub fn apply(document: &mut Value, operations: &[Operation]) -> Result<(), PatchError> {
    if operations.len() > OPERATIONS_MAX {
        return Err(PatchError { path: String::new(), why: "一次修改过多，请分成几份申请" });
    }
    for operation in operations {
        step(document, operation).map_err(|why| PatchError { path: operation.path().to_owned(), why })?;
    }
    Ok(())
}

/// Applies a JSON Merge Patch.
pub fn merge(document: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *document = patch.clone();
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(target) = document else { return };
    for (key, value) in members {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

const NOT_THERE: &str = "该处没有内容，请刷新规则后重新修改";

fn step(document: &mut Value, operation: &Operation) -> Result<(), &'static str> {
    let Some((parent, key)) = split(operation.path())? else {
        return match operation {
            Operation::Add { value, .. } | Operation::Replace { value, .. } => {
                *document = value.clone();
                Ok(())
            }
            Operation::Test { value, .. } if same(document, value) => Ok(()),
            Operation::Test { .. } => Err("原值已被改动，请刷新规则后重新修改"),
            Operation::Remove { .. } => Err("不能删除整个规则集，请只删除其中的条目"),
        };
    };
    let parent = document.pointer_mut(parent).ok_or(NOT_THERE)?;
    match (operation, parent) {
        (Operation::Add { value, .. }, Value::Object(members)) => {
            members.insert(key, value.clone());
        }
        (Operation::Add { value, .. }, Value::Array(items)) => {
            let at = if key == "-" { items.len() } else { index(&key)? };
            if at > items.len() {
                return Err(NOT_THERE);
            }
            items.insert(at, value.clone());
        }
        (Operation::Remove { .. }, Value::Object(members)) => {
            members.remove(&key).ok_or(NOT_THERE)?;
        }
        (Operation::Remove { .. }, Value::Array(items)) => {
            let at = index(&key)?;
            if at >= items.len() {
                return Err(NOT_THERE);
            }
            items.remove(at);
        }
        (Operation::Replace { value, .. }, Value::Object(members)) => {
            *members.get_mut(&key).ok_or(NOT_THERE)? = value.clone();
        }
        (Operation::Replace { value, .. }, Value::Array(items)) => {
            *items.get_mut(index(&key)?).ok_or(NOT_THERE)? = value.clone();
        }
        (Operation::Test { value, .. }, parent) => {
            let found = match parent {
                Value::Object(members) => members.get(&key),
                Value::Array(items) => items.get(index(&key)?),
                _ => None,
            };
            if !found.is_some_and(|found| same(found, value)) {
                return Err("原值已被改动，请刷新规则后重新修改");
            }
        }
        _ => return Err(NOT_THERE),
    }
    Ok(())
}

/// Equal, with numbers compared as numbers: 90 is 90.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Pointer of the parent, and the last key, unescaped; none for the whole document.
fn split(path: &str) -> Result<Option<(&str, String)>, &'static str> {
    if path.is_empty() {
        return Ok(None);
    }
    if !path.starts_with('/') {
        return Err("路径须以 / 开头，例如 /limits/0/limit");
    }
    let (parent, key) = path.rsplit_once('/').ok_or(NOT_THERE)?;
    Ok(Some((parent, key.replace("~1", "/").replace("~0", "~"))))
}

fn index(key: &str) -> Result<usize, &'static str> {
    if key != "0" && key.starts_with('0') {
        return Err("数组下标须为数字");
    }
    key.parse().map_err(|_| "数组下标须为数字")
}
