import { relative } from 'node:path';

/** A path below the working directory as it is written from there; any other, and what is no absolute path, as it is. */
export function shortPath(file: string): string {
  const short = relative('.', file);
  return file.startsWith('/') && !short.startsWith('..') ? short : file;
}
