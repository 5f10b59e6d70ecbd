//! Reads and writes WBXML with a panic handler and an allocator of its own: were `std` linked by any
//! dependency, there would be two, and this would not build. An ordinary `no_std` library proves nothing.
#![no_std]

use core::{
    alloc::{GlobalAlloc, Layout},
    panic::PanicInfo,
    ptr,
};

use bytes::Bytes;
use dm_proto::codec::{DecodeOptions, Document, DocumentOptions, Encoding, decode, encode};

/// An allocator that has nothing: the probe is built, not run.
struct NoMemory;

// SAFETY: returning null is always allowed; nothing is ever handed out, so nothing is freed.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Decodes and encodes a message and a document of another type; keeps all of it in the library.
#[unsafe(no_mangle)]
pub extern "C" fn probe() -> usize {
    let octets = Bytes::from_static(b"\x02");
    let message = match decode(Encoding::Wbxml, &octets, &DecodeOptions::default()) {
        Ok(decoded) => encode(Encoding::Wbxml, &decoded.message).map_or(0, |octets| octets.len()),
        Err(error) => error.offset(),
    };
    let document = match Document::read(Encoding::Wbxml, &octets, &DocumentOptions::default()) {
        Ok(document) => document
            .encode(Encoding::Wbxml)
            .map_or(0, |octets| octets.len()),
        Err(error) => error.offset(),
    };
    message.wrapping_add(document)
}
