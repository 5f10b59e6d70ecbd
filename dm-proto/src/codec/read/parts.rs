//! The header, items, meta information and credentials.

use alloc::{borrow::Cow, boxed::Box, sync::Arc, vec::Vec};
use core::mem::size_of;

use bytes::Bytes;

use super::{Input, Parser, Result, Seen, Tag, is_space};
use crate::{
    AlertCode, Data, DecodeErrorKind, Extra, Fragment, LocUri, Piece, Secret, StatusCode, Text,
    codec::{
        ToleranceKind,
        event::{Source, Step, Stretch},
        tags::Element,
    },
    message::{Anchor, Chal, Cred, Item, Location, Mem, Meta, SharedMem, SyncHdr},
    text::INLINE,
};

/// The last `Meta` of an item.
pub(super) struct Common<'i> {
    /// How it came.
    stretch: Stretch<'i>,
    /// How deep the item was.
    depth: usize,
    /// What was charged for it.
    cost: usize,
    meta: Arc<Meta>,
}

/// The octets of the longest `Meta` that is shared: one with a long text would be copied for each item
/// by whoever completes them.
const COMMON_MAX: usize = 128;

/// `Data` as it came.
enum RawData<'i> {
    Text(Cow<'i, str>),
    Octets(&'i [u8]),
    /// Opaque octets in several parts, or together with text.
    Mixed(Vec<u8>),
    Markup(Fragment),
}

impl<'i, S: Source<'i>> Parser<'i, S> {
    pub(super) fn header(&mut self, header: &mut SyncHdr) -> Result<()> {
        let mut seen = Seen::default();
        self.leaf_to(&mut header.ver_dtd, Element::VerDtd, &mut seen, 0);
        self.leaf_to(&mut header.ver_proto, Element::VerProto, &mut seen, 1);
        let session_id = header.session_id.text_mut();
        self.leaf_to(session_id, Element::SessionId, &mut seen, 2);
        self.leaf_to(header.msg_id.text_mut(), Element::MsgId, &mut seen, 3);
        if self.open(Element::Target) {
            seen.mark(4);
            self.location(&mut header.target)?;
        }
        if self.open(Element::Source) {
            seen.mark(5);
            self.location(&mut header.source)?;
        }
        let extra = &mut header.extra;
        while let Some(tag) = self.child("", extra)? {
            match tag {
                Tag::Known(element @ Element::VerDtd) => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(&mut header.ver_dtd, element, extra)?;
                    }
                }
                Tag::Known(element @ Element::VerProto) => {
                    if self.single(&mut seen, 1, element)? {
                        self.text_to(&mut header.ver_proto, element, extra)?;
                    }
                }
                Tag::Known(element @ Element::SessionId) => {
                    if self.single(&mut seen, 2, element)? {
                        self.text_to(header.session_id.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::MsgId) => {
                    if self.single(&mut seen, 3, element)? {
                        self.text_to(header.msg_id.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Target) => {
                    if self.single(&mut seen, 4, element)? {
                        self.location(&mut header.target)?;
                    }
                }
                Tag::Known(element @ Element::Source) => {
                    if self.single(&mut seen, 5, element)? {
                        self.location(&mut header.source)?;
                    }
                }
                Tag::Known(element @ Element::RespUri) => {
                    if self.single(&mut seen, 6, element)? {
                        self.text_to(header.resp_uri.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::NoResp) => {
                    if self.single(&mut seen, 7, element)? {
                        header.no_resp = self.flag(element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Cred) => {
                    if self.single(&mut seen, 8, element)? {
                        header.cred = Some(self.cred()?);
                    }
                }
                Tag::Known(element @ Element::Meta) => {
                    if self.single(&mut seen, 9, element)? {
                        header.meta = Some(self.shared_meta()?);
                    }
                }
                tag => self.foreign(tag, extra)?,
            }
        }
        for (rank, element) in [
            (0, Element::VerDtd),
            (1, Element::VerProto),
            (2, Element::SessionId),
            (3, Element::MsgId),
            (4, Element::Target),
            (5, Element::Source),
        ] {
            self.require(&seen, rank, element)?;
        }
        Ok(())
    }

    /// Takes a `Target` or `Source` to its place, if it comes next. Nearly all hold an address and nothing
    /// else.
    #[inline(always)]
    fn next_location(
        &mut self,
        place: &mut Option<Location>,
        element: Element,
        seen: &mut Seen,
        rank: u8,
    ) -> Result<()> {
        if !self.source.may_open(element) {
            return Ok(());
        }
        let location = place.insert(Location::default());
        // As `leaf_to`, in one element more.
        if self.path.len().saturating_add(1) < self.depth_limit {
            let memory_left = &mut self.memory_left;
            let taken = self.source.around(element, Element::LocUri, |text| {
                if !super::is_trimmed(text) {
                    return None;
                }
                if text.len() > INLINE {
                    *memory_left = memory_left.checked_sub(text.len())?;
                }
                location.loc_uri.text_mut().set(text);
                Some(())
            });
            if taken.is_some() {
                seen.mark(rank);
                return Ok(());
            }
        }
        if !self.open(element) {
            *place = None;
            return Ok(());
        }
        seen.mark(rank);
        self.location(location)
    }

    /// A `Target` or `Source`. Some samples of the documents put the address into it directly.
    pub(super) fn location(&mut self, location: &mut Location) -> Result<()> {
        let mut seen = Seen::default();
        self.leaf_to(location.loc_uri.text_mut(), Element::LocUri, &mut seen, 0);
        if seen.has(0) && self.source.close() {
            self.leave();
            return Ok(());
        }
        let mut bare = Cow::Borrowed("");
        let extra = &mut location.extra;
        loop {
            let tag = match self.source.step() {
                Step::Start(element) => {
                    self.enter(Some(element))?;
                    Tag::Known(element)
                }
                Step::End => {
                    self.leave();
                    break;
                }
                Step::Other => match self.bare_location(&mut bare, extra)? {
                    Some(tag) => tag,
                    None => break,
                },
            };
            match tag {
                Tag::Known(element @ Element::LocUri) => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(location.loc_uri.text_mut(), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::LocName) => {
                    if self.single(&mut seen, 1, element)? {
                        self.text_to(location.loc_name.insert(Text::EMPTY), element, extra)?;
                    }
                }
                // The DTD of 1.2 allows it, DM does not use it.
                tag @ Tag::Known(Element::Filter) => self.keep_element(tag, extra)?,
                tag => self.foreign(tag, extra)?,
            }
        }
        if bare.bytes().all(is_space) {
            self.require(&seen, 0, Element::LocUri)?;
        } else if seen.has(0) {
            self.note(ToleranceKind::StrayText)?;
        } else {
            self.note(ToleranceKind::BareLocation)?;
            let bare = super::trim(&bare);
            location.loc_uri = LocUri::from(self.keep_str(bare)?);
        }
        Ok(())
    }

    /// Text of a location up to its next child, or its end.
    #[inline(never)]
    fn bare_location(&mut self, bare: &mut Cow<'i, str>, extra: &mut Extra) -> Result<Option<Tag>> {
        loop {
            match self.next()? {
                Input::Start(tag) => return Ok(Some(tag)),
                Input::End => return Ok(None),
                Input::Attribute(attribute) => self.attribute("", *attribute, extra)?,
                Input::Text(text) => self.append(bare, text)?,
                Input::Char(character) => self.append_char(bare, character)?,
                Input::Opaque(octets) => match core::str::from_utf8(octets) {
                    Ok(text) => self.append(bare, Cow::Borrowed(text))?,
                    Err(_) => {
                        return Err(self.fail(DecodeErrorKind::InvalidText { charset: "utf-8" }));
                    }
                },
            }
        }
    }

    fn parent_uri(&mut self, on: Element, extra: &mut Extra) -> Result<Box<LocUri>> {
        let mut uri = LocUri::default();
        let mut seen = Seen::default();
        while let Some(tag) = self.child(on.name(), extra)? {
            match tag {
                Tag::Known(element @ Element::LocUri) => {
                    if self.single(&mut seen, 0, element)? {
                        // There is no place for attributes of an element this deep.
                        uri = LocUri::from(self.text(element, &mut Extra::default())?);
                    }
                }
                tag => self.drop_element(tag)?,
            }
        }
        self.require(&seen, 0, Element::LocUri)?;
        self.boxed(uri)
    }

    pub(super) fn cred(&mut self) -> Result<Box<Cred>> {
        let mut cred = Cred::default();
        let mut seen = Seen::default();
        while let Some(tag) = self.child("", &mut cred.extra)? {
            match tag {
                Tag::Known(element @ Element::Meta) => {
                    if self.single(&mut seen, 0, element)? {
                        cred.meta = Some(self.shared_meta()?);
                    }
                }
                Tag::Known(element @ Element::Data) => {
                    if self.single(&mut seen, 1, element)? {
                        let is_binary = Form::of(None, cred.meta.as_deref()).is_binary();
                        cred.data =
                            Secret::from(self.base64(element, is_binary, &mut cred.extra)?);
                    }
                }
                tag => self.foreign(tag, &mut cred.extra)?,
            }
        }
        self.require(&seen, 1, Element::Data)?;
        self.boxed(cred)
    }

    pub(super) fn chal(&mut self) -> Result<Box<Chal>> {
        let mut chal = Chal::default();
        let mut seen = Seen::default();
        while let Some(tag) = self.child("", &mut chal.extra)? {
            match tag {
                Tag::Known(element @ Element::Meta) => {
                    if self.single(&mut seen, 0, element)? {
                        self.meta(&mut chal.meta)?;
                    }
                }
                tag => self.foreign(tag, &mut chal.extra)?,
            }
        }
        self.require(&seen, 0, Element::Meta)?;
        self.boxed(chal)
    }

    pub(super) fn shared_meta(&mut self) -> Result<Arc<Meta>> {
        self.charge(size_of::<Meta>())?;
        let mut meta = Meta::default();
        self.meta(&mut meta)?;
        Ok(Arc::new(meta))
    }

    /// Takes the `Meta` of an item, if it comes next. Items mostly have the same as the one before, so
    /// one that is the same to the octet is shared.
    #[inline]
    pub(super) fn next_meta(&mut self) -> Result<Option<Arc<Meta>>> {
        if let Some(common) = &self.common
            && common.cost <= self.memory_left
            && common.depth >= self.path.len()
            && self.source.repeat(&common.stretch)
        {
            // As much as for one of its own: whoever changes it gets that.
            self.memory_left = self.memory_left.saturating_sub(common.cost);
            return Ok(Some(Arc::clone(&common.meta)));
        }
        let place = self.source.place();
        let depth = self.path.len();
        let (memory_left, tolerances) = (self.memory_left, self.tolerances.len());
        if !self.open(Element::Meta) {
            return Ok(None);
        }
        let meta = self.shared_meta()?;
        self.common = place
            .and_then(|place| self.source.since(place))
            .filter(|stretch| stretch.octets.len() <= COMMON_MAX)
            .filter(|_| tolerances == self.tolerances.len())
            .map(|stretch| Common {
                stretch,
                depth,
                cost: memory_left.saturating_sub(self.memory_left),
                meta: Arc::clone(&meta),
            });
        Ok(Some(meta))
    }

    /// Children of a `Meta` come in any order in practice, so that is no tolerance. A `MetInf` around
    /// them, which the DTD of MetInf has as its root, counts as absent.
    fn meta(&mut self, meta: &mut Meta) -> Result<()> {
        let mut seen = Seen::default();
        self.optional_leaf(&mut meta.format, Element::Format, &mut seen, 0);
        self.optional_leaf(&mut meta.type_, Element::Type, &mut seen, 1);
        let mut wrapped = false;
        let extra = &mut meta.extra;
        loop {
            // The wrapper is not kept, nor are attributes of it.
            let mut dropped = Extra::NONE;
            let Some(tag) = self.child("", if wrapped { &mut dropped } else { &mut *extra })?
            else {
                if wrapped {
                    wrapped = false;
                    continue;
                }
                break;
            };
            seen.last = 0;
            match self.metinf(tag)? {
                Tag::Known(Element::MetInf) if !wrapped => wrapped = true,
                Tag::Known(element @ Element::Format) => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(meta.format.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Type) => {
                    if self.single(&mut seen, 1, element)? {
                        self.text_to(meta.type_.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Mark) => {
                    if self.single(&mut seen, 2, element)? {
                        self.text_to(meta.mark.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Size) => {
                    if self.single(&mut seen, 3, element)? {
                        meta.size = self.number(element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Anchor) => {
                    if self.single(&mut seen, 4, element)? {
                        meta.anchor = Some(self.anchor()?);
                    }
                }
                Tag::Known(element @ Element::Version) => {
                    if self.single(&mut seen, 5, element)? {
                        self.text_to(meta.version.insert(Text::EMPTY), element, extra)?;
                    }
                }
                Tag::Known(element @ Element::NextNonce) => {
                    if self.single(&mut seen, 6, element)? {
                        let is_binary = meta.format.as_deref() == Some("bin");
                        meta.next_nonce =
                            Some(Secret::from(self.base64(element, is_binary, extra)?));
                    }
                }
                Tag::Known(element @ Element::MaxMsgSize) => {
                    if self.single(&mut seen, 7, element)? {
                        meta.max_msg_size = self.number(element, extra)?;
                    }
                }
                Tag::Known(element @ Element::MaxObjSize) => {
                    if self.single(&mut seen, 8, element)? {
                        meta.max_obj_size = self.number(element, extra)?;
                    }
                }
                Tag::Known(element @ Element::Emi) => {
                    self.list(element, &mut meta.emi, extra)?;
                }
                Tag::Known(element @ Element::Mem) => {
                    if self.single(&mut seen, 10, element)? {
                        meta.mem = Some(self.mem()?);
                    }
                }
                Tag::Known(element @ Element::FieldLevel) => {
                    if self.single(&mut seen, 11, element)? {
                        meta.field_level = self.flag(element, extra)?;
                    }
                }
                tag => self.foreign(tag, extra)?,
            }
        }
        Ok(())
    }

    fn anchor(&mut self) -> Result<Box<Anchor>> {
        let mut anchor = Anchor::default();
        let mut seen = Seen::default();
        while let Some(tag) = self.child("", &mut anchor.extra)? {
            match self.metinf(tag)? {
                Tag::Known(element @ Element::Last) => {
                    if self.single(&mut seen, 0, element)? {
                        self.text_to(anchor.last.insert(Text::EMPTY), element, &mut anchor.extra)?;
                    }
                }
                Tag::Known(element @ Element::Next) => {
                    if self.single(&mut seen, 1, element)? {
                        self.text_to(&mut anchor.next, element, &mut anchor.extra)?;
                    }
                }
                tag => self.foreign(tag, &mut anchor.extra)?,
            }
        }
        self.require(&seen, 1, Element::Next)?;
        self.boxed(anchor)
    }

    fn mem(&mut self) -> Result<Box<Mem>> {
        let mut mem = Mem::default();
        let mut seen = Seen::default();
        while let Some(tag) = self.child("", &mut mem.extra)? {
            match self.metinf(tag)? {
                Tag::Known(element @ Element::SharedMem) => {
                    if self.single(&mut seen, 0, element)? {
                        self.flag(element, &mut mem.extra)?;
                        mem.shared = SharedMem::Yes;
                    }
                }
                Tag::Known(element @ Element::FreeMem) => {
                    if self.single(&mut seen, 1, element)? {
                        mem.free_mem = self.number(element, &mut mem.extra)?.unwrap_or_default();
                    }
                }
                Tag::Known(element @ Element::FreeId) => {
                    if self.single(&mut seen, 2, element)? {
                        mem.free_id = self.number(element, &mut mem.extra)?.unwrap_or_default();
                    }
                }
                tag => self.foreign(tag, &mut mem.extra)?,
            }
        }
        self.require(&seen, 1, Element::FreeMem)?;
        self.require(&seen, 2, Element::FreeId)?;
        self.boxed(mem)
    }

    /// An `Item` of a command with this `Meta`.
    pub(super) fn item(&mut self, item: &mut Item, command_meta: Option<&Meta>) -> Result<()> {
        let mut seen = Seen::default();
        self.next_location(&mut item.target, Element::Target, &mut seen, 0)?;
        self.next_location(&mut item.source, Element::Source, &mut seen, 1)?;
        if self.source.close() {
            self.leave();
            return Ok(());
        }
        if self.source.may_open(Element::Meta) {
            item.meta = self.next_meta()?;
            if item.meta.is_some() {
                seen.mark(4);
            }
        }
        self.next_data(&mut item.data, &mut seen);
        if self.source.close() {
            self.leave();
            return Ok(());
        }
        self.rest_of_item(item, seen, command_meta)
    }

    /// Takes the `Data` of an item to its place, if it comes next. Only for octets it matters which `Meta`
    /// applies.
    #[inline(always)]
    fn next_data(&mut self, place: &mut Option<Data>, seen: &mut Seen) {
        if self.path.len() >= self.depth_limit {
            return;
        }
        let memory_left = &mut self.memory_left;
        let taken = self.source.leaf(Element::Data, |text| {
            if text.len() > INLINE {
                *memory_left = memory_left.checked_sub(text.len())?;
            }
            Data::set_text(place, text);
            Some(())
        });
        if taken.is_some() {
            seen.mark(5);
        }
    }

    #[inline(never)]
    fn rest_of_item(
        &mut self,
        item: &mut Item,
        mut seen: Seen,
        command_meta: Option<&Meta>,
    ) -> Result<()> {
        let mut raw = None;
        let extra = &mut item.extra;
        while let Some(tag) = self.child("", extra)? {
            match tag {
                Tag::Known(element @ Element::Target) => {
                    if self.single(&mut seen, 0, element)? {
                        self.location(item.target.insert(Location::default()))?;
                    }
                }
                Tag::Known(element @ Element::Source) => {
                    if self.single(&mut seen, 1, element)? {
                        self.location(item.source.insert(Location::default()))?;
                    }
                }
                Tag::Known(element @ Element::SourceParent) => {
                    if self.single(&mut seen, 2, element)? {
                        item.source_parent = Some(self.parent_uri(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::TargetParent) => {
                    if self.single(&mut seen, 3, element)? {
                        item.target_parent = Some(self.parent_uri(element, extra)?);
                    }
                }
                Tag::Known(element @ Element::Meta) => {
                    if self.single(&mut seen, 4, element)? {
                        item.meta = Some(self.shared_meta()?);
                    }
                }
                Tag::Known(element @ Element::Data) => {
                    if self.single(&mut seen, 5, element)? {
                        raw = Some(self.data(extra)?);
                    }
                }
                Tag::Known(element @ Element::MoreData) => {
                    if self.single(&mut seen, 6, element)? {
                        item.more_data = self.flag(element, extra)?;
                    }
                }
                tag => self.foreign(tag, extra)?,
            }
        }
        if let Some(RawData::Text(Cow::Borrowed(text))) = raw {
            self.charge_text(text.len())?;
            Data::set_text(&mut item.data, text);
        } else if let Some(raw) = raw {
            // Only now is it known which Meta applies, whatever the order was.
            let form = || Form::of(command_meta, item.meta.as_deref());
            item.data = Some(self.settle(raw, form)?);
        }
        Ok(())
    }

    fn data(&mut self, extra: &mut Extra) -> Result<RawData<'i>> {
        if let Some(text) = self.source.text() {
            self.leave();
            return Ok(RawData::Text(Cow::Borrowed(text)));
        }
        let mut text: Cow<'i, str> = Cow::Borrowed("");
        let mut octets: Option<&'i [u8]> = None;
        let mut mixed: Option<Vec<u8>> = None;
        loop {
            match self.next()? {
                Input::Text(more) => match (&mut mixed, octets.take()) {
                    (Some(mixed), _) => self.extend(mixed, more.as_bytes())?,
                    (None, Some(first)) => {
                        let mut all = Vec::new();
                        self.extend(&mut all, first)?;
                        self.extend(&mut all, more.as_bytes())?;
                        mixed = Some(all);
                    }
                    (None, None) => self.append(&mut text, more)?,
                },
                Input::Char(character) => {
                    let mut buffer = [0; 4];
                    let more = character.encode_utf8(&mut buffer).as_bytes();
                    match (&mut mixed, octets.take()) {
                        (Some(mixed), _) => self.extend(mixed, more)?,
                        (None, Some(first)) => {
                            let mut all = Vec::new();
                            self.extend(&mut all, first)?;
                            self.extend(&mut all, more)?;
                            mixed = Some(all);
                        }
                        (None, None) => self.append_char(&mut text, character)?,
                    }
                }
                Input::Opaque(more) => match (&mut mixed, octets.take()) {
                    (Some(mixed), _) => self.extend(mixed, more)?,
                    (None, None) if text.is_empty() => octets = Some(more),
                    (None, first) => {
                        let mut all = Vec::new();
                        self.extend(&mut all, text.as_bytes())?;
                        self.extend(&mut all, first.unwrap_or_default())?;
                        self.extend(&mut all, more)?;
                        mixed = Some(all);
                    }
                },
                Input::Attribute(attribute) => self.attribute("Data", *attribute, extra)?,
                Input::Start(tag) => {
                    self.note(ToleranceKind::RawMarkup)?;
                    let before = match (mixed, octets) {
                        (Some(mixed), _) => RawData::Mixed(mixed),
                        (None, Some(octets)) => RawData::Octets(octets),
                        (None, None) => RawData::Text(text),
                    };
                    return self.markup(before, tag);
                }
                Input::End => {
                    return Ok(match (mixed, octets) {
                        (Some(mixed), _) => RawData::Mixed(mixed),
                        (None, Some(octets)) => RawData::Octets(octets),
                        (None, None) => RawData::Text(text),
                    });
                }
            }
        }
    }

    /// The rest of a `Data` in which the element `tag` just began.
    fn markup(&mut self, before: RawData<'i>, tag: Tag) -> Result<RawData<'i>> {
        let mut fragment = Fragment::EMPTY;
        let mut keep = |piece| fragment.push(piece);
        let piece = match before {
            RawData::Text(text) if text.is_empty() => None,
            RawData::Text(text) => Some(Piece::Text(self.keep(text)?)),
            RawData::Octets(octets) => Some(Piece::Opaque(self.share(octets)?)),
            RawData::Mixed(octets) => Some(Piece::Opaque(octets.into())),
            RawData::Markup(_) => None,
        };
        if let Some(piece) = piece {
            self.keep_piece(piece, &mut keep)?;
        }
        self.copy(tag, &mut keep)?;
        let mut text = Cow::Borrowed("");
        loop {
            match self.next()? {
                Input::Text(more) => self.append(&mut text, more)?,
                Input::Char(character) => self.append_char(&mut text, character)?,
                Input::Opaque(octets) => {
                    self.flush(&mut text, &mut keep)?;
                    let octets = self.share(octets)?;
                    self.keep_piece(Piece::Opaque(octets), &mut keep)?;
                }
                Input::Start(tag) => {
                    self.flush(&mut text, &mut keep)?;
                    self.copy(tag, &mut keep)?;
                }
                Input::End => {
                    self.flush(&mut text, &mut keep)?;
                    return Ok(RawData::Markup(fragment));
                }
                Input::Attribute(_) => {}
            }
        }
    }

    fn extend(&mut self, octets: &mut Vec<u8>, more: &[u8]) -> Result<()> {
        self.charge(more.len().saturating_mul(2))?;
        octets.extend_from_slice(more);
        Ok(())
    }

    /// Decides between text and octets.
    fn settle(&mut self, raw: RawData<'i>, form: impl Fn() -> Form) -> Result<Data> {
        if !matches!(raw, RawData::Text(_)) {
            // All but text is boxed.
            self.charge(size_of::<Bytes>())?;
        }
        Ok(match raw {
            RawData::Text(text) => Data::text(self.keep(text)?),
            RawData::Markup(fragment) => Data::markup(fragment),
            RawData::Octets(octets) => match core::str::from_utf8(octets) {
                Ok(text) if !form().is_binary() => Data::text(self.keep(Cow::Borrowed(text))?),
                _ => Data::binary(self.share(octets)?),
            },
            RawData::Mixed(octets) if form().is_binary() => Data::binary(octets),
            RawData::Mixed(octets) => match alloc::string::String::from_utf8(octets) {
                Ok(text) => Data::text(text),
                Err(error) => Data::binary(error.into_bytes()),
            },
        })
    }

    /// The `Data` of a `Status`: missing or not a number is 400.
    pub(super) fn status_code(&mut self, extra: &mut Extra) -> Result<StatusCode> {
        if let Some(number) = self.digits(Element::Data, extra)? {
            return Ok(StatusCode::new(number));
        }
        self.note(ToleranceKind::StatusCode)?;
        Ok(StatusCode::BAD_REQUEST)
    }

    /// The `Data` of an `Alert`.
    pub(super) fn alert_code(&mut self, extra: &mut Extra) -> Result<Option<AlertCode>> {
        let number = self.number(Element::Data, extra)?;
        Ok(number.map(AlertCode::new))
    }
}

/// What Format and Type say about the form of data. Each falls back on its own to the command's.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec) struct Form {
    is_bin: bool,
    is_base64: bool,
    is_wbxml: bool,
}

impl Form {
    pub(in crate::codec) fn of(command: Option<&Meta>, item: Option<&Meta>) -> Self {
        let format = item
            .and_then(|meta| meta.format.as_deref())
            .or_else(|| command?.format.as_deref());
        let type_ = item
            .and_then(|meta| meta.type_.as_deref())
            .or_else(|| command?.type_.as_deref());
        Self {
            is_bin: format == Some("bin"),
            is_base64: format == Some("b64"),
            is_wbxml: type_.is_some_and(|type_| type_.ends_with("wbxml")),
        }
    }

    /// Whether opaque data of this form is octets even where they would be valid text.
    pub(in crate::codec) fn is_binary(self) -> bool {
        self.is_bin || self.is_wbxml
    }

    /// Whether the format says Base64.
    pub(in crate::codec) fn is_base64(self) -> bool {
        self.is_base64
    }
}
