//! Writes a run offline as W&B's own programs do, for `wandb sync` to upload. Field numbers are those of wandb_internal.proto.
//!
//! A run is written in parts, one each time that it is begun or gone on with. The record of a part is only appended to, whole
//! records at a time: who kills the program loses none that was told. Nothing in it names a host, a person or a directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::blocks::{beginning, put_record};
use super::parts::Part;
use super::record::VALUE_JSON;
use crate::watch::wire::{put_bytes, put_varint};

/// Who says that it wrote a record.
const PRODUCER: &str = concat!("cribble/", env!("CARGO_PKG_VERSION"));

/// Kinds of records.
const HISTORY: u64 = 2;
const SUMMARY: u64 = 3;
const RUN: u64 = 17;
const EXIT: u64 = 18;
const HEADER: u64 = 21;

/// Of a history, a summary and a config alike: its items.
const ITEM: u64 = 1;

/// What is told of a run before its first step.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Parts of one run have the same.
    pub id: &'a str,
    pub project: &'a str,
    pub name: &'a str,
    pub config: &'a Map<String, Value>,
    /// What is uploaded of this part is added to what there is of the run; else it takes its place.
    pub resumes: bool,
}

/// The record of a part that is being written.
#[derive(Debug)]
pub struct Writer {
    file: File,
    /// Bytes.
    written: u64,
    records: u64,
    /// In seconds since the Unix epoch.
    begun: i64,
    /// Seconds until the last row.
    runtime: f64,
}

impl Writer {
    /// Begins a part in a folder of its own under `directory`, which is made if it is missing. `begun` is in seconds since the Unix
    /// epoch; parts are uploaded in the order of these times.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(directory: &Path, run: &Run<'_>, begun: i64) -> io::Result<Self> {
        let part = Part::create(directory, run.id, begun)?;
        let file = OpenOptions::new().write(true).create_new(true).open(&part.file)?;
        let mut writer = Self { file, written: 0, records: 0, begun: part.begun, runtime: 0.0 };
        let mut version = Vec::new();
        put_bytes(&mut version, 1, PRODUCER.as_bytes());
        let mut header = Vec::new();
        put_bytes(&mut header, 1, &version);
        let mut bytes = beginning();
        writer.put(&mut bytes, HEADER, &header);
        writer.put(&mut bytes, RUN, &run.message(part.begun));
        writer.write(&bytes)?;
        Ok(writer)
    }

    /// Writes a row of the history, and its values as the last ones. Of rows W&B takes those whose steps rise.
    ///
    /// # Errors
    /// Of the file system.
    pub fn row(&mut self, step: u64, unix_seconds: f64, values: &[(&str, f64)]) -> io::Result<()> {
        self.runtime = (unix_seconds - self.begun as f64).max(0.0);
        let mut history = Vec::new();
        for (tag, value) in values {
            put_item(&mut history, &[*tag], &Value::from(*value));
        }
        put_item(&mut history, &["_step"], &Value::from(step));
        put_item(&mut history, &["_timestamp"], &Value::from(unix_seconds));
        put_item(&mut history, &["_runtime"], &Value::from(self.runtime));
        let mut summary = history.clone();
        put_item(&mut summary, &["_wandb", "runtime"], &Value::from(self.runtime as u64));
        let mut count = Vec::new();
        put_number(&mut count, 1, step);
        put_bytes(&mut history, 2, &count);
        let mut bytes = Vec::new();
        self.put(&mut bytes, SUMMARY, &summary);
        self.put(&mut bytes, HISTORY, &history);
        self.write(&bytes)
    }

    /// Ends the part; a code other than 0 says that the run failed.
    ///
    /// # Errors
    /// Of the file system.
    pub fn exit(mut self, code: u8) -> io::Result<()> {
        let mut exit = Vec::new();
        put_number(&mut exit, 1, code.into());
        put_number(&mut exit, 2, self.runtime as u64);
        let mut bytes = Vec::new();
        self.put(&mut bytes, EXIT, &exit);
        self.write(&bytes)
    }

    /// Appends the next record to bytes that are to be written.
    fn put(&mut self, bytes: &mut Vec<u8>, kind: u64, message: &[u8]) {
        self.records += 1;
        let mut record = Vec::new();
        put_number(&mut record, 1, self.records);
        put_bytes(&mut record, kind, message);
        put_record(bytes, self.written, &record);
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

impl Run<'_> {
    fn message(&self, begun: i64) -> Vec<u8> {
        let mut config = Vec::new();
        for (key, value) in self.config {
            put_item(&mut config, &[key.as_str()], value);
        }
        let mut time = Vec::new();
        put_number(&mut time, 1, begun.cast_unsigned());
        let mut run = Vec::new();
        put_bytes(&mut run, 1, self.id.as_bytes());
        put_bytes(&mut run, 3, self.project.as_bytes());
        put_bytes(&mut run, 4, &config);
        put_bytes(&mut run, 8, self.name.as_bytes());
        put_bytes(&mut run, 17, &time);
        put_number(&mut run, 24, self.resumes.into());
        run
    }
}

/// Appends an item under a key, or under the parts of one.
fn put_item(to: &mut Vec<u8>, key: &[&str], value: &Value) {
    let mut item = Vec::new();
    match key {
        [key] => put_bytes(&mut item, 1, key.as_bytes()),
        parts => parts.iter().for_each(|part| put_bytes(&mut item, 2, part.as_bytes())),
    }
    put_bytes(&mut item, VALUE_JSON, value.to_string().as_bytes());
    put_bytes(to, ITEM, &item);
}

/// Appends a whole number. The format leaves out what is 0.
fn put_number(to: &mut Vec<u8>, field: u64, number: u64) {
    if number > 0 {
        put_varint(to, field << 3);
        put_varint(to, number);
    }
}
