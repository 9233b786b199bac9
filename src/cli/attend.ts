import { RlevError } from '../core/errors.ts';
import { namesModule } from '../pipeline/file/own-stages.ts';
import type { CarryOutOptions, RunEvent, RunResult } from '../pipeline/run/carry-out.ts';
import { closing, summaryOf } from './closing.ts';
import { onInterrupt } from './interrupt.ts';
import { progressOn } from './progress.ts';

type Opened = Extract<RunEvent, { type: 'opened' }>;

/** What a command that runs steps gives: how it is run, and what it says once the run is open. */
export interface Attended {
  /** Print the result as JSON on stdout, all else on stderr. */
  readonly json: boolean;
  run(options: CarryOutOptions, say: (line: string) => void): Promise<RunResult>;
  opened?(event: Opened): readonly string[];
}

/** Watches over a run from a terminal: progress, Ctrl-C, tables at the end, and how to go on where it stops. */
export async function attend({ json, run, opened }: Attended): Promise<void> {
  const out = json ? process.stderr : process.stdout;
  const say = (line: string): void => void out.write(`${line}\n`);
  const { signal, release } = onInterrupt();
  const progress = progressOn(out);
  let open: Opened | undefined;
  try {
    const options: CarryOutOptions = {
      signal,
      notice: say,
      onEvent(event) {
        if (event.type === 'opened') {
          open = event;
          for (const line of [policyOf(event), `run: ${event.directory}`, ...(opened?.(event) ?? [])])
            if (line) say(line);
        }
        progress.tell(event);
      },
    };
    const result = await run(options, say);
    progress.end(true);
    if (json) process.stdout.write(`${JSON.stringify(summaryOf(result), null, 2)}\n`);
    else say(closing(open!.pipeline, result));
  } catch (error) {
    progress.end(false);
    if (open) say(leftBehind(open, error));
    throw error;
  } finally {
    release();
  }
}

function policyOf({ assembly: { policy } }: Opened): string | undefined {
  if (!policy) return undefined;
  const { parameters, critic, engine, device } = policy.info;
  const beside = critic ? `, critic: ${critic.parameters.toLocaleString('en')}` : '';
  return `policy: ${parameters.toLocaleString('en')} parameters${beside} on ${engine} (${device})`;
}

/** How to go on. A run is resumed by the same code only, and what a stage of one's own did wrong is mended in its code. */
export function leftBehind(
  { directory, pipeline }: Pick<Opened, 'directory' | 'pipeline'>,
  error: unknown,
): string {
  const valid = `What was recorded until now is in ${directory}, and is valid.`;
  const isOfStage =
    error instanceof RlevError && (error.code === 'stage/contract' || error.code === 'stage/failed');
  const stages = [pipeline, ...pipeline.evaluate].flatMap((flow) => flow.stages);
  return isOfStage && stages.some(({ use }) => namesModule(use))
    ? `${valid} A stage whose code is changed needs a new run:\n  npx rlev train ${pipeline.file}`
    : `${valid} To go on from there:\n  npx rlev resume ${directory}`;
}
