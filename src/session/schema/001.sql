CREATE TABLE problems (
  seq     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  source  TEXT NOT NULL,
  level   INTEGER,
  subject TEXT,
  json    TEXT NOT NULL
);

CREATE TABLE settings (
  hash       TEXT PRIMARY KEY,
  json       TEXT NOT NULL,
  provenance TEXT NOT NULL,
  at         INTEGER NOT NULL
);

CREATE TABLE samples (
  id         INTEGER PRIMARY KEY,
  problem_id TEXT NOT NULL REFERENCES problems (id),
  draw       INTEGER NOT NULL,
  settings   TEXT NOT NULL REFERENCES settings (hash),
  strategies TEXT NOT NULL,
  tags       TEXT NOT NULL,
  answer     TEXT,
  correct    INTEGER,
  finish     TEXT NOT NULL,
  tokens     INTEGER NOT NULL,
  seconds    REAL NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (problem_id, draw, settings)
);

-- The long texts stand apart, so that listing a hundred thousand rows does not read them.
CREATE TABLE chains (
  sample INTEGER PRIMARY KEY REFERENCES samples (id),
  json   TEXT NOT NULL
);

CREATE TABLE turns (
  sample    INTEGER NOT NULL REFERENCES samples (id),
  position  INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  strategy  TEXT,
  text      TEXT NOT NULL,
  token_ids BLOB NOT NULL,
  tokens    INTEGER NOT NULL,
  finish    TEXT,
  PRIMARY KEY (sample, position)
) WITHOUT ROWID;

-- Append-only. Keyed by the sample's key and not by its row, so that the log outlives the table of samples.
CREATE TABLE decisions (
  seq        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  problem_id TEXT NOT NULL,
  draw       INTEGER NOT NULL,
  settings   TEXT NOT NULL,
  verb       TEXT NOT NULL,
  reason     TEXT,
  note       TEXT,
  undoes     TEXT,
  by         TEXT NOT NULL,
  at         INTEGER NOT NULL
);
CREATE INDEX decisions_of_sample ON decisions (problem_id, draw, settings);
CREATE INDEX decisions_undone ON decisions (undoes) WHERE undoes IS NOT NULL;

-- What the log adds up to, one row a sample that was decided on; written in the transaction that appends to the log.
CREATE TABLE standings (
  problem_id TEXT NOT NULL,
  draw       INTEGER NOT NULL,
  settings   TEXT NOT NULL,
  verb       TEXT,
  reason     TEXT,
  flagged    INTEGER NOT NULL,
  note       TEXT,
  PRIMARY KEY (problem_id, draw, settings)
) WITHOUT ROWID;

CREATE TABLE commands (
  id     INTEGER PRIMARY KEY,
  job    TEXT NOT NULL,
  verb   TEXT NOT NULL,
  args   TEXT NOT NULL,
  by     TEXT NOT NULL,
  at     INTEGER NOT NULL,
  answer TEXT
);
CREATE INDEX commands_waiting ON commands (job) WHERE answer IS NULL;

-- `decisions_bytes`: how long decisions.jsonl was when the last decision was committed.
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
