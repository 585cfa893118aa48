//! The files in `examples/`: what they run is what the program takes, and other programs can read them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bench::Bench;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("examples").join(name)).unwrap()
}

/// Whether the program takes these arguments: with `--help` behind them nothing is run, but clap reads all before it.
pub(crate) fn is_taken(bench: &Bench, arguments: &[&str]) {
    // Help is shown as soon as it is met; a flag that is not known is met before it.
    let ran = bench.run(&[arguments, &["--no-such-flag"]].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--no-such-flag is not a flag"), "{arguments:?}: {}", ran.stderr);
}

/// The words of a command line, from behind the program's name to a redirection.
fn arguments<'a>(line: &'a str, program: &str) -> Vec<&'a str> {
    let line = line.split(program).nth(1).unwrap();
    line.split_whitespace().take_while(|word| !word.contains('>') && *word != "|").collect()
}

#[test]
fn the_commands_of_the_examples_are_taken() {
    let bench = Bench::new();
    for service in ["bicuspid-sync.service", "bicuspid-watch.service"] {
        let text = example(&format!("systemd/{service}"));
        let line = text.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
        is_taken(&bench, &arguments(line, "/usr/bin/bicuspid"));
    }
    let xml = example("windows/bicuspid-sync.xml");
    let line = xml.lines().find(|line| line.contains("<Arguments>")).unwrap().replace("</Arguments>", "");
    is_taken(&bench, &arguments(&line, "<Arguments>"));
    let cron = example("cron/bicuspid");
    let line = cron.lines().find(|line| line.contains("&& bicuspid")).unwrap();
    is_taken(&bench, &arguments(line, "&& bicuspid"));
    let dag = example("airflow/bicuspid_dag.py");
    for name in ["SYNC = [", "SOURCES = ["] {
        let list = dag.split(name).nth(1).unwrap().split(']').next().unwrap();
        let words: Vec<&str> =
            list.split(", ").map(|word| word.trim_start_matches('f').trim_matches('"')).collect();
        assert_eq!(words[0], "bicuspid");
        is_taken(&bench, &words[1..]);
    }
    let dag = example("airflow/bicuspid_sites_dag.py");
    let list = dag.split("return [\"bicuspid\", ").nth(1).unwrap().split(']').next().unwrap();
    let words: Vec<&str> = list
        .split(", ")
        .map(|word| match word.trim_matches('"') {
            "site" => "north",
            "DATABASE" => "opendental_analytics",
            word => word,
        })
        .collect();
    is_taken(&bench, &words);
    for (name, site) in [("cronjob", "north"), ("indexed-job", "site0")] {
        let yaml = example(&format!("kubernetes/{name}.yaml")).replace("$(JOB_COMPLETION_INDEX)", "0");
        let list = yaml.split("args:\n").nth(1).unwrap().lines().map(str::trim);
        let words: Vec<&str> = list.map_while(|line| line.strip_prefix("- ")).collect();
        assert_eq!((words[0], words[4]), ("sync", site), "{words:?}");
        is_taken(&bench, &words);
    }
    // What is not taken is noticed.
    let ran = bench.run(&["sync", "--environment", "clinic", "--no-such-flag"]);
    assert!(!ran.stderr.contains("--no-such-flag is not a flag"));
}

/// The examples of the page are those of the files.
#[test]
fn every_example_is_on_the_page() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let mut folders = vec![root().join("examples")];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let path = entry.path().strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            if path.contains("__pycache__") {
                continue;
            }
            assert!(page.contains(&format!("(../{path})")), "{path} is not on the page");
            found += 1;
        }
    }
    assert_eq!(found, 10);
}

#[test]
fn the_task_for_windows_is_well_formed() {
    let xml = example("windows/bicuspid-sync.xml");
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1).map(|part| part.split('>').next().unwrap()) {
        if tag.starts_with(['?', '!']) {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    // The order is part of the form.
    let of = |name: &str| xml.find(&format!("<{name}>")).unwrap();
    assert!(of("RegistrationInfo") < of("Triggers") && of("Triggers") < of("Principals"));
    assert!(of("Principals") < of("Settings") && xml.find("<Actions ").unwrap() > of("Settings"));
    if let Some(python) = program("python3", &["-c", "import xml.dom.minidom"]) {
        let check = "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])";
        let path = root().join("examples/windows/bicuspid-sync.xml");
        assert!(Command::new(python).args(["-c", check]).arg(path).status().unwrap().success());
    }
}

/// A program of this machine, if it is there and does this.
fn program(name: &'static str, works: &[&str]) -> Option<&'static str> {
    let silent = Command::new(name).args(works).stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok_and(|status| status.success()).then_some(name)
}

#[test]
fn the_examples_in_python_compile_and_decide() {
    let Some(python) = program("python3", &["--version"]) else { return };
    for name in ["airflow/bicuspid_dag.py", "airflow/bicuspid_sites_dag.py", "receive_webhook.py"] {
        let check = "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')";
        let path = root().join("examples").join(name);
        assert!(Command::new(python).args(["-c", check]).arg(path).status().unwrap().success(), "{name}");
    }
    // Every exit code asks for what the page says; the function is taken from the file, without Airflow.
    let check = "
import ast, sys
tree = ast.parse(open(sys.argv[1]).read())
wanted = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == 'verdict'
          or isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) in ('(DONE, HELD)', 'TRY_AGAIN')]
space = {}
exec(compile(ast.Module(wanted, []), 'x', 'exec'), space)
print([space['verdict'](code) for code in (0, 1, 2, 3, 4, 5, 6, 130)])";
    for name in ["bicuspid_dag.py", "bicuspid_sites_dag.py"] {
        let path = root().join("examples/airflow").join(name);
        let output = Command::new(python).args(["-c", check]).arg(path).output().unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().trim(),
            "['go_on', 'go_on', 'stop', 'stop', 'try_again', 'stop', 'try_again', 'stop']",
            "{name}"
        );
    }
}

/// The objects for Kubernetes, field by field where a wrong one would do harm or nothing.
#[test]
fn the_objects_for_kubernetes_are_what_they_say() {
    let Some(python) = program("python3", &["-c", "import yaml"]) else { return };
    let check = "
import json, sys, yaml
print(json.dumps([yaml.safe_load(open(path)) for path in sys.argv[1:]]))";
    let paths =
        ["cronjob", "indexed-job"].map(|name| root().join(format!("examples/kubernetes/{name}.yaml")));
    let output = Command::new(python).args(["-c", check]).args(paths).output().unwrap();
    let objects: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (cron, job) = (&objects[0], &objects[1]);
    assert_eq!((&cron["apiVersion"], &cron["kind"]), (&"batch/v1".into(), &"CronJob".into()));
    assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"Job".into()));
    assert_eq!(cron["spec"]["concurrencyPolicy"], "Forbid");
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    for (spec, action) in [(&cron["spec"]["jobTemplate"]["spec"], "FailJob"), (&job["spec"], "FailIndex")] {
        let rule = &spec["podFailurePolicy"]["rules"][0];
        assert_eq!(rule["action"], action);
        assert_eq!(rule["onExitCodes"]["operator"], "In");
        let never: Vec<i64> = rule["onExitCodes"]["values"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(serde_json::Value::as_i64)
            .collect();
        assert_eq!(never, [1, 2, 3, 5], "3 is never tried again; 4 and 6 are");
        let pod = &spec["template"]["spec"];
        // A failure policy needs this, and a container that began again by itself would not ask it.
        assert_eq!(pod["restartPolicy"], "Never");
        let container = &pod["containers"][0];
        assert_eq!(rule["onExitCodes"]["containerName"], container["name"]);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let mounted: Vec<&serde_json::Value> =
            container["volumeMounts"].as_array().unwrap().iter().map(|mount| &mount["name"]).collect();
        let volumes: Vec<&serde_json::Value> =
            pod["volumes"].as_array().unwrap().iter().map(|volume| &volume["name"]).collect();
        assert_eq!(mounted, volumes);
        assert_eq!(pod["volumes"][1]["secret"]["defaultMode"], 0o440);
        assert_eq!(container["volumeMounts"][0]["readOnly"], true);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn systemd_finds_no_fault_with_the_units() {
    if program("systemd-analyze", &["--version"]).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // The program need not be installed for its unit to be read.
    for name in ["bicuspid-sync.service", "bicuspid-sync.timer", "bicuspid-watch.service"] {
        let text = example(&format!("systemd/{name}")).replace("/usr/bin/bicuspid", "/bin/true");
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    for name in ["bicuspid-sync.service", "bicuspid-sync.timer", "bicuspid-watch.service"] {
        let ran = Command::new("systemd-analyze")
            .args(["verify", "--man=no"])
            .arg(dir.path().join(name))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        let ours: Vec<&str> = said.lines().filter(|line| line.contains("bicuspid")).collect();
        assert!(ran.status.success() && ours.is_empty(), "{name}: {said}");
    }
}
