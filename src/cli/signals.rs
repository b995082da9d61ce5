//! Signals of a run without a screen: an interrupt asks the job to stop, a second one or a termination to leave what is under way
//! too. Once a job was asked for the second time the process ends soon, with it or without. A hang-up (a dropped connection)
//! changes nothing, so that long work survives it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use color_eyre::Result;
use color_eyre::eyre::WrapErr;
use tokio::signal::unix::{SignalKind, signal};

use crate::jobs::{Control, Steer};

/// What a job that was asked twice has to say its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whether a signal asked the job to stop.
#[derive(Debug, Clone, Default)]
pub struct Asked(Arc<AtomicBool>);

impl Asked {
    pub fn to_stop(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Listens on a thread of its own for the rest of the process's life.
pub fn listen(control: Control) -> Result<Asked> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().wrap_err("signal handling")?;
    let asked = Asked::default();
    let told = asked.clone();
    // A model may have to be fetched first.
    super::progress::show_downloads(Some(asked.clone()));
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || runtime.block_on(serve(control, told)))
        .wrap_err("signal handling")?;
    Ok(asked)
}

async fn serve(control: Control, asked: Asked) {
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
    else {
        return;
    };
    loop {
        let steer = tokio::select! {
            _ = hangup.recv() => continue,
            _ = interrupt.recv() => Steer::Stop,
            _ = terminate.recv() => Steer::StopNow,
        };
        if asked.0.swap(true, Ordering::AcqRel) {
            control.steer(Steer::StopNow);
            break;
        }
        control.steer(steer);
    }
    // A job that listens ends the process itself. A third signal does not wait for that.
    tokio::select! {
        () = tokio::time::sleep(LAST_WORDS) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    std::process::exit(130);
}
