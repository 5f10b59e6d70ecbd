//! [`Downloader`]: packages over HTTP, each checked against its digest before it is kept.

use core::time::Duration;
use std::io::{self, IsTerminal, Read, Write};

use indicatif::{ProgressBar, ProgressStyle};
use scomo::ResultCode;
use sha2::{Digest, Sha256};

use super::{
    package::{PackageError, Sha256Digest, is_out_of_room},
    packages::Packages,
};

/// The media type of a download descriptor.
const DESCRIPTOR: &str = "application/vnd.oma.dd+xml";

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
    /// What came is a download descriptor, which is not supported.
    #[error("download descriptors are not supported")]
    Descriptor,
    /// The transfer broke off.
    #[error("the download broke off: {0}")]
    Cut(io::Error),
    /// What came is not what was announced, or cannot be kept.
    #[error(transparent)]
    Package(#[from] PackageError),
}

impl DownloadError {
    /// The result code of the operation. See the project's `PROVENANCE.md`.
    pub fn result_code(&self) -> ResultCode {
        match self {
            Self::Status(401 | 407) => ResultCode::DOWNLOAD_AUTHENTICATION_FAILED,
            Self::Status(500..=599) => ResultCode::DOWNLOAD_SERVER_ERROR,
            Self::Unavailable(_) => ResultCode::DOWNLOAD_SERVER_UNAVAILABLE,
            Self::Package(PackageError::Digest { .. } | PackageError::NoDigest) => {
                ResultCode::PACKAGE_VALIDATION_FAILED
            }
            Self::Package(PackageError::Kind(_)) => ResultCode::ENVIRONMENT_NOT_SUPPORTED,
            Self::Package(error) if error.is_out_of_room() => ResultCode::DOWNLOAD_OUT_OF_MEMORY,
            Self::Url { .. }
            | Self::Status(_)
            | Self::Descriptor
            | Self::Cut(_)
            | Self::Package(_) => ResultCode::DOWNLOAD_FAILED,
        }
    }
}

/// Fetches packages.
#[derive(Clone, Debug)]
pub struct Downloader {
    agent: ureq::Agent,
}

impl Downloader {
    /// A downloader with time-outs of 10 seconds to connect, 30 for the answer to begin and an hour for
    /// all of it, which follows 5 redirections.
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
        }
    }

    /// Fetches a package and keeps it if it is what was announced. While it comes, a bar on standard
    /// error shows how far it is, if that is a terminal.
    ///
    /// # Errors
    ///
    /// If it cannot be fetched, is not what was announced, or too large; then it is not kept.
    pub fn fetch(
        &self,
        url: &str,
        expected: Sha256Digest,
        package_id: &str,
        packages: &Packages,
    ) -> Result<(), DownloadError> {
        let fetched = self.fetch_new(url, expected, package_id, packages);
        if fetched.is_err() {
            // What is left of it is in nobody's way: the next attempt begins by removing it.
            let _ = packages.discard(package_id);
        }
        fetched
    }

    fn fetch_new(
        &self,
        url: &str,
        expected: Sha256Digest,
        package_id: &str,
        packages: &Packages,
    ) -> Result<(), DownloadError> {
        let response = self
            .agent
            .get(url)
            .call()
            .map_err(|error| refused(url, error))?;
        if !response.status().is_success() {
            return Err(DownloadError::Status(response.status().as_u16()));
        }
        let is_descriptor = response
            .headers()
            .get("Content-Type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with(DESCRIPTOR));
        if is_descriptor {
            return Err(DownloadError::Descriptor);
        }
        let limit = packages.limits().package;
        let announced = response.body().content_length();
        if announced.is_some_and(|length| length > limit) {
            return Err(PackageError::TooLarge.into());
        }
        let bar = progress(announced);
        let mut body = response.into_body().into_reader();
        let mut file = packages.receive(package_id).map_err(PackageError::Io)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        let mut length = 0_u64;
        loop {
            let read = body.read(&mut buffer).map_err(broken)?;
            let Some(piece @ [_, ..]) = buffer.get(..read) else {
                break;
            };
            length = length.saturating_add(piece.len() as u64);
            if length > limit {
                return Err(PackageError::TooLarge.into());
            }
            hasher.update(piece);
            file.write_all(piece).map_err(PackageError::Io)?;
            bar.inc(piece.len() as u64);
        }
        bar.finish_and_clear();
        if announced.is_some_and(|announced| announced != length) {
            return Err(DownloadError::Cut(io::ErrorKind::UnexpectedEof.into()));
        }
        let found = Sha256Digest::finish(hasher);
        if found != expected {
            return Err(PackageError::Digest { expected, found }.into());
        }
        packages
            .keep(package_id, &file)
            .map_err(|error| PackageError::Io(error).into())
    }
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

fn progress(length: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (
            ProgressBar::new(length),
            "{bar:40} {bytes}/{total_bytes} {eta}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
