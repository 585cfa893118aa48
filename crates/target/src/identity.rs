//! Which database this is, by what the server itself says. Whether it is the right one is decided by the guard.

use bicuspid_guard::identity::{Reported, Wanted, judge_target};
use bicuspid_model::{DatabaseName, Environment, SiteName};

pub use bicuspid_guard::Identity;

use crate::error::{TargetError, of_driver, of_state};
use crate::link::Link;

/// The version of the state in schema `bicuspid`.
pub(crate) const STATE_VERSION: i32 = 1;

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
    pub system_identifier: u64,
    /// Oid of the database.
    pub oid: u32,
    /// Account that logged in.
    pub user: String,
    /// Account whose rights count; another one than [`Self::user`] was assumed on the way.
    pub current_user: String,
    /// Whether the account is a superuser.
    pub superuser: bool,
    /// What else the account may do that no copy needs, in the server's words, such as `CREATEROLE`.
    pub powers: Vec<String>,
    /// Whether the account may create schemas in the database.
    pub may_create: bool,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// How many sessions the server and the account have, and how many they can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headroom {
    /// Sessions of the server that are open now, this one among them.
    pub used: u64,
    /// Most that there can be, without those that are kept for administrators.
    pub most: u64,
    /// Sessions of the account.
    pub used_by_account: u64,
    /// Most that the account can have; `None` if nothing limits it alone.
    pub most_of_account: Option<u64>,
}

impl Headroom {
    /// Sessions that the account could still open.
    #[must_use]
    pub fn free(&self) -> u64 {
        let of_server = self.most.saturating_sub(self.used);
        let of_account = self.most_of_account.map(|most| most.saturating_sub(self.used_by_account));
        of_account.map_or(of_server, |free| free.min(of_server))
    }
}

/// What belongs to nobody, or to no database, is no session of a client; the kind itself shows to its owner alone.
const HEADROOM: &str = "SELECT \
     (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL), \
     pg_catalog.current_setting('max_connections')::bigint \
     - pg_catalog.current_setting('superuser_reserved_connections')::bigint \
     - coalesce(pg_catalog.current_setting('reserved_connections', true)::bigint, 0), \
     (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = current_user), \
     (SELECT rolconnlimit::bigint FROM pg_catalog.pg_roles WHERE rolname = current_user)";

/// How many sessions there are, and how many there can be.
pub(crate) async fn headroom(link: &Link) -> Result<Headroom, TargetError> {
    let fault = |e: tokio_postgres::Error| of_driver(&e, "count the sessions of the server");
    let row = link.client.query_one(HEADROOM, &[]).await.map_err(fault)?;
    let number = |i: usize| -> Result<u64, TargetError> {
        // A server whose reserve is larger than its all has no room for us.
        Ok(u64::try_from(row.try_get::<_, i64>(i).map_err(fault)?).unwrap_or(0))
    };
    let of_account: i64 = row.try_get(3).map_err(fault)?;
    Ok(Headroom {
        used: number(0)?,
        most: number(1)?,
        used_by_account: number(2)?,
        // -1 stands for no limit.
        most_of_account: u64::try_from(of_account).ok(),
    })
}

impl ServerFacts {
    /// The identity that the database has if it is enrolled as `environment`, for one of several sites or for all it holds.
    #[must_use]
    pub fn identity(&self, environment: Environment, site: Option<&SiteName>) -> Identity {
        Identity {
            environment,
            database: self.database.clone(),
            system_identifier: self.system_identifier,
            oid: self.oid,
            site: site.cloned(),
        }
    }
}

const FACTS: &str = "SELECT current_setting('server_version'), current_database()::text, d.oid, \
     (SELECT system_identifier::text FROM pg_control_system()), session_user::text, current_user::text, \
     r.rolsuper, has_database_privilege(d.oid, 'CREATE'), \
     array_remove(ARRAY[CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END, CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, \
     CASE WHEN r.rolreplication THEN 'REPLICATION' END, CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL) \
     || ARRAY(SELECT g.rolname::text FROM pg_roles g WHERE NOT r.rolsuper AND pg_has_role(r.oid, g.oid, 'MEMBER') \
     AND g.rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files', \
     'pg_read_all_data', 'pg_write_all_data', 'pg_signal_backend') ORDER BY 1) \
     FROM pg_database d CROSS JOIN pg_roles r WHERE d.datname = current_database() AND r.rolname = session_user";

pub(crate) async fn facts(link: &Link) -> Result<ServerFacts, TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "read the server's identity");
    let facts = link.known(FACTS).await.map_err(fault)?;
    let row = link.client.query_one(&facts, &[]).await.map_err(fault)?;
    let unreadable = |_| TargetError::Protocol { what: "the server's identity" };
    let system_identifier: String = row.try_get(3).map_err(unreadable)?;
    Ok(ServerFacts {
        version: row.try_get(0).map_err(unreadable)?,
        host: link.host().to_owned(),
        database: row.try_get(1).map_err(unreadable)?,
        oid: row.try_get(2).map_err(unreadable)?,
        system_identifier: number(&system_identifier)?,
        user: row.try_get(4).map_err(unreadable)?,
        current_user: row.try_get(5).map_err(unreadable)?,
        superuser: row.try_get(6).map_err(unreadable)?,
        may_create: row.try_get(7).map_err(unreadable)?,
        powers: row.try_get(8).map_err(unreadable)?,
        tls: link.is_tls(),
    })
}

/// Whether one of the tables of schema `bicuspid` is there.
pub(crate) async fn has_state_table(link: &Link, name: &str) -> Result<bool, TargetError> {
    let fault = |e: tokio_postgres::Error| of_state(&e, "look for the state in schema bicuspid");
    let is_there = link
        .known("SELECT to_regclass('{state}.' || quote_ident($1::text)) IS NOT NULL")
        .await
        .map_err(fault)?;
    link.client.query_one(&is_there, &[&name]).await.and_then(|row| row.try_get(0)).map_err(fault)
}

/// Whether a table of schema `bicuspid` has a column.
pub(crate) async fn has_state_column(link: &Link, table: &str, column: &str) -> Result<bool, TargetError> {
    link.client
        .query_one(
            link.sql(
                "SELECT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('{state}.' || \
                 quote_ident($1::text)) AND attname = $2::text AND NOT attisdropped)",
            )
            .as_str(),
            &[&table, &column],
        )
        .await
        .and_then(|row| row.try_get(0))
        .map_err(|e| of_state(&e, "look for the state in schema bicuspid"))
}

/// The identity written in the database, `None` if there is none.
pub(crate) async fn enrolled(link: &Link) -> Result<Option<Identity>, TargetError> {
    if !has_state_table(link, "identity").await? {
        return Ok(None);
    }
    let fault = |e: tokio_postgres::Error| of_state(&e, "read the identity");
    let marker = link
        .known(
            "SELECT environment, database_name, system_identifier, database_oid, state_version, \
             to_jsonb(i) ->> 'site' FROM {state}.identity AS i",
        )
        .await
        .map_err(fault)?;
    let row = link.client.query_opt(&marker, &[]).await.map_err(fault)?;
    let Some(row) = row else { return Ok(None) };
    let unreadable = || TargetError::Protocol { what: "the identity in the database" };
    let found: i32 = row.try_get(4).map_err(|_| unreadable())?;
    if found != STATE_VERSION {
        return Err(TargetError::StateVersion { found, known: STATE_VERSION });
    }
    let environment: String = row.try_get(0).map_err(|_| unreadable())?;
    let oid: i64 = row.try_get(3).map_err(|_| unreadable())?;
    let system_identifier: String = row.try_get(2).map_err(|_| unreadable())?;
    // Markers of older versions have no such column, and belong to no site.
    let site: Option<String> = row.try_get(5).map_err(|_| unreadable())?;
    Ok(Some(Identity {
        environment: Environment::named(&environment).ok_or_else(unreadable)?,
        database: row.try_get(1).map_err(|_| unreadable())?,
        system_identifier: number(&system_identifier)?,
        oid: u32::try_from(oid).map_err(|_| unreadable())?,
        site: site.map(|site| SiteName::new(&site)).transpose().map_err(|_| unreadable())?,
    }))
}

/// What the server reports at this moment, with the marker that the database holds now.
pub(crate) async fn reported(link: &Link) -> Result<Reported, TargetError> {
    let facts = facts(link).await?;
    // With another's rights the marker may not be readable at all; the guard refuses before it asks for it.
    let marker = if facts.user == facts.current_user { enrolled(link).await? } else { None };
    Ok(Reported {
        database: facts.database,
        system_identifier: facts.system_identifier,
        oid: facts.oid,
        session_user: facts.user,
        current_user: facts.current_user,
        marker,
    })
}

/// Compares what is expected with what the database holds, with what the server says, and with the account that
/// logged in. Called before any write, and again inside every writing transaction.
pub(crate) async fn prove(link: &Link, expected: &Identity) -> Result<(), TargetError> {
    let database = DatabaseName::new(expected.database.as_str())
        .map_err(|_| TargetError::Protocol { what: "the name of the database" })?;
    let wanted = Wanted {
        environment: expected.environment,
        site: expected.site.as_ref(),
        database: &database,
        user: link.user(),
        known: Some(expected),
        elsewhere: &[],
    };
    judge_target(&wanted, &reported(link).await?)?;
    Ok(())
}

fn number(text: &str) -> Result<u64, TargetError> {
    text.parse().map_err(|_| TargetError::Protocol { what: "the cluster identifier" })
}
