//! [`Document`]: a Client Provisioning document, whatever its characteristics are.
//!
//! OMA-WAP-TS-ProvCont. Characteristics have a type, parameters, and characteristics inside them.

use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::BootstrapError;
use crate::{
    Fragment, Limits, Name, Piece, Text,
    codec::{
        self, ConvertOptions, DecodeOptions, DocumentType, Encoding, WbxmlVersion, decode_fragment,
        encode_fragment,
    },
};

/// A provisioning document.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Document {
    /// Its `version`: `1.0` or `1.1`, as a rule.
    pub version: Option<Text>,
    /// The characteristics, in order.
    pub characteristics: Vec<Characteristic>,
}

/// A characteristic: `APPLICATION`, `NAPDEF`, `PXLOGICAL` and others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Characteristic {
    /// Its `type`.
    pub type_: Text,
    /// Its parameters, in order.
    pub parms: Vec<Parm>,
    /// The characteristics in it, in order; written after the parameters.
    pub characteristics: Vec<Self>,
}

/// A parameter. `Debug` leaves the value of passwords and nonces out.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "complete by definition")]
pub struct Parm {
    /// Its `name`.
    pub name: Text,
    /// Its `value`; none is the same as not to be set.
    pub value: Option<Text>,
}

impl fmt::Debug for Parm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_secret = ["SECRET", "AAUTHDATA", "-PW", "PASSWORD"]
            .iter()
            .any(|part| self.name.contains(part));
        let value = match &self.value {
            Some(_) if is_secret => Some("(secret)"),
            value => value.as_deref(),
        };
        write!(f, "{}={value:?}", self.name)
    }
}

impl Characteristic {
    /// A characteristic of a type.
    pub fn new(type_: impl Into<Text>) -> Self {
        Self {
            type_: type_.into(),
            ..Self::default()
        }
    }

    /// The same with another parameter.
    #[must_use]
    pub fn with(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.parms.push(Parm {
            name: name.into(),
            value: Some(value.into()),
        });
        self
    }

    /// The same with another characteristic in it.
    #[must_use]
    pub fn containing(mut self, characteristic: Self) -> Self {
        self.characteristics.push(characteristic);
        self
    }

    /// The value of the first parameter of a name, if it has one.
    pub fn parm(&self, name: &str) -> Option<&Text> {
        let mut named = self.parms.iter().filter(|parm| parm.name == name);
        named.find_map(|parm| parm.value.as_ref())
    }

    /// The values of all parameters of a name.
    pub fn parms<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c Text> {
        let named = self.parms.iter().filter(move |parm| parm.name == name);
        named.filter_map(|parm| parm.value.as_ref())
    }

    /// Whether there is a parameter of a name, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.parms.iter().any(|parm| parm.name == name)
    }

    /// The characteristics of a type that are in it.
    pub fn of_type<'c>(&'c self, type_: &'c str) -> impl Iterator<Item = &'c Self> {
        let inside = self.characteristics.iter();
        inside.filter(move |characteristic| characteristic.type_ == type_)
    }
}

const ROOT: &str = "wap-provisioningdoc";

/// How deeply characteristics may stand in each other. Those in use need three.
const DEPTH: usize = 8;

impl Document {
    /// The characteristics of a type.
    pub fn of_type<'d>(&'d self, type_: &'d str) -> impl Iterator<Item = &'d Characteristic> {
        let all = self.characteristics.iter();
        all.filter(move |characteristic| characteristic.type_ == type_)
    }

    /// Reads a document. What is neither a characteristic nor a parameter is passed over.
    ///
    /// # Errors
    ///
    /// If the octets are not one, are nested more than eight deep, or exceed a limit.
    pub fn read(
        encoding: Encoding,
        octets: &Bytes,
        limits: &Limits,
    ) -> Result<Self, BootstrapError> {
        let fragment = fragment(encoding, octets, limits, Some(DocumentType::Provisioning))?;
        let mut document = Self::default();
        // The characteristics that are open; elements of other kinds are only counted.
        let mut open: Vec<Characteristic> = Vec::new();
        let mut elements: Vec<Kind> = Vec::new();
        for piece in fragment.pieces() {
            match piece {
                Piece::Start(name) => {
                    let kind = match (elements.last(), name.local.as_str()) {
                        (None, ROOT) => Kind::Root,
                        (None, _) => return Err(BootstrapError::NotProvisioning),
                        (Some(Kind::Root | Kind::Characteristic), "characteristic") => {
                            open.push(Characteristic::default());
                            Kind::Characteristic
                        }
                        (Some(Kind::Characteristic), "parm") => Kind::Parm(None, None),
                        _ => Kind::Other,
                    };
                    if open.len() > DEPTH {
                        return Err(BootstrapError::NotProvisioning);
                    }
                    elements.push(kind);
                }
                Piece::Attribute(name, value) => match (elements.last_mut(), name.local.as_str()) {
                    (Some(Kind::Root), "version") => document.version = Some(value.clone()),
                    (Some(Kind::Characteristic), "type") => {
                        if let Some(characteristic) = open.last_mut() {
                            characteristic.type_ = value.clone();
                        }
                    }
                    (Some(Kind::Parm(place, _)), "name")
                    | (Some(Kind::Parm(_, place)), "value") => *place = Some(value.clone()),
                    _ => {}
                },
                Piece::End => match elements.pop() {
                    Some(Kind::Characteristic) => {
                        let done = open.pop().unwrap_or_default();
                        match open.last_mut() {
                            Some(around) => around.characteristics.push(done),
                            None => document.characteristics.push(done),
                        }
                    }
                    Some(Kind::Parm(Some(name), value)) => {
                        if let Some(characteristic) = open.last_mut() {
                            characteristic.parms.push(Parm { name, value });
                        }
                    }
                    _ => {}
                },
                Piece::Text(_) | Piece::Opaque(_) => {}
            }
        }
        Ok(document)
    }

    /// The octets. WBXML is of version 1.3, as devices expect.
    ///
    /// # Errors
    ///
    /// If something in it has no form in the encoding, or is nested more than eight deep.
    pub fn write(&self, encoding: Encoding) -> Result<Bytes, BootstrapError> {
        let mut fragment = Fragment::EMPTY;
        fragment.push(Piece::Start(name(ROOT)));
        if let Some(version) = &self.version {
            fragment.push(Piece::Attribute(name("version"), version.clone()));
        }
        // What is still to be written of each characteristic that is open.
        let mut open = Vec::from([self.characteristics.iter()]);
        while let Some(rest) = open.last_mut() {
            let Some(characteristic) = rest.next() else {
                open.pop();
                fragment.push(Piece::End);
                continue;
            };
            if open.len() > DEPTH {
                return Err(BootstrapError::NotProvisioning);
            }
            fragment.push(Piece::Start(name("characteristic")));
            fragment.push(Piece::Attribute(name("type"), characteristic.type_.clone()));
            for parm in &characteristic.parms {
                fragment.push(Piece::Start(name("parm")));
                fragment.push(Piece::Attribute(name("name"), parm.name.clone()));
                if let Some(value) = &parm.value {
                    fragment.push(Piece::Attribute(name("value"), value.clone()));
                }
                fragment.push(Piece::End);
            }
            open.push(characteristic.characteristics.iter());
        }
        let xml = encode_fragment(Encoding::Xml, &fragment)?;
        match encoding {
            Encoding::Xml => Ok(xml),
            Encoding::Wbxml => {
                let options = ConvertOptions::default()
                    .with_document(DocumentType::Provisioning)
                    .with_version(WbxmlVersion::V1_3);
                Ok(codec::xml_to_wbxml(&xml, &options)?.octets)
            }
        }
    }

    /// The name of the root element of a document of any type.
    pub(super) fn root(encoding: Encoding, octets: &Bytes, limits: &Limits) -> Option<Text> {
        let fragment = fragment(encoding, octets, limits, None).ok()?;
        match fragment.pieces().first()? {
            Piece::Start(name) => Some(name.local.clone()),
            _ => None,
        }
    }
}

/// An element that is open; a parameter with its name and value.
enum Kind {
    Root,
    Characteristic,
    Parm(Option<Text>, Option<Text>),
    Other,
}

fn name(local: &'static str) -> Name {
    Name::new(Text::EMPTY, Text::from_static(local))
}

/// The elements of a document. WBXML is read by way of XML: these documents are small and rare.
fn fragment(
    encoding: Encoding,
    octets: &Bytes,
    limits: &Limits,
    document: Option<DocumentType>,
) -> Result<Fragment, BootstrapError> {
    let options = DecodeOptions::lenient(limits.clone());
    let converted;
    let octets = match encoding {
        Encoding::Xml => octets,
        Encoding::Wbxml => {
            let mut options = ConvertOptions::default().with_limits(limits.clone());
            options.document = document;
            converted = codec::wbxml_to_xml(octets, &options)?.octets;
            &converted
        }
    };
    Ok(decode_fragment(Encoding::Xml, octets, &options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<?xml version=\"1.0\"?>\n\
        <!DOCTYPE wap-provisioningdoc PUBLIC \"-//WAPFORUM//DTD PROV 1.0//EN\" \"http://x/prov.dtd\">\n\
        <wap-provisioningdoc version=\"1.1\">\n\
        <characteristic type=\"PXLOGICAL\"><parm name=\"PROXY-ID\" value=\"p\"/>\
        <characteristic type=\"PXPHYSICAL\"><parm name=\"PXADDR\" value=\"10.0.0.1\"/>\
        <characteristic type=\"PORT\"><parm name=\"PORTNBR\" value=\"8080\"/></characteristic>\
        </characteristic></characteristic>\n\
        <characteristic type=\"NAPDEF\"><parm name=\"INTERNET\"/><note>hello</note></characteristic>\n\
        </wap-provisioningdoc>";

    fn read(xml: &str) -> Result<Document, BootstrapError> {
        let octets = Bytes::copy_from_slice(xml.as_bytes());
        Document::read(Encoding::Xml, &octets, &Limits::DEFAULT)
    }

    #[test]
    fn documents_are_the_same_in_both_encodings_whatever_they_hold() {
        let document = read(XML).expect("a document");
        assert_eq!(
            document,
            Document {
                version: Some("1.1".into()),
                characteristics: Vec::from([
                    Characteristic::new("PXLOGICAL")
                        .with("PROXY-ID", "p")
                        .containing(
                            Characteristic::new("PXPHYSICAL")
                                .with("PXADDR", "10.0.0.1")
                                .containing(Characteristic::new("PORT").with("PORTNBR", "8080"))
                        ),
                    Characteristic {
                        parms: Vec::from([Parm {
                            name: "INTERNET".into(),
                            value: None,
                        }]),
                        ..Characteristic::new("NAPDEF")
                    },
                ]),
            }
        );
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let octets = document.write(encoding).expect("octets");
            let again = Document::read(encoding, &octets, &Limits::DEFAULT);
            assert_eq!(again.as_ref(), Ok(&document), "{encoding}");
        }
    }

    #[test]
    fn another_document_or_one_too_deep_is_refused() {
        assert_eq!(
            read("<MgmtTree xmlns=\"syncml:dmddf1.2\"/>"),
            Err(BootstrapError::NotProvisioning)
        );
        let deep = |depth: usize| {
            let inside = (0..depth).fold(Characteristic::new("X"), |inside, _| {
                Characteristic::new("X").containing(inside)
            });
            Document {
                version: None,
                characteristics: Vec::from([inside]),
            }
        };
        assert_eq!(
            deep(DEPTH).write(Encoding::Xml),
            Err(BootstrapError::NotProvisioning)
        );
        let deepest = deep(DEPTH - 1);
        let octets = deepest.write(Encoding::Xml).expect("octets");
        assert_eq!(
            Document::read(Encoding::Xml, &octets, &Limits::DEFAULT),
            Ok(deepest)
        );
        let around = "<characteristic type=\"X\">".repeat(DEPTH + 1);
        let ends = "</characteristic>".repeat(DEPTH + 1);
        assert_eq!(
            read(&alloc::format!(
                "<wap-provisioningdoc>{around}{ends}</wap-provisioningdoc>"
            )),
            Err(BootstrapError::NotProvisioning)
        );
        assert!(matches!(
            read("<wap-provisioningdoc>"),
            Err(BootstrapError::Decode(_))
        ));
    }

    #[test]
    fn debug_shows_no_password() {
        let characteristic = Characteristic::new("APPAUTH")
            .with("AAUTHNAME", "name")
            .with("AAUTHSECRET", "hidden")
            .with("AAUTHDATA", "hidden")
            .with("PXAUTH-PW", "hidden");
        let shown = alloc::format!("{characteristic:?}");
        assert!(
            shown.contains("name") && !shown.contains("hidden"),
            "{shown}"
        );
    }
}
