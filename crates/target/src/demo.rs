//! The demo database: the only place of synthetic rows, and no place for any other.
//!
//! [`Demo`] and [`crate::Analytics`] are different types with nothing in common but the wire: neither can be made from
//! the other, and a [`DemoEndpoint`] has no field that could carry a database's name.
//!
//! ```compile_fail
//! # use bicuspid_model::{Host, Password, Tls};
//! # use bicuspid_target::DemoEndpoint;
//! let (host, user) = (Host::new("localhost", 5432), "demo_user".to_owned());
//! let database = "opendental_analytics".to_owned();
//! let endpoint = DemoEndpoint { host, user, password: Password::None, tls: Tls::Off, database };
//! ```
//!
//! The same without a database:
//!
//! ```
//! # use bicuspid_model::{Host, Password, Tls};
//! # use bicuspid_target::DemoEndpoint;
//! let (host, user) = (Host::new("localhost", 5432), "demo_user".to_owned());
//! let endpoint = DemoEndpoint { host, user, password: Password::None, tls: Tls::Off };
//! ```

mod inspect;
mod life;
mod proof;
mod quality;
mod record;
mod writer;

use bicuspid_guard::identity::{self, Compared, DEMO_DATABASE, Difference, Mismatch, Standing, Wanted};
use bicuspid_guard::{Identity, Refusal};
use bicuspid_model::{DatabaseName, Endpoint, Environment, FingerprintKey, Host, Password, Table, Tls};

use crate::error::TargetError;
use crate::identity::{self as marker, ServerFacts};
use crate::link::Link;
use crate::listing::{self, ListedTable};
use crate::schemas::Schemas;
use crate::state::{self, AuditHead};

pub use inspect::DemoState;
pub(crate) use inspect::shown;
pub use life::{Life, LifeEvent};
pub use quality::{Asked, Measured, Part, Reference};
pub use record::{GeneratedTable, Generation};
pub use writer::{DemoWriter, Published};

/// Where the demo database's server is and who logs in. The database itself is a constant of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoEndpoint {
    /// Where the server is.
    pub host: Host,
    /// Account.
    pub user: String,
    /// Password of the account.
    pub password: Password,
    /// Protection of the connection.
    pub tls: Tls,
}

/// Where a table of the practice is: in `raw`, always.
fn place(table: &Table) -> String {
    Schemas::alone().table(table)
}

/// A connection to the demo database that can look, and cannot write.
///
/// **Invariant:** the server itself said over this connection that its database is [`DEMO_DATABASE`].
#[derive(Debug)]
pub struct Demo {
    link: Link,
    facts: ServerFacts,
}

impl Demo {
    /// Connects to the database of that one name, and has the server confirm it: a pooler or tunnel in between may
    /// have led elsewhere.
    pub async fn connect(endpoint: &DemoEndpoint) -> Result<Self, TargetError> {
        let endpoint = Endpoint {
            host: endpoint.host.clone(),
            database: demo_name()?,
            user: endpoint.user.clone(),
            password: endpoint.password.clone(),
            tls: endpoint.tls.clone(),
        };
        Self::of_link(Link::connect(&endpoint).await?).await
    }

    /// Connects with a session in which the server itself refuses to write, for whoever only looks.
    pub async fn connect_to_read(endpoint: &DemoEndpoint) -> Result<Self, TargetError> {
        let demo = Self::connect(endpoint).await?;
        demo.link.refuse_to_write().await?;
        Ok(demo)
    }

    async fn of_link(link: Link) -> Result<Self, TargetError> {
        let facts = marker::facts(&link).await?;
        confirm_name(&facts.database)?;
        Ok(Self { link, facts })
    }

    /// What the server says of itself.
    #[must_use]
    pub const fn facts(&self) -> &ServerFacts {
        &self.facts
    }

    /// Anchors this head of the audit log in the transaction that publishes the run.
    pub fn anchor(&mut self, head: AuditHead) {
        self.link.set_anchor(head);
    }

    /// The heads of audit logs that were anchored with runs, oldest first; those of every machine that wrote here.
    pub async fn audit_heads(&self) -> Result<Vec<AuditHead>, TargetError> {
        state::audit_heads(&self.link).await
    }

    /// Judges the database by its name, its marker, the account, and what this machine remembers of it: one that was
    /// enrolled for the clinic or for tests, or restored from a copy, is refused.
    pub async fn judge(&self, user: &str, known: Option<&Identity>) -> Result<Standing, TargetError> {
        let reported = marker::reported(&self.link).await?;
        let database = demo_name()?;
        let wanted = Wanted {
            environment: Environment::Demo,
            site: None,
            database: &database,
            user,
            known,
            elsewhere: &[],
        };
        Ok(identity::judge_target(&wanted, &reported)?)
    }

    /// The identity that the database has once it is enrolled.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.facts.identity(Environment::Demo, None)
    }

    /// Makes the database known without filling it: writes the marker and the state's tables, after everything was judged
    /// once more in the same transaction.
    ///
    /// `key` becomes the key of the row hash if the database has none yet.
    pub async fn enrol(
        &self,
        tables: &[Table],
        user: &str,
        key: &FingerprintKey,
        tool_version: &str,
    ) -> Result<Identity, TargetError> {
        self.link.run("BEGIN", "begin to enrol").await?;
        let written = async {
            self.judge(user, None).await?;
            record::enrol(&self.link, &self.facts, key, tool_version).await?;
            self.inspect(tables).await
        };
        let written = written.await;
        self.link.run(if written.is_ok() { "COMMIT" } else { "ROLLBACK" }, "end the enrolment").await?;
        written.map(|_| self.identity())
    }

    /// The last generation that wrote the database, `None` before the first. Reads only.
    pub async fn generation(&self) -> Result<Option<Generation>, TargetError> {
        record::latest(&self.link).await
    }

    /// What `raw` really has of the tables that a generation wrote. Reads only.
    pub async fn listing(&self) -> Result<Vec<ListedTable>, TargetError> {
        listing::tables(&self.link).await
    }

    /// Looks at what is there, and refuses what a generation must not write over: foreign tables, triggers, rules,
    /// tables of another shape, rows that no generation accounts for (by count; the writer compares the rows
    /// themselves). Reads only.
    pub async fn inspect(&self, tables: &[Table]) -> Result<DemoState, TargetError> {
        inspect::inspect(&self.link, tables, inspect::Depth::Counts).await
    }
}

fn demo_name() -> Result<DatabaseName, TargetError> {
    Ok(identity::demo_database(DEMO_DATABASE)?)
}

fn confirm_name(found: &str) -> Result<(), TargetError> {
    if found == DEMO_DATABASE {
        return Ok(());
    }
    let difference =
        Difference { what: Compared::Name, expected: DEMO_DATABASE.to_owned(), found: found.to_owned() };
    let mismatch = Mismatch { environment: Environment::Demo, differences: vec![difference] };
    Err(TargetError::Refused(Refusal::Identity(mismatch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_sandbox::testing;

    /// A pooler that leads elsewhere cannot be had in a test; a link that was made to another database stands for it.
    #[test]
    fn a_server_that_names_another_database_is_refused() {
        let target = testing::servers().postgres_database("elsewhere");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(async {
            let link = Link::connect(&target.endpoint).await.unwrap();
            Demo::of_link(link).await.unwrap_err()
        });
        assert_eq!(error.code(), "identity::name");
        let trouble = error.trouble();
        assert_eq!(trouble.class.exit_code(), 3);
        assert!(trouble.why.contains("expected opendental_demo, found elsewhere_"), "{}", trouble.why);
    }

    #[test]
    fn the_name_is_exact() {
        assert!(confirm_name("opendental_demo").is_ok());
        for name in ["opendental_analytics", "Opendental_demo", "opendental_demo ", ""] {
            assert_eq!(confirm_name(name).unwrap_err().code(), "identity::name", "{name}");
        }
    }
}
