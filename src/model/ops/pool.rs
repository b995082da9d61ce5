//! The threads that the kernels run on.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// How much the compute threads give way, as `nice` counts.
#[cfg(target_os = "linux")]
const GIVE_WAY: i32 = 5;

/// The compute threads: one for each processor (or `RAYON_NUM_THREADS`), at a lower priority than the screen where the
/// system has priorities for threads.
///
/// `None` only if no thread could be started; the caller then works in its own thread.
pub fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    POOL.get_or_init(|| {
        ThreadPoolBuilder::new()
            .thread_name(|index| format!("compute-{index}"))
            .start_handler(|_| give_way())
            .build()
            .inspect_err(|error| tracing::warn!(%error, "no compute threads; working in one"))
            .ok()
    })
    .as_ref()
}

/// Runs `work` in the pool, or here where there is none.
pub fn run<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    match pool() {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

fn give_way() {
    #[cfg(target_os = "linux")]
    {
        // On Linux these calls, given no process, act on the calling thread alone.
        let now = rustix::process::getpriority_process(None).unwrap_or(0);
        let _ = rustix::process::setpriority_process(None, (now + GIVE_WAY).min(19));
    }
}
