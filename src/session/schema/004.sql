-- Problems to score a model on: nothing that was drawn for them is ever trained on.
ALTER TABLE problems ADD COLUMN held_out INTEGER NOT NULL DEFAULT 0;

-- Samples chosen for training, by key. `hash` names what was chosen and with what weights; `summary`: JSON.
CREATE TABLE selections (
  seq     INTEGER PRIMARY KEY,
  name    TEXT NOT NULL,
  hash    TEXT NOT NULL,
  rule    TEXT NOT NULL,
  summary TEXT NOT NULL,
  at      INTEGER NOT NULL
);
CREATE INDEX selections_by_name ON selections (name);

CREATE TABLE selected (
  selection  INTEGER NOT NULL REFERENCES selections (seq),
  problem_id TEXT NOT NULL,
  draw       INTEGER NOT NULL,
  settings   TEXT NOT NULL,
  weight     REAL NOT NULL,
  PRIMARY KEY (selection, problem_id, draw, settings)
) WITHOUT ROWID;

-- What a plan of sampling wanted after each of its rounds: `wanted` is a JSON list of draws, problem by problem. Written before
-- the round is drawn, so that one that is cut off goes on as it was planned.
CREATE TABLE rounds (
  plan   TEXT NOT NULL,
  round  INTEGER NOT NULL,
  wanted TEXT NOT NULL,
  PRIMARY KEY (plan, round)
) WITHOUT ROWID;

-- Models that were scored: `problems` is a JSON list of ids, of which the first `samples` draws under `settings` count.
CREATE TABLE evals (
  seq      INTEGER PRIMARY KEY,
  name     TEXT NOT NULL,
  model    TEXT NOT NULL,
  settings TEXT NOT NULL,
  samples  INTEGER NOT NULL,
  problems TEXT NOT NULL,
  summary  TEXT NOT NULL,
  at       INTEGER NOT NULL,
  UNIQUE (name, settings, samples)
);

-- The steps of a recipe that are done in this session, with what came of them (JSON), and the recipe itself.
CREATE TABLE steps (
  name    TEXT PRIMARY KEY,
  outcome TEXT NOT NULL,
  seconds REAL NOT NULL,
  at      INTEGER NOT NULL
) WITHOUT ROWID;
