-- What a list of samples can be asked for: behaviours shown and what became of the answer, as a JSON list of words.
ALTER TABLE measures ADD COLUMN traits TEXT NOT NULL DEFAULT '[]';
