//! A log-in that somebody confirms on the registry's pages (RFC 8628).

use std::time::{Duration, Instant};

use chandlery_package::wire::{DeviceLogIn, DeviceLogInAsked, NewDeviceLogIn, Token};

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

const PATH: &str = "/api/v1/device-log-ins";
/// How the registry says that nobody has confirmed yet, and that it was asked too often.
const PENDING: &str = "authorization-pending";
const TOO_OFTEN: &str = "too-many";

/// Shows the code and where it is confirmed, and waits for that.
pub(super) async fn log_in(context: &Context) -> Result<Token> {
    let new = NewDeviceLogIn { program: program() };
    let waiting: DeviceLogIn = context.post(PATH, new).await?;
    let url = |place: &str| match place.starts_with('/') {
        true => format!("{}{place}", context.settings.registry),
        false => place.to_owned(),
    };
    show::notice(format!(
        "open {} and confirm the code {}, or type it at {}",
        url(&waiting.verification_uri_complete),
        waiting.user_code,
        url(&waiting.verification_uri)
    ));
    let until = Instant::now() + Duration::from_secs(waiting.expires_in.into());
    let asked = DeviceLogInAsked { device_code: waiting.device_code };
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(waiting.interval.into())).await;
        match context.post(&format!("{PATH}/token"), &asked).await {
            Ok(token) => return Ok(token),
            Err(failure) if failure.is(PENDING) || failure.is(TOO_OFTEN) => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::of("nobody has confirmed the code in time").remedy("run `chandlery login --web` again"))
}

/// What the page shows of who asks: this program, and the machine's name.
fn program() -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine: String = machine.trim().chars().filter(|letter| !letter.is_control()).take(60).collect();
    match machine.as_str() {
        "" => "chandlery".into(),
        machine => format!("chandlery on {machine}"),
    }
}
