//! WAP push, and the bootstrap messages that come by it.

use crate::wap_push::{Assembly, Push, Segment};

/// Octets are a push, the user data of a short message, or an error. A push that can be written is read the
/// same; split over short messages and put together in any order it is the same; a part given twice changes
/// nothing.
pub fn wap_push(octets: &[u8]) {
    if let Ok(segment) = Segment::read(octets) {
        assert!(segment.octets.len() <= octets.len());
        let _ = Assembly::default().add(segment);
    }
    let Ok(push) = Push::read(octets) else {
        return;
    };
    assert!(push.body.len() <= octets.len());
    // A type that has only a number, or is no line of text, cannot be written.
    let Ok(written) = push.to_octets() else {
        return;
    };
    let again = Push::read(&written).expect("what was written can be read");
    assert_eq!(again.body, push.body);
    assert_eq!(again.push_id, push.push_id);
    assert_eq!(again.application, push.application);
    // Parameters may be spelled in another way; in the second turn they are not.
    assert_eq!(again.to_octets().as_ref(), Ok(&written));
    let Ok(messages) = push.to_sms(9200, 7) else {
        return;
    };
    let mut assembly = Assembly::default();
    let mut whole = None;
    for message in messages.iter().rev() {
        assert!(message.len() <= 140);
        for _ in 0..2 {
            if whole.is_some() {
                break;
            }
            let segment = Segment::read(message).expect("what was written can be read");
            whole = assembly.add(segment).expect("it is for the port of pushes");
        }
    }
    assert_eq!(whole, Some(written));
}

/// The first octet chooses the kind of message, the rest is its body, or a push with it. Nothing of it is to be
/// had without the secret, and with it exactly what a message holds that is trusted; what is read as
/// provisioning document is written and read the same in both encodings, and accounts in it are or are not.
#[cfg(feature = "bootstrap")]
pub fn bootstrap(octets: &[u8]) {
    use bytes::Bytes;

    use crate::{
        Limits,
        bootstrap::{Content, Document, Kind, Message, Profile, Secrets, Security},
        codec::Encoding,
    };

    let limits = Limits::DEFAULT;
    let Some((choice, body)) = octets.split_first() else {
        return;
    };
    if let Ok(mut message) = Push::read(octets)
        .map_err(|_| ())
        .and_then(|push| Message::from_push(&push).map_err(|_| ()))
    {
        // Nobody signed it with this.
        let nobody = Secrets::default().with_pin("no digits of a pin");
        assert!(message.authenticate(&nobody).is_err());
    }
    let body = Bytes::copy_from_slice(body);
    let kind = match choice % 3 {
        0 => Kind::Provisioning,
        1 => Kind::Management,
        _ => Kind::Objects,
    };
    let secrets = Secrets::default().with_pin("1234");
    let signed = Message::content_type(kind, Security::UserPin, &secrets, &body)
        .expect("the secret is there");
    let mut message = Message::read(&signed, body.clone()).expect("what was written can be read");
    let guessed = Secrets::default().with_pin("4321");
    assert!(message.authenticate(&guessed).is_err());
    let authentic = message.authenticate(&secrets).expect("it was signed");
    let mut changed = body.to_vec();
    changed.push(0);
    let mut changed = Message::read(&signed, changed).expect("a message");
    assert!(changed.authenticate(&secrets).is_err());

    let content = authentic.content(&limits);
    let trusted = message.trust_the_transport().content(&limits);
    assert_eq!(content, trusted);
    match content {
        Ok(Content::Provisioning(document)) => {
            for encoding in [Encoding::Wbxml, Encoding::Xml] {
                // XML has no form for some characters.
                if let Ok(written) = document.write(encoding) {
                    let wide = Limits::default()
                        .with_message_size(64 << 20)
                        .with_memory(256 << 20);
                    assert_eq!(
                        Document::read(encoding, &written, &wide),
                        Ok(document.clone())
                    );
                }
            }
            for account in Profile::read(&document)
                .into_iter()
                .flat_map(|it| it.accounts)
            {
                if let Ok(complete) = account.to_account("IMEI:1") {
                    assert!(!complete.server_id.is_empty());
                }
            }
        }
        Ok(Content::Objects(objects)) => assert!(!objects.is_empty()),
        Err(_) => {}
    }
}
