//! A message as JSON, with the element names of SyncML.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dm_proto::{
    Data, Extra, LocUri, Piece, Secret,
    message::{Chal, Command, Cred, Item, Location, Meta, SyncHdr, SyncMl},
};
use serde_json::{Map, Value, json};

/// A message as JSON: objects with the element names of SyncML, what is absent left out, commands as a
/// list of objects with one key, the command's name. Credentials are in it, as they are in the message.
///
/// Data is a string, `{"base64": ".."}` for octets, or `{"markup": [..]}`. What SyncML does not know
/// stands under `extra`.
pub fn to_json(message: &SyncMl) -> Value {
    let mut body: Vec<Value> = Vec::with_capacity(message.commands.len());
    body.extend(message.commands.iter().map(command));
    let mut object = Object::default();
    object.put("SyncHdr", header(&message.header));
    object.put("SyncBody", body);
    object.put("Final", message.is_final);
    object.extra(&message.extra);
    object.done()
}

/// A JSON object of which absent members are left out.
#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn maybe(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.put(name, text);
    }

    fn flag(&mut self, name: &str, present: bool) {
        if present {
            self.put(name, true);
        }
    }

    fn list(&mut self, name: &str, values: Vec<Value>) {
        if !values.is_empty() {
            self.put(name, values);
        }
    }

    fn extra(&mut self, extra: &Extra) {
        if extra.is_empty() {
            return;
        }
        let attributes = extra.attributes().iter().map(|attribute| {
            json!({
                "on": attribute.on.as_str(),
                "namespace": attribute.name.namespace.as_str(),
                "name": attribute.name.local.as_str(),
                "value": attribute.value.as_str(),
            })
        });
        self.put(
            "extra",
            json!({
                "attributes": attributes.collect::<Vec<_>>(),
                "elements": pieces(extra.elements()),
            }),
        );
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn header(header: &SyncHdr) -> Value {
    let mut object = Object::default();
    object.text("VerDTD", &header.ver_dtd);
    object.text("VerProto", &header.ver_proto);
    object.text("SessionID", header.session_id.as_str());
    object.text("MsgID", header.msg_id.as_str());
    object.put("Target", location(&header.target));
    object.put("Source", location(&header.source));
    object.maybe("RespURI", header.resp_uri.as_deref());
    object.flag("NoResp", header.no_resp);
    object.maybe("Cred", header.cred.as_deref().map(cred));
    object.maybe("Meta", header.meta.as_deref().map(meta));
    object.extra(&header.extra);
    object.done()
}

/// Containers recurse; the limits that the message was decoded with bound the depth.
fn command(command: &Command) -> Value {
    let mut object = Object::default();
    object.text("CmdID", command.cmd_id().as_str());
    macro_rules! common {
        ($command:ident) => {{
            object.flag("NoResp", $command.no_resp);
            object.maybe("Cred", $command.cred.as_deref().map(cred));
            object.maybe("Meta", $command.meta.as_deref().map(meta));
            object.extra(&$command.extra);
        }};
    }
    macro_rules! container {
        ($container:ident) => {{
            object.flag("NoResp", $container.no_resp);
            object.maybe("Meta", $container.meta.as_deref().map(meta));
            let inner = $container.commands.iter().map(self::command);
            object.put("commands", inner.collect::<Vec<_>>());
            object.extra(&$container.extra);
        }};
    }
    match command {
        Command::Add(add) => common!(add),
        Command::Copy(copy) => common!(copy),
        Command::Delete(delete) => {
            object.flag("Archive", delete.archive);
            object.flag("SftDel", delete.sft_del);
            common!(delete);
        }
        Command::Exec(exec) => {
            let correlator = exec.correlator.as_ref();
            object.maybe("Correlator", correlator.map(|text| text.as_str()));
            common!(exec);
        }
        Command::Get(get) => {
            object.maybe("Lang", get.lang.as_deref());
            common!(get);
        }
        Command::Replace(replace) => common!(replace),
        Command::Alert(alert) => {
            object.flag("NoResp", alert.no_resp);
            object.maybe("Cred", alert.cred.as_deref().map(cred));
            object.maybe("Data", alert.code.map(|code| code.as_u16()));
            let correlator = alert.correlator.as_ref();
            object.maybe("Correlator", correlator.map(|text| text.as_str()));
            object.extra(&alert.extra);
        }
        Command::Status(status) => {
            object.text("MsgRef", status.msg_ref.as_str());
            object.text("CmdRef", status.cmd_ref.as_str());
            object.text("Cmd", status.cmd.as_str());
            let texts =
                |refs: &[dm_proto::Text]| refs.iter().map(|text| json!(text.as_str())).collect();
            object.list("TargetRef", texts(&status.target_refs));
            object.list("SourceRef", texts(&status.source_refs));
            object.maybe("Cred", status.cred.as_deref().map(cred));
            object.maybe("Chal", status.chal.as_deref().map(chal));
            object.put("Data", status.data.as_u16());
            object.extra(&status.extra);
        }
        Command::Results(results) => {
            object.maybe("MsgRef", results.msg_ref.as_ref().map(|id| id.as_str()));
            object.text("CmdRef", results.cmd_ref.as_str());
            object.maybe("Meta", results.meta.as_deref().map(meta));
            object.maybe("TargetRef", results.target_ref.as_deref());
            object.maybe("SourceRef", results.source_ref.as_deref());
            object.extra(&results.extra);
        }
        Command::Atomic(atomic) => container!(atomic),
        Command::Sequence(sequence) => container!(sequence),
        Command::Unsupported(unsupported) => {
            object.put("markup", pieces(unsupported.element.pieces()));
        }
        // A command that this program does not know is at least named.
        _ => {}
    }
    object.list("Item", command.items().iter().map(item).collect());
    json!({ command.name().as_str(): object.done() })
}

fn item(item: &Item) -> Value {
    let mut object = Object::default();
    object.maybe("Target", item.target.as_ref().map(location));
    object.maybe("Source", item.source.as_ref().map(location));
    let uri = |uri: &LocUri| json!(uri.as_str());
    object.maybe("SourceParent", item.source_parent.as_deref().map(uri));
    object.maybe("TargetParent", item.target_parent.as_deref().map(uri));
    object.maybe("Meta", item.meta.as_deref().map(meta));
    object.maybe("Data", item.data.as_ref().map(data));
    object.flag("MoreData", item.more_data);
    object.extra(&item.extra);
    object.done()
}

fn location(location: &Location) -> Value {
    let mut object = Object::default();
    object.text("LocURI", location.loc_uri.as_str());
    object.maybe("LocName", location.loc_name.as_deref());
    object.extra(&location.extra);
    object.done()
}

fn cred(cred: &Cred) -> Value {
    let mut object = Object::default();
    object.maybe("Meta", cred.meta.as_deref().map(meta));
    object.text("Data", cred.data.expose());
    object.extra(&cred.extra);
    object.done()
}

fn chal(chal: &Chal) -> Value {
    let mut object = Object::default();
    object.put("Meta", meta(&chal.meta));
    object.extra(&chal.extra);
    object.done()
}

fn meta(meta: &Meta) -> Value {
    let mut object = Object::default();
    object.maybe("Format", meta.format.as_deref());
    object.maybe("Type", meta.type_.as_deref());
    object.maybe("Mark", meta.mark.as_deref());
    object.maybe("Size", meta.size);
    if let Some(anchor) = &meta.anchor {
        let mut inner = Object::default();
        inner.maybe("Last", anchor.last.as_deref());
        inner.text("Next", &anchor.next);
        inner.extra(&anchor.extra);
        object.put("Anchor", inner.done());
    }
    object.maybe("Version", meta.version.as_deref());
    object.maybe("NextNonce", meta.next_nonce.as_ref().map(Secret::expose));
    object.maybe("MaxMsgSize", meta.max_msg_size);
    object.maybe("MaxObjSize", meta.max_obj_size);
    let emi = meta.emi.iter().map(|text| json!(text.as_str()));
    object.list("EMI", emi.collect());
    if let Some(mem) = &meta.mem {
        let mut inner = Object::default();
        inner.flag("SharedMem", mem.shared == dm_proto::message::SharedMem::Yes);
        inner.put("FreeMem", mem.free_mem);
        inner.put("FreeID", mem.free_id);
        inner.extra(&mem.extra);
        object.put("Mem", inner.done());
    }
    object.flag("FieldLevel", meta.field_level);
    object.extra(&meta.extra);
    object.done()
}

fn data(data: &Data) -> Value {
    if let Some(text) = data.as_str() {
        return json!(text);
    }
    if let Some(octets) = data.as_bytes() {
        return json!({ "base64": STANDARD.encode(octets) });
    }
    json!({ "markup": data.as_markup().map(|fragment| pieces(fragment.pieces())) })
}

/// Markup as a flat list: `{"start": name}`, `{"attribute": name, "value": ..}`, text, `{"base64": ..}`,
/// and `null` for an end.
fn pieces(pieces: &[Piece]) -> Vec<Value> {
    let name = |name: &dm_proto::Name| json!([name.namespace.as_str(), name.local.as_str()]);
    let mut out = Vec::with_capacity(pieces.len());
    out.extend(pieces.iter().map(|piece| match piece {
        Piece::Start(element) => json!({ "start": name(element) }),
        Piece::Attribute(attribute, value) => {
            json!({ "attribute": name(attribute), "value": value.as_str() })
        }
        Piece::Text(text) => json!(text.as_str()),
        Piece::Opaque(octets) => json!({ "base64": STANDARD.encode(octets) }),
        Piece::End => Value::Null,
        _ => json!({}),
    }));
    out
}
