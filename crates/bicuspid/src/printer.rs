//! Standard output for data, standard error for everything else. Meaning never hangs on colour.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use bicuspid_model::{SiteName, Trouble};

pub(crate) use bicuspid_dashboard::{counted, grouped};

use crate::report::{DIFFERENCES, Outcome, RULES_BROKEN};

tokio::task_local! {
    /// The site on whose behalf a task works, where several do at a time.
    static SITE: SiteName;
}

/// Does something on behalf of a site: what is noted on the way begins with its name.
pub(crate) async fn for_site<T>(site: SiteName, work: impl Future<Output = T>) -> T {
    SITE.scope(site, work).await
}

/// Where and how to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    json: bool,
    colour: bool,
    terminal: bool,
}

impl Printer {
    /// A printer for this process's streams.
    pub(crate) fn new(json: bool, environment_allows_colour: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        // Old Windows consoles print the codes; they get plain text.
        let colour = terminal && environment_allows_colour && !cfg!(windows);
        Self { json, colour, terminal }
    }

    /// A printer that prints no data, for what is looked at on behalf of a page.
    pub(crate) const fn silent() -> Self {
        Self { json: true, colour: false, terminal: false }
    }

    /// The same for one of several that print at a time: no bar, and no lines of data, which would be told apart by nobody.
    #[must_use]
    pub(crate) const fn beside_others(self) -> Self {
        Self { json: true, terminal: false, ..self }
    }

    /// The same without lines of data, for what is told in other words.
    #[must_use]
    pub(crate) const fn without_data(self) -> Self {
        Self { json: true, ..self }
    }

    /// Whether one JSON object is wanted on standard output.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person watches standard error.
    pub(crate) const fn is_watched(self) -> bool {
        self.terminal
    }

    /// Prints lines of data, unless JSON is wanted: that has the same facts.
    pub(crate) fn data(self, text: &str) {
        if !self.json {
            write_out(text);
        }
    }

    /// Prints the one JSON object, or a line that a protocol asks for.
    pub(crate) fn raw(text: &str) {
        write_out(text);
    }

    /// Prints a line that is not data.
    pub(crate) fn note(text: &str) {
        let marked = SITE.try_with(|site| {
            text.lines().map(|line| format!("[{site}] {line}")).collect::<Vec<_>>().join("\n")
        });
        let mut stream = std::io::stderr().lock();
        // Nobody listens: nobody can be told.
        let _ = writeln!(stream, "{}", marked.as_deref().unwrap_or(text));
    }

    /// Prints a trouble: heading and code, then why, state and hint on lines of their own.
    pub(crate) fn trouble(self, trouble: &Trouble) {
        let outcome = if [DIFFERENCES, RULES_BROKEN].contains(&trouble.code.as_str()) {
            Outcome::Differences
        } else {
            Outcome::from(trouble.class)
        };
        let head = format!("{}[{}]", outcome.heading(), trouble.code);
        let head = match (self.colour, outcome) {
            (false, _) => head,
            (true, Outcome::Held | Outcome::Differences) => format!("\u{1b}[1;33m{head}\u{1b}[0m"),
            (true, _) => format!("\u{1b}[1;31m{head}\u{1b}[0m"),
        };
        let mut text = format!("{head}: {}", plain(&trouble.what));
        for (name, value) in [("why", &trouble.why), ("state", &trouble.state), ("hint", &trouble.hint)] {
            if !value.is_empty() {
                let _ = write!(text, "\n  {name}: {}", plain(value));
            }
        }
        Self::note(&text);
    }
}

fn write_out(text: &str) {
    let mut stream = std::io::stdout().lock();
    // A reader that has gone away has read enough.
    let _ = writeln!(stream, "{text}").and_then(|()| stream.flush());
}

/// A text with its control characters made visible: a name from a server could else rewrite the screen.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let (shown, escaped) =
                if c.is_control() && c != '\n' { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
            shown.into_iter().chain(escaped.into_iter().flatten())
        })
        .collect()
}

/// A number of bytes for people.
pub(crate) fn bytes(number: u64) -> String {
    indicatif::HumanBytes(number).to_string()
}

/// Seconds for people.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    // A run is shorter than the age of the universe.
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} h {} min", whole / 3600, whole / 60 % 60)
    }
}

/// Which side of its column a cell stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A small table of plain text.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells that are missing stay empty.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| plain(&cell).replace('\n', " ")).collect());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|i| {
                let cells = self.rows.iter().chain([&head]).filter_map(|row| row.get(i));
                cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for (n, row) in [&head].into_iter().chain(&self.rows).enumerate() {
            let mut line = String::new();
            for ((i, (_, align)), width) in self.columns.iter().enumerate().zip(&widths) {
                let cell = row.get(i).map(String::as_str).unwrap_or_default();
                let gap = if i == 0 { "" } else { "  " };
                match align {
                    Align::Left => write!(line, "{gap}{cell:<width$}")?,
                    Align::Right => write!(line, "{gap}{cell:>width$}")?,
                }
            }
            if n > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (48_211, "48,211"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "table"), "1 table");
        assert_eq!(counted(2000, "row"), "2,000 rows");
        assert_eq!(counted(0, "entry"), "0 entries");
    }

    #[test]
    fn times_have_the_unit_that_people_would_use() {
        assert_eq!(seconds(0.04), "0.0 s");
        assert_eq!(seconds(61.9), "1 min 1 s");
        assert_eq!(seconds(7320.0), "2 h 2 min");
    }

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\nc");
    }

    #[test]
    fn columns_are_aligned_and_lines_not_padded() {
        let mut table = Table::new(&[("table", Align::Left), ("rows", Align::Right), ("", Align::Left)]);
        table.row(["patient".to_owned(), "1,200".to_owned()]);
        table.row(["fee".to_owned(), "7".to_owned(), "held".to_owned()]);
        assert_eq!(table.to_string(), "table     rows\npatient  1,200\nfee          7  held");
    }
}
