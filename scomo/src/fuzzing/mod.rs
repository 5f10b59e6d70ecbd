//! Bodies of the fuzz targets in `fuzz/`, here so that they are compiled, linted and changed with the
//! code. Each states the properties that it enforces; breaking one panics.

use crate::descriptor::{Descriptor, DescriptorError, MAX_SIZE, install_notify_uri_of};

/// Download descriptors: they are read or refused, and what is read has what is required and no more than
/// its document. Who is told of one that is read is who would be told of it if it were refused.
pub fn descriptor(octets: &[u8]) {
    let notify = install_notify_uri_of(octets);
    match Descriptor::parse(octets) {
        Ok(descriptor) => {
            assert!(octets.len() <= MAX_SIZE);
            assert!(!descriptor.types.is_empty());
            assert!(descriptor.types.iter().all(|name| !name.is_empty()));
            assert_eq!(descriptor.version.major, 1);
            assert_eq!(descriptor.install_notify_uri, notify);
            let texts = [
                Some(&descriptor.object_uri),
                descriptor.install_notify_uri.as_ref(),
                descriptor.next_url.as_ref(),
                descriptor.name.as_ref(),
                descriptor.description.as_ref(),
                descriptor.vendor.as_ref(),
                descriptor.info_url.as_ref(),
                descriptor.icon_uri.as_ref(),
                descriptor.install_param.as_ref(),
            ];
            let texts = texts.into_iter().flatten().chain(&descriptor.types);
            let mut len = 0;
            for text in texts {
                assert!(!text.is_empty() && *text == *text.trim());
                len += text.len();
            }
            // No reference is shorter than its character.
            assert!(len <= octets.len());
            assert_eq!(descriptor.check(|_| true, descriptor.size), Ok(()));
            let first = descriptor.types.first().map(AsRef::as_ref);
            assert_eq!(descriptor.check_object(descriptor.size, first), Ok(()));
            let other = descriptor.check_object(descriptor.size ^ 1, first);
            assert_eq!(other, Err(DescriptorError::Mismatch("size")));
        }
        Err(error) => {
            assert_ne!(error.install_status().as_u16(), 900);
            assert!(!error.result_code().is_success());
            if let DescriptorError::Malformed { offset, .. } = error {
                assert!(offset <= octets.len() as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;

    use super::*;

    fn replay(target: &str, body: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(target);
        let mut seeds: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
        for seed in seeds {
            body(&fs::read(seed).expect("a readable seed"));
        }
    }

    #[test]
    fn seeds_of_descriptor_hold_its_properties() {
        replay("descriptor", descriptor);
    }

    /// Pieces of descriptors, good and bad.
    const PIECES: [&str; 28] = [
        "<media>",
        "<media xmlns=\"http://www.openmobilealliance.org/xmlns/dd\" DDVersion=\"1.0\">",
        "<media DDVersion=\"2.0\">",
        "</media>",
        "<type>a/b</type>",
        "<size>100</size>",
        "<size>18446744073709551616</size>",
        "<size>",
        "</size>",
        "<objectURI>http://o</objectURI>",
        "<installNotifyURI>http://n</installNotifyURI>",
        "<installNotifyURI/>",
        "<name>",
        "</name>",
        "<x:name xmlns:x=\"urn:x\">",
        "</x:name>",
        "&amp;",
        "&#50;",
        "&#0;",
        "&x;",
        "<![CDATA[ <x> ]]>",
        "<!-- c -->",
        "<?p i?>",
        "<!DOCTYPE media>",
        "\u{feff}",
        " 1 ",
        "<DDVersion>1.1</DDVersion>",
        "\r\n",
    ];

    proptest! {
        #[test]
        fn pieces_in_any_order_hold_the_properties_of_descriptor(
            pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..16),
            is_whole in any::<bool>(),
        ) {
            let mut xml = pieces.concat();
            if is_whole {
                let required = "<type>a/b</type><size>7</size><objectURI>http://o</objectURI>";
                xml = format!("<media>{required}{xml}</media>");
            }
            descriptor(xml.as_bytes());
        }
    }
}
