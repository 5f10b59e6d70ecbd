//! Answers to messages that no session takes.

use alloc::{boxed::Box, vec};

use bytes::Bytes;

use super::{Headers, Received, Transmit};
use crate::{
    CmdId, Secret, StatusCode, Text,
    auth::{Nonce, Scheme, base64},
    codec::{self, DecodeOptions, Encoding},
    message::{Chal, CommandName, Location, Meta, Status, SyncHdr, SyncMl},
};

/// The answer to a message that no session takes: a status for its header, and the end of the package. For
/// the server's side.
///
/// `None` if the header cannot be answered, because it holds what the encoding does not.
pub fn refusal(header: &SyncHdr, encoding: Encoding, status: StatusCode) -> Option<Transmit> {
    refuse(header, encoding, status, None)
}

/// The answer to a message of a device that nobody knows: 401 or 407 for its header, as it has credentials or
/// not, and a challenge with a fresh nonce, which goes with either (OMA-TS-DM_Protocol, authentication
/// challenge). For the server's side. Whoever it is learns no more than from wrong credentials.
///
/// `None` if the header cannot be answered, because it holds what the encoding does not.
pub fn refusal_of_stranger(
    header: &SyncHdr,
    encoding: Encoding,
    nonce: &Nonce,
) -> Option<Transmit> {
    let status = match header.cred {
        Some(_) => StatusCode::INVALID_CREDENTIALS,
        None => StatusCode::MISSING_CREDENTIALS,
    };
    let meta = Meta {
        format: Some("b64".into()),
        type_: Scheme::Md5.type_name().map(Text::from_static),
        next_nonce: Some(Secret::from(base64::encode(nonce.as_bytes()))),
        ..Meta::default()
    };
    let chal = Chal {
        meta,
        ..Chal::default()
    };
    refuse(header, encoding, status, Some(Box::new(chal)))
}

fn refuse(
    header: &SyncHdr,
    encoding: Encoding,
    status: StatusCode,
    chal: Option<Box<Chal>>,
) -> Option<Transmit> {
    let message = SyncMl {
        header: SyncHdr {
            ver_dtd: header.ver_dtd.clone(),
            ver_proto: header.ver_proto.clone(),
            session_id: header.session_id.clone(),
            // Where both sides have sent as many messages, as they do, it is the one that is awaited.
            msg_id: header.msg_id.clone(),
            target: Location::from(header.source.loc_uri.clone()),
            source: Location::from(header.target.loc_uri.clone()),
            ..SyncHdr::default()
        },
        commands: vec![
            Status {
                cmd_id: CmdId::from(1),
                msg_ref: header.msg_id.clone(),
                cmd_ref: CmdId::from("0"),
                cmd: CommandName::SYNC_HDR,
                target_refs: vec![header.target.loc_uri.as_str().into()],
                source_refs: vec![header.source.loc_uri.as_str().into()],
                data: status,
                chal,
                ..Status::default()
            }
            .into(),
        ],
        is_final: true,
        ..SyncMl::default()
    };
    Some(Transmit {
        uri: header.source.loc_uri.clone(),
        body: codec::encode(encoding, &message).ok()?,
        encoding,
        hmac: None,
    })
}

impl Received {
    /// The answer to octets that [`read`](Self::read) does not take, where the header can be read although
    /// the rest cannot: status 400 for the header. OMA-TS-DM_RepPro, `Status`.
    ///
    /// `None` if nobody can be answered: the transport has to say it, as HTTP does with its own 400.
    pub fn refuse_unreadable(
        octets: &Bytes,
        headers: Headers<'_>,
        options: &DecodeOptions,
    ) -> Option<Transmit> {
        let encoding = Encoding::from_media_type(headers.content_type)?;
        let options = options.clone().with_content_type(headers.content_type);
        let header = codec::decode_header(encoding, octets, &options).ok()?;
        refusal(&header, encoding, StatusCode::BAD_REQUEST)
    }
}
