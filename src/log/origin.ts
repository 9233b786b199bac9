import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunOrigin } from './event-log.ts';

/**
 * What this program and machine would write into a run's header.
 *
 * @param known hashes of data files by name, and of the starting policy.
 */
export async function originOf(known: Pick<RunOrigin, 'data' | 'policy'>): Promise<RunOrigin> {
  const here = fileURLToPath(import.meta.url);
  const versions: Record<string, string> = {
    rlev: (await versionAbove(here))!,
    node: process.versions.node,
  };
  for (const name of ['apache-arrow', 'onnxruntime-node']) {
    const version = await versionOf(name);
    if (version) versions[name] = version;
  }
  return { versions, cpu: await cpuFeatures(), ...known };
}

/**
 * What differs between two headers, as `versions.node: recorded 20.0.0, now 22.0.0`; empty where a run can be continued.
 *
 * @param names of the two
 */
export function headerDifferences(
  recorded: RunOrigin,
  now: RunOrigin,
  [first, second]: readonly [string, string] = ['recorded', 'now'],
): string[] {
  const fields = ({ versions, cpu, data, policy }: RunOrigin): Map<string, string> =>
    new Map([
      ...Object.entries(versions).map(([k, v]) => [`versions.${k}`, v] as const),
      ...Object.entries(data).map(([k, v]) => [`data.${k}`, v] as const),
      ['cpu', cpu.join(' ')],
      ['policy', policy],
    ]);
  const before = fields(recorded);
  const after = fields(now);
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map(
      (name) => `${name}: ${first} ${before.get(name) ?? 'absent'}, ${second} ${after.get(name) ?? 'absent'}`,
    );
}

/** The instruction sets by which numerical libraries choose their kernels; the model's name where none are told. */
export async function cpuFeatures(): Promise<string[]> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/) ?? [];
  const telling = flags.filter((f) => /^(sse4|avx|fma|f16c|amx|asimd|sve|sme(?!p)|bf16|i8mm|fphp)/.test(f));
  return telling.length > 0 ? [...new Set(telling)].sort() : [cpus()[0]?.model ?? 'unknown'];
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    return await versionAbove(createRequire(import.meta.url).resolve(name));
  } catch {
    return undefined;
  }
}

/** The version in the nearest package.json with one: some packages keep others, without a version, in between. */
async function versionAbove(path: string): Promise<string | undefined> {
  const folder = dirname(path);
  if (folder === path) return undefined;
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}');
  return JSON.parse(text).version ?? versionAbove(folder);
}
