//! The HTML part of a mail: one template, every value escaped by it.

use super::Words;
use askama::Template;

#[derive(Template)]
#[template(path = "mail.html")]
struct Mail<'a> {
    words: &'a Words,
}

/// The mail as HTML.
pub(crate) fn mail(words: &Words) -> Result<String, askama::Error> {
    Mail { words }.render()
}
