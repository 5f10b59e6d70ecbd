//! Pieces of any document type into XML text.

use alloc::{borrow::Cow, format, string::String, vec::Vec};
use core::ops::Range;

use crate::codec::xml::{escape_attribute, escape_text};

/// Writes a document: every namespace as default, on the element where it changes.
pub(super) struct Writer<'i> {
    pub(super) out: String,
    open: Vec<Open<'i>>,
    indent: bool,
    /// Whether the tag of the innermost element lacks its `>`.
    is_fresh: bool,
}

struct Open<'i> {
    namespace: Cow<'i, str>,
    local: Cow<'i, str>,
    has_text: bool,
    has_child: bool,
}

impl<'i> Writer<'i> {
    pub(super) fn new(indent: bool) -> Self {
        Self {
            out: String::new(),
            open: Vec::new(),
            indent,
            is_fresh: false,
        }
    }

    /// Begins an element; gives the place before it.
    pub(super) fn start(
        &mut self,
        namespace: Cow<'i, str>,
        local: Cow<'i, str>,
        attributes: &[(Cow<'_, str>, Cow<'_, str>, String)],
    ) -> usize {
        self.close_tag();
        if let Some(parent) = self.open.last_mut() {
            parent.has_child = true;
            if !parent.has_text {
                self.line();
            }
        }
        let at = self.out.len();
        let inherited = self.open.last().map_or("", |open| &*open.namespace);
        self.out.push('<');
        self.out.push_str(&local);
        if *namespace != *inherited {
            self.out.push_str(" xmlns=\"");
            escape_attribute(&mut self.out, &namespace);
            self.out.push('"');
        }
        for (index, (space, name, value)) in attributes.iter().enumerate() {
            self.out.push(' ');
            if !space.is_empty() {
                self.out.push_str(&format!("xmlns:n{index}=\""));
                escape_attribute(&mut self.out, space);
                self.out.push_str(&format!("\" n{index}:"));
            }
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape_attribute(&mut self.out, value);
            self.out.push('"');
        }
        self.is_fresh = true;
        self.open.push(Open {
            namespace,
            local,
            has_text: false,
            has_child: false,
        });
        at
    }

    /// Writes text; gives where it stands.
    pub(super) fn text(&mut self, text: &str) -> Range<usize> {
        self.close_tag();
        if let Some(open) = self.open.last_mut() {
            open.has_text = true;
        }
        let from = self.out.len();
        escape_text(&mut self.out, text);
        from..self.out.len()
    }

    /// Writes markup as it is.
    pub(super) fn raw(&mut self, markup: &str) {
        self.close_tag();
        if let Some(open) = self.open.last_mut() {
            open.has_text = true;
        }
        self.out.push_str(markup);
    }

    pub(super) fn end(&mut self) {
        let Some(open) = self.open.pop() else {
            return;
        };
        if self.is_fresh {
            self.is_fresh = false;
            self.out.push_str("/>");
            return;
        }
        if open.has_child && !open.has_text {
            self.line();
        }
        self.out.push_str("</");
        self.out.push_str(&open.local);
        self.out.push('>');
    }

    /// The place of what follows the tag of the innermost element.
    pub(super) fn content(&mut self) -> usize {
        self.close_tag();
        self.out.len()
    }

    fn close_tag(&mut self) {
        if self.is_fresh {
            self.is_fresh = false;
            self.out.push('>');
        }
    }

    fn line(&mut self) {
        if self.indent {
            self.out.push('\n');
            for _ in &self.open {
                self.out.push_str("  ");
            }
        }
    }
}
