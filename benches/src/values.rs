//! Whether another program's copy holds what the source holds: compared, column by column and value by value, with
//! Bicuspid's own copy, which was proved.

use std::process::Stdio;

use crate::pairs::Fault;
use crate::rates::Bench;

/// How a copy compares.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    columns: usize,
    /// Columns with another value, with how many, or missing.
    wrong: Vec<String>,
    is_there: bool,
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.is_there, self.wrong.as_slice()) {
            (false, _) => write!(f, "no table"),
            (true, []) => write!(f, "all right"),
            (true, wrong) => {
                write!(f, "{} of {} columns wrong: {}", wrong.len(), self.columns, wrong.join(", "))
            }
        }
    }
}

/// Compares `theirs` with `raw.table` by `id`. Types may be others: a value is right if a cast to our type makes ours of
/// it, so that a whole number kept as a longer one, or a day as text, is right.
pub(crate) fn compare(bench: &Bench, table: &str, theirs: &str) -> Result<Compared, Fault> {
    let there = columns(bench, theirs);
    let mut compared = Compared { is_there: !there.is_empty(), ..Compared::default() };
    for (column, kind) in columns(bench, &format!("raw.{table}")) {
        if column == "_loaded_at" {
            continue;
        }
        compared.columns += 1;
        if !there.iter().any(|(name, _)| *name == column) {
            compared.wrong.push(format!("{column} (missing)"));
            continue;
        }
        let sql = format!(
            "SELECT count(*) FROM raw.{table} o FULL JOIN {theirs} t ON o.id = t.id::bigint
             WHERE o.id IS NULL OR t.id IS NULL
                OR (o.\"{column}\"::{kind})::text IS DISTINCT FROM (t.\"{column}\"::{kind})::text"
        );
        // A value that the type does not take is an error, and not theirs alone.
        let asked = bench.psql(&sql).arg("-At").stderr(Stdio::null()).output()?;
        match std::str::from_utf8(&asked.stdout)?.trim() {
            "0" => {}
            "" => compared.wrong.push(format!("{column} (not a {kind})")),
            count => compared.wrong.push(format!("{column} ({count})")),
        }
    }
    Ok(compared)
}

/// Columns of a table and their types; none if there is no such table.
fn columns(bench: &Bench, table: &str) -> Vec<(String, String)> {
    let rows = bench.target.query(&format!(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
         WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    ));
    let pair = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        cells.next().zip(cells.next())
    };
    rows.into_iter().filter_map(pair).collect()
}
