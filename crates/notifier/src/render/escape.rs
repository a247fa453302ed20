//! Making text inert, for each place it can land in.

/// Characters that act instead of being read: controls, line and paragraph separators, and those that turn the
/// direction of text (Unicode UAX #9).
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}')
}

/// One line that no terminal, mail header or log reader will take for anything else.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// The same, at most `most` characters long.
pub(crate) fn short_line(text: &str, most: usize) -> String {
    one_line(cut(text, most, |_| 1))
}

/// One character for HTML text and quoted attributes.
pub(crate) fn html_char(c: char) -> Option<&'static str> {
    Some(match c {
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        '"' => "&quot;",
        _ => return None,
    })
}

/// Text for HTML.
pub(crate) fn html(text: &str) -> String {
    replaced(text, html_char)
}

/// Text for Slack's mrkdwn: the three characters with a meaning of their own. Mentions and links need `<`.
pub(crate) fn slack(text: &str) -> String {
    replaced(text, |c| if c == '"' { None } else { html_char(c) })
}

/// Text for Discord: every character that markdown reads is escaped, so is the `@` of mentions.
pub(crate) fn discord(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' | '(' | ')' | '@' | ':' | '-') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Text for a fenced block, which nothing can end but its fence.
pub(crate) fn fenced(text: &str) -> String {
    text.replace('`', "'")
}

/// The longest beginning of `text` whose characters weigh at most `budget`.
pub(crate) fn cut(text: &str, budget: usize, weight: impl Fn(char) -> usize) -> &str {
    let mut spent = 0;
    for (at, c) in text.char_indices() {
        spent += weight(c);
        if spent > budget {
            return text.get(..at).unwrap_or("");
        }
    }
    text
}

fn replaced(text: &str, entity: impl Fn(char) -> Option<&'static str>) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match entity(c) {
            Some(name) => escaped.push_str(name),
            None => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_inert() {
        assert_eq!(one_line("a\r\nBcc: x\u{202e}\u{1b}[2J"), "a\\r\\nBcc: x\\u{202e}\\u{1b}[2J");
        assert_eq!(html("</pre><a href=\"x\">&amp;"), "&lt;/pre&gt;&lt;a href=&quot;x&quot;&gt;&amp;amp;");
        assert_eq!(slack("<!channel> & co"), "&lt;!channel&gt; &amp; co");
        assert_eq!(discord("**@everyone** [x](y)"), "\\*\\*\\@everyone\\*\\* \\[x\\]\\(y\\)");
        assert_eq!(fenced("```\n@here"), "'''\n@here");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aüb", 2, |_| 1), "aü");
        assert_eq!(cut("aüb", 2, char::len_utf8), "a");
        assert_eq!(cut("ab", 9, |_| 1), "ab");
    }
}
