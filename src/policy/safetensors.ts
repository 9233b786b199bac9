import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { show } from '../core/errors.ts';
import { checkpointError, readJson } from './config.ts';

/*
 * A safetensors file:
 *
 *   bytes 0..7      N, length of the header, uint64 little-endian
 *   bytes 8..8+N    JSON: { name: { dtype, shape, data_offsets: [begin, end] }, __metadata__?: { string: string } }
 *   bytes 8+N..     the tensors' data, row-major, little-endian; offsets count from here
 */

/** A tensor read from a file, widened to float32. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

const headerLimit = 100_000_000;
const bytesPerElement: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

const entry = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/**
 * The tensors of one file by name. F32, F16 and BF16 become float32, exactly.
 *
 * @throws RlevError `policy/checkpoint` naming file and tensor, where anything is malformed
 */
export async function readSafetensors(file: string): Promise<Map<string, StoredTensor>> {
  const bytes = await readFile(file).catch((cause) => {
    throw checkpointError('The file cannot be read.', file, undefined, again, cause);
  });
  return parseSafetensors(bytes, file);
}

/** The same from bytes in memory; `file` names them in errors. */
export function parseSafetensors(bytes: Uint8Array, file: string): Map<string, StoredTensor> {
  const fail = (message: string, value?: unknown): never => {
    throw checkpointError(message, file, value, again);
  };
  if (bytes.length < 8) fail(`The file has ${bytes.length} bytes, too few for a safetensors header.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > Math.min(headerLimit, bytes.length - 8)) {
    fail(`The header claims ${headerLength} bytes, and ${bytes.length - 8} follow.`, headerLength);
  }
  const data = bytes.subarray(8 + headerLength);
  const tensors = new Map<string, StoredTensor>();
  const header = parseHeader(bytes.subarray(8, 8 + headerLength), fail);
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const parsed = entry.safeParse(value);
    if (!parsed.success) fail(`The entry of tensor ${name} is malformed.`, value);
    const { dtype, shape, data_offsets } = parsed.data!;
    const [begin, end] = data_offsets;
    const width = bytesPerElement[dtype];
    if (!width) fail(`Tensor ${name} is of type ${show(dtype)}; F32, F16 and BF16 can be read.`, dtype);
    const size = shape.reduce((a, b) => a * b, 1);
    if (end - begin !== size * width!) {
      fail(`Tensor ${name} of shape [${shape}] spans ${end - begin} bytes instead of ${size * width!}.`);
    }
    if (end > data.length) {
      fail(
        `Tensor ${name} ends at byte ${end} of the data, which has ${data.length}: the file is cut short.`,
      );
    }
    tensors.set(name, { shape, values: widen(new Uint8Array(data.subarray(begin, end)), dtype) });
  }
  return tensors;
}

/**
 * The tensors of a checkpoint directory: model.safetensors, or the shards that model.safetensors.index.json names.
 */
export async function readSafetensorsDirectory(directory: string): Promise<Map<string, StoredTensor>> {
  const indexFile = join(directory, 'model.safetensors.index.json');
  const index = await readJson(indexFile, null);
  if (index === null) return readSafetensors(join(directory, 'model.safetensors'));

  const parsed = z.object({ weight_map: z.record(z.string(), z.string()) }).safeParse(index);
  if (!parsed.success) throw checkpointError('The index has no usable weight_map.', indexFile, index, again);
  const shards = new Map<string, Map<string, StoredTensor>>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, shard] of Object.entries(parsed.data.weight_map)) {
    if (shard !== join(shard).split(/[\\/]/).pop()) {
      throw checkpointError(`The shard of tensor ${name} is not a file beside the index.`, indexFile, shard);
    }
    if (!shards.has(shard)) shards.set(shard, await readSafetensors(join(dirname(indexFile), shard)));
    const tensor = shards.get(shard)!.get(name);
    if (!tensor) {
      throw checkpointError(`Tensor ${name} is not in ${shard}, where the index places it.`, indexFile);
    }
    tensors.set(name, tensor);
  }
  return tensors;
}

/** Writes float32 tensors in the order given, and waits until they are on the disk. */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + values.byteLength] };
    parts.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Readers that map the file want the data aligned: spaces after the JSON are allowed for that.
  const padded = Math.ceil(json.length / 8) * 8;
  const head = Buffer.alloc(8 + padded, ' ');
  head.writeBigUInt64LE(BigInt(padded));
  json.copy(head, 8);
  const handle = await open(file, 'w');
  try {
    await handle.writev([head]);
    for (const part of parts) await handle.writeFile(part);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const again = 'Copy or download the checkpoint again.';

function parseHeader(
  bytes: Uint8Array,
  fail: (message: string, value?: unknown) => never,
): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (header !== null && typeof header === 'object' && !Array.isArray(header)) {
      return header as Record<string, unknown>;
    }
  } catch {
    return fail('The safetensors header is not JSON.');
  }
  return fail('The safetensors header is not a JSON object.');
}

/** Little-endian bytes, the whole of their buffer, to float32. */
function widen(bytes: Uint8Array<ArrayBuffer>, dtype: string): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer);
  const halves = new Uint16Array(bytes.buffer);
  if (dtype === 'BF16') {
    const bits = Uint32Array.from(halves, (half) => half << 16);
    return new Float32Array(bits.buffer);
  }
  return Float32Array.from(halves, halfToFloat);
}

/** IEEE 754 binary16 bits to their number. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
