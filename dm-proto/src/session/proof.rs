//! Credentials on their way: what we prove to the peer, and what the peer proves to us.
//!
//! OMA-TS-DM_Security, authentication. Both directions are independent of each other and alike on
//! both sides.

use alloc::{boxed::Box, sync::Arc};

use super::{
    Transmit,
    error::{Incompatibility, Misbehaviour, SessionError},
    imprint::Imprint,
};
use crate::{
    Secret, StatusCode, Text,
    auth::{
        Credentials, Nonce, Resynchronization, Scheme, SchemePolicy, SpecialNonce, base64, basic,
        mac::{self, Mac},
        md5,
    },
    message::{Chal, Cred, Meta, Status},
};

/// What is agreed to, on our side alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'c> {
    /// How often either side may be challenged.
    pub(super) challenges: u8,
    pub(super) schemes: &'c SchemePolicy,
}

/// What we prove to the peer.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Proof {
    scheme: Scheme,
    nonce: Nonce,
    /// The peer needs no more credentials in this session.
    accepted: bool,
    refusals: u8,
    /// A message of ours was signed: all others must be.
    signed: bool,
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
            signed: false,
        }
    }

    /// Proves with the special nonce, until the peer gives another.
    pub(super) fn resynchronize(&mut self, special: SpecialNonce) {
        self.nonce = special.nonce();
    }

    /// Whether a message may come back with a challenge, so that it must be kept.
    pub(super) fn may_be_challenged(&self) -> bool {
        !self.accepted
    }

    /// Whether the peer has asked for credentials.
    pub(super) fn is_asked(&self) -> bool {
        self.refusals > 0
    }

    /// The credentials for the next message, if it needs some.
    pub(super) fn cred(&self, credentials: &Credentials) -> Option<Box<Cred>> {
        if self.accepted {
            return None;
        }
        let (name, secret) = (credentials.name.as_str(), credentials.secret.expose());
        let data = match self.scheme {
            // Signatures stand in the transport header only.
            Scheme::Transport | Scheme::Hmac => return None,
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

    /// Signs a message, if that is how we prove ourselves.
    pub(super) fn sign(
        &mut self,
        transmit: &mut Transmit,
        credentials: &Credentials,
    ) -> Result<(), SessionError> {
        if self.scheme != Scheme::Hmac {
            return Ok(());
        }
        let (name, secret) = (credentials.name.as_str(), credentials.secret.expose());
        let header = mac::header(name, secret, &self.nonce, &transmit.body)
            .ok_or(Incompatibility::NotRepresentable)?;
        transmit.hmac = Some(header.into());
        self.signed = true;
        Ok(())
    }

    /// Takes the status of our header. Returns also the nonce of our next digest, if it changed.
    pub(super) fn answered(
        &mut self,
        status: &Status,
        credentials: &Credentials,
        terms: Terms<'_>,
    ) -> Result<(Reception, Option<Nonce>), SessionError> {
        let next_nonce = nonce_of(status);
        let reception = match status.data {
            StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS => {
                self.challenged(status.chal.as_deref(), credentials, terms)?;
                Reception::Challenged
            }
            // OMA-TS-DM_Security, integrity: each signed message is accepted for itself, with a nonce
            // for the next; otherwise the session ends.
            code if self.signed && code.is_success() => {
                if code != StatusCode::OK || next_nonce.is_none() {
                    return Err(Misbehaviour::NoNextNonce.into());
                }
                Reception::Accepted
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

    /// Takes the nonce from a status of our header in a message that is not believed: for our next proof,
    /// and not to be stored. OMA-TS-DM_Security, password and nonce usage.
    pub(super) fn overheard(&mut self, status: &Status) {
        if let Some(nonce) = nonce_of(status) {
            self.nonce = nonce;
        }
    }

    fn challenged(
        &mut self,
        chal: Option<&Chal>,
        credentials: &Credentials,
        terms: Terms<'_>,
    ) -> Result<(), SessionError> {
        if self.refusals >= terms.challenges || credentials.scheme == Scheme::Transport {
            return Err(SessionError::Refused);
        }
        self.refusals = self.refusals.saturating_add(1);
        let asked = chal
            .and_then(|chal| chal.meta.type_.clone())
            .ok_or(SessionError::Refused)?;
        let scheme = Scheme::from_type_name(&asked)
            .filter(|scheme| terms.schemes.admits(*scheme, credentials.scheme))
            // Who signs goes on signing. OMA-TS-DM_Protocol, authentication: nor does the type change in a
            // session once one was accepted.
            .filter(|scheme| !self.signed || *scheme == Scheme::Hmac)
            .filter(|scheme| !self.accepted || *scheme == self.scheme)
            .ok_or(Incompatibility::Scheme(asked))?;
        self.scheme = scheme;
        self.accepted = false;
        Ok(())
    }
}

fn nonce_of(status: &Status) -> Option<Nonce> {
    let chal = status.chal.as_ref()?;
    let octets = base64::decode(chal.meta.next_nonce.as_ref()?.expose())?;
    Some(Nonce::from(octets.as_slice()))
}

/// What a message shows to prove its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'m> {
    pub(super) cred: Option<&'m Cred>,
    pub(super) mac: &'m Mac,
    pub(super) imprint: &'m Imprint,
}

impl Evidence<'_> {
    /// Whether there is none at all.
    pub(super) fn is_none(&self) -> bool {
        self.cred.is_none() && !self.mac.is_present()
    }
}

/// What the peer proves to us.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub(super) struct Check {
    nonce: Nonce,
    /// The last message was the peer's: of those that are not signed, any after the first.
    authenticated: bool,
    /// A message of the session was the peer's.
    known: bool,
    failures: u8,
    /// The peer signs its messages, so it must sign all.
    signed: bool,
    /// It did not, and there is no way back.
    broken: bool,
    resynchronization: Resynchronization,
    /// The peer has proved itself with the special nonce.
    special: Option<SpecialNonce>,
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
    pub(super) fn new(credentials: &Credentials, resynchronization: Resynchronization) -> Self {
        let authenticated = credentials.scheme == Scheme::Transport;
        Self {
            nonce: credentials.nonce.clone(),
            authenticated,
            known: authenticated,
            failures: 0,
            signed: false,
            broken: false,
            resynchronization,
            special: None,
        }
    }

    /// Whether the peer has authenticated: in this message, or in this session where once is enough.
    pub(super) fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether the peer has authenticated in this session.
    pub(super) fn is_known(&self) -> bool {
        self.known
    }

    /// With which special nonce the peer has proved itself, if it was one.
    pub(super) fn special(&self) -> Option<SpecialNonce> {
        self.special
    }

    /// Looks at what proves a message. `other_name` is a second name that the digest may be over.
    pub(super) fn verify(
        &mut self,
        evidence: Evidence<'_>,
        credentials: &Credentials,
        other_name: Option<&str>,
        fresh: &Nonce,
        terms: Terms<'_>,
    ) -> Verdict {
        let own = credentials.scheme;
        if own == Scheme::Transport {
            return Verdict::plain(StatusCode::OK, own);
        }
        let admits = |scheme| terms.schemes.admits(scheme, own);
        let may_sign = self.signed || !self.authenticated && admits(Scheme::Hmac);
        let names = [Some(credentials.name.as_str()), other_name];
        let code = match evidence {
            Evidence { mac, imprint, .. } if may_sign && mac.is_present() => {
                if self.is_signed(mac, &imprint.digest(), credentials, &names) {
                    self.signed = true;
                    self.accept();
                    return Verdict::plain(StatusCode::OK, Scheme::Hmac);
                }
                StatusCode::INVALID_CREDENTIALS
            }
            // OMA-TS-DM_Security, integrity: once used, for all messages of the session.
            _ if self.signed => {
                self.broken = true;
                StatusCode::INVALID_CREDENTIALS
            }
            _ if self.authenticated => {
                return Verdict::plain(StatusCode::AUTHENTICATION_ACCEPTED, own);
            }
            Evidence { cred: None, .. } => StatusCode::MISSING_CREDENTIALS,
            Evidence {
                cred: Some(cred), ..
            } => match self.scheme_of(cred, credentials, &names, admits) {
                Some(scheme) => {
                    self.accept();
                    return Verdict::plain(StatusCode::AUTHENTICATION_ACCEPTED, scheme);
                }
                None => StatusCode::INVALID_CREDENTIALS,
            },
        };
        self.authenticated = false;
        self.failures = self.failures.saturating_add(1);
        let scheme = if self.signed { Scheme::Hmac } else { own };
        // OMA-TS-DM_Security, integrity: what breaks the chain of signatures ends the session.
        if self.broken {
            return Verdict::plain(code, scheme);
        }
        // OMA-TS-DM_Protocol, authentication: every refusal has a challenge, the last one of a session too.
        let mut verdict = Verdict {
            code,
            scheme,
            next_nonce: None,
            challenge: true,
        };
        if scheme.has_nonce() {
            self.nonce = fresh.clone();
            verdict.next_nonce = Some(fresh.clone());
        }
        verdict
    }

    /// Whether the peer has failed more often than is allowed.
    pub(super) fn is_exhausted(&self, allowed: u8) -> bool {
        !self.authenticated && (self.broken || self.failures > allowed)
    }

    /// Adds the nonce of the peer's next proof to the verdict that accepted it: of its next session, or
    /// of its next message where each is signed. Returns the nonce.
    pub(super) fn rotate(&mut self, verdict: &mut Verdict, fresh: &Nonce) -> Option<Nonce> {
        verdict.offer(fresh);
        let offered = verdict.offered();
        if let Some(nonce) = &offered {
            self.expect(nonce);
        }
        offered
    }

    /// The peer has been given this nonce for its next proof.
    pub(super) fn expect(&mut self, nonce: &Nonce) {
        self.nonce = nonce.clone();
    }

    fn accept(&mut self) {
        self.authenticated = true;
        self.known = true;
    }

    fn is_signed(
        &mut self,
        mac: &Mac,
        digest: &md5::Digest,
        credentials: &Credentials,
        names: &[Option<&str>],
    ) -> bool {
        let Mac::Signed(signature) = mac else {
            return false;
        };
        let secret = credentials.secret.expose();
        self.any_nonce(|nonce| {
            let mut names = names.iter().flatten();
            names.any(|name| signature.verify(name, secret, nonce, digest))
        })
    }

    /// The scheme by which credentials are right, if they are.
    fn scheme_of(
        &mut self,
        cred: &Cred,
        credentials: &Credentials,
        names: &[Option<&str>],
        admits: impl Fn(Scheme) -> bool,
    ) -> Option<Scheme> {
        let scheme = cred
            .meta
            .as_ref()
            .and_then(|meta| meta.type_.as_deref())
            .and_then(Scheme::from_type_name)
            .filter(|scheme| admits(*scheme))?;
        let (data, secret) = (cred.data.expose(), credentials.secret.expose());
        let mut names = names.iter().flatten();
        let is_right = match scheme {
            // Neither goes into a message.
            Scheme::Transport | Scheme::Hmac => false,
            Scheme::Basic => names.any(|name| basic::verify(data, name, secret)),
            Scheme::Md5 => self.any_nonce(|nonce| {
                let mut names = names.clone();
                names.any(|name| md5::verify(data, name, secret, nonce))
            }),
        };
        is_right.then_some(scheme)
    }

    /// Whether something holds for the nonce, or for the special one where that is good too.
    fn any_nonce(&mut self, proves: impl Fn(&Nonce) -> bool) -> bool {
        if proves(&self.nonce) {
            return true;
        }
        // Who was challenged, or has proved itself before, has a nonce that is better.
        if self.failures > 0 || self.known {
            return false;
        }
        let mut forms = self.resynchronization.forms().iter();
        self.special = forms.find(|form| proves(&form.nonce())).copied();
        self.special.is_some()
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

    /// Whether it is about a signed message, the sender of which needs a nonce for the next.
    pub(super) fn is_of_signature(&self) -> bool {
        self.scheme == Scheme::Hmac && self.is_accepted()
    }

    /// Adds the nonce of the peer's next proof, if its proofs have one.
    pub(super) fn offer(&mut self, fresh: &Nonce) {
        if self.scheme.has_nonce() && self.is_accepted() {
            self.next_nonce = Some(fresh.clone());
        }
    }

    /// The nonce of the peer's next proof, other than that of a challenge.
    pub(super) fn offered(&self) -> Option<Nonce> {
        self.next_nonce.clone().filter(|_| !self.challenge)
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
