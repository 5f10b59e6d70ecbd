//! [`Address`]: a node, and what of it.
#![warn(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects
)]

use crate::{NodeUri, UriError};

/// A node URI with its query, as a LocURI carries it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Address {
    /// The node.
    pub uri: NodeUri,
    /// What of it.
    pub query: Option<Query>,
}

/// The query part of a LocURI.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "complete by definition")]
pub enum Query {
    /// `?prop=`
    Property(Property),
    /// `?list=`
    List(ListKind),
}

/// A run-time property of a node. OMA-TS-DM_TND, properties.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the standard's list is complete")]
pub enum Property {
    /// Who may do what.
    Acl,
    /// The format of the value.
    Format,
    /// The last segment of the URI.
    Name,
    /// Octets of the value.
    Size,
    /// A title for people.
    Title,
    /// When it changed last.
    TStamp,
    /// MIME type, or identifier of the management object.
    Type,
    /// Counts changes.
    VerNo,
}

/// Some of the properties of a node, and perhaps its value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PropertySet(u16);

/// What a `?list=` query returns.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListKind {
    /// The nodes without data.
    Struct,
    /// The nodes with data.
    StructData,
    /// Serialized, with these properties.
    Tnds(PropertySet),
}

impl Address {
    /// Reads a LocURI.
    ///
    /// # Errors
    ///
    /// If it is not an address in a tree.
    pub fn parse(loc_uri: &str) -> Result<Self, UriError> {
        let loc_uri = loc_uri.trim();
        let (uri, query) = match loc_uri.split_once('?') {
            Some((uri, query)) => (uri, Some(query)),
            None => (loc_uri, None),
        };
        // A malformed path is 400 whatever the query says, so the path comes first.
        let uri = NodeUri::parse(uri)?;
        let query = query
            .map(|query| Query::parse(query).ok_or_else(|| UriError::Query(query.into())))
            .transpose()?;
        Ok(Self { uri, query })
    }
}

impl Query {
    fn parse(query: &str) -> Option<Self> {
        match query.split_once('=')? {
            ("prop", name) => Property::parse(name).map(Self::Property),
            ("list", "Struct") => Some(Self::List(ListKind::Struct)),
            ("list", "StructData") => Some(Self::List(ListKind::StructData)),
            ("list", list) => {
                let selected = PropertySet::select(list.strip_prefix("TNDS")?)?;
                Some(Self::List(ListKind::Tnds(selected)))
            }
            _ => None,
        }
    }
}

impl Property {
    /// Every property, in the order of the standard.
    pub const ALL: [Self; 8] = [
        Self::Acl,
        Self::Format,
        Self::Name,
        Self::Size,
        Self::Title,
        Self::TStamp,
        Self::Type,
        Self::VerNo,
    ];

    /// Its name in `?prop=` and in descriptions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acl => "ACL",
            Self::Format => "Format",
            Self::Name => "Name",
            Self::Size => "Size",
            Self::Title => "Title",
            Self::TStamp => "TStamp",
            Self::Type => "Type",
            Self::VerNo => "VerNo",
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::Acl => 1,
            Self::Format => 1 << 1,
            Self::Name => 1 << 2,
            Self::Size => 1 << 3,
            Self::Title => 1 << 4,
            Self::TStamp => 1 << 5,
            Self::Type => 1 << 6,
            Self::VerNo => 1 << 7,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|property| property.name() == name)
    }
}

impl PropertySet {
    /// None.
    pub const NONE: Self = Self(0);
    /// The value alone.
    pub const VALUE: Self = Self(1 << 8);
    /// Every property, without the value.
    pub const ALL: Self = Self(0xFF);
    /// What each node has: ACL, Format, Name and Type. OMA-TS-DM_TND, RTProperties.
    pub const LEAST: Self = Self::NONE
        .with(Property::Acl)
        .with(Property::Format)
        .with(Property::Name)
        .with(Property::Type);
    /// What a serialized tree can hold: every property but Name and Size, and the value.
    /// OMA-TS-DM_TNDS, properties.
    pub const TNDS: Self = Self::VALUE
        .with(Property::Acl)
        .with(Property::Format)
        .with(Property::Title)
        .with(Property::TStamp)
        .with(Property::Type)
        .with(Property::VerNo);

    /// The same with one more property.
    #[must_use]
    pub const fn with(self, property: Property) -> Self {
        Self(self.0 | property.bit())
    }

    /// What is in either.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The same without a property.
    #[must_use]
    pub const fn without(self, property: Property) -> Self {
        Self(self.0 & !property.bit())
    }

    /// Whether a property is in it.
    pub const fn contains(self, property: Property) -> bool {
        self.0 & property.bit() != 0
    }

    /// Whether the value is in it.
    pub const fn has_value(self) -> bool {
        self.0 & Self::VALUE.0 != 0
    }

    /// What follows `TNDS` in a query: nothing, `+` and a name any number of times (only these), or `-`
    /// likewise (all but these). OMA-TS-DM_TND, exchange of the tree: the two signs do not mix.
    fn select(list: &str) -> Option<Self> {
        let mut rest = list;
        let mut named = Self::NONE;
        let mut sign = None;
        while let Some(first) = rest.chars().next() {
            if !matches!(first, '+' | '-') || sign.is_some_and(|sign| sign != first) {
                return None;
            }
            sign = Some(first);
            let body = rest.strip_prefix(first)?;
            let (name, after) = body.split_at(body.find(['+', '-']).unwrap_or(body.len()));
            rest = after;
            let one = match name {
                "Value" => Self::VALUE,
                _ => Self::NONE.with(Property::parse(name)?),
            };
            if one.0 & Self::TNDS.0 == 0 {
                return None;
            }
            named = Self(named.0 | one.0);
        }
        Some(match sign {
            None => Self::TNDS,
            Some('+') => named,
            Some(_) => Self(Self::TNDS.0 & !named.0),
        })
    }
}

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use dm_proto::StatusCode;

    use super::*;

    #[test]
    fn a_query_names_a_property_or_a_list() {
        let without_acl = PropertySet(PropertySet::TNDS.0 & !Property::Acl.bit());
        let query = |uri| Address::parse(uri).map(|address| address.query);
        assert_eq!(query("./A"), Ok(None));
        assert_eq!(
            query("./A?prop=ACL"),
            Ok(Some(Query::Property(Property::Acl)))
        );
        assert_eq!(
            query(".?list=Struct"),
            Ok(Some(Query::List(ListKind::Struct)))
        );
        assert_eq!(
            query("A?list=StructData"),
            Ok(Some(Query::List(ListKind::StructData)))
        );
        assert_eq!(
            query("A?list=TNDS-ACL"),
            Ok(Some(Query::List(ListKind::Tnds(without_acl))))
        );
        for unknown in [
            "A?",
            "A?foo=bar",
            "A?prop=acl",
            "A?prop=",
            "A?list=TNDSx",
            "A?prop=ACL?x",
        ] {
            let error = Address::parse(unknown).unwrap_err();
            assert_eq!(
                StatusCode::from(&error),
                StatusCode::OPTIONAL_FEATURE_NOT_SUPPORTED,
                "{unknown}"
            );
        }
        assert_eq!(
            Address::parse("A//B?foo=bar"),
            Err(UriError::EmptySegment("A//B".into()))
        );
    }

    #[test]
    fn a_selection_adds_or_takes_away_but_not_both() {
        let all = PropertySet::TNDS;
        let of = |properties: &[Property]| {
            properties
                .iter()
                .fold(PropertySet::NONE, |set, each| set.with(*each))
        };
        assert_eq!(PropertySet::select(""), Some(all));
        assert!(all.has_value() && !all.contains(Property::Size));
        let selected = PropertySet::select("+Value+ACL").unwrap();
        assert!(selected.has_value() && selected.contains(Property::Acl));
        assert!(!selected.contains(Property::Format));
        assert_eq!(
            PropertySet::select("+ACL+Title"),
            Some(of(&[Property::Acl, Property::Title]))
        );
        assert_eq!(
            PropertySet::select("-Value-Format"),
            Some(of(&[
                Property::Acl,
                Property::Title,
                Property::TStamp,
                Property::Type,
                Property::VerNo
            ]))
        );
        for refused in [
            "+ACL-Value",
            "-ACL+Value",
            "+",
            "+Name",
            "-Size",
            "+acl",
            "ACL",
            "++ACL",
            "+ACL+",
        ] {
            assert_eq!(PropertySet::select(refused), None, "{refused}");
        }
    }
}
