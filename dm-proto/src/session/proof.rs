//! Credentials on their way: what we prove to the peer, and what the peer proves to us.
//!
//! OMA-TS-DM_Security, authentication. Both directions are independent of each other and alike on
//! both sides.

use alloc::{boxed::Box, sync::Arc};

use super::error::{Incompatibility, SessionError};
use crate::{
    Secret, StatusCode, Text,
    auth::{Credentials, Nonce, Scheme, base64, basic, md5},
    message::{Chal, Cred, Meta, Status},
};

/// What we prove to the peer.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Proof {
    scheme: Scheme,
    nonce: Nonce,
    /// The peer needs no more credentials in this session.
    accepted: bool,
    refusals: u8,
}

/// What the peer made of our credentials.
#[derive(Debug, PartialEq)]
pub(super) enum Reception {
    /// They are good, or not needed.
    Accepted,
    /// The message must be sent again, with the credentials asked for.
    Challenged,
}

impl Proof {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self {
            scheme: credentials.scheme,
            nonce: credentials.nonce.clone(),
            accepted: credentials.scheme == Scheme::Transport,
            refusals: 0,
        }
    }

    /// Whether a message may come back with a challenge, so that it must be kept.
    pub(super) fn may_be_challenged(&self) -> bool {
        !self.accepted
    }

    /// The credentials for the next message, if it needs some.
    pub(super) fn cred(&self, credentials: &Credentials) -> Option<Box<Cred>> {
        if self.accepted {
            return None;
        }
        let (name, secret) = (credentials.name.as_str(), credentials.secret.expose());
        let data = match self.scheme {
            Scheme::Transport => return None,
            Scheme::Basic => basic::data(name, secret),
            Scheme::Md5 => md5::data(name, secret, &self.nonce),
        };
        Some(Box::new(Cred {
            meta: Some(Arc::new(Meta {
                format: Some("b64".into()),
                type_: self.scheme.type_name().map(Text::from_static),
                ..Meta::default()
            })),
            data: Secret::from(data),
            ..Cred::default()
        }))
    }

    /// Takes the status of our header. Returns also the nonce of our next digest, if it changed.
    pub(super) fn answered(
        &mut self,
        status: &Status,
        credentials: &Credentials,
        allowed: u8,
    ) -> Result<(Reception, Option<Nonce>), SessionError> {
        let next_nonce = status
            .chal
            .as_ref()
            .and_then(|chal| chal.meta.next_nonce.as_ref())
            .and_then(|nonce| base64::decode(nonce.expose()))
            .map(|octets| Nonce::from(octets.as_slice()));
        let reception = match status.data {
            StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS => {
                self.challenged(status.chal.as_deref(), credentials, allowed)?;
                Reception::Challenged
            }
            // 200 asks for credentials in the next message again; 212 never more in this session.
            StatusCode::AUTHENTICATION_ACCEPTED => {
                self.accepted = true;
                Reception::Accepted
            }
            _ => Reception::Accepted,
        };
        if let Some(nonce) = &next_nonce {
            self.nonce = nonce.clone();
        }
        Ok((reception, next_nonce))
    }

    fn challenged(
        &mut self,
        chal: Option<&Chal>,
        credentials: &Credentials,
        allowed: u8,
    ) -> Result<(), SessionError> {
        if self.refusals >= allowed || credentials.scheme == Scheme::Transport {
            return Err(SessionError::Refused);
        }
        self.refusals = self.refusals.saturating_add(1);
        let asked = chal
            .and_then(|chal| chal.meta.type_.clone())
            .ok_or(SessionError::Refused)?;
        let scheme = Scheme::from_type_name(&asked)
            .filter(|scheme| scheme.is_at_least(credentials.scheme))
            .ok_or(Incompatibility::Scheme(asked))?;
        self.scheme = scheme;
        self.accepted = false;
        Ok(())
    }
}

/// What the peer proves to us.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Check {
    nonce: Nonce,
    authenticated: bool,
    failures: u8,
}

/// What is told to the peer about its credentials, in the status of its header.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Verdict {
    pub(super) code: StatusCode,
    scheme: Scheme,
    next_nonce: Option<Nonce>,
    challenge: bool,
}

impl Check {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self {
            nonce: credentials.nonce.clone(),
            authenticated: credentials.scheme == Scheme::Transport,
            failures: 0,
        }
    }

    pub(super) fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Looks at the credentials of a message. `other_name` is a second name that the digest may be
    /// over; `allowed` is how often the peer may be challenged.
    pub(super) fn verify(
        &mut self,
        cred: Option<&Cred>,
        credentials: &Credentials,
        other_name: Option<&str>,
        fresh: &Nonce,
        allowed: u8,
    ) -> Verdict {
        let scheme = credentials.scheme;
        if scheme == Scheme::Transport {
            return Verdict::plain(StatusCode::OK, scheme);
        }
        if self.authenticated {
            return Verdict::plain(StatusCode::AUTHENTICATION_ACCEPTED, scheme);
        }
        let code = match cred {
            None => StatusCode::MISSING_CREDENTIALS,
            Some(cred) if self.is_right(cred, credentials, other_name) => {
                self.authenticated = true;
                return Verdict::plain(StatusCode::AUTHENTICATION_ACCEPTED, scheme);
            }
            Some(_) => StatusCode::INVALID_CREDENTIALS,
        };
        self.failures = self.failures.saturating_add(1);
        if self.failures > allowed {
            return Verdict::plain(code, scheme);
        }
        let mut verdict = Verdict {
            code,
            scheme,
            next_nonce: None,
            challenge: true,
        };
        if scheme == Scheme::Md5 {
            self.nonce = fresh.clone();
            verdict.next_nonce = Some(fresh.clone());
        }
        verdict
    }

    /// Whether the peer has failed more often than is allowed.
    pub(super) fn is_exhausted(&self, allowed: u8) -> bool {
        !self.authenticated && self.failures > allowed
    }

    /// Adds the nonce of the peer's next session to the verdict that accepted it. Returns the nonce.
    pub(super) fn rotate(&mut self, verdict: &mut Verdict, fresh: &Nonce) -> Option<Nonce> {
        if verdict.scheme != Scheme::Md5 {
            return None;
        }
        self.nonce = fresh.clone();
        verdict.next_nonce = Some(fresh.clone());
        Some(fresh.clone())
    }

    fn is_right(&self, cred: &Cred, credentials: &Credentials, other_name: Option<&str>) -> bool {
        let named = cred
            .meta
            .as_ref()
            .and_then(|meta| meta.type_.as_deref())
            .and_then(Scheme::from_type_name)
            .filter(|scheme| scheme.is_at_least(credentials.scheme));
        let Some(scheme) = named else { return false };
        let secret = credentials.secret.expose();
        let data = cred.data.expose();
        let proves = |name: &str| match scheme {
            Scheme::Transport => false,
            Scheme::Basic => basic::verify(data, name, secret),
            Scheme::Md5 => md5::verify(data, name, secret, &self.nonce),
        };
        proves(&credentials.name) || other_name.is_some_and(proves)
    }
}

impl Verdict {
    fn plain(code: StatusCode, scheme: Scheme) -> Self {
        Self {
            code,
            scheme,
            next_nonce: None,
            challenge: false,
        }
    }

    /// The answer to a peer of which nothing is asked.
    pub(super) fn not_needed() -> Self {
        Self::plain(StatusCode::OK, Scheme::Transport)
    }

    /// Whether the peer may go on.
    pub(super) fn is_accepted(&self) -> bool {
        self.code.is_success()
    }

    /// The `Chal` of the status.
    pub(super) fn chal(&self) -> Option<Box<Chal>> {
        if !self.challenge && self.next_nonce.is_none() {
            return None;
        }
        Some(Box::new(Chal {
            meta: Meta {
                format: Some("b64".into()),
                type_: self.scheme.type_name().map(Text::from_static),
                next_nonce: self
                    .next_nonce
                    .as_ref()
                    .map(|nonce| Secret::from(base64::encode(nonce.as_bytes()))),
                ..Meta::default()
            },
            ..Chal::default()
        }))
    }
}
