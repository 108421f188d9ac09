//! The log of a running installation: `log.json` in the data folder, since the terminal is for the owner.
//!
//! Lines wait in memory until the folder is known to be ours: a start that is refused must not write into a folder that
//! another process or a newer version holds.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// A log that grew beyond this is set aside as `log.old.json` at the next start.
const BYTES_MAX: u64 = 16 << 20;

enum Target {
    Waiting(Vec<u8>),
    Open(File),
}

/// Where log lines go. Clones share it.
#[derive(Clone)]
pub struct LogFile(Arc<Mutex<Target>>);

impl LogFile {
    /// Starts collecting lines. The level comes from `RUST_LOG`; the SDK stays at `warn`, since at `debug` it prints bodies.
    pub fn start() -> Self {
        let log = Self(Arc::new(Mutex::new(Target::Waiting(Vec::new()))));
        let quiet = || EnvFilter::new("info,aws=warn,hyper=warn,h2=warn");
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| quiet());
        let lines = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(log.clone());
        // A second start in one process (tests) is no error.
        let _already = lines.try_init();
        log
    }
    /// Writes what was collected into the folder's log, and everything from now on.
    pub fn open(&self, folder: &Path) -> io::Result<()> {
        let path = folder.join("log.json");
        if path.metadata().is_ok_and(|found| found.len() > BYTES_MAX) {
            std::fs::rename(&path, folder.join("log.old.json"))?;
        }
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut target = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Target::Waiting(lines) = &*target {
            file.write_all(lines)?;
        }
        *target = Target::Open(file);
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Waiting(lines) => lines.write(bytes),
            Target::Open(file) => file.write(bytes),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
