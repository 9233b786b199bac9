import yargs, { type CommandModule } from 'yargs';
import { exitCodeOf, explain } from '../../src/cli/failure.ts';
import type { Ended } from './cli.ts';

/** Runs a command in this process: its output, and the exit code it would end with. */
export async function inProcess<U>(
  command: CommandModule<object, U>,
  args: readonly string[],
): Promise<Ended> {
  const { write } = process.stdout;
  let out = '';
  process.stdout.write = ((text: string | Uint8Array, ...rest: unknown[]) => {
    out += text;
    for (const done of rest) if (typeof done === 'function') done();
    return true;
  }) as typeof write;
  process.exitCode = undefined;
  try {
    await yargs([...args])
      .command(command)
      .exitProcess(false)
      .fail(false)
      .parseAsync();
    return { code: Number(process.exitCode ?? 0), out, err: '' };
  } catch (error) {
    return { code: exitCodeOf(error), out, err: explain(error) };
  } finally {
    process.stdout.write = write;
    process.exitCode = undefined;
  }
}
