import { type MessagePort, parentPort, type Transferable, workerData } from 'node:worker_threads';
import { openLocalServices } from './local-policy.ts';
import type { PolicyOptions } from './policy-options.ts';
import { sharedSignal } from './shared-signal.ts';
import { toWire } from './wire-error.ts';
import { type Answer, type Call, callsOf, type Opened, type PolicyCalls } from './worker-protocol.ts';

/** The thread that holds a policy: opens it, answers calls, and ends with the call `close`. */
async function serve(port: MessagePort, options: PolicyOptions): Promise<void> {
  let calls: PolicyCalls;
  try {
    const services = await openLocalServices(options);
    calls = callsOf(services);
    const opened: Opened = { info: services.info, config: services.config };
    port.postMessage({ id: 0, result: opened } satisfies Answer);
  } catch (error) {
    port.postMessage({ id: 0, error: toWire(error) } satisfies Answer);
    port.close();
    return;
  }
  // a call that cannot be read cannot be answered: the thread fails, and with it every call
  port.on('messageerror', (cause) => {
    throw cause;
  });
  port.on('message', async ({ id, name, argument, flag }: Call) => {
    let answer: Answer;
    try {
      const call = calls[name] as (argument: unknown, signal: AbortSignal) => Promise<unknown>;
      answer = { id, result: await call(argument, sharedSignal(flag)) };
    } catch (error) {
      answer = { id, error: toWire(error) };
    }
    port.postMessage(answer, 'result' in answer ? buffersOf(answer.result) : []);
    if (name === 'close') port.close();
  });
}

/** The buffers of a result's arrays that are all of their buffer: they are handed over, not copied. */
function buffersOf(value: unknown, found = new Set<Transferable>()): Transferable[] {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) found.add(buffer);
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) buffersOf(part, found);
  }
  return [...found];
}

await serve(parentPort!, workerData as PolicyOptions);
