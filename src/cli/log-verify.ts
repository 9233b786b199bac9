import type { CommandModule } from 'yargs';
import { planRepair, repairRun } from '../log/repair.ts';
import { type Verification, verifyRun } from '../log/verify.ts';
import { counted, fixed } from '../report/format.ts';
import { bytesOf } from '../report/run-list.ts';
import { confirm } from './confirm.ts';

interface VerifyArguments {
  run: string;
}

export const logVerifyCommand: CommandModule<object, VerifyArguments> = {
  command: 'verify <run>',
  describe: 'check everything that is recorded; exit code 1 where something is damaged',
  builder: (y) =>
    y.positional('run', { type: 'string', demandOption: true, describe: 'run directory' }) as never,
  async handler({ run }) {
    const found = await verifyRun(run);
    process.stdout.write(`${linesOf(found).join('\n')}\n`);
    if (found.findings.length > 0) process.exitCode = 1;
  },
};

export const logRepairCommand: CommandModule<object, VerifyArguments & { yes: boolean }> = {
  command: 'repair <run>',
  describe: 'cut a damaged run back to its last good event, after saying what goes',
  builder: (y) =>
    y
      .positional('run', { type: 'string', demandOption: true, describe: 'run directory' })
      .option('yes', { type: 'boolean', default: false, describe: 'do not ask' }) as never,
  async handler({ run, yes }) {
    const found = await verifyRun(run);
    process.stdout.write(`${linesOf(found).join('\n')}\n`);
    const plan = planRepair(found);
    if (!plan) return;
    const { from, events, checkpoints, remnants } = plan;
    process.stdout.write('To be removed:\n');
    if (from !== undefined) {
      const known = events > 0 ? ` (${fixed(events)} can be read)` : '';
      process.stdout.write(`  event ${from} and every event after it${known}, with their columns\n`);
    }
    for (const path of checkpoints) process.stdout.write(`  ${path}\n`);
    for (const { file, bytes, why } of remnants)
      process.stdout.write(`  ${file}: ${why}${bytes > 0 ? `, ${bytesOf(bytes)}` : ''}\n`);
    await confirm(yes);
    await repairRun(plan);
    process.stdout.write(`${linesOf(await verifyRun(run)).join('\n')}\n`);
  },
};

function linesOf(found: Verification): string[] {
  const { directory, findings, remnants, writer, pruned, unkept } = found;
  const lines = findings.map((f) => f.error.message);
  for (const { file, from, bytes, why } of remnants)
    lines.push(`${directory}/${file}: ${why}: ${bytesOf(bytes)} from byte ${from}; cut when the run goes on`);
  if (writer) lines.push(`${directory}: process ${writer.pid} on ${writer.host} writes it now`);
  const counts = [
    counted(found.events, 'event'),
    counted(found.rows, 'row'),
    `${bytesOf(found.bytes)} of columns`,
    counted(found.checkpoints.length, 'checkpoint'),
    ...(pruned.length > 0 ? [`${counted(pruned.length, 'file')} of columns pruned`] : []),
    ...(unkept > 0 ? [`columns of ${counted(unkept, 'event')} not kept`] : []),
  ].join(', ');
  const end = findings.length > 0 ? `${fixed(findings.length)} damaged of` : 'verified';
  return [...lines, `${directory}: ${end}: ${counts}`];
}
