//! The tree as simply as it can be said: nested maps, and each command's rules in the order of
//! OMA-TS-DM_TND and DM_RepPro as `execute` documents it. Nothing of the real one is used.

mod documents;
mod kinds;

use std::collections::BTreeMap;

use self::kinds::{ID, INSTANCE, Kind};
pub(super) use self::{
    documents::{DocumentNode, places},
    kinds::{INSTANCE_TYPE, MOST_INSTANCES},
};

/// The tree, and what is remembered beside it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) tree: Model,
    /// Jobs that are not finished, by their numbers: the executed nodes.
    pub(super) jobs: BTreeMap<u64, Vec<&'static str>>,
    /// Who put something into the Inbox last, and where its things went.
    forwarded: Option<(&'static str, BTreeMap<&'static str, Vec<&'static str>>)>,
}

/// A node, and what is below it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Model {
    /// `None` for an interior node.
    pub(super) leaf: Option<Leaf>,
    pub(super) type_: String,
    pub(super) title: String,
    pub(super) acl: Rights,
    pub(super) ver_no: u16,
    pub(super) children: BTreeMap<String, Self>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Leaf {
    pub(super) format: &'static str,
    pub(super) value: String,
}

/// Who may do what; empty inherits.
pub(super) type Rights = Vec<(&'static str, Vec<&'static str>)>;

/// Segments below the root.
pub(super) type Place<'a> = &'a [&'a str];

/// A new value: format and type as far as they are declared, and text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub(super) format: Option<&'static str>,
    pub(super) type_: Option<&'static str>,
    pub(super) text: Option<&'a str>,
}

/// How an Exec was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    Now,
    Accepted,
    AfterSession,
}

pub(super) type Outcome<T> = Result<T, u16>;

impl World {
    pub(super) fn new(acl: Rights) -> Self {
        Self {
            tree: Model::new(acl),
            jobs: BTreeMap::new(),
            forwarded: None,
        }
    }

    /// Runs a command, which changes nothing if it fails.
    pub(super) fn whole<T>(&mut self, run: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let before = self.clone();
        run(self).inspect_err(|_| *self = before)
    }

    pub(super) fn exec(&mut self, server: &str, place: &[&'static str]) -> Outcome<Taken> {
        self.tree.at(place)?;
        self.tree.permit(server, "Exec", place)?;
        if !Kind::of(place).supports("Exec") {
            return Err(405);
        }
        match place {
            ["E", "refuse"] => return Err(403),
            ["E", _] => self.tree.add_to(&["E", "State"], 1),
            [above @ .., _] => self.tree.add_to(&[above, &["Count"]].concat(), 1),
            [] => return Err(405),
        }
        Ok(match place {
            ["E", "now"] => Taken::Now,
            ["E", "later"] => Taken::Accepted,
            _ => Taken::AfterSession,
        })
    }

    /// A job is done.
    pub(super) fn finish(&mut self) {
        self.tree.add_to(&["E", "State"], 10);
    }

    /// An Add to the Inbox or below it.
    pub(super) fn add_to_inbox(
        &mut self,
        server: &'static str,
        inside: &[&'static str],
        value: Value<'_>,
    ) -> Outcome<()> {
        self.tree.permit(server, "Add", &["Inbox"])?;
        match inside {
            [] => Err(418),
            [name] => {
                if value.format == Some(UNKNOWN) {
                    return Err(415);
                }
                if value.format != Some("node") {
                    return Err(405);
                }
                let node = DocumentNode {
                    depth: 0,
                    name,
                    leaf: None,
                    type_: value.type_,
                    title: None,
                    acl: None,
                };
                self.add_inside(server, &[node])
            }
            [name, rest @ ..] => {
                let place = self.went(server).remove(name).ok_or(404_u16)?;
                let place = [&place, rest].concat();
                self.tree.add(server, &place, value)
            }
        }
    }

    /// Puts objects where their types belong.
    pub(super) fn add_inside(
        &mut self,
        server: &'static str,
        document: &[DocumentNode],
    ) -> Outcome<()> {
        self.tree.permit(server, "Add", &["Inbox"])?;
        let mut went = BTreeMap::new();
        for node in document.iter().filter(|node| node.depth == 0) {
            if node.type_ != Some(INSTANCE_TYPE) {
                return Err(405);
            }
            if went.insert(node.name, vec!["E", node.name]).is_some() {
                return Err(418);
            }
        }
        self.tree
            .add_placed(server, &places(document, &["E"], false))?;
        let mut known = self.went(server);
        known.extend(went);
        self.forwarded = Some((server, known));
        Ok(())
    }

    fn went(&self, server: &str) -> BTreeMap<&'static str, Vec<&'static str>> {
        match &self.forwarded {
            Some((of, went)) if *of == server => went.clone(),
            _ => BTreeMap::new(),
        }
    }
}

impl Model {
    /// A root, and in it `M`, below which everything is open, `E`, which takes Execs, and the Inbox.
    fn new(acl: Rights) -> Self {
        let all = vec!["*"];
        let mut root = Self {
            acl: vec![("Add", all.clone()), ("Get", all)],
            ..Self::default()
        };
        let open = Self {
            acl,
            ver_no: 1,
            ..Self::default()
        };
        let mut executed = Self {
            acl: vec![
                ("Add", vec!["*"]),
                ("Delete", vec!["a", "b"]),
                ("Exec", vec!["a", "b"]),
                ("Get", vec!["*"]),
                ("Replace", vec!["a"]),
            ],
            ver_no: 1,
            ..Self::default()
        };
        for (name, format, value) in [
            ("State", "int", "0"),
            ("now", "null", ""),
            ("later", "null", ""),
            ("refuse", "null", ""),
        ] {
            executed
                .children
                .insert(name.into(), Self::leaf(format, value));
        }
        let inbox = Self {
            type_: "urn:oma:mo:oma-dm-inbox:1.0".into(),
            ..Self::default()
        };
        root.children.insert("M".into(), open);
        root.children.insert("E".into(), executed);
        root.children.insert("Inbox".into(), inbox);
        root
    }

    fn leaf(format: &'static str, value: &str) -> Self {
        Self {
            leaf: Some(Leaf {
                format,
                value: value.into(),
            }),
            type_: "text/plain".into(),
            ..Self::default()
        }
    }

    /// Adds to a number, if it is there: what the objects do.
    fn add_to(&mut self, place: Place<'_>, more: i32) {
        if let Ok(node) = self.at_mut(place) {
            if let Some(leaf) = &mut node.leaf {
                let number: i32 = leaf.value.parse().unwrap_or(0);
                leaf.value = number.wrapping_add(more).to_string();
            }
            node.count();
        }
    }

    pub(super) fn at(&self, place: Place<'_>) -> Outcome<&Self> {
        let mut node = self;
        for name in place {
            node = node.children.get(*name).ok_or(404_u16)?;
        }
        Ok(node)
    }

    fn at_mut(&mut self, place: Place<'_>) -> Outcome<&mut Self> {
        let mut node = self;
        for name in place {
            node = node.children.get_mut(*name).ok_or(404_u16)?;
        }
        Ok(node)
    }

    /// The ACL that counts.
    fn rights(&self, place: Place<'_>) -> Rights {
        let mut rights = self.acl.clone();
        for end in 1..=place.len() {
            match self.at(&place[..end]) {
                Ok(node) if !node.acl.is_empty() => rights = node.acl.clone(),
                _ => {}
            }
        }
        rights
    }

    fn may(&self, server: &str, right: &str, place: Place<'_>) -> bool {
        let rights = self.rights(place);
        let granted = rights.iter().filter(|(of, _)| *of == right);
        let mut servers = granted.flat_map(|(_, servers)| servers);
        servers.any(|known| *known == "*" || *known == server)
    }

    fn permit(&self, server: &str, right: &str, place: Place<'_>) -> Outcome<()> {
        if self.may(server, right, place) {
            Ok(())
        } else {
            Err(425)
        }
    }

    pub(super) fn get(&self, server: &str, place: Place<'_>) -> Outcome<String> {
        outside(place)?;
        let node = self.at(place)?;
        self.permit(server, "Get", place)?;
        if !Kind::of(place).supports("Get") {
            return Err(405);
        }
        Ok(match &node.leaf {
            Some(leaf) => leaf.value.clone(),
            None => {
                let names: Vec<&str> = node.children.keys().map(String::as_str).collect();
                names.join("/")
            }
        })
    }

    pub(super) fn property(
        &self,
        server: &str,
        place: Place<'_>,
        property: &str,
    ) -> Outcome<String> {
        // An unknown query is told before it is looked for the node.
        if property == "Owner" {
            return Err(406);
        }
        outside(place)?;
        let node = self.at(place)?;
        self.permit(server, "Get", place)?;
        Ok(match (property, &node.leaf) {
            ("ACL", _) => text_of(&node.acl),
            ("Format", Some(leaf)) => leaf.format.into(),
            ("Format", None) => "node".into(),
            ("Name", _) => (*place.last().unwrap_or(&".")).into(),
            ("Size", Some(_)) if !Kind::of(place).supports("Get") => return Err(405),
            ("Size", Some(leaf)) => leaf.value.len().to_string(),
            ("Size", None) => return Err(406),
            ("Title", _) => node.title.clone(),
            ("Type", _) => node.type_.clone(),
            _ => node.ver_no.to_string(),
        })
    }

    /// The places of what may be read, parents first.
    pub(super) fn structure(&self, server: &str, place: Place<'_>) -> Outcome<Vec<String>> {
        let readable = self.readable(server, place)?;
        Ok(readable.into_iter().map(|(uri, _)| uri).collect())
    }

    /// The same with values.
    pub(super) fn structure_data(&self, server: &str, place: Place<'_>) -> Outcome<Vec<String>> {
        let readable = self.readable(server, place)?;
        let with_value = |(uri, node): (String, &Self)| match node.told(&uri) {
            Some(value) => format!("{uri}={value}"),
            None => uri,
        };
        Ok(readable.into_iter().map(with_value).collect())
    }

    /// The same with all properties, in the order of the places.
    pub(super) fn serialized(&self, server: &str, place: Place<'_>) -> Outcome<Vec<String>> {
        let readable = self.readable(server, place)?;
        let line = |(uri, node): (String, &Self)| {
            let format = node.leaf.as_ref().map_or("node", |leaf| leaf.format);
            let value = node.told(&uri);
            let (acl, ver_no) = (text_of(&node.acl), node.ver_no);
            format!(
                "{uri} {format} {} {} {acl} {ver_no} {value:?}",
                node.type_, node.title
            )
        };
        let mut lines: Vec<String> = readable.into_iter().map(line).collect();
        lines.sort();
        Ok(lines)
    }

    /// The value of a leaf, if it may be told at all.
    fn told(&self, uri: &str) -> Option<&str> {
        let place: Vec<&str> = uri.split('/').skip(1).collect();
        let leaf = self.leaf.as_ref()?;
        Kind::of(&place).supports("Get").then_some(&leaf.value)
    }

    fn readable(&self, server: &str, place: Place<'_>) -> Outcome<Vec<(String, &Self)>> {
        outside(place)?;
        self.at(place)?;
        let mut found = Vec::new();
        self.collect(server, place, &mut found)?;
        if found.is_empty() {
            return Err(425);
        }
        Ok(found)
    }

    fn collect<'m>(
        &'m self,
        server: &str,
        place: Place<'_>,
        found: &mut Vec<(String, &'m Self)>,
    ) -> Outcome<()> {
        let node = self.at(place)?;
        if self.may(server, "Get", place) {
            found.push((uri_of(place), node));
        }
        for name in node.children.keys() {
            let child = [place, &[name.as_str()]].concat();
            self.collect(server, &child, found)?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, server: &str, place: Place<'_>, value: Value<'_>) -> Outcome<()> {
        self.may_create(server, place)?;
        let node = Self::added(place, value)?;
        self.create(server, place, node)
    }

    /// The node that an Add makes.
    fn added(place: Place<'_>, value: Value<'_>) -> Outcome<Self> {
        let kind = Kind::of(place);
        let (format, type_, default) = match kind {
            Kind::Node(described) => (described.format, described.type_, described.default),
            _ => {
                let format = value.format.unwrap_or("chr");
                let type_ = if format == "node" { "" } else { "text/plain" };
                (format, type_, None)
            }
        };
        let text = match (value.text, default) {
            (None, Some(default)) if value.format.is_none_or(|declared| declared == format) => {
                default
            }
            _ => value.text_of(format)?,
        };
        let mut given = value.type_.unwrap_or(type_);
        if format == "node" && given == "text/plain" {
            // What every value is called says nothing of an interior node.
            given = type_;
        } else {
            kind.fits(format, given)?;
        }
        Ok(Self {
            leaf: (format != "node").then(|| Leaf {
                format,
                value: text.into(),
            }),
            type_: given.into(),
            ..Self::default()
        })
    }

    fn may_create(&self, server: &str, place: Place<'_>) -> Outcome<()> {
        if self.at(place).is_ok() {
            return Err(418);
        }
        let (_, above) = place.split_last().ok_or(418_u16)?;
        let parent = self.at(above)?;
        self.permit(server, "Add", above)?;
        let kind = Kind::of(place);
        if parent.leaf.is_some() || !kind.may_be_below(Kind::of(above)) {
            return Err(405);
        }
        if kind.is(&INSTANCE) {
            let names = parent.children.keys();
            let instances = names.filter(|name| Kind::of(&["E", name]).is(&INSTANCE));
            if instances.count() >= MOST_INSTANCES {
                return Err(405);
            }
        }
        Ok(())
    }

    fn create(&mut self, server: &str, place: Place<'_>, mut node: Self) -> Outcome<()> {
        let (name, above) = place.split_last().ok_or(418_u16)?;
        if node.leaf.is_none() && !self.may(server, "Replace", above) {
            let server = SERVERS.into_iter().find(|known| *known == server);
            for right in RIGHTS {
                let is_given = ["Add", "Delete", "Replace"].contains(&right);
                if let Some(server) = server
                    && (is_given || self.may(server, right, above))
                {
                    node.acl.push((right, vec![server]));
                }
            }
        }
        let kind = Kind::of(place);
        if kind.is(&ID) {
            agreed(&node)?;
        }
        if kind.is(&INSTANCE) {
            // What is permanent comes with it.
            let fixed = [("Run", "null", ""), ("Count", "int", "1")];
            for (name, format, value) in fixed {
                node.children.insert(name.into(), Self::leaf(format, value));
            }
        }
        let is_failure = (kind.is(&ID) && is_failure(&node)) || place == REFUSED;
        let parent = self.at_mut(above)?;
        parent.children.insert((*name).into(), node);
        if kind.is(&INSTANCE) {
            self.add_to(&["E", "State"], 1);
        }
        if is_failure { Err(500) } else { Ok(()) }
    }

    /// Puts a node in the place of one, with what is below that.
    fn overwrite(&mut self, place: Place<'_>, node: Self) -> Outcome<()> {
        let is_asked = Kind::of(place).is(&ID);
        if is_asked {
            agreed(&node)?;
        }
        let is_failure = is_asked && is_failure(&node);
        let known = self.at_mut(place)?;
        *known = node;
        known.count();
        if is_failure { Err(500) } else { Ok(()) }
    }

    pub(super) fn replace(
        &mut self,
        server: &str,
        place: Place<'_>,
        value: Value<'_>,
    ) -> Outcome<()> {
        let node = self.at(place)?;
        self.permit(server, "Replace", place)?;
        if value.format == Some(UNKNOWN) {
            return Err(415);
        }
        let node = node.replaced(place, value)?;
        self.overwrite(place, node)
    }

    /// The node with another value.
    fn replaced(&self, place: Place<'_>, value: Value<'_>) -> Outcome<Self> {
        let kind = Kind::of(place);
        let known = self.leaf.as_ref().ok_or(405_u16)?;
        if !kind.supports("Replace") || value.format == Some("node") {
            return Err(405);
        }
        let format = match kind {
            Kind::Open => value.format.unwrap_or(known.format),
            _ => known.format,
        };
        let text = value.text_of(format)?;
        let type_ = value.type_.unwrap_or(&self.type_);
        kind.fits(format, type_)?;
        Ok(Self {
            leaf: Some(Leaf {
                format,
                value: text.into(),
            }),
            type_: type_.into(),
            ..self.clone()
        })
    }

    pub(super) fn replace_acl(
        &mut self,
        server: &str,
        place: Place<'_>,
        acl: Option<Rights>,
    ) -> Outcome<()> {
        self.may_set_acl(server, place)?;
        let acl = acl.ok_or(400_u16)?;
        // Everybody may add below the root.
        let has_add = acl
            .iter()
            .any(|(right, servers)| *right == "Add" && servers.contains(&"*"));
        if place.is_empty() && !has_add {
            return Err(405);
        }
        let node = self.at_mut(place)?;
        node.acl = acl;
        node.count();
        Ok(())
    }

    fn may_set_acl(&self, server: &str, place: Place<'_>) -> Outcome<()> {
        let node = self.at(place)?;
        let by_itself = node.leaf.is_none() && self.may(server, "Replace", place);
        let by_parent = place
            .split_last()
            .is_some_and(|(_, above)| self.may(server, "Replace", above));
        if by_itself || by_parent {
            Ok(())
        } else {
            Err(425)
        }
    }

    pub(super) fn replace_title(
        &mut self,
        server: &str,
        place: Place<'_>,
        title: &str,
    ) -> Outcome<()> {
        self.at(place)?;
        self.permit(server, "Replace", place)?;
        if title.len() > 255 {
            return Err(413);
        }
        let node = self.at_mut(place)?;
        node.title = title.into();
        node.count();
        Ok(())
    }

    pub(super) fn rename(&mut self, server: &str, place: Place<'_>, to: &str) -> Outcome<()> {
        self.at(place)?;
        self.permit(server, "Replace", place)?;
        let (name, above) = place.split_last().ok_or(405_u16)?;
        let kind = Kind::of(place);
        if kind.is_permanent() {
            return Err(405);
        }
        if to.is_empty() || to.contains('/') {
            return Err(400);
        }
        if to == *name {
            return Ok(());
        }
        let parent = self.at_mut(above)?;
        if parent.children.contains_key(to) {
            return Err(418);
        }
        if !kind.is_same(Kind::of(&[above, &[to]].concat())) {
            return Err(405);
        }
        let mut node = parent.children.remove(*name).ok_or(404_u16)?;
        node.count();
        parent.children.insert(to.into(), node);
        Ok(())
    }

    pub(super) fn delete(&mut self, server: &str, place: Place<'_>) -> Outcome<()> {
        self.at(place)?;
        let (name, above) = place.split_last().ok_or(405_u16)?;
        self.permit(server, "Delete", place)?;
        let kind = Kind::of(place);
        if kind.is_permanent() || !kind.supports("Delete") {
            return Err(405);
        }
        if place == KEPT {
            return Err(403);
        }
        self.at_mut(above)?.children.remove(*name);
        Ok(())
    }

    pub(super) fn copy(&mut self, server: &str, from: Place<'_>, to: Place<'_>) -> Outcome<()> {
        let source = self.at(from)?;
        self.permit(server, "Get", from)?;
        let copied = source.leaf.clone().ok_or(405_u16)?;
        if !Kind::of(from).supports("Get") {
            return Err(405);
        }
        let type_ = source.type_.clone();
        let kind = Kind::of(to);
        if self.at(to).is_err() {
            self.may_create(server, to)?;
            kind.fits(copied.format, &type_)?;
            let node = Self {
                leaf: Some(copied),
                type_,
                ..Self::default()
            };
            return self.create(server, to, node);
        }
        self.permit(server, "Replace", to)?;
        let target = self.at(to)?.clone();
        if target.leaf.is_none() || !kind.supports("Copy") {
            return Err(405);
        }
        kind.fits(copied.format, &type_)?;
        let node = Self {
            leaf: Some(copied),
            type_,
            ..target
        };
        self.overwrite(to, node)
    }

    fn count(&mut self) {
        self.ver_no = self.ver_no.wrapping_add(1);
    }
}

impl<'a> Value<'a> {
    /// The text, if it is a value of a format.
    fn text_of(self, format: &str) -> Outcome<&'a str> {
        let text = self.text.unwrap_or_default();
        let is_one = match format {
            "chr" => true,
            "int" => text.parse::<i32>().is_ok(),
            "bool" => ["true", "false", "0", "1"].contains(&text),
            "node" | "null" => text.is_empty(),
            _ => false,
        };
        let is_declared = self.format.is_none_or(|declared| declared == format);
        if is_one && is_declared {
            Ok(text)
        } else {
            Err(415)
        }
    }
}

/// The Inbox is for nobody to read.
fn outside(place: Place<'_>) -> Outcome<()> {
    if place.first() == Some(&"Inbox") {
        return Err(405);
    }
    Ok(())
}

/// Whether the object agrees to a value of `Id`.
fn agreed(node: &Model) -> Outcome<()> {
    match &node.leaf {
        Some(leaf) if leaf.value == "7" => Err(403),
        _ => Ok(()),
    }
}

/// Whether the object fails when it is told of a value of `Id`.
fn is_failure(node: &Model) -> bool {
    let leaf = node.leaf.as_ref();
    leaf.is_some_and(|leaf| leaf.value == "text")
}

/// The text of an ACL property.
pub(super) fn text_of(acl: &Rights) -> String {
    let entries = acl.iter();
    let entries = entries.map(|(right, servers)| format!("{right}={}", servers.join("+")));
    entries.collect::<Vec<_>>().join("&")
}

pub(super) fn uri_of(place: Place<'_>) -> String {
    let mut uri = String::from(".");
    for name in place {
        uri.push('/');
        uri.push_str(name);
    }
    uri
}

/// The servers there are.
pub(super) const SERVERS: [&str; 3] = ["a", "b", "c"];
const RIGHTS: [&str; 5] = ["Add", "Delete", "Exec", "Get", "Replace"];
/// A format that there is not.
pub(super) const UNKNOWN: &str = "odd";
/// The instance that its object fails at once it was made.
pub(super) const REFUSED: [&str; 2] = ["E", "n2"];
/// The instance that its object does not let go.
pub(super) const KEPT: [&str; 2] = ["E", "n1"];
