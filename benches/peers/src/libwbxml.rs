//! The few functions of libwbxml 0.11 that the comparison needs.
//!
//! The tree functions are exported by the library but absent from its installed headers; their
//! signatures are those of its sources.

use std::{
    ffi::{c_int, c_uchar, c_uint, c_void},
    ptr,
};

#[repr(C)]
struct GenWbxmlParams {
    version: c_int,
    keep_ignorable_ws: c_uchar,
    use_strtbl: c_uchar,
    produce_anonymous: c_uchar,
}

unsafe extern "C" {
    fn wbxml_tree_from_wbxml(
        wbxml: *const c_uchar,
        len: c_uint,
        language: c_int,
        charset: c_int,
        tree: *mut *mut c_void,
    ) -> c_int;
    fn wbxml_tree_to_wbxml(
        tree: *mut c_void,
        wbxml: *mut *mut c_uchar,
        len: *mut c_uint,
        params: *const GenWbxmlParams,
    ) -> c_int;
    fn wbxml_tree_destroy(tree: *mut c_void);
    fn wbxml_conv_wbxml2xml_create(conv: *mut *mut c_void) -> c_int;
    fn wbxml_conv_wbxml2xml_run(
        conv: *mut c_void,
        wbxml: *const c_uchar,
        len: c_uint,
        xml: *mut *mut c_uchar,
        xml_len: *mut c_uint,
    ) -> c_int;
    fn wbxml_conv_wbxml2xml_destroy(conv: *mut c_void);
    fn wbxml_conv_xml2wbxml_create(conv: *mut *mut c_void) -> c_int;
    fn wbxml_conv_xml2wbxml_run(
        conv: *mut c_void,
        xml: *const c_uchar,
        len: c_uint,
        wbxml: *mut *mut c_uchar,
        wbxml_len: *mut c_uint,
    ) -> c_int;
    fn wbxml_conv_xml2wbxml_disable_string_table(conv: *mut c_void);
    fn wbxml_conv_xml2wbxml_destroy(conv: *mut c_void);
    fn free(memory: *mut c_void);
}

/// libwbxml's own tree of a document.
pub struct Tree(*mut c_void);

impl Tree {
    /// Decodes a document; the language is found by its public id.
    pub fn from_wbxml(wbxml: &[u8]) -> Self {
        let mut tree = ptr::null_mut();
        // SAFETY: the pointer and length are those of the slice, which the call only reads; `tree` is a
        // valid place for the result.
        let error = unsafe {
            wbxml_tree_from_wbxml(wbxml.as_ptr(), wbxml.len() as c_uint, 0, 106, &mut tree)
        };
        assert_eq!(error, 0, "libwbxml refuses the input");
        Self(tree)
    }

    /// Encodes the tree, with or without a string table; returns the length.
    pub fn to_wbxml(&self, string_table: bool) -> usize {
        let params = GenWbxmlParams {
            version: 2,
            keep_ignorable_ws: 1,
            use_strtbl: string_table.into(),
            produce_anonymous: 0,
        };
        let (mut wbxml, mut len) = (ptr::null_mut(), 0);
        // SAFETY: the tree is alive; the out pointers are valid; the result is freed below, once.
        let error = unsafe { wbxml_tree_to_wbxml(self.0, &mut wbxml, &mut len, &params) };
        assert_eq!(error, 0, "libwbxml cannot encode its tree");
        // SAFETY: allocated by the call above with malloc.
        unsafe { free(wbxml.cast()) };
        len as usize
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // SAFETY: created by `wbxml_tree_from_wbxml`, destroyed once.
        unsafe { wbxml_tree_destroy(self.0) }
    }
}

/// Converts a document to XML; returns the length.
pub fn wbxml_to_xml(wbxml: &[u8]) -> usize {
    let (mut conv, mut xml, mut len) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: the converter is created, used and destroyed here; the input is only read; the output is
    // freed once.
    unsafe {
        assert_eq!(wbxml_conv_wbxml2xml_create(&mut conv), 0);
        let error = wbxml_conv_wbxml2xml_run(
            conv,
            wbxml.as_ptr(),
            wbxml.len() as c_uint,
            &mut xml,
            &mut len,
        );
        assert_eq!(error, 0, "libwbxml cannot convert the input");
        free(xml.cast());
        wbxml_conv_wbxml2xml_destroy(conv);
    }
    len as usize
}

/// Converts a document to WBXML without a string table; returns the length.
pub fn xml_to_wbxml(xml: &[u8]) -> usize {
    let (mut conv, mut wbxml, mut len) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: as above.
    unsafe {
        assert_eq!(wbxml_conv_xml2wbxml_create(&mut conv), 0);
        wbxml_conv_xml2wbxml_disable_string_table(conv);
        let error = wbxml_conv_xml2wbxml_run(
            conv,
            xml.as_ptr(),
            xml.len() as c_uint,
            &mut wbxml,
            &mut len,
        );
        assert_eq!(error, 0, "libwbxml cannot convert the input");
        free(wbxml.cast());
        wbxml_conv_xml2wbxml_destroy(conv);
    }
    len as usize
}
