//! `bicuspid guard`: the verdict of the statement guard and of the grants judge, from outside. Nothing is sent
//! anywhere.

use std::io::{BufRead as _, Read as _};

use bicuspid_guard::{Context, judge, judge_grants};
use bicuspid_model::{Class, DatabaseName, Side, Trouble};
use serde_json::{Value, json};

use crate::App;
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop};

/// Longest line or statement that is read, in bytes.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The source database of lines that name none.
const SOURCE_DATABASE: &str = "opendental";

/// Judge whether a statement may reach a source, without sending it anywhere
///
/// Exit 0: accepted; exit 3: rejected.
#[derive(Debug, clap::Args)]
pub(crate) struct GuardArgs {
    /// Statement; read from standard input if it is not given
    #[arg(conflicts_with = "jsonl")]
    pub(crate) sql: Option<String>,
    /// Read `{"id","sql"}` lines and print `{"id","verdict","why"}` lines in the same order
    #[arg(long)]
    pub(crate) jsonl: bool,
    /// With --jsonl: judge `{"id","grants":[...],"source_db"}` lines instead, the output of SHOW GRANTS
    #[arg(long, requires = "jsonl")]
    pub(crate) grants: bool,
}

pub(crate) fn run(args: &GuardArgs, app: &App) -> Ended {
    if args.jsonl {
        return lines(args.grants);
    }
    let sql = if let Some(sql) = &args.sql {
        sql.clone()
    } else {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(LINE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|_| unreadable())?;
        String::from_utf8(bytes).map_err(|_| unreadable())?
    };
    let context = DatabaseName::new(SOURCE_DATABASE).map(Context::new).map_err(|_| unreadable())?;
    match judge(&sql, &context) {
        Ok(()) => {
            app.printer.data("accept");
            Ok(Report::new().with("verdict", "accept"))
        }
        Err(refusal) => {
            app.printer.data("reject");
            let mut report = Report::new().with("verdict", "reject").with("why", refusal.to_string());
            report.add(refusal.trouble());
            Ok(report)
        }
    }
}

/// Judges line by line. A line that cannot be judged is a reject, and the next one is read.
fn lines(grants: bool) -> Ended {
    let mut input = std::io::stdin().lock();
    let mut lines = 0_u64;
    loop {
        let mut line = Vec::new();
        let read =
            (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(|_| unreadable())?;
        if read == 0 {
            break;
        }
        let is_whole = line.ends_with(b"\n") || u64::try_from(read).is_ok_and(|read| read < LINE_BYTES_MAX);
        if !is_whole {
            skip_line(&mut input)?;
        }
        if is_whole && line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        lines += 1;
        let parsed = if is_whole { serde_json::from_slice::<Value>(&line).ok() } else { None };
        let verdict = if grants { grants_verdict(parsed.as_ref()) } else { verdict(parsed.as_ref()) };
        Printer::raw(&verdict.to_string());
    }
    Ok(Report::new().with("lines", lines))
}

/// Reads on to the end of a line that is too long to be kept.
fn skip_line(input: &mut impl std::io::BufRead) -> Result<(), Stop> {
    loop {
        let buffer = input.fill_buf().map_err(|_| unreadable())?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn verdict(line: Option<&Value>) -> Value {
    let id = line.and_then(|line| line.get("id")).cloned().unwrap_or(Value::Null);
    let judged = line
        .and_then(|line| Some((line, line.get("sql")?.as_str()?)))
        .ok_or_else(|| "the line is not an object with a text `sql`".to_owned())
        .and_then(|(line, sql)| {
            let mut context = Context::new(source_database(line)?);
            if let Some(mode) = text_of(line, "sql_mode")? {
                context = context.with_sql_mode(mode);
            }
            if let Some(charset) = text_of(line, "charset")? {
                context = context.with_charset(charset);
            }
            judge(sql, &context).map_err(|refusal| refusal.to_string())
        });
    match judged {
        Ok(()) => json!({ "id": id, "verdict": "accept", "why": "" }),
        Err(why) => json!({ "id": id, "verdict": "reject", "why": why }),
    }
}

fn grants_verdict(line: Option<&Value>) -> Value {
    let id = line.and_then(|line| line.get("id")).cloned().unwrap_or(Value::Null);
    let judged = line
        .and_then(|line| {
            let grants = line.get("grants")?.as_array()?;
            let grants: Option<Vec<&str>> = grants.iter().map(Value::as_str).collect();
            Some((line, grants?))
        })
        .ok_or_else(|| "the line is not an object with a list of texts `grants`".to_owned())
        .and_then(|(line, grants)| {
            let verdict = judge_grants(&grants, &source_database(line)?);
            let why: Vec<String> = verdict.findings.iter().map(ToString::to_string).collect();
            // Whether the account is of use is not asked here.
            if verdict.is_harmless() { Ok(()) } else { Err(why.join("; ")) }
        });
    match judged {
        Ok(()) => json!({ "id": id, "verdict": "safe", "why": "" }),
        Err(why) => json!({ "id": id, "verdict": "unsafe", "why": why }),
    }
}

fn source_database(line: &Value) -> Result<DatabaseName, String> {
    let name = text_of(line, "source_db")?.unwrap_or(SOURCE_DATABASE);
    DatabaseName::new(name).map_err(|_| "`source_db` is not a name".to_owned())
}

/// A text field that may be missing or null; of any other kind it is a reject.
fn text_of<'a>(line: &'a Value, name: &str) -> Result<Option<&'a str>, String> {
    match line.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a text")),
    }
}

fn unreadable() -> Stop {
    Stop::from(Trouble {
        code: "guard::input".to_owned(),
        side: Side::Local,
        class: Class::Refused,
        what: "the statement could not be read".to_owned(),
        why: "it is not text".to_owned(),
        state: "nothing was sent anywhere".to_owned(),
        hint: "give one statement, in UTF-8".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(line: &str) -> String {
        verdict(serde_json::from_str(line).ok().as_ref())["verdict"].as_str().unwrap().to_owned()
    }

    #[test]
    fn what_cannot_be_judged_is_a_reject() {
        assert_eq!(judged(r#"{"id":1,"sql":"SELECT 1","more":[]}"#), "accept");
        for line in [
            "not json",
            "[]",
            r#"{"id":1}"#,
            r#"{"id":1,"sql":7}"#,
            r#"{"id":1,"sql":"SELECT 1","sql_mode":7}"#,
            r#"{"id":1,"sql":"SELECT 1","source_db":""}"#,
            r#"{"id":1,"sql":"DELETE FROM patient"}"#,
        ] {
            assert_eq!(judged(line), "reject", "{line}");
        }
    }

    #[test]
    fn grants_are_judged_by_the_same_protocol() {
        let judged = |line: &str| {
            grants_verdict(serde_json::from_str(line).ok().as_ref())["verdict"].as_str().unwrap().to_owned()
        };
        let safe = r#"{"id":"a","grants":["GRANT USAGE ON *.* TO `r`@`%`","GRANT SELECT ON `opendental`.* TO `r`@`%`"]}"#;
        assert_eq!(judged(safe), "safe");
        assert_eq!(judged(r#"{"id":"a","grants":[]}"#), "unsafe");
        assert_eq!(judged(r#"{"id":"a","grants":[1]}"#), "unsafe");
        assert_eq!(judged(&safe.replace("SELECT", "INSERT")), "unsafe");
        assert_eq!(judged(&safe.replace("\"grants\"", "\"source_db\":\"other\",\"grants\"")), "unsafe");
    }
}
