//! The tree as simply as it can be said: nested maps, and each command's rules in the order of
//! OMA-TS-DM_TND and DM_RepPro as `execute` documents it. Nothing of the real one is used.

use std::collections::BTreeMap;

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
    pub(super) text: &'a str,
}

type Outcome<T> = Result<T, u16>;

impl Model {
    /// A root, and `M` in it, below which everything is open.
    pub(super) fn new(acl: Rights) -> Self {
        let all = vec!["*"];
        let mut root = Self {
            acl: vec![("Add", all.clone()), ("Get", all)],
            ..Self::default()
        };
        let open = Self {
            acl,
            ..Self::default()
        };
        root.children.insert("M".into(), open);
        root
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
        let node = self.at(place)?;
        self.permit(server, "Get", place)?;
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
        let node = self.at(place)?;
        self.permit(server, "Get", place)?;
        Ok(match (property, &node.leaf) {
            ("ACL", _) => text_of(&node.acl),
            ("Format", Some(leaf)) => leaf.format.into(),
            ("Format", None) => "node".into(),
            ("Name", _) => (*place.last().unwrap_or(&".")).into(),
            ("Size", Some(leaf)) => leaf.value.len().to_string(),
            ("Size", None) => return Err(406),
            ("Title", _) => node.title.clone(),
            ("Type", _) => node.type_.clone(),
            _ => node.ver_no.to_string(),
        })
    }

    /// The URIs of what may be read, parents first.
    pub(super) fn structure(&self, server: &str, place: Place<'_>) -> Outcome<Vec<String>> {
        self.at(place)?;
        let mut found = Vec::new();
        self.collect(server, place, &mut found)?;
        if found.is_empty() {
            return Err(425);
        }
        Ok(found)
    }

    fn collect(&self, server: &str, place: Place<'_>, found: &mut Vec<String>) -> Outcome<()> {
        if self.may(server, "Get", place) {
            found.push(uri_of(place));
        }
        for name in self.at(place)?.children.keys() {
            let child = [place, &[name.as_str()]].concat();
            self.collect(server, &child, found)?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, server: &str, place: Place<'_>, value: Value<'_>) -> Outcome<()> {
        self.may_create(server, place)?;
        let mut node = Self::default();
        if value.format == Some("node") {
            if !value.text.is_empty() {
                return Err(415);
            }
            // What every value is called says nothing of an interior node.
            let type_ = value.type_.filter(|type_| *type_ != "text/plain");
            node.type_ = type_.unwrap_or_default().into();
        } else {
            node.leaf = Some(leaf(value, "chr")?);
            node.type_ = value.type_.unwrap_or("text/plain").into();
        }
        self.create(server, place, node)
    }

    fn may_create(&self, server: &str, place: Place<'_>) -> Outcome<()> {
        if self.at(place).is_ok() {
            return Err(418);
        }
        let (_, above) = place.split_last().ok_or(418_u16)?;
        let parent = self.at(above)?;
        self.permit(server, "Add", above)?;
        let is_open = place.first() == Some(&"M");
        if parent.leaf.is_some() || !is_open {
            return Err(405);
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
        let parent = self.at_mut(above)?;
        parent.children.insert((*name).into(), node);
        Ok(())
    }

    pub(super) fn replace(
        &mut self,
        server: &str,
        place: Place<'_>,
        value: Value<'_>,
    ) -> Outcome<()> {
        let node = self.at(place)?;
        self.permit(server, "Replace", place)?;
        let Some(known) = &node.leaf else {
            return Err(405);
        };
        if value.format == Some("node") {
            return Err(405);
        }
        let leaf = leaf(value, known.format)?;
        let node = self.at_mut(place)?;
        node.leaf = Some(leaf);
        if let Some(type_) = value.type_ {
            node.type_ = type_.into();
        }
        node.count();
        Ok(())
    }

    pub(super) fn replace_acl(
        &mut self,
        server: &str,
        place: Place<'_>,
        acl: Option<Rights>,
    ) -> Outcome<()> {
        let node = self.at(place)?;
        let by_itself = node.leaf.is_none() && self.may(server, "Replace", place);
        let by_parent = place
            .split_last()
            .is_some_and(|(_, above)| self.may(server, "Replace", above));
        if !by_itself && !by_parent {
            return Err(425);
        }
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
        if place == ["M"] {
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
        let mut node = parent.children.remove(*name).ok_or(404_u16)?;
        node.count();
        parent.children.insert(to.into(), node);
        Ok(())
    }

    pub(super) fn delete(&mut self, server: &str, place: Place<'_>) -> Outcome<()> {
        self.at(place)?;
        let (name, above) = place.split_last().ok_or(405_u16)?;
        self.permit(server, "Delete", place)?;
        if place == ["M"] {
            return Err(405);
        }
        self.at_mut(above)?.children.remove(*name);
        Ok(())
    }

    pub(super) fn copy(&mut self, server: &str, from: Place<'_>, to: Place<'_>) -> Outcome<()> {
        let source = self.at(from)?;
        self.permit(server, "Get", from)?;
        let copied = source.leaf.clone().ok_or(405_u16)?;
        let type_ = source.type_.clone();
        if self.at(to).is_err() {
            self.may_create(server, to)?;
            let node = Self {
                leaf: Some(copied),
                type_,
                ..Self::default()
            };
            return self.create(server, to, node);
        }
        self.permit(server, "Replace", to)?;
        let target = self.at_mut(to)?;
        if target.leaf.is_none() {
            return Err(405);
        }
        target.leaf = Some(copied);
        target.type_ = type_;
        target.count();
        Ok(())
    }

    fn count(&mut self) {
        self.ver_no = self.ver_no.wrapping_add(1);
    }
}

/// A value of a leaf, if the text is one of its format.
fn leaf(value: Value<'_>, known: &'static str) -> Outcome<Leaf> {
    let format = value.format.unwrap_or(known);
    let is_number = value.text.parse::<i32>().is_ok();
    match format {
        "chr" => {}
        "int" if is_number => {}
        _ => return Err(415),
    }
    Ok(Leaf {
        format,
        value: value.text.into(),
    })
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
