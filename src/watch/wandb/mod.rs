//! The record that W&B writes beside a run, online or offline: `run-<id>.wandb`; and a [`Writer`] of it.
//!
//! Points are numbers of its history, settings its config, notes its alerts and its end. As the step serves the trainer's own
//! count where there is one (`train/global_step`): W&B's `_step` counts calls of `log`. What the machine did is under
//! `system/`, at the last step that was told before.

mod blocks;
mod parts;
mod record;
mod writer;

use std::io;
use std::path::PathBuf;

use super::gathered::Gathered;
use super::tail::Tail;
use blocks::Assembly;
use record::Reader;

pub use parts::{Part, parts};
pub use writer::{Run, Writer};

/// One record file that is followed.
#[derive(Debug)]
pub(super) struct Wandb {
    tail: Tail,
    assembly: Assembly,
    reader: Reader,
}

impl Wandb {
    pub fn new(file: PathBuf) -> Self {
        Self { tail: Tail::new(file), assembly: Assembly::default(), reader: Reader::default() }
    }

    /// # Errors
    /// Of the file system.
    pub fn look(&mut self, budget: &mut u64, gathered: &mut Gathered) -> io::Result<bool> {
        let Some(mut grown) = self.tail.grown()? else { return Ok(false) };
        if grown.afresh {
            self.assembly = Assembly::default();
            self.reader = Reader::default();
            gathered.restart();
        }
        let (assembly, reader) = (&mut self.assembly, &mut self.reader);
        self.tail.follow(&mut grown, budget, |piece| {
            let mut troubles = Vec::new();
            let taken = assembly.take(piece, &mut troubles, |record| reader.read(record, gathered));
            for trouble in troubles {
                gathered.trouble(trouble);
            }
            taken
        })
    }
}
