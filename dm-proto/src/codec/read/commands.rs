//! The body and its commands.

use alloc::{boxed::Box, vec::Vec};

use super::{Parser, Result, Seen};
use crate::{
    AlertCode, CmdId, Correlator, Extra, Fragment, MsgId, Piece, StatusCode, Text,
    codec::{
        ToleranceKind,
        event::{Source, Tag},
        tags::Element,
    },
    message::{
        Add, Alert, Atomic, Command, CommandName, Copy, Cred, Delete, Exec, Get, Item, Meta,
        Replace, Results, Sequence, Status, SyncMl, Unsupported,
    },
};

/// An `Atomic` or `Sequence` that is still open.
struct Container {
    element: Element,
    seen: Seen,
    cmd_id: CmdId,
    no_resp: bool,
    meta: Option<Box<Meta>>,
    commands: Vec<Command>,
    extra: Extra,
}

impl Container {
    fn new(element: Element) -> Self {
        Self {
            element,
            seen: Seen::default(),
            cmd_id: CmdId::default(),
            no_resp: false,
            meta: None,
            commands: Vec::new(),
            extra: Extra::NONE,
        }
    }

    fn into_command(self) -> Command {
        let Self {
            element,
            cmd_id,
            no_resp,
            meta,
            commands,
            extra,
            ..
        } = self;
        if element == Element::Atomic {
            Command::Atomic(Atomic {
                cmd_id,
                no_resp,
                meta,
                commands,
                extra,
            })
        } else {
            Command::Sequence(Sequence {
                cmd_id,
                no_resp,
                meta,
                commands,
                extra,
            })
        }
    }
}

/// What the commands with items have between them.
#[derive(Default)]
struct Fields {
    cmd_id: CmdId,
    no_resp: bool,
    archive: bool,
    sft_del: bool,
    lang: Option<Text>,
    cred: Option<Box<Cred>>,
    meta: Option<Box<Meta>>,
    code: Option<AlertCode>,
    correlator: Option<Correlator>,
    items: Vec<Item>,
    extra: Extra,
}

impl<'i, S: Source<'i>> Parser<'i, S> {
    /// The body. Containers are on a stack of their own, since a peer controls how deep they nest.
    pub(super) fn body(&mut self, message: &mut SyncMl) -> Result<()> {
        let mut open: Vec<Container> = Vec::new();
        let mut is_final = false;
        loop {
            let (on, extra) = match open.last_mut() {
                Some(container) => ("", &mut container.extra),
                None => ("SyncBody", &mut message.extra),
            };
            let Some(tag) = self.child(on, extra)? else {
                let Some(container) = open.pop() else {
                    return Ok(());
                };
                self.require(&container.seen, 0, Element::CmdId)?;
                let command = container.into_command();
                match open.last_mut() {
                    Some(parent) => self.push(&mut parent.commands, command)?,
                    None => self.push(&mut message.commands, command)?,
                }
                continue;
            };
            if let (Some(container), Tag::Known(element)) = (open.last_mut(), &tag) {
                let element = *element;
                match element {
                    Element::CmdId => {
                        if self.single(&mut container.seen, 0, element)? {
                            container.cmd_id =
                                CmdId::from(self.text(element, &mut container.extra)?);
                        }
                        continue;
                    }
                    Element::NoResp => {
                        if self.single(&mut container.seen, 1, element)? {
                            container.no_resp = self.flag(element, &mut container.extra)?;
                        }
                        continue;
                    }
                    Element::Meta => {
                        if self.single(&mut container.seen, 2, element)? {
                            container.meta = Some(self.boxed_meta()?);
                        }
                        continue;
                    }
                    _ => container.seen.mark(3),
                }
            }
            if let Tag::Known(element @ (Element::Atomic | Element::Sequence)) = tag {
                self.push(&mut open, Container::new(element))?;
                continue;
            }
            if open.is_empty() {
                if tag == Tag::Known(Element::Final) {
                    if is_final {
                        self.note(ToleranceKind::DuplicateElement { element: "Final" })?;
                        self.skip()?;
                        continue;
                    }
                    is_final = true;
                    message.is_final = self.flag(Element::Final, &mut message.extra)?;
                    continue;
                }
                if is_final {
                    self.note(ToleranceKind::ElementOrder {
                        element: match tag {
                            Tag::Known(element) => element.name(),
                            Tag::Foreign(_) => "a command",
                        },
                    })?;
                }
            }
            let command = self.command(tag)?;
            match open.last_mut() {
                Some(parent) => self.push(&mut parent.commands, command)?,
                None => self.push(&mut message.commands, command)?,
            }
        }
    }

    fn command(&mut self, tag: Tag<'i>) -> Result<Command> {
        let Tag::Known(element) = tag else {
            return self.unsupported(tag);
        };
        Ok(match element {
            Element::Status => Command::Status(self.status()?),
            Element::Results => Command::Results(self.results()?),
            Element::Add => {
                let Fields {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Add(Add {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    items,
                    extra,
                })
            }
            Element::Copy => {
                let Fields {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Copy(Copy {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    items,
                    extra,
                })
            }
            Element::Replace => {
                let Fields {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Replace(Replace {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    items,
                    extra,
                })
            }
            Element::Delete => {
                let Fields {
                    cmd_id,
                    no_resp,
                    archive,
                    sft_del,
                    cred,
                    meta,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Delete(Delete {
                    cmd_id,
                    no_resp,
                    archive,
                    sft_del,
                    cred,
                    meta,
                    items,
                    extra,
                })
            }
            Element::Exec => {
                let Fields {
                    cmd_id,
                    no_resp,
                    cred,
                    meta,
                    correlator,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Exec(Exec {
                    cmd_id,
                    no_resp,
                    correlator,
                    cred,
                    meta,
                    items,
                    extra,
                })
            }
            Element::Get => {
                let Fields {
                    cmd_id,
                    no_resp,
                    lang,
                    cred,
                    meta,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Get(Get {
                    cmd_id,
                    no_resp,
                    lang,
                    cred,
                    meta,
                    items,
                    extra,
                })
            }
            Element::Alert => {
                let Fields {
                    cmd_id,
                    no_resp,
                    cred,
                    code,
                    correlator,
                    items,
                    extra,
                    ..
                } = self.fields(element)?;
                Command::Alert(Alert {
                    cmd_id,
                    no_resp,
                    cred,
                    code,
                    correlator,
                    items,
                    extra,
                })
            }
            _ => return self.unsupported(tag),
        })
    }

    /// The commands with items. The ranks are one order that agrees with the DTD's for each of them.
    fn fields(&mut self, command: Element) -> Result<Fields> {
        let mut fields = Fields::default();
        let mut seen = Seen::default();
        let extra = &mut fields.extra;
        while let Some(tag) = self.child("", extra)? {
            match (command, tag) {
                (_, Tag::Known(element @ Element::CmdId)) => {
                    if self.single(&mut seen, 0, element)? {
                        fields.cmd_id = CmdId::from(self.text(element, extra)?);
                    }
                }
                (_, Tag::Known(element @ Element::NoResp)) => {
                    if self.single(&mut seen, 1, element)? {
                        fields.no_resp = self.flag(element, extra)?;
                    }
                }
                (Element::Delete, Tag::Known(element @ Element::Archive)) => {
                    if self.single(&mut seen, 2, element)? {
                        fields.archive = self.flag(element, extra)?;
                    }
                }
                (Element::Delete, Tag::Known(element @ Element::SftDel)) => {
                    if self.single(&mut seen, 3, element)? {
                        fields.sft_del = self.flag(element, extra)?;
                    }
                }
                (Element::Get, Tag::Known(element @ Element::Lang)) => {
                    if self.single(&mut seen, 4, element)? {
                        fields.lang = Some(self.text(element, extra)?);
                    }
                }
                (_, Tag::Known(element @ Element::Cred)) => {
                    if self.single(&mut seen, 5, element)? {
                        fields.cred = Some(self.cred()?);
                    }
                }
                (Element::Alert, Tag::Known(element @ Element::Data)) => {
                    if self.single(&mut seen, 6, element)? {
                        fields.code = self.alert_code(extra)?;
                    }
                }
                (
                    Element::Add
                    | Element::Copy
                    | Element::Delete
                    | Element::Exec
                    | Element::Get
                    | Element::Replace,
                    Tag::Known(element @ Element::Meta),
                ) => {
                    if self.single(&mut seen, 7, element)? {
                        fields.meta = Some(self.boxed_meta()?);
                    }
                }
                (Element::Alert | Element::Exec, Tag::Known(element @ Element::Correlator)) => {
                    if self.single(&mut seen, 8, element)? {
                        fields.correlator = Some(Correlator::from(self.verbatim(element, extra)?));
                    }
                }
                (_, Tag::Known(element @ Element::Item)) => {
                    self.ordered(&mut seen, 9, element)?;
                    let item = self.item(fields.meta.as_deref())?;
                    self.push(&mut fields.items, item)?;
                }
                (_, tag) => self.foreign(tag, extra)?,
            }
        }
        self.require(&seen, 0, Element::CmdId)?;
        // OMA-TS-DM_RepPro, Alert: DM requires the code, and no items.
        match command {
            Element::Alert => self.require(&seen, 6, Element::Data)?,
            _ => self.require(&seen, 9, Element::Item)?,
        }
        Ok(fields)
    }

    fn status(&mut self) -> Result<Status> {
        let mut status = Status {
            data: StatusCode::BAD_REQUEST,
            ..Status::default()
        };
        let mut seen = Seen::default();
        let extra = &mut status.extra;
        while let Some(tag) = self.child("", extra)? {
            match tag {
                Tag::Known(element @ Element::CmdId) => {
                    if self.single(&mut seen, 0, element)? {
                        status.cmd_id = CmdId::from(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::MsgRef) => {
                    if self.single(&mut seen, 1, element)? {
                        status.msg_ref = MsgId::from(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::CmdRef) => {
                    if self.single(&mut seen, 2, element)? {
                        status.cmd_ref = CmdId::from(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::Cmd) => {
                    if self.single(&mut seen, 3, element)? {
                        status.cmd = CommandName::from(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::TargetRef) => {
                    self.ordered(&mut seen, 4, element)?;
                    self.list(element, &mut status.target_refs, extra)?;
                }
                Tag::Known(element @ Element::SourceRef) => {
                    self.ordered(&mut seen, 5, element)?;
                    self.list(element, &mut status.source_refs, extra)?;
                }
                Tag::Known(element @ Element::Cred) => {
                    if self.single(&mut seen, 6, element)? {
                        status.cred = Some(self.cred()?);
                    }
                }
                Tag::Known(element @ Element::Chal) => {
                    if self.single(&mut seen, 7, element)? {
                        status.chal = Some(self.chal()?);
                    }
                }
                Tag::Known(element @ Element::Data) => {
                    if self.single(&mut seen, 8, element)? {
                        status.data = self.status_code(extra)?;
                    }
                }
                Tag::Known(element @ Element::Item) => {
                    self.ordered(&mut seen, 9, element)?;
                    let item = self.item(None)?;
                    self.push(&mut status.items, item)?;
                }
                tag => self.foreign(tag, extra)?,
            }
        }
        for (rank, element) in [
            (0, Element::CmdId),
            (1, Element::MsgRef),
            (2, Element::CmdRef),
            (3, Element::Cmd),
        ] {
            self.require(&seen, rank, element)?;
        }
        if !seen.has(8) {
            self.note(ToleranceKind::StatusCode)?;
        }
        Ok(status)
    }

    fn results(&mut self) -> Result<Results> {
        let mut results = Results::default();
        let mut seen = Seen::default();
        let extra = &mut results.extra;
        while let Some(tag) = self.child("", extra)? {
            match tag {
                Tag::Known(element @ Element::CmdId) => {
                    if self.single(&mut seen, 0, element)? {
                        results.cmd_id = CmdId::from(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::MsgRef) => {
                    if self.single(&mut seen, 1, element)? {
                        results.msg_ref = Some(MsgId::from(self.text(element, extra)?));
                    }
                }
                Tag::Known(element @ Element::CmdRef) => {
                    if self.single(&mut seen, 2, element)? {
                        results.cmd_ref = CmdId::from(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::Meta) => {
                    if self.single(&mut seen, 3, element)? {
                        results.meta = Some(self.boxed_meta()?);
                    }
                }
                Tag::Known(element @ Element::TargetRef) => {
                    if self.single(&mut seen, 4, element)? {
                        results.target_ref = Some(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::SourceRef) => {
                    if self.single(&mut seen, 5, element)? {
                        results.source_ref = Some(self.text(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::Item) => {
                    self.ordered(&mut seen, 6, element)?;
                    let item = self.item(results.meta.as_deref())?;
                    self.push(&mut results.items, item)?;
                }
                // Windows puts one there; it says nothing that CmdRef does not.
                Tag::Known(Element::Cmd) => {
                    self.note(ToleranceKind::CmdInResults)?;
                    self.skip()?;
                }
                tag => self.foreign(tag, extra)?,
            }
        }
        self.require(&seen, 0, Element::CmdId)?;
        self.require(&seen, 2, Element::CmdRef)?;
        self.require(&seen, 6, Element::Item)?;
        Ok(results)
    }

    /// A command that DM does not use, or something that is no command: kept whole.
    fn unsupported(&mut self, tag: Tag<'i>) -> Result<Command> {
        let name = match &tag {
            Tag::Known(element) => Text::from_static(element.name()),
            Tag::Foreign(name) => {
                let name = self.keep_str(&name.local)?;
                self.note(ToleranceKind::ForeignElement { name: name.clone() })?;
                name
            }
        };
        if let Tag::Known(element) = tag
            && !matches!(
                element,
                Element::Map | Element::Move | Element::Put | Element::Search | Element::Sync
            )
        {
            self.note(ToleranceKind::MisplacedElement {
                element: element.name(),
            })?;
        }
        let mut element = Fragment::EMPTY;
        self.capture(tag, &mut element)?;
        let cmd_id = cmd_id_of(&element);
        self.charge_text(cmd_id.as_str().len())?;
        Ok(Command::Unsupported(Unsupported {
            name: CommandName::from(name),
            cmd_id,
            element,
        }))
    }
}

/// The text of the `CmdID` directly below the root of a fragment.
fn cmd_id_of(fragment: &Fragment) -> CmdId {
    let mut depth = 0_usize;
    let mut inside = false;
    for piece in fragment.pieces() {
        match piece {
            Piece::Start(name) => {
                depth = depth.saturating_add(1);
                inside = depth == 2
                    && Element::from_qualified(&name.namespace, &name.local)
                        == Some(Element::CmdId);
            }
            Piece::End => {
                depth = depth.saturating_sub(1);
                inside = false;
            }
            Piece::Text(text) if inside => return CmdId::from(super::trim(text)),
            Piece::Opaque(octets) if inside => {
                return CmdId::from(super::trim(
                    core::str::from_utf8(octets).unwrap_or_default(),
                ));
            }
            _ => {}
        }
    }
    CmdId::default()
}
