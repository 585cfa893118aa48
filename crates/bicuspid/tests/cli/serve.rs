//! The pages of `bicuspid serve`, asked as a browser would and as a stranger would.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::bench::Bench;

/// A server of pages; it ends with the test.
pub(crate) struct Pages {
    child: Child,
    host: String,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Pages {
    /// Serves the pages of a bench on a free port.
    pub(crate) fn of(bench: &Bench, args: &[&str]) -> Self {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        let mut child = bench.command(&args).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("Serving http://").unwrap_or_else(|| panic!("{line}"));
        Self { host: url.trim_end_matches('/').to_owned(), child }
    }

    /// Where it listens.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends bytes and returns what comes back until the server closes.
    pub(crate) fn send(&self, request: &str) -> Answer {
        let mut socket = TcpStream::connect(&self.host).unwrap();
        socket.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        // A server that refuses a long head may close before it took all of it.
        let _ = socket.write_all(request.as_bytes());
        let mut bytes = Vec::new();
        let _ = socket.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host))
    }

    /// The page at a path, which is there.
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Ends it as a person does, and returns its exit code.
    #[cfg(unix)]
    pub(crate) fn interrupt(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Every page that there is.
pub(crate) const PAGES: [&str; 7] =
    ["/", "/safety", "/freshness", "/runs", "/practice", "/audit", "/metrics"];

/// A copy with three tables, one of which has a name that would like to be markup.
pub(crate) fn copied()
-> (Bench, bicuspid_sandbox::testing::MariaDbDatabase, bicuspid_sandbox::testing::PostgresDatabase) {
    let (bench, source, target) = Bench::fresh();
    source.admin(
        "CREATE TABLE patient (PatNum BIGINT PRIMARY KEY, LName VARCHAR(100)) ENGINE=MyISAM;
         INSERT INTO patient SELECT seq, 'Canaria' FROM seq_1_to_1234;
         CREATE TABLE recall (RecallNum BIGINT PRIMARY KEY, Birth DATE) ENGINE=InnoDB;
         INSERT INTO recall VALUES (1, '2024-01-01'), (2, '2024-01-02');
         CREATE TABLE `x<script>\"y` (Id INT PRIMARY KEY) ENGINE=InnoDB;
         INSERT INTO `x<script>\"y` VALUES (1)",
    );
    let ran = bench.run(&["sync", "--env", "test"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    (bench, source, target)
}

fn files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list.extend(files(&path));
        } else {
            list.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    list.sort();
    list
}

#[test]
fn the_pages_show_the_copy_its_runs_and_its_record() {
    let (bench, source, target) = copied();
    let state = || {
        target.query("SELECT (SELECT count(*) FROM bicuspid.run), (SELECT max(proved_at)::text FROM bicuspid.table_state)")
    };
    let (files_before, state_before) = (files(&bench.path("state")), state());
    let pages = Pages::of(&bench, &["--env", "test"]);

    let overview = pages.page("/");
    for part in ["all fresh", "3 tables", ">done<", ">whole<", ">safe<"] {
        assert!(overview.contains(part), "{part} in {overview}");
    }
    let freshness = pages.page("/freshness");
    let row = |name: &str, rows: &str| format!("<th scope=\"row\">{name}</th><td class=\"n\">{rows}</td>");
    for part in [row("patient", "1,234"), row("recall", "2"), row("x&lt;script&gt;&quot;y", "1")] {
        assert!(freshness.contains(&part), "{part} in {freshness}");
    }
    let by_rows = pages.page("/freshness?sort=rows");
    assert!(by_rows.find("1,234</td>").unwrap() < by_rows.find(&row("recall", "2")).unwrap());
    let found = pages.page("/freshness?q=RECA&sort=name");
    assert!(found.contains(&row("recall", "2")) && !found.contains("1,234"), "{found}");
    assert!(pages.page("/freshness?state=held").contains("0 of 3 tables"));
    let searched = pages.page("/freshness?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    assert!(!searched.contains("<script>") && searched.contains("&lt;script&gt;alert(1)"), "{searched}");

    let runs = pages.page("/runs");
    assert!(runs.contains("<td class=\"n\">1,237</td>") && runs.contains(">done<"), "{runs}");
    let link = runs.split("href=\"/runs/").nth(1).unwrap().split('"').next().unwrap();
    let run = pages.page(&format!("/runs/{link}"));
    for part in ["Times of statements on the source", "What happened when", "3 tables: 3 published", link] {
        assert!(run.contains(part), "{part} in {run}");
    }
    let safety = pages.page("/safety");
    for part in [
        "nothing can be changed or deleted with it",
        "refuses to write",
        "enrolled as test: cluster",
        "by the sync of",
    ] {
        assert!(safety.contains(part), "{part} in {safety}");
    }
    let audit = pages.page("/audit");
    assert!(
        audit.contains("2 entries") && audit.contains(">intent<") && audit.contains(">whole<"),
        "{audit}"
    );
    assert!(pages.page("/practice").contains("not among the environments"));
    let metrics = pages.page("/metrics");
    for line in [
        "bicuspid_table_rows{env=\"test\",table=\"patient\"} 1234",
        "bicuspid_table_rows{env=\"test\",table=\"x<script>\\\"y\"} 1",
        "bicuspid_tables{env=\"test\",state=\"fresh\"} 3",
        "bicuspid_last_run_exit_code{env=\"test\",command=\"sync\"} 0",
        "bicuspid_last_run_rows{env=\"test\",command=\"sync\",kind=\"inserted\"} 1237",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    for path in PAGES {
        let body = pages.page(path);
        assert!(!body.contains("Canaria"), "{path}");
        // The metrics are no markup, and browsers are told so.
        assert!(path == "/metrics" || !body.contains("<script>"), "{path}");
    }
    // Looking left no trace: not in the database, not in the state folder.
    assert_eq!(state(), state_before);
    assert_eq!(files(&bench.path("state")), files_before);

    // A held table is told with what to do about it.
    source.admin("DELETE FROM patient WHERE PatNum > 100");
    assert_eq!(bench.run(&["sync", "--env", "test"]).code, 1);
    let again = Pages::of(&bench, &["--env", "test"]);
    let held = again.page("/freshness?state=held");
    assert!(held.contains("1 of 3 tables") && held.contains("--accept-shrink"), "{held}");
    assert!(again.page("/metrics").contains("bicuspid_table_held{env=\"test\",table=\"patient\"} 1\n"));
    #[cfg(unix)]
    assert_eq!(again.interrupt(), Some(0), "Ctrl-C is how it ends");
}

#[test]
fn strangers_are_turned_away() {
    let (bench, _source, _target) = copied();
    let pages = Pages::of(&bench, &["--env", "test"]);
    let host = pages.host().to_owned();
    let port = host.rsplit(':').next().unwrap();
    let huge = "x".repeat(64 * 1024);
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: evil.example:{port}\r\nConnection: close\r\n\r\n"), 421),
        (format!("GET / HTTP/1.1\r\nHost: 127.0.0.1.evil.example:{port}\r\nConnection: close\r\n\r\n"), 421),
        (format!("GET http://evil.example/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 421),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400),
        (
            format!("POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nx=1"),
            405,
        ),
        (
            format!("PUT /runs/x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
            405,
        ),
        (format!("DELETE /audit HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 405),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {huge}\r\nConnection: close\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "X: y\r\n".repeat(200)), 431),
        ("nonsense\r\n\r\n".to_owned(), 400),
        (format!("HEAD /freshness HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), 200),
        (format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"), 200),
    ] {
        let answer = pages.send(&request);
        let shown: String = request.chars().take(120).collect();
        assert_eq!(answer.status, status, "{shown}: {}", answer.head);
        assert!(!shown.starts_with("HEAD") || answer.body.is_empty(), "a head has no body");
    }
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/runs/../audit.jsonl",
        "/runs/..%2faudit.jsonl",
        "/runs/%2e%2e%2fknown_databases",
        "/runs/",
        "/runs/x.json",
        "/audit.jsonl",
        "/live.js.map",
        "//evil.example",
        "/freshness/",
    ] {
        let answer = pages.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains("root:") && !answer.body.contains("\"hash\""), "{path}");
    }
    for path in PAGES.iter().chain(&["/style.css", "/live.js", "/nowhere"]) {
        let head = pages.get(path).head;
        for header in [
            "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src \
             'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{header} of {path}: {head}");
        }
    }
    // Nothing is asked of any other place.
    for path in &PAGES[..6] {
        let page = pages.page(path);
        for attribute in ["href=\"", "src=\"", "action=\""] {
            for target in page.split(attribute).skip(1) {
                assert!(
                    target.starts_with('/') && !target.starts_with("//") || target.starts_with('#'),
                    "{path}"
                );
            }
        }
        assert!(!page.contains("style=\"") && !page.contains("onload"), "{path}");
    }
}

#[test]
fn pages_for_others_need_a_token_and_tls() {
    let bench = Bench::fresh().0;
    bench.private("token", "0123456789abcdef0123456789abcdef\n");
    bench.private("short", "hunter2\n");
    bench.write("open", "0123456789abcdef0123456789abcdef\n");
    let serve = |more: &[&str]| {
        let ran = bench.json(&[&["serve", "--env", "test"], more].concat());
        (ran["exit_code"].as_i64().unwrap(), ran["errors"][0]["code"].as_str().unwrap_or_default().to_owned())
    };
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8750"] {
        assert_eq!(serve(&["--listen", listen]), (3, "dashboard::unprotected".to_owned()), "{listen}");
        let with_token = ["--listen", listen, "--token-file", "token"];
        assert_eq!(serve(&with_token), (3, "dashboard::unprotected".to_owned()), "{listen}");
    }
    assert_eq!(serve(&["--token-file", "short"]), (3, "dashboard::weak_token".to_owned()));
    #[cfg(unix)]
    assert_eq!(serve(&["--token-file", "open"]), (3, "dashboard::token_file".to_owned()));
    assert_eq!(serve(&["--token-file", "none"]), (2, "dashboard::token_file".to_owned()));
    assert_eq!(serve(&["--tls-cert", "token"]).0, 2, "a certificate without its key");
    let no_pem = ["--tls-cert", "token", "--tls-key", "token"];
    assert_eq!(serve(&no_pem), (2, "dashboard::certificate".to_owned()));

    let pages = Pages::of(&bench, &["--env", "test", "--token-file", "token"]);
    let asked = pages.get("/");
    assert_eq!(asked.status, 401);
    assert!(asked.head.contains("www-authenticate: basic realm="), "{}", asked.head);
    for (token, status) in
        [("0123456789abcdef0123456789abcdef", 200), ("1123456789abcdef0123456789abcdef", 401)]
    {
        let request = format!(
            "GET /runs HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
            pages.host()
        );
        assert_eq!(pages.send(&request).status, status);
    }
}

#[test]
fn a_run_leaves_a_report_and_metrics() {
    let (bench, _source, _target) = copied();
    let told = bench.json(&["report", "--env", "test"]);
    let path = |name: &str| told[name].as_str().unwrap().to_owned();
    let page = bench.read(&path("report"));
    for part in ["sync of test", "<td class=\"n\">1,234</td>", "x&lt;script&gt;&quot;y", "What happened when"]
    {
        assert!(page.contains(part), "{part} in {page}");
    }
    for absent in ["Canaria", "<script", "href=", "src="] {
        assert!(!page.contains(absent), "{absent}");
    }
    let json: serde_json::Value = serde_json::from_str(&bench.read(&path("report_json"))).unwrap();
    assert_eq!(json["run_id"], told["run_id"]);
    let statements = json["report"]["source"]["statements"].as_u64().unwrap();
    let buckets = json["report"]["source"]["statement_ms"]["histogram"].as_array().unwrap();
    assert_eq!(buckets.iter().map(|b| b["statements"].as_u64().unwrap()).sum::<u64>(), statements);
    for table in json["report"]["tables"].as_array().unwrap() {
        assert!(table["seconds"].as_f64().unwrap() >= 0.0 && table["began_seconds"].as_f64().unwrap() > 0.0);
    }
    // One that is gone is made again from the record of the run.
    std::fs::remove_file(bench.path(&path("report"))).unwrap();
    assert_eq!(bench.run(&["report"]).stdout.trim(), path("report"));
    assert_eq!(bench.read(&path("report")), page);
    assert_eq!(bench.json(&["report", "--env", "clinic"])["report"], serde_json::Value::Null);

    let status = bench.json(&["status", "--env", "test", "--metrics", "bicuspid.prom"]);
    assert_eq!(status["metrics"], "bicuspid.prom");
    let metrics = bench.read("bicuspid.prom");
    assert!(metrics.contains("bicuspid_table_rows{env=\"test\",table=\"patient\"} 1234\n"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n") && !bench.path("bicuspid.prom.new").exists());
}
