//! One line of `SHOW GRANTS`, taken apart. What does not fit the grammar to its last token is not a line.

use std::fmt;

/// A line that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum GrantLine {
    /// Privileges on an object.
    Grant(Grant),
    /// Membership in roles.
    Roles { roles: Vec<Named>, grantee: Grantee },
    /// The role that is active after log-in, which a server may go on naming when the role itself was taken away.
    DefaultRole { role: Named, grantee: Grantee },
    /// The right to act as another account.
    Proxy { on: Account, grantee: Grantee },
    /// A partial revocation.
    Revoke,
}

/// Privileges on an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) privileges: Vec<Privilege>,
    pub(crate) object: Object,
    pub(crate) grantee: Grantee,
    /// Whether the rights may be handed on.
    pub(crate) with_option: bool,
}

/// A privilege, and the columns that it is limited to, if it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Privilege {
    /// In capitals, words between single blanks.
    pub(crate) name: String,
    columns: Vec<String>,
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (i, column) in self.columns.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { " (" } else { ", " }, Quoted(column, '`'))?;
        }
        if self.columns.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// What privileges are on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// `*.*`
    Server,
    /// `pattern.*`
    Database { pattern: String },
    /// `database.table`
    Table { database: String, table: String },
    /// A routine or whatever else a server may have.
    Other { kind: String, database: String, name: String },
}

/// Whose grant it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Grantee {
    Account(Account),
    /// A name without a host.
    Role(Named),
    /// Everybody (MariaDB from 10.11).
    Public,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) host: String,
}

/// A role, with its host where the server has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    name: String,
    host: Option<String>,
}

/// A name with its quotes doubled inside and its control characters shown, for screens and statements.
struct Quoted<'a>(&'a str, char);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = self.1;
        write!(f, "{quote}")?;
        for c in self.0.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else if c == quote {
                write!(f, "{quote}{quote}")?;
            } else {
                write!(f, "{c}")?;
            }
        }
        write!(f, "{quote}")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", Quoted(&self.user, '\''), Quoted(&self.host, '\''))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Quoted(&self.name, '`'))?;
        self.host.as_ref().map_or(Ok(()), |host| write!(f, "@{}", Quoted(host, '`')))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("*.*"),
            Self::Database { pattern } => write!(f, "{}.*", Quoted(pattern, '`')),
            Self::Table { database, table } => write!(f, "{}.{}", Quoted(database, '`'), Quoted(table, '`')),
            Self::Other { kind, database, name } => {
                write!(f, "{kind} {}.{}", Quoted(database, '`'), Quoted(name, '`'))
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Without quotes, as written.
    Word(String),
    /// In back-ticks, double quotes or apostrophes, without them.
    Quoted(String),
    /// One other character.
    Sign(char),
}

/// Longest line that is read, in bytes: all privileges of a new server on one line are a tenth of it.
const LINE_BYTES_MAX: usize = 64 * 1024;

fn tokens(line: &str) -> Option<Vec<Token>> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let mut tokens = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            ' ' => {
                chars.next();
            }
            '`' | '"' | '\'' => {
                chars.next();
                let mut text = String::new();
                loop {
                    let inside = chars.next()?;
                    if inside == c {
                        if chars.peek() != Some(&c) {
                            break;
                        }
                        chars.next();
                    } else if inside == '\\' && c == '\'' {
                        // A literal ends elsewhere when backslashes escape; a name in other quotes does not.
                        return None;
                    }
                    text.push(inside);
                }
                tokens.push(Token::Quoted(text));
            }
            _ if c.is_ascii_alphanumeric() || c == '_' || c == '$' => {
                let mut text = String::new();
                while let Some(&c) = chars.peek()
                    && (c.is_ascii_alphanumeric() || c == '_' || c == '$')
                {
                    text.push(c);
                    chars.next();
                }
                tokens.push(Token::Word(text));
            }
            '*' | '.' | ',' | '(' | ')' | '@' | '<' | '>' => {
                tokens.push(Token::Sign(c));
                chars.next();
            }
            _ => return None,
        }
    }
    Some(tokens)
}

struct Reader<'a>(&'a [Token]);

impl Reader<'_> {
    fn next(&mut self) -> Option<&Token> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.0.first(), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word));
        if found {
            self.next();
        }
        found
    }

    fn words<const N: usize>(&mut self, words: [&str; N]) -> Option<()> {
        words.into_iter().all(|word| self.word(word)).then_some(())
    }

    fn sign(&mut self, sign: char) -> bool {
        let found = self.0.first() == Some(&Token::Sign(sign));
        if found {
            self.next();
        }
        found
    }

    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(name) | Token::Quoted(name) => Some(name.clone()),
            Token::Sign(_) => None,
        }
    }

    fn quoted(&mut self) -> Option<()> {
        matches!(self.next()?, Token::Quoted(_)).then_some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn named(&mut self) -> Option<Named> {
        let name = self.name()?;
        let host = if self.sign('@') { Some(self.name()?) } else { None };
        Some(Named { name, host })
    }

    fn grantee(&mut self) -> Option<Grantee> {
        if self.word("PUBLIC") {
            // An account of that name has a host.
            return (self.0.first() != Some(&Token::Sign('@'))).then_some(Grantee::Public);
        }
        let named = self.named()?;
        Some(match named.host {
            Some(host) => Grantee::Account(Account { user: named.name, host }),
            None => Grantee::Role(named),
        })
    }
}

impl GrantLine {
    /// Takes a line apart, `None` if it is not understood to its end.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let tokens = tokens(line)?;
        let mut reader = Reader(&tokens);
        if reader.word("REVOKE") {
            return Some(Self::Revoke);
        }
        if reader.word("SET") {
            reader.words(["DEFAULT", "ROLE"])?;
            let role = reader.named()?;
            reader.words(["FOR"])?;
            let grantee = reader.grantee()?;
            reader.end()?;
            return Some(Self::DefaultRole { role, grantee });
        }
        reader.words(["GRANT"])?;
        if reader.word("PROXY") {
            return proxy(reader);
        }
        let before_on =
            tokens.iter().position(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case("ON")));
        let before_to =
            tokens.iter().position(|t| matches!(t, Token::Word(w) if w.eq_ignore_ascii_case("TO")));
        match (before_on, before_to) {
            (Some(on), Some(to)) if on < to => grant(reader),
            (_, Some(_)) => roles(reader),
            _ => None,
        }
    }
}

fn proxy(mut reader: Reader<'_>) -> Option<GrantLine> {
    reader.words(["ON"])?;
    let Grantee::Account(on) = reader.grantee()? else { return None };
    reader.words(["TO"])?;
    let grantee = reader.grantee()?;
    if reader.word("WITH") {
        reader.words(["GRANT", "OPTION"])?;
    }
    reader.end()?;
    Some(GrantLine::Proxy { on, grantee })
}

fn roles(mut reader: Reader<'_>) -> Option<GrantLine> {
    let mut roles = vec![reader.named()?];
    while reader.sign(',') {
        roles.push(reader.named()?);
    }
    reader.words(["TO"])?;
    let grantee = reader.grantee()?;
    if reader.word("WITH") {
        reader.words(["ADMIN", "OPTION"])?;
    }
    reader.end()?;
    Some(GrantLine::Roles { roles, grantee })
}

fn grant(mut reader: Reader<'_>) -> Option<GrantLine> {
    let mut privileges = Vec::new();
    loop {
        privileges.push(privilege(&mut reader)?);
        if reader.word("ON") {
            break;
        }
        if !reader.sign(',') {
            return None;
        }
    }
    let object = object(&mut reader)?;
    reader.words(["TO"])?;
    let grantee = reader.grantee()?;
    let with_option = tail(&mut reader)?;
    reader.end()?;
    Some(GrantLine::Grant(Grant { privileges, object, grantee, with_option }))
}

/// A privilege: words, and perhaps a list of columns. A quoted word is a name, never a privilege.
fn privilege(reader: &mut Reader<'_>) -> Option<Privilege> {
    let mut words: Vec<String> = Vec::new();
    while let Some(Token::Word(word)) = reader.0.first() {
        if word.eq_ignore_ascii_case("ON") {
            break;
        }
        words.push(word.to_ascii_uppercase());
        reader.next();
    }
    let mut columns = Vec::new();
    if reader.sign('(') {
        loop {
            columns.push(reader.name()?);
            if reader.sign(')') {
                break;
            }
            if !reader.sign(',') {
                return None;
            }
        }
    }
    (!words.is_empty()).then(|| Privilege { name: words.join(" "), columns })
}

fn object(reader: &mut Reader<'_>) -> Option<Object> {
    if reader.sign('*') {
        return (reader.sign('.') && reader.sign('*')).then_some(Object::Server);
    }
    if matches!(reader.0, [Token::Word(w), next, ..] if w.eq_ignore_ascii_case("TABLE") && *next != Token::Sign('.'))
    {
        reader.next();
    }
    // Words before the name say what it is: a routine, a package, something yet unknown.
    let mut kind: Vec<String> = Vec::new();
    while let [Token::Word(word), next, ..] = reader.0
        && *next != Token::Sign('.')
    {
        kind.push(word.to_ascii_uppercase());
        reader.next();
    }
    let database = reader.name()?;
    if !reader.sign('.') {
        return None;
    }
    if kind.is_empty() && reader.sign('*') {
        return Some(Object::Database { pattern: database });
    }
    let name = reader.name()?;
    Some(if kind.is_empty() {
        Object::Table { database, table: name }
    } else {
        Object::Other { kind: kind.join(" "), database, name }
    })
}

/// What may follow the account: how it logs in, what it must show, how much it may use. Returns whether it may hand
/// its rights on.
fn tail(reader: &mut Reader<'_>) -> Option<bool> {
    if reader.word("IDENTIFIED") {
        identified(reader)?;
    }
    if reader.word("REQUIRE") {
        required(reader)?;
    }
    let mut with_option = false;
    if reader.word("WITH") {
        loop {
            if reader.word("GRANT") {
                reader.words(["OPTION"])?;
                with_option = true;
            } else if [
                "QUERIES_PER_HOUR",
                "UPDATES_PER_HOUR",
                "CONNECTIONS_PER_HOUR",
                "USER_CONNECTIONS",
                "STATEMENT_TIME",
            ]
            .iter()
            .any(|limit| reader.word(&format!("MAX_{limit}")))
            {
                reader.name()?;
                if reader.sign('.') {
                    reader.name()?;
                }
            } else {
                return None;
            }
            if reader.0.is_empty() {
                break;
            }
        }
    }
    Some(with_option)
}

fn identified(reader: &mut Reader<'_>) -> Option<()> {
    if reader.word("BY") {
        reader.words(["PASSWORD"])?;
        if reader.sign('<') {
            reader.words(["secret"])?;
            return reader.sign('>').then_some(());
        }
        return reader.quoted();
    }
    if !(reader.word("VIA") || reader.word("WITH")) {
        return None;
    }
    loop {
        reader.name()?;
        if reader.word("USING") || reader.word("AS") {
            reader.quoted()?;
        }
        if !reader.word("OR") {
            return Some(());
        }
    }
}

fn required(reader: &mut Reader<'_>) -> Option<()> {
    if reader.word("NONE") || reader.word("SSL") || reader.word("X509") {
        return Some(());
    }
    let mut any = false;
    while reader.word("SUBJECT") || reader.word("ISSUER") || reader.word("CIPHER") {
        reader.quoted()?;
        any = true;
        let _ = reader.word("AND");
    }
    any.then_some(())
}
