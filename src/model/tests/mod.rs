//! Tests that cross the files of this room: whole models opened, damaged, and compared with other programs.

mod damaged;
mod directories;
mod real_models;
mod templates;
mod text;
pub(super) mod tiny;
mod tokenizers;
