//! Owns the data folder: who may open it, which format it has, and the key that wraps what lies in it.
//!
//! Never deletes anything, and never opens a folder that another process holds or a newer version wrote.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::seal::LocalKey;

/// The layout this version writes. Raised when an older version could no longer read the folder.
pub const FORMAT: u32 = 1;

/// Why the emulators could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenRefused {
    /// Another process holds the folder.
    #[error("the data folder {folder} is in use by process {pid}: stop that process, or choose another folder")]
    InUse {
        /// The folder asked for.
        folder: PathBuf,
        /// The process id that the holder wrote down; `unknown` when it has not done so yet.
        pid: String,
    },
    /// The folder was written by a newer version.
    #[error("the data folder {folder} has format {found}, this version reads up to {FORMAT}: use the newer version")]
    Newer {
        /// The folder asked for.
        folder: PathBuf,
        /// The format found there.
        found: u32,
    },
    /// A file of the folder does not hold what it should.
    #[error("{file} is damaged: {why}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder or a file in it cannot be read or written.
    #[error("cannot use {path}: {cause}")]
    Unusable {
        /// The path that failed.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// A database in the folder cannot be opened.
    #[error("cannot open the database {name}: {why}")]
    Database {
        /// Which database.
        name: String,
        /// The engine's reason.
        why: String,
    },
    /// The system gave no random bytes for a new key.
    #[error("the system's random source failed: {0}")]
    NoRandomness(String),
}

/// A data folder held by this process. The lock ends with the process, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    // Held for its lock alone: the system drops the lock with the file, also after kill -9.
    _lock: File,
}

impl DataFolder {
    /// Creates or opens the folder, takes its lock, and checks its format.
    pub fn open(path: &Path) -> Result<Self, OpenRefused> {
        std::fs::create_dir_all(path).map_err(|cause| unusable(path, cause))?;
        let lock = take_lock(path)?;
        check_format(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The path of a file in the folder, which exists afterwards and is its owner's alone: tokens and mails lie there.
    pub fn file(&self, name: &str) -> Result<PathBuf, OpenRefused> {
        let path = self.path.join(name);
        private(OpenOptions::new().append(true)).open(&path).map_err(|cause| unusable(&path, cause))?;
        Ok(path)
    }

    /// The folder's key, made on first use. Readable by its owner only.
    pub fn key(&self) -> Result<LocalKey, OpenRefused> {
        let path = self.path.join("local.key");
        match std::fs::read(&path) {
            Ok(bytes) => {
                let bytes: [u8; 32] = bytes.try_into().map_err(|found: Vec<u8>| OpenRefused::Damaged {
                    file: path,
                    why: format!("a key has 32 bytes, found {}", found.len()),
                })?;
                Ok(LocalKey::new(bytes))
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                let key = LocalKey::random().map_err(OpenRefused::NoRandomness)?;
                // A rename, so that a crash leaves either no key or a whole one.
                let unfinished = self.path.join("local.key.new");
                write_private(&unfinished, key.bytes()).map_err(|cause| unusable(&unfinished, cause))?;
                std::fs::rename(&unfinished, &path).map_err(|cause| unusable(&path, cause))?;
                Ok(key)
            }
            Err(cause) => Err(unusable(&path, cause)),
        }
    }
}

fn unusable(path: &Path, cause: std::io::Error) -> OpenRefused {
    OpenRefused::Unusable { path: path.to_owned(), cause }
}

fn take_lock(folder: &Path) -> Result<File, OpenRefused> {
    let path = folder.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|cause| unusable(&path, cause))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let readable = file.read_to_string(&mut pid).is_ok() && !pid.trim().is_empty();
            let pid = if readable { pid.trim().to_owned() } else { "unknown".to_owned() };
            return Err(OpenRefused::InUse { folder: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(cause)) => return Err(unusable(&path, cause)),
    }
    let note = |file: &mut File| -> std::io::Result<()> {
        file.set_len(0)?;
        file.rewind()?;
        write!(file, "{}", std::process::id())
    };
    note(&mut file).map_err(|cause| unusable(&path, cause))?;
    Ok(file)
}

fn check_format(folder: &Path) -> Result<(), OpenRefused> {
    let path = folder.join("format");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return std::fs::write(&path, format!("format = {FORMAT}\n")).map_err(|cause| unusable(&path, cause));
        }
        Err(cause) => return Err(unusable(&path, cause)),
    };
    let found = text.trim().strip_prefix("format").and_then(|rest| rest.trim().strip_prefix('='));
    let Some(found) = found.and_then(|number| number.trim().parse::<u32>().ok()) else {
        return Err(OpenRefused::Damaged { file: path, why: "expected one line, `format = 1`".to_owned() });
    };
    if found > FORMAT {
        return Err(OpenRefused::Newer { folder: folder.to_owned(), found });
    }
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = private(OpenOptions::new().write(true).truncate(true)).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.create(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_use_is_refused_with_the_pid() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataFolder::open(folder.path()).unwrap();
        let refused = DataFolder::open(folder.path()).unwrap_err();
        let OpenRefused::InUse { pid, .. } = &refused else { panic!("{refused}") };
        assert_eq!(pid, &std::process::id().to_string());
        assert!(refused.to_string().contains("stop that process"));
        drop(held);
        DataFolder::open(folder.path()).unwrap();
    }

    #[test]
    fn a_newer_or_damaged_format_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        drop(DataFolder::open(folder.path()).unwrap());
        let file = folder.path().join("format");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "format = 1\n");
        std::fs::write(&file, "format = 2\n").unwrap();
        assert!(matches!(DataFolder::open(folder.path()), Err(OpenRefused::Newer { found: 2, .. })));
        std::fs::write(&file, "hello").unwrap();
        assert!(matches!(DataFolder::open(folder.path()), Err(OpenRefused::Damaged { .. })));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "hello");
    }

    #[cfg(unix)]
    #[test]
    fn key_and_data_are_the_owners_alone_and_the_key_stays_the_same() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let key = *first.key().unwrap().bytes();
        for path in [folder.path().join("local.key"), first.file("services.sqlite").unwrap()] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(first);
        assert_eq!(DataFolder::open(folder.path()).unwrap().key().unwrap().bytes(), &key);
    }

    #[test]
    fn a_cut_off_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("local.key"), [1, 2, 3]).unwrap();
        let opened = DataFolder::open(folder.path()).unwrap();
        assert!(matches!(opened.key(), Err(OpenRefused::Damaged { .. })));
    }
}
