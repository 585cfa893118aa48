//! `bicuspid serve`: local pages over the state, the copies and the runs.

mod feed;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bicuspid_dashboard::{Server, Site, Tls, Token};
use bicuspid_ledger::private;
use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};

use self::feed::Watch;
use super::ends;
use crate::App;
use crate::cli::{OneOrAll, VERSION};
use crate::interrupt::interrupted;
use crate::printer::Printer;
use crate::report::{Ended, Report, Stop};
use crate::settings::Settings;
use crate::sites::{self, SiteArg};

/// Longest token file that is read, bytes.
const TOKEN_BYTES_MAX: u64 = 4096;

/// Serve local pages: is it safe, fresh and right? Reads only; Ctrl-C ends it
///
/// Only this machine can reach the pages, unless --listen names another address; then --token-file, --tls-cert and
/// --tls-key are needed. Metrics are at /metrics.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Environment, or all that are set up
    #[arg(long)]
    pub(crate) env: OneOrAll,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    /// Address and port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8750")]
    pub(crate) listen: SocketAddr,
    /// Another name that browsers may ask for, such as the machine's; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Vec<String>,
    /// Ask every browser for the token in this file, which only its owner can read
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Serve over TLS with this chain of certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

pub(crate) async fn run(args: &ServeArgs, app: &App) -> Ended {
    let mut watched = Vec::new();
    let environments = if args.site.is_given() {
        let [environment] = args.env.environments() else { return Err(sites::not_of_all().into()) };
        watched.push(args.site.one(*environment, app)?);
        &[]
    } else {
        args.env.environments()
    };
    for environment in environments {
        let settings = Settings::load(*environment, &app.globals, &app.process)?;
        if args.env == OneOrAll::All && settings.is_empty() {
            Printer::note(&format!("Environment {environment} is not set up here; it was left out"));
            continue;
        }
        watched.push(settings);
    }
    if watched.is_empty() {
        return Err(ends::nothing_set_up("no page was served"));
    }
    let token = args.token_file.as_deref().map(token).transpose()?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => Some(Tls::read(chain, key)?),
        _ => None,
    };
    let server = Server::bind(args.listen, &args.server_name, token, tls).await?;
    let url = server.url();
    if app.printer.is_json() {
        Printer::note(&format!("Serving {url}"));
    } else {
        app.printer.data(&format!("Serving {url}"));
    }
    Printer::note("Ctrl-C ends it. These pages only read.");
    let site = Arc::new(Site::new(Box::new(Watch::new(watched)), VERSION));
    server.serve(site, interrupted()).await;
    Ok(Report::new().with("url", url))
}

/// The token in a file that others cannot read.
fn token(path: &std::path::Path) -> Result<Token, Stop> {
    let trouble = |class, why: String, hint: &str| {
        Stop::from(Trouble {
            code: "dashboard::token_file".to_owned(),
            side: Side::Local,
            class,
            what: format!("the token file {} was not used", path.display()),
            why,
            state: "no page was served".to_owned(),
            hint: hint.to_owned(),
        })
    };
    let unreadable = |error: &std::io::Error| {
        trouble(Class::Usage, reason_of_io(error), "make one with `openssl rand -hex 32`")
    };
    if private::is_private(path).map_err(|e| unreadable(&e))? == Some(false) {
        let hint = "close it to others: `chmod 600` and its name";
        return Err(trouble(Class::Refused, "others on this machine can read it".to_owned(), hint));
    }
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| unreadable(&e))?;
    std::io::Read::read_to_string(&mut std::io::Read::take(file, TOKEN_BYTES_MAX), &mut text)
        .map_err(|e| unreadable(&e))?;
    Ok(Token::new(&text)?)
}
