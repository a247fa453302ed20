//! The last lines of a job's output, made fit to be read anywhere.

use super::escape::is_unsafe;

const MAX_LINES: usize = 10;
const MAX_CHARS: usize = 1_000;

/// The last 10 lines and at most 1,000 characters of `bytes`: UTF-8 as far as it is, control characters and
/// direction marks escaped, line ends kept.
pub(crate) fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let lines: Vec<&str> = text.trim_end().split('\n').collect();
    let kept = lines.get(lines.len().saturating_sub(MAX_LINES)..).unwrap_or_default().join("\n");
    last_chars(&readable(&kept))
}

fn readable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if is_unsafe(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

fn last_chars(text: &str) -> String {
    let count = text.chars().count();
    match count.checked_sub(MAX_CHARS) {
        None | Some(0) => text.to_owned(),
        Some(surplus) => format!("…{}", text.chars().skip(surplus + 1).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let many: String = (1..=20).map(|n| format!("line {n}\r\n")).collect();
        assert!(tail(many.as_bytes()).starts_with("line 11\nline 12\n"));
        assert!(tail(many.as_bytes()).ends_with("line 20"));
        assert_eq!(tail(b""), "");
        assert_eq!(tail(b"\n\n"), "");
    }

    #[test]
    fn any_bytes_become_readable_text() {
        assert_eq!(tail(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(tail(b"\x1b[2Jok\0"), "\\u{1b}[2Jok\\u{0}");
        assert_eq!(tail("a\u{202e}b\u{2028}c".as_bytes()), "a\\u{202e}b\\u{2028}c");
        let long = tail("ü".repeat(5_000).as_bytes());
        assert_eq!(long.chars().count(), 1_000);
        assert!(long.starts_with('…'));
    }
}
