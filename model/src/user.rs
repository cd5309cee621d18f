//! Who may do what: roles of people.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A person's role. One account has one role.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watches the map, acknowledges, dispatches.
    Dispatcher,
    /// Watches the plant's alarms (值班操作员).
    PlantOperator,
    /// Reviews and files cases and orders; clerk of the desk.
    Clerk,
    /// Patrols with a 5G unit.
    PatrolOfficer,
    /// Repairs and cleans.
    Crew,
    /// Reads everything, changes nothing.
    Auditor,
    /// Accounts, devices, configuration.
    Administrator,
}

impl Role {
    /// All roles in their fixed order.
    pub const ALL: [Role; 7] = [
        Role::Dispatcher,
        Role::PlantOperator,
        Role::Clerk,
        Role::PatrolOfficer,
        Role::Crew,
        Role::Auditor,
        Role::Administrator,
    ];

    /// The word used on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Dispatcher => "dispatcher",
            Role::PlantOperator => "plant_operator",
            Role::Clerk => "clerk",
            Role::PatrolOfficer => "patrol_officer",
            Role::Crew => "crew",
            Role::Auditor => "auditor",
            Role::Administrator => "administrator",
        }
    }

    /// The role a word names, if it names one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
