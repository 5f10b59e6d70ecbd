//! Serialized subtrees in the model.

use std::collections::BTreeSet;

use super::{Kind, Leaf, Model, Outcome, Place, Rights, Value};

/// A node of a document.
#[derive(Clone, Debug)]
pub(in crate::fuzzing) struct DocumentNode {
    /// How many nodes it is nested in.
    pub(in crate::fuzzing) depth: usize,
    /// Empty for that of the target.
    pub(in crate::fuzzing) name: &'static str,
    /// Format and value of a leaf.
    pub(in crate::fuzzing) leaf: Option<(&'static str, &'static str)>,
    pub(in crate::fuzzing) type_: Option<&'static str>,
    pub(in crate::fuzzing) title: Option<String>,
    pub(in crate::fuzzing) acl: Option<Rights>,
}

type Placed<'d> = (Vec<&'static str>, &'d DocumentNode);

/// Where each node goes. The first is the target itself if it is the `head`.
pub(in crate::fuzzing) fn places<'d>(
    document: &'d [DocumentNode],
    target: &[&'static str],
    has_head: bool,
) -> Vec<Placed<'d>> {
    let mut open: Vec<Vec<&'static str>> = Vec::new();
    let mut placed = Vec::new();
    for (index, node) in document.iter().enumerate() {
        open.truncate(node.depth);
        let place = if has_head && index == 0 {
            target.to_vec()
        } else {
            let above = open.last().map_or(target, Vec::as_slice);
            [above, &[node.name]].concat()
        };
        open.push(place.clone());
        placed.push((place, node));
    }
    placed
}

/// Whether a document stands for its target: it is one node, of that name or of none.
fn has_head(document: &[DocumentNode], target: Place<'_>) -> bool {
    let mut top = document.iter().filter(|node| node.depth == 0);
    let first = top.next();
    let is_target = first.is_some_and(|node| {
        node.name.is_empty() || target.last().is_some_and(|last| *last == node.name)
    });
    is_target && top.next().is_none()
}

fn has_unnamed(document: &[DocumentNode]) -> bool {
    let mut top = document.iter().filter(|node| node.depth == 0);
    top.any(|node| node.name.is_empty())
}

impl Model {
    pub(in crate::fuzzing) fn add_document(
        &mut self,
        server: &str,
        target: &[&'static str],
        document: &[DocumentNode],
    ) -> Outcome<()> {
        let mut head = false;
        match self.at(target) {
            Ok(node) if node.leaf.is_some() || has_unnamed(document) => return Err(418),
            Ok(_) => {}
            Err(_) if has_head(document, target) => head = true,
            Err(status) => return Err(status),
        }
        self.add_placed(server, &places(document, target, head))
    }

    pub(super) fn add_placed(&mut self, server: &str, placed: &[Placed<'_>]) -> Outcome<()> {
        for (index, (place, node)) in placed.iter().enumerate() {
            let mut before = placed.iter().take(index);
            let is_new = before.clone().all(|(other, _)| other != place);
            let is_below = before.any(|(other, _)| place.starts_with(other));
            // What is permanent came with the node above it.
            if Kind::of(place).is_permanent() && is_new && is_below && self.at(place).is_ok() {
                self.replace_node(server, place, node, false)?;
            } else {
                self.add_node(server, place, node)?;
            }
        }
        self.set_acls(server, placed)
    }

    fn add_node(&mut self, server: &str, place: Place<'_>, node: &DocumentNode) -> Outcome<()> {
        self.may_create(server, place)?;
        let mut added = Self::added(place, node.value())?;
        added.title = node.title()?.unwrap_or_default();
        self.create(server, place, added)
    }

    /// From the last to the first.
    fn set_acls(&mut self, server: &str, placed: &[Placed<'_>]) -> Outcome<()> {
        for (place, node) in placed.iter().rev() {
            if let Some(acl) = node.acl.as_ref().filter(|acl| !acl.is_empty()) {
                self.set_acl(server, place, acl.clone())?;
            }
        }
        Ok(())
    }

    fn set_acl(&mut self, server: &str, place: Place<'_>, acl: Rights) -> Outcome<()> {
        if self.at(place)?.acl == acl {
            return Ok(());
        }
        self.may_set_acl(server, place)?;
        if place.is_empty() && !acl.contains(&("Add", vec!["*"])) {
            return Err(405);
        }
        let node = self.at_mut(place)?;
        node.acl = acl;
        node.count();
        Ok(())
    }

    pub(in crate::fuzzing) fn replace_document(
        &mut self,
        server: &str,
        target: &[&'static str],
        document: &[DocumentNode],
    ) -> Outcome<()> {
        self.at(target)?;
        self.permit(server, "Replace", target)?;
        if !Kind::of(target).supports("Replace") {
            return Err(405);
        }
        let head = has_head(document, target);
        if !head && has_unnamed(document) {
            return Err(400);
        }
        let placed = places(document, target, head);
        let mut wanted = BTreeSet::new();
        for (place, _) in &placed {
            if !wanted.insert(place) {
                return Err(418);
            }
        }
        self.remove_others(server, target, &placed)?;
        for (place, node) in &placed {
            if self.at(place).is_ok() {
                self.replace_node(server, place, node, place == target)?;
            } else {
                self.add_node(server, place, node)?;
            }
        }
        self.set_acls(server, &placed)
    }

    /// Level by level.
    fn remove_others(
        &mut self,
        server: &str,
        target: Place<'_>,
        placed: &[Placed<'_>],
    ) -> Outcome<()> {
        let mut below: Vec<Vec<String>> = vec![Vec::new()];
        let mut next = 0;
        while let Some(path) = below.get(next).cloned() {
            next += 1;
            let place: Vec<&str> = target
                .iter()
                .copied()
                .chain(path.iter().map(String::as_str))
                .collect();
            for name in self.at(&place)?.children.keys() {
                below.push([&path[..], core::slice::from_ref(name)].concat());
            }
        }
        for path in below.into_iter().skip(1) {
            let place: Vec<&str> = target
                .iter()
                .copied()
                .chain(path.iter().map(String::as_str))
                .collect();
            let Ok(node) = self.at(&place) else {
                continue;
            };
            let is_interior = node.leaf.is_none();
            let stays = match placed.iter().find(|(wanted, _)| **wanted == *place) {
                Some((_, wanted)) => wanted.leaf.is_none() == is_interior,
                None => is_interior && placed.iter().any(|(wanted, _)| wanted.starts_with(&place)),
            };
            if !stays {
                self.delete(server, &place)?;
            }
        }
        Ok(())
    }

    fn replace_node(
        &mut self,
        server: &str,
        place: Place<'_>,
        node: &DocumentNode,
        is_target: bool,
    ) -> Outcome<()> {
        let kind = Kind::of(place);
        let known = self.at(place)?.clone();
        let is_known = self.may(server, "Get", place);
        let mut is_set = !is_known;
        let mut next = known.clone();
        if known.leaf.is_none() != node.leaf.is_none() {
            return Err(405);
        }
        match &known.leaf {
            None => {
                if let Some(type_) = node.value().type_ {
                    kind.fits("node", type_)?;
                    next.type_ = type_.into();
                }
            }
            Some(Leaf { format, value }) => {
                let given = node.value();
                let is_same = given.text_of(format).is_ok_and(|text| text == value)
                    && given.type_.is_none_or(|type_| type_ == known.type_);
                if !(is_same && is_known && kind.supports("Get")) {
                    next = known.replaced(place, given)?;
                    is_set = true;
                }
            }
        }
        // What comes and goes at run time would have been made anew.
        let is_remade = !is_target && !kind.is_permanent();
        match node.title()? {
            Some(title) => next.title = title,
            None if is_remade => next.title.clear(),
            None => {}
        }
        if is_set || next != known {
            self.permit(server, "Replace", place)?;
            if kind.is_permanent() && known.leaf.is_none() && next.type_ != known.type_ {
                return Err(405);
            }
            self.overwrite(place, next)?;
        }
        if is_remade && node.acl.as_ref().is_none_or(Vec::is_empty) {
            self.set_acl(server, place, Rights::new())?;
        }
        Ok(())
    }
}

impl DocumentNode {
    fn value(&self) -> Value<'static> {
        let (format, text) = match self.leaf {
            Some((format, text)) => (format, Some(text)),
            None => ("node", None),
        };
        Value {
            format: Some(format),
            type_: self.type_.filter(|type_| !type_.is_empty()),
            text,
        }
    }

    fn title(&self) -> Outcome<Option<String>> {
        match &self.title {
            Some(title) if title.len() > 255 => Err(413),
            title => Ok(title.clone()),
        }
    }
}
