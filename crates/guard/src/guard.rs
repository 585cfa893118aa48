//! The statement guard: the lexical gate, the words, then the parsed tree, all by allow-list.
//!
//! Three readers look at a text, and all of them must say yes. The gate ([`crate::lexical`]) makes sure that there is
//! one way to read it. The words are judged as the server would see them, without a tree: which may stand before a
//! parenthesis, which may not stand at all. The tree ([`crate::walk`]) is judged node by node. What the parser prints
//! is never used.

use bicuspid_model::DatabaseName;
use sqlparser::ast::Statement;
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token as ParserToken;

use crate::functions;
use crate::lexical::{self, Kind, Origin, Token, Tokens};
use crate::refusal::{Refusal, Rule};
use crate::show;
use crate::walk::{Scope, Walk};

/// How deep the parser may recurse. Parentheses are bounded below that before it starts.
const RECURSION_MAX: usize = 160;
/// Stack of the thread on which a tree is made, walked and dropped. Overflowing a stack cannot be caught; the counts
/// that the gate lets through need a small share of it.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// What a statement is judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    database: DatabaseName,
    sql_mode: Option<String>,
    charset: Option<String>,
}

impl Context {
    /// Judges against a source database, on a session with a known character set and `sql_mode`.
    #[must_use]
    pub const fn new(database: DatabaseName) -> Self {
        Self { database, sql_mode: None, charset: None }
    }

    /// Adds the session's `sql_mode`; it can only make the verdict stricter.
    #[must_use]
    pub fn with_sql_mode(mut self, sql_mode: impl Into<String>) -> Self {
        self.sql_mode = Some(sql_mode.into());
        self
    }

    /// Adds the session's character set; it can only make the verdict stricter.
    #[must_use]
    pub fn with_charset(mut self, charset: impl Into<String>) -> Self {
        self.charset = Some(charset.into());
        self
    }

    /// Refuses what the session would read in another way than the gate did.
    fn session(&self, sql: &str) -> Result<(), Refusal> {
        // These replace the grammar. The other modes move the meaning of backslashes, double quotes, bars and blanks,
        // none of which the gate lets through where it matters.
        const GRAMMARS: [&str; 5] = ["ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"];
        // Every byte stands for itself, or the character that holds it is no quote and no blank.
        const CHARSETS: [&str; 6] = ["utf8", "utf8mb3", "utf8mb4", "latin1", "ascii", "binary"];
        // The bytes of ASCII stand for ASCII; the others are not vouched for.
        const ASCII_CHARSETS: [&str; 31] = [
            "armscii8", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932",
            "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8",
            "keybcs2", "koi8r", "koi8u", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "tis620",
            "ujis",
        ];
        let grammar = self.sql_mode.as_deref().unwrap_or_default();
        if grammar.split(',').any(|mode| functions::listed(&GRAMMARS, mode.trim())) {
            return Err(Refusal::rule(Rule::Session));
        }
        let charset = self.charset.as_deref().unwrap_or("utf8mb4");
        let is_ascii = sql.is_ascii() && functions::listed(&ASCII_CHARSETS, charset);
        if !is_ascii && !functions::listed(&CHARSETS, charset) {
            return Err(Refusal::rule(Rule::Session));
        }
        Ok(())
    }
}

/// The guard's answer about a text.
pub type Verdict = Result<(), Refusal>;

/// Judges a statement from outside. Nothing is sent anywhere: an accepted text still cannot reach a source, which
/// takes [`crate::ReadStatement`]s alone.
pub fn judge(sql: &str, context: &Context) -> Verdict {
    context.session(sql)?;
    judge_text(sql, Origin::Outside, Scope { database: Some(&context.database), catalog: true }).map(|_| ())
}

/// Judges a statement of the builder and counts its placeholders. Without a database it may read the catalog alone.
pub(crate) fn judge_built(sql: &str, database: Option<&DatabaseName>) -> Result<usize, Refusal> {
    judge_text(sql, Origin::Builder, Scope { database, catalog: database.is_none() })
}

fn judge_text(sql: &str, origin: Origin, scope: Scope<'_>) -> Result<usize, Refusal> {
    let tokens = lexical::gate(sql, origin)?;
    let [first, rest @ ..] = tokens.list.as_slice() else { return Err(Refusal::rule(Rule::Empty)) };
    if first.is_word("SHOW") {
        show::judge_show(rest, origin, scope)?;
    } else if ["EXPLAIN", "DESCRIBE", "DESC"].into_iter().any(|word| first.is_word(word)) {
        match show::explained(rest) {
            Some(query) => judge_query(sql, query, scope, Nesting::Refused)?,
            None => show::judge_describe(rest, scope)?,
        }
    } else {
        judge_query(sql, &tokens.list, scope, Nesting::Allowed)?;
    }
    Ok(tokens.placeholders)
}

/// Judges a condition on rows: one expression without a subquery or a placeholder.
pub(crate) fn judge_condition(condition: &str) -> Result<(), Refusal> {
    let Tokens { list, placeholders } = lexical::gate(condition, Origin::Outside)?;
    if placeholders > 0 {
        return Err(Refusal::rule(Rule::Placeholders));
    }
    judge_words(&list)?;
    on_a_big_stack(|| {
        let dialect = MySqlDialect {};
        let mut parser = Parser::new(&dialect)
            .with_recursion_limit(RECURSION_MAX)
            .try_with_sql(condition)
            .map_err(|_| Refusal::rule(Rule::NotParsed))?;
        let expression = parser.parse_expr().map_err(|_| Refusal::rule(Rule::NotParsed))?;
        if parser.next_token().token != ParserToken::EOF {
            return Err(Refusal::rule(Rule::NotParsed));
        }
        let mut walk = Walk::new(Scope { database: None, catalog: false });
        walk.expression(&expression)?;
        if walk.queries() > 0 { Err(Refusal::rule(Rule::Expression)) } else { Ok(()) }
    })
}

/// Whether a query may hold other queries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Allowed,
    /// `EXPLAIN` runs derived tables on some servers.
    Refused,
}

/// Judges the query that these tokens, the last ones of the text, spell.
fn judge_query(sql: &str, tokens: &[Token<'_>], scope: Scope<'_>, nesting: Nesting) -> Result<(), Refusal> {
    let Some(first) = tokens.first() else { return Err(Refusal::rule(Rule::Empty)) };
    if !(first.is_word("SELECT") || first.is_word("WITH") || first.is_sign("(")) {
        return Err(Refusal::rule_at(Rule::FirstWord, first.at));
    }
    judge_words(tokens)?;
    let text = sql.get(first.at..).ok_or(Refusal::rule(Rule::NotParsed))?;
    on_a_big_stack(|| {
        let dialect = MySqlDialect {};
        let statements = Parser::new(&dialect)
            .with_recursion_limit(RECURSION_MAX)
            .try_with_sql(text)
            .and_then(|mut parser| parser.parse_statements())
            .map_err(|_| Refusal::rule(Rule::NotParsed))?;
        let [Statement::Query(query)] = statements.as_slice() else {
            return Err(Refusal::rule(Rule::FirstWord));
        };
        let mut walk = Walk::new(scope);
        walk.query(query)?;
        if nesting == Nesting::Refused && walk.queries() > 1 {
            return Err(Refusal::rule(Rule::Clause));
        }
        Ok(())
    })
}

/// Judges the words of a query as the server sees them, before any tree.
fn judge_words(tokens: &[Token<'_>]) -> Result<(), Refusal> {
    // For each open parenthesis, the token before it.
    let mut opened: Vec<Option<&Token<'_>>> = Vec::new();
    let mut previous: Option<&Token<'_>> = None;
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1);
        let before_paren = next.is_some_and(|t| t.is_sign("("));
        let callable = match token.kind {
            // A qualified name. A qualified call is a stored function.
            Kind::Word if previous.is_some_and(|t| t.is_sign(".")) => !before_paren,
            Kind::Word => {
                judge_word(token, previous, next, opened.last().copied().flatten())?;
                !before_paren
                    || functions::is_function(token.text)
                    || functions::listed(&functions::WORDS_BEFORE_PAREN, token.text)
                    || is_cte_header(tokens, i)
            }
            Kind::Sign => {
                match token.text {
                    "(" => opened.push(previous),
                    ")" => drop(opened.pop()),
                    _ => {}
                }
                true
            }
            Kind::Name | Kind::Text | Kind::Number | Kind::Variable | Kind::Placeholder => !before_paren,
        };
        if !callable {
            return Err(Refusal::rule_at(Rule::Function, token.at));
        }
        previous = Some(token);
    }
    Ok(())
}

fn judge_word(
    token: &Token<'_>,
    previous: Option<&Token<'_>>,
    next: Option<&Token<'_>>,
    opened_by: Option<&Token<'_>>,
) -> Result<(), Refusal> {
    let next_is = |word: &str| next.is_some_and(|t| t.is_word(word));
    let refuse = |rule| Err(Refusal::rule_at(rule, token.at));
    let of_index_hint = || token.is_word("USE") && (next_is("INDEX") || next_is("KEY"));
    let of_window = || token.is_word("PARTITION") && next_is("BY");
    if functions::listed(&functions::NEVER, token.text) && !of_index_hint() && !of_window() {
        return refuse(match token.text.to_ascii_uppercase().as_str() {
            "INTO" | "OUTFILE" | "DUMPFILE" => Rule::Into,
            "LOCK" => Rule::LockingRead,
            "RECURSIVE" => Rule::Recursion,
            _ => Rule::Clause,
        });
    }
    if token.is_word("FOR") {
        // Locks, sequences, history and index hints begin with it; only the length of a part of a text may.
        let of_part =
            opened_by.is_some_and(|t| t.is_word("SUBSTRING") || t.is_word("SUBSTR") || t.is_word("MID"));
        if !of_part || previous.is_some_and(|t| t.is_word("VALUE")) {
            return refuse(Rule::LockingRead);
        }
    }
    // Some MySQL servers lift the session's time limit by it.
    if token.is_word("MAX_STATEMENT_TIME") && previous.is_some_and(|t| t.is_word("SELECT")) {
        return refuse(Rule::Clause);
    }
    // A sequence is advanced by reading it, in another grammar also as a column.
    if (token.is_word("NEXT") || token.is_word("PREVIOUS")) && next_is("VALUE") {
        return refuse(Rule::Function);
    }
    Ok(())
}

/// Whether the word at `i` names a common table expression with its columns: `WITH x (a, b) AS (`.
fn is_cte_header(tokens: &[Token<'_>], i: usize) -> bool {
    let preceded =
        i.checked_sub(1).and_then(|p| tokens.get(p)).is_some_and(|t| t.is_word("WITH") || t.is_sign(","));
    // The columns are plain names between commas.
    let mut rest = tokens.iter().skip(i + 2);
    loop {
        if !rest.next().is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Name)) {
            return false;
        }
        match rest.next() {
            Some(t) if t.is_sign(",") => {}
            Some(t) if t.is_sign(")") => break,
            _ => return false,
        }
    }
    preceded && rest.next().is_some_and(|t| t.is_word("AS")) && rest.next().is_some_and(|t| t.is_sign("("))
}

/// Runs a judgement on a thread of its own, with a stack that no bounded text can exhaust.
fn on_a_big_stack(judge: impl FnOnce() -> Result<(), Refusal> + Send) -> Result<(), Refusal> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("guard".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, judge)
            .map_err(|_| Refusal::rule(Rule::Resources))?;
        // A panic of the parser is a refusal like any other.
        thread.join().unwrap_or(Err(Refusal::rule(Rule::NotParsed)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges the words of a text that no parser has looked at.
    fn words(sql: &str) -> Result<(), Refusal> {
        judge_words(&lexical::gate(sql, Origin::Outside).unwrap().list)
    }

    #[test]
    fn the_words_are_judged_without_the_tree() {
        for sql in [
            "SELECT COUNT(*), t.count FROM t JOIN u USING (a) WHERE a IN (1)",
            "WITH x (a, `b`) AS (SELECT 1, 2), y (c) AS (SELECT 3) SELECT 1",
            "SELECT SUBSTRING(a FROM 1 FOR 2), SUBSTR(a FROM 1 FOR 2), MID(a FROM 1 FOR 2) FROM t",
            "SELECT RANK() OVER (PARTITION BY a ORDER BY b) FROM t USE INDEX (a) USE KEY (b)",
            // A word behind a dot is a name, whatever it says elsewhere.
            "SELECT t.into, t.`lock`, t.recursive FROM t",
            "SELECT next, previous, value FROM t WHERE max_statement_time = 1",
        ] {
            assert_eq!(words(sql), Ok(()), "{sql}");
        }
        for (sql, rule) in [
            ("SELECT t.COUNT(1) FROM t", Rule::Function),
            ("SELECT f_write(1)", Rule::Function),
            ("SELECT `f_write`(1)", Rule::Function),
            ("SELECT 1, f_write(a)", Rule::Function),
            ("SELECT 1, f_write(a) AS b", Rule::Function),
            ("SELECT 1, f_write(a) b (c)", Rule::Function),
            ("SELECT 1, f_write(a, 1) AS (b)", Rule::Function),
            ("SELECT 1, f_write(a b AS (c))", Rule::Function),
            ("SELECT f_write(a) AS (b)", Rule::Function),
            ("SELECT 'a'(1)", Rule::Function),
            ("SELECT NEXT VALUE FOR s", Rule::Function),
            ("SELECT PREVIOUS VALUE FOR s", Rule::Function),
            ("SELECT SUBSTRING(a, 1) FROM t FOR UPDATE", Rule::LockingRead),
            ("SELECT SUBSTRING(a FROM 1), TRIM(a FOR 1) FROM t", Rule::LockingRead),
            ("SELECT 1 FROM t LOCK IN SHARE MODE", Rule::LockingRead),
            ("SELECT 1 INTO OUTFILE 'x'", Rule::Into),
            ("SELECT OUTFILE", Rule::Into),
            ("SELECT DUMPFILE", Rule::Into),
            ("WITH RECURSIVE r AS (SELECT 1) SELECT 1", Rule::Recursion),
            ("SELECT 1 FROM t USE", Rule::Clause),
            ("SELECT 1 FROM t PARTITION (p)", Rule::Clause),
            ("SELECT MAX_STATEMENT_TIME = 1 a FROM t", Rule::Clause),
        ] {
            assert_eq!(words(sql).unwrap_err().code(), rule.code(), "{sql}");
        }
    }
}
