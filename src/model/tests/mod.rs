//! Tests that cross the files of this room: whole models opened, damaged, and compared with other programs.

mod real_models;
