-- What servers have counted of the work for this session, by who wrote: the model's name and where it is asked. `cost`: USD, at the
-- prices of the calls in which it was counted.
CREATE TABLE spending (
  writer            TEXT PRIMARY KEY,
  calls             INTEGER NOT NULL,
  prompt_tokens     INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  cost              REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Sum of the natural log probabilities of a turn's tokens, where who wrote it tells.
ALTER TABLE turns ADD COLUMN logprob REAL;

-- What the file that a sample came from says and no field here holds: a JSON object. Samples without such columns have no row.
CREATE TABLE extras (
  sample INTEGER PRIMARY KEY REFERENCES samples (id),
  json   TEXT NOT NULL
);
