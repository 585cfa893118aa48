//! A pass over an unchanged wide table through a link of 10 Mbit/s: rows that travel, against the source's own hashes.

use bicuspid_sandbox::PostgresOptions;
use bicuspid_sandbox::testing::{self, MariaDbServer, PostgresServer, Proxy};
use bicuspid_source::Pace;
use bicuspid_sync::LinkWish;

use crate::data;
use crate::pairs::{self, Fault};

/// 10 Mbit/s, in bytes.
const RATE: u64 = 10_000_000 / 8;

pub(crate) fn measure(long: bool) -> Result<(), Fault> {
    let mariadb = MariaDbServer::start(testing::test_options());
    let postgres = PostgresServer::start(PostgresOptions { durable: true, settings: Vec::new() });
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().event_interval(1).enable_all().build()?;
    // At the kind pace rows that travel slowly are asked for in many small statements, which takes minutes.
    let (rows, paces) =
        if long { (250_000, &[Pace::Full, Pace::Kind][..]) } else { (50_000, &[Pace::Full][..]) };
    println!("link of 10 Mbit/s, a pass over {rows} unchanged rows of 60 columns");
    println!(
        "{:<8} {:<6} {:<34} {:>9} {:>12} {:>11} {:>9} {:>9}",
        "engine", "pace", "how", "seconds", "bytes", "statements", "p50 ms", "max ms"
    );
    for engine in ["MyISAM", "InnoDB"] {
        for &pace in paces {
            let (clinic, target) = (mariadb.database("link"), postgres.database("link"));
            data::wide(&clinic, rows, engine);
            let run = |at: &bicuspid_model::Endpoint, link: LinkWish| {
                let run = pairs::sync_over(at, &target.endpoint, &["wide"], pace, folder.path(), link);
                runtime.block_on(run)
            };
            // The copy itself is not what is measured.
            run(&clinic.endpoint, LinkWish::Thin)?;
            let proxy = Proxy::before(&clinic.endpoint);
            proxy.limit(RATE);
            for (how, link) in [
                ("rows travel", LinkWish::Fat),
                ("the source hashes", LinkWish::Thin),
                ("measured, then chosen", LinkWish::Auto),
            ] {
                let before = proxy.passed();
                let report = run(&proxy.endpoint(), link)?;
                let bytes = proxy.passed() - before;
                let (own, how) =
                    (&report.source.statement_ms, format!("{how} ({})", report.link.mode.name()));
                println!(
                    "{engine:<8} {:<6} {how:<34} {:>9.2} {bytes:>12} {:>11} {:>9.2} {:>9.2}",
                    pace.name(),
                    report.seconds,
                    report.source.statements,
                    own.p50,
                    own.max
                );
            }
        }
    }
    Ok(())
}
