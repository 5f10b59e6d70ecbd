//! Descriptions and serialized subtrees.

use bytes::Bytes;
use dm_proto::{
    CmdId, Data, Limits, MsgId, SessionId, StatusCode,
    codec::Encoding,
    message::{Item, Meta},
    session::{Execute, Origin, Verb},
};

use crate::{
    Acl, DocumentError, Edit, Node, NodeFormat, NodeUri, Tree, View,
    ddf::Ddf,
    description::{Access, NodeDescription},
    object::ManagementObject,
    store::Memory,
    tnds::Tnds,
};

/// Descriptions: octets are read or refused; what is read is written in both encodings and reads the same;
/// no command makes the check panic.
pub fn ddf(octets: &[u8]) {
    let Some(encoding) = Encoding::detect(octets) else {
        return;
    };
    let octets = Bytes::copy_from_slice(octets);
    let Ok(ddf) = Ddf::read(encoding, &octets, &Ddf::limits()) else {
        return;
    };
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        match ddf.write(encoding) {
            Ok(written) => {
                let again = Ddf::read(encoding, &written, &wide(Ddf::limits()));
                assert_eq!(again.as_ref(), Ok(&ddf));
            }
            Err(error) => assert!(matches!(error, DocumentError::Encode(_)), "{error}"),
        }
    }
    for object in &ddf.objects {
        let Some(root) = object.root() else {
            continue;
        };
        for verb in [
            Verb::Add,
            Verb::Copy,
            Verb::Delete,
            Verb::Exec,
            Verb::Get,
            Verb::Replace,
        ] {
            let item = Item::for_target(root.as_str()).with_data("v");
            if verb != Verb::Copy {
                let told = ddf.check(verb, &item);
                assert_ne!(told, Err(StatusCode::BAD_REQUEST), "{verb:?} {root}");
            }
        }
    }
}

/// Serialized subtrees: octets are read or refused; what is read is written in both encodings and reads the
/// same. Added to a tree or put in place of a subtree, they leave a tree: each node's parent is there and
/// interior; and a refusal leaves nothing.
pub fn tnds(octets: &[u8]) {
    let Some(encoding) = Encoding::detect(octets) else {
        return;
    };
    let octets = Bytes::copy_from_slice(octets);
    if let Ok(tnds) = Tnds::read(encoding, &octets, &Tnds::limits()) {
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            match tnds.write(encoding) {
                Ok(written) => {
                    let again = Tnds::read(encoding, &written, &wide(Tnds::limits()));
                    assert_eq!(again.as_ref(), Ok(&tnds));
                }
                Err(error) => assert!(matches!(error, DocumentError::Encode(_)), "{error}"),
            }
        }
    }
    let mut tree = tree();
    for (number, (verb, target)) in [
        (Verb::Add, "./T"),
        (Verb::Add, "./T/new"),
        (Verb::Replace, "./T/a"),
        (Verb::Replace, "./T"),
    ]
    .into_iter()
    .enumerate()
    {
        let (type_, data) = match encoding {
            Encoding::Wbxml => (Tnds::WBXML, Data::binary(octets.clone())),
            _ => match core::str::from_utf8(&octets) {
                Ok(text) => (Tnds::XML, Data::text(text)),
                Err(_) => (Tnds::XML, Data::binary(octets.clone())),
            },
        };
        let item = Item::for_target(target)
            .with_data(data)
            .with_meta(Meta::default().with_type(type_));
        let origin = Origin {
            session_id: SessionId::from("1"),
            msg_id: MsgId::from("1"),
            cmd_id: CmdId::from(number.to_string().as_str()),
            item: 0,
        };
        let mut transaction = tree.begin(1);
        let before = contents(transaction.view());
        let answer = transaction.execute("s", &Execute::new(origin, verb, item));
        let after = contents(transaction.view());
        if !answer.status.is_success() {
            assert_eq!(after, before, "a refusal left something");
        }
        for (uri, _) in &after {
            if let Some(parent) = uri.parent() {
                let parent = transaction.view().node(&parent);
                assert!(
                    parent.is_ok_and(|parent| parent.is_interior()),
                    "{uri} hangs in the air"
                );
            }
        }
        transaction.commit().expect("memory takes everything");
    }
}

/// An object whose subtree is open.
struct Open(NodeDescription);

impl ManagementObject for Open {
    fn description(&self) -> &NodeDescription {
        &self.0
    }

    fn setup(&self, edit: &mut Edit<'_>) -> Result<(), StatusCode> {
        edit.put("", Node::interior("").with_acl(Acl::all(["s"])))?;
        edit.put("a", Node::interior(""))?;
        edit.put("a/b", Node::leaf(NodeFormat::Chr, "v"))
    }
}

fn tree() -> Tree {
    let mut tree = Tree::new(Box::new(Memory::new()));
    let description = NodeDescription::interior("T")
        .access(Access::GET | Access::ADD | Access::REPLACE)
        .open();
    let root = NodeUri::parse("./T").expect("a uri");
    tree.mount(root, Box::new(Open(description)))
        .expect("an empty tree takes an object");
    tree
}

fn contents(view: View<'_>) -> Vec<(NodeUri, Node)> {
    let uris = view.subtree(&NodeUri::ROOT).expect("memory does not fail");
    uris.into_iter()
        .map(|uri| {
            let node = view.node(&uri).expect("what is listed is there");
            (uri, node)
        })
        .collect()
}

/// The other encoding may need more octets for the same.
fn wide(limits: Limits) -> Limits {
    limits.with_message_size(64 << 20).with_memory(256 << 20)
}
