import {
  type Alias,
  type Document,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import { type Place, RlevError, RlevErrors } from '../../core/errors.ts';
import { type Environment, fillIn } from './environment.ts';
import { keyOf, Located, type Path } from './located.ts';

/**
 * Reads YAML 1.2 with positions, and fills in `${NAME:-default}` in its values.
 *
 * @throws RlevErrors `config/syntax` with every syntax error of the file: duplicate keys, bad indentation, unknown tags,
 * aliases that name nothing, that stand inside what they name, or that multiply beyond measure; `config/missing` for
 * environment variables that are not set and have no default
 */
export function parseYaml(text: string, file: string, environment: Environment = process.env): Located {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const control = text.search(controlCharacter);
  if (control >= 0) throw notText({ file, line: text.slice(0, control).split('\n').length, column: 1 });
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  // What the parser only warns of, a tag that nobody knows, would otherwise pass unseen.
  const faults = [...document.errors, ...document.warnings].map((e) => {
    const line = text.split('\n')[lines.linePos(e.pos[0]).line - 1] ?? '';
    const { message, help } = inWords(e, text.slice(e.pos[0]), line);
    return new RlevError({ code: 'config/syntax', message, help, place: placeAt(e.pos[0]) });
  });
  if (faults.length > 0) throw new RlevErrors(faults);
  const aliases = aliasesOf(document, placeAt);
  const values = new Map<string, Place>();
  const keys = new Map<string, Place>();
  const variables = new Map<string, string>();
  const missing: RlevError[] = [];
  const fill = (node: Scalar, path: Path): void => {
    if (typeof node.value !== 'string') return;
    const filled = fillIn(node.value, environment);
    node.value = filled.value;
    if (filled.variables.length > 0) variables.set(keyOf(path), filled.variables.join(', '));
    for (const name of filled.missing) {
      missing.push(
        new RlevError({
          code: 'config/missing',
          message: `The environment variable ${name} is not set.`,
          value: name,
          place: placeAt(node.range![0]),
          help: `Set it, or give a default: \${${name}:-default}. A text that shall have \${ in it has $\${ in the file.`,
        }),
      );
    }
  };
  const walk = (node: Node | null | undefined, path: Path): void => {
    if (!node) return;
    if (node.range) values.set(keyOf(path), placeAt(node.range[0]));
    if (isMap(node)) {
      for (const pair of node.items) {
        if (!isScalar(pair.key)) continue;
        const inner = [...path, String(pair.key.value)];
        if (pair.key.range) keys.set(keyOf(inner), placeAt(pair.key.range[0]));
        walk(pair.value as Node | null, inner);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, i) => {
        walk(item as Node, [...path, i]);
      });
    } else if (isScalar(node)) fill(node, path);
  };
  walk(document.contents, []);
  if (missing.length > 0) throw new RlevErrors(missing);
  return new Located({
    data: dataOf(document, aliases, placeAt),
    values,
    keys,
    variables,
    top: { file, line: 1, column: 1 },
  });
}

/** The aliases of a document. @throws RlevErrors `config/syntax` for those that it cannot be filled in from */
function aliasesOf(document: Document, placeAt: (offset: number) => Place): readonly Alias[] {
  const errors: RlevError[] = [];
  const aliases: Alias[] = [];
  const refuse = ({ range }: Alias, message: string, help: string): void => {
    errors.push(new RlevError({ code: 'config/syntax', message, help, place: placeAt(range![0]) }));
  };
  visit(document, {
    Alias(_, alias, path) {
      const { source } = alias;
      const named = alias.resolve(document);
      aliases.push(alias);
      if (!named) {
        const help = `Mark what *${source} stands for: key: &${source} value.`;
        refuse(alias, `Nothing above is marked as &${source}.`, help);
      } else if (path.includes(named)) {
        refuse(alias, `*${source} stands inside what it stands for.`, 'Write it out.');
      }
    },
  });
  if (errors.length > 0) throw new RlevErrors(errors);
  return aliases;
}

/** The document as plain data. @throws RlevErrors `config/syntax` where aliases of aliases make too much of it */
function dataOf(document: Document, aliases: readonly Alias[], placeAt: (offset: number) => Place): unknown {
  try {
    return document.toJS();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new RlevErrors([
      new RlevError({
        code: 'config/syntax',
        message: 'The aliases of this file multiply to more than a pipeline can be.',
        help: 'Write them out.',
        place: placeAt(aliases[0]!.range![0]),
      }),
    ]);
  }
}

/** Characters that no text has: tabs, line ends and what is above are fine. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controlCharacter = /[\u0000-\u0008\u000e-\u001f\ufffd]/;

/** What a file is that is no text in UTF-8. */
function notText(place: Place): RlevError {
  return new RlevError({
    code: 'config/syntax',
    message: 'This file is no text in UTF-8.',
    place,
    help: 'Name a pipeline file, or save it with the encoding UTF-8.',
  });
}

/** What the parser found, for somebody who does not know the parser. */
function inWords(
  { code, message }: YAMLError,
  source: string,
  line: string,
): { readonly message: string; readonly help: string } {
  if (code === 'DUPLICATE_KEY') {
    const [key] = /^[^:\s]*/.exec(source) ?? [''];
    return {
      message: `The key ${key || 'here'} stands twice in one map.`,
      help: 'Take one of the two out, or give it another name.',
    };
  }
  if (code === 'MULTIPLE_DOCS') {
    return {
      message: 'A second document begins here; a file holds one.',
      help: 'Put it into a file of its own, or take out the line `---`.',
    };
  }
  if (code === 'TAG_RESOLVE_FAILED') {
    return { message: firstSentence(message), help: 'Take the tag, the word after `!`, out.' };
  }
  if (/call stack/.test(message)) {
    return { message: 'This is nested too deeply to be read.', help: 'A pipeline has about five levels.' };
  }
  return {
    message: firstSentence(message),
    help: line.includes('${')
      ? `Inside { } and [ ], put quotes around a variable: { samples: "\${SAMPLES:-8}" }.`
      : 'Two spaces a level, `key: value` with a space after the colon; see docs/pipeline.md.',
  };
}

function firstSentence(message: string): string {
  const line = message.split('\n')[0]!.trim();
  return line.endsWith('.') ? line : `${line}.`;
}
