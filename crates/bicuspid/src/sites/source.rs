//! Each site has a source of its own: two that name the same one are a mistake, and a copy of one practice in the schema of
//! another is the worst that could come of it.

use std::sync::{Mutex, PoisonError};

use bicuspid_guard::{SourceServer, unshared};
use bicuspid_model::{Class, Endpoint, Host, Side, SiteName, Trouble};
use bicuspid_target::Analytics;

use super::Member;
use crate::report::Stop;
use crate::settings::Settings;

/// Takes the settings from sites that name the same source database as another. Which of them is right cannot be known,
/// so that none of them is read.
pub(super) fn refuse_shared(members: &mut [Member]) {
    let sources: Vec<(SiteName, Endpoint)> = members
        .iter()
        .filter_map(|member| {
            let (source, _) = member.settings.as_ref().ok()?.both().ok()?;
            Some((member.site.clone(), source))
        })
        .collect();
    for member in members {
        let Some((_, own)) = sources.iter().find(|(site, _)| *site == member.site) else { continue };
        let twin = sources.iter().find(|(site, other)| *site != member.site && is_same(own, other));
        if let Some((twin, _)) = twin {
            member.settings = Err(shared(&member.site, twin).into());
        }
    }
}

/// Whether two endpoints name the same database, as far as names tell.
fn is_same(own: &Endpoint, other: &Endpoint) -> bool {
    let bare = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    let is_same_host = match (&own.host, &other.host) {
        (Host::Tcp { host, port }, Host::Tcp { host: host_of_other, port: port_of_other }) => {
            port == port_of_other
                && (bare(host) == bare(host_of_other) || (own.host.is_local() && other.host.is_local()))
        }
        (Host::Socket { path, .. }, Host::Socket { path: path_of_other, .. }) => path == path_of_other,
        _ => false,
    };
    // Servers on Windows do not tell names of databases apart by case.
    is_same_host && own.database.as_str().eq_ignore_ascii_case(other.database.as_str())
}

fn shared(site: &SiteName, twin: &SiteName) -> Trouble {
    Trouble {
        code: "sites::same_source".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: format!("sites {site} and {twin} name the same source database"),
        why: "each practice has its own; one of the two environment files is wrong, and which one cannot be known"
            .to_owned(),
        state: "nothing of either was read".to_owned(),
        hint: format!("correct the environment file of {site} or of {twin} in bicuspid.toml"),
    }
}

/// The sources that sites of this very call read for the first time: what their targets do not know yet.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Vec<(SiteName, SourceServer)>>);

impl Claims {
    /// Refuses the source of a site that was never copied if another site has the same, or calls it its own in this call.
    /// A site that was copied, or whose source a person accepted, is compared with what is known of its own.
    pub(crate) async fn judge(
        &self,
        settings: &Settings,
        look: &Analytics,
        found: &SourceServer,
    ) -> Result<(), Stop> {
        let Some(site) = &settings.site else { return Ok(()) };
        if look.source_server().await?.is_some() {
            return Ok(());
        }
        unshared(found, &look.sources_of_other_sites().await?)?;
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unshared(found, claims.iter().filter(|(other, _)| other != site))?;
        claims.push((site.clone(), found.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bicuspid_model::{DatabaseName, Password, Tls};

    fn at(host: &str, port: u16, database: &str) -> Endpoint {
        Endpoint {
            host: Host::new(host, port),
            database: DatabaseName::new(database).unwrap(),
            user: "u".into(),
            password: Password::None,
            tls: Tls::Off,
        }
    }

    #[test]
    fn one_database_has_many_spellings() {
        let own = at("clinic.example", 3306, "opendental");
        for same in [at("CLINIC.example.", 3306, "opendental"), at("clinic.example", 3306, "OpenDental")] {
            assert!(is_same(&own, &same), "{same:?}");
        }
        for other in [
            at("clinic.example", 3307, "opendental"),
            at("clinic2.example", 3306, "opendental"),
            at("clinic.example", 3306, "opendental2"),
        ] {
            assert!(!is_same(&own, &other), "{other:?}");
        }
        assert!(is_same(&at("127.0.0.1", 1, "x"), &at("localhost", 1, "x")));
    }
}
