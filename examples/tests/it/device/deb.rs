//! `.deb` packages: installed, updated and removed by dpkg, below the root and nowhere else.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use dm_examples::device::{
    package::Sha256Digest,
    packages::{PackageLimits, Packages},
    root::Root,
};
use serde_json::{Value, json};

use super::{Lab, web};
use crate::tools::is_there;

const TYPE: &str = "application/vnd.debian.binary-package";

/// What a package is made of.
#[derive(Default)]
struct Recipe<'a> {
    name: &'a str,
    version: &'a str,
    /// More fields, a line each.
    fields: &'a str,
    files: &'a [(&'a str, &'a str)],
    links: &'a [(&'a str, &'a str)],
    scripts: &'a [(&'a str, &'a str)],
}

impl Recipe<'_> {
    /// The package, as dpkg-deb builds it.
    fn build(&self) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        let Self {
            name,
            version,
            fields,
            ..
        } = self;
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n\
             {fields}Description: a tool\n and more of it\n"
        );
        fs::write(tree.join("DEBIAN/control"), control).unwrap();
        for (script, text) in self.scripts {
            use std::os::unix::fs::PermissionsExt as _;
            let script = tree.join("DEBIAN").join(script);
            fs::write(&script, text).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (path, text) in self.files {
            fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            fs::write(tree.join(path), text).unwrap();
        }
        for (path, target) in self.links {
            fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
            symlink(target, tree.join(path)).unwrap();
        }
        let package = folder.path().join("package.deb");
        let built = Command::new("dpkg-deb")
            .args(["--root-owner-group", "--build"])
            .args([&tree, &package])
            .output()
            .unwrap();
        assert!(built.status.success(), "{built:?}");
        fs::read(package).unwrap()
    }
}

fn tool(version: &str) -> Vec<u8> {
    Recipe {
        name: "tool",
        version,
        files: &[("usr/bin/tool", version), ("usr/share/tool/data", "1")],
        ..Recipe::default()
    }
    .build()
}

fn install(package: Vec<u8>, type_: Option<&str>) -> Value {
    let params = format!("sha256={}", Sha256Digest::of(&package));
    let mut request = json!({
        "scomo": "download-install",
        "package": {"id": "tool", "url": web("200 OK", package), "params": params},
    });
    if let Some(type_) = type_ {
        request["package"]["type"] = type_.into();
    }
    request
}

/// All that is below a folder, with the content of files, but dpkg's books and ours.
fn snapshot(path: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            let name = entry.strip_prefix(path).unwrap().display().to_string();
            let books = ["var", "opt/.stage", "opt/.trash"];
            if books.iter().any(|book| name.starts_with(book)) {
                continue;
            }
            if entry.is_symlink() {
                found.push((name, None));
            } else if entry.is_dir() {
                folders.push(entry);
                found.push((name, None));
            } else {
                found.push((name, Some(fs::read(entry).unwrap())));
            }
        }
    }
    found.sort();
    found
}

/// What dpkg has in the books of a root, one line for each package.
fn books(root: &Path) -> String {
    let listed = Command::new("dpkg-query")
        .arg("--admindir")
        .arg(root.join("var/lib/dpkg"))
        .args([
            "--show",
            "--showformat=${Package} ${Version} ${db:Status-Status}\n",
        ])
        .output()
        .unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

fn succeeded() -> (String, u64) {
    ("succeeded".to_owned(), 1200)
}

#[test]
fn a_deb_is_installed_updated_and_removed() {
    if !is_there("dpkg-deb", "dpkg") {
        return;
    }
    // By its type, and by its first octets alone.
    for type_ in [Some(TYPE), None] {
        let lab = Lab::new();
        let mut device = lab.device();
        let path = lab.root().join("usr/bin/tool");
        let before = snapshot(&lab.root());
        assert_eq!(
            lab.run(&mut device, &install(tool("1.0"), type_)),
            succeeded()
        );
        assert_eq!(fs::read(&path).unwrap(), b"1.0");
        assert_eq!(
            lab.run(&mut device, &install(tool("1.1"), type_)),
            succeeded()
        );
        assert_eq!(fs::read(&path).unwrap(), b"1.1");
        assert_eq!(books(&lab.root()), "tool 1.1 installed\n");
        let activate = json!({"scomo": "activate", "component": "tool"});
        // It is active: nothing is sent.
        let (state, _) = lab.run(&mut device, &activate);
        assert_eq!(state, "succeeded");
        let deactivate = json!({"scomo": "deactivate", "component": "tool"});
        let (state, code) = lab.run(&mut device, &deactivate);
        assert_eq!(code, 1411, "{state}");
        let remove = json!({"scomo": "remove", "component": "tool"});
        assert_eq!(lab.run(&mut device, &remove), succeeded());
        assert_eq!(snapshot(&lab.root()), before);
        assert_eq!(books(&lab.root()), "");
    }
}

#[test]
fn a_deb_that_fails_leaves_everything_as_it_was() {
    if !is_there("dpkg-deb", "dpkg") {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let out = outside.path().to_str().unwrap();
    let bare = |version: &'static str| Recipe {
        name: "tool",
        version,
        ..Recipe::default()
    };
    let mut short = tool("3.0");
    short.truncate(short.len() / 2);
    let cases: [(&str, Vec<u8>, u64); 9] = [
        (
            "depends on what is not there",
            Recipe {
                fields: "Depends: nothing (>= 1)\n",
                files: &[("usr/bin/tool", "3.0"), ("srv/new", "")],
                ..bare("3.0")
            }
            .build(),
            1405,
        ),
        ("older", tool("1.0~rc1"), 1405),
        ("cut", short, 1405),
        (
            "script",
            Recipe {
                scripts: &[("postinst", "#!/bin/sh\ntouch /tmp/never\n")],
                ..bare("3.0")
            }
            .build(),
            1413,
        ),
        (
            "a link that leads out",
            Recipe {
                links: &[("srv", out)],
                ..bare("3.0")
            }
            .build(),
            // A link alone is nothing bad; what is behind one is the next case.
            1200,
        ),
        (
            "behind a link of the root's",
            Recipe {
                files: &[("srv/evil", "")],
                ..bare("4.0")
            }
            .build(),
            1405,
        ),
        (
            "our marker",
            Recipe {
                files: &[(".dm-device-root", "")],
                ..bare("4.0")
            }
            .build(),
            1405,
        ),
        (
            // Whoever removed the package would unlock the device.
            "the lock of the device",
            Recipe {
                files: &[("etc/nologin", "")],
                ..bare("4.0")
            }
            .build(),
            1405,
        ),
        (
            "the books of dpkg",
            Recipe {
                files: &[("var/lib/dpkg/status", "")],
                ..bare("4.0")
            }
            .build(),
            1405,
        ),
    ];
    let lab = Lab::new();
    let mut device = lab.device();
    assert_eq!(
        lab.run(&mut device, &install(tool("1.0"), None)),
        succeeded()
    );
    for (name, package, code) in cases {
        let before = (snapshot(&lab.root()), books(&lab.root()));
        let (state, found) = lab.run(&mut device, &install(package, Some(TYPE)));
        assert_eq!(found, code, "{name}: {state}");
        if code != 1200 {
            let after = (snapshot(&lab.root()), books(&lab.root()));
            assert_eq!(after, before, "{name}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_deb_that_takes_the_place_of_another_is_refused_until_that_is_removed() {
    if !is_there("dpkg-deb", "dpkg") {
        return;
    }
    let lab = Lab::new();
    let mut device = lab.device();
    assert_eq!(
        lab.run(&mut device, &install(tool("1.0"), None)),
        succeeded()
    );
    let extra = Recipe {
        name: "extra",
        version: "1.0",
        fields: "Provides: editor (= 2), viewer\n",
        files: &[("srv/extra", "")],
        ..Recipe::default()
    };
    assert_eq!(
        lab.run(&mut device, &install(extra.build(), None)),
        succeeded()
    );
    let heir = |fields, files| Recipe {
        name: "heir",
        version: "1.0",
        fields,
        files,
        ..Recipe::default()
    };
    let before = (snapshot(&lab.root()), books(&lab.root()));
    let other: &[_] = &[("srv/heir", "")];
    let same: &[_] = &[("usr/bin/tool", "heir"), ("usr/share/tool/data", "2")];
    for (fields, files) in [
        // dpkg would remove it.
        ("Replaces: tool\nConflicts: tool\n", other),
        (
            "Conflicts: tool (<< 2)\nReplaces: nothing,\n tool (<< 2)\n",
            other,
        ),
        ("Replaces: viewer\nConflicts: viewer\n", other),
        // All its files are another's: it would disappear.
        ("Replaces: tool\n", same),
        ("replaces: tool:any\n", same),
    ] {
        let (state, code) = lab.run(&mut device, &install(heir(fields, files).build(), None));
        assert_eq!(code, 1405, "{fields}: {state}");
        let after = (snapshot(&lab.root()), books(&lab.root()));
        assert_eq!(after, before, "{fields}");
    }
    // What it would replace is not there, or is not there in that version.
    for fields in [
        "Replaces: nothing, tool (<< 1.0), heir\n",
        "Replaces: tool (>> 1.0~), tool-data\n",
    ] {
        let is_refused = fields.contains(">>");
        let (state, code) = lab.run(&mut device, &install(heir(fields, other).build(), None));
        let expected = if is_refused { 1405 } else { 1200 };
        assert_eq!(code, expected, "{fields}: {state}");
    }
    assert_eq!(
        books(&lab.root()),
        "extra 1.0 installed\nheir 1.0 installed\ntool 1.0 installed\n"
    );
    assert_eq!(
        lab.run(
            &mut device,
            &json!({"scomo": "remove", "component": "tool"})
        ),
        succeeded()
    );
}

#[test]
fn a_deb_never_lies_inactive() {
    if !is_there("dpkg-deb", "dpkg") {
        return;
    }
    let lab = Lab::new();
    let mut device = lab.device();
    for type_ in [Some(TYPE), None] {
        let mut request = install(tool("1.0"), type_);
        request["scomo"] = "download-install-inactive".into();
        assert_eq!(lab.run(&mut device, &request).1, 1411);
        assert_eq!(books(&lab.root()), "");
    }
}

#[test]
fn an_installation_of_a_deb_that_was_cut_is_undone_at_the_next_start() {
    if !is_there("dpkg-deb", "dpkg") {
        return;
    }
    let lab = Lab::new();
    drop(lab.device());
    let open = || {
        let root = Root::open(&lab.root()).unwrap();
        Packages::open(root, PackageLimits::default()).unwrap()
    };
    let packages = open();
    packages.deliver("tool", &tool("1.0")).unwrap();
    packages.install("tool", true, 1).unwrap();
    let before = (snapshot(&lab.root()), books(&lab.root()));
    // What dpkg leaves that was killed after it unpacked, and what stands there of the job.
    let stage = lab.root().join("opt/.stage/2");
    fs::create_dir_all(&stage).unwrap();
    let new = stage.join("new.deb");
    fs::write(&new, tool("2.0")).unwrap();
    let plan = json!({
        "record": {
            "component": {"id": "tool", "version": "2.0", "files": []},
            "package": "tool",
            "job": 2,
        },
        "previous": "1.0",
        "folders": [],
    });
    fs::write(stage.join("plan.json"), plan.to_string()).unwrap();
    let unpack = |action: &str| {
        let done = Command::new("dpkg")
            .arg("--admindir")
            .arg(lab.root().join("var/lib/dpkg"))
            .arg("--instdir")
            .arg(lab.root())
            .args([
                "--force-not-root,bad-path",
                "--log=/dev/null",
                "--path-include=*",
            ])
            .arg(action)
            .arg(&new)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    unpack("--unpack");
    assert_eq!(books(&lab.root()), "tool 2.0 unpacked\n");
    let packages = open();
    assert_eq!((snapshot(&lab.root()), books(&lab.root())), before);
    let found = packages.component("tool").unwrap().unwrap();
    assert_eq!(found.component.version.as_deref(), Some("1.0"));
    // What dpkg had finished stays.
    fs::create_dir_all(&stage).unwrap();
    fs::write(&new, tool("2.0")).unwrap();
    fs::write(stage.join("plan.json"), plan.to_string()).unwrap();
    unpack("--install");
    let packages = open();
    assert_eq!(books(&lab.root()), "tool 2.0 installed\n");
    let found = packages.component("tool").unwrap().unwrap();
    assert_eq!(found.component.version.as_deref(), Some("2.0"));
    assert_eq!(packages.installed_by(2).unwrap(), [found]);
}
