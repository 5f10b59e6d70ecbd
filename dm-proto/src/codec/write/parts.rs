//! The header, items, meta information and credentials.

use alloc::vec::Vec;

use super::{Grammar, Result};
use crate::{
    Data, Extra, LocUri,
    codec::{
        event::{Position, Sink},
        read::Form,
        tags::Element,
    },
    message::{Anchor, Chal, Cred, Item, Location, Mem, Meta, SharedMem, SyncHdr},
};

/// A `Meta` that has no more than Format and Type, and where it was written.
pub(super) struct Common<'m> {
    meta: &'m Meta,
    format: Option<&'m str>,
    type_: Option<&'m str>,
    from: Position,
    to: Position,
}

impl Common<'_> {
    #[inline(always)]
    fn is_like(&self, meta: &Meta) -> bool {
        core::ptr::eq(self.meta, meta)
            || !has_more(meta)
                && is_same(self.format, meta.format.as_deref())
                && is_same(self.type_, meta.type_.as_deref())
    }
}

impl<'m, S: Sink> Grammar<'m, '_, S> {
    pub(super) fn header(&mut self, header: &SyncHdr) -> Result {
        let extra = &header.extra;
        self.start(Element::SyncHdr, "", extra)?;
        self.required(Element::VerDtd, &header.ver_dtd, extra)?;
        self.required(Element::VerProto, &header.ver_proto, extra)?;
        self.required(Element::SessionId, header.session_id.as_str(), extra)?;
        self.required(Element::MsgId, header.msg_id.as_str(), extra)?;
        for (element, location) in [
            (Element::Target, &header.target),
            (Element::Source, &header.source),
        ] {
            if *location != Location::default() {
                self.location(element, location)?;
            }
        }
        self.optional(Element::RespUri, header.resp_uri.as_ref(), extra)?;
        self.flag(Element::NoResp, header.no_resp, extra)?;
        self.cred(header.cred.as_deref())?;
        self.meta(header.meta.as_deref(), None)?;
        self.end(Element::SyncHdr, extra)
    }

    #[inline]
    fn location(&mut self, element: Element, location: &Location) -> Result {
        if location.extra.is_empty() && location.loc_name.is_none() {
            let uri = location.loc_uri.as_str();
            return self.sink.around(element, Element::LocUri, uri);
        }
        self.start(element, "", &location.extra)?;
        self.text(Element::LocUri, location.loc_uri.as_str(), &location.extra)?;
        self.optional(
            Element::LocName,
            location.loc_name.as_ref(),
            &location.extra,
        )?;
        self.end(element, &location.extra)
    }

    #[cold]
    fn parent_uri(&mut self, element: Element, uri: &LocUri, extra: &Extra) -> Result {
        self.start(element, element.name(), extra)?;
        self.text(Element::LocUri, uri.as_str(), &Extra::NONE)?;
        self.sink.end();
        Ok(())
    }

    #[inline(always)]
    pub(super) fn cred(&mut self, cred: Option<&Cred>) -> Result {
        match cred {
            Some(cred) => self.some_cred(cred),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn some_cred(&mut self, cred: &Cred) -> Result {
        self.start(Element::Cred, "", &cred.extra)?;
        self.meta(cred.meta.as_deref(), None)?;
        self.text(Element::Data, cred.data.expose(), &cred.extra)?;
        self.end(Element::Cred, &cred.extra)
    }

    #[inline(always)]
    pub(super) fn chal(&mut self, chal: Option<&Chal>) -> Result {
        match chal {
            Some(chal) => self.some_chal(chal),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn some_chal(&mut self, chal: &Chal) -> Result {
        self.start(Element::Chal, "", &chal.extra)?;
        self.meta(Some(&chal.meta), None)?;
        self.end(Element::Chal, &chal.extra)
    }

    /// Writes a `Meta`, with another `Format` where the transfer form asks for it.
    #[inline(always)]
    pub(super) fn meta(&mut self, meta: Option<&Meta>, format: Option<&str>) -> Result {
        if meta.is_none() && format.is_none() {
            return Ok(());
        }
        self.some_meta(meta.unwrap_or(&ABSENT), format)
    }

    #[inline(never)]
    fn some_meta(&mut self, meta: &Meta, format: Option<&str>) -> Result {
        let extra = &meta.extra;
        self.start(Element::Meta, "", extra)?;
        if let Some(format) = format.or(meta.format.as_deref()) {
            self.text(Element::Format, format, extra)?;
        }
        self.optional(Element::Type, meta.type_.as_ref(), extra)?;
        if has_more(meta) {
            self.rest_of_meta(meta)?;
        }
        self.end(Element::Meta, extra)
    }

    /// Writes the `Meta` of an item. The items of a command mostly have the same: then what the last
    /// came to is copied.
    #[inline(always)]
    fn item_meta(&mut self, meta: Option<&'m Meta>, format: Option<&str>) -> Result {
        let (Some(meta), None) = (meta, format) else {
            return self.meta(meta, format);
        };
        if let Some(common) = &self.common
            && common.is_like(meta)
            && self.sink.repeat(common.from, common.to)
        {
            return Ok(());
        }
        let from = self.sink.position();
        self.meta(Some(meta), None)?;
        let to = self.sink.position();
        self.common = (!has_more(meta)).then_some(Common {
            meta,
            format: meta.format.as_deref(),
            type_: meta.type_.as_deref(),
            from,
            to,
        });
        Ok(())
    }

    /// The children of a `Meta` that few have.
    #[inline(never)]
    fn rest_of_meta(&mut self, meta: &Meta) -> Result {
        let extra = &meta.extra;
        self.optional(Element::Mark, meta.mark.as_ref(), extra)?;
        self.optional_number(Element::Size, meta.size, extra)?;
        self.anchor(meta.anchor.as_deref())?;
        self.optional(Element::Version, meta.version.as_ref(), extra)?;
        if let Some(nonce) = &meta.next_nonce {
            self.text(Element::NextNonce, nonce.expose(), extra)?;
        }
        self.optional_number(Element::MaxMsgSize, meta.max_msg_size, extra)?;
        self.optional_number(Element::MaxObjSize, meta.max_obj_size, extra)?;
        self.list(Element::Emi, &meta.emi, extra)?;
        self.mem(meta.mem.as_deref())?;
        self.flag(Element::FieldLevel, meta.field_level, extra)
    }

    #[inline]
    fn anchor(&mut self, anchor: Option<&Anchor>) -> Result {
        let Some(Anchor { last, next, extra }) = anchor else {
            return Ok(());
        };
        self.start(Element::Anchor, "", extra)?;
        self.optional(Element::Last, last.as_ref(), extra)?;
        self.text(Element::Next, next, extra)?;
        self.end(Element::Anchor, extra)
    }

    #[inline]
    fn mem(&mut self, mem: Option<&Mem>) -> Result {
        let Some(Mem {
            shared,
            free_mem,
            free_id,
            extra,
        }) = mem
        else {
            return Ok(());
        };
        self.start(Element::Mem, "", extra)?;
        self.flag(Element::SharedMem, *shared == SharedMem::Yes, extra)?;
        self.number(Element::FreeMem, *free_mem, extra)?;
        self.number(Element::FreeId, *free_id, extra)?;
        self.end(Element::Mem, extra)
    }

    /// Writes an `Item` of a command with this `Meta`.
    pub(super) fn item(&mut self, item: &'m Item, command_meta: Option<&Meta>) -> Result {
        let extra = &item.extra;
        let transfer = Transfer::of::<S>(item, command_meta);
        let [target, source] = self.start_item(item)?;
        if let Some(target) = target {
            self.location(Element::Target, target)?;
        }
        if let Some(source) = source {
            self.location(Element::Source, source)?;
        }
        if let Some(uri) = &item.source_parent {
            self.parent_uri(Element::SourceParent, uri, extra)?;
        }
        if let Some(uri) = &item.target_parent {
            self.parent_uri(Element::TargetParent, uri, extra)?;
        }
        self.item_meta(item.meta.as_deref(), transfer.format())?;
        if let Some(data) = &item.data {
            self.data(data, transfer, extra)?;
        }
        self.flag(Element::MoreData, item.more_data, extra)?;
        self.end(Element::Item, extra)
    }

    /// Begins an `Item` with the first of its addresses, as most have one, or without; they come back
    /// without what was written.
    #[inline(always)]
    fn start_item(&mut self, item: &'m Item) -> Result<[Option<&'m Location>; 2]> {
        let both = [item.target.as_ref(), item.source.as_ref()];
        let (element, first, rest) = match both {
            [Some(target), source] => (Element::Target, target, [None, source]),
            [None, Some(source)] => (Element::Source, source, [None, None]),
            [None, None] => {
                self.start(Element::Item, "", &item.extra)?;
                return Ok(both);
            }
        };
        if item.extra.is_empty() && first.extra.is_empty() && first.loc_name.is_none() {
            let tags = [Element::Item, element, Element::LocUri];
            self.sink.start_around(tags, first.loc_uri.as_str())?;
            return Ok(rest);
        }
        self.start(Element::Item, "", &item.extra)?;
        Ok(both)
    }

    fn data(&mut self, data: &Data, transfer: Transfer, extra: &Extra) -> Result {
        if extra.is_empty()
            && transfer != Transfer::Base64
            && let Some(text) = data.as_str()
        {
            return self.sink.leaf(Element::Data, text);
        }
        self.start(Element::Data, "Data", extra)?;
        if let Some(markup) = data.as_markup() {
            self.pieces(Some(Element::Data), markup.pieces())?;
        } else if let Some(octets) = data.as_bytes() {
            match transfer {
                Transfer::Base64 => self.sink.text(&crate::codec::base64_of(octets))?,
                Transfer::AsIs | Transfer::Bin => match data.as_str() {
                    Some(text) => self.sink.text(text)?,
                    None => self.sink.opaque(octets)?,
                },
            }
        }
        self.sink.end();
        Ok(())
    }
}

/// Whether two texts are the same: both are short, so that a call would take longer.
#[inline(always)]
fn is_same(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        2..=3 => have_same_ends::<2>(one, other),
        4..=7 => have_same_ends::<4>(one, other),
        8..=16 => have_same_ends::<8>(one, other),
        _ => one == other,
    }
}

#[inline(always)]
fn have_same_ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
    one.first_chunk::<N>() == other.first_chunk() && one.last_chunk::<N>() == other.last_chunk()
}

/// Whether a `Meta` has more than Format and Type: a number that is absent may carry attributes.
#[inline]
fn has_more(meta: &Meta) -> bool {
    // Without lazy operators, since it nearly always has not.
    meta.mark.is_some()
        | meta.size.is_some()
        | meta.anchor.is_some()
        | meta.version.is_some()
        | meta.next_nonce.is_some()
        | meta.max_msg_size.is_some()
        | meta.max_obj_size.is_some()
        | !meta.emi.is_empty()
        | meta.mem.is_some()
        | meta.field_level
        | !meta.extra.is_empty()
}

/// A `Meta` without anything.
static ABSENT: Meta = Meta {
    format: None,
    type_: None,
    mark: None,
    size: None,
    anchor: None,
    version: None,
    next_nonce: None,
    max_msg_size: None,
    max_obj_size: None,
    emi: Vec::new(),
    mem: None,
    field_level: false,
    extra: Extra::NONE,
};

/// How the `Data` of an item is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Transfer {
    /// Text as text, octets as opaque.
    AsIs,
    /// As Base64 with Format `b64`, since XML has no form for octets, nor for some characters.
    Base64,
    /// Octets as opaque, with Format `bin` instead of a `b64` that would not be true.
    Bin,
}

impl Transfer {
    fn of<S: Sink>(item: &Item, command_meta: Option<&Meta>) -> Self {
        let Some(data) = &item.data else {
            return Self::AsIs;
        };
        if S::TEXT_ONLY {
            let is_plain = data.as_str().is_some_and(S::can_hold) || data.as_markup().is_some();
            return if is_plain { Self::AsIs } else { Self::Base64 };
        }
        if data.is_binary() && Form::of(command_meta, item.meta.as_deref()).is_base64() {
            return Self::Bin;
        }
        Self::AsIs
    }

    /// The `Format` to write instead of the item's.
    fn format(self) -> Option<&'static str> {
        match self {
            Self::AsIs => None,
            Self::Base64 => Some("b64"),
            Self::Bin => Some("bin"),
        }
    }
}
