//! `chandlery`: the one binary. Every command is a thin file over the registry, the host or the package.

mod api;
mod arguments;
mod author;
mod commands;
mod desired;
#[cfg(test)]
mod documents;
mod failure;
mod groups;
mod home;
mod private;
mod show;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use arguments::LogFormat;
use commands::*;
use home::Home;

/// A marketplace of WebAssembly plugins for AI deployment.
#[derive(Parser)]
#[command(name = "chandlery", version, propagate_version = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    settings: api::Settings,
    #[command(subcommand)]
    command: Command,
}

/// Help in fewer columns is hardly read.
const HELP_COLUMNS_MIN: usize = 40;

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed, or wrong usage; 2 of a comparison: something would change; 3 refused,
because something could not be trusted; 4 the registry or host cannot be reached; 5 not allowed; 6 not
found; 130 Ctrl-C while a host goes on.";

#[derive(Subcommand)]
enum Command {
    /// Run a registry and a host together, for one machine
    Up(up::Up),
    /// Run the marketplace's server, and say who operates it
    #[command(subcommand)]
    Registry(registry::Registry),
    /// Run a host, which installs and deploys
    #[command(subcommand)]
    Host(host::Host),
    /// Open an account at the registry
    Register(account::Register),
    /// Log in to the registry
    Login(account::Login),
    /// Log out of the registry, and forget the token
    Logout,
    /// Show which account the registry is asked as, and by what
    Whoami,
    /// See and change the account, its password and its e-mail address
    #[command(subcommand)]
    Account(account::Account),
    /// Make tokens that may do less than their account
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Take a namespace, in which to publish, and choose its members
    #[command(subcommand)]
    Namespace(namespace::Namespace),
    /// Make organisations that buy and publish, and choose who acts for them
    #[command(subcommand, alias = "org")]
    Organisation(organisation::Organisation),
    /// Make signing keys and add them to a namespace
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Begin a plugin, in Rust, JavaScript or Python
    New(new::New),
    /// Show a plugin's plan again at every save
    Dev(dev::Dev),
    /// Test a plugin by its cases
    Test(test::Test),
    /// Check what publishing would refuse
    Check(check::Check),
    /// Build a plugin from its source
    Build(build::Build),
    /// Sign a plugin and publish it
    Publish(publish::Publish),
    /// Approve what another member wants to publish, where it takes two
    #[command(subcommand)]
    Releases(staged::Releases),
    /// Let workloads of CI publish a plugin without a stored secret
    #[command(subcommand)]
    Trust(trust::Trust),
    /// Choose the provider by which people of an organisation sign in
    #[command(subcommand)]
    SignOn(sign_on::SignOn),
    /// See and choose whose tokens say who a workload is
    #[command(subcommand)]
    Issuers(issuers::Issuers),
    /// See and change how the shop shows a plugin
    #[command(subcommand)]
    Listing(listing::Listing),
    /// Yank a release: nobody new chooses it, and who has it keeps it
    Yank(releases::Yank),
    /// Advise to use something else than a release
    Deprecate(releases::Deprecate),
    /// Withdraw a release for ever: hosts refuse it, and warn where it runs
    Withdraw(releases::Withdraw),
    /// Show and publish what is wrong with some versions of a plugin
    Advisories(advisories::Advisories),
    /// Report a plugin or a release that does harm, or is not what it says
    Report(reports::Report),
    /// See and resolve reports of abuse (for operators)
    Reports(reports::Reports),
    /// Ask operators to review a release, so that its plugin is certified
    Review(reviews::Review),
    /// See and decide reviews of releases (for operators)
    Reviews(reviews::Reviews),
    /// Quarantine a plugin or a release while it is looked into (for operators)
    Quarantine(moderation::Quarantine),
    /// Certify a plugin (for operators)
    Certify(releases::Certify),
    /// Find plugins by words, category, price, GPUs and certification
    Search(search::Search),
    /// Show a plugin, or one release of it
    Show(releases::Show),
    /// Audit a registry by its transparency log
    #[command(subcommand)]
    Log(log::Log),
    /// Watch the logs of registries for others, and cosign what continues their history
    Witness(witness::Witness),
    /// Install a plugin, with proof of what it is
    Install(install::Install),
    /// Uninstall a plugin that nothing is deployed of
    Uninstall(uninstall::Uninstall),
    /// Show what is installed
    List(list::List),
    /// Show what there are newer releases of
    Outdated(outdated::Outdated),
    /// Check everything that is installed again
    Verify(verify::Verify),
    /// Show what plugins may do and have done, and change it
    #[command(subcommand)]
    Permissions(permissions::Permissions),
    /// Keep secrets that plugins may use and never see
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Keep what models are made of, by which templates size them
    #[command(subcommand)]
    Models(models::Models),
    /// Show and change the settings of a policy or an integration
    Configure(configure::Configure),
    /// Show who is told of events, and try it out
    #[command(subcommand)]
    Integrations(integrations::Integrations),
    /// Show what a deployment would be, and what it would change
    Plan(plan::Plan),
    /// Deploy a plugin's plan
    Deploy(deploy::Deploy),
    /// Bring deployments to the installed releases, with their parameters as they are
    Upgrade(deploy::Upgrade),
    /// Make what runs as files say, and remove what is in them no longer
    Apply(apply::Apply),
    /// Show how what runs differs from what files say
    Diff(apply::Diff),
    /// Write a file of what runs, for `apply`
    Export(export::Export),
    /// Show a deployment's revisions and how their rollouts went
    History(history::History),
    /// Run an earlier revision of a deployment again
    Rollback(change::Rollback),
    /// Start every replica of a deployment anew, one after the other
    Restart(change::Named),
    /// Set how many replicas of a workload run
    Scale(change::Scale),
    /// End all replicas of a deployment, and keep everything else of it
    Pause(change::Named),
    /// Let a paused deployment run again
    Resume(change::Named),
    /// Make what was changed from outside again as it should be
    #[command(alias = "heal")]
    Repair(change::Repair),
    /// Say where deployments can run
    #[command(subcommand)]
    Target(target::Target),
    /// Show deployments and how they fare
    Status(status::Status),
    /// Show what a deployment's replicas wrote
    Logs(logs::Logs),
    /// Plan a deployment again from its record, and compare
    Replay(replay::Replay),
    /// Remove a deployment
    Remove(remove::Remove),
    /// Show what deployments have used
    Usage(usage::Usage),
    /// Show what this account spends, by plugin, team and deployment, and set its budget
    Spend(spend::Spend),
    /// See and change what this account may do
    #[command(subcommand)]
    Subscription(subscription::Subscription),
    /// See and pay what this account owes
    #[command(subcommand)]
    Invoices(invoices::Invoices),
    /// Sell and buy plugins
    #[command(subcommand)]
    Orders(orders::Orders),
    /// Find certified consultants, order their services, accept what they have done
    #[command(subcommand)]
    Consultants(consultants::Consultants),
    /// See earnings, choose how to be paid, pay partners
    #[command(subcommand)]
    Payouts(payouts::Payouts),
    /// Choose what a partner is told of its earnings, by mail and by webhooks
    #[command(subcommand)]
    Notices(notices::Notices),
    /// See and set how sales are shared
    #[command(subcommand)]
    Policy(policy::Policy),
    /// List disputes, record those of sales, and how they ended (for operators)
    #[command(subcommand, alias = "disputes")]
    Dispute(dispute::Dispute),
    /// Record what the marketplace spends (for operators)
    #[command(subcommand)]
    Expense(expense::Expense),
    /// Read and check the books, close months, record what the bank says (for operators)
    #[command(subcommand)]
    Books(books::Books),
    /// Choose who operates the registry, and reset passwords (for operators)
    #[command(subcommand)]
    Operator(operator::Operator),
    /// See and decide what one operator asks for and others approve (for operators)
    Approvals(approvals::Approvals),
    /// Show, export and check who did what at the registry (for operators)
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show the figures that investors ask for, and what they are made of (for operators)
    Figures(figures::Figures),
    /// Show what this machine has for each kind of target, and how to have what it lacks
    Doctor(doctor::Doctor),
    /// Print the script by which a shell completes commands and options
    Completions(completions::Completions),
    /// Write manual pages, for whoever packs this program
    #[command(hide = true)]
    Man(man::Man),
    #[command(hide = true)]
    Work(work::Perform),
}

/// The command as it was written, or what is told instead. Help is laid out in as many columns as everything else.
fn parsed() -> Result<Cli, clap::Error> {
    let columns = show::columns().unwrap_or(show::HELP_COLUMNS_MAX);
    let columns = columns.clamp(HELP_COLUMNS_MIN, show::HELP_COLUMNS_MAX);
    let command = Cli::command();
    let template = groups::template(&command, columns);
    let command = command.help_template(template).term_width(columns);
    Cli::from_arg_matches(&command.try_get_matches()?)
}

/// Tells what help or the version is, or what is wrong with a command. That is a failure like others: clap's own exit code for it says of a
/// comparison that something would change.
fn told(error: &clap::Error) -> ExitCode {
    // Fails only where nobody reads it any more.
    let _ = error.print();
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn main() -> ExitCode {
    let cli = match parsed() {
        Ok(cli) => cli,
        Err(error) => return told(&error),
    };
    let filter = EnvFilter::try_from_env("CHANDLERY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,chandlery=info,kube_client=off"));
    // What cannot be logged is not told of either: nobody reads standard error any more.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    let log = log.with_ansi(show::colours_errors()).with_writer(std::io::stderr);
    match cli.settings.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    // Fails only where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return failure::Failure::of(format!("the runtime could not be started: {error}")).report(false);
        }
    };
    let json = cli.settings.json;
    let unwritten =
        |why: String| failure::Failure::of(format!("what was asked for could not be written whole: {why}"));
    match runtime.block_on(run(cli)).and_then(|code| show::finish().map_err(unwritten).map(|()| code)) {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}

async fn run(cli: Cli) -> failure::Result<ExitCode> {
    let context = api::Context::new(cli.settings, Home::find()?);
    match cli.command {
        Command::Apply(command) => return command.run(&context).await,
        Command::Diff(command) => return command.run(&context).await,
        Command::Export(command) => command.run(&context).await,
        Command::Up(command) => command.run(&context).await,
        Command::Registry(command) => command.run(&context).await,
        Command::Host(command) => command.run(&context).await,
        Command::Register(command) => command.run(&context).await,
        Command::Login(command) => command.run(&context).await,
        Command::Logout => account::log_out(&context).await,
        Command::Whoami => account::whoami(&context).await,
        Command::Account(command) => command.run(&context).await,
        Command::Namespace(command) => command.run(&context).await,
        Command::Organisation(command) => command.run(&context).await,
        Command::Keys(command) => command.run(&context).await,
        Command::New(command) => command.run(&context),
        Command::Dev(command) => command.run(&context),
        Command::Test(command) => command.run(&context),
        Command::Check(command) => command.run(&context).await,
        Command::Build(command) => command.run(&context),
        Command::Publish(command) => command.run(&context).await,
        Command::Search(command) => command.run(&context).await,
        Command::Install(command) => command.run(&context).await,
        Command::Uninstall(command) => command.run(&context).await,
        Command::List(command) => command.run(&context).await,
        Command::Outdated(command) => command.run(&context).await,
        Command::Verify(command) => command.run(&context).await,
        Command::Permissions(command) => command.run(&context).await,
        Command::Secrets(command) => command.run(&context).await,
        Command::Models(command) => command.run(&context).await,
        Command::Configure(command) => command.run(&context).await,
        Command::Integrations(command) => command.run(&context).await,
        Command::Plan(command) => command.run(&context).await,
        Command::Deploy(command) => command.run(&context).await,
        Command::Upgrade(command) => command.run(&context).await,
        Command::History(command) => command.run(&context).await,
        Command::Rollback(command) => command.run(&context).await,
        Command::Restart(command) => command.restart(&context).await,
        Command::Scale(command) => command.run(&context).await,
        Command::Pause(command) => command.pause(&context, true).await,
        Command::Resume(command) => command.pause(&context, false).await,
        Command::Repair(command) => command.run(&context).await,
        Command::Target(command) => command.run(&context).await,
        Command::Status(command) => command.run(&context).await,
        Command::Logs(command) => command.run(&context).await,
        Command::Replay(command) => command.run(&context).await,
        Command::Remove(command) => command.run(&context).await,
        Command::Tokens(command) => command.run(&context).await,
        Command::Releases(command) => command.run(&context).await,
        Command::Trust(command) => command.run(&context).await,
        Command::SignOn(command) => command.run(&context).await,
        Command::Issuers(command) => command.run(&context).await,
        Command::Listing(command) => command.run(&context).await,
        Command::Yank(command) => command.run(&context).await,
        Command::Deprecate(command) => command.run(&context).await,
        Command::Withdraw(command) => command.run(&context).await,
        Command::Advisories(command) => command.run(&context).await,
        Command::Report(command) => command.run(&context).await,
        Command::Reports(command) => command.run(&context).await,
        Command::Review(command) => command.run(&context).await,
        Command::Reviews(command) => command.run(&context).await,
        Command::Quarantine(command) => command.run(&context).await,
        Command::Certify(command) => command.run(&context).await,
        Command::Show(command) => command.run(&context).await,
        Command::Log(command) => command.run(&context).await,
        Command::Witness(command) => command.run(&context).await,
        Command::Usage(command) => command.run(&context).await,
        Command::Spend(command) => command.run(&context).await,
        Command::Subscription(command) => command.run(&context).await,
        Command::Invoices(command) => command.run(&context).await,
        Command::Orders(command) => command.run(&context).await,
        Command::Consultants(command) => command.run(&context).await,
        Command::Payouts(command) => command.run(&context).await,
        Command::Notices(command) => command.run(&context).await,
        Command::Policy(command) => command.run(&context).await,
        Command::Dispute(command) => command.run(&context).await,
        Command::Expense(command) => command.run(&context).await,
        Command::Books(command) => command.run(&context).await,
        Command::Operator(command) => command.run(&context).await,
        Command::Approvals(command) => command.run(&context).await,
        Command::Audit(command) => command.run(&context).await,
        Command::Figures(command) => command.run(&context).await,
        Command::Doctor(command) => command.run(&context).await,
        Command::Completions(command) => {
            command.run(&Cli::command());
            Ok(())
        }
        Command::Man(command) => command.run(Cli::command()),
        Command::Work(command) => command.run(),
    }
    .map(|()| ExitCode::SUCCESS)
}
