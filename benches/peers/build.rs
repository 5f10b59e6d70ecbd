//! Links the system's libwbxml (Debian: `libwbxml2-dev`).

fn main() {
    println!("cargo::rustc-link-lib=dylib=wbxml2");
}
