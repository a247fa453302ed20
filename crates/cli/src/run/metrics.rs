//! Numbers in the output: `--metric count:'copied ([0-9]+) files'`.
//!
//! Looked for line by line, in both streams; the last match counts. A line is scanned in pieces of 64 KiB, so
//! that a job without newlines cannot fill our memory.

use domain::ping::{MAX_METRICS, is_metric_name};
use regex::bytes::Regex;
use std::sync::Arc;

const LINE_BYTES: usize = 64 * 1024;
/// How much of a match that is no number a message shows, in characters.
const SHOWN_CHARS: usize = 40;

/// A metric and where to find it.
#[derive(Clone, Debug)]
pub struct Rule {
    name: String,
    regex: Regex,
}

impl Rule {
    /// Flag value: `NAME:REGEX`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, regex) = text.split_once(':').ok_or("allowed: NAME:REGEX, such as count:([0-9]+) rows")?;
        if !is_metric_name(name) {
            return Err("the name: a letter or _, then letters, digits, `_`, `.` or `-`".to_owned());
        }
        let regex = Regex::new(regex).map_err(|error| error.to_string())?;
        Ok(Self { name: name.to_owned(), regex })
    }

    /// The last match in `line`: its first group, or all of it where there is none.
    fn last_match<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        let found = self.regex.captures_iter(line).last()?;
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_bytes())
    }
}

/// What was found so far, by name.
#[derive(Debug, Default)]
pub struct Findings(Vec<(String, Result<f64, String>)>);

impl Findings {
    /// The numbers.
    pub fn numbers(&self) -> Vec<(String, f64)> {
        let number = |(name, found): &(String, Result<f64, String>)| Some((name.clone(), *found.as_ref().ok()?));
        self.0.iter().filter_map(number).collect()
    }

    /// Name and text of each metric whose last match was no number.
    pub fn not_numbers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, found)| Some((name.as_str(), found.as_ref().err()?.as_str())))
    }

    fn put(&mut self, name: &str, found: &[u8]) {
        let text = String::from_utf8_lossy(found);
        let number = text.trim().parse().ok().filter(|value: &f64| value.is_finite());
        let found = number.ok_or_else(|| text.trim().chars().take(SHOWN_CHARS).collect());
        if let Some(entry) = self.0.iter_mut().find(|(known, _)| known == name) {
            entry.1 = found;
        } else if self.0.len() < MAX_METRICS {
            self.0.push((name.to_owned(), found));
        }
    }
}

/// Scans one stream.
pub struct Scanner {
    rules: Arc<[Rule]>,
    line: Vec<u8>,
}

impl Scanner {
    pub fn new(rules: Arc<[Rule]>) -> Self {
        Self { rules, line: Vec::new() }
    }

    /// The next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8], findings: &mut Findings) {
        if self.rules.is_empty() {
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LINE_BYTES {
                self.end(findings);
            }
        }
    }

    /// The line is complete.
    pub fn end(&mut self, findings: &mut Findings) {
        let line = self.line.trim_ascii_end();
        for rule in self.rules.iter() {
            if let Some(found) = rule.last_match(line) {
                findings.put(&rule.name, found);
            }
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(rules: &[&str], chunks: &[&str]) -> Findings {
        let rules: Vec<Rule> = rules.iter().map(|rule| Rule::parse(rule).unwrap()).collect();
        let (mut scanner, mut findings) = (Scanner::new(rules.into()), Findings::default());
        chunks.iter().for_each(|chunk| scanner.feed(chunk.as_bytes(), &mut findings));
        scanner.end(&mut findings);
        findings
    }

    #[test]
    fn the_last_match_counts_wherever_chunks_are_cut() {
        let findings = scanned(&["count:copied ([0-9]+)"], &["copied 1\ncop", "ied 2", "3\nnothing", " more"]);
        assert_eq!(findings.numbers(), [("count".to_owned(), 23.0)]);
        let progress = scanned(&["done:[0-9.]+%?"], &["1\r20\r33.5"]);
        assert_eq!(progress.numbers(), [("done".to_owned(), 33.5)]);
    }

    #[test]
    fn a_match_that_is_no_number_is_named() {
        let findings = scanned(&["count:rows.*"], &["rows: many\n"]);
        assert!(findings.numbers().is_empty());
        assert_eq!(findings.not_numbers().collect::<Vec<_>>(), [("count", "rows: many")]);
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut scanner = Scanner::new(vec![Rule::parse("n:x").unwrap()].into());
        (0..100).for_each(|_| scanner.feed(&[b'a'; LINE_BYTES / 2], &mut Findings::default()));
        assert!(scanner.line.capacity() <= 2 * LINE_BYTES);
    }

    #[test]
    fn a_rule_is_a_name_and_a_regex() {
        for bad in ["count", "1st:x", "count:(", ":x"] {
            assert!(Rule::parse(bad).is_err(), "{bad}");
        }
    }
}
