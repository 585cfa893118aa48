//! How the layers of settings meet, what wins, and what is refused.

use super::*;
use bicuspid_model::{Host, Password, Tls};

/// A clinic's file without anything unusual.
const CLINIC: &str = "SOURCE_DB_HOST=clinic-server\nSOURCE_DB_NAME=opendental\nSOURCE_DB_READONLY_USER=readonly_user\n\
                      SOURCE_DB_READONLY_PASSWORD=source-secret\nTARGET_DB_HOST=127.0.0.1\nTARGET_DB_PORT=5433\n\
                      TARGET_DB_NAME=opendental_analytics\nTARGET_DB_USER=analytics_user\n\
                      TARGET_DB_PASSWORD=target-secret\n";

struct Place {
    dir: tempfile::TempDir,
    globals: Globals,
}

fn place(environment: Environment, text: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(format!(".env_{environment}"));
    std::io::Write::write_all(&mut create_private(&path, Existing::Replace).unwrap(), text.as_bytes())
        .unwrap();
    let globals = Globals { env_file: Some(path), ..Globals::default() };
    Place { dir, globals }
}

fn load(environment: Environment, text: &str, process: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let place = place(environment, text);
    Settings::load(environment, &place.globals, &ProcessEnvironment::of(process))
}

fn clinic(text: &str) -> Result<Settings, SettingsError> {
    load(Environment::Clinic, text, &[])
}

/// The code and exit code of a refusal, after making sure that no secret is in it.
fn told(result: Result<Settings, SettingsError>) -> (String, u8) {
    let trouble = result.unwrap_err().trouble();
    let text = format!("{trouble:?}");
    assert!(!text.contains("secret"), "{text}");
    (trouble.code, trouble.class.exit_code())
}

#[test]
fn a_file_gives_both_ends() {
    let (source, target) = clinic(CLINIC).unwrap().both().unwrap();
    assert_eq!(source.host, Host::new("clinic-server", 3306));
    assert_eq!(source.database.as_str(), "opendental");
    assert_eq!(source.user, "readonly_user");
    assert_eq!(source.tls, Tls::Require, "TLS is the default off this machine");
    assert_eq!(target.host, Host::new("127.0.0.1", 5433));
    assert_eq!(target.tls, Tls::Off);
    assert!(matches!(target.password, Password::Given(secret) if secret.reveal() == "target-secret"));
}

#[test]
fn the_other_family_and_the_test_prefix_mean_the_same() {
    let other = CLINIC
        .replace("SOURCE_DB_READONLY_", "OPENDENTAL_SOURCE_")
        .replace("SOURCE_DB_NAME", "OPENDENTAL_SOURCE_DB")
        .replace("SOURCE_DB_HOST", "OPENDENTAL_SOURCE_HOST")
        .replace("TARGET_DB_NAME", "POSTGRES_ANALYTICS_DB")
        .replace("TARGET_DB_", "POSTGRES_ANALYTICS_");
    assert_eq!(clinic(&other).unwrap().both().unwrap(), clinic(CLINIC).unwrap().both().unwrap());
    for text in [CLINIC, &other] {
        let prefixed = format!("TEST_{}", text.trim_end().replace('\n', "\nTEST_"));
        let test = load(Environment::Test, &prefixed, &[]).unwrap().both().unwrap();
        assert_eq!(test, clinic(CLINIC).unwrap().both().unwrap());
    }
}

#[test]
fn two_spellings_must_agree() {
    let agreeing = format!("{CLINIC}OPENDENTAL_SOURCE_HOST=clinic-server\n");
    assert!(clinic(&agreeing).is_ok());
    let result = clinic(&format!("{CLINIC}OPENDENTAL_SOURCE_PASSWORD=other-secret\n"));
    let trouble = result.unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("settings::conflict", 3));
    assert!(trouble.what.contains("SOURCE_DB_READONLY_PASSWORD"));
    assert!(trouble.what.contains("OPENDENTAL_SOURCE_PASSWORD"));
    assert!(!format!("{trouble:?}").contains("secret"));
}

#[test]
fn the_process_environment_counts_where_there_is_no_file() {
    let mut process: Vec<(&str, &str)> = CLINIC.lines().filter_map(|line| line.split_once('=')).collect();
    // The tests run in a folder without such a file.
    let globals = Globals::default();
    let settings = Settings::load(Environment::Clinic, &globals, &ProcessEnvironment::of(&process)).unwrap();
    assert_eq!(settings.both().unwrap(), clinic(CLINIC).unwrap().both().unwrap());
    // And not where there is one, but for a contradiction.
    assert!(load(Environment::Clinic, CLINIC, &process).is_ok());
    process.retain(|(name, _)| *name == "TARGET_DB_PASSWORD");
    let without = CLINIC.replace("TARGET_DB_PASSWORD=target-secret\n", "");
    let settings = load(Environment::Clinic, &without, &process).unwrap();
    let missing = settings.both().unwrap_err().trouble();
    assert_eq!(missing.what, "TARGET_DB_PASSWORD is missing");
    assert!(
        settings.notes.iter().any(|note| note.starts_with("TARGET_DB_PASSWORD in the process environment"))
    );
    let other = [("SOURCE_DB_HOST", "elsewhere")];
    assert_eq!(told(load(Environment::Clinic, CLINIC, &other)), ("settings::conflict".into(), 3));
    // Under its other name too.
    let other = [("OPENDENTAL_SOURCE_HOST", "elsewhere")];
    assert_eq!(told(load(Environment::Clinic, CLINIC, &other)), ("settings::conflict".into(), 3));
}

#[test]
fn all_that_is_missing_is_told_at_once() {
    let settings = clinic("SOURCE_DB_HOST=a\nSOURCE_DB_READONLY_PASSWORD=  \n").unwrap();
    let trouble = settings.both().unwrap_err().trouble();
    assert_eq!(trouble.class.exit_code(), 2);
    assert_eq!(
        trouble.what,
        "SOURCE_DB_NAME, SOURCE_DB_READONLY_USER, SOURCE_DB_READONLY_PASSWORD, TARGET_DB_HOST, TARGET_DB_NAME, \
         TARGET_DB_USER and TARGET_DB_PASSWORD are missing"
    );
}

#[test]
fn unknown_names_are_errors_and_neighbours_are_not() {
    let trouble = clinic(&format!("{CLINIC}SOURCE_DB_HSOT=secret\n")).unwrap_err().trouble();
    assert_eq!(trouble.code, "settings::unknown_key");
    assert!(
        trouble.what.contains("`SOURCE_DB_HSOT`") && trouble.what.contains("line 10"),
        "{}",
        trouble.what
    );
    assert_eq!(trouble.hint, "did you mean `SOURCE_DB_HOST`?");
    let settings = clinic(&format!(
        "{CLINIC}MYSQL_REPLICATION_HOST=x\nGLIC_OPENDENTAL_SOURCE_DB=y\nPOSTGRES_ANALYTICS_SCHEMA=raw\n"
    ))
    .unwrap();
    assert!(
        settings.notes.iter().any(|note| note.contains("GLIC_OPENDENTAL_SOURCE_DB, MYSQL_REPLICATION_HOST"))
    );
    let foreign = told(clinic(&format!("{CLINIC}TEST_SOURCE_DB_HOST=x\n")));
    assert_eq!(foreign, ("settings::foreign_key".into(), 2));
}

#[test]
fn the_switch_must_fit_the_environment() {
    let stage = |text: &str, process: &[(&str, &str)]| {
        load(Environment::Clinic, &format!("{CLINIC}{text}"), process).map(|settings| settings.stage)
    };
    assert_eq!(stage("", &[]).unwrap(), Stage::Production);
    assert_eq!(stage("ENVIRONMENT=\n", &[]).unwrap(), Stage::Production);
    assert_eq!(stage("ENVIRONMENT=production\nETL_ENVIRONMENT=clinic\n", &[]).unwrap(), Stage::Production);
    assert_eq!(stage("ENVIRONMENT=development\n", &[]).unwrap(), Stage::Development);
    assert_eq!(
        stage("", &[("ENVIRONMENT", "development")]).unwrap(),
        Stage::Production,
        "the file is used, and it says nothing"
    );
    for (text, process) in [
        ("ENVIRONMENT=test\n", &[][..]),
        ("ETL_ENVIRONMENT=test\n", &[]),
        ("ETL_ENVIRONMENT=development\n", &[]),
        ("", &[("ETL_ENVIRONMENT", "test")]),
    ] {
        let refused = stage(text, process).unwrap_err().trouble();
        assert_eq!(
            (refused.code.as_str(), refused.class.exit_code()),
            ("settings::environment", 3),
            "{text}"
        );
    }
    let unknown = stage("ENVIRONMENT=prod\n", &[]).unwrap_err().trouble();
    assert_eq!((unknown.code.as_str(), unknown.class.exit_code()), ("settings::value", 2));
    let test = load(Environment::Test, "ENVIRONMENT=production\n", &[]);
    assert_eq!(told(test), ("settings::environment".into(), 3));
}

#[test]
fn plain_text_stays_on_this_machine() {
    let remote = format!("{CLINIC}SOURCE_DB_TLS=off\n");
    assert_eq!(told(clinic(&remote)), ("settings::plain_text".into(), 3));
    let mut place = place(Environment::Clinic, &remote);
    place.globals.allow_plaintext = true;
    let settings =
        Settings::load(Environment::Clinic, &place.globals, &ProcessEnvironment::default()).unwrap();
    assert_eq!(settings.both().unwrap().0.tls, Tls::Off);
    assert!(settings.notes.iter().any(|note| note.contains("SOURCE_DB_TLS")));
    let ca = clinic(&format!("{CLINIC}SOURCE_DB_TLS=ca:/etc/clinic.pem\nTARGET_DB_TLS=require\n")).unwrap();
    let (source, target) = ca.both().unwrap();
    assert_eq!(source.tls, Tls::Ca("/etc/clinic.pem".into()));
    assert_eq!(target.tls, Tls::Require);
    assert_eq!(told(clinic(&format!("{CLINIC}SOURCE_DB_TLS=insecure\n"))), ("settings::value".into(), 2));
}

#[test]
fn a_host_is_one_name_and_nothing_else() {
    for host in ["a,b", "a b", "user@host", "postgres://host", "host?x=y", "host%20", "a=b"] {
        let text = CLINIC.replace("127.0.0.1", host);
        assert_eq!(told(clinic(&text)).0, "settings::value", "{host}");
    }
    let v6 = clinic(&CLINIC.replace("127.0.0.1", "[::1]")).unwrap().both().unwrap().1;
    assert_eq!(v6.host, Host::new("::1", 5433));
    #[cfg(unix)]
    {
        let text =
            CLINIC.replace("127.0.0.1", "/run/postgresql").replace("TARGET_DB_PASSWORD=target-secret\n", "");
        let (_, target) = clinic(&text).unwrap().both().unwrap();
        assert_eq!(target.password, Password::None, "a socket may let an account in without one");
        assert_eq!(target.tls, Tls::Off);
    }
}

#[test]
fn a_password_file_is_the_twin_of_a_password() {
    let twin = CLINIC
        .replace("SOURCE_DB_READONLY_PASSWORD=source-secret", "SOURCE_DB_READONLY_PASSWORD_FILE=pw.txt");
    let place = place(Environment::Clinic, &twin);
    let settings =
        Settings::load(Environment::Clinic, &place.globals, &ProcessEnvironment::default()).unwrap();
    assert_eq!(settings.both().unwrap().0.password, Password::File(place.dir.path().join("pw.txt")));
    #[cfg(unix)]
    for (mode, is_refused) in [(0o644, true), (0o640, true), (0o620, true), (0o600, false), (0o400, false)] {
        use std::os::unix::fs::PermissionsExt as _;
        let path = place.dir.path().join("pw.txt");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, "source-secret").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let result = Settings::load(Environment::Clinic, &place.globals, &ProcessEnvironment::default());
        if is_refused {
            let trouble = result.unwrap_err().trouble();
            assert_eq!(trouble.hint, format!("run `chmod 600 {}`", path.display()), "{mode:o}");
            assert_eq!(
                (trouble.code.as_str(), trouble.class.exit_code()),
                ("settings::readable_by_others", 3)
            );
        } else {
            assert!(result.is_ok(), "{mode:o}");
        }
    }
    let both = format!("{CLINIC}SOURCE_DB_READONLY_PASSWORD_FILE=pw.txt\n");
    assert_eq!(told(clinic(&both)), ("settings::conflict".into(), 3));
}

#[test]
fn the_demo_has_no_source_and_one_database() {
    let demo =
        "DEMO_POSTGRES_HOST=localhost\nDEMO_POSTGRES_USER=demo_user\nDEMO_POSTGRES_PASSWORD=demo-secret\n";
    let load = |text: &str, process: &[(&str, &str)]| load(Environment::Demo, text, process);
    let target = load(demo, &[]).unwrap().target().unwrap();
    assert_eq!(target.database.as_str(), "opendental_demo");
    assert!(load(&format!("{demo}DEMO_POSTGRES_DB=opendental_demo\n"), &[]).is_ok());
    for name in ["opendental_analytics", "Opendental_demo", "opendental_demo?x", "'opendental_demo '"] {
        let result = load(&format!("{demo}DEMO_POSTGRES_DB={name}\n"), &[]);
        assert_eq!(told(result), ("settings::demo_database".into(), 3), "{name}");
    }
    for name in
        ["SOURCE_DB_HOST", "OPENDENTAL_SOURCE_PASSWORD", "POSTGRES_ANALYTICS_HOST", "TEST_TARGET_DB_NAME"]
    {
        let result = load(&format!("{demo}{name}=x\n"), &[]);
        assert_eq!(told(result), ("settings::foreign_key".into(), 3), "{name}");
    }
    let around =
        [("SOURCE_DB_HOST", "clinic-server"), ("ETL_ENVIRONMENT", "clinic"), ("ENVIRONMENT", "production")];
    let settings = load(demo, &around).unwrap();
    assert_eq!(settings.stage, Stage::Development);
    assert!(
        settings
            .notes
            .iter()
            .any(|note| note.contains("no say over the demo") && note.contains("SOURCE_DB_HOST"))
    );
    let settings = load(demo, &[("ETL_ENVIRONMENT", "clinic")]).unwrap();
    let told = "ignored, for they have no say over the demo: ETL_ENVIRONMENT".to_owned();
    assert!(settings.notes.contains(&told), "{:?}", settings.notes);
}

#[test]
fn real_rows_do_not_go_to_the_demos_database() {
    for name in ["opendental_demo", "OpenDental_Demo"] {
        let text = CLINIC.replace("opendental_analytics", name);
        let trouble = clinic(&text).unwrap_err().trouble();
        assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("settings::demo_database", 3));
        assert_eq!(trouble.what, "TARGET_DB_NAME names the demo's database");
        assert!(trouble.why.contains("synthetic data only"), "{}", trouble.why);
        assert_eq!(trouble.hint, "name the analytics database");
        let prefixed = format!("TEST_{}", text.trim_end().replace('\n', "\nTEST_"));
        assert_eq!(told(load(Environment::Test, &prefixed, &[])), ("settings::demo_database".into(), 3));
    }
    assert!(clinic(&CLINIC.replace("opendental_analytics", "opendental_demo2")).is_ok());
    // A source may have any name: it is only read.
    assert!(clinic(&CLINIC.replace("NAME=opendental\n", "NAME=opendental_demo\n")).is_ok());
}

#[cfg(unix)]
#[test]
fn a_password_in_a_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = place(Environment::Clinic, CLINIC);
    let path = place.globals.env_file.clone().unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let result = Settings::load(Environment::Clinic, &place.globals, &ProcessEnvironment::default());
    let trouble = result.unwrap_err().trouble();
    assert_eq!((trouble.code.as_str(), trouble.class.exit_code()), ("settings::readable_by_others", 3));
    assert_eq!(trouble.hint, format!("run `chmod 600 {}`", path.display()));
    // Without a password there is nothing to keep to oneself.
    std::fs::write(&path, CLINIC.replace("source-secret", "").replace("target-secret", "")).unwrap();
    assert!(Settings::load(Environment::Clinic, &place.globals, &ProcessEnvironment::default()).is_ok());
}

#[test]
fn the_state_folder_is_said_in_layers() {
    let said = format!("{CLINIC}BICUSPID_STATE_DIR=state\n");
    let mut place = place(Environment::Clinic, &said);
    let settings =
        Settings::load(Environment::Clinic, &place.globals, &ProcessEnvironment::default()).unwrap();
    assert_eq!(settings.state_dir.path(), place.dir.path().join("state"));
    let process = ProcessEnvironment::of(&[("BICUSPID_STATE_DIR", "/elsewhere")]);
    let refused = Settings::load(Environment::Clinic, &place.globals, &process);
    assert_eq!(told(refused), ("settings::conflict".into(), 3));
    place.globals.state_dir = Some("/flag".into());
    let settings = Settings::load(Environment::Clinic, &place.globals, &process).unwrap();
    assert_eq!(settings.state_dir.path(), Path::new("/flag"));
}

#[test]
fn a_named_file_must_be_there() {
    let globals = Globals { env_file: Some("/nonexistent/.env".into()), ..Globals::default() };
    let result = Settings::load(Environment::Clinic, &globals, &ProcessEnvironment::default());
    assert_eq!(told(result), ("settings::unreadable".into(), 2));
}
