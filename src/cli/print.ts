import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Chunks to stdout, no faster than its reader takes them. */
export async function print(chunks: AsyncIterable<string | Uint8Array>): Promise<void> {
  await pipeline(Readable.from(chunks), process.stdout, { end: false }).catch((error) => {
    // a reader that has seen enough
    if (error.code !== 'EPIPE') throw error;
  });
}
