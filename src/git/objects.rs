//! Git's objects, read from its own files: packs, loose ones, and what other repos lend. Nothing is written here.

use camino::Utf8Path;
use gix_object::Kind as ObjectKind;
use gix_pack::Bundle;
use gix_pack::cache::lru::MemoryCappedHashmap;

use crate::error::{Failure, Kind};

/// The id of an object.
pub(crate) type ObjectId = gix_hash::ObjectId;

pub(crate) const HASH: gix_hash::Kind = gix_hash::Kind::Sha1;

/// How many bytes of objects a reader keeps, since others are told as differences from them.
const CACHE: usize = 96 << 20;

/// All objects that a git repo has.
pub(crate) struct Objects {
    packs: Vec<Pack>,
    loose: Vec<gix_odb::loose::Store>,
}

pub(super) struct Pack {
    pub(super) bundle: Bundle,
    /// Where its entries begin, ascending, and where the last one ends.
    bounds: std::sync::OnceLock<Vec<u64>>,
}

/// Where an object lies. In this order reading is fast: what others are told from comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Location {
    Packed { pack: usize, offset: u64 },
    Loose,
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Objects of {} packs", self.packs.len())
    }
}

impl Objects {
    pub(crate) fn open(git_dir: &Utf8Path) -> anyhow::Result<Self> {
        // A worktree of git's has them where its main one does.
        let common = std::fs::read_to_string(git_dir.join("commondir"));
        let own = git_dir.join(common.as_deref().unwrap_or(".").trim()).join("objects");
        let unreadable = |error: String| Failure::new(Kind::Git, format!("Could not read {own}: {error}"));
        let lent = gix_odb::alternate::resolve(own.clone().into(), std::path::Path::new("/"));
        let lent = lent.map_err(|error| unreadable(error.to_string()))?;
        let (mut packs, mut loose) = (Vec::new(), Vec::new());
        for folder in std::iter::once(own.clone().into_std_path_buf()).chain(lent) {
            loose.push(gix_odb::loose::Store::at(&folder, HASH));
            let entries = match std::fs::read_dir(folder.join("pack")) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let path = entry?.path();
                if path.extension().is_some_and(|end| end == "idx") && path.with_extension("pack").exists() {
                    let bundle = Bundle::at(&path, HASH).map_err(|error| unreadable(error.to_string()))?;
                    packs.push(Pack { bundle, bounds: std::sync::OnceLock::new() });
                }
            }
        }
        // The largest first: most of what is looked for is there.
        packs.sort_by_key(|pack| std::cmp::Reverse(pack.bundle.index.num_objects()));
        Ok(Self { packs, loose })
    }

    pub(crate) fn locate(&self, id: &ObjectId) -> Option<Location> {
        for (pack, Pack { bundle, .. }) in self.packs.iter().enumerate() {
            if let Some(at) = bundle.index.lookup(id) {
                return Some(Location::Packed { pack, offset: bundle.index.pack_offset_at_index(at) });
            }
        }
        self.loose.iter().any(|store| store.contains(id)).then_some(Location::Loose)
    }

    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader {
            objects: self,
            inflate: gix_zlib::Inflate::default(),
            cache: MemoryCappedHashmap::new(CACHE),
            buffer: Vec::new(),
        }
    }

    pub(super) fn pack(&self, pack: usize) -> &Pack {
        &self.packs[pack]
    }
}

impl Pack {
    /// Where the entry that begins at `offset` ends.
    pub(super) fn end_of(&self, offset: u64) -> Option<u64> {
        let bounds = self.bounds.get_or_init(|| {
            let mut bounds = self.bundle.index.sorted_offsets();
            bounds.push(self.bundle.pack.pack_end() as u64);
            bounds
        });
        bounds.get(bounds.binary_search(&offset).ok()? + 1).copied()
    }
}

/// Reads objects one after the other; each thread has its own.
pub(crate) struct Reader<'a> {
    objects: &'a Objects,
    inflate: gix_zlib::Inflate,
    cache: MemoryCappedHashmap,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader of {:?}", self.objects)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn objects(&self) -> &'a Objects {
        self.objects
    }

    /// The object, which must be there.
    pub(crate) fn read(&mut self, id: &ObjectId) -> anyhow::Result<(ObjectKind, &[u8])> {
        let unreadable =
            |error: String| Failure::new(Kind::Git, format!("Could not read the object {id}: {error}"));
        // The borrow of a return in a loop would outlive it: what is found is read again from the buffer.
        let mut kind = None;
        for Pack { bundle, .. } in &self.objects.packs {
            let found = bundle.find(id, &mut self.buffer, &mut self.inflate, &mut self.cache);
            if let Some((object, _)) = found.map_err(|error| unreadable(error.to_string()))? {
                kind = Some((object.kind, object.data.len()));
                break;
            }
        }
        if kind.is_none() {
            for store in &self.objects.loose {
                let found = store.try_find(id, &mut self.buffer);
                if let Some(object) = found.map_err(|error| unreadable(error.to_string()))? {
                    kind = Some((object.kind, object.data.len()));
                    break;
                }
            }
        }
        let (kind, size) = kind.ok_or_else(|| unreadable("it is not there".to_owned()))?;
        Ok((kind, &self.buffer[..size]))
    }

    /// The same for an object of a kind.
    pub(crate) fn require(&mut self, id: &ObjectId, wanted: ObjectKind) -> anyhow::Result<&[u8]> {
        let (kind, data) = self.read(id)?;
        if kind == wanted {
            return Ok(data);
        }
        Err(Failure::new(
            Kind::Git,
            format!("Could not read the object {id}: it is a {kind}, not a {wanted}"),
        )
        .into())
    }
}
