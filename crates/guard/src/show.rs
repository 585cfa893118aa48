//! `SHOW`, `DESCRIBE` and `EXPLAIN`, token by token: parsers lose parts of them.

use crate::functions;
use crate::lexical::{Kind, Origin, Token};
use crate::refusal::{Refusal, Rule};
use crate::walk::Scope;

/// The tokens that are still to be read.
#[derive(Clone, Copy)]
struct Rest<'t, 'a>(&'t [Token<'a>]);

impl<'t, 'a> Rest<'t, 'a> {
    fn next(&mut self) -> Option<&'t Token<'a>> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.0.first().is_some_and(|t| t.is_word(word));
        if found {
            self.next();
        }
        found
    }

    fn one_of(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.word(word))
    }

    fn sign(&mut self, sign: &str) -> bool {
        let found = self.0.first().is_some_and(|t| t.is_sign(sign));
        if found {
            self.next();
        }
        found
    }

    /// A name, bare. A word that no query holds unquoted is no name here either.
    fn name(&mut self) -> Option<String> {
        let token = self.next()?;
        match token.kind {
            Kind::Word if functions::listed(&functions::NEVER, token.text) => None,
            Kind::Word => Some(token.text.to_owned()),
            Kind::Name => {
                let inside = token.text.strip_prefix('`')?.strip_suffix('`')?;
                Some(inside.replace("``", "`"))
            }
            _ => None,
        }
    }

    fn literal(&mut self) -> bool {
        self.next().is_some_and(|t| matches!(t.kind, Kind::Text | Kind::Number | Kind::Placeholder))
    }

    /// `name` or `schema.name`, allowed by the scope.
    fn table(&mut self, scope: Scope<'_>) -> Result<(), Refusal> {
        let mut name = self.name().ok_or(Refusal::rule(Rule::ShowForm))?;
        let mut schema = None;
        if self.sign(".") {
            schema = Some(name);
            name = self.name().ok_or(Refusal::rule(Rule::ShowForm))?;
        }
        scope.table(schema.as_deref(), &name)
    }

    /// `FROM schema`, if it is there.
    fn in_schema(&mut self, scope: Scope<'_>) -> Result<(), Refusal> {
        if self.one_of(&["FROM", "IN"]) {
            let schema = self.name().ok_or(Refusal::rule(Rule::ShowForm))?;
            return scope.schema(&schema);
        }
        Ok(())
    }

    /// `LIKE 'pattern'` or `WHERE` with comparisons of a name and literals, joined by `AND` and `OR`; nothing else may
    /// follow.
    fn filter_and_end(mut self) -> Result<(), Refusal> {
        if self.word("LIKE") {
            if !self.literal() {
                return Err(Refusal::rule(Rule::ShowForm));
            }
        } else if self.word("WHERE") {
            loop {
                if !self.comparison() {
                    return Err(Refusal::rule(Rule::ShowForm));
                }
                if !self.one_of(&["AND", "OR"]) {
                    break;
                }
            }
        }
        self.end()
    }

    fn comparison(&mut self) -> bool {
        if self.name().is_none() {
            return false;
        }
        if self.word("LIKE") || self.sign("=") {
            return self.literal();
        }
        if !(self.word("IN") && self.sign("(")) {
            return false;
        }
        loop {
            if !self.literal() {
                return false;
            }
            if self.sign(")") {
                return true;
            }
            if !self.sign(",") {
                return false;
            }
        }
    }

    fn end(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some(token) => Err(Refusal::rule_at(Rule::ShowForm, token.at)),
        }
    }
}

/// Judges what follows `SHOW`.
pub(crate) fn judge_show(tokens: &[Token<'_>], origin: Origin, scope: Scope<'_>) -> Result<(), Refusal> {
    let mut rest = Rest(tokens);
    if rest.one_of(&["DATABASES", "SCHEMAS", "COLLATION", "CHARSET"])
        || (rest.word("CHARACTER") && rest.word("SET"))
    {
        return rest.filter_and_end();
    }
    if rest.word("ENGINES") || (rest.word("STORAGE") && rest.word("ENGINES")) {
        return rest.end();
    }
    if rest.one_of(&["WARNINGS", "ERRORS"]) {
        if rest.word("LIMIT") && !rest.literal() {
            return Err(Refusal::rule(Rule::ShowForm));
        }
        return rest.end();
    }
    if rest.word("COUNT") {
        let form = rest.sign("(") && rest.sign("*") && rest.sign(")") && rest.one_of(&["WARNINGS", "ERRORS"]);
        return if form { rest.end() } else { Err(Refusal::rule(Rule::ShowForm)) };
    }
    if rest.word("GRANTS") {
        return grants(rest, origin);
    }
    if rest.word("CREATE") {
        if rest.one_of(&["DATABASE", "SCHEMA"]) {
            let schema = rest.name().ok_or(Refusal::rule(Rule::ShowForm))?;
            scope.schema(&schema)?;
            return rest.end();
        }
        if !rest.one_of(&["TABLE", "VIEW"]) {
            return Err(Refusal::rule(Rule::ShowForm));
        }
        rest.table(scope)?;
        return rest.end();
    }
    if rest.word("TABLE") {
        if !rest.word("STATUS") {
            return Err(Refusal::rule(Rule::ShowForm));
        }
        rest.in_schema(scope)?;
        return rest.filter_and_end();
    }
    if rest.one_of(&["INDEX", "INDEXES", "KEYS"]) {
        return of_table(rest, scope);
    }
    if rest.one_of(&["GLOBAL", "SESSION", "LOCAL"]) {
        return if rest.one_of(&["VARIABLES", "STATUS"]) {
            rest.filter_and_end()
        } else {
            Err(Refusal::rule(Rule::ShowForm))
        };
    }
    if rest.one_of(&["VARIABLES", "STATUS"]) {
        return rest.filter_and_end();
    }
    let _ = rest.word("FULL");
    if rest.one_of(&["TABLES", "TRIGGERS"]) {
        rest.in_schema(scope)?;
        return rest.filter_and_end();
    }
    if rest.one_of(&["COLUMNS", "FIELDS"]) {
        return of_table(rest, scope);
    }
    Err(Refusal::rule(Rule::ShowForm))
}

/// `FROM table [FROM schema] [filter]`.
fn of_table(mut rest: Rest<'_, '_>, scope: Scope<'_>) -> Result<(), Refusal> {
    if !rest.one_of(&["FROM", "IN"]) {
        return Err(Refusal::rule(Rule::ShowForm));
    }
    rest.table(scope)?;
    rest.in_schema(scope)?;
    rest.filter_and_end()
}

/// The account's own grants. The plain form, which on MariaDB shows a password's hash, is for the tool's own eyes.
fn grants(mut rest: Rest<'_, '_>, origin: Origin) -> Result<(), Refusal> {
    if rest.0.is_empty() && origin == Origin::Builder {
        return Ok(());
    }
    if !(rest.word("FOR") && rest.word("CURRENT_USER")) {
        return Err(Refusal::rule(Rule::ShowForm));
    }
    if rest.sign("(") && !rest.sign(")") {
        return Err(Refusal::rule(Rule::ShowForm));
    }
    rest.end()
}

/// The query behind `EXPLAIN [FORMAT = …]`, or `None` where a table follows.
pub(crate) fn explained<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let mut rest = Rest(tokens);
    if rest.0.get(1).is_some_and(|t| t.is_sign("="))
        && rest.word("FORMAT")
        && !(rest.sign("=") && rest.one_of(&["JSON", "TRADITIONAL", "TREE"]))
    {
        return None;
    }
    rest.0.first().is_some_and(|t| t.is_word("SELECT")).then_some(rest.0)
}

/// Judges what follows `DESCRIBE`: a table, and perhaps a column or a pattern.
pub(crate) fn judge_describe(tokens: &[Token<'_>], scope: Scope<'_>) -> Result<(), Refusal> {
    let mut rest = Rest(tokens);
    // Words that begin something else; a table of such a name can be quoted.
    let first = tokens.first().ok_or(Refusal::rule(Rule::ShowForm))?;
    if first.kind == Kind::Word
        && (functions::listed(&functions::NEVER, first.text)
            || functions::listed(
                &["EXTENDED", "PARTITIONS", "FORMAT", "FOR", "REPLACE", "WITH", "TABLE", "VALUES"],
                first.text,
            ))
    {
        return Err(Refusal::rule_at(Rule::ShowForm, first.at));
    }
    rest.table(scope)?;
    if rest.0.first().is_some_and(|t| matches!(t.kind, Kind::Word | Kind::Name | Kind::Text)) {
        rest.next();
    }
    rest.end()
}
