//! The guard's no, with a stable code and the reason, and never a value.

use std::fmt;

use bicuspid_model::{Class, Side, Trouble};

use crate::consent::NoConsent;
use crate::grants::GrantVerdict;
use crate::identity::{DEMO_DATABASE, Mismatch};
use crate::numbers::WentBack;
use crate::server::{OtherServer, SharedServer};

/// The rule that a statement broke. Each has a stable code; the sentence never repeats text of the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Nothing but white space and comments.
    Empty,
    /// More bytes than the guard reads.
    TooLong,
    /// A control character other than tab, line feed and carriage return.
    ControlCharacter,
    /// A character beyond ASCII outside a quoted literal.
    NonAscii,
    /// A backslash, which ends or does not end a literal depending on the session.
    Backslash,
    /// A double quote, which quotes a literal or a name depending on the session.
    DoubleQuote,
    /// A comment that is not a plain `/* … */`.
    Comment,
    /// A literal, name or comment without an end.
    Unterminated,
    /// A character that no reading statement needs.
    Character,
    /// A number or prefixed literal that servers and parsers read differently.
    Literal,
    /// An assignment or a user variable.
    Assignment,
    /// A system variable that is not on the list.
    Variable,
    /// More than one statement.
    SeveralStatements,
    /// Parentheses that nest too deep or do not match.
    TooDeep,
    /// More operators, joins, unions, branches or list items than a reading statement needs.
    TooMany,
    /// A blank between a built-in function and its parenthesis, which makes it another function.
    FunctionGap,
    /// A session that reads quotes or characters in another way than the guard.
    Session,
    /// A first word that does not begin a reading statement.
    FirstWord,
    /// Not understood by the parser.
    NotParsed,
    /// A locking read.
    LockingRead,
    /// `INTO`, which writes a file, a table or a variable.
    Into,
    /// A clause that is not on the list.
    Clause,
    /// An expression that is not on the list.
    Expression,
    /// A function that is not on the list.
    Function,
    /// A function called with arguments that burden the server.
    FunctionArguments,
    /// A schema other than the source database and the catalog.
    Schema,
    /// A table or catalog view that is not on the list.
    Table,
    /// Relations joined without an equality of columns, which multiplies them.
    CrossJoin,
    /// A recursive query.
    Recursion,
    /// A `SHOW` or `DESCRIBE` form that is not on the list.
    ShowForm,
    /// A number of placeholders other than the number of bound values.
    Placeholders,
    /// The machine could not give the guard the means to judge.
    Resources,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 32] = [
        Self::Empty,
        Self::TooLong,
        Self::ControlCharacter,
        Self::NonAscii,
        Self::Backslash,
        Self::DoubleQuote,
        Self::Comment,
        Self::Unterminated,
        Self::Character,
        Self::Literal,
        Self::Assignment,
        Self::Variable,
        Self::SeveralStatements,
        Self::TooDeep,
        Self::TooMany,
        Self::FunctionGap,
        Self::Session,
        Self::FirstWord,
        Self::NotParsed,
        Self::LockingRead,
        Self::Into,
        Self::Clause,
        Self::Expression,
        Self::Function,
        Self::FunctionArguments,
        Self::Schema,
        Self::Table,
        Self::CrossJoin,
        Self::Recursion,
        Self::ShowForm,
        Self::Placeholders,
        Self::Resources,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "guard::empty",
            Self::TooLong => "guard::too_long",
            Self::ControlCharacter => "guard::control_character",
            Self::NonAscii => "guard::non_ascii",
            Self::Backslash => "guard::backslash",
            Self::DoubleQuote => "guard::double_quote",
            Self::Comment => "guard::comment",
            Self::Unterminated => "guard::unterminated",
            Self::Character => "guard::character",
            Self::Literal => "guard::literal",
            Self::Assignment => "guard::assignment",
            Self::Variable => "guard::variable",
            Self::SeveralStatements => "guard::several_statements",
            Self::TooDeep => "guard::too_deep",
            Self::TooMany => "guard::too_many",
            Self::FunctionGap => "guard::function_gap",
            Self::Session => "guard::session",
            Self::FirstWord => "guard::first_word",
            Self::NotParsed => "guard::not_parsed",
            Self::LockingRead => "guard::locking_read",
            Self::Into => "guard::into",
            Self::Clause => "guard::clause",
            Self::Expression => "guard::expression",
            Self::Function => "guard::function",
            Self::FunctionArguments => "guard::function_arguments",
            Self::Schema => "guard::schema",
            Self::Table => "guard::table",
            Self::CrossJoin => "guard::cross_join",
            Self::Recursion => "guard::recursion",
            Self::ShowForm => "guard::show_form",
            Self::Placeholders => "guard::placeholders",
            Self::Resources => "guard::resources",
        }
    }

    /// Why, for a person; a constant, so that no literal can be echoed.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::Empty => "there is no statement in it",
            Self::TooLong => "it is longer than the guard reads",
            Self::ControlCharacter => "it holds a control character",
            Self::NonAscii => "it holds a character beyond ASCII outside a quoted literal",
            Self::Backslash => "it holds a backslash, which may or may not end a literal; bind the value",
            Self::DoubleQuote => {
                "it holds a double quote, which quotes a literal or a name as the session likes"
            }
            Self::Comment => "it holds a comment other than a plain /* … */",
            Self::Unterminated => "a literal, name or comment has no end",
            Self::Character => "it holds a character that no reading statement needs",
            Self::Literal => "it holds a number or prefixed literal that servers read in different ways",
            Self::Assignment => "it assigns or reads a user variable",
            Self::Variable => "it reads a system variable that is not on the list",
            Self::SeveralStatements => "it holds more than one statement",
            Self::TooDeep => "its parentheses nest too deep or do not match",
            Self::TooMany => "it holds more operators, joins, unions or branches than the guard allows",
            Self::FunctionGap => {
                "a blank between a built-in function and its parenthesis calls another function"
            }
            Self::Session => "the session would read its quotes or characters in another way than the guard",
            Self::FirstWord => "it does not begin as a reading statement does",
            Self::NotParsed => "the parser does not understand it",
            Self::LockingRead => "it takes locks",
            Self::Into => "it writes its result with INTO",
            Self::Clause => "it holds a clause that is not on the list",
            Self::Expression => "it holds an expression that is not on the list",
            Self::Function => "it calls a function that is not on the list",
            Self::FunctionArguments => "it calls a function with arguments that could burden the server",
            Self::Schema => "it reads a schema other than the source database and the catalog",
            Self::Table => "it reads a table or catalog view that is not on the list",
            Self::CrossJoin => "it joins relations without an equality of their columns",
            Self::Recursion => "it is recursive",
            Self::ShowForm => "this SHOW or DESCRIBE form is not on the list",
            Self::Placeholders => "the placeholders do not match the bound values",
            Self::Resources => "the machine could not give the guard a thread to judge on",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code(), self.why())
    }
}

/// Why the builder made no statement. Every one is a fault of the caller, not of the clinic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildFault {
    /// No column was selected.
    NoColumn,
    /// A chunk was asked of a table without a key.
    NoKey,
    /// A bound has another number of values than the key has columns.
    BoundLength,
    /// A bound holds NULL or a number that is not finite: no comparison with it would be true.
    BoundValue,
    /// A chunk of no rows.
    NoRows,
    /// A decimal type that no server has.
    DecimalType,
    /// A name or a password that cannot be written safely under every `sql_mode`.
    Unquotable,
}

impl BuildFault {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoColumn => "build::no_column",
            Self::NoKey => "build::no_key",
            Self::BoundLength => "build::bound_length",
            Self::BoundValue => "build::bound_value",
            Self::NoRows => "build::no_rows",
            Self::DecimalType => "build::decimal_type",
            Self::Unquotable => "build::unquotable",
        }
    }

    /// Why, for a person.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::NoColumn => "no column was selected",
            Self::NoKey => "the table has no key to walk by",
            Self::BoundLength => "a key bound has another number of values than the key has columns",
            Self::BoundValue => "a key bound holds a value that nothing compares with",
            Self::NoRows => "a chunk of no rows was asked for",
            Self::DecimalType => "a decimal type has more digits than servers know",
            Self::Unquotable => {
                "a name or password holds a backslash or control character, which cannot be quoted safely"
            }
        }
    }
}

/// A no of the guard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A statement broke a rule.
    #[error("{rule}")]
    Statement {
        /// The rule.
        rule: Rule,
        /// Byte of the statement where it was seen, where that can be told.
        at: Option<usize>,
    },
    /// The builder was asked for something that cannot be a statement.
    #[error("{}: {}", fault.code(), fault.why())]
    Build {
        /// What was wrong with the request.
        fault: BuildFault,
    },
    /// The server's answer about itself could not be read.
    #[error("session::flavour: the server's version is not one that Bicuspid knows")]
    Flavour,
    /// Session settings did not hold after they were set.
    #[error("session::read_back: {} did not keep the value that was set", .variables.join(", "))]
    ReadBack {
        /// The settings, by their names on the server.
        variables: Vec<String>,
    },
    /// A setting for the session is not one that may be sent.
    #[error("session::setting: {setting} is not a value that may be sent to a server")]
    Setting {
        /// The name of the setting.
        setting: &'static str,
    },
    /// The account of the source can do more than read it.
    #[error("{}: the account of the source can do more than read it", .0.code())]
    Grants(GrantVerdict),
    /// The database is not the one that is known.
    #[error("{}: this is not the {} database that is known", .0.code(), .0.environment)]
    Identity(Mismatch),
    /// The source is another server than the one that is known.
    #[error("{}: the source is not the server that the copy was made from", OtherServer::CODE)]
    SourceServer(OtherServer),
    /// The source is the one that another site is made from.
    #[error("{}: the source is that of another site", SharedServer::CODE)]
    SharedServer(SharedServer),
    /// The source shows an older state than the copy was made from.
    #[error("{}: the source shows an older state than the copy was made from", WentBack::CODE)]
    WentBack(WentBack),
    /// Another database than the demo was named for synthetic data.
    #[error("identity::demo_name: synthetic data goes to {DEMO_DATABASE} alone")]
    DemoName,
    /// Source and target are at the same place.
    #[error("identity::same_server: source and target are the same server")]
    SameServer,
    /// A person's consent is missing.
    #[error("{}: consent is missing", .0.code())]
    Consent(NoConsent),
}

impl Refusal {
    /// A broken rule, without a place.
    #[must_use]
    pub const fn rule(rule: Rule) -> Self {
        Self::Statement { rule, at: None }
    }

    /// A broken rule, and the byte where it was seen.
    #[must_use]
    pub const fn rule_at(rule: Rule, at: usize) -> Self {
        Self::Statement { rule, at: Some(at) }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Statement { rule, .. } => rule.code(),
            Self::Build { fault } => fault.code(),
            Self::Flavour => "session::flavour",
            Self::ReadBack { .. } => "session::read_back",
            Self::Setting { .. } => "session::setting",
            Self::Grants(verdict) => verdict.code(),
            Self::Identity(mismatch) => mismatch.code(),
            Self::SourceServer(_) => OtherServer::CODE,
            Self::SharedServer(_) => SharedServer::CODE,
            Self::WentBack(_) => WentBack::CODE,
            Self::DemoName => "identity::demo_name",
            Self::SameServer => "identity::same_server",
            Self::Consent(reason) => reason.code(),
        }
    }

    /// The refusal as it is told to a person.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        let (what, why, state, hint): (String, String, &str, &str) = match self {
            Self::Grants(verdict) => return verdict.trouble(),
            Self::Identity(mismatch) => return mismatch.trouble(),
            Self::SourceServer(other) => return other.trouble(),
            Self::SharedServer(shared) => return shared.trouble(),
            Self::WentBack(went) => return went.trouble(),
            Self::Consent(reason) => return reason.trouble(),
            Self::DemoName => (
                "synthetic data was not written".to_owned(),
                format!("it goes to the database {DEMO_DATABASE} alone, and another one was named"),
                "nothing was opened for writing",
                "leave the database's name out",
            ),
            Self::SameServer => (
                "nothing was copied".to_owned(),
                "source and target are settings of the same server".to_owned(),
                "no connection was opened",
                "correct host and port of the target",
            ),
            Self::Statement { rule, at } => (
                "a statement was not sent".to_owned(),
                at.map_or_else(|| rule.why().to_owned(), |at| format!("{} (byte {at})", rule.why())),
                "nothing was sent to the source",
                "if Bicuspid made the statement, this is a fault in it; please report the code above",
            ),
            Self::Build { fault } => (
                "a statement could not be built".to_owned(),
                fault.why().to_owned(),
                "nothing was sent to a server",
                "this is a fault in Bicuspid; please report the code above",
            ),
            Self::Flavour => (
                "the source was not read".to_owned(),
                "its version is not one that Bicuspid knows, so its read-only mode cannot be trusted"
                    .to_owned(),
                "no row was read",
                "Bicuspid reads MySQL 5.5 and later and MariaDB 10 and later",
            ),
            Self::ReadBack { variables } => (
                "the source session is not as it must be".to_owned(),
                format!("{} did not keep the value that was set", variables.join(", ")),
                "no row was read",
                "a proxy or pool between Bicuspid and the server may change sessions; connect directly",
            ),
            Self::Setting { setting } => (
                format!("the setting {setting} was not sent to the source"),
                "its value is not of the form that servers know".to_owned(),
                "nothing was sent to the source",
                "correct it in bicuspid.toml",
            ),
        };
        let class = match self {
            Self::Setting { .. } => Class::Usage,
            _ => Class::Refused,
        };
        let side = match self {
            Self::DemoName => Side::Demo,
            Self::SameServer => Side::Target,
            _ => Side::Source,
        };
        Trouble {
            code: self.code().to_owned(),
            side,
            class,
            what,
            why,
            state: state.to_owned(),
            hint: hint.to_owned(),
        }
    }
}

impl From<BuildFault> for Refusal {
    fn from(fault: BuildFault) -> Self {
        Self::Build { fault }
    }
}
