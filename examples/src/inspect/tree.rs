//! `dm-inspect tree`: a DDF or TNDS document as an indented tree.

use std::collections::HashMap;

use bytes::Bytes;
use dm_proto::codec::{Document, DocumentType, Element};

use super::{
    Failure, TreeArgs, decode,
    document::line,
    outline::{abbreviated, is_secret, shown},
    read_input, write_output,
};

/// Reads a document, lists tolerances on standard error and shows it on standard output.
pub(super) fn run(args: &TreeArgs) -> Result<(), Failure> {
    let octets = Bytes::from(read_input(&args.file)?);
    let encoding = decode::guess(&octets);
    match DocumentType::detect(encoding, &octets) {
        Some(DocumentType::DmDdf) | None => {}
        Some(other) => return Err(Failure::NotATree(other)),
    }
    let options = decode::document_options(false).with_document(DocumentType::DmDdf);
    let document = decode::read(encoding, &octets, &options)?;
    let mut out = String::new();
    write(&mut out, 0, &document);
    write_output(out.as_bytes())
}

/// Writes a heading, and below it each node with its value and, in brackets, what is known of it:
/// format, type, occurrence, scope, access types, ACL, title.
///
/// Nodes that stand nested and nodes that say their place with a `Path` give the same tree; what a
/// `Path` names and is not there has no brackets.
pub(super) fn write(out: &mut String, indent: usize, document: &Document) {
    let root = document.root();
    let mut heading = String::from("MgmtTree");
    for name in ["VerDTD", "Man", "Mod"] {
        if let Some(text) = text_of(&root, name) {
            heading.push_str(&format!(" {name} {}", abbreviated(&text)));
        }
    }
    line(out, indent, &heading);

    let nodes = Nodes::of(&root);
    let first = nodes.children_of(None);
    let mut open = vec![first.iter()];
    while let Some(level) = open.last_mut() {
        let Some(&at) = level.next() else {
            open.pop();
            continue;
        };
        let Some(node) = nodes.list.get(at) else {
            continue;
        };
        line(out, indent.saturating_add(open.len()), &node.words);
        open.push(node.children.iter());
    }
}

/// A node of the tree that is shown.
struct Node {
    words: String,
    /// Whether only a `Path` names it.
    is_implied: bool,
    children: Vec<usize>,
}

/// The nodes, each with the places of its children.
#[derive(Default)]
struct Nodes {
    list: Vec<Node>,
    roots: Vec<usize>,
    /// Nodes by parent and name, for those whose children say where they are by a `Path`.
    by_name: HashMap<(Option<usize>, String), usize>,
}

/// As deep as the nodes of a `Path` nest: what it names beyond is one name.
const DEEPEST: usize = 64;

impl Nodes {
    fn of(root: &Element<'_>) -> Self {
        let mut nodes = Self::default();
        // Elements and the place of their parents.
        let mut open = vec![(
            root.children_named("Node").collect::<Vec<_>>().into_iter(),
            None,
        )];
        while let Some((level, parent)) = open.last_mut() {
            let Some(element) = level.next() else {
                open.pop();
                continue;
            };
            let mut parent = *parent;
            if let Some(path) = element.child("Path") {
                parent = nodes.at_path(parent, &path.text());
            }
            let name = text_of(&element, "NodeName").unwrap_or_default();
            let at = nodes.place(parent, &name);
            if let Some(node) = nodes.list.get_mut(at) {
                node.words = words(&name, &element);
                node.is_implied = false;
            }
            let children: Vec<_> = element.children_named("Node").collect();
            open.push((children.into_iter(), Some(at)));
        }
        nodes
    }

    fn children_of(&self, parent: Option<usize>) -> &[usize] {
        match parent {
            Some(at) => self.list.get(at).map_or(&[], |node| &node.children),
            None => &self.roots,
        }
    }

    /// The node at a path, which is made where it is missing.
    fn at_path(&mut self, mut parent: Option<usize>, path: &str) -> Option<usize> {
        let path = path.trim().trim_start_matches("./").trim_matches('/');
        for name in path
            .splitn(DEEPEST, '/')
            .filter(|name| !matches!(*name, "" | "."))
        {
            let known = self.by_name.get(&(parent, String::from(name))).copied();
            parent = Some(known.unwrap_or_else(|| self.add(parent, name)));
        }
        parent
    }

    /// The place of a node: its own, unless a path was there before it.
    fn place(&mut self, parent: Option<usize>, name: &str) -> usize {
        let known = self.by_name.get(&(parent, String::from(name))).copied();
        let is_implied = |at: usize| self.list.get(at).is_some_and(|node| node.is_implied);
        match known.filter(|&at| is_implied(at)) {
            Some(at) => at,
            None => self.add(parent, name),
        }
    }

    fn add(&mut self, parent: Option<usize>, name: &str) -> usize {
        let at = self.list.len();
        self.list.push(Node {
            words: shown(name),
            is_implied: true,
            children: Vec::new(),
        });
        match parent.and_then(|parent| self.list.get_mut(parent)) {
            Some(parent) => parent.children.push(at),
            None => self.roots.push(at),
        }
        self.by_name
            .entry((parent, String::from(name)))
            .or_insert(at);
        at
    }
}

/// A node in a line: a name, a value, and what is known of it.
fn words(name: &str, node: &Element<'_>) -> String {
    let mut line = if name.is_empty() {
        // Its name is given when it is made.
        String::from("<x>")
    } else {
        shown(name)
    };
    let value = node.child("Value");
    match value {
        Some(_) if is_secret(name) => line.push_str(" = (secret)"),
        Some(value) => line.push_str(&format!(" = {}", value_of(&value))),
        None => {}
    }
    let known = properties(name, node);
    line.push_str(&format!(" [{}]", known.join(", ")));
    line
}

fn value_of(value: &Element<'_>) -> String {
    match value.octets() {
        Some(octets) if core::str::from_utf8(octets).is_err() => {
            format!("({} octets)", octets.len())
        }
        _ => abbreviated(&value.text()),
    }
}

/// What run-time and description properties say. OMA-TS-DM_TNDS, properties.
fn properties(name: &str, node: &Element<'_>) -> Vec<String> {
    let mut words = Vec::new();
    let (run_time, described) = (node.child("RTProperties"), node.child("DFProperties"));
    let both = [run_time, described];
    let of = |name: &str| both.iter().flatten().find_map(|set| set.child(name));

    if let Some(format) = of("Format").or_else(|| of("DFFormat")) {
        words.extend(first_child(&format));
    }
    for type_ in [of("Type"), of("DFType")].into_iter().flatten() {
        let names = type_.children().map(|name| name.text().into_owned());
        words.extend(
            names
                .filter(|name| !name.is_empty())
                .map(|name| shown(&name)),
        );
    }
    if let Some(occurrence) = of("Occurrence").and_then(|occurrence| occurrence.children().next()) {
        let count = occurrence.text();
        words.push(match &*count {
            "" => String::from(occurrence.local()),
            count => format!("{} {}", occurrence.local(), shown(count)),
        });
    }
    words.extend(of("Scope").and_then(|scope| first_child(&scope)));
    if let Some(access) = of("AccessType") {
        let types: Vec<&str> = access.children().map(|one| one.local()).collect();
        words.push(shown(&types.join(" ")));
    }
    words.extend(of("CaseSense").and_then(|sense| first_child(&sense)));
    if let Some(acl) = of("ACL").map(|acl| acl.text().into_owned()) {
        words.push(format!("ACL {}", abbreviated(&acl)));
    }
    if let Some(default) = of("DefaultValue") {
        words.push(if is_secret(name) {
            String::from("default (secret)")
        } else {
            format!("default {}", abbreviated(&default.text()))
        });
    }
    for name in ["Name", "Size", "TStamp", "VerNo"] {
        if let Some(text) = of(name).map(|text| text.text().into_owned()) {
            words.push(format!("{name} {}", shown(&text)));
        }
    }
    if let Some(title) = of("Title").or_else(|| of("DFTitle")) {
        words.push(abbreviated(&title.text()));
    }
    words
}

fn first_child(element: &Element<'_>) -> Option<String> {
    element.children().next().map(|child| shown(child.local()))
}

fn text_of(element: &Element<'_>, local: &str) -> Option<String> {
    element
        .child(local)
        .map(|child| child.text().into_owned())
        .filter(|text| !text.is_empty())
}
