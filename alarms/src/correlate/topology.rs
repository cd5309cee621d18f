//! Who hangs on whom: the registry's parents and the named relations of the rules, walked up and down.
//!
//! Named relations fall back on the registry node by node (see [`super::rules`]). The rules refuse loops in their tables;
//! a loop through the registry cannot be refused, so that every walk remembers where it was and ends after [`DEPTH_MAX`]
//! steps. **Remembers** one parent per registered device. **Costs** a look-up per node walked.

use super::rules::{Links, PARENT};
use greenhub_model::DeviceId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most steps from a device to what explains it.
pub const DEPTH_MAX: usize = 16;

/// Parents of devices as registered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "BTreeMap<DeviceId, DeviceId>")]
pub(super) struct Topology {
    parents: BTreeMap<DeviceId, DeviceId>,
    children: BTreeMap<DeviceId, BTreeSet<DeviceId>>,
}

impl PartialEq for Topology {
    /// Children follow from parents.
    fn eq(&self, other: &Self) -> bool {
        self.parents == other.parents
    }
}

impl From<BTreeMap<DeviceId, DeviceId>> for Topology {
    fn from(parents: BTreeMap<DeviceId, DeviceId>) -> Self {
        let mut topology = Topology::default();
        for (device, parent) in parents {
            topology.set(&device, Some(&parent));
        }
        topology
    }
}

impl Serialize for Topology {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parents.serialize(serializer)
    }
}

/// The tables of one relation, both ways; none for the registry alone.
pub(super) struct Relation<'a> {
    pub(super) up: Option<&'a Links>,
    pub(super) down: Option<&'a Links>,
}

/// A table read from the other end.
pub(super) fn turned(links: &Links) -> Links {
    let mut down = Links::new();
    for (child, parents) in links {
        for parent in parents {
            down.entry(parent.clone()).or_default().insert(child.clone());
        }
    }
    down
}

impl Topology {
    /// Sets or strikes off a parent; false when nothing changes.
    pub(super) fn set(&mut self, device: &DeviceId, parent: Option<&DeviceId>) -> bool {
        if self.parents.get(device) == parent {
            return false;
        }
        if let Some(old) = self.parents.remove(device)
            && let Some(siblings) = self.children.get_mut(&old)
        {
            siblings.remove(device);
            if siblings.is_empty() {
                self.children.remove(&old);
            }
        }
        if let Some(parent) = parent.filter(|parent| *parent != device) {
            self.parents.insert(device.clone(), parent.clone());
            self.children.entry(parent.clone()).or_default().insert(device.clone());
        }
        true
    }

    /// What `device` hangs on, with the number of steps, nearest first.
    pub(super) fn ancestors<'a>(&'a self, relation: &Relation<'a>, device: &'a str) -> Vec<(&'a str, usize)> {
        walk(device, |node| match relation.up.and_then(|links| links.get(node)) {
            Some(parents) => parents.iter().map(String::as_str).collect(),
            None => self.parents.get(node).map(DeviceId::as_str).into_iter().collect(),
        })
    }

    /// What hangs on `device`.
    pub(super) fn descendants<'a>(&'a self, relation: &Relation<'a>, device: &'a str) -> Vec<(&'a str, usize)> {
        walk(device, |node| {
            let listed = relation.down.and_then(|links| links.get(node)).into_iter().flatten().map(String::as_str);
            let own = |child: &&str| relation.up.is_none_or(|links| !links.contains_key(*child));
            let registered = self.children.get(node).into_iter().flatten().map(DeviceId::as_str).filter(own);
            listed.chain(registered).collect()
        })
    }

    /// A name for a relation in words.
    pub(super) fn label(relation: &str) -> String {
        match relation {
            PARENT => "上级设备".into(),
            "power" => "供电上级".into(),
            "network" => "网络上级".into(),
            "process" => "工艺上游".into(),
            other => format!("“{other}”上级"),
        }
    }
}

fn walk<'a>(from: &'a str, next: impl Fn(&'a str) -> Vec<&'a str>) -> Vec<(&'a str, usize)> {
    let mut seen = BTreeSet::from([from]);
    let mut found: Vec<(&str, usize)> = vec![];
    let mut edge = vec![from];
    for steps in 1..=DEPTH_MAX {
        let mut further = vec![];
        for node in edge {
            further.extend(next(node).into_iter().filter(|other| seen.insert(other)));
        }
        if further.is_empty() {
            break;
        }
        found.extend(further.iter().map(|node| (*node, steps)));
        edge = further;
    }
    found
}
