//! The flows of the LAWMO and SCOMO architecture documents, and what else must hold.

use core::sync::atomic::Ordering;

use dm_proto::session::UserReply;

use super::{
    Show, refusals,
    stage::{
        DemoError, Kind, Puppet, Shown, Stage, confirmed, download, lawmo, on_component,
        on_package, wipe,
    },
    trace::Actor,
};
use crate::{
    device::{Error as DeviceError, Moment, Reporting, locks::Locked},
    server::{LawmoVerb, OperationRequest, ScomoVerb},
};

/// What came of a flow: what is said of it, and whether it is what must be.
#[derive(Debug, Default)]
pub(super) struct Check {
    said: Vec<String>,
    failed: bool,
}

impl Check {
    /// An operation ended, in this state and with this code, 0 for none.
    pub(super) fn operation(mut self, shown: &Shown, state: &str, code: u64) -> Self {
        let is_as_it_must =
            shown.is_final() && shown.state() == state && (code == 0 || shown.code() == Some(code));
        if is_as_it_must {
            self.said.push(shown.to_string());
        } else {
            self.said.push(format!("{shown}, not {state} {code}"));
            self.failed = true;
        }
        self
    }

    /// Something must be so.
    pub(super) fn fact(mut self, fact: &str, holds: bool) -> Self {
        if holds {
            self.said.push(fact.to_owned());
        } else {
            self.said.push(format!("not: {fact}"));
            self.failed = true;
        }
        self
    }

    pub(super) fn outcome(&self) -> String {
        self.said.join("; ")
    }

    pub(super) fn is_as_expected(&self) -> bool {
        !self.failed
    }
}

/// Orders an operation, lets the device come, and asks what became of it.
pub(super) fn run(
    stage: &Stage,
    device: &mut Puppet,
    request: &OperationRequest,
) -> Result<Shown, DemoError> {
    let operation = stage.order(device, request)?;
    device.obey()?;
    stage.outcome(&operation)
}

/// All flows, one after the other.
pub(super) fn play(show: &mut Show<'_>) -> Result<(), DemoError> {
    locks(show)?;
    answers(show)?;
    confirmations(show, false)?;
    confirmations(show, true)?;
    software(show)?;
    combined(show)?;
    downloading(show)?;
    device_initiated(show)?;
    faults(show)?;
    refusals::play(show)
}

/// LAWMO without confirmation.
fn locks(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut phone = show.stage.device(Kind::default())?;
    show.flow("Partial lock of a phone left in a taxi", |stage| {
        let shown = run(stage, &mut phone, &lawmo(LawmoVerb::PartiallyLock))?;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("partially locked", phone.locked()? == Locked::Partially))
    });
    show.flow("Unlock", |stage| {
        let shown = run(stage, &mut phone, &lawmo(LawmoVerb::Unlock))?;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("unlocked", phone.locked()? == Locked::No))
    });
    show.flow("Full lock and wipe of a stolen phone", |stage| {
        let lock = stage.order(&phone, &lawmo(LawmoVerb::FullyLock))?;
        let erase = stage.order(&phone, &wipe(&["Contacts", "Messages"]))?;
        phone.obey()?;
        let check = Check::default()
            .operation(&stage.outcome(&lock)?, "succeeded", 1200)
            .operation(&stage.outcome(&erase)?, "succeeded", 1201);
        Ok(check
            .fact("locked", phone.locked()? == Locked::Fully)
            .fact("contacts erased", phone.is_empty("home/user/Contacts")?)
            .fact("photos kept", !phone.is_empty("home/user/Photos")?))
    });
    Ok(())
}

/// The result in the answer itself, in the same session, and in a later one.
fn answers(show: &mut Show<'_>) -> Result<(), DemoError> {
    // What the device says: the status of the Exec, how many reports, in how many further sessions.
    for (title, reporting, status, reports, sessions) in [
        (
            "Lock, the result in the Status",
            Reporting::Synchronous,
            "Status of Exec: 1200",
            0,
            0,
        ),
        (
            "Lock, the report in the same session",
            Reporting::InSession,
            "Status of Exec: 202",
            1,
            0,
        ),
        (
            "Lock, the report in a later session",
            Reporting::AfterSession,
            "Status of Exec: 202",
            1,
            1,
        ),
    ] {
        let mut device = show.stage.device(Kind {
            reporting,
            ..Kind::default()
        })?;
        show.flow(title, |stage| {
            let shown = run(stage, &mut device, &lawmo(LawmoVerb::FullyLock))?;
            let said = |what| stage.trace.said(Actor::Device, what);
            let is_so = said(status) == 1
                && said("Alert 1226") == reports
                && said("Alert 1201") == sessions
                && said("Alert 1200") == 1;
            Ok(Check::default()
                .operation(&shown, "succeeded", 1200)
                .fact("locked", device.locked()? == Locked::Fully)
                .fact("reported like this", is_so))
        });
    }
    Ok(())
}

/// Wipe and factory reset after the user was asked: in a message of its own, or in one Sequence with
/// what hangs on it.
fn confirmations(show: &mut Show<'_>, sequence: bool) -> Result<(), DemoError> {
    let how = if sequence {
        "in one Sequence"
    } else {
        "in two steps"
    };
    for (answer, reply) in [
        ("yes", Some(UserReply::Yes)),
        ("no", Some(UserReply::No)),
        ("cancelled", Some(UserReply::Cancelled)),
        ("no answer", None),
    ] {
        let status = match &reply {
            Some(UserReply::Yes) => 0,
            Some(UserReply::No) => 304,
            Some(_) => 214,
            None => 408,
        };
        let kind = Kind {
            replies: reply.into_iter().collect(),
            sequence,
            ..Kind::default()
        };
        let mut device = show.stage.device(kind.clone())?;
        show.flow(
            &format!("Wipe before resale, asked {how}: {answer}"),
            |stage| {
                stage
                    .trace
                    .arrow(Actor::User, Actor::Emi, "wants to sell the device");
                let request = confirmed(wipe(&["Contacts"]), "Erase all contacts?");
                let shown = run(stage, &mut device, &request)?;
                let erased = device.is_empty("home/user/Contacts")?;
                let check = if status == 0 {
                    Check::default()
                        .operation(&shown, "succeeded", 1201)
                        .fact("contacts erased", erased)
                } else {
                    Check::default()
                        .operation(&shown, "declined", status)
                        .fact("nothing erased", !erased)
                };
                Ok(check.fact("asked like this", is_asked_so(stage, sequence)))
            },
        );
        let mut device = show.stage.device(kind)?;
        let change = device.path("home/user/Messages/second.txt");
        std::fs::write(&change, "Hello.\n")?;
        show.flow(&format!("Factory reset, asked {how}: {answer}"), |stage| {
            let request = confirmed(lawmo(LawmoVerb::FactoryReset), "Reset this device?");
            let shown = run(stage, &mut device, &request)?;
            let check = if status == 0 {
                Check::default()
                    .operation(&shown, "accepted", 0)
                    .fact("as it left the factory", !change.exists())
            } else {
                Check::default()
                    .operation(&shown, "declined", status)
                    .fact("nothing reset", change.exists())
            };
            Ok(check.fact("asked like this", is_asked_so(stage, sequence)))
        });
    }
    Ok(())
}

/// Whether the question of this flow was asked once, together with the Exec or before it.
fn is_asked_so(stage: &Stage, sequence: bool) -> bool {
    let said = |what| stage.trace.said(Actor::Server, what);
    said("Alert 1101") == 1 && said("Sequence") == usize::from(sequence)
}

pub(super) const GAME: &str = "org.example.game";

/// SCOMO, one primitive after the other.
fn software(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind::default())?;
    let served = show.stage.package("game-1.0.tar");
    let game = |version: &str, active| vec![(GAME.to_owned(), version.to_owned(), active)];
    show.flow("Download", |stage| {
        let request = download(ScomoVerb::Download, "game-1.0", &served);
        let shown = run(stage, &mut device, &request)?;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("nothing installed", device.components()?.is_empty()))
    });
    let mut check = on_package(ScomoVerb::Vendor, "game-1.0");
    check.path = Some("Operations/Ext/Check".into());
    let steps: [(&str, OperationRequest, Vec<_>); 7] = [
        (
            "Check a package: an operation of a vendor's",
            check,
            Vec::new(),
        ),
        (
            "Install, left inactive",
            on_package(ScomoVerb::InstallInactive, "game-1.0"),
            game("1.0", false),
        ),
        (
            "Activate",
            on_component(ScomoVerb::Activate, GAME),
            game("1.0", true),
        ),
        (
            "Deactivate",
            on_component(ScomoVerb::Deactivate, GAME),
            game("1.0", false),
        ),
        (
            "Remove a component",
            on_component(ScomoVerb::Remove, GAME),
            Vec::new(),
        ),
        (
            "Install, left active",
            on_package(ScomoVerb::Install, "game-1.0"),
            game("1.0", true),
        ),
        (
            "Remove a package",
            on_package(ScomoVerb::Remove, "game-1.0"),
            game("1.0", true),
        ),
    ];
    for (title, request, components) in steps {
        show.flow(title, |stage| {
            let shown = run(stage, &mut device, &request)?;
            let found = device.components()?;
            Ok(Check::default()
                .operation(&shown, "succeeded", 1200)
                .fact(&describe(&components), found == components))
        });
    }
    Ok(())
}

/// SCOMO, combined primitives, and what becomes of a package that is not what was announced.
fn combined(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind::default())?;
    let game = |version: &str, active| vec![(GAME.to_owned(), version.to_owned(), active)];
    let old = show.stage.package("game-1.0.tar");
    let new = show.stage.package("game-2.0.tar");
    for (title, verb, id, served, components) in [
        (
            "Download and install, left inactive",
            ScomoVerb::DownloadInstallInactive,
            "game-1.0",
            &old,
            game("1.0", false),
        ),
        (
            "Download and install, left active: an update",
            ScomoVerb::DownloadInstall,
            "game-2.0",
            &new,
            game("2.0", true),
        ),
    ] {
        show.flow(title, |stage| {
            let shown = run(stage, &mut device, &download(verb, id, served))?;
            let found = device.components()?;
            Ok(Check::default()
                .operation(&shown, "succeeded", 1200)
                .fact(&describe(&components), found == components))
        });
    }
    let described = show.stage.descriptor("game-2.0.tar");
    show.flow("A package that a download descriptor leads to", |stage| {
        let request = download(ScomoVerb::Download, "game-2.0", &described);
        let shown = run(stage, &mut device, &request)?;
        let is_told = stage.trace.said(Actor::Device, ": 900 Success") == 1;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("its server is told", is_told))
    });
    show.flow("A package that is not what was announced", |stage| {
        let mut other = old.clone();
        other.url.clone_from(&new.url);
        let request = download(ScomoVerb::DownloadInstall, "game-1.0", &other);
        let shown = run(stage, &mut device, &request)?;
        let found = device.components()?;
        Ok(Check::default()
            .operation(&shown, "failed", 1407)
            .fact("the game is as it was", found == game("2.0", true)))
    });
    let mut device = show.stage.device(Kind {
        reporting: Reporting::Synchronous,
        ..Kind::default()
    })?;
    show.flow("Download and install, the result in the Status", |stage| {
        let request = download(ScomoVerb::DownloadInstall, "game-1.0", &old);
        let shown = run(stage, &mut device, &request)?;
        let found = device.components()?;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("the game is installed", found == game("1.0", true)))
    });
    let mut device = show.stage.device(Kind {
        reporting: Reporting::AfterSession,
        ..Kind::default()
    })?;
    let office = show.stage.package("office-1.0.tar");
    show.flow(
        "Two components of one package, reported in a later session",
        |stage| {
            let request = download(ScomoVerb::DownloadInstall, "office-1.0", &office);
            let shown = run(stage, &mut device, &request)?;
            let components: Vec<_> = ["org.example.reader", "org.example.writer"]
                .map(|id| (id.to_owned(), "1.0".to_owned(), true))
                .into();
            let found = device.components()?;
            Ok(Check::default()
                .operation(&shown, "succeeded", 1200)
                .fact(&describe(&components), found == components))
        },
    );
    Ok(())
}

/// What does not wait for a download.
fn downloading(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind {
        background: true,
        ..Kind::default()
    })?;
    let served = show.stage.package("game-1.0.tar");
    show.flow("Lock of a phone whose download drags on", |stage| {
        let request = download(ScomoVerb::DownloadInstall, "game-1.0", &served);
        let game = stage.order(&device, &request)?;
        device.obey()?;
        let is_accepted = stage.outcome(&game)?.state() == "accepted";
        let lock = run(stage, &mut device, &lawmo(LawmoVerb::FullyLock))?;
        let is_locked = device.locked()? == Locked::Fully;
        let is_missing = device.components()?.is_empty();
        device.finish_download()?;
        Ok(Check::default()
            .fact("the download is accepted", is_accepted)
            .operation(&lock, "succeeded", 1200)
            .fact("locked before the game is there", is_locked && is_missing)
            .operation(&stage.outcome(&game)?, "succeeded", 1200))
    });
    Ok(())
}

/// Sessions that the device begins by itself.
fn device_initiated(show: &mut Show<'_>) -> Result<(), DemoError> {
    let silent = || Kind {
        silent: true,
        ..Kind::default()
    };
    let mut device = show.stage.device(silent())?;
    let served = show.stage.package("game-1.0.tar");
    show.flow(
        "A device that comes by itself finds what waits for it",
        |stage| {
            let request = download(ScomoVerb::DownloadInstall, "game-1.0", &served);
            let operation = stage.order(&device, &request)?;
            device.device()?.run_once()?;
            let found = device.components()?;
            Ok(Check::default()
                .operation(&stage.outcome(&operation)?, "succeeded", 1200)
                .fact("the game is installed", found.len() == 1))
        },
    );
    let mut device = show.stage.device(silent())?;
    show.flow("A device asks the server for software", |stage| {
        device.want_software()?;
        device.device()?.run_once()?;
        let found = device.components()?;
        let request = stage.last_request(&device)?;
        let operation = request["operations"][0].as_str().unwrap_or_default();
        Ok(Check::default()
            .fact("granted", request["answer"] == "granted")
            .operation(&stage.outcome_of(operation)?, "succeeded", 1200)
            .fact("the game is installed", found.len() == 1))
    });
    Ok(())
}

/// Lost answers and lost power: one outcome, nothing done twice.
fn faults(show: &mut Show<'_>) -> Result<(), DemoError> {
    let mut device = show.stage.device(Kind::default())?;
    show.flow("Lock, every other answer of the server lost", |stage| {
        device.lose_answers();
        let runs = device.count_runs()?;
        let shown = run(stage, &mut device, &lawmo(LawmoVerb::FullyLock))?;
        let is_said_again = stage.trace.said(Actor::Server, "Exec ") > 1;
        Ok(Check::default()
            .operation(&shown, "succeeded", 1200)
            .fact("locked", device.locked()? == Locked::Fully)
            .fact("the answer with the Exec came again", is_said_again)
            .fact("locked once", runs.load(Ordering::SeqCst) == 1))
    });
    for (title, moment) in [
        ("Install, the power fails before it runs", Moment::Running),
        (
            "Install, the power fails before it is reported",
            Moment::Ran,
        ),
    ] {
        let mut device = show.stage.device(Kind::default())?;
        let served = show.stage.package("game-1.0.tar");
        show.flow(title, |stage| {
            let request = download(ScomoVerb::DownloadInstall, "game-1.0", &served);
            let operation = stage.order(&device, &request)?;
            stop_at(&mut device, moment, 1)?;
            device.cut();
            device.start()?;
            device.device()?.resume()?;
            let found = device.components()?;
            Ok(Check::default()
                .operation(&stage.outcome(&operation)?, "succeeded", 1200)
                .fact("the game is installed", found.len() == 1))
        });
    }
    for (title, moment) in [
        (
            "Factory reset, the power fails before it begins",
            Moment::Running,
        ),
        (
            "Factory reset, the power fails before the server hears of the device again",
            Moment::Reset,
        ),
    ] {
        let mut device = show.stage.device(Kind::default())?;
        let change = device.path("home/user/Messages/second.txt");
        std::fs::write(&change, "Hello.\n")?;
        show.flow(title, |stage| {
            let operation = stage.order(&device, &lawmo(LawmoVerb::FactoryReset))?;
            stop_at(&mut device, moment, 1)?;
            device.cut();
            let is_changed = change.exists();
            device.start()?;
            device.device()?.resume()?;
            let lock = run(stage, &mut device, &lawmo(LawmoVerb::FullyLock))?;
            Ok(Check::default()
                .operation(&stage.outcome(&operation)?, "accepted", 0)
                .fact("not before", is_changed == (moment == Moment::Running))
                .fact("as it left the factory", !change.exists())
                .operation(&lock, "succeeded", 1200))
        });
    }
    Ok(())
}

/// Lets the device obey until a moment comes for the `n`-th time, where it stops.
pub(super) fn stop_at(device: &mut Puppet, moment: Moment, n: u32) -> Result<(), DemoError> {
    let mut left = n;
    device.device()?.watch(move |at| {
        if at == moment {
            left = left.saturating_sub(1);
        }
        left > 0
    });
    match device.obey() {
        Err(DemoError::Device(DeviceError::Stopped)) => Ok(()),
        other => other.and(Err(DemoError::NotCut)),
    }
}

fn describe(components: &[(String, String, bool)]) -> String {
    match components {
        [] => "nothing installed".to_owned(),
        components => components
            .iter()
            .map(|(id, version, active)| {
                let active = if *active { "active" } else { "inactive" };
                format!("{id} {version} {active}")
            })
            .collect::<Vec<_>>()
            .join(", "),
    }
}
