//! The body and its commands.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Parser, Result, Seen, Tag, parse_number};
use crate::{
    AlertCode, CmdId, Correlator, Extra, Fragment, MsgId, Piece, StatusCode, Text,
    codec::{ToleranceKind, event::Source, tags::Element},
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
    meta: Option<Arc<Meta>>,
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

/// Most containers hold two commands: a question and what it is about.
const USUAL: usize = 2;

/// What the commands with items have between them, in the command itself.
struct Fields<'c> {
    cmd_id: &'c mut CmdId,
    no_resp: &'c mut bool,
    cred: &'c mut Option<Box<Cred>>,
    items: &'c mut Vec<Item>,
    extra: &'c mut Extra,
    own: Own<'c>,
}

/// What only some of them have.
#[derive(Default)]
struct Own<'c> {
    archive: Option<&'c mut bool>,
    sft_del: Option<&'c mut bool>,
    lang: Option<&'c mut Option<Text>>,
    meta: Option<&'c mut Option<Arc<Meta>>>,
    code: Option<&'c mut Option<AlertCode>>,
    correlator: Option<&'c mut Option<Correlator>>,
}

/// Puts an empty command at the end of a list, in which there is room, and reads it there.
macro_rules! in_place {
    ($parser:ident $list:ident $command:ident: fields $($own:ident)*) => {{
        $parser.push_with(USUAL, $list, || Command::$command($command::default()))?;
        match $list.last_mut() {
            Some(Command::$command(command)) => $parser.fields(fields!(command: $($own)*)),
            _ => Ok(()),
        }
    }};
    ($parser:ident $list:ident $command:ident: $read:ident) => {{
        $parser.push_with(USUAL, $list, || Command::$command($command::default()))?;
        match $list.last_mut() {
            Some(Command::$command(command)) => $parser.$read(command),
            _ => Ok(()),
        }
    }};
}

/// The [`Fields`] of a command.
macro_rules! fields {
    ($command:ident: $($own:ident)*) => {
        Fields {
            cmd_id: &mut $command.cmd_id,
            no_resp: &mut $command.no_resp,
            cred: &mut $command.cred,
            items: &mut $command.items,
            extra: &mut $command.extra,
            own: Own {
                $($own: Some(&mut $command.$own),)*
                ..Own::default()
            },
        }
    };
}

impl<'i, S: Source<'i>> Parser<'i, S> {
    /// The body.
    pub(super) fn body(&mut self, message: &mut SyncMl) -> Result<()> {
        let mut open: Vec<Container> = Vec::new();
        let mut is_final = false;
        while let Some(tag) = self.child("SyncBody", &mut message.extra)? {
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
                        Tag::Foreign => "a command",
                    },
                })?;
            }
            match tag {
                Tag::Known(element @ (Element::Atomic | Element::Sequence)) => {
                    self.container(element, &mut open, &mut message.commands)?;
                }
                tag => self.command(tag, &mut message.commands)?,
            }
        }
        Ok(())
    }

    /// A container and all that is in it. Containers are on a stack of their own, since a peer controls how
    /// deep they nest; it is empty before and after.
    fn container(
        &mut self,
        element: Element,
        open: &mut Vec<Container>,
        list: &mut Vec<Command>,
    ) -> Result<()> {
        let mut begins = Some(element);
        loop {
            if let Some(element) = begins.take() {
                self.push_with(12, open, || Container::new(element))?;
                if let Some(Container { seen, cmd_id, .. }) = open.last_mut() {
                    self.leaf_to(cmd_id.text_mut(), Element::CmdId, seen, 0);
                }
            }
            let Some(container) = open.last_mut() else {
                return Ok(());
            };
            let Container {
                seen,
                cmd_id,
                no_resp,
                meta,
                commands,
                extra,
                ..
            } = container;
            loop {
                let Some(tag) = self.child("", extra)? else {
                    self.require(seen, 0, Element::CmdId)?;
                    break;
                };
                let Tag::Known(element) = tag else {
                    self.command(tag, commands)?;
                    continue;
                };
                match element {
                    Element::CmdId => {
                        if self.single(seen, 0, element)? {
                            self.text_to(cmd_id.text_mut(), element, extra)?;
                        }
                    }
                    Element::NoResp => {
                        if self.single(seen, 1, element)? {
                            *no_resp = self.flag(element, extra)?;
                        }
                    }
                    Element::Meta => {
                        if self.single(seen, 2, element)? {
                            *meta = Some(self.shared_meta()?);
                        }
                    }
                    Element::Atomic | Element::Sequence => {
                        seen.mark(3);
                        begins = Some(element);
                        break;
                    }
                    _ => {
                        seen.mark(3);
                        self.command(tag, commands)?;
                    }
                }
            }
            if begins.is_none()
                && let Some(container) = open.pop()
            {
                let list = open
                    .last_mut()
                    .map_or(&mut *list, |parent| &mut parent.commands);
                self.room(USUAL, list)?;
                list.extend(Some(container).into_iter().map(Container::into_command));
            }
        }
    }

    /// A command, put at the end of a list first and filled there: commands are large.
    fn command(&mut self, tag: Tag, list: &mut Vec<Command>) -> Result<()> {
        match tag {
            Tag::Known(Element::Add) => in_place!(self list Add: fields meta),
            Tag::Known(Element::Alert) => in_place!(self list Alert: fields code correlator),
            Tag::Known(Element::Copy) => in_place!(self list Copy: fields meta),
            Tag::Known(Element::Delete) => in_place!(self list Delete: fields meta archive sft_del),
            Tag::Known(Element::Exec) => in_place!(self list Exec: fields meta correlator),
            Tag::Known(Element::Get) => in_place!(self list Get: fields meta lang),
            Tag::Known(Element::Replace) => in_place!(self list Replace: fields meta),
            Tag::Known(Element::Results) => in_place!(self list Results: results),
            Tag::Known(Element::Status) => in_place!(self list Status: status),
            _ => {
                self.room(USUAL, list)?;
                list.push(self.unsupported(tag)?);
                Ok(())
            }
        }
    }

    /// The commands with items. The ranks are one order that agrees with the DTD's for each of them.
    fn fields(&mut self, fields: Fields<'_>) -> Result<()> {
        let Fields {
            cmd_id,
            no_resp,
            cred,
            items,
            extra,
            mut own,
        } = fields;
        let mut seen = Seen::default();
        self.leaf_to(cmd_id.text_mut(), Element::CmdId, &mut seen, 0);
        if let Some(code) = &mut own.code {
            **code = self.leaf(Element::Data, parse_number).map(AlertCode::new);
            if code.is_some() {
                seen.mark(6);
            }
        }
        if let Some(meta) = &mut own.meta
            && self.source.may_open(Element::Meta)
        {
            **meta = self.next_meta()?;
            if meta.is_some() {
                seen.mark(7);
            }
        }
        while self.open(Element::Item) {
            seen.mark(9);
            let meta = own.meta.as_ref().and_then(|meta| meta.as_deref());
            self.push_item(items, meta)?;
        }
        while let Some(tag) = self.child("", extra)? {
            let Tag::Known(element) = tag else {
                self.foreign(tag, extra)?;
                continue;
            };
            match element {
                Element::CmdId => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(cmd_id.text_mut(), element, extra)?;
                    }
                }
                Element::NoResp => {
                    if self.single(&mut seen, 1, element)? {
                        *no_resp = self.flag(element, extra)?;
                    }
                }
                Element::Archive => match &mut own.archive {
                    Some(archive) => {
                        if self.single(&mut seen, 2, element)? {
                            **archive = self.flag(element, extra)?;
                        }
                    }
                    None => self.foreign(tag, extra)?,
                },
                Element::SftDel => match &mut own.sft_del {
                    Some(sft_del) => {
                        if self.single(&mut seen, 3, element)? {
                            **sft_del = self.flag(element, extra)?;
                        }
                    }
                    None => self.foreign(tag, extra)?,
                },
                Element::Lang => match &mut own.lang {
                    Some(lang) => {
                        if self.single(&mut seen, 4, element)? {
                            **lang = Some(self.text(element, extra)?);
                        }
                    }
                    None => self.foreign(tag, extra)?,
                },
                Element::Cred => {
                    if self.single(&mut seen, 5, element)? {
                        *cred = Some(self.cred()?);
                    }
                }
                Element::Data => match &mut own.code {
                    Some(code) => {
                        if self.single(&mut seen, 6, element)? {
                            **code = self.alert_code(extra)?;
                        }
                    }
                    None => self.foreign(tag, extra)?,
                },
                Element::Meta => match &mut own.meta {
                    Some(meta) => {
                        if self.single(&mut seen, 7, element)? {
                            **meta = Some(self.shared_meta()?);
                        }
                    }
                    None => self.foreign(tag, extra)?,
                },
                Element::Correlator => match &mut own.correlator {
                    Some(correlator) => {
                        if self.single(&mut seen, 8, element)? {
                            **correlator = Some(Correlator::from(self.verbatim(element, extra)?));
                        }
                    }
                    None => self.foreign(tag, extra)?,
                },
                Element::Item => {
                    self.ordered(&mut seen, 9, element)?;
                    let meta = own.meta.as_ref().and_then(|meta| meta.as_deref());
                    self.push_item(items, meta)?;
                }
                _ => self.foreign(tag, extra)?,
            }
        }
        self.require(&seen, 0, Element::CmdId)?;
        // OMA-TS-DM_RepPro, Alert: DM requires the code, and no items.
        if own.code.is_some() {
            self.require(&seen, 6, Element::Data)
        } else {
            self.require(&seen, 9, Element::Item)
        }
    }

    /// An item, put at the end of a list first and filled there.
    fn push_item(&mut self, items: &mut Vec<Item>, command_meta: Option<&Meta>) -> Result<()> {
        // Most lists have one.
        self.push_with(1, items, Item::default)?;
        match items.last_mut() {
            Some(item) => self.item(item, command_meta),
            None => Ok(()),
        }
    }

    fn status(&mut self, status: &mut Status) -> Result<()> {
        let mut seen = Seen::default();
        self.leaf_to(status.cmd_id.text_mut(), Element::CmdId, &mut seen, 0);
        self.leaf_to(status.msg_ref.text_mut(), Element::MsgRef, &mut seen, 1);
        self.leaf_to(status.cmd_ref.text_mut(), Element::CmdRef, &mut seen, 2);
        self.leaf_to(status.cmd.text_mut(), Element::Cmd, &mut seen, 3);
        self.leaves(Element::TargetRef, &mut status.target_refs, &mut seen, 4);
        self.leaves(Element::SourceRef, &mut status.source_refs, &mut seen, 5);
        if let Some(number) = self.leaf(Element::Data, parse_number) {
            seen.mark(8);
            status.data = StatusCode::new(number);
        }
        let extra = &mut status.extra;
        while let Some(tag) = self.child("", extra)? {
            match tag {
                Tag::Known(element @ Element::CmdId) => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(status.cmd_id.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::MsgRef) => {
                    if self.single(&mut seen, 1, element)? {
                        self.text_to(status.msg_ref.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::CmdRef) => {
                    if self.single(&mut seen, 2, element)? {
                        self.text_to(status.cmd_ref.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Cmd) => {
                    if self.single(&mut seen, 3, element)? {
                        self.text_to(status.cmd.text_mut(), element, extra)?;
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
                    self.push_item(&mut status.items, None)?;
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
            status.data = StatusCode::BAD_REQUEST;
            self.note(ToleranceKind::StatusCode)?;
        }
        Ok(())
    }

    fn results(&mut self, results: &mut Results) -> Result<()> {
        let mut seen = Seen::default();
        self.leaf_to(results.cmd_id.text_mut(), Element::CmdId, &mut seen, 0);
        let mut msg_ref = None;
        self.optional_leaf(&mut msg_ref, Element::MsgRef, &mut seen, 1);
        results.msg_ref = msg_ref.map(MsgId::from);
        self.leaf_to(results.cmd_ref.text_mut(), Element::CmdRef, &mut seen, 2);
        while self.open(Element::Item) {
            seen.mark(6);
            self.push_item(&mut results.items, None)?;
        }
        let extra = &mut results.extra;
        while let Some(tag) = self.child("", extra)? {
            match tag {
                Tag::Known(element @ Element::CmdId) => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(results.cmd_id.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::MsgRef) => {
                    if self.single(&mut seen, 1, element)? {
                        results.msg_ref = Some(MsgId::from(self.text(element, extra)?));
                    }
                }
                Tag::Known(element @ Element::CmdRef) => {
                    if self.single(&mut seen, 2, element)? {
                        self.text_to(results.cmd_ref.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Meta) => {
                    if self.single(&mut seen, 3, element)? {
                        results.meta = Some(self.shared_meta()?);
                    }
                }
                Tag::Known(element @ Element::TargetRef) => {
                    if self.single(&mut seen, 4, element)? {
                        self.text_to(results.target_ref.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::SourceRef) => {
                    if self.single(&mut seen, 5, element)? {
                        self.text_to(results.source_ref.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Item) => {
                    self.ordered(&mut seen, 6, element)?;
                    self.push_item(&mut results.items, results.meta.as_deref())?;
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
        self.require(&seen, 6, Element::Item)
    }

    /// A command that DM does not use, or something that is no command: kept whole.
    #[cold]
    fn unsupported(&mut self, tag: Tag) -> Result<Command> {
        let name = match tag {
            Tag::Known(element) => Text::from_static(element.name()),
            Tag::Foreign => {
                let name = self.keep_local(tag)?;
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
