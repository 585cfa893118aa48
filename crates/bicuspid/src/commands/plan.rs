//! `bicuspid plan`: what sync would do, and why.

use std::collections::BTreeMap;

use bicuspid_guard::{Filter, identity};
use bicuspid_model::Environment;
use bicuspid_sync::PlanReport;
use bicuspid_target::Analytics;

use super::ends;
use crate::App;
use crate::banner;
use crate::cli::{Copied, Haste, LinkArg, ProofArg};
use crate::known::KnownDatabases;
use crate::printer::{Align, Printer, Table, counted, grouped, plain, seconds};
use crate::report::{Ended, Report};
use crate::settings::Settings;
use crate::sites::{self, SiteArg};

/// Say what sync would do and why; reads only
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    /// Environment
    #[arg(long)]
    pub(crate) env: Copied,
    #[command(flatten)]
    pub(crate) site: SiteArg,
    /// Only these tables, separated by commas
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = ends::list)]
    pub(crate) tables: Option<Vec<String>>,
    /// Plan for comparing every row with the target's
    #[arg(long)]
    pub(crate) full: bool,
    /// Which tables are proved whole; the others are looked through where something new is likely
    #[arg(long, value_enum, default_value_t, conflicts_with = "full")]
    pub(crate) proof: ProofArg,
    #[command(flatten)]
    pub(crate) haste: Haste,
    /// How chunks would be compared that were copied before
    #[arg(long, value_enum, default_value_t)]
    pub(crate) link: LinkArg,
}

pub(crate) async fn run(args: &PlanArgs, app: &App) -> Ended {
    let environment = Environment::from(args.env);
    if args.site.is_given() {
        let of_site = |settings: Settings| async move {
            app.printer.data(&format!("{}:", settings.place()));
            let planned = Box::pin(plan(args, app, &settings)).await;
            planned.map_err(|stop| ends::stop_in_environment(stop, &settings))
        };
        let ended = sites::in_turn(args.site.members(environment, app)?, of_site).await;
        return Ok(sites::combined(ended));
    }
    let settings = Settings::load(environment, &app.globals, &app.process)?;
    plan(args, app, &settings).await.map_err(|stop| ends::stop_in_environment(stop, &settings))
}

async fn plan(args: &PlanArgs, app: &App, settings: &Settings) -> Ended {
    let (source_at, target_at) = settings.both()?;
    identity::distinct(&source_at, &target_at)?;
    banner::environment(settings);
    let look = Analytics::connect(&target_at, &settings.schemas()).await?;
    banner::target(look.facts());
    let known = KnownDatabases::read(&settings.state_dir)?;
    known.judge(settings.environment, &target_at, &look).await?;
    let mut source = ends::open_source(&source_at, settings, args.haste).await?;
    banner::source(source.facts());
    let mut told = ends::sync_settings(settings, args.tables.as_deref(), args.haste);
    told.full = args.full;
    told.proof = args.proof.into();
    told.link = args.link.into();
    let plan = bicuspid_sync::plan(&mut source, &look, &told).await?;
    source.close().await;
    show(app.printer, &plan, &settings.config.row_filters);
    let filters: BTreeMap<&str, &str> =
        settings.config.row_filters.iter().map(|(table, filter)| (table.as_str(), filter.sql())).collect();
    Ok(Report::new().with("row_filters", filters).with_all(plan))
}

fn show(printer: Printer, plan: &PlanReport, filters: &BTreeMap<String, Filter>) {
    let columns = [
        ("table", Align::Left),
        ("mode", Align::Left),
        ("rows, about", Align::Right),
        ("time, about", Align::Right),
        ("when", Align::Left),
        ("why", Align::Left),
    ];
    // Without business hours everything is read at once.
    let columns = columns.into_iter().filter(|(name, _)| *name != "when" || plan.quiet_hours.is_some());
    let columns: Vec<_> = columns.collect();
    let mut table = Table::new(&columns);
    for planned in &plan.tables {
        let mut row = vec![
            planned.name.clone(),
            planned.mode.name().to_owned(),
            grouped(planned.rows_estimate),
            seconds(planned.seconds_estimate),
        ];
        if plan.quiet_hours.is_some() {
            row.push(if planned.slowly { "now, slowly" } else { "now" }.to_owned());
        }
        row.push(planned.why.clone());
        table.row(row);
    }
    if !table.is_empty() {
        printer.data(&table.to_string());
    }
    for planned in &plan.tables {
        if let Some(filter) = filters.get(&planned.name.to_lowercase()) {
            printer.data(&format!("only rows of {} where: {}", plain(&planned.name), plain(filter.sql())));
        }
        if !planned.withheld.is_empty() {
            printer.data(&format!(
                "not copied: {}: {}",
                plain(&planned.name),
                plain(&planned.withheld.join(", "))
            ));
        }
    }
    for held in &plan.held {
        printer.data(&format!(
            "held: {}: {} ({}); {}",
            plain(&held.name),
            plain(&held.held.detail),
            held.held.rule,
            plain(&held.held.remedy)
        ));
    }
    for skipped in &plan.skipped {
        printer.data(&format!("skipped: {}: {}", plain(&skipped.name), plain(&skipped.why)));
    }
    for (planned, later) in plan.tables.iter().filter_map(|table| Some((table, table.later.as_ref()?))) {
        printer.data(&format!(
            "later: {}: {} from {} on, about {}",
            plain(&planned.name),
            later.mode.name(),
            later.from,
            seconds(later.seconds_estimate)
        ));
    }
    printer.data(&format!("link {}", plain(&plan.link.text())));
    if let Some(hours) = &plan.quiet_hours {
        printer.data(&hours.text());
    }
    let rows = plan.tables.iter().map(|planned| planned.rows_estimate).sum();
    let time = plan.tables.iter().map(|planned| planned.seconds_estimate).sum();
    let tables = u64::try_from(plan.tables.len()).unwrap_or(u64::MAX);
    printer.data(&format!(
        "{}, about {}, about {}",
        counted(tables, "table"),
        counted(rows, "row"),
        seconds(time)
    ));
}
