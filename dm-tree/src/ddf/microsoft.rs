//! [`Microsoft`]: what its descriptions say beside the framework, in elements of their own (`MSFT:`).
//! Microsoft Learn, Configuration service provider DDF files, DDF v2.

use std::collections::BTreeMap;

use dm_proto::{Name, Piece, Text};

/// What a description of Microsoft (DDF v2) says of a node beside the framework. Texts are as they stand
/// there. It is for who writes settings: the tree and [`check`](super::Ddf::check) do not look at it, since a
/// device may know more values than its description. `CommonErrorResults` and `Diagnostics` are passed over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Microsoft {
    /// `Applicability`: the systems that have the node. Nodes below one have it too, unless they say otherwise.
    pub applicability: Option<Applicability>,
    /// `DynamicNodeNaming`: the element in it, and its text: how names below are chosen.
    pub naming: Option<(Text, Text)>,
    /// `AllowedValues`.
    pub allowed: Option<AllowedValues>,
    /// `ReplaceBehavior`: what a Replace does, `Append` or `Replace`.
    pub replace: Option<Text>,
    /// `RebootBehavior`: `None`, `Automatic` or `ServerInitiated`.
    pub reboot: Option<Text>,
    /// `GpMapping`: the group policy that it stands for.
    pub group_policy: Option<GroupPolicy>,
    /// `Deprecated`: since which build; empty if that is not said.
    pub deprecated: Option<Text>,
    /// `DependencyBehavior`: what other nodes have to be.
    pub dependencies: Vec<DependencyGroup>,
    /// `ConflictResolution`: which of several values counts.
    pub conflict: Option<Text>,
    /// `AtomicRequired`: whether it and what is below it belongs into one Atomic.
    pub is_atomic: bool,
}

/// The systems that have a node.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Applicability {
    /// `OsBuildVersion`: the first builds with it; several if it was brought to older systems, too.
    pub builds: Vec<Text>,
    /// `CspVersion`.
    pub version: Option<Text>,
    /// `EditionAllowList`: the numbers of editions.
    pub editions: Vec<Text>,
    /// `RequiresAzureAd`: whether the device has to be joined to a directory.
    pub requires_directory: bool,
}

/// The values that a node may have.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AllowedValues {
    /// `ValueType`: `ENUM`, `Flag`, `Range`, `RegEx`, `XSD`, `JSON`, `SDDL`, `ADMX` or `None`.
    pub kind: Text,
    /// The values with their descriptions; of a range or an expression there is one.
    pub values: Vec<(Text, Text)>,
    /// `AdmxBacked`: area, name and file of the policy that says what values there are.
    pub admx: Option<(Text, Text, Text)>,
    /// `List`: what stands between several values, a text or the number of a character (`0xF000`).
    pub delimiter: Option<Text>,
}

/// A group policy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct GroupPolicy {
    /// `GpEnglishName`.
    pub name: Text,
    /// `GpAreaPath`.
    pub area: Text,
    /// `GpElement`.
    pub element: Option<Text>,
}

/// What other nodes have to be for a node to have its effect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DependencyGroup {
    /// `FriendlyId`.
    pub id: Text,
    /// `DependencyChangedAllowedValues`: the values that the node may have then.
    pub allowed: Option<AllowedValues>,
    /// Each of them.
    pub dependencies: Vec<Dependency>,
}

/// What another node has to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Dependency {
    /// `Type`: `DependsOn`, or `Not` for what it must not be.
    pub kind: Text,
    /// `DependencyUri`.
    pub uri: Text,
    /// `DependencyAllowedValue`.
    pub allowed: AllowedValues,
}

impl AllowedValues {
    /// Whether a value is among them; `None` where that takes more than this knows: an expression, a schema, a
    /// policy.
    pub fn allows(&self, value: &str) -> Option<bool> {
        let delimiter = self.delimiter.as_deref().map(delimiter);
        let is_one = |value: &str| match self.kind.as_str() {
            "ENUM" => Some(self.values.iter().any(|(known, _)| known.trim() == value)),
            "Flag" => {
                let mut all = 0;
                for (known, _) in &self.values {
                    all |= known.trim().parse::<u64>().ok()?;
                }
                let is_known = |flags: u64| flags & !all == 0;
                Some(value.parse().is_ok_and(is_known))
            }
            "Range" => {
                let (range, _) = self.values.first()?;
                let range = range.trim().strip_prefix('[')?.strip_suffix(']')?;
                let mut is_inside = false;
                for part in range.split(',') {
                    let (least, most) = bounds(part.trim())?;
                    let value = value.parse::<i64>();
                    is_inside |= value.is_ok_and(|value| (least..=most).contains(&value));
                }
                Some(is_inside)
            }
            _ => None,
        };
        match delimiter.filter(|delimiter| !delimiter.is_empty()) {
            None => is_one(value.trim()),
            Some(delimiter) => {
                let mut are_all = true;
                for part in value.split(&*delimiter) {
                    are_all &= is_one(part.trim())?;
                }
                Some(are_all)
            }
        }
    }
}

/// A delimiter as it stands, or by its number.
fn delimiter(text: &str) -> String {
    let number = text.strip_prefix("0x");
    let number = number.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    number
        .and_then(char::from_u32)
        .map_or_else(|| text.to_owned(), String::from)
}

/// `1-4`, `-1-4`, `7`.
fn bounds(text: &str) -> Option<(i64, i64)> {
    // A sign at the front is no dash.
    let dash = text.get(1..)?.find('-').and_then(|at| at.checked_add(1));
    match dash {
        None => text.parse().ok().map(|number| (number, number)),
        Some(dash) => {
            let (least, most) = text.split_at_checked(dash)?;
            let most = most.strip_prefix('-')?;
            Some((least.trim().parse().ok()?, most.trim().parse().ok()?))
        }
    }
}

/// What the elements of `DFProperties` say; `None` if that is nothing.
pub(super) fn read(pieces: &[Piece]) -> Option<Microsoft> {
    let mut reader = Reader::default();
    for piece in pieces {
        match piece {
            Piece::Start(name) => reader.start(&name.local),
            Piece::Attribute(name, value) => {
                if let Some((_, attributes)) = reader.open.last_mut() {
                    attributes.insert(name.local.clone(), value.clone());
                }
            }
            Piece::Text(text) => reader.text.push_str(text),
            Piece::End => reader.end(),
            _ => {}
        }
    }
    (reader.found != Microsoft::default()).then_some(reader.found)
}

#[derive(Default)]
struct Reader {
    /// The open elements with their attributes.
    open: Vec<(Text, BTreeMap<Text, Text>)>,
    text: String,
    /// The innermost values.
    values: AllowedValues,
    found: Microsoft,
}

impl Reader {
    fn start(&mut self, local: &str) {
        self.text.clear();
        self.open.push((local.into(), BTreeMap::new()));
        match local {
            "AllowedValues" | "DependencyChangedAllowedValues" | "DependencyAllowedValue" => {
                self.values = AllowedValues::default();
            }
            "Enum" => self.values.values.push(Default::default()),
            "DependencyGroup" => self.found.dependencies.push(Default::default()),
            "Dependency" => {
                if let Some(group) = self.found.dependencies.last_mut() {
                    group.dependencies.push(Default::default());
                }
            }
            _ => {}
        }
    }

    fn end(&mut self) {
        let Some((local, mut attributes)) = self.open.pop() else {
            return;
        };
        let text = Text::from(core::mem::take(&mut self.text).trim());
        let mut attribute = |name: &str| attributes.remove(name);
        let parent = self.open.last().map(|(local, _)| local.as_str());
        let found = &mut self.found;
        match (parent, local.as_str()) {
            (None, "ReplaceBehavior") => found.replace = Some(text),
            (None, "RebootBehavior") => found.reboot = Some(text),
            (None, "ConflictResolution") => found.conflict = Some(text),
            (None, "AtomicRequired") => found.is_atomic = true,
            (None, "Deprecated") => {
                found.deprecated = Some(attribute("OsBuildDeprecated").unwrap_or(text));
            }
            (None, "GpMapping") => {
                found.group_policy = Some(GroupPolicy {
                    name: attribute("GpEnglishName").unwrap_or_default(),
                    area: attribute("GpAreaPath").unwrap_or_default(),
                    element: attribute("GpElement"),
                });
            }
            (None, "Applicability") => {
                found.applicability.get_or_insert_default();
            }
            (None, "AllowedValues") => {
                self.values.kind = attribute("ValueType").unwrap_or_default();
                found.allowed = Some(core::mem::take(&mut self.values));
            }
            (Some("Applicability"), local) => {
                let applicability = found.applicability.get_or_insert_default();
                let list = |separators: [char; 2]| {
                    let parts = text.split(separators).map(str::trim);
                    let parts = parts.filter(|part| !part.is_empty());
                    parts.map(Text::from).collect()
                };
                match local {
                    "OsBuildVersion" => applicability.builds = list([',', ';']),
                    "CspVersion" => applicability.version = Some(text),
                    "EditionAllowList" => applicability.editions = list([';', ',']),
                    "RequiresAzureAd" => applicability.requires_directory = true,
                    _ => {}
                }
            }
            (Some("DynamicNodeNaming"), _) => found.naming = Some((local, text)),
            (Some("Enum"), "Value") => {
                if let Some((value, _)) = self.values.values.last_mut() {
                    *value = text;
                }
            }
            (_, "Value") => self.values.values.push((text, Text::EMPTY)),
            (_, "ValueDescription") => {
                if let Some((_, description)) = self.values.values.last_mut() {
                    *description = text;
                }
            }
            (_, "List") => self.values.delimiter = attribute("Delimiter"),
            (_, "AdmxBacked") => {
                let mut named = |name| attribute(name).unwrap_or_default();
                self.values.admx = Some((named("Area"), named("Name"), named("File")));
            }
            (_, local) => {
                if let Some(group) = found.dependencies.last_mut() {
                    match (local, group.dependencies.last_mut()) {
                        ("DependencyGroup", _) => {
                            group.id = attribute("FriendlyId").unwrap_or_default();
                        }
                        ("DependencyChangedAllowedValues", _) => {
                            self.values.kind = attribute("ValueType").unwrap_or_default();
                            group.allowed = Some(core::mem::take(&mut self.values));
                        }
                        ("Dependency", Some(dependency)) => {
                            dependency.kind = attribute("Type").unwrap_or_default();
                        }
                        ("DependencyUri", Some(dependency)) => dependency.uri = text,
                        ("DependencyAllowedValue", Some(dependency)) => {
                            self.values.kind = attribute("ValueType").unwrap_or_default();
                            dependency.allowed = core::mem::take(&mut self.values);
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The elements that say it.
pub(super) fn write(microsoft: &Microsoft) -> Vec<Piece> {
    let mut out = Out(Vec::new());
    if let Some(applicability) = &microsoft.applicability {
        out.start("Applicability", &[]);
        out.text(
            "OsBuildVersion",
            joined(&applicability.builds, ", ").as_deref(),
        );
        out.text("CspVersion", applicability.version.as_deref());
        out.text(
            "EditionAllowList",
            joined(&applicability.editions, ";").as_deref(),
        );
        if applicability.requires_directory {
            out.text("RequiresAzureAd", Some(""));
        }
        out.end();
    }
    if let Some((element, text)) = &microsoft.naming {
        out.start("DynamicNodeNaming", &[]);
        out.text(element, Some(text));
        out.end();
    }
    if let Some(allowed) = &microsoft.allowed {
        out.allowed("AllowedValues", allowed);
    }
    out.text("ReplaceBehavior", microsoft.replace.as_deref());
    out.text("RebootBehavior", microsoft.reboot.as_deref());
    if let Some(policy) = &microsoft.group_policy {
        let (name, area) = (Some(&policy.name), Some(&policy.area));
        let attributes = [
            ("GpEnglishName", name),
            ("GpAreaPath", area),
            ("GpElement", policy.element.as_ref()),
        ];
        out.start("GpMapping", &attributes);
        out.end();
    }
    if let Some(build) = &microsoft.deprecated {
        out.start("Deprecated", &[("OsBuildDeprecated", Some(build))]);
        out.end();
    }
    if !microsoft.dependencies.is_empty() {
        out.start("DependencyBehavior", &[]);
        for group in &microsoft.dependencies {
            out.start("DependencyGroup", &[("FriendlyId", Some(&group.id))]);
            if let Some(allowed) = &group.allowed {
                out.allowed("DependencyChangedAllowedValues", allowed);
            }
            for dependency in &group.dependencies {
                out.start("Dependency", &[("Type", Some(&dependency.kind))]);
                out.text("DependencyUri", Some(&dependency.uri));
                out.allowed("DependencyAllowedValue", &dependency.allowed);
                out.end();
            }
            out.end();
        }
        out.end();
    }
    out.text("ConflictResolution", microsoft.conflict.as_deref());
    if microsoft.is_atomic {
        out.text("AtomicRequired", Some(""));
    }
    out.0
}

struct Out(Vec<Piece>);

impl Out {
    fn start(&mut self, local: &str, attributes: &[(&str, Option<&Text>)]) {
        self.0.push(Piece::Start(Name::new(NAMESPACE, local)));
        for (name, value) in attributes {
            if let Some(value) = value {
                let name = Name::new(Text::EMPTY, *name);
                self.0.push(Piece::Attribute(name, Text::clone(value)));
            }
        }
    }

    fn end(&mut self) {
        self.0.push(Piece::End);
    }

    fn text(&mut self, local: &str, text: Option<&str>) {
        let Some(text) = text else {
            return;
        };
        self.start(local, &[]);
        if !text.is_empty() {
            self.0.push(Piece::Text(text.into()));
        }
        self.end();
    }

    fn allowed(&mut self, local: &str, allowed: &AllowedValues) {
        self.start(local, &[("ValueType", Some(&allowed.kind))]);
        for (value, description) in &allowed.values {
            self.start("Enum", &[]);
            self.text("Value", Some(value));
            if !description.is_empty() {
                self.text("ValueDescription", Some(description));
            }
            self.end();
        }
        if let Some((area, name, file)) = &allowed.admx {
            let attributes = [
                ("Area", Some(area)),
                ("Name", Some(name)),
                ("File", Some(file)),
            ];
            self.start("AdmxBacked", &attributes);
            self.end();
        }
        if let Some(delimiter) = &allowed.delimiter {
            self.start("List", &[("Delimiter", Some(delimiter))]);
            self.end();
        }
        self.end();
    }
}

fn joined(parts: &[Text], between: &str) -> Option<String> {
    let parts: Vec<&str> = parts.iter().map(Text::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

/// The namespace of the elements.
pub(crate) const NAMESPACE: &str = "http://schemas.microsoft.com/MobileDevice/DM";

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(
        kind: &'static str,
        values: &[&'static str],
        delimiter: Option<&'static str>,
    ) -> AllowedValues {
        AllowedValues {
            kind: kind.into(),
            values: values
                .iter()
                .map(|value| ((*value).into(), Text::EMPTY))
                .collect(),
            admx: None,
            delimiter: delimiter.map(Into::into),
        }
    }

    #[test]
    fn values_are_held_against_what_is_allowed_as_far_as_that_is_data() {
        for (values, yes, no) in [
            (
                allowed("ENUM", &["0", "on"], None),
                vec!["0", "on"],
                vec!["1", "", "On"],
            ),
            (
                allowed("Flag", &["1", "4"], None),
                vec!["0", "1", "5"],
                vec!["2", "x"],
            ),
            (
                allowed("Range", &["[0-10]"], None),
                vec!["0", "10"],
                vec!["11", "-1", "x"],
            ),
            (
                allowed("Range", &["[-5--1,7]"], None),
                vec!["-5", "-1", "7"],
                vec!["0", "-6"],
            ),
            (
                allowed("ENUM", &["a", "b"], Some(";")),
                vec!["a", "a;b"],
                vec!["a;c"],
            ),
            (
                allowed("ENUM", &["a", "b"], Some("0xF000")),
                vec!["a\u{F000}b"],
                vec!["a;b"],
            ),
        ] {
            for value in yes {
                assert_eq!(values.allows(value), Some(true), "{values:?} {value}");
            }
            for value in no {
                assert_eq!(values.allows(value), Some(false), "{values:?} {value}");
            }
        }
        for kind in ["None", "RegEx", "XSD", "JSON", "SDDL", "ADMX", "new"] {
            assert_eq!(allowed(kind, &["x"], None).allows("x"), None, "{kind}");
        }
        for malformed in ["0-10", "[a-b]", "[0-", "[]", "[-]"] {
            assert_eq!(
                allowed("Range", &[malformed], None).allows("1"),
                None,
                "{malformed}"
            );
        }
    }
}
