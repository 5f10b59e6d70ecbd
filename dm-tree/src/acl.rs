//! [`Acl`]: which server may do what.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

use core::fmt;
use std::{collections::BTreeSet, vec::Vec};

use dm_proto::Text;
use nom::{
    IResult, Parser,
    branch::alt,
    bytes::complete::{tag, take_while1},
    character::complete::char,
    combinator::{cut, value},
    multi::separated_list1,
    sequence::separated_pair,
};
use serde::{Deserialize, Serialize};

/// An access control list as it stands on a node. OMA-TS-DM_TND, ACL.
///
/// [`Display`](fmt::Display) gives the text of the property: entries in the order Add, Delete, Exec,
/// Get, Replace.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Acl {
    /// Sorted by right, each right once and with at least one identifier; `*` stands alone.
    entries: Vec<(Right, Vec<Text>)>,
}

/// A command that an ACL can grant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Right {
    /// Add below.
    Add,
    /// Delete.
    Delete,
    /// Exec.
    Exec,
    /// Get.
    Get,
    /// Replace.
    Replace,
}

/// Why text is not an ACL.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AclError {
    /// The text does not follow the grammar from this octet on.
    #[error("acl is malformed at octet {0}")]
    Malformed(usize),
}

impl Acl {
    /// Reads the text of an ACL property; empty text is an empty ACL. A command that stands twice is
    /// merged.
    ///
    /// # Errors
    ///
    /// If it does not follow the grammar.
    pub fn parse(text: &str) -> Result<Self, AclError> {
        let start = text.len().saturating_sub(text.trim_start().len());
        let body = text.trim();
        if body.is_empty() {
            return Ok(Self::default());
        }
        let at = |rest: &str| {
            AclError::Malformed(start.saturating_add(body.len().saturating_sub(rest.len())))
        };
        let (rest, entries) = match entries(body) {
            Ok(parsed) => parsed,
            Err(nom::Err::Error(error) | nom::Err::Failure(error)) => return Err(at(error.input)),
            Err(nom::Err::Incomplete(_)) => return Err(at("")),
        };
        if !rest.is_empty() {
            return Err(at(rest));
        }
        let mut acl = Self::default();
        for right in Right::ALL {
            let mut seen = BTreeSet::new();
            let servers: Vec<Text> = entries
                .iter()
                .filter(|(of, _)| *of == right)
                .flat_map(|(_, servers)| servers)
                .filter(|server| seen.insert(**server))
                .map(|server| Text::from(*server))
                .collect();
            if seen.contains(EVERYONE) {
                acl.entries.push((right, vec![Text::from_static(EVERYONE)]));
            } else if !servers.is_empty() {
                acl.entries.push((right, servers));
            }
        }
        Ok(acl)
    }

    /// Grants `right` to `server`, `*` for all. What is not an identifier by the grammar (empty, or
    /// with white space or one of `=&*+`) is left out: it could be given to nobody.
    #[must_use]
    pub fn grant(mut self, right: Right, server: impl Into<Text>) -> Self {
        let server = server.into();
        if server != EVERYONE && (server.is_empty() || !server.chars().all(is_identifier)) {
            return self;
        }
        let place = self.entries.partition_point(|(of, _)| *of < right);
        match self.entries.get_mut(place) {
            Some((of, servers)) if *of == right => {
                if server == EVERYONE {
                    *servers = vec![server];
                } else if !servers
                    .iter()
                    .any(|known| *known == EVERYONE || *known == server)
                {
                    servers.push(server);
                }
            }
            _ => self.entries.insert(place, (right, vec![server])),
        }
        self
    }

    /// Grants Add, Delete, Exec, Get and Replace to each of `servers`.
    pub fn all(servers: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        let mut acl = Self::default();
        for server in servers {
            let server = server.into();
            for right in Right::ALL {
                acl = acl.grant(right, server.clone());
            }
        }
        acl
    }

    /// Takes every right from a server that is named, as when its account is removed.
    #[must_use]
    pub fn revoke(mut self, server: &str) -> Self {
        for (_, servers) in &mut self.entries {
            servers.retain(|known| known != server || server == EVERYONE);
        }
        self.entries.retain(|(_, servers)| !servers.is_empty());
        self
    }

    /// The same on the root of the tree, which inherits from nobody: a right that was this server's alone
    /// becomes everybody's. OMA-TS-DM_TND, ACL, removal of a server.
    #[must_use]
    pub(crate) fn revoke_at_root(mut self, server: &str) -> Self {
        for (_, servers) in &mut self.entries {
            if servers.iter().all(|known| known == server) {
                *servers = vec![Text::from_static(EVERYONE)];
            }
        }
        self.revoke(server)
    }

    /// Whether an entry names `server`.
    pub(crate) fn names(&self, server: &str) -> bool {
        let mut servers = self.entries.iter().flat_map(|(_, servers)| servers);
        servers.any(|known| known == server)
    }

    /// Whether `server` has `right`.
    pub fn allows(&self, right: Right, server: &str) -> bool {
        self.entries
            .iter()
            .filter(|(of, _)| *of == right)
            .flat_map(|(_, servers)| servers)
            .any(|known| known == EVERYONE || known == server)
    }

    /// Whether there is no entry: the node inherits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the root of a tree has until somebody says otherwise: `Add=*&Get=*`.
    pub(crate) fn of_root() -> Self {
        Self::default()
            .grant(Right::Add, EVERYONE)
            .grant(Right::Get, EVERYONE)
    }

    /// What an interior node gets that `server` adds where it may not Replace the parent.
    ///
    /// OMA-TS-DM_TND, ACL: Add, Delete and Replace. Taken literally that would deny its creator Get
    /// and, on everything below, Exec; so what it `inherited` of these two stays.
    pub(crate) fn of_creator(server: &str, inherited: &Self) -> Self {
        let mut acl = Self::default();
        for right in Right::ALL {
            let granted = match right {
                Right::Add | Right::Delete | Right::Replace => true,
                Right::Exec | Right::Get => inherited.allows(right, server),
            };
            if granted {
                acl = acl.grant(right, server);
            }
        }
        acl
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (right, servers) in &self.entries {
            if !first {
                f.write_str("&")?;
            }
            first = false;
            f.write_str(right.name())?;
            let mut separator = "=";
            for server in servers {
                f.write_str(separator)?;
                f.write_str(server)?;
                separator = "+";
            }
        }
        Ok(())
    }
}

impl Right {
    const ALL: [Self; 5] = [
        Self::Add,
        Self::Delete,
        Self::Exec,
        Self::Get,
        Self::Replace,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Delete => "Delete",
            Self::Exec => "Exec",
            Self::Get => "Get",
            Self::Replace => "Replace",
        }
    }
}

fn entries(text: &str) -> IResult<&str, Vec<(Right, Vec<&str>)>> {
    separated_list1(char('&'), cut(entry)).parse(text)
}

fn entry(text: &str) -> IResult<&str, (Right, Vec<&str>)> {
    separated_pair(
        right,
        char('='),
        separated_list1(
            char('+'),
            cut(alt((tag(EVERYONE), take_while1(is_identifier)))),
        ),
    )
    .parse(text)
}

fn right(text: &str) -> IResult<&str, Right> {
    let named = |right: Right| value(right, tag(right.name()));
    alt((
        named(Right::Add),
        named(Right::Delete),
        named(Right::Exec),
        named(Right::Get),
        named(Right::Replace),
    ))
    .parse(text)
}

fn is_identifier(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !"=&*+".contains(character)
}

/// Stands for every server.
pub(crate) const EVERYONE: &str = "*";

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_example_reads_and_writes_as_it_stands() {
        let text = "Add=www.sonera.fi-8765&Delete=www.sonera.fi-8765&\
                    Replace=www.sonera.fi-8765+321_ibm.com&Get=*";
        let acl = Acl::parse(text).unwrap();
        assert!(acl.allows(Right::Replace, "321_ibm.com"));
        assert!(!acl.allows(Right::Add, "321_ibm.com"));
        assert!(acl.allows(Right::Get, "anyone"));
        assert!(!acl.allows(Right::Exec, "www.sonera.fi-8765"));
        assert_eq!(
            acl.to_string(),
            "Add=www.sonera.fi-8765&Delete=www.sonera.fi-8765&Get=*&\
             Replace=www.sonera.fi-8765+321_ibm.com"
        );
    }

    #[test]
    fn commands_that_stand_twice_are_merged_and_everyone_wins() {
        let acl = Acl::parse("Get=ServerA&Replace=ServerA&Get=ServerB+ServerA").unwrap();
        assert_eq!(acl.to_string(), "Get=ServerA+ServerB&Replace=ServerA");
        assert_eq!(Acl::parse("Get=a+*+b").unwrap().to_string(), "Get=*");
    }

    #[test]
    fn empty_text_is_an_acl_without_entries() {
        assert!(Acl::parse(" \n").unwrap().is_empty());
        assert_eq!(Acl::default().to_string(), "");
    }

    #[test]
    fn what_breaks_the_grammar_is_refused_at_its_octet() {
        for (text, octet) in [
            ("Get", 3),
            ("Get=", 4),
            ("get=a", 0),
            ("Copy=a", 0),
            ("Get=a&", 6),
            ("Get=a&&Add=b", 6),
            ("Get=a+", 6),
            ("Get=a b", 5),
            (" Get=a;\u{7}", 7),
            ("Get=a=b", 5),
        ] {
            let error = Acl::parse(text).unwrap_err();
            assert_eq!(error, AclError::Malformed(octet), "{text:?}");
        }
        assert_eq!(
            Acl::parse("Get").unwrap_err().to_string(),
            "acl is malformed at octet 3"
        );
    }

    #[test]
    fn what_is_no_identifier_is_granted_nothing() {
        let acl = Acl::default()
            .grant(Right::Get, "a&Replace=*")
            .grant(Right::Get, "");
        assert!(acl.is_empty());
    }

    #[test]
    fn a_creator_keeps_the_get_and_exec_that_it_had() {
        let inherited = Acl::parse("Get=*&Add=*").unwrap();
        assert_eq!(
            Acl::of_creator("s", &inherited).to_string(),
            "Add=s&Delete=s&Get=s&Replace=s"
        );
        let inherited = Acl::parse("Exec=s+t&Add=*").unwrap();
        assert_eq!(
            Acl::of_creator("s", &inherited).to_string(),
            "Add=s&Delete=s&Exec=s&Replace=s"
        );
    }

    #[test]
    fn revoking_removes_the_server_and_what_becomes_empty() {
        let acl = Acl::all(["a", "b"]).grant(Right::Get, "*").revoke("a");
        assert_eq!(acl.to_string(), "Add=b&Delete=b&Exec=b&Get=*&Replace=b");
        assert!(Acl::all(["a"]).revoke("a").is_empty());
        let root = Acl::parse("Add=*&Get=a+b&Replace=a").unwrap();
        assert_eq!(
            root.revoke_at_root("a").to_string(),
            "Add=*&Get=b&Replace=*"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            grants in proptest::collection::vec((0_usize..5, "\\*|[a-z0-9.\u{e4}-]{1,8}"), 0..12)
        ) {
            let mut acl = Acl::default();
            for (right, server) in &grants {
                acl = acl.grant(Right::ALL[*right], server.as_str());
            }
            prop_assert_eq!(Acl::parse(&acl.to_string()), Ok(acl));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[AGdet=+&*b]{0,30}") {
            if let Ok(acl) = Acl::parse(&text) {
                prop_assert_eq!(Acl::parse(&acl.to_string()), Ok(acl));
            }
        }
    }
}
