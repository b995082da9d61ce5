//! Which kind each column of a data set is of, found by looking at the values of all its rows. Knows nothing of files.

use std::collections::HashMap;

use serde_json::Value;

use crate::exchange::table::Row;

/// Whole numbers up to here can be told apart as decimals.
const EXACT: u64 = 1 << 53;
/// What is nested deeper or has more fields is written as JSON texts.
const DEEPEST: usize = 8;
const MOST_FIELDS: usize = 64;
/// Columns of a data set, and what they are made of in all: each takes room in every group of rows, and a file of more would not be
/// read here.
pub const MOST_COLUMNS: usize = 1_000;
const MOST_NODES: usize = 5_000;

/// What kind of values a column has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Nothing but empty ones so far.
    Unknown,
    Bool,
    Whole,
    /// Whole, with some that no decimal is equal to.
    Large,
    Decimal,
    Text,
    /// Written as JSON texts.
    Json,
    List(Box<Kind>),
    Struct(Vec<(String, Kind)>),
}

impl Kind {
    fn of(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Unknown,
            Value::Bool(_) => Kind::Bool,
            Value::Number(number) if number.as_i64().is_some_and(|whole| whole.unsigned_abs() > EXACT) => Kind::Large,
            Value::Number(number) if number.is_i64() => Kind::Whole,
            Value::Number(number) if number.is_f64() => Kind::Decimal,
            // Beyond what the whole numbers of a column can hold.
            Value::Number(_) => Kind::Json,
            Value::String(_) => Kind::Text,
            Value::Array(items) => {
                Kind::List(Box::new(items.iter().fold(Kind::Unknown, |kind, item| kind.with(Kind::of(item)))))
            }
            // A structure without fields cannot be written.
            Value::Object(fields) if fields.is_empty() => Kind::Json,
            Value::Object(fields) => {
                Kind::Struct(fields.iter().map(|(name, value)| (name.clone(), Kind::of(value))).collect())
            }
        }
    }

    /// What holds the values of both.
    fn with(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Unknown, kind) | (kind, Kind::Unknown) => kind,
            (Kind::Whole, Kind::Large) | (Kind::Large, Kind::Whole) => Kind::Large,
            (Kind::Whole, Kind::Decimal) | (Kind::Decimal, Kind::Whole) => Kind::Decimal,
            (Kind::List(one), Kind::List(other)) => Kind::List(Box::new(one.with(*other))),
            (Kind::Struct(one), Kind::Struct(other)) if same_names(&one, &other) => Kind::Struct(
                one.into_iter().zip(other).map(|((name, kind), (_, other))| (name, kind.with(other))).collect(),
            ),
            (one, other) if one == other => one,
            _ => Kind::Json,
        }
    }

    /// As it is, or JSON where something in it can be written as nothing else.
    fn settled(self) -> Kind {
        if self.is_sound(DEEPEST) { self } else { Kind::Json }
    }

    fn is_sound(&self, depth: usize) -> bool {
        match self {
            Kind::Json => false,
            Kind::List(inner) => depth > 0 && inner.is_sound(depth - 1),
            Kind::Struct(fields) => {
                depth > 0 && fields.len() <= MOST_FIELDS && fields.iter().all(|(_, kind)| kind.is_sound(depth - 1))
            }
            _ => true,
        }
    }

    /// Parts of a tree of columns.
    fn nodes(&self) -> usize {
        match self {
            Kind::List(inner) => 2 + inner.nodes(),
            Kind::Struct(fields) => 1 + fields.iter().map(|(_, kind)| kind.nodes()).sum::<usize>(),
            _ => 1,
        }
    }
}

fn same_names(one: &[(String, Kind)], other: &[(String, Kind)]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|((one, _), (other, _))| one == other)
}

/// The columns of a file and their kinds, found by looking at all its rows.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    pub(super) columns: Vec<(String, Kind)>,
    places: HashMap<String, usize>,
    overflows: bool,
}

impl Shape {
    pub fn take_in(&mut self, row: &Row) {
        for (name, value) in row {
            let Some(place) = self.places.get(name).copied() else {
                if self.columns.len() >= MOST_COLUMNS {
                    self.overflows = true;
                    continue;
                }
                self.places.insert(name.clone(), self.columns.len());
                self.columns.push((name.clone(), Kind::of(value).settled()));
                continue;
            };
            let known = &mut self.columns[place].1;
            *known = std::mem::replace(known, Kind::Unknown).with(Kind::of(value)).settled();
        }
    }

    /// Whether some row has this column.
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The columns that Parquet holds as JSON texts.
    pub fn json_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|(_, kind)| *kind == Kind::Json).map(|(name, _)| name.as_str())
    }

    /// Whether rows have more columns than [`MOST_COLUMNS`]: those that came last have no place here.
    pub fn overflows(&self) -> bool {
        self.overflows
    }

    /// Once all rows are taken in: puts these columns before the others, in this order, and where there is too much of everything
    /// makes texts of what is nested in the others.
    pub fn settle(&mut self, first: &[&str]) {
        self.columns.sort_by_key(|(name, _)| first.iter().position(|known| known == name).unwrap_or(first.len()));
        self.places = self.columns.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        if self.columns.iter().map(|(_, kind)| kind.nodes()).sum::<usize>() > MOST_NODES {
            let others = self.columns.iter_mut().filter(|(name, _)| !first.contains(&name.as_str()));
            others.filter(|(_, kind)| kind.nodes() > 1).for_each(|(_, kind)| *kind = Kind::Json);
        }
    }
}
