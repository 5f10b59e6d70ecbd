//! [`Transport`]: how messages reach the server; [`Http`], the one there is.

use core::time::Duration;
use std::io::Read;

use bytes::Bytes;
use dm_proto::{auth::HMAC_HEADER, session::Transmit};
use ureq::http::HeaderValue;

/// The longest answer that is read. Sessions refuse what is over their own limit.
const MAX_ANSWER: u64 = 4 << 20;

/// How messages reach the server.
pub trait Transport: Send {
    /// Sends a message and returns the answer.
    ///
    /// # Errors
    ///
    /// If there is none; whether the message arrived is not known then.
    fn exchange(&mut self, message: &Transmit) -> Result<Answer, TransportError>;
}

/// The answer to a message.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Answer {
    /// The octets.
    pub body: Bytes,
    /// Their `Content-Type`.
    pub content_type: String,
    /// The signature that came with them ([`HMAC_HEADER`]).
    pub hmac: Option<String>,
}

/// Why there is no answer.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The server could not be reached, or the answer broke off.
    #[error("{0}")]
    NoAnswer(Box<ureq::Error>),
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    Cut(#[from] std::io::Error),
    /// The server answered with an error of HTTP.
    #[error("http status {0}")]
    Status(u16),
    /// The answer is longer than can be.
    #[error("the answer is too long")]
    TooLong,
    /// It was lost on purpose, by a test.
    #[error("lost on purpose")]
    Lost,
}

/// HTTP as OMA-TS-DM_Protocol binds it: a message is the body of a `POST`, its answer that of the
/// response.
#[derive(Clone, Debug)]
pub struct Http {
    agent: ureq::Agent,
}

impl Http {
    /// HTTP with time-outs of 10 seconds to connect and a minute for all.
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            // A message is not for whoever an answer points at.
            .max_redirects(0)
            .build();
        Self {
            agent: config.into(),
        }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for Http {
    fn exchange(&mut self, message: &Transmit) -> Result<Answer, TransportError> {
        let media_type = message.encoding.media_type();
        let mut request = self
            .agent
            .post(message.uri.as_str())
            .header("Content-Type", media_type)
            .header("Accept", media_type);
        // A session makes none that no header can hold.
        let hmac = message.hmac.as_ref();
        if let Some(Ok(hmac)) = hmac.map(|hmac| HeaderValue::from_bytes(hmac.as_bytes())) {
            request = request.header(HMAC_HEADER, hmac);
        }
        let response = request
            .send(message.body.as_ref())
            .map_err(|error| TransportError::NoAnswer(Box::new(error)))?;
        // 204: the server has nothing left to say.
        if !matches!(response.status().as_u16(), 200 | 204) {
            return Err(TransportError::Status(response.status().as_u16()));
        }
        let content_type = response
            .headers()
            .get("Content-Type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let hmac = response.headers().get(HMAC_HEADER);
        // What is not text signs nothing.
        let hmac = hmac.map(|value| String::from_utf8(value.as_bytes().to_vec()));
        let hmac = hmac.map(Result::unwrap_or_default);
        let mut body = Vec::new();
        response
            .into_body()
            .into_reader()
            .take(MAX_ANSWER + 1)
            .read_to_end(&mut body)?;
        if body.len() as u64 > MAX_ANSWER {
            return Err(TransportError::TooLong);
        }
        Ok(Answer {
            body: body.into(),
            content_type,
            hmac,
        })
    }
}
