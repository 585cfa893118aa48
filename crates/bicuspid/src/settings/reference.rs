//! The reference of variables and settings in docs/configuration.md, made from the code: names and spellings from where
//! they are accepted, defaults from where they are used, bounds tried out.

use std::fmt::Write as _;
use std::path::Path;

use bicuspid_model::Environment;
use bicuspid_source::LoadLimits;
use bicuspid_sync::SyncSettings;

use super::config::{Config, ENV_FILE, KEYS, SITE_KEYS};
use super::names::{ENVIRONMENT, ETL_ENVIRONMENT, End, Meaning, STATE_DIR, spellings};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

/// What a setting may be.
enum Values {
    Whole(u64, u64),
    Other(&'static str),
}

struct Setting {
    values: Values,
    default: String,
    meaning: &'static str,
}

/// What a setting is for. A key without words here fails the tests.
#[expect(clippy::too_many_lines, reason = "one entry for each setting")]
fn setting(key: &str) -> Setting {
    let sync = SyncSettings::new(Environment::Clinic, "staging".into(), "");
    let load = LoadLimits::default();
    let (values, default, meaning) = match key {
        "tables_included" => (Values::Other("names"), "all".to_owned(), "only these tables"),
        "tables_excluded" => (Values::Other("names"), "none".to_owned(), "not these tables"),
        "columns_excluded" => (
            Values::Other("`\"table.column\"`"),
            "none".to_owned(),
            "columns that arrive as NULL; `verify` says that they were not compared",
        ),
        "secrets_included" => (
            Values::Other("`\"table.column\"`"),
            "none".to_owned(),
            "columns that hold passwords, keys or card tokens, and are to be copied all the same. All others of the kind \
             are left out; `plan` names them",
        ),
        "column_types" => (
            Values::Other("a table"),
            "by rule".to_owned(),
            "types of single columns: `\"table.column\" = \"bigint\"`; any of boolean, smallint, integer, bigint, \
             numeric(p,s), real, double precision, date, timestamp, interval, time, text, bytea, json, bit varying(n)",
        ),
        "row_filters" => (
            Values::Other("a table"),
            "none".to_owned(),
            "only some rows of a table: `patient = \"ClinicNum IN (1, 2)\"`. One condition on the table's columns, judged \
             by the guard like every statement: no subqueries, no functions but harmless ones, texts in `'…'`, no \
             backslashes. `plan` shows it; `sync` and `verify` both read through it. Rows that stop fitting are deleted \
             from the copy, which the shrink guard watches",
        ),
        "type_policy" => (
            Values::Other("`\"dbt\"`, `\"numeric\"`"),
            format!("`\"{}\"`", sync.type_policy.name()),
            "how Open Dental's flags and times of day arrive: `dbt` (boolean and time where a dbt project over Open Dental \
             expects them) or `numeric` (every tinyint a smallint). Fixed at the first sync",
        ),
        "source_time_zone" => (
            Values::Other("a time zone"),
            "the server's".to_owned(),
            "the clinic's time zone, such as `\"America/Chicago\"` or `\"-06:00\"`: `timestamp` columns are copied as the \
             clinic's local time",
        ),
        "quiet_hours" => (
            Values::Other("a list"),
            "none".to_owned(),
            "when the clinic works, such as `[\"mon-fri 07:30-18:00\", \"sat 08:00-12:00\"]`: [see below](#business-hours)",
        ),
        "lock_aim_ms" => (
            Values::Whole(1, 1000),
            sync.lock_aim.as_millis().to_string(),
            "how long one statement on the source should take at most; the time of its way there and back does not count \
             where the link was measured",
        ),
        "threads_busy" => (
            Values::Whole(1, 100_000),
            load.threads_busy.to_string(),
            "more threads at work than this, and the server counts as busy: [see below](#load)",
        ),
        "threads_critical" => (
            Values::Whole(2, 100_000),
            load.threads_critical.to_string(),
            "more threads at work, and it counts as overloaded; more than `threads_busy`",
        ),
        "lock_waits_critical" => (
            Values::Whole(1, 100_000),
            load.lock_waits_critical.to_string(),
            "more InnoDB row locks that are waited for at one moment, and it counts as overloaded",
        ),
        "answer_busy_ms" => (
            Values::Whole(1, 60_000),
            load.answer_busy.as_millis().to_string(),
            "a longer wait for an answer about the server's status, and it counts as busy",
        ),
        "answer_critical_ms" => (
            Values::Whole(2, 60_000),
            load.answer_critical.as_millis().to_string(),
            "a longer wait, and it counts as overloaded; more than `answer_busy_ms`",
        ),
        "critical_wait_seconds" => (
            Values::Whole(0, 3600),
            load.critical_wait.as_secs().to_string(),
            "how long an overloaded server is given to recover, while nothing is read, before the run ends (exit 4)",
        ),
        "keyless_bytes_max" => (
            Values::Whole(0, 1 << 40),
            sync.keyless_bytes_max.to_string(),
            "largest table without a key that is read where reading locks it (MyISAM); larger ones are held",
        ),
        "shrink_share" => (
            Values::Other("0 to 1"),
            sync.shrink_share.to_string(),
            "a table that lost more than this share of its rows is held until `--accept-shrink`",
        ),
        "proof_budget_seconds" => (
            Values::Whole(0, 86_400),
            sync.proof_budget.as_secs().to_string(),
            "how long one run may spend on whole proofs of large tables, oldest proof first (at least a 24th of what all of \
             them take). Small ones are proved in every run; the others are looked through by their edit stamps and their \
             last keys",
        ),
        "proof_hours" => (
            Values::Whole(1, 8760),
            (sync.proof_age_max.as_secs() / 3600).to_string(),
            "age at which a proof is made anew whatever it costs",
        ),
        "staging_memory_mb" => (
            Values::Whole(1, 65_536),
            (sync.staging_memory_bytes / 1024 / 1024).to_string(),
            "memory for rows on their way (at least 8 at `--pace full`); more goes to disk, compressed and encrypted",
        ),
        "staging_dir" => {
            (Values::Other("a folder"), "`staging` in the state folder".to_owned(), "where that is")
        }
        "reader_role" => {
            (Values::Other("a name"), "none".to_owned(), "a PostgreSQL role that may read the copy")
        }
        "distribute_by" => (
            Values::Other("`\"site\"`"),
            "none".to_owned(),
            "for a target that is a Citus cluster: the schema of each copy is kept whole on one of its servers. \
             [distributed.md](distributed.md)",
        ),
        "notify" => (
            Values::Other("a table"),
            "none".to_owned(),
            "who is told when a person should look: `command` (a program and its arguments), `webhook` (an https address) \
             with `webhook_secret_file` (a file with at least 16 bytes, its owner's alone; a relative path counts from the \
             folder of bicuspid.toml). [operations.md](operations.md#notifications)",
        ),
        "sites" => (
            Values::Other("tables"),
            "none".to_owned(),
            "practices that are copied beside one another: `[sites.north]` with `env_file` and [what differs](#sites)",
        ),
        unknown => panic!("no words for {unknown}"),
    };
    Setting { values, default, meaning }
}

fn settings() -> String {
    let mut text = "| setting | values | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let Setting { values, default, meaning } = setting(key);
        let values = match values {
            Values::Whole(min, max) => format!("{min} to {max}"),
            Values::Other(words) => words.to_owned(),
        };
        let name = match values.as_str() {
            "a table" => format!("[{key}]"),
            "tables" => format!("[{key}.NAME]"),
            _ => key.to_owned(),
        };
        writeln!(text, "| `{name}` | {values} | {default} | {meaning} |").unwrap();
    }
    text
}

/// What a site may say for itself; what it means is said above.
fn sites() -> String {
    let mut text = "| setting of a site | meaning |\n|---|---|\n".to_owned();
    writeln!(text, "| `{ENV_FILE}` | its environment file, from the folder of bicuspid.toml on; needed |")
        .unwrap();
    for key in SITE_KEYS {
        assert!(KEYS.contains(&key), "{key} is no setting");
    }
    let keys: Vec<String> = SITE_KEYS.iter().map(|key| format!("`{key}`")).collect();
    writeln!(text, "| {} | as above, for this site alone |", keys.join(", ")).unwrap();
    text
}

const fn meaning(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Host => "host, address or socket",
        Meaning::Port => "port",
        Meaning::Database => "database",
        Meaning::User => "account",
        Meaning::Password => "its password",
        Meaning::PasswordFile => "or a file with it",
        Meaning::Tls => "protection",
    }
}

fn variables() -> String {
    let mut text =
        "| meaning | clinic | also accepted | test | also accepted | demo |\n|---|---|---|---|---|---|\n"
            .to_owned();
    let cell =
        |names: &[String], at: usize| names.get(at).map_or_else(String::new, |name| format!("`{name}`"));
    for (end, side, port) in [(End::Source, "source", 3306), (End::Target, "target", 5432)] {
        for what in Meaning::ALL {
            let [clinic, tested, demo] =
                Environment::ALL.map(|environment| spellings(environment, end, what));
            let default = if what == Meaning::Port { format!(" ({port})") } else { String::new() };
            writeln!(
                text,
                "| {side}: {}{default} | {} | {} | {} | {} | {} |",
                meaning(what),
                cell(&clinic, 0),
                cell(&clinic, 1),
                cell(&tested, 0),
                cell(&tested, 1),
                cell(&demo, 0),
            )
            .unwrap();
        }
    }
    for (name, meaning, clinic, test, demo) in [
        (
            ENVIRONMENT,
            "stage",
            "`production` (default), `clinic`, `development`",
            "`test`, `development`",
            "`demo`, `development`",
        ),
        (ETL_ENVIRONMENT, "stage, for pipelines", "`clinic`, `production`", "`test`", "not looked at"),
        (STATE_DIR, "local state", "a folder", "a folder", "a folder"),
    ] {
        writeln!(text, "| {meaning}: `{name}` | {clinic} | | {test} | | {demo} |").unwrap();
    }
    text
}

#[test]
fn the_page_is_what_the_code_says() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let mut fresh = page.clone();
    for (name, text) in [("variables", variables()), ("settings", settings()), ("sites", sites())] {
        let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->\n"));
        let (before, rest) = fresh.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
        fresh = format!("{before}{begin}{text}{end}{after}");
    }
    if fresh != page {
        let path = std::env::temp_dir().join("bicuspid-configuration.md");
        std::fs::write(&path, fresh).unwrap();
        panic!("docs/configuration.md is not what the code says; the new text is {}", path.display());
    }
}

#[test]
fn the_bounds_are_those_that_are_kept() {
    let parse = |key: &str, value: u64| {
        // The neighbour that it must differ from is moved out of the way.
        let neighbour = match key {
            "threads_busy" => "threads_critical = 100000\n",
            "threads_critical" => "threads_busy = 1\n",
            "answer_busy_ms" => "answer_critical_ms = 60000\n",
            "answer_critical_ms" => "answer_busy_ms = 1\n",
            _ => "",
        };
        Config::parse(Path::new("bicuspid.toml"), &format!("{neighbour}{key} = {value}\n"))
    };
    for key in KEYS {
        let Values::Whole(min, max) = setting(key).values else { continue };
        // Of a pair, the busy one cannot be as much as the critical one.
        let most = if key.contains("_busy") { max - 1 } else { max };
        assert!(parse(key, min).is_ok() && parse(key, most).is_ok(), "{key}");
        assert!(parse(key, max + 1).is_err(), "{key}");
        assert!(min == 0 || parse(key, min - 1).is_err(), "{key}");
    }
}

/// Every setting can be uncommented where `init` puts it.
#[test]
fn the_template_names_every_setting_and_the_lines_that_it_shows_are_right() {
    let template = include_str!("../commands/init/bicuspid.toml");
    for key in KEYS {
        let is_named = template.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{key} ="))
                || line == format!("[{key}]")
                || line.starts_with(&format!("[{key}."))
        });
        assert!(is_named, "{key} is not in the template");
    }
}
