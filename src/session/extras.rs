//! What files say of samples that no field here holds: kept as it is for whoever exports. Knows no names of columns.

use rusqlite::{OptionalExtension, params};

use super::{Result, Session};
use crate::records::Sample;

/// The columns by their names, in the order of the file.
pub type Extras = serde_json::Map<String, serde_json::Value>;

impl Session {
    /// As [`Session::add_samples`], each with what its file says beside it. One that was there already keeps what it has.
    pub fn add_samples_with<'s>(&self, samples: impl IntoIterator<Item = (&'s Sample, &'s Extras)>) -> Result<usize> {
        let transaction = self.begin()?;
        let mut added = 0;
        for (sample, extras) in samples {
            let Some(row) = self.insert_sample(&transaction, sample)? else { continue };
            added += 1;
            if !extras.is_empty() {
                let sql = "INSERT INTO extras (sample, json) VALUES (?1, ?2)";
                let mut insert = self.read(transaction.prepare_cached(sql))?;
                self.read(insert.execute(params![row, self.json(extras)?]))?;
            }
        }
        self.read(transaction.commit())?;
        Ok(added)
    }

    /// What was stored beside a sample, by row number.
    pub fn extras(&self, sample: i64) -> Result<Extras> {
        let mut statement = self.read(self.connection.prepare_cached("SELECT json FROM extras WHERE sample = ?1"))?;
        let json: Option<String> = self.read(statement.query_row([sample], |row| row.get(0)).optional())?;
        json.map_or_else(|| Ok(Extras::new()), |json| self.parse(&json))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::records::{Chain, FinishReason, ModelIdentity, Problem, SampleSettings, Sampling};

    fn extras(value: Value) -> Extras {
        value.as_object().unwrap().clone()
    }

    fn sample(settings: &str, draw: u32) -> Sample {
        Sample {
            problem_id: "p".into(),
            draw,
            settings: settings.into(),
            turns: Vec::new(),
            chain: Chain::default(),
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: None,
            correct: None,
            tokens: 0,
            seconds: 0.0,
            created_at: 17,
        }
    }

    #[test]
    fn they_stand_beside_the_samples_that_they_came_with() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let problem: Problem = serde_json::from_value(json!({"id": "p", "problem": "2+2?", "answer": "4"})).unwrap();
        session.add_problems(&[problem]).unwrap();
        let model = ["m", "c", "t", "f32"].map(str::to_owned);
        let [name, content, template, compute] = model;
        let settings = SampleSettings {
            model: ModelIdentity { name, content, template, compute, context_length: 0 },
            turns: 1,
            sampling: Sampling::default(),
            seed: 0,
            dialogue: json!({"name": "imported"}),
        };
        let settings = session.put_settings(&settings, &json!({})).unwrap();
        let samples = [0, 1, 2].map(|draw| sample(&settings, draw));
        let told = extras(json!({"z": [1, "two", null, {"b": {}}], "a": null, "": u64::MAX}));
        let none = Extras::new();
        let added = session.add_samples_with([(&samples[0], &told), (&samples[1], &none)]).unwrap();
        assert_eq!(added, 2);
        // What is there stays as it is.
        let other = extras(json!({"z": 1}));
        assert_eq!(session.add_samples_with([(&samples[0], &other), (&samples[2], &other)]).unwrap(), 1);
        let rows = session.sample_rows().unwrap();
        let kept: Vec<Extras> = rows.iter().map(|row| session.extras(row.id).unwrap()).collect();
        assert_eq!(kept, [told.clone(), none, other]);
        assert!(kept[0].keys().eq(told.keys()), "in the order that they came in");
        let stored: i64 = session.connection.query_row("SELECT count(*) FROM extras", [], |row| row.get(0)).unwrap();
        assert_eq!(stored, 2, "no row where there is nothing to keep");
    }

    #[test]
    fn a_sample_and_what_stands_beside_it_are_stored_together_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let session = Session::create(dir.path()).unwrap();
        let told = extras(json!({"a": 1}));
        // Of no problem and under no settings that the session knows.
        assert!(session.add_samples_with([(&sample("none", 0), &told)]).is_err());
        let stored: i64 = session.connection.query_row("SELECT count(*) FROM extras", [], |row| row.get(0)).unwrap();
        assert_eq!((stored, session.counts().unwrap().samples), (0, 0));
    }
}
