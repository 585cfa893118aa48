use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::cli::Globals;
use crate::printer::Printer;
use crate::report::{Report, fault};
use crate::settings::ProcessEnvironment;

fn app(dir: &Path) -> App {
    let config = dir.join("bicuspid.toml");
    let globals = Globals { config: Some(config), state_dir: Some(dir.join("state")), ..Globals::default() };
    App { globals, process: Arc::new(ProcessEnvironment::default()), printer: Printer::silent() }
}

/// A folder with so many sites, each with a source of its own.
fn folder(count: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut toml = String::new();
    for n in 0..count {
        writeln!(toml, "[sites.s{n}]\nenv_file = \"s{n}.env\"").unwrap();
        let text = format!(
            "SOURCE_DB_HOST=127.0.0.1\nSOURCE_DB_PORT=3306\nSOURCE_DB_NAME=c{n}\nSOURCE_DB_READONLY_USER=u\n\
             SOURCE_DB_READONLY_PASSWORD_FILE=p\nTARGET_DB_PASSWORD_FILE=p\n\
             TARGET_DB_HOST=127.0.0.1\nTARGET_DB_PORT=5432\nTARGET_DB_NAME=t\nTARGET_DB_USER=w\n"
        );
        std::fs::write(dir.path().join(format!("s{n}.env")), text).unwrap();
    }
    std::fs::write(dir.path().join("bicuspid.toml"), toml).unwrap();
    dir
}

fn arg(sites: &[&str]) -> SiteArg {
    SiteArg { site: Some(sites.iter().map(ToString::to_string).collect()) }
}

fn code(ended: Result<Vec<Member>, Stop>) -> String {
    ended.err().unwrap().0.troubles()[0].code.clone()
}

fn codes(ended: &[SiteEnd]) -> Vec<u8> {
    ended.iter().map(|one| one.outcome().exit_code()).collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

#[test]
fn what_is_wrong_with_the_list_is_told_before_anything_else() {
    let dir = folder(3);
    let app = app(dir.path());
    let of = |sites: &[&str]| arg(sites).members(Environment::Clinic, &app);
    assert_eq!(code(of(&["s7"])), "sites::unknown");
    assert_eq!(code(of(&["s1", "s2", "s1"])), "sites::twice");
    assert_eq!(code(of(&["all", "s1"])), "sites::twice");
    assert_eq!(code(arg(&["s1"]).members(Environment::Demo, &app)), "usage::conflict");
    let one = arg(&["s0", "s1"]).one(Environment::Clinic, &app).err().unwrap();
    assert_eq!(one.0.troubles()[0].code, "sites::one");
    let named: Vec<String> = of(&["s2", "s0"]).unwrap().iter().map(|m| m.site.to_string()).collect();
    assert_eq!(named, ["s2", "s0"], "in the order of the command line");
    assert_eq!(of(&["all"]).unwrap().len(), 3);
    let mut two = app.clone();
    two.globals.env_file = Some("x".into());
    assert_eq!(code(arg(&["s1"]).members(Environment::Clinic, &two)), "usage::conflict");
    std::fs::write(dir.path().join("bicuspid.toml"), "").unwrap();
    assert_eq!(code(of(&["s1"])), "sites::none");
}

#[test]
fn a_site_that_is_wrong_holds_no_other_back() {
    let dir = folder(4);
    std::fs::remove_file(dir.path().join("s1.env")).unwrap();
    let same = std::fs::read_to_string(dir.path().join("s2.env")).unwrap();
    std::fs::write(
        dir.path().join("s3.env"),
        same.replace("=127.0.0.1\nSOURCE_DB_PORT", "=localhost\nSOURCE_DB_PORT"),
    )
    .unwrap();
    let members = arg(&["all"]).members(Environment::Clinic, &app(dir.path())).unwrap();
    let ended = block_on(each(members, 2, |_, _| async { Ok(Report::new()) }));
    assert_eq!(codes(&ended), [0, 2, 2, 2]);
    assert_eq!(ended[3].troubles()[0].what, "sites s3 and s2 name the same source database");
}

#[test]
fn a_panic_ends_its_own_site_alone_and_no_more_run_at_a_time_than_asked() {
    let hook = std::panic::take_hook();
    crate::panics::remember_places();
    let dir = folder(9);
    let members = arg(&["all"]).members(Environment::Clinic, &app(dir.path())).unwrap();
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (work, seen) = (Arc::clone(&at_work), Arc::clone(&most));
    let ended = block_on(each(members, 3, move |site, settings| {
        let (at_work, most) = (Arc::clone(&work), Arc::clone(&seen));
        async move {
            assert_eq!(settings.runs_beside, 3);
            most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            at_work.fetch_sub(1, Ordering::SeqCst);
            assert_ne!(site.as_str(), "s4", "the fault of this test");
            if site.as_str() == "s5" { Err(Stop::from(fault("x"))) } else { Ok(Report::new()) }
        }
    }));
    std::panic::set_hook(hook);
    assert_eq!(codes(&ended), [0, 0, 0, 0, 5, 5, 0, 0, 0]);
    assert!(most.load(Ordering::SeqCst) <= 3);
    let trouble = &ended[4].troubles()[0];
    assert!(
        trouble.why.contains("sites/tests.rs") || trouble.why.contains("sites\\tests.rs"),
        "{}",
        trouble.why
    );
    assert!(!trouble.why.contains("the fault of this test"), "the message may hold a value");
}

#[test]
fn the_whole_has_the_gravest_exit_code_and_every_site() {
    let of = |class: Option<Class>| match class {
        None => Ok(Report::new().with("run_id", "r")),
        Some(class) => Err(Stop::from(Trouble { class, ..fault("x") })),
    };
    let whole = |classes: &[Option<Class>]| {
        let sites = classes.iter().enumerate();
        let name = |n| SiteName::new(&format!("s{n}")).unwrap();
        combined(sites.map(|(n, class)| SiteEnd::of(name(n), of(*class))).collect())
    };
    for (classes, code) in [
        (&[None, None][..], 0),
        (&[None, Some(Class::Held)], 1),
        (&[Some(Class::Held), Some(Class::Usage)], 2),
        (&[Some(Class::Usage), Some(Class::Locked)], 6),
        (&[Some(Class::Locked), Some(Class::Failed)], 4),
        (&[Some(Class::Failed), Some(Class::Local)], 5),
        (&[Some(Class::Failed), None, Some(Class::Refused), Some(Class::Local)], 3),
        (&[Some(Class::Interrupted), Some(Class::Refused)], 130),
    ] {
        assert_eq!(whole(classes).outcome().exit_code(), code, "{classes:?}");
    }
    let text = whole(&[None, Some(Class::Failed)]).text("sync", Some("clinic"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["sites_chosen"], &json["sites_done"]), (&2.into(), &1.into()));
    assert_eq!(json["sites"][0]["site"], "s0");
    assert_eq!((&json["sites"][0]["exit_code"], &json["sites"][0]["run_id"]), (&0.into(), &"r".into()));
    assert_eq!((&json["sites"][1]["outcome"], &json["sites"][1]["exit_code"]), (&"failed".into(), &4.into()));
    assert!(json["sites"][1].get("command").is_none());
    assert!(json["errors"][0]["what"].as_str().unwrap().starts_with("site s1: "));
}
