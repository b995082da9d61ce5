//! `prompt`, `chosen` and `rejected`, as TRL's trainers on preferences read them. Written only.

use super::object;
use super::talk::{self, MESSAGES};
use crate::exchange::samples::ImportedSample;
use crate::exchange::table::Row;

/// Two samples that were asked the same and answered otherwise; `None` if they were not asked the same.
pub fn pair(chosen: &ImportedSample, rejected: &ImportedSample) -> Option<Row> {
    let ((better, asked), (worse, asked_too)) = (chosen.turns.split_last()?, rejected.turns.split_last()?);
    if asked != asked_too || chosen.system != rejected.system || better == worse {
        return None;
    }
    Some(object([
        ("prompt", talk::written(chosen.system.as_deref(), asked, &MESSAGES)),
        ("chosen", talk::written(None, std::slice::from_ref(better), &MESSAGES)),
        ("rejected", talk::written(None, std::slice::from_ref(worse), &MESSAGES)),
    ]))
}
