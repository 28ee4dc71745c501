//! Writes entries into an answer's body: rendered, packed, and no faster than the client draws them.

use crate::form::{Form, Packing};
use flate2::write::GzEncoder;
use infralogs_core::{
    Error, Result,
    entry::{Batch, Entry},
    wire::{self, End, Writer},
};
use infralogs_http::{body::Sender, sse};
use std::io::Write;

/// A chunk is packed and sent once it has so many bytes.
const CHUNK_BYTES: usize = 32 << 10;
/// So many chunks wait for a slow reader; then writing waits.
pub(crate) const CHUNKS_MAX: usize = 2;
/// Higher levels cost the machine more than they save the network.
const ZSTD_LEVEL: i32 = 1;

/// A body being written. Dropped before its end, the answer breaks off.
pub(crate) struct Out {
    form: Form,
    packer: Packer,
    sender: Sender,
    writer: Writer,
    chunk: Vec<u8>,
}

enum Packer {
    Plain,
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Out {
    pub(crate) fn new(form: Form, packing: Packing, sender: Sender) -> Result<Self> {
        let packer = match packing {
            Packing::Plain => Packer::Plain,
            Packing::Gzip => Packer::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::fast()))),
            Packing::Zstd => Packer::Zstd(zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL).map_err(broken)?),
        };
        let writer = if form == Form::Export { Writer::export() } else { Writer::ndjson() };
        Ok(Self { form, packer, sender, writer, chunk: Vec::with_capacity(CHUNK_BYTES * 2) })
    }

    /// Writes all entries of a batch.
    pub(crate) async fn batch(&mut self, batch: &Batch) -> Result<()> {
        self.writer.begin();
        for entry in batch.entries.iter() {
            self.render(&entry);
            if self.chunk.len() >= CHUNK_BYTES {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Sends what is there, so that a client that follows need not wait for more.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.send().await?;
        let packed = match &mut self.packer {
            Packer::Plain => return Ok(()),
            Packer::Gzip(packer) => packer.flush().map(|()| std::mem::take(packer.get_mut())),
            Packer::Zstd(packer) => packer.flush().map(|()| std::mem::take(packer.get_mut())),
        };
        self.sender.send(packed.map_err(broken)?).await
    }

    /// A sign of life for clients that take one.
    pub(crate) async fn still_here(&mut self) -> Result<()> {
        if self.form == Form::Events { self.sender.send(sse::keep_alive()).await } else { Ok(()) }
    }

    /// Closes with what makes the batch complete. In export format nothing of it stands in the body.
    pub(crate) async fn end(mut self, end: &End) -> Result<()> {
        match self.form {
            Form::Ndjson => wire::write_end(end, &mut self.chunk),
            Form::Export => {}
            Form::Events => {
                let id = end.cursor.map(|cursor| cursor.to_string()).unwrap_or_default();
                let event = sse::Event { id: &id, event: "end", data: &end.to_json() };
                self.chunk.extend_from_slice(&event.to_bytes());
            }
        }
        self.finish().await
    }

    /// Ends the body.
    pub(crate) async fn finish(mut self) -> Result<()> {
        self.send().await?;
        let rest = match self.packer {
            Packer::Plain => Vec::new(),
            Packer::Gzip(packer) => packer.finish().map_err(broken)?,
            Packer::Zstd(packer) => packer.finish().map_err(broken)?,
        };
        self.sender.send(rest).await?;
        self.sender.finish().await
    }

    /// Waits until the client is gone.
    pub(crate) async fn gone(&self) {
        self.sender.gone().await;
    }

    fn render(&mut self, entry: &Entry<'_>) {
        match self.form {
            Form::Ndjson | Form::Export => self.writer.write(entry, &mut self.chunk),
            Form::Events => {
                self.chunk.extend_from_slice(b"id: ");
                entry.cursor.write_to(&mut self.chunk);
                self.chunk.extend_from_slice(b"\ndata: ");
                // It is one line, and ends it.
                self.writer.write(entry, &mut self.chunk);
                self.chunk.push(b'\n');
            }
        }
    }

    async fn send(&mut self) -> Result<()> {
        let packed = match &mut self.packer {
            Packer::Plain => std::mem::replace(&mut self.chunk, Vec::with_capacity(CHUNK_BYTES * 2)),
            Packer::Gzip(packer) => {
                packer.write_all(&self.chunk).map_err(broken)?;
                std::mem::take(packer.get_mut())
            }
            Packer::Zstd(packer) => {
                packer.write_all(&self.chunk).map_err(broken)?;
                std::mem::take(packer.get_mut())
            }
        };
        self.chunk.clear();
        self.sender.send(packed).await
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::failed("packing the answer failed").because(error)
}
