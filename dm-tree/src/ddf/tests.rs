#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use dm_proto::{
    StatusCode,
    message::{Item, Meta},
    session::Verb,
};
use proptest::prelude::*;

use super::*;
use crate::{
    NodeFormat, Property, PropertySet,
    description::{Access, CaseSense, Occurrence, Scope},
};

fn read(xml: &str) -> Result<Ddf, DocumentError> {
    let octets = Bytes::copy_from_slice(xml.as_bytes());
    Ddf::read(Encoding::Xml, &octets, &Ddf::limits())
}

fn wrapped(nodes: &str) -> String {
    format!("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{nodes}</MgmtTree>")
}

fn described() -> NodeDescription {
    let all = Access::GET | Access::REPLACE | Access::DELETE | Access::COPY | Access::ADD;
    NodeDescription::interior("T")
        .type_("urn:test:t:1.0")
        .case_sense(CaseSense::Sensitive)
        .access(Access::GET | Access::ADD)
        .title("Test")
        .text("for tests & more")
        .child(
            NodeDescription::leaf("Text", NodeFormat::Chr)
                .access(all)
                .default_value("a < b"),
        )
        .child(
            NodeDescription::leaf("Octets", NodeFormat::Bin)
                .access(all)
                .type_("image/png")
                .or_type("image/jpeg")
                .default_value(vec![0, 255])
                .dynamic(),
        )
        .child(NodeDescription::leaf("Free", NodeFormat::Xml).any_type())
        .child(
            NodeDescription::any()
                .access(Access::GET | Access::DELETE)
                .occurrence(Occurrence::OneOrN(5))
                .child(NodeDescription::leaf("Run", NodeFormat::Null).access(Access::EXEC)),
        )
        .child(
            NodeDescription::interior("Ext")
                .open()
                .occurrence(Occurrence::ZeroOrOne)
                .properties(PropertySet::LEAST),
        )
}

#[test]
fn what_is_written_reads_the_same_in_both_encodings() {
    let mut ddf = Ddf::of([(NodeUri::parse("./A/T").unwrap(), described())]);
    ddf.man = Some("Maker".into());
    ddf.objects.push(DdfObject {
        path: None,
        description: NodeDescription::any(),
    });
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = ddf.write(encoding).unwrap();
        let again = Ddf::read(encoding, &octets, &Ddf::limits()).unwrap();
        assert_eq!(again, ddf, "{encoding}");
        assert_eq!(again.write(encoding).unwrap(), octets);
    }
    assert_eq!(ddf.objects[0].root(), NodeUri::parse("./A/T").ok());
    assert_eq!(ddf.objects[1].root(), None);
}

#[test]
fn what_is_open_may_have_children_that_are_described() {
    let fixed = || NodeDescription::leaf("Known", NodeFormat::Int);
    let open = NodeDescription::interior("Ext").child(fixed()).open();
    let ddf = Ddf::of([(NodeUri::parse("./Ext").unwrap(), open)]);
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = ddf.write(encoding).unwrap();
        let again = Ddf::read(encoding, &octets, &Ddf::limits()).unwrap();
        assert_eq!(again, ddf, "{encoding}");
        let add = |uri: &str| again.check(Verb::Add, &Item::for_target(uri).with_data("v"));
        assert_eq!(add("./Ext/Known"), Err(StatusCode::COMMAND_NOT_ALLOWED));
        assert_eq!(add("./Ext/other"), Ok(()));
    }
    // An Add that nothing can be meant by is not written: it would open the node.
    let closed = NodeDescription::interior("N")
        .access(Access::GET | Access::ADD)
        .child(fixed());
    let ddf = Ddf::of([(NodeUri::parse("./N").unwrap(), closed)]);
    let octets = ddf.write(Encoding::Xml).unwrap();
    let again = Ddf::read(Encoding::Xml, &octets, &Ddf::limits()).unwrap();
    assert!(!again.objects[0].description.is_open());
    // What is dynamic may be what the Add is for.
    let either = NodeDescription::interior("N")
        .access(Access::GET | Access::ADD)
        .child(fixed().dynamic());
    let ddf = Ddf::of([(NodeUri::parse("./N").unwrap(), either)]);
    let octets = ddf.write(Encoding::Xml).unwrap();
    let again = Ddf::read(Encoding::Xml, &octets, &Ddf::limits()).unwrap();
    assert_eq!(again, ddf);
    assert!(!again.objects[0].description.is_open());
}

#[test]
fn what_run_time_properties_propose_is_what_new_nodes_have() {
    let acl = crate::Acl::parse("Get=*&Replace=s").unwrap();
    let description = NodeDescription::interior("T")
        .properties(PropertySet::LEAST)
        .child(
            NodeDescription::leaf("a", NodeFormat::Chr)
                .properties(PropertySet::LEAST)
                .new_acl(acl.clone()),
        )
        .new_title("Fire & water");
    let ddf = Ddf::of([(NodeUri::parse("./T").unwrap(), description)]);
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = ddf.write(encoding).unwrap();
        let again = Ddf::read(encoding, &octets, &Ddf::limits()).unwrap();
        assert_eq!(again, ddf, "{encoding}");
        let read = &again.objects[0].description;
        assert_eq!(read.initial().title, "Fire & water");
        assert_eq!(read.children()[0].initial().acl, acl);
    }
    let malformed =
        wrapped("<Node><NodeName>N</NodeName><RTProperties><ACL>Get</ACL></RTProperties></Node>");
    let error = read(&malformed).unwrap_err();
    assert_eq!(error.to_string(), "node \"N\" has a malformed ACL");
}

#[test]
fn what_is_left_out_has_the_meaning_of_the_standard() {
    let ddf = read(&wrapped(
        "<Node><NodeName>N</NodeName><DFProperties><AccessType><Get/></AccessType>\
         <DFFormat><node/></DFFormat><DFType><DDFName/></DFType></DFProperties>\
         <Node><NodeName/><DFProperties><AccessType/><DFFormat><bool/></DFFormat>\
         <DFType><MIME>text/plain</MIME></DFType></DFProperties><Value>true</Value></Node></Node>",
    ))
    .unwrap();
    let node = &ddf.objects[0].description;
    assert_eq!(node.scope(), Scope::Dynamic);
    assert_eq!(node.occurs(), Occurrence::One);
    assert_eq!(node.properties_of(), PropertySet::LEAST);
    assert_eq!(node.case_of(), None);
    assert!(node.types().is_empty() && !node.is_open());
    let leaf = &node.children()[0];
    assert_eq!((leaf.name(), leaf.supported()), (None, Access::NONE));
    assert_eq!(
        leaf.default_of().map(|value| &value[..]),
        Some(&b"true"[..])
    );
}

#[test]
fn a_description_goes_on_where_its_path_says() {
    let node = |name: &str, path: &str, inner: &str| {
        format!(
            "<Node><NodeName>{name}</NodeName>{path}<DFProperties><AccessType><Get/></AccessType>\
             <DFFormat><node/></DFFormat><DFType><DDFName/></DFType></DFProperties>{inner}</Node>"
        )
    };
    let xml = [
        node("Vendor", "<Path>./</Path>", &node("", "", "")),
        node("Gate", "<Path>./Vendor/anything</Path>", ""),
        node("Deep", "<Path>Vendor/x/Gate</Path>", ""),
        node("Other", "<Path>./Elsewhere/y</Path>", ""),
    ]
    .concat();
    let ddf = read(&wrapped(&xml)).unwrap();
    assert_eq!(ddf.objects.len(), 2);
    let root = |index: usize| ddf.objects[index].root().unwrap().to_string();
    assert_eq!(
        (root(0).as_str(), root(1).as_str()),
        ("./Vendor", "./Elsewhere/y/Other")
    );
    let gate = &ddf.objects[0].description.children()[0].children()[0];
    assert_eq!(gate.children()[0].name(), Some("Deep"));
}

/// In the manner of Microsoft's DDF v2: its own elements, a subset of instructions, empty types.
const MICROSOFT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
    <!DOCTYPE MgmtTree PUBLIC \" -//OMA//DTD-DM-DDF 1.2//EN\" \"http://example.com/DM_DDF-V1_2.dtd\" \
    [<?oma-dm-ddf-ver supported-versions=\"1.2\"?>]>\
    <MgmtTree xmlns:MSFT=\"http://schemas.microsoft.com/MobileDevice/DM\"><VerDTD>1.2</VerDTD>\
    <MSFT:Diagnostics><x/></MSFT:Diagnostics>\
    <Node><NodeName>Personalization</NodeName><Path>./Vendor/MSFT</Path><DFProperties>\
    <AccessType><Get /></AccessType><Description>Desktop</Description><DFFormat><node /></DFFormat>\
    <Occurrence><One /></Occurrence><Scope><Permanent /></Scope>\
    <DFType><DDFName></DDFName></DFType><MSFT:Applicability><MSFT:OsBuildVersion>10.0.16299\
    </MSFT:OsBuildVersion></MSFT:Applicability></DFProperties>\
    <Node><NodeName>DesktopImageUrl</NodeName><DFProperties><AccessType><Add /><Delete /><Get />\
    <Replace /></AccessType><DFFormat><chr /></DFFormat><Occurrence><ZeroOrOne /></Occurrence>\
    <Scope><Dynamic /></Scope><DFType><MIME /></DFType>\
    <MSFT:AllowedValues ValueType=\"ENUM\"><MSFT:Enum><MSFT:Value>http://x</MSFT:Value>\
    <MSFT:ValueDescription>a &lt; b</MSFT:ValueDescription></MSFT:Enum><MSFT:Enum><MSFT:Value>http://y\
    </MSFT:Value></MSFT:Enum><MSFT:List Delimiter=\";\" /></MSFT:AllowedValues>\
    <MSFT:GpMapping GpEnglishName=\"Image\" GpAreaPath=\"Desktop\" /><MSFT:AtomicRequired />\
    <MSFT:DependencyBehavior><MSFT:DependencyGroup FriendlyId=\"g\">\
    <MSFT:Dependency Type=\"Not\"><MSFT:DependencyUri>./Vendor/MSFT/On</MSFT:DependencyUri>\
    <MSFT:DependencyAllowedValue ValueType=\"Range\"><MSFT:Value>[1-3]</MSFT:Value>\
    </MSFT:DependencyAllowedValue></MSFT:Dependency></MSFT:DependencyGroup></MSFT:DependencyBehavior>\
    <MSFT:New><MSFT:Value>?</MSFT:Value></MSFT:New></DFProperties></Node></Node></MgmtTree>";

#[test]
fn documents_of_microsoft_are_read() {
    let ddf = read(MICROSOFT).unwrap();
    let image = "./Vendor/MSFT/Personalization/DesktopImageUrl";
    let item = Item::for_target(image).with_data("http://x");
    assert_eq!(ddf.check(Verb::Add, &item), Ok(()));
    assert_eq!(ddf.check(Verb::Replace, &item), Ok(()));
    assert_eq!(
        ddf.check(Verb::Exec, &item),
        Err(StatusCode::COMMAND_NOT_ALLOWED)
    );
    let root = &ddf.objects[0].description;
    let applicability = root.microsoft().unwrap().applicability.as_ref().unwrap();
    assert_eq!(applicability.builds, ["10.0.16299"]);
    let said = root.children()[0].microsoft().unwrap();
    let allowed = said.allowed.as_ref().unwrap();
    assert_eq!(allowed.values[0], ("http://x".into(), "a < b".into()));
    assert_eq!(allowed.allows("http://x;http://y"), Some(true));
    assert_eq!(allowed.allows("http://z"), Some(false));
    assert_eq!(said.group_policy.as_ref().unwrap().area, "Desktop");
    assert!(said.is_atomic && said.applicability.is_none());
    let [group] = &said.dependencies[..] else {
        panic!("{said:?}");
    };
    let dependency = &group.dependencies[0];
    assert_eq!((&*group.id, &*dependency.kind), ("g", "Not"));
    assert_eq!(dependency.uri, "./Vendor/MSFT/On");
    assert_eq!(dependency.allowed.allows("2"), Some(true));
    // It goes back into a document.
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        let octets = ddf.write(encoding).unwrap();
        let again = Ddf::read(encoding, &octets, &Ddf::limits()).unwrap();
        assert_eq!(again, ddf, "{encoding}");
    }
    let declares = MICROSOFT.replace("<?oma-dm-ddf-ver", "<!ENTITY a 'b'><?oma");
    assert!(matches!(read(&declares), Err(DocumentError::Decode(_))));
}

#[test]
fn version_1_1_is_read() {
    let xml = "<MgmtTree><VerDTD>1.1</VerDTD><Man>M</Man><Node><NodeName>N</NodeName>\
        <RTProperties><Format><chr/></Format><Type>text/plain</Type></RTProperties>\
        <DFProperties><AccessType><Get/></AccessType><DFFormat><chr/></DFFormat>\
        <DFType><MIME>text/plain</MIME></DFType></DFProperties></Node></MgmtTree>";
    let ddf = read(xml).unwrap();
    assert_eq!(ddf.man.as_deref(), Some("M"));
    assert!(
        ddf.objects[0]
            .description
            .properties_of()
            .contains(Property::Format)
    );
}

#[test]
fn what_is_no_description_is_refused_with_the_node_at_fault() {
    let node = |inner: &str| {
        wrapped(&format!(
            "<Node><NodeName>a</NodeName><Node><NodeName>n</NodeName>{inner}</Node></Node>"
        ))
    };
    for (xml, reason) in [
        (wrapped(""), "node \"\" has no Node"),
        (
            node("<DFProperties><DFFormat><chr/></DFFormat></DFProperties><Node/>"),
            "node \"a/n\" has a malformed DFFormat",
        ),
        (
            node(
                "<DFProperties><DFFormat><bin/></DFFormat><DefaultValue>?</DefaultValue></DFProperties>",
            ),
            "node \"a/n\" has a malformed DefaultValue",
        ),
        (
            node("<DFProperties><Occurrence><ZeroOrN>many</ZeroOrN></Occurrence></DFProperties>"),
            "node \"a/n\" has a malformed Occurrence",
        ),
        (
            node("<DFProperties><Occurrence><OneOrN>1</OneOrN></Occurrence></DFProperties>"),
            "node \"a/n\" has a malformed Occurrence",
        ),
        (
            node("<DFProperties/><DFProperties/>"),
            "node \"a/n\" has DFProperties twice",
        ),
        (
            wrapped("<Node><NodeName>..</NodeName></Node>"),
            "node \"..\" has a malformed NodeName",
        ),
        (
            wrapped("<Node><NodeName>x</NodeName><Path>../y</Path></Node>"),
            "node \"x\" has a malformed Path",
        ),
    ] {
        assert_eq!(read(&xml).unwrap_err().to_string(), reason, "{xml}");
    }
}

#[test]
fn commands_are_checked_without_a_device() {
    let ddf = Ddf::of([(NodeUri::parse("./T").unwrap(), described())]);
    let check = |verb, target: &str, data: Option<&str>, format: &str| {
        let mut item = Item::for_target(target);
        item.data = data.map(Into::into);
        if !format.is_empty() {
            item = item.with_meta(Meta::format(format));
        }
        item.source = Some("./T/Text".into());
        ddf.check(verb, &item)
            .map_or_else(StatusCode::as_u16, |()| 200)
    };
    for (expected, verb, target, data, format) in [
        (200, Verb::Get, "./T", None, ""),
        (200, Verb::Get, "./T?list=TNDS", None, ""),
        (200, Verb::Get, "./T/Ext/any/thing", None, ""),
        (200, Verb::Get, "./T/Text?prop=Size", None, ""),
        (405, Verb::Get, "./T/x/Run", None, ""),
        (406, Verb::Get, "./T?prop=Size", None, ""),
        (406, Verb::Get, "./T/Ext?prop=VerNo", None, ""),
        (404, Verb::Get, "./U", None, ""),
        (400, Verb::Get, "./T//x", None, ""),
        (406, Verb::Get, "./T?x=y", None, ""),
        (200, Verb::Add, "./T/x", None, "node"),
        (200, Verb::Add, "./T/Ext/x", Some("v"), "chr"),
        (415, Verb::Add, "./T/x", Some("v"), "chr"),
        (405, Verb::Add, "./T/Text", Some("v"), "chr"),
        (405, Verb::Add, "./T/x/y", Some("v"), "chr"),
        (405, Verb::Add, "./T/Text/x", Some("v"), "chr"),
        (404, Verb::Add, "./U/V/W", Some("v"), "chr"),
        (405, Verb::Add, "./T/x?prop=ACL", None, ""),
        (418, Verb::Add, ".", None, "node"),
        (200, Verb::Replace, "./T/Text", Some("v"), ""),
        (415, Verb::Replace, "./T/Text", Some("v"), "int"),
        (405, Verb::Replace, "./T/Free", Some("v"), ""),
        (405, Verb::Replace, "./T", Some("v"), ""),
        (200, Verb::Replace, "./T?prop=ACL", Some("Get=*"), ""),
        (200, Verb::Replace, "./T/x?prop=Name", Some("y"), ""),
        (405, Verb::Replace, "./T/x?prop=Name", Some("Text"), ""),
        (405, Verb::Replace, "./T/Text?prop=Name", Some("y"), ""),
        (405, Verb::Replace, "./T/Text?prop=VerNo", Some("1"), ""),
        (200, Verb::Delete, "./T/x", None, ""),
        (405, Verb::Delete, "./T/Text", None, ""),
        (405, Verb::Delete, "./T/x/Run", None, ""),
        (404, Verb::Delete, "./T/x/None", None, ""),
        (200, Verb::Exec, "./T/x/Run", None, ""),
        (405, Verb::Exec, "./T/Text", None, ""),
        (415, Verb::Copy, "./T/Octets", None, ""),
        (405, Verb::Copy, "./T/Free", None, ""),
    ] {
        assert_eq!(
            check(verb, target, data, format),
            expected,
            "{verb:?} {target} {data:?} {format}"
        );
    }
}

#[test]
fn documents_in_commands_are_looked_through() {
    use crate::tnds::{Tnds, TndsNode};
    let all = Access::GET | Access::REPLACE | Access::ADD | Access::DELETE;
    let leaf =
        |name: &'static str, format| NodeDescription::leaf(name, format).dynamic().access(all);
    let instance = NodeDescription::any()
        .access(all)
        .child(leaf("Id", NodeFormat::Int))
        .child(NodeDescription::leaf("Fixed", NodeFormat::Chr));
    let description = NodeDescription::interior("T").access(all).child(instance);
    let ddf = Ddf::of([(NodeUri::parse("./T").unwrap(), description)]);
    let check = |verb, target: &str, nodes: &[TndsNode]| {
        let mut document = Tnds::default();
        nodes.iter().for_each(|node| document.push(node.clone()));
        let xml = document.write(Encoding::Xml).unwrap();
        let item = Item::for_target(target)
            .with_data(core::str::from_utf8(&xml).unwrap())
            .with_meta(Meta::format("xml").with_type(Tnds::XML));
        ddf.check(verb, &item)
            .map_or_else(StatusCode::as_u16, |()| 200)
    };
    let node = |depth, name: &'static str| TndsNode::interior(depth, name, "");
    let id = |depth, value: &'static str| TndsNode::leaf(depth, "Id", NodeFormat::Int, value);
    let text = |depth, name: &'static str| TndsNode::leaf(depth, name, NodeFormat::Chr, "x");
    for (expected, verb, target, nodes) in [
        (200, Verb::Add, "./T", vec![node(0, "x"), id(1, "1")]),
        (200, Verb::Add, "./T/x", vec![node(0, "x"), id(1, "1")]),
        (200, Verb::Add, "./T/x", vec![node(0, ""), id(1, "1")]),
        (200, Verb::Add, "./T/x", vec![id(0, "1")]),
        (415, Verb::Add, "./T/x", vec![node(0, "x"), id(1, "one")]),
        (415, Verb::Add, "./T", vec![node(0, "x"), text(1, "Id")]),
        (405, Verb::Add, "./T", vec![node(0, "x"), text(1, "Fixed")]),
        (405, Verb::Add, "./T", vec![node(0, "x"), text(1, "Other")]),
        (418, Verb::Add, ".", vec![node(0, "T"), node(1, "x")]),
        (
            200,
            Verb::Replace,
            "./T/x",
            vec![node(0, "x"), id(1, "1"), text(1, "Fixed")],
        ),
        (200, Verb::Replace, "./T", vec![node(0, "x"), id(1, "1")]),
        (415, Verb::Replace, "./T", vec![node(0, "x"), id(1, "one")]),
        (
            405,
            Verb::Replace,
            "./T/x",
            vec![node(0, "x"), text(1, "Other")],
        ),
    ] {
        assert_eq!(
            check(verb, target, &nodes),
            expected,
            "{verb:?} {target} {nodes:?}"
        );
    }
    let malformed = Item::for_target("./T")
        .with_data("<MgmtTree/>")
        .with_meta(Meta::format("xml").with_type(Tnds::XML));
    assert_eq!(
        ddf.check(Verb::Add, &malformed),
        Err(StatusCode::BAD_REQUEST)
    );
}

proptest! {
    #[test]
    fn any_octets_are_read_or_refused(text in "(<!DOCTYPE|\\[|\\]|<\\?|\\?>|<MgmtTree|<!--|-->|>| ){0,12}") {
        let octets = Bytes::from(text);
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let _ = Ddf::read(encoding, &octets, &Ddf::limits());
        }
    }
}
