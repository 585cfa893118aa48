//! Which database this is, by what the server itself says.

use bicuspid_model::Environment;

use crate::error::{TargetError, of_driver};
use crate::link::Link;

/// The version of the state in schema `bicuspid`.
pub(crate) const STATE_VERSION: i32 = 1;

/// What tells one database from every other: nothing in it can be typed by mistake, all of it comes from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The environment it was enrolled as.
    pub environment: Environment,
    /// Its name, as `current_database()` reports it.
    pub database: String,
    /// The identifier of the cluster, drawn when it was made (`pg_control_system()`).
    pub system_identifier: String,
    /// The oid of the database, which a restored copy does not share.
    pub oid: u32,
}

/// What a connected server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFacts {
    /// Version as the server prints it, such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// Host and port that were asked for.
    pub host: String,
    /// Name of the database.
    pub database: String,
    /// Identifier of the cluster.
    pub system_identifier: String,
    /// Oid of the database.
    pub oid: u32,
    /// Account of the session.
    pub user: String,
    /// Whether the account is a superuser.
    pub superuser: bool,
    /// Whether the account may create schemas in the database.
    pub may_create: bool,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl ServerFacts {
    /// The first number of the version; 0 if there is none.
    pub(crate) fn major(&self) -> u32 {
        let digits: String = self.version.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    }

    /// The identity that the database has if it is enrolled as `environment`.
    #[must_use]
    pub fn identity(&self, environment: Environment) -> Identity {
        Identity {
            environment,
            database: self.database.clone(),
            system_identifier: self.system_identifier.clone(),
            oid: self.oid,
        }
    }
}

const FACTS: &str = "SELECT current_setting('server_version'), current_database()::text, d.oid, \
     (SELECT system_identifier::text FROM pg_control_system()), session_user::text, current_user::text, \
     (SELECT rolsuper FROM pg_roles WHERE rolname = session_user), \
     has_database_privilege(d.oid, 'CREATE') \
     FROM pg_database d WHERE d.datname = current_database()";

pub(crate) async fn facts(link: &Link) -> Result<ServerFacts, TargetError> {
    let row =
        link.client.query_one(FACTS, &[]).await.map_err(|e| of_driver(&e, "read the server's identity"))?;
    let unreadable = |_| TargetError::Protocol { what: "the server's identity" };
    let (session, current): (String, String) =
        (row.try_get(4).map_err(unreadable)?, row.try_get(5).map_err(unreadable)?);
    let facts = ServerFacts {
        version: row.try_get(0).map_err(unreadable)?,
        host: link.host().to_owned(),
        database: row.try_get(1).map_err(unreadable)?,
        oid: row.try_get(2).map_err(unreadable)?,
        system_identifier: row.try_get(3).map_err(unreadable)?,
        user: session.clone(),
        superuser: row.try_get::<_, Option<bool>>(6).map_err(unreadable)?.unwrap_or(false),
        may_create: row.try_get(7).map_err(unreadable)?,
        tls: link.is_tls(),
    };
    if session == current {
        Ok(facts)
    } else {
        // A session that plays another role than it logged in as is not the account that was looked at.
        Err(differs("account", &session, &current))
    }
}

/// The identity written in the database, `None` if there is none.
pub(crate) async fn enrolled(link: &Link) -> Result<Option<Identity>, TargetError> {
    let action = "read the identity";
    let fault = |e: tokio_postgres::Error| of_driver(&e, action);
    let exists: bool = link
        .client
        .query_one("SELECT to_regclass('bicuspid.identity') IS NOT NULL", &[])
        .await
        .and_then(|row| row.try_get(0))
        .map_err(fault)?;
    if !exists {
        return Ok(None);
    }
    let row = link
        .client
        .query_opt(
            "SELECT environment, database_name, system_identifier, database_oid, state_version FROM bicuspid.identity",
            &[],
        )
        .await
        .map_err(fault)?;
    let Some(row) = row else { return Ok(None) };
    let unreadable = || TargetError::Protocol { what: "the identity in the database" };
    let found: i32 = row.try_get(4).map_err(|_| unreadable())?;
    if found != STATE_VERSION {
        return Err(TargetError::StateVersion { found, known: STATE_VERSION });
    }
    let environment: String = row.try_get(0).map_err(|_| unreadable())?;
    let oid: i64 = row.try_get(3).map_err(|_| unreadable())?;
    Ok(Some(Identity {
        environment: Environment::named(&environment).ok_or_else(unreadable)?,
        database: row.try_get(1).map_err(|_| unreadable())?,
        system_identifier: row.try_get(2).map_err(|_| unreadable())?,
        oid: u32::try_from(oid).map_err(|_| unreadable())?,
    }))
}

/// Compares what is expected with what the database holds and with what the server says. Called before any write,
/// and again inside every writing transaction.
pub(crate) async fn prove(link: &Link, expected: &Identity) -> Result<(), TargetError> {
    let facts = facts(link).await?;
    let found =
        enrolled(link).await?.ok_or_else(|| TargetError::NotEnrolled { database: facts.database.clone() })?;
    compare(expected, &found)?;
    compare(expected, &facts.identity(expected.environment))
}

/// Compares two identities, fact by fact.
pub(crate) fn compare(expected: &Identity, found: &Identity) -> Result<(), TargetError> {
    if expected.environment != found.environment {
        return Err(differs("environment", expected.environment.name(), found.environment.name()));
    }
    if expected.database != found.database {
        return Err(differs("database name", &expected.database, &found.database));
    }
    if expected.system_identifier != found.system_identifier {
        return Err(differs("cluster identifier", &expected.system_identifier, &found.system_identifier));
    }
    if expected.oid != found.oid {
        return Err(differs("database oid", &expected.oid.to_string(), &found.oid.to_string()));
    }
    Ok(())
}

fn differs(what: &str, expected: &str, found: &str) -> TargetError {
    TargetError::Identity { what: what.into(), expected: expected.into(), found: found.into() }
}
