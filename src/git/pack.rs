//! A pack, written object by object. What lies in a pack already is copied as it is, without being taken apart, where
//! what it is told from comes along too.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use gix_object::Kind as ObjectKind;
use gix_pack::data::entry::Header;

use super::objects::{HASH, Location, ObjectId, Reader};
use crate::error::{Failure, Kind};

/// Of a file that was compressed before, more effort gains little.
const EFFORT: u32 = 1;

/// The pack's signature and version.
const SIGNATURE: [u8; 8] = [b'P', b'A', b'C', b'K', 0, 0, 0, 2];

/// Of an index: its signature, and its version.
const INDEX: [u8; 8] = [0xff, b't', b'O', b'c', 0, 0, 0, 2];

/// From here on an offset stands in the table of long ones.
const LONG: u64 = 1 << 31;

struct Entry {
    id: ObjectId,
    crc: u32,
    offset: u64,
}

/// A pack under way. Without [`finish`](Self::finish) nothing of it counts.
pub(crate) struct PackWriter {
    /// None where it is only tried how large it would be.
    file: Option<(Utf8PathBuf, BufWriter<File>)>,
    at: u64,
    entries: Vec<Entry>,
    /// Where the objects of other packs are in this one.
    copied: HashMap<Location, u64>,
    deflate: Compress,
    compressed: Vec<u8>,
}

impl std::fmt::Debug for PackWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackWriter with {} objects", self.entries.len())
    }
}

impl PackWriter {
    /// Begins a pack in a folder of objects.
    pub(crate) fn create(objects: &Utf8Path) -> anyhow::Result<Self> {
        let folder = objects.join("pack");
        std::fs::create_dir_all(&folder)?;
        let path = unfinished(&folder);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&SIGNATURE)?;
        file.write_all(&[0; 4])?;
        Ok(Self { file: Some((folder, file)), ..Self::to_nowhere() })
    }

    /// A pack that is not written: only its size is told.
    pub(crate) fn to_nowhere() -> Self {
        Self {
            file: None,
            at: 12,
            entries: Vec::new(),
            copied: HashMap::new(),
            deflate: Compress::new(Compression::new(EFFORT), true),
            compressed: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an object that is nowhere yet.
    pub(crate) fn add(&mut self, id: ObjectId, kind: ObjectKind, data: &[u8]) -> anyhow::Result<()> {
        let header = match kind {
            ObjectKind::Commit => Header::Commit,
            ObjectKind::Tree => Header::Tree,
            ObjectKind::Blob => Header::Blob,
            ObjectKind::Tag => Header::Tag,
        };
        self.compress(data)?;
        let compressed = std::mem::take(&mut self.compressed);
        let written = self.put(id, header, data.len() as u64, &compressed);
        self.compressed = compressed;
        written.map(|_| ())
    }

    /// Copies an object from where it lies. In the order of [`Location`], the most is copied as it is.
    pub(crate) fn copy(
        &mut self,
        id: ObjectId,
        from: Location,
        reader: &mut Reader<'_>,
    ) -> anyhow::Result<()> {
        if let Location::Packed { pack: number, offset } = from {
            let pack = reader.objects().pack(number);
            let data = &pack.bundle.pack;
            let torn = || Failure::new(Kind::Git, format!("Could not read {}", data.path().display()));
            let entry = data.entry(offset).map_err(|_| torn())?;
            let header = match entry.header {
                Header::OfsDelta { base_distance } => {
                    offset.checked_sub(base_distance).and_then(|base| self.told_from(number, base))
                }
                Header::RefDelta { base_id } => {
                    let index = &pack.bundle.index;
                    let base = index.lookup(base_id).map(|at| index.pack_offset_at_index(at));
                    base.and_then(|base| self.told_from(number, base))
                }
                whole => Some(whole),
            };
            if let Some(header) = header {
                let end = pack.end_of(offset).ok_or_else(torn)?;
                let bytes = data.entry_slice(entry.data_offset..end).ok_or_else(torn)?;
                let at = self.put(id, header, entry.decompressed_size, bytes)?;
                self.copied.insert(from, at);
                return Ok(());
            }
        }
        let at = self.at;
        let (kind, data) = reader.read(&id)?;
        self.add(id, kind, data)?;
        self.copied.insert(from, at);
        Ok(())
    }

    /// How an entry says that it is told from one that was copied before.
    fn told_from(&self, pack: usize, base: u64) -> Option<Header> {
        let base = self.copied.get(&Location::Packed { pack, offset: base })?;
        Some(Header::OfsDelta { base_distance: self.at - base })
    }

    fn put(&mut self, id: ObjectId, header: Header, size: u64, compressed: &[u8]) -> anyhow::Result<u64> {
        let mut head = Vec::with_capacity(16);
        header.write_to(size, &mut head)?;
        let mut crc = Crc::new();
        crc.update(&head);
        crc.update(compressed);
        if let Some((_, file)) = &mut self.file {
            file.write_all(&head)?;
            file.write_all(compressed)?;
        }
        let offset = self.at;
        self.entries.push(Entry { id, crc: crc.sum(), offset });
        self.at += (head.len() + compressed.len()) as u64;
        Ok(offset)
    }

    fn compress(&mut self, data: &[u8]) -> anyhow::Result<()> {
        self.deflate.reset();
        self.compressed.clear();
        loop {
            self.compressed.reserve(data.len() / 2 + 64);
            let taken = usize::try_from(self.deflate.total_in())?;
            let rest = &data[taken..];
            if self.deflate.compress_vec(rest, &mut self.compressed, FlushCompress::Finish)?
                == Status::StreamEnd
            {
                return Ok(());
            }
        }
    }

    /// Gives a pack up that nothing was put into.
    pub(crate) fn discard(self) -> anyhow::Result<()> {
        if let Some((folder, file)) = self.file {
            drop(file);
            std::fs::remove_file(unfinished(&folder))?;
        }
        Ok(())
    }

    /// Completes the pack, writes its index, and gives its size. Then git sees it.
    pub(crate) fn finish(mut self) -> anyhow::Result<u64> {
        let size = self.at + HASH.len_in_bytes() as u64;
        let Some((folder, file)) = self.file.take() else { return Ok(size) };
        let count = u32::try_from(self.entries.len())?;
        let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(8))?;
        file.write_all(&count.to_be_bytes())?;
        file.rewind()?;
        let sum = sum(&file)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(sum.as_slice())?;
        file.sync_data()?;
        drop(file);
        self.entries.sort_by_key(|entry| entry.id);
        let name = folder.join(format!("pack-{sum}.pack"));
        let index = name.with_extension("idx");
        std::fs::write(index.with_extension("idx.new"), index_of(&self.entries, &sum)?)?;
        std::fs::rename(unfinished(&folder), &name)?;
        std::fs::rename(index.with_extension("idx.new"), &index)?;
        Ok(size)
    }
}

fn unfinished(folder: &Utf8Path) -> Utf8PathBuf {
    // Git's own word for what `git gc` may take away.
    folder.join(format!("tmp_pack_{}", std::process::id()))
}

fn sum(file: &File) -> anyhow::Result<ObjectId> {
    let mut hash = gix_hash::hasher(HASH);
    let mut reader = BufReader::new(file);
    let mut chunk = vec![0; 1 << 20];
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(hash.try_finalize()?),
            read => hash.update(&chunk[..read]),
        }
    }
}

/// The index of sorted entries, in git's second version.
fn index_of(entries: &[Entry], pack: &ObjectId) -> anyhow::Result<Vec<u8>> {
    let mut index = Vec::with_capacity(1100 + entries.len() * 28);
    index.extend(INDEX);
    for first in 0..=u8::MAX {
        let below = entries.partition_point(|entry| entry.id.as_slice()[0] <= first);
        index.extend(u32::try_from(below)?.to_be_bytes());
    }
    entries.iter().for_each(|entry| index.extend(entry.id.as_slice()));
    entries.iter().for_each(|entry| index.extend(entry.crc.to_be_bytes()));
    let mut long: Vec<u64> = Vec::new();
    for entry in entries {
        let short = match u32::try_from(entry.offset) {
            Ok(short) if entry.offset < LONG => short,
            _ => {
                long.push(entry.offset);
                u32::try_from(LONG)? | u32::try_from(long.len() - 1)?
            }
        };
        index.extend(short.to_be_bytes());
    }
    long.iter().for_each(|offset| index.extend(offset.to_be_bytes()));
    index.extend(pack.as_slice());
    let mut hash = gix_hash::hasher(HASH);
    hash.update(&index);
    index.extend(hash.try_finalize()?.as_slice());
    Ok(index)
}
