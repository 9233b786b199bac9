import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { promisify } from 'node:util';
import type { TopLevelSpec } from 'vega-lite';
import { RlevError, show } from '../core/errors.ts';

/** A plot as Vega-Lite has it: data, marks and what they stand for. */
export type Plot = TopLevelSpec;

/** The plot as SVG. Vega takes 0.3 s to load: only where something is drawn. */
export async function svgOf(plot: Plot): Promise<string> {
  const [{ compile }, { parse, View, Warn }] = await Promise.all([import('vega-lite'), import('vega')]);
  const view = new View(parse(compile(plot).spec), { renderer: 'none', logLevel: Warn });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/**
 * Writes a plot to a file: `.svg`, or `.png` by the program rsvg-convert.
 *
 * @throws RlevError `usage/arguments` for another kind of file, `engine/unavailable` where a PNG is asked for and the
 *   program is not there, `run/io` where the file cannot be written
 */
export async function writePlot(plot: Plot, file: string): Promise<void> {
  const kind = extname(file).toLowerCase();
  if (kind !== '.svg' && kind !== '.png') {
    throw new RlevError({
      code: 'usage/arguments',
      message: `A plot is written as .svg or .png, not as ${show(file)}.`,
      value: file,
    });
  }
  const svg = await svgOf(plot);
  if (kind === '.svg') return write(file, svg);
  const aside = `${file}.${process.pid}.svg`;
  await write(aside, svg);
  try {
    await promisify(execFile)('rsvg-convert', [
      '--zoom',
      '2',
      '--background-color',
      'white',
      '--output',
      file,
      aside,
    ]);
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new RlevError({
      code: absent ? 'engine/unavailable' : 'run/io',
      message: absent
        ? 'A PNG takes the program rsvg-convert, which is not there.'
        : `rsvg-convert failed on ${file}.`,
      value: file,
      help: absent
        ? 'Install it (Debian: librsvg2-bin; Homebrew: librsvg), or write an .svg, which browsers show.'
        : 'Write an .svg, which browsers show.',
      cause,
    });
  } finally {
    await rm(aside, { force: true });
  }
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (cause) {
    const absent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new RlevError({
      code: 'run/io',
      message: absent
        ? `${file} cannot be written: there is no folder ${dirname(file)}.`
        : `${file} cannot be written: ${(cause as Error).message}`,
      value: file,
      help: 'Name another file with -o, in a folder that is there.',
      cause,
    });
  }
}
