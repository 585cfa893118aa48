//! Hostile and random texts.

use bicuspid_guard::{ChunkQuery, KeyCast, KeyPart, Selected, builder, judge_grants};
use bicuspid_model::{ColumnName, DatabaseName, TableName, Value};
use proptest::prelude::*;

use crate::{accepted, refused, verdict};

/// What turns any reading statement into something else when it follows it.
const SUFFIXES: [&str; 16] = [
    " INTO OUTFILE 'x'",
    " INTO/**/DUMPFILE 'x'",
    " INTO @x",
    " FOR UPDATE",
    " for/* */share",
    " LOCK IN SHARE MODE",
    " PROCEDURE ANALYSE()",
    " /*! FOR UPDATE */",
    " /*M!100100 INTO OUTFILE 'x' */",
    "; DELETE FROM patient",
    ";;",
    " -- x",
    " # x",
    " \u{a0}",
    " \\",
    "\u{0}",
];

/// What turns it into something else when it precedes it.
const PREFIXES: [&str; 12] = [
    "INSERT INTO t ",
    "CREATE TABLE t AS ",
    "EXPLAIN ANALYZE ",
    "ANALYZE ",
    "SET STATEMENT max_statement_time = 0 FOR ",
    "PREPARE s FROM ",
    "/*!50000 DELETE FROM t */ ",
    "/*+ SET_VAR(a = 1) */ ",
    "BEGIN; ",
    "; ",
    "-- x\n",
    "\u{feff}",
];

/// Pieces that statements are made of, harmless and not.
const PIECES: [&str; 60] = [
    "SELECT",
    "FROM",
    "patient",
    "`patient`",
    "WHERE",
    "PatNum",
    "=",
    "1",
    "'a'",
    ",",
    "(",
    ")",
    "UNION",
    "ALL",
    "JOIN",
    "ON",
    "a",
    "a.PatNum",
    "AS",
    "*",
    "COUNT(*)",
    "MAX(PatNum)",
    "ORDER BY",
    "LIMIT",
    "GROUP BY",
    "HAVING",
    "IN",
    "NOT",
    "AND",
    "OR",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "WITH",
    "x AS (",
    "LIKE",
    "BETWEEN",
    "IS NULL",
    "?",
    "INTO",
    "OUTFILE",
    "FOR",
    "UPDATE",
    "LOCK IN SHARE MODE",
    "SLEEP(1)",
    "f_write(1)",
    "@x := 1",
    "@@version",
    ";",
    "/*",
    "*/",
    "/*!",
    "--",
    "#",
    "\"",
    "\\",
    "NEXT VALUE FOR s",
    "COUNT (1)",
    "REPLACE(",
];

/// Texts made of pieces with blanks between.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(PIECES.to_vec());
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

/// Sensible statements with one random piece put in between.
pub(crate) fn grafted() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(PIECES.to_vec());
    (proptest::sample::select(accepted()), piece, any::<prop::sample::Index>()).prop_map(
        |(sql, piece, at)| {
            let gaps: Vec<usize> = sql.match_indices(' ').map(|(i, _)| i).collect();
            if gaps.is_empty() {
                format!("{sql} {piece}")
            } else {
                let (before, after) = sql.split_at(gaps[at.index(gaps.len())]);
                format!("{before} {piece}{after}")
            }
        },
    )
}

/// The beginning of a sensible statement and the end of another one, sensible or not.
pub(crate) fn spliced() -> impl Strategy<Value = String> {
    let ends: Vec<String> =
        accepted().into_iter().chain(refused().into_iter().map(|case| case.sql)).collect();
    let index = any::<prop::sample::Index>;
    (proptest::sample::select(accepted()), proptest::sample::select(ends), index(), index()).prop_map(
        |(first, last, a, b)| {
            let words = |sql: &str| sql.split(' ').map(str::to_owned).collect::<Vec<_>>();
            let (first, last) = (words(&first), words(&last));
            let (end, begin) = (a.index(first.len()), b.index(last.len()));
            [&first[..=end], &last[begin..]].concat().join(" ")
        },
    )
}

/// The text without literals, quoted names and comments, in capitals: an oracle that shares no code with the guard.
fn bare(sql: &str) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        if c == '\'' || c == '`' {
            let end = rest[1..].find(c).map_or(rest.len(), |i| i + 2);
            out.push(' ');
            rest = &rest[end..];
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |i| i + 2);
            out.push(' ');
            rest = &rest[end..];
        } else {
            out.push(c.to_ascii_uppercase());
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn assert_harmless(sql: &str) {
    let bare = bare(sql);
    // A column may be called `share` or `sleep`; a clause has two words, and a call a parenthesis.
    let spaced = bare.replace('(', " ( ");
    let words: Vec<&str> = spaced
        .split(|c: char| !c.is_ascii_alphanumeric() && !"_(".contains(c))
        .filter(|w| !w.is_empty())
        .collect();
    // The column of a DESCRIBE may have any name; servers take one of their own words there for an error.
    let described = sql.split_whitespace().count() == 3
        && matches!(words.first(), Some(&("DESCRIBE" | "DESC" | "EXPLAIN")));
    for word in words.iter().take(words.len() - usize::from(described)) {
        assert!(!["INTO", "OUTFILE", "UPDATE", "LOCK", "INSERT", "DELETE"].contains(word), "{sql}");
    }
    for pair in words.windows(2) {
        assert!(!matches!(pair, ["FOR" | "IN", "SHARE"] | ["SLEEP" | "F_WRITE", "("]), "{sql}");
    }
    assert!(!bare.contains(['#', '"', '\\', ':']) && !bare.contains("--") && bare.is_ascii(), "{sql}");
    assert!(!bare.trim_end().trim_end_matches(';').contains(';'), "{sql}");
}

#[test]
fn nothing_may_follow_or_precede_an_accepted_statement() {
    for sql in accepted() {
        let sql = sql.trim_end().trim_end_matches(';');
        for suffix in SUFFIXES {
            assert!(verdict(&format!("{sql}{suffix}")).is_err(), "{sql}{suffix}");
        }
        for prefix in PREFIXES {
            assert!(verdict(&format!("{prefix}{sql}")).is_err(), "{prefix}{sql}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_guard_panic(sql in any::<String>()) {
        if verdict(&sql).is_ok() {
            assert_harmless(&sql);
        }
    }

    #[test]
    fn no_mixture_of_pieces_passes_that_does_more_than_read(sql in soup()) {
        if verdict(&sql).is_ok() {
            assert_harmless(&sql);
        }
    }

    #[test]
    fn no_graft_makes_a_statement_do_more_than_read(sql in grafted()) {
        if verdict(&sql).is_ok() {
            assert_harmless(&sql);
        }
    }

    #[test]
    fn no_splice_makes_a_statement_do_more_than_read(sql in spliced()) {
        if verdict(&sql).is_ok() {
            assert_harmless(&sql);
        }
    }

    #[test]
    fn refused_statements_stay_refused_in_a_derived_table(index in any::<prop::sample::Index>()) {
        let cases = refused();
        let sql = &cases[index.index(cases.len())].sql;
        prop_assert!(verdict(&format!("SELECT * FROM ({sql}) AS d")).is_err(), "{}", sql);
    }

    #[test]
    fn every_name_that_a_server_can_have_stays_in_its_quotes(
        names in proptest::collection::vec("[^\\x00-\\x1f\\x7f]{1,64}", 1..6),
        limit in 1_u64..,
    ) {
        let columns: Vec<ColumnName> = names.iter().map(|name| ColumnName::new(name.as_str()).unwrap()).collect();
        let select: Vec<Selected<'_>> = columns.iter().map(Selected::Column).collect();
        let key: Vec<KeyPart<'_>> = columns.iter().map(|column| KeyPart { column, cast: KeyCast::None }).collect();
        let bound = vec![Value::Int(1); key.len()];
        let (database, table) = (DatabaseName::new("open dental").unwrap(), TableName::new(names[0].as_str()).unwrap());
        let query = ChunkQuery {
            database: &database,
            table: &table,
            select: &select,
            key: &key,
            index: None,
            after: Some(&bound),
            up_to: Some(&bound),
            limit,
            filter: None,
        };
        // The only names that are refused are those that an engine makes tables up from.
        match builder::chunk(&query) {
            Ok(statement) => {
                let quoted = format!("`{}`", names[0].replace('`', "``"));
                let expected = format!("FROM `open dental`.{quoted} WHERE ");
                prop_assert!(statement.sql().contains(&expected));
            }
            Err(refusal) => prop_assert_eq!(refusal.code(), "guard::table"),
        }
    }

    #[test]
    fn no_line_makes_the_judge_of_grants_panic_or_nod(line in any::<String>(), pieces in "[A-Z`'\"@.*,() \\\\%_a-c]{0,60}") {
        let source = DatabaseName::new("opendental").unwrap();
        let safe = "GRANT SELECT ON `opendental`.* TO `r`@`%`".to_owned();
        for hostile in [line, pieces.clone(), format!("GRANT {pieces}"), format!("{safe} {pieces}")] {
            let is_safe = judge_grants(&[safe.clone(), hostile.clone()], &source).is_safe();
            prop_assert!(!is_safe || hostile.trim() == safe.trim(), "{}", hostile);
        }
    }
}
