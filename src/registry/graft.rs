//! A copy of a damaged database that SQLite may open: its first page can be lent by a new registry.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::Registry;

/// How much of the new registry's first page takes the place of the damaged one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Graft {
    None,
    /// What makes the file a database: the schema behind it may be whole.
    Header,
    /// The schema too: tables made in the same order begin on the same pages. It is also what a log needs that has lost
    /// its database.
    Schema,
}

const HEADER: usize = 100;

/// Copies a database and its log into a folder, and grafts.
pub(super) fn copy(path: &Utf8Path, folder: &Utf8Path, graft: Graft) -> anyhow::Result<Utf8PathBuf> {
    let copied = folder.join("damaged.db");
    for ending in ["", "-wal", "-shm"] {
        let to = format!("{copied}{ending}");
        match std::fs::remove_file(&to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        // The index is made anew from the log.
        let from = format!("{path}{ending}");
        if ending != "-shm" && Utf8Path::new(&from).exists() {
            let mut new = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&to)?;
            std::io::copy(&mut File::open(&from)?, &mut new)?;
        }
    }
    if graft != Graft::None {
        let donor = folder.join("donor.db");
        // Closed at once, so that the file holds all of it.
        drop(Registry::open(&donor)?);
        let mut lent = Vec::new();
        File::open(&donor)?.read_to_end(&mut lent)?;
        let size = usize::from(u16::from_be_bytes([lent[16], lent[17]]));
        let mut file = OpenOptions::new().write(true).open(&copied)?;
        let schema = if graft == Graft::Schema { schema_pages(&lent, size, 1) } else { Vec::new() };
        for number in &schema {
            file.seek(SeekFrom::Start(((number - 1) * size) as u64))?;
            file.write_all(page(&lent, size, *number))?;
        }
        // What is cut off is empty pages: tables that began there are known, and cannot be read.
        file.set_len(file.metadata()?.len().max(lent.len() as u64))?;
        let pages = u32::try_from(file.metadata()?.len().div_ceil(size as u64)).unwrap_or(u32::MAX).max(1);
        lent[28..32].copy_from_slice(&pages.to_be_bytes());
        // No free pages: the donor's are not the file's.
        lent[32..40].fill(0);
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&lent[..HEADER])?;
    }
    Ok(copied)
}

fn page(database: &[u8], size: usize, number: usize) -> &[u8] {
    &database[(number - 1) * size..number * size]
}

/// The pages of the tree that begins on this page of a sound database: the schema's on the first.
fn schema_pages(database: &[u8], size: usize, number: usize) -> Vec<usize> {
    /// The first byte of a page with further pages below it.
    const INTERIOR: u8 = 5;
    let bytes = page(database, size, number);
    let start = if number == 1 { HEADER } else { 0 };
    let mut pages = vec![number];
    if bytes[start] == INTERIOR {
        let short = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let below = |at: usize| short(at) << 16 | short(at + 2);
        let cells = (0..short(start + 3)).map(|cell| short(start + 12 + 2 * cell));
        for child in cells.chain([start + 8]).map(below) {
            pages.extend(schema_pages(database, size, child));
        }
    }
    pages
}
