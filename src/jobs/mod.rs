//! Runs long work on a thread of its own and tells the screen about it: progress, pause, cancel, crash.
//!
//! The only bridge between work and screen. A job never waits for a reader, a reader never waits for a job. What the
//! work *is* belongs to `pipeline`.

mod chat;
mod companion;
mod control;
mod eval;
mod external;
mod filter;
mod generate;
mod job;
mod own;
mod run;
mod sample;
mod scores;
mod serve;
mod train;

pub use chat::ChatJob;
pub use control::{Control, Steer, Wishes};
pub use eval::{EvalJob, EvalOutcome, start_eval};
pub use external::{ExternalOrder, ExternalPreview, pass_commands, preview_external, start_external};
pub use filter::{FilterJob, FilterNews, start_filter};
pub use generate::{first_request, start_generate};
pub use job::{Job, JobContext, yield_to_the_screen};
pub use own::OwnJob;
pub use run::{ForecastJob, PassEnd, RunJob, start_forecast, start_run};
pub use sample::{SampleJob, start_sample};
pub use scores::ScoreReader;
pub use serve::serve_command;
pub use train::{TrainJob, start_train};

/// A running or finished generation.
pub type GenerateJob = Job<crate::pipeline::GenerateOutcome>;
