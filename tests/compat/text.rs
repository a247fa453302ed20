//! Texts of frozen files against those of today. Words of the code may gain fields: a line that is new is forgiven where
//! it says that a field holds nothing. All else must be as it was.

/// Where the texts differ, if they do.
pub fn compare(frozen: &str, today: &str) -> Result<(), String> {
    let mut expected = frozen.lines().enumerate().peekable();
    for line in today.lines() {
        match expected.peek() {
            Some((_, old)) if *old == line => drop(expected.next()),
            _ if is_empty_field(line) => {}
            Some((number, old)) => return Err(format!("line {}: found `{line}`, frozen: `{old}`", number + 1)),
            None => return Err(format!("at the end: found `{line}`, frozen: nothing")),
        }
    }
    match expected.next() {
        Some((number, old)) => Err(format!("line {}: found nothing, frozen: `{old}`", number + 1)),
        None => Ok(()),
    }
}

/// `name: None,` and the like, as `{:#?}` prints a field that was not in the bytes.
fn is_empty_field(line: &str) -> bool {
    let Some((name, value)) = line.trim_start().trim_end_matches(',').split_once(": ") else { return false };
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    line.starts_with(' ') && is_name && matches!(value, "None" | "0" | "0.0" | "false" | "[]" | "{}" | "\"\"")
}

#[test]
fn only_empty_fields_are_forgiven() {
    let frozen = "A {\n    x: 1,\n}";
    for same in ["A {\n    x: 1,\n}", "A {\n    w: None,\n    x: 1,\n    y: [],\n}", "A {\n    x: 1,\n    z: 0,\n}"] {
        assert_eq!(compare(frozen, same), Ok(()));
    }
    for other in
        ["A {\n    x: 2,\n}", "A {\n}", "A {\n    x: 1,\n    y: 1,\n}", "A {\n    x: 1,\n}\nB", "A {\n    x: 1,"]
    {
        assert!(compare(frozen, other).is_err(), "{other}");
    }
    assert!(compare("", "x: 0").is_err(), "a line at the margin is no field");
}
