//! The steps, in order. `README.md` beside this says how to add one.

use crate::scylla::dialect::Dialect;

/// From one version of the schema to the next.
pub(super) struct Step {
    pub version: i32,
    pub name: &'static str,
    /// The newest step a program must know to work with a schema that has taken this one.
    pub min_reader: i32,
    cassandra: &'static str,
    scylla: &'static str,
}

pub(super) const STEPS: [Step; 1] = [Step {
    version: 1,
    name: "tables",
    min_reader: 1,
    cassandra: include_str!("cassandra/0001_tables.cql"),
    scylla: include_str!("scylla/0001_tables.cql"),
}];

/// The newest step that this program knows.
pub(super) const NEWEST: i32 = STEPS[STEPS.len() - 1].version;

impl Step {
    /// Its statements, for a keyspace.
    pub(super) fn statements(&self, dialect: Dialect, keyspace: &str) -> Vec<String> {
        let text = match dialect {
            Dialect::Cassandra => self.cassandra,
            Dialect::Scylla => self.scylla,
        };
        split(&text.replace("${keyspace}", keyspace))
    }
}

/// Statements end in `;`, comments begin with `--` and take a line of their own.
fn split(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let statements = code.join("\n");
    statements.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_from_one_without_a_gap() {
        for (nth, step) in STEPS.iter().enumerate() {
            assert_eq!(step.version, nth as i32 + 1);
            assert!((1..=step.version).contains(&step.min_reader), "{}", step.name);
        }
    }

    #[test]
    fn both_dialects_make_the_same_tables_and_can_be_repeated() {
        for step in &STEPS {
            let of = |dialect| step.statements(dialect, "ks");
            let heads = |dialect| {
                of(dialect).iter().map(|s| s.split("WITH").next().unwrap().trim().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(heads(Dialect::Cassandra), heads(Dialect::Scylla));
            for statement in [of(Dialect::Cassandra), of(Dialect::Scylla)].concat() {
                assert!(statement.contains("IF NOT EXISTS ks.") && !statement.contains('$'), "{statement}");
            }
        }
    }

    #[test]
    fn statements_are_cut_at_semicolons_and_comments_left_out() {
        assert_eq!(split("-- a; b\nA\n  -- c\nB;\n\n C ;;\n--"), ["A\nB", "C"]);
    }
}
