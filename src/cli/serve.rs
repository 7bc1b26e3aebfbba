//! `dateline serve`

use std::io::IsTerminal;
use std::num::NonZero;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::log::Log;
use super::{count, fail, load, start_over};
use crate::config::{Config, Endpoint};
use crate::daemon::{self, CliOverrides, Listeners, Renewal};
use crate::metrics::Metrics;
use crate::serve::Audience;
use crate::store::CacheUse;

/// Watch, build and serve until SIGTERM or Ctrl-C; a second signal ends at once. SIGHUP opens the access log anew and reads the
/// certificate again.
#[derive(Args, Debug, Default)]
pub(super) struct Serve {
    /// Listen here instead of on `server.listen`. Port 0 takes any free port; `8080` is a port of this machine only, `:8080` one of all
    /// its addresses, `unix:PATH` a socket. If `site.url` is the loopback address of the configured listener, links lead to the address
    /// given here instead, and nothing is written to `output.directory`. Any other `site.url` stays as it is, and feeds are written.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = endpoint)]
    listen: Option<Endpoint>,
    /// Serve status and metrics here instead of on `admin.listen`.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = endpoint)]
    admin: Option<Endpoint>,
    /// Read and hash every file at the start, also files that look unchanged.
    #[arg(long)]
    verify: bool,
    /// Start over if the ledger in the state directory is missing or damaged: undated articles get new dates, ids that only the
    /// ledger knew are minted again, and what was retracted by command is public again. What is left of the old ledger is kept.
    #[arg(long)]
    new_state: bool,
    #[command(flatten)]
    log: Log,
}

fn endpoint(named: &str) -> Result<Endpoint, String> {
    Endpoint::parse(named, Path::new(""))
}

impl Serve {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (checked, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        self.log.start();
        if self.new_state
            && let Err(code) = start_over(&config)
        {
            return code;
        }
        // One core stays free for builds and encoding, which have their own threads. Fewer runtime threads also cost less per request than
        // idle ones that take turns.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(cores.saturating_sub(1).max(1)).enable_all();
        let runtime = match runtime.build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("cannot start: {error}")),
        };
        let caches = if self.verify { CacheUse::Empty } else { CacheUse::Keep };
        let overrides = CliOverrides { listen: self.listen.clone(), admin: self.admin.clone() };
        let mut renewal_at_exit = None;
        let result = runtime.block_on(async {
            let mut signals = Signals::new().map_err(|error| format!("cannot listen to signals: {error}"))?;
            let listeners = Listeners::open(&config, overrides)?;
            let renewal = listeners.renewal.clone();
            let metrics = Arc::clone(&listeners.metrics);
            renewal_at_exit = Some(renewal.clone());
            let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
            let stopped = async { stopped.await.unwrap_or_default() };
            let announced = Arc::clone(&config);
            let announce = |listeners: &Listeners| announce(&announced, listeners);
            let daemon = daemon::run(checked, config, listeners, caches, daemon::now, announce, stopped);
            let mut daemon = std::pin::pin!(daemon);
            // Dropping the set ends the task.
            let mut progress = JoinSet::new();
            progress.spawn(show_progress(metrics));
            tokio::select! {
                result = &mut daemon => return result.map_err(|error| error.to_string()),
                () = signals.next(&renewal) => {}
            }
            tracing::info!("stopping; a second signal exits at once");
            drop(stop);
            tokio::select! {
                result = &mut daemon => result.map_err(|error| error.to_string()),
                () = signals.next(&renewal) => Ok(()),
            }
        });
        if let Some(renewal) = renewal_at_exit {
            renewal.finish();
        }
        // Blocking tasks may hang on a dead mount; they end with the process.
        runtime.shutdown_background();
        match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => fail(&message),
        }
    }
}

/// Shows the progress of a long first scan: a bar on a terminal, otherwise a log line every few seconds.
async fn show_progress(metrics: Arc<Metrics>) {
    const BAR_INTERVAL: Duration = Duration::from_millis(200);
    const LINE_INTERVAL: Duration = Duration::from_secs(5);
    let is_terminal = std::io::stderr().is_terminal();
    let mut tick = tokio::time::interval(if is_terminal { BAR_INTERVAL } else { LINE_INTERVAL });
    // The first tick is immediate.
    tick.tick().await;
    let mut bar: Option<ProgressBar> = None;
    loop {
        tick.tick().await;
        let (scanned, read) = (metrics.files_scanned.get(), metrics.articles_read.get());
        if metrics.ready.get() > 0 {
            bar.iter().for_each(ProgressBar::finish_and_clear);
            return;
        }
        if is_terminal {
            let style =
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = bar.get_or_insert_with(|| ProgressBar::new_spinner().with_style(style));
            bar.set_message(format!("{scanned} articles found, {read} read"));
            bar.tick();
        } else {
            tracing::info!(found = scanned, read, "first scan in progress");
        }
    }
}

/// Prints a line for each listener, public ones first.
fn announce(config: &Config, listeners: &Listeners) -> std::io::Result<()> {
    let prefix = config.site.url.path();
    for listener in &listeners.listeners {
        let endpoint = listener.endpoint()?;
        let place = |scheme: &str, path: &str| match &endpoint {
            Endpoint::Tcp(address) => format!("{scheme}://{address}{path}"),
            Endpoint::Unix(_) => endpoint.to_string(),
        };
        match listener.audience() {
            Audience::Public => outln!(
                "feeds  {}  {}: {}, articles from {}",
                place("http", &prefix),
                config.site.title,
                count(config.sections.len(), "section"),
                config.parsing.root
            ),
            Audience::Secure(_) => outln!("feeds  {}  over TLS", place("https", &prefix)),
            Audience::Admin => outln!("admin  {}  status and metrics", place("http", "/")),
        }
    }
    Ok(())
}

/// The number of SIGXFSZ on all supported systems.
const FILE_TOO_LARGE: i32 = 25;

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Handled so that a file size limit (`LimitFSIZE`) is a write error, like a full disk, and doesn't kill the process.
    _too_large: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _too_large: signal(SignalKind::from_raw(FILE_TOO_LARGE))?,
        })
    }

    /// Waits for SIGTERM or SIGINT. SIGHUP reopens the access log and reloads certificates.
    async fn next(&mut self, renewal: &Renewal) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => renewal.renew(),
            }
        }
    }
}
