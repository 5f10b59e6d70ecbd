//! Nodes of a document into descriptions.

use base64::Engine as _;
use bytes::Bytes;
use dm_proto::{Limits, Text, codec::Encoding};

use super::{Ddf, DdfObject, microsoft};
use crate::{
    Acl, DocumentError, NodeFormat, NodeUri, PropertySet,
    description::{Access, NodeDescription, Parts},
    execute::{BASE64, import::relative},
    mgmt_tree::{self, Content, Framework, RawNode},
};

pub(super) fn document(
    encoding: Encoding,
    octets: &Bytes,
    limits: &Limits,
) -> Result<Ddf, DocumentError> {
    let octets = match encoding {
        Encoding::Xml => without_subset(octets),
        _ => octets.clone(),
    };
    let tree = mgmt_tree::read(encoding, &octets, limits)?;
    let mut ddf = Ddf {
        man: tree.man,
        mod_: tree.mod_,
        objects: Vec::new(),
    };
    // The nodes that are open, outermost first, and the path of the first.
    let mut open: Vec<NodeDescription> = Vec::new();
    let mut path = None;
    let mut nodes = tree.nodes.into_iter().peekable();
    while let Some(node) = nodes.next() {
        close(&mut open, node.depth, &mut path, &mut ddf)?;
        if node.depth == 0 {
            path = node.path.clone();
        }
        let has_children = nodes.peek().is_some_and(|next| next.depth > node.depth);
        let described = describe(node, has_children).map_err(|(name, element)| {
            let names = open.iter().map(|above| above.name().unwrap_or_default());
            let names: Vec<&str> = names.chain([name.as_str()]).collect();
            DocumentError::Malformed {
                node: names.join("/").into(),
                element,
            }
        })?;
        open.push(described);
    }
    close(&mut open, 0, &mut path, &mut ddf)?;
    if ddf.objects.is_empty() {
        return Err(DocumentError::Missing {
            node: Text::EMPTY,
            element: "Node",
        });
    }
    Ok(ddf)
}

/// Ends the nodes from a depth on.
fn close(
    open: &mut Vec<NodeDescription>,
    depth: usize,
    path: &mut Option<Text>,
    ddf: &mut Ddf,
) -> Result<(), DocumentError> {
    while open.len() > depth {
        let Some(ended) = open.pop() else {
            return Ok(());
        };
        match open.last_mut() {
            Some(parent) => parent.push_child(ended),
            None => place(ddf, path.take(), ended)?,
        }
    }
    Ok(())
}

/// Puts what stands at the top below the node that its path names: a description may go on elsewhere in
/// the document.
fn place(
    ddf: &mut Ddf,
    path: Option<Text>,
    description: NodeDescription,
) -> Result<(), DocumentError> {
    let Some(text) = path else {
        ddf.objects.push(DdfObject {
            path: None,
            description,
        });
        return Ok(());
    };
    let relative = relative(&text);
    for object in &mut ddf.objects {
        if let Some(rest) = below(object, relative)
            && let Some(parent) = object.description.descendant_mut(rest)
        {
            parent.push_child(description);
            return Ok(());
        }
    }
    let malformed = |_| DocumentError::Malformed {
        node: description.name().unwrap_or_default().into(),
        element: "Path",
    };
    let path = match relative {
        "" => NodeUri::ROOT,
        relative => NodeUri::ROOT.join(relative).map_err(malformed)?,
    };
    ddf.objects.push(DdfObject {
        path: Some(path),
        description,
    });
    Ok(())
}

/// What is left of a path below the root of an object.
fn below<'p>(object: &DdfObject, path: &'p str) -> Option<&'p str> {
    let root = object.root()?;
    let mut rest = path;
    for name in root.segments() {
        let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
        if first != name {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// One node; or its name, and the element at fault.
fn describe(node: RawNode, has_children: bool) -> Result<NodeDescription, (Text, &'static str)> {
    let name = node.name.unwrap_or_default();
    let failed = |element| (name.clone(), element);
    // A name that is a segment of a URI stands as it is, another gets its escapes.
    let canonical = match name.as_str() {
        "" => None,
        name => {
            let uri = match name.contains('/') {
                true => NodeUri::ROOT.child(name),
                false => NodeUri::ROOT
                    .join(name)
                    .or_else(|_| NodeUri::ROOT.child(name)),
            };
            Some(Text::from(uri.map_err(|_| failed("NodeName"))?.name()))
        }
    };
    let run_time = node.run_time;
    let framework = node
        .framework
        .map_or_else(Framework::default, |boxed| *boxed);
    let properties = match &run_time {
        None => PropertySet::LEAST,
        Some(run_time) => run_time.mentioned,
    };
    let run_time = run_time.unwrap_or_default();
    let new_acl = run_time.acl.as_deref().map(Acl::parse).transpose();
    let implied = if has_children || node.value.is_none() {
        NodeFormat::Node
    } else {
        NodeFormat::Chr
    };
    let format = framework.format.or(run_time.format).unwrap_or(implied);
    if has_children && format != NodeFormat::Node {
        return Err(failed("DFFormat"));
    }
    let mut types = framework.types;
    if types.is_empty() {
        types.extend(run_time.type_.filter(|type_| !type_.is_empty()));
    }
    let default = framework
        .default
        .or(node.value)
        .filter(|_| format != NodeFormat::Node)
        .map(|content| value_of(content, format))
        .transpose()
        .map_err(failed)?;
    let access = framework.access.unwrap_or(Access::GET);
    Ok(NodeDescription::from(Parts {
        name: canonical,
        format,
        types,
        access,
        // OMA-TS-DM_TND: what is left out is Dynamic, and exactly one.
        scope: framework.scope.unwrap_or_default(),
        occurrence: framework.occurrence.unwrap_or_default(),
        default,
        // Where children may be added and none is described, any may.
        open: format == NodeFormat::Node && !has_children && access.contains(Access::ADD),
        title: framework.title,
        text: framework.description,
        case: framework.case,
        properties,
        new_acl: new_acl.map_err(|_| failed("ACL"))?.unwrap_or_default(),
        new_title: run_time.title.unwrap_or_default(),
        microsoft: microsoft::read(&framework.microsoft).map(Box::new),
    }))
}

fn value_of(content: Content, format: NodeFormat) -> Result<Bytes, &'static str> {
    match content {
        Content::Octets(octets) => Ok(octets),
        Content::Text(text) if format == NodeFormat::Bin => BASE64
            .decode(text.trim())
            .map(Bytes::from)
            .map_err(|_| "DefaultValue"),
        Content::Text(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
    }
}

/// Takes an internal subset that declares nothing out of the document type declaration: Microsoft's say
/// there which versions of the framework they are for. Any other stays, and is refused by the codec.
fn without_subset(octets: &Bytes) -> Bytes {
    let Ok(text) = core::str::from_utf8(octets) else {
        return octets.clone();
    };
    let subset = || {
        let from = text.find("<!DOCTYPE")?;
        let root = text.find("<MgmtTree")?;
        let head = text.get(..root)?;
        let open = head.get(from..)?.find('[')?.checked_add(from)?;
        let close = head.get(open..)?.find(']')?.checked_add(open)?;
        let mut rest = head.get(open.checked_add(1)?..close)?.trim_start();
        while !rest.is_empty() {
            let (_, after) = match rest.strip_prefix("<?") {
                Some(instruction) => instruction.split_once("?>")?,
                None => rest.strip_prefix("<!--")?.split_once("-->")?,
            };
            rest = after.trim_start();
        }
        let after = text.get(close.checked_add(1)?..)?;
        Some([text.get(..open)?, after].concat())
    };
    subset().map_or_else(|| octets.clone(), Bytes::from)
}
