//! The head of a card, which the Hugging Face Hub and the `datasets` library read: what the data is for, how much it is, which files are
//! which split and of which kinds their columns are. License and language are the person's to say: nothing here knows them.

use std::fmt::Write;

use super::dataset::DatasetReport;

/// The head of the card of a data set in this format. `features` declares its columns, in YAML.
pub fn of(format: &str, features: Option<&str>, report: &DatasetReport) -> String {
    let size = size_category(report.train.saturating_add(report.validation));
    let mut out =
        format!("---\ntask_categories:\n- text-generation\nsize_categories:\n- {size}\ntags:\n- reasoning\n- math\n");
    if matches!(format, "preference" | "unpaired") {
        out.push_str("- preference\n");
    }
    out.push_str("configs:\n- config_name: default\n  data_files:\n");
    for (part, rows) in [("train", report.train), ("validation", report.validation)] {
        if rows > 0 {
            let _ = write!(out, "  - split: {part}\n    path: \"data/{part}-*\"\n");
        }
    }
    if let Some(features) = features {
        let _ = write!(out, "dataset_info:\n  config_name: default\n  features:\n{features}");
    }
    out.push_str("---\n\n");
    out
}

/// How the Hub says about how many rows there are.
fn size_category(rows: usize) -> &'static str {
    const BELOW: &[(usize, &str)] = &[
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
        (10_000_000, "1M<n<10M"),
        (100_000_000, "10M<n<100M"),
        (1_000_000_000, "100M<n<1B"),
    ];
    BELOW.iter().find(|(below, _)| rows < *below).map_or("1B<n<10B", |(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_splits_that_are_there_and_nothing_that_nobody_said() {
        let head = of("messages", None, &DatasetReport { train: 3, validation: 0 });
        assert!(head.starts_with("---\ntask_categories:\n- text-generation\n") && head.ends_with("---\n\n"));
        assert!(head.contains("path: \"data/train-*\"") && !head.contains("validation"));
        assert!(head.contains("\nsize_categories:\n- n<1K\n") && !head.contains("- preference"));
        assert!(!head.contains("license") && !head.contains("language"));
    }

    #[test]
    fn columns_are_declared_and_rows_of_both_splits_counted() {
        let features = "  - name: draw\n    dtype: int64\n";
        let head = of("unpaired", Some(features), &DatasetReport { train: 999, validation: 1 });
        assert!(head.contains("- 1K<n<10K\n") && head.contains("- math\n- preference\n"));
        assert!(head.contains("  - split: validation\n    path: \"data/validation-*\"\n"));
        assert!(head.ends_with("  features:\n  - name: draw\n    dtype: int64\n---\n\n"), "{head}");
        assert_eq!((size_category(9_999), size_category(2_000_000)), ("1K<n<10K", "1M<n<10M"));
    }
}
