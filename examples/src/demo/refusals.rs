//! What does not come to pass, or not at once: refusals, cuts in the middle, and what is said about it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use dm_proto::session::UserReply;

use super::{
    Show,
    flows::{Check, GAME, run, stop_at},
    stage::{DemoError, Kind, NOT_GRANTED, Puppet, download, lawmo, on_component, wipe},
    trace::Actor,
};
use crate::{
    device::{Moment, Reporting, locks::Locked},
    server::{LawmoVerb, OperationRequest, PackageRequest, ScomoVerb},
};

/// All of them.
pub(super) fn play(show: &mut Show<'_>) -> Result<(), DemoError> {
    on_request(show)?;
    refused_locks(show)?;
    refused_software(show)?;
    unasked(show)?;
    cuts(show)
}

/// What the management infrastructure may ask for beside single operations.
fn on_request(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut phone = show.stage.device(Kind::default())?;
    show.flow("Lock and wipe of a stolen phone, as one request", |stage| {
        let mut request = wipe(&["*"]);
        request.lawmo = Some(LawmoVerb::LockAndWipe);
        let shown = run(stage, &mut phone, &request)?;
        let parts = [1200, 1201].map(|code| {
            let has = |part: &serde_json::Value| part["result"]["code"] == code;
            shown.parts().iter().any(has)
        });
        Ok(Check::default()
            .operation(&shown, "succeeded", 1201)
            .fact("an outcome for each part", parts == [true, true])
            .fact("locked", phone.locked()? == Locked::Fully)
            .fact("contacts erased", phone.is_empty("home/user/Contacts")?))
    });
    show.flow(
        "What the device says of its lock and its wipe list",
        |stage| {
            let shown = run(stage, &mut phone, &lawmo(LawmoVerb::State))?;
            let state = &shown.0["contents"][0]["state"];
            Ok(Check::default()
                .operation(&shown, "succeeded", 0)
                .fact("fully locked, it says", state == "fully-locked"))
        },
    );
    let mut device = show.stage.device(Kind::default())?;
    let office = show.stage.package("office-1.0.tar");
    show.flow("What the device says of its software", |stage| {
        let request = download(ScomoVerb::DownloadInstall, "office-1.0", &office);
        let _ = run(stage, &mut device, &request)?;
        let request = OperationRequest::scomo(ScomoVerb::Inventory);
        let shown = run(stage, &mut device, &request)?;
        let components = shown.0["contents"][0]["deployed"].as_array();
        Ok(Check::default()
            .operation(&shown, "succeeded", 0)
            .fact("two components", components.map(Vec::len) == Some(2)))
    });
    let mut device = show.stage.device(Kind {
        max_msg_size: Some(4 << 10),
        ..Kind::default()
    })?;
    show.flow("Install a package that is delivered in pieces", |stage| {
        let mut package = PackageRequest::new("notes-1.0");
        package.data = Some(STANDARD.encode(stage.content("notes-1.0.tar")));
        let mut request = OperationRequest::scomo(ScomoVerb::Install);
        request.package = Some(package);
        let shown = run(stage, &mut device, &request)?;
        let found = device.components()?;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("the notes are installed", found.len() == 1))
    });
    let mut device = show.stage.device(Kind {
        silent: true,
        ..Kind::default()
    })?;
    show.flow(
        "A lock that is cancelled before the device comes",
        |stage| {
            let operation = stage.order(&device, &lawmo(LawmoVerb::FullyLock))?;
            let cancelled = stage.cancel(&operation)?;
            device.device()?.run_once()?;
            Ok(Check::default()
                .operation(&cancelled, "cancelled", 0)
                .fact("not locked", device.locked()? == Locked::No))
        },
    );
    let mut device = show.stage.device(Kind {
        silent: true,
        ..Kind::default()
    })?;
    show.flow("A lock whose deadline comes before the device", |stage| {
        let mut request = lawmo(LawmoVerb::FullyLock);
        request.deadline = Some("2012-04-24T00:00:00Z".to_owned());
        let operation = stage.order(&device, &request)?;
        device.device()?.run_once()?;
        Ok(Check::default()
            .operation(&stage.outcome(&operation)?, "expired", 0)
            .fact("not locked", device.locked()? == Locked::No))
    });
    Ok(())
}

/// LAWMO, refused.
fn refused_locks(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind {
        nothing_to_wipe: true,
        ..Kind::default()
    })?;
    show.flow("Wipe of a device that has nothing to wipe", |stage| {
        let shown = run(stage, &mut device, &wipe(&["*"]))?;
        Ok(Check::default().operation(&shown, "failed", 1406))
    });
    let mut device = show.stage.device(Kind::default())?;
    show.flow("Wipe of what is not in the list", |stage| {
        let shown = run(stage, &mut device, &wipe(&["Contacts", "Jewels"]))?;
        let kept = !device.is_empty("home/user/Contacts")?;
        Ok(Check::default()
            .operation(&shown, "failed", 404)
            .fact("nothing erased", kept))
    });
    let mut device = show.stage.device(Kind::default())?;
    device.lend()?;
    show.flow("Lock by a server that has no right to", |stage| {
        let shown = run(stage, &mut device, &lawmo(LawmoVerb::FullyLock))?;
        Ok(Check::default()
            .operation(&shown, "refused", 425)
            .fact("not locked", device.locked()? == Locked::No))
    });
    let mut device = show.stage.device(Kind::default())?;
    device.lend_exec()?;
    show.flow("Lock by a server that gives itself the right to", |stage| {
        let shown = run(stage, &mut device, &lawmo(LawmoVerb::FullyLock))?;
        let is_refused_first = stage.trace.said(Actor::Device, "Status of Exec: 425") == 1;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("refused at first", is_refused_first)
            .fact("locked", device.locked()? == Locked::Fully))
    });
    let mut device = show.stage.device(Kind::default())?;
    let folder = device.path("home/user/Messages");
    std::fs::remove_dir_all(&folder)?;
    std::os::unix::fs::symlink("Photos", &folder)?;
    show.flow("Wipe, one of two folders being a link", |stage| {
        let shown = run(stage, &mut device, &wipe(&["Contacts", "Messages"]))?;
        Ok(Check::default()
            .operation(&shown, "failed", 1405)
            .fact("contacts erased", device.is_empty("home/user/Contacts")?)
            .fact("photos kept", !device.is_empty("home/user/Photos")?))
    });
    for (title, request, path) in [
        (
            "The device asks its user before a wipe: no",
            wipe(&["Contacts"]),
            "home/user/Contacts/readme.vcf",
        ),
        (
            "The device asks its user before a factory reset: no",
            lawmo(LawmoVerb::FactoryReset),
            "home/user/Messages/second.txt",
        ),
    ] {
        let mut device = show.stage.device(Kind {
            asks: true,
            replies: vec![UserReply::No],
            ..Kind::default()
        })?;
        let kept = device.path(path);
        std::fs::write(&kept, "Hello.\n")?;
        let is_reset = request.lawmo == Some(LawmoVerb::FactoryReset);
        show.flow(title, |stage| {
            let shown = run(stage, &mut device, &request)?;
            // Of a reset nothing is ever reported: its refusal stands in the status.
            let in_status = stage.trace.said(Actor::Device, "Status of Exec: 1401") == 1;
            let reports = stage.trace.said(Actor::Device, "Alert 1226");
            Ok(Check::default()
                .operation(&shown, "declined", 1401)
                .fact("nothing erased", kept.exists())
                .fact(
                    "said where it must be",
                    in_status == is_reset && reports == usize::from(!is_reset),
                ))
        });
    }
    let mut device = show.stage.device(Kind {
        sequence: true,
        heedless: true,
        replies: vec![UserReply::No],
        ..Kind::default()
    })?;
    show.flow("Lock, done although its user said no", |stage| {
        let mut request = lawmo(LawmoVerb::FullyLock);
        request.confirm = Some("Lock this device?".to_owned());
        let shown = run(stage, &mut device, &request)?;
        Ok(Check::default()
            .operation(&shown, "unconfirmed", 0)
            .fact("that is no success", shown.reason() == "without-consent")
            .fact("locked", device.locked()? == Locked::Fully))
    });
    let device = show.stage.device(Kind {
        blind: true,
        ..Kind::default()
    })?;
    let change = device.path("home/user/Messages/second.txt");
    std::fs::write(&change, "Hello.\n")?;
    show.flow(
        "Factory reset of a device that cannot ask its user",
        |stage| {
            let mut request = lawmo(LawmoVerb::FactoryReset);
            request.confirm = Some("Reset this device?".to_owned());
            let operation = stage.order(&device, &request)?;
            let shown = stage.outcome(&operation)?;
            Ok(Check::default()
                .operation(&shown, "declined", 0)
                .fact(
                    "because nobody could be asked",
                    shown.reason() == "not-asked",
                )
                .fact("nothing reset", change.exists()))
        },
    );
    Ok(())
}

/// SCOMO, refused.
fn refused_software(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind::default())?;
    let old = show.stage.package("game-1.0.tar");
    let new = show.stage.package("game-2.0.tar");
    let missing = show.stage.package("nothing.tar");
    let game = |version: &str| vec![(GAME.to_owned(), version.to_owned(), true)];
    show.flow("A package for another environment", |stage| {
        let mut request = download(ScomoVerb::DownloadInstall, "midlet", &old);
        if let Some(package) = &mut request.package {
            package.env_type = Some("midp".to_owned());
        }
        let shown = run(stage, &mut device, &request)?;
        Ok(Check::default()
            .operation(&shown, "failed", 1413)
            .fact("nothing installed", device.components()?.is_empty()))
    });
    show.flow("A package that is not where it should be", |stage| {
        let request = download(ScomoVerb::DownloadInstall, "nothing", &missing);
        let shown = run(stage, &mut device, &request)?;
        Ok(Check::default()
            .operation(&shown, "failed", 1402)
            .fact("nothing installed", device.components()?.is_empty()))
    });
    show.flow("A version that goes back", |stage| {
        let request = download(ScomoVerb::DownloadInstall, "game-2.0", &new);
        let newer = run(stage, &mut device, &request)?;
        let request = download(ScomoVerb::DownloadInstall, "game-1.0", &old);
        let older = run(stage, &mut device, &request)?;
        let found = device.components()?;
        Ok(Check::default()
            .operation(&newer, "succeeded", 1200)
            .operation(&older, "failed", 1405)
            .fact("the game is as it was", found == game("2.0")))
    });
    show.flow("A component that is not there", |stage| {
        let request = on_component(ScomoVerb::Activate, "org.example.nothing");
        let shown = run(stage, &mut device, &request)?;
        Ok(Check::default()
            .operation(&shown, "failed", 404)
            .fact("because it is not found", shown.reason() == "not-found"))
    });
    for (title, replies, state, code) in [
        (
            "The device asks its user before an installation: no",
            vec![UserReply::Yes, UserReply::No],
            "declined",
            1401,
        ),
        (
            "The device asks its user before a download: later, then yes",
            vec![UserReply::Cancelled, UserReply::Yes, UserReply::Yes],
            "succeeded",
            1200,
        ),
    ] {
        let mut device = show.stage.device(Kind {
            asks: true,
            replies,
            ..Kind::default()
        })?;
        show.flow(title, |stage| {
            let request = download(ScomoVerb::DownloadInstall, "game-1.0", &old);
            let operation = stage.order(&device, &request)?;
            device.obey()?;
            device.device()?.run_once()?;
            let is_installed = !device.components()?.is_empty();
            Ok(Check::default()
                .operation(&stage.outcome(&operation)?, state, code)
                .fact("installed only on a yes", is_installed == (code == 1200)))
        });
    }
    Ok(())
}

/// What the server did not ask for.
fn unasked(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind {
        silent: true,
        ..Kind::default()
    })?;
    show.flow(
        "A device asks for what its server does not grant",
        |stage| {
            device.device()?.request(NOT_GRANTED, "./SCOMO", "all")?;
            device.device()?.run_once()?;
            let request = stage.last_request(&device)?;
            let is_told = stage.trace.said(Actor::Device, "refuses") == 1;
            Ok(Check::default()
                .fact(
                    "refused 403",
                    request["answer"] == "refused" && request["status"] == 403,
                )
                .fact("the user is told", is_told)
                .fact("nothing installed", device.components()?.is_empty()))
        },
    );
    Ok(())
}

/// Lost power, in the middle.
fn cuts(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind {
        reporting: Reporting::AfterSession,
        ..Kind::default()
    })?;
    show.flow(
        "Wipe, the power fails with one of two items erased",
        |stage| {
            let request = wipe(&["Contacts", "Messages"]);
            let operation = stage.order(&device, &request)?;
            stop_at(&mut device, Moment::Running, 2)?;
            let contacts = device.is_empty("home/user/Contacts")?;
            let halfway = contacts != device.is_empty("home/user/Messages")?;
            restart(&mut device)?;
            Ok(Check::default()
                .operation(&stage.outcome(&operation)?, "succeeded", 1201)
                .fact("it was half done", halfway)
                .fact("contacts erased", device.is_empty("home/user/Contacts")?)
                .fact("messages erased", device.is_empty("home/user/Messages")?)
                .fact("photos kept", !device.is_empty("home/user/Photos")?))
        },
    );
    let served = show.stage.package("game-1.0.tar");
    for (title, during) in [
        ("Download, the power fails in the middle", "download"),
        ("Install, the power fails in the middle", "install"),
    ] {
        let mut device = show.stage.device(Kind::default())?;
        show.flow(title, |stage| {
            let request = download(ScomoVerb::DownloadInstall, "game-1.0", &served);
            let operation = stage.order(&device, &request)?;
            device.cut_during(during)?;
            let nothing = !device.path("opt/org.example.game").exists();
            restart(&mut device)?;
            let found = device.components()?;
            // Of a download the rest is asked for; what is there as a whole is not asked for again.
            let asked = |what| stage.trace.said(Actor::Device, what);
            let is_gone_on_with = if during == "download" {
                asked("from octet") == 1
            } else {
                asked("GET /") == 1
            };
            Ok(Check::default()
                .operation(&stage.outcome(&operation)?, "succeeded", 1200)
                .fact("nothing installed before", nothing)
                .fact("nothing fetched twice", is_gone_on_with)
                .fact("the game is installed", found.len() == 1))
        });
    }
    Ok(())
}

/// Gives a device its power back, and lets it go on.
fn restart(device: &mut Puppet) -> Result<(), DemoError> {
    device.cut();
    device.start()?;
    device.device()?.resume()?;
    Ok(())
}
