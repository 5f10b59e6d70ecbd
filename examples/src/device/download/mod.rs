//! [`Downloader`]: packages over HTTP, by their address or that of a download descriptor, resumed where
//! they broke off, each checked against its digest before it is kept.

mod owed;
mod partial;

use core::time::Duration;
use std::{
    io::{self, Read, Seek, Write},
    thread,
    time::Instant,
};

use cap_std::fs::File;
use dm_proto::Text;
use scomo::{
    ResultCode,
    descriptor::{self, Descriptor, DescriptorError, InstallStatus},
    device::Facts,
};
use sha2::{Digest, Sha256};

use self::{
    owed::Owed,
    partial::{Origin, Partial},
};
use super::{
    background::{Closed, Gate},
    package::{PackageError, Sha256Digest, essence, is_out_of_room, is_package_type},
    packages::Packages,
    progress::{self, Work},
};

/// Why a package was not fetched.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is none that can be fetched from.
    #[error("cannot fetch {url}: {reason}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server cannot be reached, or does not answer.
    #[error("the download server does not answer: {0}")]
    Unavailable(String),
    /// The server answered with an error.
    #[error("the download server answered {0}")]
    Status(u16),
    /// A download descriptor is none, or describes what cannot be taken or did not come.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// The package is not what it was when its transfer broke off.
    #[error("the package changed while it was fetched")]
    Changed,
    /// The transfer broke off.
    #[error("the download broke off: {0}")]
    Cut(io::Error),
    /// What came is not what was announced, or cannot be kept.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The device has no use for it any more.
    #[error("the download was stopped")]
    Stopped,
}

impl From<Closed> for DownloadError {
    fn from(_: Closed) -> Self {
        Self::Stopped
    }
}

impl DownloadError {
    /// The result code of the operation. See the project's `PROVENANCE.md`.
    pub fn result_code(&self) -> ResultCode {
        match self {
            Self::Status(401 | 407) => ResultCode::DOWNLOAD_AUTHENTICATION_FAILED,
            Self::Status(500..=599) => ResultCode::DOWNLOAD_SERVER_ERROR,
            Self::Unavailable(_) => ResultCode::DOWNLOAD_SERVER_UNAVAILABLE,
            Self::Package(
                PackageError::Digest { .. } | PackageError::NoDigest | PackageError::BadDigest(_),
            ) => ResultCode::PACKAGE_VALIDATION_FAILED,
            Self::Package(PackageError::Kind(_) | PackageError::Scripts(_)) => {
                ResultCode::ENVIRONMENT_NOT_SUPPORTED
            }
            Self::Package(error) if error.is_out_of_room() => ResultCode::DOWNLOAD_OUT_OF_MEMORY,
            Self::Descriptor(error) => error.result_code(),
            Self::Url { .. }
            | Self::Status(_)
            | Self::Changed
            | Self::Cut(_)
            | Self::Stopped
            | Self::Package(_) => ResultCode::DOWNLOAD_FAILED,
        }
    }

    /// What the server of a download descriptor is told.
    pub fn install_status(&self) -> InstallStatus {
        match self {
            Self::Descriptor(error) => error.install_status(),
            Self::Url { .. } | Self::Status(_) => InstallStatus::LoaderError,
            Self::Unavailable(_) | Self::Cut(_) | Self::Stopped => InstallStatus::LossOfService,
            Self::Changed => InstallStatus::AttributeMismatch,
            Self::Package(_) => self.result_code().into(),
        }
    }
}

/// Fetches packages.
#[derive(Clone, Debug)]
pub struct Downloader {
    agent: ureq::Agent,
    /// Before a transfer that broke off is gone on with; twice as long before each further one.
    pause: Duration,
    /// In this time, [`SLOWEST`] octets must come.
    patience: Duration,
}

/// The octets that must come in a minute: with less, the transfer counts as broken off.
const SLOWEST: u64 = 6000;

/// How often a transfer that broke off is gone on with before the operation fails.
const RESUMPTIONS: u32 = 4;

/// What is to be fetched.
struct Wanted<'a> {
    expected: Sha256Digest,
    package_id: &'a str,
    packages: &'a Packages,
    gate: &'a Gate,
    /// What a descriptor said of it.
    descriptor: Option<&'a Descriptor>,
}

impl Wanted<'_> {
    /// What people call it.
    fn name(&self) -> &str {
        let described = self
            .descriptor
            .and_then(|descriptor| descriptor.name.as_deref());
        described.unwrap_or(self.package_id)
    }
}

/// What came.
enum Came {
    Package,
    Descriptor(Vec<u8>),
}

impl Downloader {
    /// A downloader with time-outs of 10 seconds to connect, 30 for the answer to begin and an hour for
    /// all of it, which follows 5 redirections. What comes slower than 100 octets a second breaks off.
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .timeout_global(Some(Duration::from_secs(3600)))
            .http_status_as_error(false)
            .max_redirects(5)
            .build();
        Self {
            agent: config.into(),
            pause: Duration::from_millis(250),
            patience: Duration::from_secs(60),
        }
    }

    /// Fetches a package, or what a download descriptor leads to, and keeps it if it is what was
    /// announced. While it comes, a bar on standard error shows how far it is, if that is a terminal.
    ///
    /// A transfer that breaks off is gone on with where it was, now or by a later call, if the server
    /// gave a strong `ETag` and the package still has it; else it begins anew. What a descriptor said of
    /// the package is returned.
    ///
    /// # Errors
    ///
    /// If it cannot be fetched, is not what was announced, or too large; then it is not kept. Once the gate
    /// is closed, nothing of it is kept or deleted.
    pub fn fetch(
        &self,
        url: &str,
        expected: Sha256Digest,
        package_id: &str,
        packages: &Packages,
        gate: &Gate,
        tell: impl Fn(&str),
    ) -> Result<Facts, DownloadError> {
        let wanted = Wanted {
            expected,
            package_id,
            packages,
            gate,
            descriptor: None,
        };
        let (root, (part, _)) = (packages.root(), packages.paths(package_id));
        let Came::Descriptor(xml) = self.transfer(url, &wanted)? else {
            let _entered = gate.enter()?;
            // Of an attempt at which there was a descriptor still.
            let _ = Owed::forget(root, &part);
            return Ok(Facts::default());
        };
        let (notify, fetched) = match Descriptor::parse(&xml) {
            Ok(descriptor) => {
                let owed = Owed {
                    notify: descriptor.install_notify_uri.as_ref().map(Text::to_string),
                    facts: Facts::from(&descriptor),
                };
                let entered = gate.enter()?;
                let noted = owed.note(root, &part).map_err(DownloadError::from);
                drop(entered);
                let fetched = noted.and_then(|()| self.fetch_described(&descriptor, wanted, &tell));
                (owed.notify, fetched.map(|()| owed.facts))
            }
            Err(error) => {
                let notify = descriptor::install_notify_uri_of(&xml);
                (notify.map(|uri| uri.to_string()), Err(error.into()))
            }
        };
        let status = match &fetched {
            Ok(_) => InstallStatus::Success,
            Err(error) => error.install_status(),
        };
        self.settle(notify.as_deref(), status, &part, packages, gate, tell)?;
        fetched
    }

    /// What is known from its descriptor of a package that was here as a whole when a restart came. The
    /// server of the descriptor is told now, if it was not before.
    ///
    /// # Errors
    ///
    /// If the gate is closed.
    pub(super) fn fetched_before(
        &self,
        package_id: &str,
        packages: &Packages,
        gate: &Gate,
        tell: impl Fn(&str),
    ) -> Result<Facts, DownloadError> {
        let (part, _) = packages.paths(package_id);
        let Some(owed) = Owed::of(packages.root(), &part) else {
            return Ok(Facts::default());
        };
        let (notify, status) = (owed.notify.as_deref(), InstallStatus::Success);
        self.settle(notify, status, &part, packages, gate, tell)?;
        Ok(owed.facts)
    }

    /// Tells the server of a descriptor what came of it, once.
    fn settle(
        &self,
        notify: Option<&str>,
        status: InstallStatus,
        part: &str,
        packages: &Packages,
        gate: &Gate,
        tell: impl Fn(&str),
    ) -> Result<(), Closed> {
        drop(gate.enter()?);
        // The content server's books are not the device's business: the DM server gets the result.
        if let Some(notify) = notify
            && let Err(error) = self.agent.post(notify).send(status.line())
        {
            tell(&format!(
                "the content server was not told {status}: {error}"
            ));
        }
        let _entered = gate.enter()?;
        // What stays of it is overwritten by the next.
        let _ = Owed::forget(packages.root(), part);
        Ok(())
    }

    /// Forgets what is here of a package that will not be fetched any more.
    ///
    /// # Errors
    ///
    /// If it cannot be deleted.
    pub(super) fn forget(&self, package_id: &str, packages: &Packages) -> io::Result<()> {
        let (path, _) = packages.paths(package_id);
        Partial::new(packages.root(), path).forget()
    }

    fn fetch_described(
        &self,
        descriptor: &Descriptor,
        wanted: Wanted<'_>,
        tell: impl Fn(&str),
    ) -> Result<(), DownloadError> {
        let room = wanted.packages.root().room().map_err(PackageError::Io)?;
        let room = room.min(wanted.packages.limits().package);
        let debs = wanted.packages.takes_debs();
        descriptor.check(|name| is_package_type(&essence(name), debs), room)?;
        let name = descriptor.name.as_deref().unwrap_or(wanted.package_id);
        let vendor = descriptor.vendor.as_deref();
        let vendor = vendor.map(|vendor| format!(" of {vendor}"));
        tell(&format!(
            "downloading {name}{}, {}",
            vendor.unwrap_or_default(),
            indicatif::HumanBytes(descriptor.size)
        ));
        let wanted = Wanted {
            descriptor: Some(descriptor),
            ..wanted
        };
        match self.transfer(&descriptor.object_uri, &wanted)? {
            Came::Package => Ok(()),
            Came::Descriptor(_) => Err(DescriptorError::Mismatch("type").into()),
        }
    }

    /// Fetches what is at an address, going on where it breaks off.
    fn transfer(&self, url: &str, wanted: &Wanted<'_>) -> Result<Came, DownloadError> {
        let (path, whole) = wanted.packages.paths(wanted.package_id);
        let partial = Partial::new(wanted.packages.root(), path);
        let mut pause = self.pause;
        let mut resumptions = 0;
        loop {
            let entered = wanted.gate.enter()?;
            let resumed = partial
                .resume(url, wanted.expected)
                .map_err(PackageError::Io)?;
            drop(entered);
            let is_resumed = resumed.is_some();
            let error = match self.attempt(url, wanted, &partial, resumed, &whole) {
                Ok(came) => return Ok(came),
                Err(error) => error,
            };
            let is_over = resumptions >= RESUMPTIONS;
            match &error {
                // A part of what stands in the file may be of another package, or of none.
                DownloadError::Package(PackageError::Digest { .. }) | DownloadError::Changed
                    if is_resumed && !is_over =>
                {
                    let _entered = wanted.gate.enter()?;
                    partial.discard().map_err(PackageError::Io)?;
                }
                DownloadError::Cut(_) if !is_over => {
                    thread::sleep(pause);
                    pause = pause.saturating_mul(2);
                }
                DownloadError::Unavailable(_) if is_resumed && !is_over => {
                    thread::sleep(pause);
                    pause = pause.saturating_mul(2);
                }
                // What is here may still be gone on with by another attempt of the server's.
                DownloadError::Cut(_)
                | DownloadError::Unavailable(_)
                | DownloadError::Stopped
                | DownloadError::Status(500..=599) => return Err(error),
                _ => {
                    let _entered = wanted.gate.enter()?;
                    // What is left of it is in nobody's way: the next attempt begins by removing it.
                    let _ = partial.discard();
                    return Err(error);
                }
            }
            resumptions = resumptions.saturating_add(1);
        }
    }

    fn attempt(
        &self,
        url: &str,
        wanted: &Wanted<'_>,
        partial: &Partial<'_>,
        resumed: Option<(Origin, File)>,
        whole: &str,
    ) -> Result<Came, DownloadError> {
        let limit = wanted.packages.limits().package;
        let mut hasher = Sha256::new();
        let mut have = 0_u64;
        let mut request = self.agent.get(url);
        let mut resumed = resumed;
        if let Some((origin, file)) = &mut resumed {
            have = hash(file, &mut hasher).map_err(PackageError::Io)?;
            if origin.length == Some(have) {
                // All of it came before a restart.
                return finish(wanted, partial, file, hasher, whole);
            }
            request = request
                .header("Range", format!("bytes={have}-"))
                .header("If-Range", origin.etag.as_str());
        }
        let response = request.call().map_err(|error| refused(url, error))?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        let media_type = header("Content-Type").map(|value| essence(&value));
        let etag = header("ETag").filter(|etag| etag.starts_with('"'));
        let announced = response.body().content_length();
        let (mut file, length) = match (status, resumed) {
            (206, Some((origin, file))) => {
                let range = header("Content-Range").and_then(|range| Range::parse(&range));
                let goes_on = range.is_some_and(|range| {
                    range.from == have
                        && (range.total.is_none()
                            || origin.length.is_none()
                            || range.total == origin.length)
                }) && etag.is_none_or(|etag| etag == origin.etag);
                if !goes_on {
                    return Err(DownloadError::Changed);
                }
                (
                    file,
                    origin
                        .length
                        .or_else(|| range.and_then(|range| range.total)),
                )
            }
            (416, Some(_)) => return Err(DownloadError::Changed),
            (200, _) => {
                if media_type.as_deref() == Some(descriptor::MEDIA_TYPE) {
                    return read_descriptor(response).map(Came::Descriptor);
                }
                if announced.is_some_and(|length| length > limit) {
                    return Err(PackageError::TooLarge.into());
                }
                if let (Some(descriptor), Some(length)) = (wanted.descriptor, announced) {
                    descriptor.check_object(length, media_type.as_deref())?;
                }
                let origin = etag.map(|etag| Origin {
                    url: url.to_owned(),
                    etag,
                    digest: wanted.expected.to_string(),
                    length: announced,
                });
                hasher = Sha256::new();
                have = 0;
                let _entered = wanted.gate.enter()?;
                let file = partial.begin(origin.as_ref()).map_err(PackageError::Io)?;
                (file, announced)
            }
            _ => return Err(DownloadError::Status(status)),
        };
        let bar = progress::bar(&format!("downloading {}", wanted.name()), length, have);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 64 << 10];
        let mut since = Instant::now();
        let mut came = 0_u64;
        let mut receive = || {
            loop {
                let read = body.read(&mut buffer).map_err(broken)?;
                let Some(piece @ [_, ..]) = buffer.get(..read) else {
                    break;
                };
                have = have.saturating_add(piece.len() as u64);
                if have > limit || length.is_some_and(|length| have > length) {
                    return Err(PackageError::TooLarge.into());
                }
                hasher.update(piece);
                let entered = wanted.gate.enter()?;
                file.write_all(piece).map_err(PackageError::Io)?;
                drop(entered);
                came = came.saturating_add(piece.len() as u64);
                if came >= SLOWEST {
                    (came, since) = (0, Instant::now());
                } else if since.elapsed() >= self.patience {
                    return Err(DownloadError::Cut(io::Error::other("it came too slowly")));
                }
                bar.inc(piece.len() as u64);
                wanted.packages.tell(Work::Download, have, length);
            }
            if length.is_some_and(|length| length != have) {
                return Err(DownloadError::Cut(io::ErrorKind::UnexpectedEof.into()));
            }
            Ok(())
        };
        if let Err(error) = receive() {
            bar.abandon_with_message(format!("stopped downloading {}", wanted.name()));
            return Err(error);
        }
        bar.finish();
        if let Some(descriptor) = wanted.descriptor {
            descriptor.check_object(have, media_type.as_deref())?;
        }
        finish(wanted, partial, &file, hasher, whole)
    }
}

/// Keeps a package that is there as a whole, if it is what was announced.
fn finish(
    wanted: &Wanted<'_>,
    partial: &Partial<'_>,
    file: &File,
    hasher: Sha256,
    whole: &str,
) -> Result<Came, DownloadError> {
    let expected = wanted.expected;
    let found = Sha256Digest::finish(hasher);
    if found != expected {
        return Err(PackageError::Digest { expected, found }.into());
    }
    let _entered = wanted.gate.enter()?;
    partial.keep(file, whole).map_err(PackageError::Io)?;
    Ok(Came::Package)
}

/// Takes what a file holds into a digest; the octets it holds. The file is at its end then.
fn hash(file: &mut File, hasher: &mut Sha256) -> io::Result<u64> {
    file.rewind()?;
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(piece @ [_, ..]) = buffer.get(..read) else {
            return Ok(length);
        };
        hasher.update(piece);
        length = length.saturating_add(piece.len() as u64);
    }
}

/// The value of a `Content-Range` (RFC 9110, section 14.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Range {
    from: u64,
    total: Option<u64>,
}

impl Range {
    fn parse(value: &str) -> Option<Self> {
        let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
        let (from, _) = range.split_once('-')?;
        Some(Self {
            from: from.trim().parse().ok()?,
            total: match total.trim() {
                "*" => None,
                total => Some(total.parse().ok()?),
            },
        })
    }
}

fn read_descriptor(response: ureq::http::Response<ureq::Body>) -> Result<Vec<u8>, DownloadError> {
    let mut xml = Vec::new();
    // One octet more than allowed tells a descriptor that is too long from one that just fits.
    let limit = descriptor::MAX_SIZE as u64 + 1;
    let body = response.into_body().into_reader();
    body.take(limit).read_to_end(&mut xml).map_err(broken)?;
    Ok(xml)
}

impl Default for Downloader {
    fn default() -> Self {
        Self::new()
    }
}

/// No response came.
fn refused(url: &str, error: ureq::Error) -> DownloadError {
    match error {
        ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::TooManyRedirects
        | ureq::Error::RedirectFailed
        | ureq::Error::TlsRequired => DownloadError::Url {
            url: url.to_owned(),
            reason: error.to_string(),
        },
        other => DownloadError::Unavailable(other.to_string()),
    }
}

/// The response stopped.
fn broken(error: io::Error) -> DownloadError {
    if is_out_of_room(&error) {
        PackageError::Io(error).into()
    } else if error.kind() == io::ErrorKind::TimedOut {
        DownloadError::Unavailable(error.to_string())
    } else {
        DownloadError::Cut(error)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpListener};

    use super::*;
    use crate::device::{
        packages::PackageLimits,
        root::{MARKER, Root},
    };

    #[test]
    fn who_was_not_told_before_a_restart_is_told_after_it_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (tell, told) = std::sync::mpsc::channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = Vec::new();
                let mut buffer = [0; 1024];
                while !request.ends_with(b"900 Success") {
                    let read = stream.read(&mut buffer).unwrap();
                    request.extend_from_slice(&buffer[..read]);
                }
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).unwrap();
                tell.send(()).unwrap();
            }
        });
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let packages = Packages::open(root, PackageLimits::default()).unwrap();
        let owed = Owed {
            notify: Some(url),
            facts: Facts::default().with_size(7),
        };
        let (part, _) = packages.paths("p");
        owed.note(packages.root(), &part).unwrap();
        let downloader = Downloader::new();
        let gate = Gate::default();
        for expected in [Some(7), None] {
            let facts = downloader.fetched_before("p", &packages, &gate, |_| ());
            assert_eq!(facts.unwrap().size, expected);
        }
        assert_eq!(told.iter().take(1).count(), 1);
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn what_comes_too_slowly_breaks_off() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
                let mut octets = head.bytes().chain([0; 1000]);
                // Until nobody listens any more.
                while let Some(octet) = octets.next()
                    && stream.write_all(&[octet]).is_ok()
                {
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let packages = Packages::open(root, PackageLimits::default()).unwrap();
        let mut downloader = Downloader::new();
        downloader.pause = Duration::ZERO;
        downloader.patience = Duration::ZERO;
        let digest = Sha256Digest::of(&[0; 1000]);
        let gate = Gate::default();
        let fetched = downloader.fetch(&url, digest, "p", &packages, &gate, |_| ());
        let error = fetched.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the download broke off: it came too slowly"
        );
        assert_eq!(error.result_code(), ResultCode::DOWNLOAD_FAILED);
    }
}
