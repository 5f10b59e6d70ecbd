//! The commands.

use super::{Grammar, Result};
use crate::{
    CmdId, Correlator, Extra,
    codec::{event::Sink, tags::Element},
    message::{Command, Cred, Item, Meta, Results, Status},
};

impl<'m, S: Sink> Grammar<'m, '_, S> {
    /// Begins a container.
    pub(super) fn container(
        &mut self,
        element: Element,
        cmd_id: &CmdId,
        no_resp: bool,
        meta: Option<&Meta>,
        extra: &Extra,
    ) -> Result {
        self.start_with(element, Element::CmdId, cmd_id.as_str(), extra)?;
        self.flag(Element::NoResp, no_resp, extra)?;
        self.meta(meta, None)
    }

    /// Writes a command that holds no commands.
    pub(super) fn leaf(&mut self, command: &'m Command) -> Result {
        match command {
            Command::Add(c) => self.plain(
                Element::Add,
                (&c.cmd_id, c.no_resp, c.cred.as_deref(), c.meta.as_deref()),
                &c.items,
                &c.extra,
            ),
            Command::Copy(c) => self.plain(
                Element::Copy,
                (&c.cmd_id, c.no_resp, c.cred.as_deref(), c.meta.as_deref()),
                &c.items,
                &c.extra,
            ),
            Command::Replace(c) => self.plain(
                Element::Replace,
                (&c.cmd_id, c.no_resp, c.cred.as_deref(), c.meta.as_deref()),
                &c.items,
                &c.extra,
            ),
            Command::Delete(c) => {
                self.open(Element::Delete, &c.cmd_id, c.no_resp, &c.extra)?;
                self.flag(Element::Archive, c.archive, &c.extra)?;
                self.flag(Element::SftDel, c.sft_del, &c.extra)?;
                self.cred(c.cred.as_deref())?;
                self.meta(c.meta.as_deref(), None)?;
                self.items(&c.items, c.meta.as_deref(), &c.extra)
            }
            Command::Exec(c) => {
                self.open(Element::Exec, &c.cmd_id, c.no_resp, &c.extra)?;
                self.cred(c.cred.as_deref())?;
                self.meta(c.meta.as_deref(), None)?;
                self.correlator(c.correlator.as_ref(), &c.extra)?;
                self.items(&c.items, c.meta.as_deref(), &c.extra)
            }
            Command::Get(c) => {
                self.open(Element::Get, &c.cmd_id, c.no_resp, &c.extra)?;
                self.optional(Element::Lang, c.lang.as_ref(), &c.extra)?;
                self.cred(c.cred.as_deref())?;
                self.meta(c.meta.as_deref(), None)?;
                self.items(&c.items, c.meta.as_deref(), &c.extra)
            }
            Command::Alert(c) => {
                self.open(Element::Alert, &c.cmd_id, c.no_resp, &c.extra)?;
                self.cred(c.cred.as_deref())?;
                let code = c.code.map(|code| u64::from(code.as_u16()));
                self.optional_number(Element::Data, code, &c.extra)?;
                self.correlator(c.correlator.as_ref(), &c.extra)?;
                self.items(&c.items, None, &c.extra)
            }
            Command::Results(results) => self.results(results),
            Command::Status(status) => self.status(status),
            Command::Unsupported(command) => {
                self.pieces(Some(Element::SyncBody), command.element.pieces())
            }
            // Containers are written by the caller, which keeps a stack of them.
            Command::Atomic(_) | Command::Sequence(_) => Ok(()),
        }
    }

    fn plain(
        &mut self,
        element: Element,
        (cmd_id, no_resp, cred, meta): (&CmdId, bool, Option<&Cred>, Option<&Meta>),
        items: &'m [Item],
        extra: &Extra,
    ) -> Result {
        self.open(element, cmd_id, no_resp, extra)?;
        self.cred(cred)?;
        self.meta(meta, None)?;
        self.items(items, meta, extra)
    }

    #[inline(always)]
    fn open(&mut self, element: Element, cmd_id: &CmdId, no_resp: bool, extra: &Extra) -> Result {
        self.start_with(element, Element::CmdId, cmd_id.as_str(), extra)?;
        self.flag(Element::NoResp, no_resp, extra)
    }

    fn correlator(&mut self, correlator: Option<&Correlator>, extra: &Extra) -> Result {
        correlator.map_or(Ok(()), |correlator| {
            self.text(Element::Correlator, correlator.as_str(), extra)
        })
    }

    /// Writes the items and ends the command.
    fn items(&mut self, items: &'m [Item], meta: Option<&Meta>, extra: &Extra) -> Result {
        for item in items {
            self.item(item, meta)?;
        }
        // Whichever of the commands it is.
        self.end(Element::Add, extra)
    }

    fn status(&mut self, status: &'m Status) -> Result {
        let extra = &status.extra;
        self.start_with(
            Element::Status,
            Element::CmdId,
            status.cmd_id.as_str(),
            extra,
        )?;
        self.required(Element::MsgRef, status.msg_ref.as_str(), extra)?;
        // Empty for a command that had no CmdID: left out it would be no Status.
        self.text(Element::CmdRef, status.cmd_ref.as_str(), extra)?;
        self.required(Element::Cmd, status.cmd.as_str(), extra)?;
        self.list(Element::TargetRef, &status.target_refs, extra)?;
        self.list(Element::SourceRef, &status.source_refs, extra)?;
        self.cred(status.cred.as_deref())?;
        self.chal(status.chal.as_deref())?;
        self.number(Element::Data, u64::from(status.data.as_u16()), extra)?;
        self.items(&status.items, None, extra)
    }

    fn results(&mut self, results: &'m Results) -> Result {
        let extra = &results.extra;
        self.start_with(
            Element::Results,
            Element::CmdId,
            results.cmd_id.as_str(),
            extra,
        )?;
        if let Some(msg_ref) = &results.msg_ref {
            self.text(Element::MsgRef, msg_ref.as_str(), extra)?;
        }
        self.required(Element::CmdRef, results.cmd_ref.as_str(), extra)?;
        self.meta(results.meta.as_deref(), None)?;
        self.optional(Element::TargetRef, results.target_ref.as_ref(), extra)?;
        self.optional(Element::SourceRef, results.source_ref.as_ref(), extra)?;
        self.items(&results.items, results.meta.as_deref(), extra)
    }
}
