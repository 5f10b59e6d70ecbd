//! `dm-inspect notification`.

use core::fmt::Write as _;

use dm_proto::notification::{Initiator, Received, UiMode};

use super::{Failure, NotificationArgs, read_input, write_output};

/// Reads a notification and writes its fields. Its digest is not checked: that takes the account.
pub(super) fn run(args: &NotificationArgs) -> Result<(), Failure> {
    let octets = match (&args.file, &args.hex) {
        (Some(file), _) => read_input(file)?,
        (None, hex) => from_hex(hex.as_deref().unwrap_or_default())?,
    };
    let received = Received::read(&octets).map_err(Failure::Notification)?;
    let notification = &received.notification;
    let ui_mode = match notification.ui_mode {
        UiMode::NotSpecified => "not specified",
        UiMode::Background => "background",
        UiMode::Informative => "informative",
        UiMode::UserInteraction => "user interaction",
    };
    let initiator = match notification.initiator {
        Initiator::Client => "client",
        Initiator::Server => "server",
    };
    let version = (received.version / 10, received.version % 10);
    let body = match notification.body.as_slice() {
        [] => String::from("(none)"),
        octets => hex(octets),
    };
    let digest = hex(octets.get(..16).unwrap_or_default());
    write_output(
        format!(
            "version:    {}.{}\n\
             session:    {}\n\
             server:     {:?}\n\
             ui mode:    {ui_mode}\n\
             initiator:  {initiator}\n\
             body:       {body}\n\
             digest:     {digest} (not verified)\n",
            version.0,
            version.1,
            notification.session_id_text(),
            notification.server_id.as_str(),
        )
        .as_bytes(),
    )
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a string does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Octets from pairs of hexadecimal digits, among which white space may stand.
fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or(Failure::Hex)?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                octets.push((high << 4) | digit);
                None
            }
        };
    }
    match high {
        None => Ok(octets),
        Some(_) => Err(Failure::Hex),
    }
}
