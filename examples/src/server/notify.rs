//! What is done without anybody asking: deadlines, and notifications that call devices.

use core::{net::SocketAddr, time::Duration};
use std::sync::Arc;

use dm_proto::{LocUri, notification::Notification};
use tokio::net::{UdpSocket, lookup_host};

use super::{
    device::Row,
    operation::State,
    shared::{NoRandomness, Shared, Updates, now, random, wait},
    store::StoreError,
};

/// Works the agenda off until the server ends.
pub(super) async fn run(shared: Arc<Shared>) {
    loop {
        let now = now();
        let pause = match shared.store.due(now).await {
            Ok((devices, next)) => {
                for id in devices {
                    attend(&shared, &id).await;
                }
                next.map_or(IDLE, |next| wait(next.saturating_sub(now)))
            }
            Err(error) => {
                shared.log(format_args!("the agenda cannot be read: {error}"));
                RETRY
            }
        };
        tokio::select! {
            () = shared.agenda.notified() => {}
            () = tokio::time::sleep(pause.min(IDLE)) => {}
            () = shared.ended() => return,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Does what is due for a device.
async fn attend(shared: &Arc<Shared>, id: &str) {
    match try_attend(shared, id).await {
        // Somebody else changed the row: it is looked at again.
        Ok(()) | Err(Fault::Store(StoreError::Conflict)) => {}
        Err(error) => {
            shared.log(format_args!("{id:?} cannot be attended to: {error}"));
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn try_attend(shared: &Arc<Shared>, id: &str) -> Result<(), Fault> {
    let Some(mut row) = shared.store.row(id).await? else {
        return Ok(());
    };
    let now = now();
    let mut updates = Updates::default();
    updates.expire(&mut row, now);
    let call = row.notification_due().is_some_and(|due| due <= now);
    if !call {
        shared.commit(row, updates, None).await?;
        return Ok(());
    }
    if row.in_session {
        // It has been quiet for too long; what was in flight is sent again in the next session.
        row.in_session = false;
        row.queue.session_lost();
    }
    let session_id = match row.calls.session_id {
        // A device that remembers a session of that number lets the calls for it lie.
        Some(session_id) if row.calls.times % CALLS_PER_SESSION != CALLS_PER_SESSION - 1 => {
            session_id
        }
        _ => u16::from_be_bytes(random()?).max(1),
    };
    row.calls.session_id = Some(session_id);
    row.calls.back_off(now);
    row.calls.times = row.calls.times.saturating_add(1);
    let waiting: Vec<u32> = row.open.iter().map(|open| open.number).collect();
    for number in waiting {
        updates.advance(&row, number, State::Notified);
    }
    let row = shared.commit(row, updates, None).await?;
    // The state is stored before the device can come. A name that takes long to resolve holds up no
    // other device.
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        if let Err(error) = send(&row, session_id).await {
            shared.log(format_args!("{:?} cannot be notified: {error}", row.id));
        }
    });
    Ok(())
}

/// Sends a Package 0 notification. OMA-TS-DM_Notification; the bearer here is plain UDP.
async fn send(row: &Row, session_id: u16) -> std::io::Result<()> {
    let Some(address) = row.device.notify_address() else {
        return Ok(());
    };
    let octets = package_0(row, session_id)?;
    let Some(target) = lookup_host(address).await?.next() else {
        return Err(std::io::ErrorKind::NotFound.into());
    };
    let local: SocketAddr = if target.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0_u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    socket.send_to(&octets, target).await?;
    Ok(())
}

fn package_0(row: &Row, session_id: u16) -> std::io::Result<Vec<u8>> {
    // Notifications are signed whatever messages prove themselves with.
    let mut account = row.device.account(&row.id, &LocUri::default(), &row.nonces);
    account.server.secret = row.device.server_password.clone();
    account.server.nonce = row.nonces.server.clone();
    let notification = Notification::new(session_id, row.device.server_id.as_str());
    // A device that was reset has lost the nonce, and may take the special one. Its session begins with a
    // challenge all the same: what is proved with a nonce of nobody's can be shown twice.
    let is_special = row.calls.times.is_multiple_of(CALLS_PER_NONCE);
    let profile = row.device.profile.to_profile();
    let octets = notification.to_octets_for(&account, &profile, is_special);
    octets.map_err(std::io::Error::other)
}

/// How many calls ask for a session of the same number.
const CALLS_PER_SESSION: u32 = 8;

/// Of how many calls the last one is signed with the special nonce.
const CALLS_PER_NONCE: u32 = 3;

/// How long to sleep when nothing is due; commits wake us earlier.
const IDLE: Duration = Duration::from_secs(60);

/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(1);
