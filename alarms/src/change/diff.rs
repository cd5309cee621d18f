//! What differs between two rule sets, attribute by attribute, named so that a person recognises it.
//!
//! Rows of a list are matched by what they are: a limit by class, kind, point, code and side, other rows by their `id`
//! or name, and only where there is neither by their place. So a row that moved is no difference, and one that was put
//! in between does not change all that follow. The number of the version is no difference.
//!
//! **Bound**: [`DIFFERENCES_MAX`]; what lies beyond is one last entry that says so.

use super::labels;
use crate::rules::RuleSet;
use greenhub_model::change::{Difference, DifferenceKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most differences listed.
pub const DIFFERENCES_MAX: usize = 2_000;

/// All differences from `old` to `new`.
pub fn diff(old: &RuleSet, new: &RuleSet) -> Vec<Difference> {
    let document = |rules: &RuleSet| {
        let mut value = serde_json::to_value(rules).expect("a rule set is plain data");
        if let Value::Object(members) = &mut value {
            members.remove("version");
        }
        value
    };
    let mut walk = Walk { old, new, found: Vec::new(), more: 0 };
    walk.compare(&Path::default(), Some(&document(old)), Some(&document(new)));
    let Walk { mut found, more, .. } = walk;
    if more > 0 {
        let text = format!("另有 {more} 处差异未列出");
        found.push(Difference {
            path: "…".to_owned(),
            label: text,
            kind: DifferenceKind::Changed,
            was: None,
            becomes: None,
            was_text: String::new(),
            becomes_text: String::new(),
        });
    }
    found
}

/// Keys to an attribute, for programs and for people.
#[derive(Clone, Default)]
struct Path {
    keys: Vec<String>,
    path: String,
    label: Vec<String>,
}

impl Path {
    fn member(&self, key: &str, label: String) -> Self {
        let mut next = self.clone();
        if !next.path.is_empty() {
            next.path.push('.');
        }
        next.path.push_str(key);
        next.keys.push(key.to_owned());
        next.label.push(label);
        next
    }

    fn row(&self, name: &str, label: String) -> Self {
        let mut next = self.clone();
        next.path.push_str(&format!("[{name}]"));
        next.keys.push(String::new());
        next.label.push(label);
        next
    }
}

struct Walk<'a> {
    old: &'a RuleSet,
    new: &'a RuleSet,
    found: Vec<Difference>,
    more: u64,
}

impl Walk<'_> {
    fn compare(&mut self, at: &Path, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (Some(Value::Object(a)), Some(Value::Object(b))) => {
                let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for key in keys {
                    let label = labels::member(&at.keys, key, self.new, self.old);
                    self.compare(&at.member(key, label), a.get(key), b.get(key));
                }
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) => self.rows(at, a, b),
            (old, new) if old == new => {}
            (old, new) => self.note(at, old, new),
        }
    }

    fn rows(&mut self, at: &Path, old: &[Value], new: &[Value]) {
        if old == new {
            return;
        }
        let plain = |rows: &[Value]| rows.iter().any(|row| !row.is_object() && !row.is_array());
        if plain(old) || plain(new) {
            self.note(at, Some(&Value::Array(old.to_vec())), Some(&Value::Array(new.to_vec())));
            return;
        }
        let names = |rows: &[Value]| -> Vec<String> {
            rows.iter().enumerate().map(|(index, row)| labels::row_name(&at.keys, index, row)).collect()
        };
        let (old_names, new_names) = (names(old), names(new));
        let mut pairs: BTreeMap<&str, (Vec<&Value>, Vec<&Value>)> = BTreeMap::new();
        old_names.iter().zip(old).for_each(|(name, row)| pairs.entry(name).or_default().0.push(row));
        new_names.iter().zip(new).for_each(|(name, row)| pairs.entry(name).or_default().1.push(row));
        for (name, (a, b)) in pairs {
            // Rows of one name: those alike first, the rest in their order.
            let (mut a, mut b) = (a, b);
            a.retain(|row| match b.iter().position(|other| other == row) {
                Some(at) => {
                    b.remove(at);
                    false
                }
                None => true,
            });
            for nth in 0..a.len().max(b.len()) {
                let row = b.get(nth).or(a.get(nth)).copied();
                let label = row.map(|row| labels::row(&at.keys, name, row, self.new)).unwrap_or_default();
                self.compare(&at.row(name, label), a.get(nth).copied(), b.get(nth).copied());
            }
        }
    }

    fn note(&mut self, at: &Path, old: Option<&Value>, new: Option<&Value>) {
        if self.found.len() >= DIFFERENCES_MAX {
            self.more += 1;
            return;
        }
        let kind = match (old, new) {
            (None, _) => DifferenceKind::Added,
            (_, None) => DifferenceKind::Removed,
            _ => DifferenceKind::Changed,
        };
        let key = at.keys.last().map_or("", String::as_str);
        let text = |value: Option<&Value>| value.map(|value| labels::text(key, value)).unwrap_or_default();
        self.found.push(Difference {
            path: at.path.clone(),
            label: at.label.join(" · "),
            kind,
            was: old.cloned(),
            becomes: new.cloned(),
            was_text: text(old),
            becomes_text: text(new),
        });
    }
}
