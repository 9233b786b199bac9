import { type RecordBatch, RecordBatchStreamWriter, tableFromIPC } from 'apache-arrow';
import type { Batch } from '../core/batch.ts';

/*
 * A file of events is an Arrow IPC stream without an end-of-stream mark:
 *
 *     | schema message (head) | record batch message | record batch message | ...
 *
 * Each message is ffffffff, int32 length of its metadata, metadata, body; its size is a multiple of 8.
 */

/** The two messages of a stream that holds one batch. Equal schemas give equal heads. */
export interface Messages {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  readonly rows: number;
}

const endOfStream = 8;

/** A batch as bytes of its own. */
export function toMessages(batch: RecordBatch): Messages {
  const stream = RecordBatchStreamWriter.writeAll([batch]).toUint8Array(true);
  const head = 8 + new DataView(stream.buffer, stream.byteOffset).getInt32(4, true);
  return {
    head: stream.subarray(0, head),
    body: stream.subarray(head, stream.length - endOfStream),
    rows: batch.numRows,
  };
}

/** The batch of two messages. Only for bytes whose hash was checked: Arrow's reader trusts them. */
export function fromMessages(messages: Omit<Messages, 'rows'>): Batch {
  // one fresh, aligned buffer: the batch's numbers are views into it
  const stream = new Uint8Array(messages.head.length + messages.body.length);
  stream.set(messages.head);
  stream.set(messages.body, messages.head.length);
  return tableFromIPC(stream);
}
