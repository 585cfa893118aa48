//! The lexical gate: the first reader of a statement, byte-exact and bounded, before any parser sees it.
//!
//! It splits text into tokens in the one way that every MySQL and MariaDB server reads it, whatever the session's
//! `sql_mode`, and refuses all text for which there is more than one way. What parsers are known to read differently
//! from servers (executable comments, `--` before Unicode blanks, backslashes, double quotes) never passes.

use crate::functions;
use crate::refusal::{Refusal, Rule};

/// Longest text from outside, in bytes.
pub(crate) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest statement of the builder, in bytes: a table of 4,096 columns with long names fits.
pub(crate) const BUILT_BYTES_MAX: usize = 1024 * 1024;
const DEPTH_MAX: usize = 40;
const OPERATORS_MAX: usize = 2_000;
const BUILT_OPERATORS_MAX: usize = 6_000;
const PREFIX_RUN_MAX: usize = 4;
const COMMAS_MAX: usize = 20_000;
/// Limits on words that each open a branch of the tree.
const WORDS_MAX: [(&str, usize); 9] = [
    ("SELECT", 32),
    ("UNION", 32),
    ("EXCEPT", 32),
    ("INTERSECT", 32),
    ("JOIN", 12),
    ("CASE", 48),
    ("WHEN", 500),
    ("WITH", 8),
    // The parser copies the whole left side of each.
    ("DIV", 32),
];

/// Who wrote a text, and so how much its names may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A person or a program outside: names in back-ticks are plain ASCII, and the session is unknown.
    Outside,
    /// The builder, for a session whose character set was set to utf8mb4 and read back: names in back-ticks are what
    /// the server itself called its tables and columns.
    Builder,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An unquoted word.
    Word,
    /// A name in back-ticks.
    Name,
    /// A literal in apostrophes, with its prefix if it has one.
    Text,
    /// A number.
    Number,
    /// A system variable with its two at-signs.
    Variable,
    /// A placeholder.
    Placeholder,
    /// Anything else: one byte.
    Sign,
}

/// A token of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its bytes in the statement.
    pub(crate) text: &'a str,
    /// Where it begins, in bytes.
    pub(crate) at: usize,
    /// Whether white space or a comment stands before it.
    pub(crate) gap: bool,
}

impl Token<'_> {
    /// Whether it is this word, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this sign.
    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// The tokens of one statement that passed the gate, without the closing semicolon.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    /// In the order of the text.
    pub(crate) list: Vec<Token<'a>>,
    /// How many placeholders there are.
    pub(crate) placeholders: usize,
}

/// Lets a text through the gate.
pub(crate) fn gate(sql: &str, origin: Origin) -> Result<Tokens<'_>, Refusal> {
    let bytes_max = if origin == Origin::Builder { BUILT_BYTES_MAX } else { TEXT_BYTES_MAX };
    if sql.len() > bytes_max {
        return Err(Refusal::rule(Rule::TooLong));
    }
    let tokens = Scanner { sql, bytes: sql.as_bytes(), at: 0, origin }.tokens()?;
    let tokens = one_statement(tokens)?;
    bounds(&tokens, origin)?;
    pairs(&tokens)?;
    let placeholders = tokens.iter().filter(|t| t.kind == Kind::Placeholder).count();
    Ok(Tokens { list: tokens, placeholders })
}

/// Reads bytes into tokens.
struct Scanner<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    origin: Origin,
}

const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'a> Scanner<'a> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at.saturating_add(ahead)).copied()
    }

    fn refuse<T>(&self, rule: Rule) -> Result<T, Refusal> {
        Err(Refusal::rule_at(rule, self.at))
    }

    fn slice(&self, from: usize) -> Result<&'a str, Refusal> {
        self.sql.get(from..self.at).ok_or(Refusal::rule_at(Rule::NonAscii, from))
    }

    fn tokens(mut self) -> Result<Vec<Token<'a>>, Refusal> {
        let mut tokens = Vec::new();
        let mut gap = false;
        while let Some(byte) = self.peek(0) {
            let at = self.at;
            let kind = match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    gap = true;
                    continue;
                }
                b'/' if self.peek(1) == Some(b'*') => {
                    self.comment()?;
                    gap = true;
                    continue;
                }
                0..=31 | 127 => return self.refuse(Rule::ControlCharacter),
                128.. => return self.refuse(Rule::NonAscii),
                b'\\' => return self.refuse(Rule::Backslash),
                b'"' => return self.refuse(Rule::DoubleQuote),
                b'#' => return self.refuse(Rule::Comment),
                b'-' if self.peek(1) == Some(b'-') => return self.refuse(Rule::Comment),
                b':' => return self.refuse(Rule::Assignment),
                b'@' => self.variable()?,
                b'`' => self.name()?,
                b'\'' => self.text()?,
                b'0'..=b'9' => self.number()?,
                b'.' if self.peek(1).is_some_and(|b| b.is_ascii_digit()) => self.number()?,
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => self.word()?,
                b'?' => {
                    self.at += 1;
                    Kind::Placeholder
                }
                b'!' | b'%' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b'-' | b'.' | b'/' | b';' | b'<'
                | b'=' | b'>' | b'^' | b'|' | b'~' => {
                    self.at += 1;
                    Kind::Sign
                }
                // $ [ ] { }
                _ => return self.refuse(Rule::Character),
            };
            tokens.push(Token { kind, text: self.slice(at)?, at, gap });
            gap = false;
        }
        Ok(tokens)
    }

    /// A plain comment. One that begins `/*!`, `/*M!` or `/*+` speaks to the server; one that begins `/*/` or holds
    /// another opener is read in two ways.
    fn comment(&mut self) -> Result<(), Refusal> {
        if matches!(self.peek(2), Some(b'!' | b'+' | b'/'))
            || (matches!(self.peek(2), Some(b'M' | b'm')) && self.peek(3) == Some(b'!'))
        {
            return self.refuse(Rule::Comment);
        }
        let start = self.at;
        self.at += 2;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'*'), Some(b'/')) => {
                    self.at += 2;
                    return Ok(());
                }
                (Some(b'/'), Some(b'*')) => return self.refuse(Rule::Comment),
                (Some(byte), _) => {
                    self.inside(byte, false)?;
                    self.at += 1;
                }
                (None, _) => return Err(Refusal::rule_at(Rule::Unterminated, start)),
            }
        }
    }

    /// A byte inside a comment, name or literal.
    fn inside(&self, byte: u8, wide: bool) -> Result<(), Refusal> {
        match byte {
            b'\t' | b'\n' | b'\r' => Ok(()),
            0..=31 | 127 => self.refuse(Rule::ControlCharacter),
            128.. if !wide => self.refuse(Rule::NonAscii),
            _ => Ok(()),
        }
    }

    /// A name in back-ticks. No server knows an escape in it but the doubled back-tick, whatever the `sql_mode`;
    /// but some client character sets could swallow the closing one after a byte beyond ASCII.
    fn name(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        let built = self.origin == Origin::Builder;
        self.at += 1;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'`'), Some(b'`')) => self.at += 2,
                (Some(b'`'), _) => {
                    self.at += 1;
                    break;
                }
                (Some(b'\\'), _) if !built => return self.refuse(Rule::Backslash),
                (Some(byte), _) => {
                    self.inside(byte, built)?;
                    self.at += 1;
                }
                (None, _) => return Err(Refusal::rule_at(Rule::Unterminated, start)),
            }
        }
        if self.at - start == 2 {
            return Err(Refusal::rule_at(Rule::Character, start));
        }
        Ok(Kind::Name)
    }

    /// A literal in apostrophes, in which only a doubled apostrophe stands for one.
    fn text(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        self.at += 1;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'\''), Some(b'\'')) => self.at += 2,
                (Some(b'\''), _) => {
                    self.at += 1;
                    return Ok(Kind::Text);
                }
                (Some(b'\\'), _) => return self.refuse(Rule::Backslash),
                (Some(byte), _) => {
                    self.inside(byte, true)?;
                    self.at += 1;
                }
                (None, _) => return Err(Refusal::rule_at(Rule::Unterminated, start)),
            }
        }
    }

    /// A word, or the prefix of a literal.
    fn word(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        while self.peek(0).is_some_and(is_word_byte) {
            self.at += 1;
        }
        if self.peek(0) != Some(b'\'') {
            return Ok(Kind::Word);
        }
        // A literal with a prefix; any other word that touches an apostrophe is too odd to be worth a thought.
        let prefix = self.slice(start)?.to_ascii_lowercase();
        let digits_at = self.at + 1;
        self.text()?;
        let digits = self.bytes.get(digits_at..self.at - 1).unwrap_or_default();
        let fits = match prefix.as_str() {
            "x" => digits.len() % 2 == 0 && digits.iter().all(u8::is_ascii_hexdigit),
            "b" => digits.iter().all(|b| matches!(b, b'0' | b'1')),
            "n" | "_utf8" | "_utf8mb3" | "_utf8mb4" | "_latin1" | "_ascii" | "_binary" => digits.is_ascii(),
            _ => false,
        };
        if fits { Ok(Kind::Text) } else { Err(Refusal::rule_at(Rule::Literal, start)) }
    }

    /// A number that ends where every server ends it: no letter may touch it, for `1INTO` and `1e` are names to some.
    fn number(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        // A dot and digits after a name are a column to some servers and a number to others.
        let touches_name = start
            .checked_sub(1)
            .and_then(|i| self.bytes.get(i))
            .is_some_and(|&b| is_word_byte(b) || matches!(b, b'`' | b'.' | b'\'' | b')'));
        if touches_name {
            return self.refuse(Rule::Literal);
        }
        let radix = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x')) => Some(16),
            (Some(b'0'), Some(b'b')) => Some(2),
            _ => None,
        };
        if let Some(radix) = radix {
            self.at += 2;
            let digits_at = self.at;
            while self.peek(0).is_some_and(|b| char::from(b).is_digit(radix)) {
                self.at += 1;
            }
            if self.at == digits_at {
                return Err(Refusal::rule_at(Rule::Literal, start));
            }
        } else {
            self.digits();
            if self.peek(0) == Some(b'.') {
                self.at += 1;
                self.digits();
            }
            if matches!(self.peek(0), Some(b'e' | b'E')) {
                self.at += 1;
                if matches!(self.peek(0), Some(b'+' | b'-')) {
                    self.at += 1;
                }
                if !self.digits() {
                    return Err(Refusal::rule_at(Rule::Literal, start));
                }
            }
        }
        let goes_on =
            self.peek(0).is_some_and(|b| is_word_byte(b) || matches!(b, b'.' | b'$' | b'`' | b'\''));
        if goes_on { Err(Refusal::rule_at(Rule::Literal, start)) } else { Ok(Kind::Number) }
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek(0).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    /// A system variable: two at-signs, an optional scope, and a name on the list.
    fn variable(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        if self.peek(1) != Some(b'@') {
            return self.refuse(Rule::Assignment);
        }
        self.at += 2;
        let name_at = self.at;
        while self.peek(0).is_some_and(|b| is_word_byte(b) || b == b'.') {
            self.at += 1;
        }
        let name = self.slice(name_at)?.to_ascii_lowercase();
        let bare = name.strip_prefix("global.").or_else(|| name.strip_prefix("session.")).unwrap_or(&name);
        if functions::VARIABLES.contains(&bare) {
            Ok(Kind::Variable)
        } else {
            Err(Refusal::rule_at(Rule::Variable, start))
        }
    }
}

/// Takes the closing semicolon off, and refuses any other.
fn one_statement(mut tokens: Vec<Token<'_>>) -> Result<Vec<Token<'_>>, Refusal> {
    if tokens.last().is_some_and(|t| t.is_sign(";")) {
        tokens.pop();
    }
    if let Some(second) = tokens.iter().find(|t| t.is_sign(";")) {
        return Err(Refusal::rule_at(Rule::SeveralStatements, second.at));
    }
    if tokens.is_empty() {
        return Err(Refusal::rule(Rule::Empty));
    }
    Ok(tokens)
}

/// Bounds depth and counts, so that no reader behind the gate can be driven out of its stack or its time.
fn bounds(tokens: &[Token<'_>], origin: Origin) -> Result<(), Refusal> {
    let operators_max = if origin == Origin::Builder { BUILT_OPERATORS_MAX } else { OPERATORS_MAX };
    let (mut depth, mut operators, mut commas, mut prefix_run) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut words = WORDS_MAX.map(|(_, max)| max);
    for token in tokens {
        let mut prefix = false;
        match (token.kind, token.text) {
            (Kind::Sign, "(") => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Refusal::rule_at(Rule::TooDeep, token.at));
                }
            }
            (Kind::Sign, ")") => {
                depth = depth.checked_sub(1).ok_or(Refusal::rule_at(Rule::TooDeep, token.at))?;
            }
            (Kind::Sign, ",") => commas += 1,
            (Kind::Sign, ".") => {}
            (Kind::Sign, sign) => {
                operators += 1;
                prefix = matches!(sign, "-" | "+" | "!" | "~");
            }
            (Kind::Word, word) => {
                let is = |name: &str| word.eq_ignore_ascii_case(name);
                if is("NOT") {
                    prefix = true;
                }
                if ["AND", "OR", "XOR", "NOT", "DIV", "MOD", "LIKE", "BETWEEN", "IN", "IS"]
                    .into_iter()
                    .any(is)
                {
                    operators += 1;
                }
                for ((name, _), left) in WORDS_MAX.iter().zip(words.iter_mut()) {
                    if is(name) {
                        *left = left.checked_sub(1).ok_or(Refusal::rule_at(Rule::TooMany, token.at))?;
                    }
                }
            }
            _ => {}
        }
        prefix_run = if prefix { prefix_run + 1 } else { 0 };
        if operators > operators_max || commas > COMMAS_MAX || prefix_run > PREFIX_RUN_MAX {
            return Err(Refusal::rule_at(Rule::TooMany, token.at));
        }
    }
    if depth == 0 { Ok(()) } else { Err(Refusal::rule(Rule::TooDeep)) }
}

/// Looks at neighbours: a built-in function whose parenthesis stands apart from its name.
///
/// Under the `sql_mode` without `IGNORE_SPACE` many of them are then plain names, and a stored function of that name
/// is called instead. Which ones differs from server to server (MySQL 8.0 manual, "Function Name Parsing and
/// Resolution", names 30; MariaDB 10.11 has the window functions besides), so no function may stand apart.
fn pairs(tokens: &[Token<'_>]) -> Result<(), Refusal> {
    for pair in tokens.windows(2) {
        if let [name, paren] = pair
            && paren.is_sign("(")
            && paren.gap
            && name.kind == Kind::Word
            && functions::is_function(name.text)
            && !functions::listed(&functions::WORDS_BEFORE_PAREN, name.text)
        {
            return Err(Refusal::rule_at(Rule::FunctionGap, name.at));
        }
    }
    Ok(())
}
