//! The image of a root: a plain `.tar` that a reset restores.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{self, Read, Seek, SeekFrom},
    os::unix::ffi::OsStringExt as _,
    path::Path,
};

use cap_fs_ext::DirExt;
use cap_std::{
    ambient_authority,
    fs::{Dir, Metadata, MetadataExt, Permissions, PermissionsExt},
};
use rustix::fs::{AtFlags, Gid, Timespec, Timestamps, Uid};

use super::{
    factory::entry_path,
    locks::{FULLY_LOCKED, PARTIALLY_LOCKED},
    root::{self, MARKER, Root},
};

/// What the parts of a `.tar` begin at a multiple of.
const BLOCK: u64 = 512;

/// What a folder of ours that was empty is filled with.
const BUILT_IN: [(&str, &str); 6] = [
    (
        "etc/os-release",
        "ID=dm-device\nNAME=\"dm-device\"\nVERSION_ID=1\n",
    ),
    ("etc/hostname", "dm-device\n"),
    (
        "home/user/Contacts/readme.vcf",
        "BEGIN:VCARD\nVERSION:4.0\nFN:Support\nEND:VCARD\n",
    ),
    ("home/user/Messages/welcome.txt", "Welcome.\n"),
    ("home/user/Photos/.keep", ""),
    ("opt/.keep", ""),
];

/// Writes the image of a device that was given none.
pub(super) fn write_built_in(file: &fs::File) -> io::Result<()> {
    let mut image = tar::Builder::new(file);
    for (path, content) in BUILT_IN {
        let mut header = header(tar::EntryType::Regular, 0o644, content.len() as u64);
        image.append_data(&mut header, path, content.as_bytes())?;
    }
    image.finish()
}

/// Writes the image that somebody has: a folder, or a plain `.tar`, which is checked first to be one that
/// can be restored.
pub(super) fn import(from: &Path, mut to: &fs::File) -> io::Result<()> {
    if from.is_dir() {
        let dir = Dir::open_ambient_dir(from, ambient_authority())?;
        return take(&dir, to);
    }
    io::copy(&mut fs::File::open(from)?, &mut to)?;
    let length = to.seek(SeekFrom::End(0))?;
    to.seek(SeekFrom::Start(0))?;
    let mut rehearsal = Rehearsal::new();
    let mut end = 0;
    for entry in tar::Archive::new(to).entries_with_seek()? {
        let entry = entry.map_err(damaged)?;
        let found = Entry::read(&entry)?;
        end = entry.raw_file_position().saturating_add(entry.size());
        if end > length {
            return Err(bad(&format!("it ends in the middle of {}", found.path)));
        }
        rehearsal.lay(&found)?;
    }
    if end == 0 {
        return Err(bad("there is nothing in it"));
    }
    // An archive ends with blocks of zeros: what was cut off between two entries does not.
    if end.next_multiple_of(BLOCK).saturating_add(BLOCK) > length {
        return Err(bad("it was cut off: an archive ends with zeros"));
    }
    Ok(())
}

/// What [`restore`] is going to find in the root: an image that fails half-way would leave a device that
/// is erased and nothing else.
struct Rehearsal(BTreeMap<String, IsFolder>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum IsFolder {
    Yes,
    No,
}

impl Rehearsal {
    fn new() -> Self {
        Self(BTreeMap::from([(MARKER.to_owned(), IsFolder::No)]))
    }

    fn lay(&mut self, entry: &Entry) -> io::Result<()> {
        let path = &entry.path;
        if path.is_empty() || path == MARKER {
            return Ok(());
        }
        for (end, _) in path.match_indices('/') {
            let above = path.get(..end).unwrap_or_default();
            if self.0.get(above) == Some(&IsFolder::No) {
                return Err(bad(&format!("{path} is below {above}, which is no folder")));
            }
            self.0.insert(above.to_owned(), IsFolder::Yes);
        }
        let is = match &entry.kind {
            Kind::Folder => IsFolder::Yes,
            Kind::File | Kind::Link(_) => IsFolder::No,
            Kind::HardLink(target) => {
                if target == path || self.0.get(target) != Some(&IsFolder::No) {
                    let reason =
                        format!("{path} is a name of {target}, which is no file before it");
                    return Err(bad(&reason));
                }
                IsFolder::No
            }
        };
        match self.0.insert(path.clone(), is) {
            Some(was) if was != is => Err(bad(&format!("{path} is both a folder and none"))),
            _ => Ok(()),
        }
    }
}

/// Writes all below `dir` but the marker: folders, files and links with their modes, owners and times.
pub(super) fn take(dir: &Dir, file: &fs::File) -> io::Result<()> {
    let mut image = tar::Builder::new(file);
    let mut folders = vec![(dir.try_clone()?, String::new())];
    while let Some((dir, prefix)) = folders.pop() {
        for entry in dir.entries()? {
            let entry = entry?;
            let name = entry
                .file_name()
                .into_string()
                .map_err(|name| bad(&format!("{prefix}{} is not UTF-8", name.display())))?;
            if prefix.is_empty() && name == MARKER {
                continue;
            }
            let path = format!("{prefix}{name}");
            let metadata = dir.symlink_metadata(&name)?;
            if metadata.is_dir() {
                let mut header = header_of(tar::EntryType::Directory, &metadata, 0);
                image.append_data(&mut header, format!("{path}/"), io::empty())?;
                folders.push((dir.open_dir_nofollow(&name)?, format!("{path}/")));
            } else if metadata.is_symlink() {
                let mut header = header_of(tar::EntryType::Symlink, &metadata, 0);
                image.append_link(&mut header, &path, dir.read_link_contents(&name)?)?;
            } else if metadata.is_file() {
                let mut header = header_of(tar::EntryType::Regular, &metadata, metadata.len());
                image.append_data(&mut header, &path, dir.open(&name)?)?;
            } else {
                return Err(neither(&path));
            }
        }
    }
    image.finish()
}

/// Brings a root back to an image: what is there goes, and what is in the image comes. Run again, it does
/// the same from the beginning.
pub(super) fn restore(root: &Root, image: fs::File) -> io::Result<()> {
    root::empty_but(root.dir(), |name| name == MARKER)?;
    // The rights and times of folders come last: they may forbid, and are changed by, what is put in.
    let mut folders = Vec::new();
    for entry in tar::Archive::new(image).entries()? {
        let mut entry = entry.map_err(damaged)?;
        let found = Entry::read(&entry)?;
        // A device that leaves the factory is not locked.
        if found.path.is_empty() || [MARKER, FULLY_LOCKED, PARTIALLY_LOCKED].contains(&&*found.path)
        {
            continue;
        }
        if let Kind::Folder = found.kind {
            root.make_folder(&found.path)?;
            folders.push(found);
            continue;
        }
        let (parent, name) = root::split(&found.path)?;
        let dir = root.make_folder(parent)?;
        match &found.kind {
            // As in tar itself, of two with one name the last counts.
            _ if root.exists(&found.path) => root.remove_file(&found.path)?,
            _ => {}
        }
        match &found.kind {
            Kind::Link(target) => {
                dir.symlink_contents(target, name)?;
                found.dress(&dir, name)?;
            }
            Kind::HardLink(target) => root.link(target, &found.path)?,
            Kind::File | Kind::Folder => {
                let mut file = root::create_in(&dir, name)?;
                io::copy(&mut entry, &mut file)?;
                found.dress(&dir, name)?;
                file.sync_all()?;
            }
        }
        root::sync(&dir)?;
    }
    for folder in folders.iter().rev() {
        let (parent, name) = root::split(&folder.path)?;
        let parent = root.folder(parent)?;
        folder.dress(&parent, name)?;
        root::sync(&parent)?;
    }
    root::sync(root.dir())
}

/// What an entry is.
enum Kind {
    Folder,
    File,
    Link(OsString),
    /// A second name of the file at this path.
    HardLink(String),
}

/// An entry of an image.
struct Entry {
    path: String,
    kind: Kind,
    mode: u32,
    /// User and group, where somebody wrote them down.
    owner: Option<(u32, u32)>,
    /// In seconds since 1970, likewise.
    time: Option<i64>,
}

impl Entry {
    fn read<R: Read>(entry: &tar::Entry<'_, R>) -> io::Result<Self> {
        let path = entry_path(entry)?;
        let path = if path == "." { String::new() } else { path };
        // Whether it stays below the root.
        let _ = root::segments(&path)?;
        let header = entry.header();
        let type_ = header.entry_type();
        let target = || entry.link_name_bytes().ok_or_else(|| neither(&path));
        let kind = if type_.is_dir() {
            Kind::Folder
        } else if type_.is_file() {
            Kind::File
        } else if type_.is_symlink() {
            Kind::Link(OsString::from_vec(target()?.into_owned()))
        } else if type_.is_hard_link() {
            let target = target()?.into_owned();
            let target = String::from_utf8(target).map_err(|_| neither(&path))?;
            let target = target.trim_start_matches("./").to_owned();
            root::split(&target)?;
            Kind::HardLink(target)
        } else {
            return Err(neither(&path));
        };
        if path.is_empty() && !matches!(kind, Kind::Folder) {
            return Err(neither(&path));
        }
        let id = |id: io::Result<u64>| u32::try_from(id.ok()?).ok();
        Ok(Self {
            kind,
            mode: header.mode()? & 0o7777,
            owner: id(header.uid()).zip(id(header.gid())),
            time: header.mtime().ok().and_then(|time| time.try_into().ok()),
            path,
        })
    }

    /// Gives what was made of it its owner, rights and time.
    fn dress(&self, dir: &Dir, name: &str) -> io::Result<()> {
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        if let Some((uid, gid)) = self.owner {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            // Who is not root keeps what it makes.
            match rustix::fs::chownat(dir, name, Some(uid), Some(gid), nofollow) {
                Ok(()) | Err(rustix::io::Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !matches!(self.kind, Kind::Link(_)) {
            // After the owner: a change of owner takes rights away.
            dir.set_permissions(name, Permissions::from_mode(self.mode))?;
        }
        if let Some(tv_sec) = self.time {
            let time = Timespec { tv_sec, tv_nsec: 0 };
            let times = Timestamps {
                last_access: time,
                last_modification: time,
            };
            rustix::fs::utimensat(dir, name, &times, nofollow)?;
        }
        Ok(())
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header
}

fn header_of(kind: tar::EntryType, metadata: &Metadata, size: u64) -> tar::Header {
    let mut header = header(kind, metadata.permissions().mode() & 0o7777, size);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header
}

fn bad(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// What the library says of a file that is no archive would quote its octets.
pub(super) fn damaged(_: io::Error) -> io::Error {
    bad("it is no plain .tar, or damaged")
}

fn neither(path: &str) -> io::Error {
    bad(&format!(
        "{path} is neither file, folder nor link: it is in no image"
    ))
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
        path::PathBuf,
    };

    use super::*;

    /// A root with the marker, and a file to write an image to.
    fn root() -> (tempfile::TempDir, Root, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root");
        fs::create_dir(&path).unwrap();
        fs::write(path.join(MARKER), "").unwrap();
        let root = Root::open(&path).unwrap();
        let image = dir.path().join("image.tar");
        (dir, root, image)
    }

    fn writable(path: &Path) -> fs::File {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        options.open(path).unwrap()
    }

    /// An image with what a root file system has.
    fn firmware() -> Vec<u8> {
        let mut image = tar::Builder::new(Vec::new());
        let mut add = |kind: tar::EntryType, mode: u32, path: &str, content: &[u8]| {
            let mut header = header(kind, mode, content.len() as u64);
            header.set_mtime(1_000_000);
            image.append_data(&mut header, path, content).unwrap();
        };
        let (folder, file) = (tar::EntryType::Directory, tar::EntryType::Regular);
        add(folder, 0o755, "./", b"");
        add(folder, 0o555, "./usr/", b"");
        add(folder, 0o755, "./usr/bin/", b"");
        add(file, 0o755, "./usr/bin/busybox", b"#!");
        add(file, 0o600, "./etc/shadow", b"root");
        add(file, 0o644, "./etc/nologin", b"locked");
        let mut link = header(tar::EntryType::Symlink, 0o777, 0);
        image.append_link(&mut link, "./bin", "usr/bin").unwrap();
        let mut link = header(tar::EntryType::Link, 0o755, 0);
        let (path, target) = ("./usr/bin/ls", "./usr/bin/busybox");
        image.append_link(&mut link, path, target).unwrap();
        image.into_inner().unwrap()
    }

    #[test]
    fn a_root_file_system_is_restored_with_modes_times_and_both_kinds_of_links() {
        let (dir, root, image) = root();
        let given = dir.path().join("firmware.tar");
        fs::write(&given, firmware()).unwrap();
        import(&given, &writable(&image)).unwrap();
        // Twice: the second has what the first made to take away.
        for _ in 0..2 {
            fs::create_dir_all(root.path().join("user")).unwrap();
            restore(&root, fs::File::open(&image).unwrap()).unwrap();
            let at = |path: &str| fs::symlink_metadata(root.path().join(path)).unwrap();
            assert!(!root.path().join("user").exists());
            assert!(!root.path().join("etc/nologin").exists());
            assert_eq!(at("usr").mode() & 0o7777, 0o555);
            assert_eq!(at("usr").mtime(), 1_000_000);
            assert_eq!(at("usr/bin/busybox").mode() & 0o7777, 0o755);
            assert_eq!(at("usr/bin/busybox").mtime(), 1_000_000);
            assert_eq!(at("etc/shadow").mode() & 0o7777, 0o600);
            assert_eq!(at("usr/bin/ls").ino(), at("usr/bin/busybox").ino());
            assert_eq!(fs::read(root.path().join("bin/ls")).unwrap(), b"#!");
            assert!(root.path().join(MARKER).exists());
        }
    }

    #[test]
    fn a_folder_is_taken_as_an_image_and_comes_back_the_same() {
        let (dir, root, image) = root();
        let given = dir.path().join("firmware");
        fs::create_dir_all(given.join("etc/empty")).unwrap();
        fs::write(given.join("etc/config"), "a").unwrap();
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(given.join("etc/config"), mode).unwrap();
        symlink("config", given.join("etc/link")).unwrap();
        import(&given, &writable(&image)).unwrap();
        restore(&root, fs::File::open(&image).unwrap()).unwrap();
        for path in ["etc", "etc/empty", "etc/config", "etc/link"] {
            let of = |root: &Path| fs::symlink_metadata(root.join(path)).unwrap();
            let (was, is) = (of(&given), of(root.path()));
            assert_eq!(was.mode(), is.mode(), "{path}");
            assert_eq!(was.mtime(), is.mtime(), "{path}");
            assert_eq!((was.uid(), was.gid()), (is.uid(), is.gid()), "{path}");
        }
        assert_eq!(fs::read(root.path().join("etc/link")).unwrap(), b"a");
    }

    #[test]
    fn what_cannot_be_restored_is_no_image() {
        let (dir, _, image) = root();
        let one = |kind: tar::EntryType, path: &str, target: &str| {
            let mut image = tar::Builder::new(Vec::new());
            let mut header = header(kind, 0o644, 0);
            let name = header.as_gnu_mut().unwrap();
            name.name[..path.len()].copy_from_slice(path.as_bytes());
            name.linkname[..target.len()].copy_from_slice(target.as_bytes());
            header.set_cksum();
            image.append(&header, io::empty()).unwrap();
            image.into_inner().unwrap()
        };
        let (file, link) = (tar::EntryType::Regular, tar::EntryType::Link);
        let (folder, symlink) = (tar::EntryType::Directory, tar::EntryType::Symlink);
        let both = |mut first: Vec<u8>, second: Vec<u8>| {
            // Two blocks of zeros end an archive.
            first.truncate(first.len() - 1024);
            [first, second].concat()
        };
        for (name, content) in [
            ("nothing", Vec::new()),
            ("no tar", vec![b'x'; 2048]),
            ("parent", one(file, "../x", "")),
            ("absolute", one(file, "/etc/x", "")),
            ("device", one(tar::EntryType::Block, "dev/sda", "")),
            ("link to outside", one(link, "x", "/etc/passwd")),
            ("link to the parent", one(link, "x", "../x")),
            ("link to itself", one(link, "x", "x")),
            ("link to what is not there", one(link, "x", "y")),
            (
                "below a file",
                both(one(file, "a", ""), one(file, "a/b", "")),
            ),
            (
                "below a link",
                both(one(symlink, "a", "."), one(file, "a/b", "")),
            ),
            ("below the marker", one(file, ".dm-device-root/b", "")),
            (
                "a file, then a folder",
                both(one(file, "a", ""), one(folder, "a/", "")),
            ),
            (
                "a folder, then a file",
                both(one(file, "a/b", ""), one(file, "a", "")),
            ),
            ("cut between two files", {
                let mut cut = both(one(file, "a", ""), one(file, "b", ""));
                // The header of the first.
                cut.truncate(512);
                cut
            }),
            ("cut", {
                let mut cut = firmware();
                let end = cut.windows(2).rposition(|octets| octets == b"#!").unwrap();
                cut.truncate(end);
                cut
            }),
        ] {
            let given = dir.path().join("given.tar");
            fs::write(&given, content).unwrap();
            assert!(import(&given, &writable(&image)).is_err(), "{name}");
        }
    }
}
