//! What a package of our own kind is: a plain `.tar` with a [`Manifest`] and the files of its components.

use core::fmt;
use std::{collections::BTreeSet, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The file of a package that says what is in it.
pub const MANIFEST: &str = "dm-package.json";

/// What a package holds: its [`MANIFEST`], as JSON.
///
/// The files of a component lie below a folder named by its ID.
#[non_exhaustive]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The components.
    pub components: Vec<ManifestComponent>,
}

/// A component in a [`Manifest`].
#[non_exhaustive]
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestComponent {
    /// Its ID: letters, digits, `.`, `-`, `_`, `+`, at most 64, not beginning with `.`.
    pub id: String,
    /// Its name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// A description.
    #[serde(default)]
    pub description: Option<String>,
    /// Its files, relative to its folder: all of them and no others.
    pub files: BTreeSet<String>,
}

/// The SHA-256 of a package.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// The digest of octets.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// What a hasher came to.
    pub(super) fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }

    /// The `sha256=HEX` among parameters that are parted by `;`, `&`, `,` or white space.
    ///
    /// # Errors
    ///
    /// If there is none, or it is not 64 hexadecimal digits.
    pub fn in_params(params: &str) -> Result<Self, PackageError> {
        let hex = params
            .split(|c: char| matches!(c, ';' | '&' | ',') || c.is_whitespace())
            .find_map(|param| param.strip_prefix("sha256="))
            .ok_or(PackageError::NoDigest)?;
        let bad = || PackageError::BadDigest(hex.to_owned());
        let mut octets = [0; 32];
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        for (octet, pair) in octets.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let pair = core::str::from_utf8(pair).map_err(|_| bad())?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Manifest {
    /// Checks that it names components, each by an ID of its own, and all of the files `found`, and no
    /// others.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub(super) fn check(&self, found: &BTreeSet<String>) -> Result<(), PackageError> {
        if self.components.is_empty() {
            return Err(PackageError::malformed("no component"));
        }
        let mut named = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for component in &self.components {
            let id = &component.id;
            if !is_id(id) || !ids.insert(id) {
                return Err(PackageError::malformed(format!("component id {id:?}")));
            }
            named.extend(component.files.iter().map(|file| format!("{id}/{file}")));
        }
        if let Some(file) = named.symmetric_difference(found).next() {
            return Err(PackageError::malformed(format!(
                "{file:?} is not both in the manifest and in the package"
            )));
        }
        Ok(())
    }
}

/// Why a package is not on the device, or what it holds not installed.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The package was not fetched, or is gone.
    #[error("the package is not on the device")]
    Missing,
    /// Its content is not what was announced.
    #[error("sha256 is {found}, not {expected}")]
    Digest {
        /// What was announced.
        expected: Sha256Digest,
        /// What it is.
        found: Sha256Digest,
    },
    /// Nobody said what its content should be.
    #[error("InstallParams name no sha256=DIGEST")]
    NoDigest,
    /// What was said of its content is no digest.
    #[error("sha256={0} is no digest")]
    BadDigest(String),
    /// It is of a kind that this device cannot install.
    #[error("{0} packages are not supported")]
    Kind(&'static str),
    /// It is no package, or not a well-formed one.
    #[error("bad package: {0}")]
    Malformed(String),
    /// It is larger than allowed.
    #[error("the package is too large")]
    TooLarge,
    /// It wants to run a script, which could not be held in the root.
    #[error("the package has a {0} script, and this device runs none")]
    Scripts(String),
    /// It would go back to an earlier version.
    #[error("version {installed} is installed, and {offered} is older")]
    Older {
        /// What is there.
        installed: String,
        /// What would come.
        offered: String,
    },
    /// It would be inactive, and it is of a kind that cannot be.
    #[error(".deb packages are always active")]
    AlwaysActive,
    /// dpkg failed.
    #[error("dpkg failed: {0}")]
    Dpkg(String),
    /// There is no such component.
    #[error("no component {0}")]
    NoComponent(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl PackageError {
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }

    /// Whether there was no room.
    pub fn is_out_of_room(&self) -> bool {
        match self {
            Self::TooLarge => true,
            Self::Io(error) => is_out_of_room(error),
            Self::Dpkg(said) => said.contains("No space left on device"),
            _ => false,
        }
    }
}

/// Whether packages of a media type are installed, `.deb` packages among them or not.
pub(super) fn is_package_type(essence: &str, debs: bool) -> bool {
    match essence {
        "application/x-tar" | "application/octet-stream" => true,
        other => debs && is_deb_type(other),
    }
}

/// Whether a media type is that of a `.deb`: the registered one, or one from before there was one.
pub(super) fn is_deb_type(essence: &str) -> bool {
    matches!(
        essence,
        "application/vnd.debian.binary-package"
            | "application/x-debian-package"
            | "application/x-deb"
    )
}

/// A media type without its parameters.
pub(super) fn essence(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether the file system is full.
pub(super) fn is_out_of_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether text can be the ID of a component: one name, and no path.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && !id.starts_with('.')
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+'))
}

/// A file of a component: its path below the component's folder, and its content.
pub type FileOf<'a> = (&'a str, &'a [u8]);

/// Builds a package: the manifest, then the files of each component with their content.
///
/// # Errors
///
/// If a path is none that a `.tar` can hold.
pub fn build(components: &[(ManifestComponent, &[FileOf<'_>])]) -> io::Result<Vec<u8>> {
    let manifest = Manifest {
        components: components
            .iter()
            .map(|(component, files)| ManifestComponent {
                files: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
                ..component.clone()
            })
            .collect(),
    };
    let mut package = tar::Builder::new(Vec::new());
    let mut append = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        package.append_data(&mut header, path, content)
    };
    append(MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
    for (component, files) in components {
        for (path, content) in *files {
            append(&format!("{}/{path}", component.id), content)?;
        }
    }
    package.into_inner()
}

impl ManifestComponent {
    /// A component without files.
    pub fn new(id: &str, name: &str, version: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: Some(name.to_owned()),
            version: Some(version.to_owned()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_name_and_no_path() {
        for id in ["", ".", "..", ".stage", "a/b", "a b", "ä", &"a".repeat(65)] {
            assert!(!is_id(id), "{id}");
        }
        assert!(is_id("com.example.game-2_x"));
    }

    #[test]
    fn the_digest_is_found_among_other_parameters() {
        let digest = Sha256Digest::of(b"abc");
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), hex);
        assert_eq!(
            Sha256Digest::in_params(&format!("reboot=no; sha256={hex}")).unwrap(),
            digest
        );
        assert!(matches!(
            Sha256Digest::in_params("reboot=no"),
            Err(PackageError::NoDigest)
        ));
        for bad in ["sha256=", "sha256=12", &format!("sha256=é{}", &hex[2..])] {
            assert!(
                matches!(
                    Sha256Digest::in_params(bad),
                    Err(PackageError::BadDigest(_))
                ),
                "{bad}"
            );
        }
    }
}
