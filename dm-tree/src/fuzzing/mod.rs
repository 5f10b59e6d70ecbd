//! Bodies of the fuzz targets in `fuzz/`, here so that they are compiled, linted and changed with the
//! code. Each states the properties that it enforces; breaking one panics.

mod documents;
mod model;
mod objects;
mod tree_ops;

pub use self::{
    documents::{ddf, tnds},
    tree_ops::tree_ops,
};
use crate::{Acl, Address, NodeUri, Right};

/// ACLs: text is read or refused; what is read is written as text that reads the same. An ACL grants
/// nothing to who is not in its text unless `*` is, nothing at all to who is taken out of it, and what it
/// grants is in its text.
pub fn acl(octets: &[u8]) {
    let Ok(text) = core::str::from_utf8(octets) else {
        return;
    };
    let Ok(acl) = Acl::parse(text) else {
        return;
    };
    let written = acl.to_string();
    assert_eq!(Acl::parse(&written).as_ref(), Ok(&acl));
    assert_eq!(acl.is_empty(), written.is_empty());
    let everyone = written.contains('*');
    for right in [
        Right::Add,
        Right::Delete,
        Right::Exec,
        Right::Get,
        Right::Replace,
    ] {
        assert!(everyone || !acl.allows(right, "stranger=nobody"));
        for server in text.split(['&', '=', '+']) {
            if acl.allows(right, server) {
                assert!(everyone || text.contains(server));
                assert!(acl.clone().grant(right, server).allows(right, server));
            }
            let revoked = acl.clone().revoke(server);
            let by_everyone = acl.allows(right, "stranger=nobody");
            assert!(by_everyone || !revoked.allows(right, server));
        }
    }
}

/// URIs: text is read or refused; what is read is canonical, its parts make the whole, and no part of it
/// leaves the tree.
pub fn uri(octets: &[u8]) {
    let Ok(text) = core::str::from_utf8(octets) else {
        return;
    };
    let Ok(address) = Address::parse(text) else {
        return;
    };
    let uri = address.uri;
    assert_eq!(NodeUri::parse(uri.as_str()).as_ref(), Ok(&uri));
    assert!(uri.as_str().len() <= NodeUri::MAX_LEN && uri.depth() <= NodeUri::MAX_DEPTH);
    assert_eq!(uri.segments().count(), uri.depth());
    for segment in uri.segments() {
        assert!(!matches!(segment, "" | "." | "..") && segment.is_ascii());
    }
    if let Some(parent) = uri.parent() {
        assert_eq!(parent.join(uri.name()).as_ref(), Ok(&uri));
        assert_eq!(uri.below(&parent), Some(uri.name()));
        assert!(uri.below(&NodeUri::ROOT).is_some());
    } else {
        assert_eq!(uri, NodeUri::ROOT);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn replay(target: &str, body: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(target);
        let mut seeds: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
        for seed in seeds {
            body(&fs::read(seed).expect("a readable seed"));
        }
    }

    #[test]
    fn seeds_of_acl_hold_its_properties() {
        replay("acl", acl);
    }

    #[test]
    fn seeds_of_ddf_hold_its_properties() {
        replay("ddf", ddf);
    }

    #[test]
    fn seeds_of_tnds_hold_its_properties() {
        replay("tnds", tnds);
    }

    #[test]
    fn seeds_of_tree_ops_hold_its_properties() {
        replay("tree_ops", tree_ops);
    }

    #[test]
    fn seeds_of_uri_hold_its_properties() {
        replay("uri", uri);
    }
}
