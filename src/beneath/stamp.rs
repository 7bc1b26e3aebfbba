//! The stamp of a file: the `stat` values that differ between its versions.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use rustix::fs::Stat;

/// Size, times and identity of a file. Versions are compared by stamp instead of being read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// The last change of the content (mtime), in nanoseconds since 1970.
    pub modified_ns: i128,
    /// The last change of the content or the metadata (ctime), in nanoseconds since 1970. Programs can't set it.
    pub changed_ns: i128,
    /// The file's inode number.
    pub inode: u64,
    /// The number of the device with the file.
    pub device: u64,
}

impl From<&Stat> for Stamp {
    fn from(stat: &Stat) -> Stamp {
        Stamp {
            size: u64::try_from(stat.st_size).unwrap_or_default(),
            modified_ns: nanoseconds(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed_ns: nanoseconds(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
            inode: stat.st_ino,
            // Some systems have signed and shorter device numbers.
            device: i128::from(stat.st_dev) as u64,
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Stamp {
        Stamp {
            size: metadata.size(),
            modified_ns: nanoseconds(metadata.mtime().into(), metadata.mtime_nsec().into()),
            changed_ns: nanoseconds(metadata.ctime().into(), metadata.ctime_nsec().into()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

fn nanoseconds(seconds: i128, nanoseconds: i128) -> i128 {
    seconds * 1_000_000_000 + nanoseconds
}
