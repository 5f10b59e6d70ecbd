//! [`Descriptor`]: what a `PkgURL` may lead to instead of a package, and [`InstallStatus`], what its
//! server is told afterwards (OMA-Download-OTA 1.0).
//!
//! A device that follows `PkgURL` looks at the media type of what comes: [`MEDIA_TYPE`] is a
//! descriptor, all else the package. It reads the descriptor, refuses what it cannot take
//! ([`Descriptor::check`]), asks its user with the texts of the descriptor where it asks at all, fetches
//! [`Descriptor::object_uri`], compares size and type ([`Descriptor::check_object`]), and posts
//! [`InstallStatus::line`] to [`Descriptor::install_notify_uri`], whatever came of it; of a descriptor
//! that cannot be read, to [`install_notify_uri_of`]. That goes to the content server; the DM server gets the result code in the report on the operation, as always.

use core::fmt;

use dm_proto::Text;
use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::ResolveResult,
};

use crate::ResultCode;

/// The media type of a descriptor.
pub const MEDIA_TYPE: &str = "application/vnd.oma.dd+xml";

/// The namespace of its elements. A descriptor without any namespace is read too.
pub const NAMESPACE: &str = "http://www.openmobilealliance.org/xmlns/dd";

/// The octets that a descriptor may have: 64 KiB.
pub const MAX_SIZE: usize = 64 << 10;

/// How deep elements may stand in each other. The known ones stand in the root.
const MAX_DEPTH: usize = 16;

/// What is to be fetched, and what to say to the user and to the content server about it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Descriptor {
    /// `type`: media types that the device must support to use the object; the first is the object's.
    pub types: Vec<Text>,
    /// `size`: octets of the object.
    pub size: u64,
    /// `objectURI`: where the object is, as it stands there. Whether one that is relative to the descriptor's
    /// own address is taken is the device's to say.
    pub object_uri: Text,
    /// `installNotifyURI`: where [`InstallStatus::line`] is posted to.
    pub install_notify_uri: Option<Text>,
    /// `nextURL`: where a user may be led when all is over.
    pub next_url: Option<Text>,
    /// `DDVersion`, as element or attribute of the root. 1.0 if it is not given.
    pub version: Version,
    /// `name`: of the object, for people.
    pub name: Option<Text>,
    /// `description`: for people.
    pub description: Option<Text>,
    /// `vendor`: who offers the object.
    pub vendor: Option<Text>,
    /// `infoURL`: where people can read more.
    pub info_url: Option<Text>,
    /// `iconURI`: where a picture of it is.
    pub icon_uri: Option<Text>,
    /// `installParam`. The node `InstallParams` goes before it.
    pub install_param: Option<Text>,
}

/// The version of a descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Version {
    /// Another major version is not understood.
    pub major: u16,
    /// Another minor version is.
    pub minor: u16,
}

/// Why a descriptor is refused.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DescriptorError {
    /// It has more than [`MAX_SIZE`] octets.
    #[error("descriptor of more than {MAX_SIZE} octets")]
    TooLarge,
    /// It is no XML, or has what a descriptor must not have: a document type, a foreign root.
    #[error("descriptor byte {offset}: {reason}")]
    Malformed {
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// A required element is not there.
    #[error("descriptor without {0}")]
    Missing(&'static str),
    /// An element that may be there once is there again.
    #[error("descriptor with two of {0}")]
    Repeated(&'static str),
    /// A value is none.
    #[error("descriptor: {element} is not {expected}")]
    Value {
        /// Of which element.
        element: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// Its major version is not 1.
    #[error("descriptor of version {}.{}", .0.major, .0.minor)]
    Version(Version),
    /// What it describes does not fit.
    #[error("object of {size} octets, room for {room}")]
    NoRoom {
        /// Octets of the object.
        size: u64,
        /// Octets of free space.
        room: u64,
    },
    /// The device does not take a type that it names.
    #[error("objects of type {0} are not accepted")]
    NotAccepted(Text),
    /// What came is not what was described.
    #[error("the object's {0} is not as described")]
    Mismatch(&'static str),
}

impl DescriptorError {
    /// What the content server is told.
    pub const fn install_status(&self) -> InstallStatus {
        match self {
            Self::TooLarge
            | Self::Malformed { .. }
            | Self::Missing(_)
            | Self::Repeated(_)
            | Self::Value { .. } => InstallStatus::InvalidDescriptor,
            Self::Version(_) => InstallStatus::InvalidVersion,
            Self::NoRoom { .. } => InstallStatus::InsufficientMemory,
            Self::NotAccepted(_) => InstallStatus::NonAcceptableContent,
            Self::Mismatch(_) => InstallStatus::AttributeMismatch,
        }
    }

    /// What the DM server is told.
    pub const fn result_code(&self) -> ResultCode {
        self.install_status().result_code()
    }
}

/// Where the server of a descriptor that [`Descriptor::parse`] refuses is told so: its `installNotifyURI`,
/// if that can be read. Nothing behind what is no XML, or comes twice, can be.
pub fn install_notify_uri_of(xml: &[u8]) -> Option<Text> {
    if xml.len() > MAX_SIZE {
        return None;
    }
    let text = match core::str::from_utf8(xml) {
        Ok(text) => text,
        Err(error) => core::str::from_utf8(xml.get(..error.valid_up_to())?).ok()?,
    };
    let mut fields = Fields::default();
    // Why it is refused is known already.
    let _ = read(text.strip_prefix('\u{feff}').unwrap_or(text), &mut fields);
    fields.text("installNotifyURI")
}

impl Descriptor {
    /// Reads a descriptor in UTF-8. Elements that it does not know are passed over.
    ///
    /// # Errors
    ///
    /// If it is none, lacks what is required, or has another major version than 1.
    pub fn parse(xml: &[u8]) -> Result<Self, DescriptorError> {
        if xml.len() > MAX_SIZE {
            return Err(DescriptorError::TooLarge);
        }
        let text = core::str::from_utf8(xml).map_err(|error| DescriptorError::Malformed {
            offset: error.valid_up_to() as u64,
            reason: "not UTF-8".to_owned(),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut fields = Fields::default();
        read(text, &mut fields)?;
        fields.finish()
    }

    /// The parameters for the installation: those of the package's node win.
    pub fn install_params<'p>(&'p self, node: Option<&'p str>) -> Option<&'p str> {
        node.or(self.install_param.as_deref())
    }

    /// Whether the device can take what is described: each of its types, and its size.
    ///
    /// # Errors
    ///
    /// If it cannot: [`DescriptorError::NotAccepted`], [`DescriptorError::NoRoom`].
    pub fn check(&self, accepts: impl Fn(&str) -> bool, room: u64) -> Result<(), DescriptorError> {
        if let Some(unknown) = self.types.iter().find(|name| !accepts(name)) {
            return Err(DescriptorError::NotAccepted(unknown.clone()));
        }
        if self.size > room {
            return Err(DescriptorError::NoRoom {
                size: self.size,
                room,
            });
        }
        Ok(())
    }

    /// Whether what was fetched is what was described: its octets, and the media type that the content
    /// server gave it, if any. Parameters of media types are not compared.
    ///
    /// # Errors
    ///
    /// [`DescriptorError::Mismatch`] if it is not.
    pub fn check_object(&self, size: u64, media_type: Option<&str>) -> Result<(), DescriptorError> {
        if size != self.size {
            return Err(DescriptorError::Mismatch("size"));
        }
        let essence = |name: &str| {
            let essence = name.split(';').next().unwrap_or_default();
            essence.trim().to_ascii_lowercase()
        };
        if let Some(media_type) = media_type {
            let found = essence(media_type);
            if !self
                .types
                .iter()
                .any(|described| essence(described) == found)
            {
                return Err(DescriptorError::Mismatch("type"));
            }
        }
        Ok(())
    }
}

/// What the content server is told of an object. See the project's `PROVENANCE.md`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InstallStatus {
    /// 900: it was fetched and taken.
    Success,
    /// 901: no room.
    InsufficientMemory,
    /// 902: the user did not want it.
    UserCancelled,
    /// 903: the transfer broke off.
    LossOfService,
    /// 905: what came is not what was described.
    AttributeMismatch,
    /// 906: the descriptor could not be understood.
    InvalidDescriptor,
    /// 951: the descriptor is of another major version.
    InvalidVersion,
    /// 952: the device gave up.
    DeviceAborted,
    /// 953: the device cannot use it.
    NonAcceptableContent,
    /// 954: what `objectURI` names could not be got.
    LoaderError,
}

impl InstallStatus {
    /// The number.
    pub const fn as_u16(self) -> u16 {
        match self {
            Self::Success => 900,
            Self::InsufficientMemory => 901,
            Self::UserCancelled => 902,
            Self::LossOfService => 903,
            Self::AttributeMismatch => 905,
            Self::InvalidDescriptor => 906,
            Self::InvalidVersion => 951,
            Self::DeviceAborted => 952,
            Self::NonAcceptableContent => 953,
            Self::LoaderError => 954,
        }
    }

    /// The body of the post to `installNotifyURI`: number and words.
    pub const fn line(self) -> &'static str {
        match self {
            Self::Success => "900 Success",
            Self::InsufficientMemory => "901 Insufficient memory",
            Self::UserCancelled => "902 User Cancelled",
            Self::LossOfService => "903 Loss of Service",
            Self::AttributeMismatch => "905 Attribute mismatch",
            Self::InvalidDescriptor => "906 Invalid descriptor",
            Self::InvalidVersion => "951 Invalid DDVersion",
            Self::DeviceAborted => "952 Device Aborted",
            Self::NonAcceptableContent => "953 Non-Acceptable Content",
            Self::LoaderError => "954 Loader Error",
        }
    }

    /// The result of an operation that ended so.
    pub const fn result_code(self) -> ResultCode {
        match self {
            Self::Success => ResultCode::SUCCESSFUL,
            Self::InsufficientMemory => ResultCode::DOWNLOAD_OUT_OF_MEMORY,
            Self::UserCancelled => ResultCode::USER_CANCELLED,
            Self::DeviceAborted => ResultCode::CLIENT_ERROR,
            Self::LossOfService
            | Self::AttributeMismatch
            | Self::InvalidDescriptor
            | Self::InvalidVersion
            | Self::NonAcceptableContent
            | Self::LoaderError => ResultCode::DOWNLOAD_FAILED,
        }
    }
}

impl From<ResultCode> for InstallStatus {
    /// What the content server is told of an operation that ended with a result.
    fn from(code: ResultCode) -> Self {
        match code {
            code if code.is_success() => Self::Success,
            ResultCode::USER_CANCELLED => Self::UserCancelled,
            ResultCode::DOWNLOAD_OUT_OF_MEMORY | ResultCode::INSTALL_OUT_OF_MEMORY => {
                Self::InsufficientMemory
            }
            ResultCode::PACKAGE_VALIDATION_FAILED => Self::AttributeMismatch,
            ResultCode::ENVIRONMENT_NOT_SUPPORTED => Self::NonAcceptableContent,
            ResultCode::DOWNLOAD_AUTHENTICATION_FAILED => Self::LoaderError,
            ResultCode::DOWNLOAD_FAILED
            | ResultCode::DOWNLOAD_SERVER_ERROR
            | ResultCode::DOWNLOAD_SERVER_UNAVAILABLE => Self::LossOfService,
            _ => Self::DeviceAborted,
        }
    }
}

impl fmt::Display for InstallStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.line())
    }
}

/// The known elements.
const ELEMENTS: [&str; 12] = [
    "type",
    "size",
    "objectURI",
    "installNotifyURI",
    "nextURL",
    "DDVersion",
    "name",
    "description",
    "vendor",
    "infoURL",
    "iconURI",
    "installParam",
];

#[derive(Default)]
struct Fields {
    types: Vec<Text>,
    /// By place in [`ELEMENTS`].
    values: [Option<String>; ELEMENTS.len()],
}

impl Fields {
    fn set(&mut self, element: &'static str, value: String) -> Result<(), DescriptorError> {
        let value = value.trim();
        if element == "type" {
            self.types.push(Text::from(value));
            return Ok(());
        }
        let Some(slot) = slot(&mut self.values, element) else {
            return Ok(());
        };
        if slot.is_some() {
            return Err(DescriptorError::Repeated(element));
        }
        *slot = Some(value.to_owned());
        Ok(())
    }

    fn take(&mut self, element: &'static str) -> Option<String> {
        slot(&mut self.values, element)?.take()
    }

    fn text(&mut self, element: &'static str) -> Option<Text> {
        self.take(element)
            .filter(|value| !value.is_empty())
            .map(Text::from)
    }

    fn finish(mut self) -> Result<Descriptor, DescriptorError> {
        // Of another version nothing else can be expected to be as it is here.
        let version = match self.take("DDVersion") {
            Some(value) => Version::parse(&value)?,
            None => Version { major: 1, minor: 0 },
        };
        if version.major != 1 {
            return Err(DescriptorError::Version(version));
        }
        self.types.retain(|name| !name.is_empty());
        if self.types.is_empty() {
            return Err(DescriptorError::Missing("type"));
        }
        let size = self.take("size").ok_or(DescriptorError::Missing("size"))?;
        let size = number(&size).ok_or(DescriptorError::Value {
            element: "size",
            expected: "a number of octets",
        })?;
        Ok(Descriptor {
            size,
            object_uri: self
                .text("objectURI")
                .ok_or(DescriptorError::Missing("objectURI"))?,
            install_notify_uri: self.text("installNotifyURI"),
            next_url: self.text("nextURL"),
            version,
            name: self.text("name"),
            description: self.text("description"),
            vendor: self.text("vendor"),
            info_url: self.text("infoURL"),
            icon_uri: self.text("iconURI"),
            install_param: self.text("installParam"),
            types: self.types,
        })
    }
}

fn slot<'a>(
    values: &'a mut [Option<String>; ELEMENTS.len()],
    element: &str,
) -> Option<&'a mut Option<String>> {
    let place = ELEMENTS.iter().position(|known| *known == element)?;
    values.get_mut(place)
}

impl Version {
    fn parse(value: &str) -> Result<Self, DescriptorError> {
        let wrong = || DescriptorError::Value {
            element: "DDVersion",
            expected: "a version",
        };
        let (major, minor) = value.split_once('.').unwrap_or((value, "0"));
        // Digits above all that is known are a version all the same, and another one.
        let part = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
            is_number.then(|| text.parse().unwrap_or(u16::MAX))
        };
        let major = part(major).ok_or_else(wrong)?;
        // What another version has behind its first number is its own affair.
        let minor = part(minor).or_else(|| (major != 1).then_some(0));
        Ok(Self {
            major,
            minor: minor.ok_or_else(wrong)?,
        })
    }
}

/// Digits alone: `parse` would take a plus sign too.
fn number(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|octet| octet.is_ascii_digit());
    is_digits.then(|| text.parse().ok())?
}

/// Puts the values of the known elements of the root into `fields`.
fn read(text: &str, fields: &mut Fields) -> Result<(), DescriptorError> {
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut depth = 0_usize;
    let mut has_root = false;
    // The element whose text is being read.
    let mut value: Option<(&'static str, String)> = None;
    loop {
        let offset = reader.buffer_position();
        let wrong = |reason: &str| DescriptorError::Malformed {
            offset,
            reason: reason.to_owned(),
        };
        let (namespace, event) =
            reader
                .read_resolved_event()
                .map_err(|error| DescriptorError::Malformed {
                    offset,
                    reason: error.to_string(),
                })?;
        let is_ours = match namespace {
            ResolveResult::Bound(namespace) => namespace.0 == NAMESPACE,
            ResolveResult::Unbound => true,
            ResolveResult::Unknown(_) => false,
        };
        match event {
            Event::Start(start) => {
                let name = start.local_name();
                if depth == 0 {
                    if has_root || !is_ours || name.as_ref() != "media" {
                        return Err(wrong("root element is not media"));
                    }
                    has_root = true;
                    if let Some(version) = version_attribute(&start).map_err(|r| wrong(&r))? {
                        fields.set("DDVersion", version)?;
                    }
                } else if depth == 1 && is_ours {
                    let known = ELEMENTS.iter().find(|known| **known == name.as_ref());
                    value = known.map(|known| (*known, String::new()));
                }
                depth = depth.saturating_add(1);
                if depth > MAX_DEPTH {
                    return Err(wrong("elements too deep"));
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 1
                    && let Some((element, text)) = value.take()
                {
                    fields.set(element, text)?;
                }
            }
            // What stands in an element below a known one is not its value.
            Event::Text(text) if depth == 2 => {
                if let Some((_, value)) = &mut value {
                    value.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) if depth == 2 => {
                if let Some((_, value)) = &mut value {
                    value.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) if depth == 2 => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character),
                    Ok(None) => predefined(&reference),
                    Err(_) => None,
                };
                let character = character.ok_or_else(|| wrong("unknown entity"))?;
                if let Some((_, value)) = &mut value {
                    value.push(character);
                }
            }
            Event::Text(text) if depth == 0 && !text.xml10_content().trim().is_empty() => {
                return Err(wrong("text outside the root element"));
            }
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => {
                return Err(wrong("text outside the root element"));
            }
            Event::DocType(_) => return Err(wrong("document type")),
            Event::Eof if depth > 0 => return Err(wrong("ends within an element")),
            Event::Eof if !has_root => return Err(wrong("no element")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The characters that XML has names for.
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn version_attribute(root: &BytesStart<'_>) -> Result<Option<String>, String> {
    // Looking for repeated attributes takes time with their square.
    let mut attributes = root.attributes();
    attributes.with_checks(false);
    for attribute in attributes {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_ref() == "DDVersion" {
            return Ok(Some(attribute.value.into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "<media xmlns=\"http://www.openmobilealliance.org/xmlns/dd\">\
        <type>application/x-tar</type><size>100</size>\
        <objectURI>http://cdn.example.com/maps.tar</objectURI></media>";

    fn with(more: &str) -> Result<Descriptor, DescriptorError> {
        Descriptor::parse(
            MINIMAL
                .replace("</media>", &format!("{more}</media>"))
                .as_bytes(),
        )
    }

    #[test]
    fn what_is_required_is_enough() {
        let descriptor = Descriptor::parse(MINIMAL.as_bytes()).unwrap();
        assert_eq!(descriptor.types, ["application/x-tar"]);
        assert_eq!(descriptor.size, 100);
        assert_eq!(descriptor.object_uri, "http://cdn.example.com/maps.tar");
        assert_eq!(descriptor.version, Version { major: 1, minor: 0 });
        assert_eq!(descriptor.install_notify_uri, None);
    }

    #[test]
    fn every_element_is_read() {
        let descriptor = with(
            "<installNotifyURI>http://cdn.example.com/done?id=1&amp;x=&#50;</installNotifyURI>\
             <nextURL>http://n</nextURL><DDVersion>1.5</DDVersion><name> Maps </name>\
             <description><![CDATA[Maps & <more>]]></description><vendor>Example</vendor>\
             <infoURL>http://i</infoURL><iconURI>http://c</iconURI><installParam>-v</installParam>\
             <type>text/x-second</type>",
        )
        .unwrap();
        let notify = descriptor.install_notify_uri.unwrap();
        assert_eq!(notify, "http://cdn.example.com/done?id=1&x=2");
        assert_eq!(descriptor.next_url.unwrap(), "http://n");
        assert_eq!(descriptor.version, Version { major: 1, minor: 5 });
        assert_eq!(descriptor.name.unwrap(), "Maps");
        assert_eq!(descriptor.description.unwrap(), "Maps & <more>");
        assert_eq!(descriptor.vendor.unwrap(), "Example");
        assert_eq!(descriptor.info_url.unwrap(), "http://i");
        assert_eq!(descriptor.icon_uri.unwrap(), "http://c");
        assert_eq!(descriptor.install_param.unwrap(), "-v");
        assert_eq!(descriptor.types, ["application/x-tar", "text/x-second"]);
    }

    #[test]
    fn prefixes_no_namespace_and_unknown_elements_are_read() {
        let prefixed = MINIMAL
            .replace("xmlns=", "xmlns:dd=")
            .replace("</", "</dd:")
            .replace("<media", "<dd:media")
            .replace("<type", "<dd:type")
            .replace("<size", "<dd:size")
            .replace("<object", "<dd:object");
        let plain = MINIMAL.replace(" xmlns=\"http://www.openmobilealliance.org/xmlns/dd\"", "");
        let expected = Descriptor::parse(MINIMAL.as_bytes()).unwrap();
        assert_eq!(Descriptor::parse(prefixed.as_bytes()), Ok(expected.clone()));
        assert_eq!(Descriptor::parse(plain.as_bytes()), Ok(expected.clone()));
        let more = "<mine><size>1</size></mine><x:size xmlns:x=\"urn:x\">2</x:size><name/>";
        assert_eq!(with(more), Ok(expected));
    }

    #[test]
    fn another_major_version_is_951_and_nothing_else_is_looked_at() {
        for (xml, major) in [
            ("<media DDVersion=\"2.0\"/>", 2),
            ("<media><DDVersion>2.0</DDVersion></media>", 2),
            ("<media DDVersion=\"0.9\"/>", 0),
            ("<media DDVersion=\"65536.0\"/>", u16::MAX),
            ("<media DDVersion=\"99999999999999999999999.0\"/>", u16::MAX),
            ("<media DDVersion=\"2.0.1\"/>", 2),
        ] {
            let error = Descriptor::parse(xml.as_bytes()).unwrap_err();
            assert!(
                matches!(error, DescriptorError::Version(version) if version.major == major),
                "{xml}: {error:?}"
            );
            assert_eq!(error.install_status().line(), "951 Invalid DDVersion");
        }
    }

    #[test]
    fn what_is_broken_is_906_and_says_why() {
        for (xml, expected) in [
            ("", "descriptor byte 0: no element"),
            ("<media/>", "descriptor without type"),
            ("<media><type>a/b</type></media>", "descriptor without size"),
            (
                "<media><type>a/b</type><size>1</size></media>",
                "descriptor without objectURI",
            ),
            (
                "<media><type>a/b</type><size>+1</size></media>",
                "descriptor: size is not a number of octets",
            ),
            (
                "<media><type>a/b</type><size>18446744073709551616</size></media>",
                "descriptor: size is not a number of octets",
            ),
            (
                "<media><size>1</size><size>1</size></media>",
                "descriptor with two of size",
            ),
            (
                "<media DDVersion=\"1.x\"/>",
                "descriptor: DDVersion is not a version",
            ),
            ("<html/>", "descriptor byte 0: root element is not media"),
            (
                "<media xmlns=\"urn:x\"/>",
                "descriptor byte 0: root element is not media",
            ),
            (
                "<media/><media/>",
                "descriptor byte 8: root element is not media",
            ),
            (
                "<!DOCTYPE media [<!ENTITY a \"a\">]><media/>",
                "descriptor byte 0: document type",
            ),
            (
                "<media><name>&a;</name></media>",
                "descriptor byte 13: unknown entity",
            ),
            ("<media>", "descriptor byte 7: ends within an element"),
            (
                "media<media/>",
                "descriptor byte 0: text outside the root element",
            ),
            (
                "<media/> and <!-- more -->",
                "descriptor byte 8: text outside the root element",
            ),
            (
                "<media/>&amp;",
                "descriptor byte 8: text outside the root element",
            ),
            (
                "<media DDVersion=\"1.\"/>",
                "descriptor: DDVersion is not a version",
            ),
            (
                "<media DDVersion=\"\"/>",
                "descriptor: DDVersion is not a version",
            ),
            (
                "<media><type>a/b</type><size/><objectURI>o</objectURI></media>",
                "descriptor: size is not a number of octets",
            ),
        ] {
            let error = Descriptor::parse(xml.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{xml}");
            assert_eq!(error.install_status(), InstallStatus::InvalidDescriptor);
            assert_eq!(error.result_code(), ResultCode::DOWNLOAD_FAILED);
        }
        assert!(Descriptor::parse(b"<media>\xff</media>").is_err());
        let deep = "<a>".repeat(MAX_DEPTH);
        assert!(matches!(
            with(&deep),
            Err(DescriptorError::Malformed { .. })
        ));
        let large = " ".repeat(MAX_SIZE);
        assert_eq!(with(&large), Err(DescriptorError::TooLarge));
    }

    #[test]
    fn who_wants_to_hear_of_a_descriptor_that_is_refused_can_be_told() {
        let notify = "<installNotifyURI>http://n</installNotifyURI>";
        let media = "<media xmlns=\"http://www.openmobilealliance.org/xmlns/dd\">";
        for (xml, is_told) in [
            (format!("{media}{notify}</media>"), true),
            (format!("<media DDVersion=\"2.0\">{notify}</media>"), true),
            (
                format!("<media>{notify}<size>1</size><size>2</size></media>"),
                true,
            ),
            (format!("<media>{notify}<name>"), true),
            (format!("<media><name>&x;</name>{notify}</media>"), false),
            (format!("<html>{notify}</html>"), false),
            (format!("<media><x>{notify}</x></media>"), false),
            ("<media><installNotifyURI/></media>".to_owned(), false),
            (
                format!("<media>{notify}{}</media>", " ".repeat(MAX_SIZE)),
                false,
            ),
        ] {
            assert!(Descriptor::parse(xml.as_bytes()).is_err(), "{xml}");
            let uri = install_notify_uri_of(xml.as_bytes());
            assert_eq!(uri.as_deref(), is_told.then_some("http://n"), "{xml}");
        }
        let mut xml = format!("<media>{notify}").into_bytes();
        xml.extend(b"<name>\xff</name></media>");
        assert!(install_notify_uri_of(&xml).is_some());
    }

    #[test]
    fn what_does_not_fit_or_is_not_accepted_is_refused_before_it_is_fetched() {
        let descriptor = with("<type>text/x-second</type>").unwrap();
        assert_eq!(descriptor.check(|_| true, 100), Ok(()));
        let no_room = descriptor.check(|_| true, 99).unwrap_err();
        assert_eq!(no_room.install_status().as_u16(), 901);
        assert_eq!(no_room.result_code(), ResultCode::DOWNLOAD_OUT_OF_MEMORY);
        let unknown = descriptor.check(|name| name == "application/x-tar", 100);
        let unknown = unknown.unwrap_err();
        assert_eq!(unknown.install_status().as_u16(), 953);
    }

    #[test]
    fn the_largest_size_is_read_and_fits_nowhere_else() {
        let xml = MINIMAL.replace(">100<", ">18446744073709551615<");
        let descriptor = Descriptor::parse(xml.as_bytes()).unwrap();
        assert_eq!(descriptor.size, u64::MAX);
        assert_eq!(descriptor.check(|_| true, u64::MAX), Ok(()));
        let no_room = descriptor.check(|_| true, u64::MAX - 1).unwrap_err();
        assert_eq!(no_room.install_status().as_u16(), 901);
        assert!(descriptor.check_object(u64::MAX - 1, None).is_err());
    }

    #[test]
    fn what_came_is_what_was_described() {
        let descriptor = Descriptor::parse(MINIMAL.as_bytes()).unwrap();
        let same = Some("Application/X-Tar; charset=binary");
        assert_eq!(descriptor.check_object(100, same), Ok(()));
        assert_eq!(descriptor.check_object(100, None), Ok(()));
        for (size, media_type) in [(99, same), (101, same), (100, Some("text/html"))] {
            let error = descriptor.check_object(size, media_type).unwrap_err();
            assert_eq!(
                error.install_status().as_u16(),
                905,
                "{size} {media_type:?}"
            );
        }
    }

    #[test]
    fn parameters_of_the_node_win() {
        let descriptor = Descriptor {
            install_param: Some("of the descriptor".into()),
            ..Descriptor::parse(MINIMAL.as_bytes()).unwrap()
        };
        for (node, expected) in [
            (Some("of the node"), "of the node"),
            (None, "of the descriptor"),
        ] {
            assert_eq!(descriptor.install_params(node), Some(expected));
        }
    }

    #[test]
    fn each_line_stands_for_a_result_code() {
        for (status, line, code) in [
            (InstallStatus::Success, "900 Success", 1200),
            (
                InstallStatus::InsufficientMemory,
                "901 Insufficient memory",
                1404,
            ),
            (InstallStatus::UserCancelled, "902 User Cancelled", 1401),
            (InstallStatus::LossOfService, "903 Loss of Service", 1402),
            (
                InstallStatus::AttributeMismatch,
                "905 Attribute mismatch",
                1402,
            ),
            (
                InstallStatus::InvalidDescriptor,
                "906 Invalid descriptor",
                1402,
            ),
            (InstallStatus::InvalidVersion, "951 Invalid DDVersion", 1402),
            (InstallStatus::DeviceAborted, "952 Device Aborted", 1400),
            (
                InstallStatus::NonAcceptableContent,
                "953 Non-Acceptable Content",
                1402,
            ),
            (InstallStatus::LoaderError, "954 Loader Error", 1402),
        ] {
            assert_eq!(status.line(), line);
            assert_eq!(status.result_code().as_u16(), code, "{line}");
        }
    }

    #[test]
    fn the_line_begins_with_the_number() {
        for code in [
            1200, 1400, 1401, 1402, 1403, 1404, 1405, 1406, 1407, 1411, 1413, 1500, 1501, 1250,
        ] {
            let code = ResultCode::new(code);
            let status = InstallStatus::from(code);
            assert!(status.line().starts_with(&format!("{} ", status.as_u16())));
            assert_eq!(
                status == InstallStatus::Success,
                code.is_success(),
                "{code}"
            );
        }
    }
}
