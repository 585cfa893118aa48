//! Writes HTML that is well-formed and escaped because there is no other way to write it.
//!
//! Names of elements and attributes are constants of the program; everything else is a text and is escaped. There is
//! no method that takes markup.

/// Elements that have no content and no end tag.
const VOID: [&str; 4] = ["meta", "link", "input", "br"];

/// A piece of a page.
#[derive(Debug, Default)]
pub(crate) struct Html(String);

impl Html {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An element with attributes and what is in it.
    pub(crate) fn el(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        inside(self);
        if !VOID.contains(&name) {
            self.0.push_str("</");
            self.0.push_str(name);
            self.0.push('>');
        }
    }

    /// An element that holds a text.
    pub(crate) fn leaf(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.el(name, attributes, |h| h.text(text));
    }

    /// An element that holds nothing.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.el(name, attributes, |_| {});
    }

    /// A link within the site.
    pub(crate) fn link(&mut self, to: &str, text: &str) {
        self.leaf("a", &[("href", to)], text);
    }

    /// A text.
    pub(crate) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// The style sheet of a page that must stand alone; a constant of the program.
    pub(crate) fn style(&mut self, sheet: &'static str) {
        self.0.push_str("<style>");
        self.0.push_str(sheet);
        self.0.push_str("</style>");
    }

    /// The whole page, with the line that makes browsers take it for HTML.
    pub(crate) fn into_page(self) -> String {
        format!("<!DOCTYPE html>\n{}\n", self.0)
    }

    fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
        self.0.push('>');
    }
}

/// Escapes for text and quoted attributes alike. Control characters, which no page may hold, become visible, and so do
/// those that turn the direction of writing: a name from a server could else show as another.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(c.escape_unicode()),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_values_cannot_become_markup() {
        let mut html = Html::new();
        let evil = "\"><script>alert('x')</script>&\u{0}\u{202e}";
        html.el("p", &[("title", evil)], |h| h.text(evil));
        let safe = "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;\\u{0}\\u{202e}";
        assert_eq!(html.0, format!("<p title=\"{safe}\">{safe}</p>"));
    }

    #[test]
    fn elements_end_and_void_ones_do_not() {
        let mut html = Html::new();
        html.el("main", &[], |h| {
            h.leaf("b", &[], "a");
            h.empty("br", &[]);
            h.empty("td", &[]);
        });
        assert_eq!(html.into_page(), "<!DOCTYPE html>\n<main><b>a</b><br><td></td></main>\n");
    }
}
