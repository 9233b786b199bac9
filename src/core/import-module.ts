import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RlevError } from './errors.ts';

export interface ImportOptions {
  /** Whether a worker thread imports it too: Node 20 brings no loader of the main thread, such as tsx, into one. */
  readonly worker?: boolean;
}

/**
 * What a user's module exports. Importing runs it.
 *
 * @param file absolute path
 * @throws RlevError `config/module` where it is not there, is TypeScript that nothing here loads, is an ES module that
 *   Node takes for CommonJS, imports what is not installed, or throws
 */
export async function importModule(
  file: string,
  { worker = false }: ImportOptions = {},
): Promise<Record<string, unknown>> {
  const fail = (message: string, help: string, cause?: unknown): RlevError =>
    new RlevError({ code: 'config/module', message, value: file, help, cause });
  if (!existsSync(file)) {
    throw fail(`There is no file ${file}.`, 'A path is relative to the file that names it.');
  }
  if (worker && isTypeScript(file) && !takesTypeScript && !import.meta.url.endsWith('.ts')) {
    throw fail(
      `${file} is TypeScript, and a worker thread of Node ${process.versions.node} loads none.`,
      'Compile it to .mjs and name that, or take Node 22.18 or newer.',
    );
  }
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const { code } = (cause ?? {}) as NodeJS.ErrnoException;
    const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    const message = `The module ${file} cannot be loaded: ${reason}`;
    if (code === 'ERR_MODULE_NOT_FOUND') {
      throw fail(
        message,
        'What it imports must be installed where it stands; rlev itself too: npm install rlev.',
        cause,
      );
    }
    if (isTypeScript(file) && isUnread(cause)) {
      throw fail(
        `Node ${process.versions.node} loads no TypeScript by itself, and ${file} is such.`,
        'Take Node 22.18 or newer; or npm install --save-dev tsx, and NODE_OPTIONS="--import tsx" npx rlev ...; or compile it to .mjs and name that.',
        cause,
      );
    }
    if (cause instanceof SyntaxError && /outside a module|Unexpected token 'export'/.test(cause.message)) {
      throw fail(
        `The module ${file} is written as an ES module, and Node takes it for CommonJS.`,
        'Name it .mjs, or set "type": "module" in the package.json of its folder.',
        cause,
      );
    }
    throw fail(message, `See it fail by itself: node ${file}`, cause);
  }
}

const takesTypeScript = Boolean((process.features as { readonly typescript?: unknown }).typescript);

function isTypeScript(file: string): boolean {
  return /^\.[cm]?tsx?$/.test(extname(file));
}

/** Whether a TypeScript module failed for being that: where something loads TypeScript, it failed for what is in it. */
function isUnread(cause: unknown): boolean {
  if ((cause as NodeJS.ErrnoException | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION') return true;
  const loader = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  return cause instanceof SyntaxError && !takesTypeScript && !/--(import|loader|require)\b/.test(loader);
}
