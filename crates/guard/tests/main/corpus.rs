//! Known statements, each with its verdict.

use bicuspid_guard::{Context, Filter, Rule, judge, judge_grants};
use bicuspid_model::DatabaseName;

use crate::{accepted, grants, refused, verdict};

#[test]
fn ordinary_statements_pass() {
    for sql in accepted() {
        assert_eq!(verdict(&sql), Ok(()), "{sql}");
    }
}

#[test]
fn everything_else_is_refused_by_the_rule_that_it_breaks() {
    for case in refused() {
        let refusal = verdict(&case.sql).expect_err(&case.sql);
        assert_eq!(refusal.code(), case.code, "{}", case.sql);
    }
}

#[test]
fn every_rule_of_the_guard_refuses_something() {
    let seen: Vec<String> = refused().into_iter().map(|case| case.code).collect();
    for rule in Rule::ALL {
        // These three depend on more than the text; they have tests of their own.
        let elsewhere = matches!(rule, Rule::Session | Rule::Placeholders | Rule::Resources | Rule::TooLong);
        assert!(elsewhere || seen.iter().any(|code| code == rule.code()), "{rule}");
    }
}

#[test]
fn size_depth_and_counts_end_where_they_should() {
    let nested = |n: usize, open: &str, inner: &str, close: &str| {
        format!("SELECT {}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let joined = |n: usize| {
        let joins: Vec<String> = (0..n).map(|i| format!(" JOIN t p{i} ON p.a = p{i}.a")).collect();
        format!("SELECT 1 FROM t p{}", joins.concat())
    };
    let regular = |pattern: &str| format!("SELECT 1 FROM t WHERE a REGEXP '{pattern}'");
    let long = |n: usize| format!("SELECT '{}'", "a".repeat(n - 9));
    for (fits, breaks, rule) in [
        (nested(40, "(", "1", ")"), nested(41, "(", "1", ")"), Rule::TooDeep),
        (nested(40, "ABS(", "1", ")"), nested(1_500, "ABS(", "1", ")"), Rule::TooDeep),
        (
            nested(48, "CASE WHEN 1 THEN ", "1", " END"),
            nested(49, "CASE WHEN 1 THEN ", "1", " END"),
            Rule::TooMany,
        ),
        (nested(4, "- ", "1", ""), nested(5_000, "- ", "1", ""), Rule::TooMany),
        (nested(4, "NOT ", "1", ""), nested(5, "NOT ", "1", ""), Rule::TooMany),
        (
            nested(1, "1", "+1".repeat(2_000).as_str(), ""),
            nested(1, "1", "+1".repeat(2_001).as_str(), ""),
            Rule::TooMany,
        ),
        (
            nested(1, "1", " AND 1".repeat(2_000).as_str(), ""),
            nested(1, "1", " AND 1".repeat(2_001).as_str(), ""),
            Rule::TooMany,
        ),
        (
            nested(1, "1", " DIV 1".repeat(32).as_str(), ""),
            nested(1, "1", " DIV 1".repeat(33).as_str(), ""),
            Rule::TooMany,
        ),
        (
            nested(1, "1", ",1".repeat(20_000).as_str(), ""),
            nested(1, "1", ",1".repeat(20_001).as_str(), ""),
            Rule::TooMany,
        ),
        (
            format!("SELECT 1{}", " UNION SELECT 1".repeat(31)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(3_000)),
            Rule::TooMany,
        ),
        (joined(12), joined(13), Rule::TooMany),
        (long(64 * 1024), long(64 * 1024 + 1), Rule::TooLong),
        (regular(&"a".repeat(100)), regular(&"a".repeat(101)), Rule::FunctionArguments),
        (regular(&"a".repeat(100)), regular(&"a".repeat(102)), Rule::FunctionArguments),
        (regular("a*b*c*"), regular("a*b*c*d*"), Rule::FunctionArguments),
        (regular("(a)(b)(c)"), regular("(a)(b)(c)(d)"), Rule::FunctionArguments),
    ] {
        assert_eq!(verdict(&fits), Ok(()), "{fits:.60}");
        assert_eq!(verdict(&breaks).unwrap_err().code(), rule.code(), "{breaks:.60}");
    }
    // The dot of a name is no operator.
    assert_eq!(verdict(&format!("SELECT p.a{} FROM patient p", ",p.a".repeat(2_001))), Ok(()));
}

#[test]
fn a_session_only_makes_the_guard_stricter() {
    let context = || Context::new(DatabaseName::new("opendental").unwrap());
    let wide = "SELECT '中文' FROM patient";
    for charset in ["utf8mb4", "utf8", "latin1", "UTF8MB3"] {
        assert_eq!(judge(wide, &context().with_charset(charset)), Ok(()), "{charset}");
    }
    for charset in ["gbk", "big5", "sjis", "cp932", "gb18030"] {
        let refusal = judge(wide, &context().with_charset(charset)).unwrap_err();
        assert_eq!(refusal.code(), Rule::Session.code(), "{charset}");
        assert_eq!(judge("SELECT 'a'", &context().with_charset(charset)), Ok(()), "{charset}");
    }
    // Not even a letter is sure to be what it looks like.
    for charset in ["ucs2", "utf16", "swe7", "filename", "", "unknown"] {
        let refusal = judge("SELECT 'a'", &context().with_charset(charset)).unwrap_err();
        assert_eq!(refusal.code(), Rule::Session.code(), "{charset}");
    }
    for mode in ["ORACLE", "ansi,mssql", "STRICT_TRANS_TABLES, DB2"] {
        assert!(judge("SELECT 1", &context().with_sql_mode(mode)).is_err(), "{mode}");
    }
    for mode in ["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "STRICT_TRANS_TABLES,PIPES_AS_CONCAT"] {
        assert_eq!(judge("SELECT 'a', `b` FROM t", &context().with_sql_mode(mode)), Ok(()), "{mode}");
        for sql in ["SELECT \"a\"", "SELECT 'a\\'"] {
            assert!(judge(sql, &context().with_sql_mode(mode)).is_err(), "{mode}");
        }
    }
}

#[test]
fn the_source_is_the_only_schema_beside_the_catalog() {
    let other = Context::new(DatabaseName::new("test_opendental").unwrap());
    assert_eq!(judge("SELECT * FROM test_opendental.patient", &other), Ok(()));
    assert_eq!(judge("SELECT * FROM information_schema.TABLES", &other), Ok(()));
    let refusal = judge("SELECT * FROM opendental.patient", &other).unwrap_err();
    assert_eq!(refusal.code(), Rule::Schema.code());
    // A database of the server's own is nobody's source, whatever the settings say.
    for name in ["mysql", "Sys", "performance_schema"] {
        let own = Context::new(DatabaseName::new(name).unwrap());
        assert_eq!(judge(&format!("SELECT * FROM {name}.t"), &own).unwrap_err().code(), Rule::Schema.code());
        assert_eq!(judge("SELECT * FROM user", &own).unwrap_err().code(), Rule::Table.code());
    }
}

#[test]
fn filters_are_one_expression() {
    let shown = format!("{:?}", Filter::parse("ClinicNum = 3").unwrap());
    assert_eq!(shown, "Filter { bytes: 13 }", "what it compares with may be a person's");
    for condition in [
        "ClinicNum = 3",
        "ClinicNum IN (1, 2) AND DateEntry >= '2020-01-01'",
        "NOT (`Pat Status` <=> 2) OR YEAR(DateEntry) > 2019",
    ] {
        assert!(Filter::parse(condition).is_ok(), "{condition}");
    }
    for condition in [
        "",
        "1) OR (1",
        "1 = 1; DELETE FROM patient",
        "1 = 1;",
        "1 ORDER BY 1",
        "1 LIMIT 1",
        "1 UNION SELECT 1",
        "a = ?",
        "a = (SELECT 1)",
        "EXISTS (SELECT 1)",
        "SLEEP(1)",
        "1 INTO OUTFILE 'x'",
        "1 FOR UPDATE",
        "a = \"b\"",
        "1 -- x",
        "@a = 1",
        "a, b",
        "SELECT 1",
    ] {
        assert!(Filter::parse(condition).is_err(), "{condition}");
    }
}

#[test]
fn a_refusal_never_echoes_the_statement() {
    for sql in ["SELECT 'canary' INTO OUTFILE 'canary'", "SELECT canary('canary')", "SELECT 'canary\\'"] {
        let refusal = verdict(sql).unwrap_err();
        let trouble = refusal.trouble();
        assert!(!format!("{refusal} {refusal:?} {trouble:?}").contains("canary"), "{sql}");
    }
}

#[test]
fn grants_are_judged_by_what_they_allow() {
    let mut seen = std::collections::BTreeSet::new();
    for case in grants() {
        let source = DatabaseName::new(case.source.as_deref().unwrap_or("opendental")).unwrap();
        let verdict = judge_grants(&case.grants, &source);
        assert_eq!(verdict.code(), case.code, "{:?}", case.grants);
        assert_eq!(verdict.is_safe(), case.code == "grants::safe", "{:?}", case.grants);
        let trouble = verdict.trouble();
        assert!(verdict.is_safe() || !(trouble.why.is_empty() || trouble.hint.is_empty()), "{trouble}");
        seen.insert(case.code);
    }
    assert_eq!(seen.len(), 17, "a case for each finding, and safe ones: {seen:?}");
}

#[test]
fn a_line_more_never_makes_an_account_safer() {
    let all = grants();
    let lines: Vec<&String> = all.iter().flat_map(|case| &case.grants).collect();
    let is_about_r = |line: &str| line.contains("`r`@`%`");
    let source = DatabaseName::new("opendental").unwrap();
    for case in all.iter().filter(|case| case.code != "grants::safe" && case.code != "grants::cannot_read") {
        for line in lines.iter().filter(|line| is_about_r(line)).take(20) {
            let more: Vec<&str> = case.grants.iter().map(String::as_str).chain([line.as_str()]).collect();
            let source = case.source.as_deref().map_or(source.clone(), |s| DatabaseName::new(s).unwrap());
            assert!(case.grants.is_empty() || !judge_grants(&more, &source).is_safe(), "{more:?}");
        }
    }
}
