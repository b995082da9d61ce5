-- What the filter measured of a sample: good for as long as `measuring` names the same patterns and windows.
CREATE TABLE measures (
  sample    INTEGER PRIMARY KEY REFERENCES samples (id),
  measuring TEXT NOT NULL,
  json      TEXT NOT NULL
);

-- What the filter last said of a sample. `failed`: names of the rules in force that it fails; `across`: the verdicts of
-- the rules that look at several samples. The others follow from the measures and the settings in force.
CREATE TABLE verdicts (
  sample   INTEGER PRIMARY KEY REFERENCES samples (id),
  accepted INTEGER NOT NULL,
  failed   TEXT NOT NULL,
  across   TEXT NOT NULL
);

-- One row each time the filter ran; the last one is in force.
CREATE TABLE filterings (
  seq      INTEGER PRIMARY KEY,
  hash     TEXT NOT NULL,
  settings TEXT NOT NULL,
  summary  TEXT NOT NULL,
  at       INTEGER NOT NULL
);

-- Decisions that were made at once, and are taken back at once.
ALTER TABLE decisions ADD COLUMN batch TEXT;
CREATE INDEX decisions_of_batch ON decisions (batch) WHERE batch IS NOT NULL;
