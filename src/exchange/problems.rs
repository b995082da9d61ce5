//! Problem files: JSON lines, a JSON array or Parquet, in the shapes that benchmarks come in.
//!
//! The shape is told by the keys of each row and reported, so that a person sees what a file was taken for. A file is
//! read whole or not at all: the first bad line is an error that names it. Two sets come with the program, by name: those of
//! its own model. Data sets on the Hub are files too (`hf:openai/gsm8k:main:test`).

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use serde_json::{Map, Value};

use super::table::{self, ColumnMap, Container, ImportError, Row};
use crate::hub::Name;
use crate::records::Problem;

/// Problems that come with the program: the pool of its model, for training, and the test set, for evaluation.
const EMBEDDED: [(&str, &str); 2] = [
    ("micro", include_str!("../../assets/micro/pool.jsonl")),
    ("micro-test", include_str!("../../assets/micro/test.jsonl")),
];

/// What a file was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `question`, and `answer` ending in `#### N`, as upstream GSM8K has it.
    Gsm8k,
    /// `problem`, `solution`, and level or subject; the answer may stand in the solution's last box.
    Math,
    /// `problem` (or `question`) and `answer`.
    Plain,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Format::Gsm8k => "GSM8K",
            Format::Math => "MATH",
            Format::Plain => "problem and answer",
        })
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// The shape of most rows.
    pub format: Format,
    pub container: Container,
    pub problems: usize,
    /// Rows that repeat a problem word for word.
    pub repeated: usize,
}

impl std::fmt::Display for ImportReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} problems, read as {}", self.problems, self.format)?;
        if self.repeated > 0 {
            write!(f, ", {} repeated rows left out", self.repeated)?;
        }
        Ok(())
    }
}

/// A set that comes with the program. As with models its name means it always; a file of that name is `./micro`.
fn embedded(path: &Path) -> Option<&'static str> {
    EMBEDDED.iter().find(|(name, _)| path.as_os_str() == *name).map(|(_, text)| *text)
}

/// Reads a problem file, or a set that comes with the program: `micro`, `micro-test`.
pub fn read(path: &Path) -> Result<(Vec<Problem>, ImportReport), ImportError> {
    read_mapped(path, &ColumnMap::default())
}

/// As [`read`], with columns under other names.
pub fn read_mapped(path: &Path, map: &ColumnMap) -> Result<(Vec<Problem>, ImportReport), ImportError> {
    read_table(Table::new(path, map, true))
}

/// Reads a problem file for its texts: rows without an answer are taken as well, with an empty one.
pub fn read_questions(path: &Path) -> Result<Vec<Problem>, ImportError> {
    Ok(read_table(Table::new(path, &ColumnMap::default(), false))?.0)
}

fn read_table(mut table: Table) -> Result<(Vec<Problem>, ImportReport), ImportError> {
    let path = table.path;
    let mut visit = |line: usize, row: Row| table.add(line, row).map(|()| ControlFlow::<()>::Continue(()));
    let container = if let Some(text) = embedded(path) {
        table::lines(path, text.as_bytes(), &mut visit)?;
        Container::Lines
    } else {
        table::each(path, &mut visit)?
    };
    table.finish(container)
}

/// The rows taken in so far.
struct Table<'a> {
    path: &'a Path,
    map: &'a ColumnMap,
    source: String,
    problems: Vec<Problem>,
    /// Where each id was first seen: index and line.
    seen: HashMap<String, (usize, usize)>,
    formats: HashMap<Format, usize>,
    repeated: usize,
    /// A row without an answer is an error.
    graded: bool,
}

impl<'a> Table<'a> {
    fn new(path: &'a Path, map: &'a ColumnMap, graded: bool) -> Self {
        let stem = || path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let on_hub = path.to_str().and_then(|name| Name::parse(name).ok());
        let source = on_hub.map_or_else(stem, |name| name.short().to_owned());
        let (problems, seen, formats) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { path, map, source, problems, seen, formats, repeated: 0, graded }
    }

    fn error(&self, line: usize, message: impl Into<String>) -> ImportError {
        ImportError::line(self.path, line, message)
    }

    fn add(&mut self, line: usize, row: Row) -> Result<(), ImportError> {
        let row = self.map.apply(row, self.problems.is_empty()).map_err(|message| self.error(line, message))?;
        let (problem, format) = problem(row, &self.source, self.graded).map_err(|message| self.error(line, message))?;
        if let Some((index, first)) = self.seen.get(&problem.id) {
            let known = &self.problems[*index];
            if known.text == problem.text && known.answer == problem.answer {
                self.repeated += 1;
                return Ok(());
            }
            return Err(self.error(line, format!("id {} has another text or answer on line {first}", problem.id)));
        }
        self.seen.insert(problem.id.clone(), (self.problems.len(), line));
        *self.formats.entry(format).or_default() += 1;
        self.problems.push(problem);
        Ok(())
    }

    fn finish(self, container: Container) -> Result<(Vec<Problem>, ImportReport), ImportError> {
        let format = self.formats.into_iter().max_by_key(|(_, count)| *count).map(|(format, _)| format);
        let Some(format) = format else { return Err(ImportError::file(self.path, "holds no problem")) };
        let report = ImportReport { format, container, problems: self.problems.len(), repeated: self.repeated };
        Ok((self.problems, report))
    }
}

/// One row. Keys that have no field are kept in `extra`.
fn problem(mut row: Map<String, Value>, file: &str, graded: bool) -> Result<(Problem, Format), String> {
    let text = take_text(&mut row, &["problem", "question", "prompt"])?
        .ok_or("no `problem` (or `question`): every row needs one")?;
    if text.trim().is_empty() {
        return Err("the problem is empty".into());
    }
    let mut answer = take_text(&mut row, &["answer", "gold", "final_answer"])?;
    let mut solution = take_text(&mut row, &["solution"])?;
    let level = take_level(&mut row)?;
    let subject = take_text(&mut row, &["subject", "type"])?;
    let mut format = Format::Plain;
    if let Some(whole) = answer.clone()
        && let Some((worked, last)) = whole.rsplit_once("####")
    {
        format = Format::Gsm8k;
        answer = Some(last.trim().replace(',', ""));
        solution.get_or_insert_with(|| without_calculator_marks(worked.trim_end()));
    } else if solution.is_some() && (level.is_some() || subject.is_some()) {
        format = Format::Math;
        if answer.is_none() {
            answer = solution.as_deref().and_then(crate::math::extract).map(|found| found.text);
        }
    }
    let answer = match answer.filter(|answer| !answer.trim().is_empty()) {
        Some(answer) => answer,
        None if !graded => String::new(),
        None => return Err("no `answer`: every row needs one".into()),
    };
    let id = take_text(&mut row, &["id", "unique_id"])?.unwrap_or_else(|| Problem::id_of_text(&text));
    let source = take_text(&mut row, &["source"])?.unwrap_or_else(|| file.to_owned());
    let split = take_text(&mut row, &["split"])?;
    Ok((Problem { id, text, answer, source, split, level, subject, solution, extra: row }, format))
}

/// The first of these keys that is there, as text. Numbers count as text: answers are often written so.
fn take_text(row: &mut Map<String, Value>, keys: &[&str]) -> Result<Option<String>, String> {
    let Some(key) = keys.iter().find(|key| row.get(**key).is_some_and(|value| !value.is_null())) else {
        return Ok(None);
    };
    match row.shift_remove(*key) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(Value::Number(number)) => table::number_text(key, &number).map(Some),
        _ => Err(format!("`{key}` is neither text nor a number")),
    }
}

/// `level` as 3, "3" or "Level 3". One that says something else (MATH has "Level ?") stays among the extra columns.
fn take_level(row: &mut Map<String, Value>) -> Result<Option<i64>, String> {
    let level = row.get("level").and_then(level);
    if level.is_some() {
        row.shift_remove("level");
    }
    Ok(level)
}

pub(super) fn level(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().trim_start_matches("Level").trim().parse().ok(),
        _ => None,
    }
}

/// GSM8K writes `<<48/2=24>>24`; the marks are for a calculator and not part of the text.
fn without_calculator_marks(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("<<") {
        let Some(length) = rest[begin..].find(">>") else { break };
        clean.push_str(&rest[..begin]);
        rest = &rest[begin + length + 2..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: impl AsRef<[u8]>) -> Result<(Vec<Problem>, ImportReport), ImportError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.jsonl");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    fn error(text: impl AsRef<[u8]>) -> String {
        read_text(text).unwrap_err().to_string()
    }

    #[test]
    fn sets_that_come_with_the_program_have_names() {
        for (name, count) in [("micro", 2_000), ("micro-test", 400)] {
            let (problems, report) = read(Path::new(name)).unwrap();
            assert_eq!((problems.len(), report.repeated), (count, 0));
            assert!(problems.iter().all(|problem| problem.source == "micro" && problem.level.is_some()));
        }
        assert!(read(Path::new("./micro")).unwrap_err().to_string().contains("cannot be opened"));
    }

    #[test]
    fn upstream_gsm8k() {
        let (problems, report) =
            read_text(r#"{"question":"How many?","answer":"He has 48/2 = <<48/2=24>>24.\nSo 1,024.\n#### 1,024"}"#)
                .unwrap();
        assert_eq!(report.format, Format::Gsm8k);
        assert_eq!(problems[0].answer, "1024");
        assert_eq!(problems[0].solution.as_deref(), Some("He has 48/2 = 24.\nSo 1,024."));
        assert_eq!(problems[0].source, "file");
        assert_eq!(problems[0].id, Problem::id_of_text("How many?"));
    }

    #[test]
    fn math_rows_take_their_answer_from_the_box_where_none_is_given() {
        let (problems, report) =
            read_text(r#"{"problem":"p","solution":"So $\\boxed{\\frac{1}{2}}$.","level":"Level 4","type":"Algebra"}"#)
                .unwrap();
        assert_eq!(report.format, Format::Math);
        assert_eq!(problems[0].answer, "\\frac{1}{2}");
        assert_eq!((problems[0].level, problems[0].subject.as_deref()), (Some(4), Some("Algebra")));
    }

    #[test]
    fn unknown_columns_are_kept_and_numbers_are_answers() {
        let (problems, _) =
            read_text("{\"problem\":\"p\",\"answer\":7,\"url\":\"u\",\"level\":\"Level ?\"}\r\n").unwrap();
        assert_eq!(problems[0].answer, "7");
        assert_eq!(problems[0].extra["url"], "u");
        assert_eq!(problems[0].extra["level"], "Level ?");
    }

    #[test]
    fn an_array_and_a_byte_order_mark() {
        let (problems, _) = read_text("\u{feff} [{\"problem\":\"p\",\"answer\":\"1\"}]").unwrap();
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_bad_line_is_named() {
        let good = "{\"problem\":\"p\",\"answer\":\"1\"}\n";
        assert!(error(format!("{good}{{\"problem\": oops")).contains("file.jsonl:2: no JSON object"));
        assert!(error(format!("{good}\n[1]")).contains("file.jsonl:3: not a JSON object"));
        assert!(error(format!("{good}{{\"answer\":\"1\"}}")).contains("file.jsonl:2: no `problem`"));
        assert!(error(format!("{good}{{\"problem\":\"q\"}}")).contains("file.jsonl:2: no `answer`"));
        assert!(error(b"{\"problem\":\"\xff\"}").contains("file.jsonl:1: no UTF-8"));
        assert!(error("\n\n").contains("holds no problem"));
    }

    #[test]
    fn an_answer_that_lost_digits_is_refused() {
        assert!(error("{\"problem\":\"p\",\"answer\":123456789012345678901234567890}").contains("write it in quotes"));
        let (problems, _) = read_text("{\"problem\":\"p\",\"answer\":12345678901234567890}").unwrap();
        assert_eq!(problems[0].answer, "12345678901234567890");
    }

    #[test]
    fn columns_have_the_names_that_they_are_given() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.jsonl");
        std::fs::write(&path, "{\"q\":\"p\",\"a\":\"1\",\"url\":\"u\"}").unwrap();
        let map: ColumnMap = "problem=q,answer=a".parse().unwrap();
        let (problems, report) = read_mapped(&path, &map).unwrap();
        assert_eq!((problems[0].text.as_str(), problems[0].answer.as_str()), ("p", "1"));
        assert_eq!((problems[0].extra.len(), report.container), (1, Container::Lines));
    }

    #[test]
    fn parquet_files_are_read_like_others() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exchange");
        let (problems, report) = read(&root.join("problems.parquet")).unwrap();
        assert_eq!((report.container, report.format, problems.len()), (Container::Parquet, Format::Math, 3));
        assert_eq!((problems[1].answer.as_str(), problems[1].level), ("7", Some(2)));
        assert_eq!(problems[1].extra["tags"], serde_json::json!(["b", null]));
    }

    #[test]
    fn one_id_with_two_texts_is_refused_and_a_repeated_row_is_not() {
        let row = "{\"id\":\"a\",\"problem\":\"p\",\"answer\":\"1\"}\n";
        let (problems, report) = read_text(format!("{row}{row}")).unwrap();
        assert_eq!((problems.len(), report.repeated), (1, 1));
        let other = "{\"id\":\"a\",\"problem\":\"q\",\"answer\":\"1\"}\n";
        assert!(error(format!("{row}{other}")).contains("file.jsonl:2: id a has another text or answer on line 1"));
    }

    #[test]
    fn the_fixtures_are_read_whole() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/problems");
        let (gsm8k, _) = read(&root.join("gsm8k-20.jsonl")).unwrap();
        assert_eq!(gsm8k.len(), 20);
        let (math, report) = read(&root.join("math500-10.jsonl")).unwrap();
        assert_eq!((math.len(), report.format), (10, Format::Math));
        assert!(math.iter().all(|problem| problem.level.is_some() && problem.subject.is_some()));
    }
}
