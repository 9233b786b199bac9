import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from 'yaml';
import { type Place, RlevError, RlevErrors } from '../../core/errors.ts';
import { type Environment, fillIn } from './environment.ts';
import { keyOf, Located, type Path } from './located.ts';

/**
 * Reads YAML 1.2 with positions, and fills in `${NAME:-default}` in its values.
 *
 * @throws RlevErrors `config/syntax` with every syntax error of the file: duplicate keys, bad indentation, aliases that
 * name nothing; `config/missing` for environment variables that are not set and have no default
 */
export function parseYaml(text: string, file: string, environment: Environment = process.env): Located {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  if (document.errors.length > 0) {
    throw new RlevErrors(
      document.errors.map(
        (e) =>
          new RlevError({
            code: 'config/syntax',
            message: firstSentence(e.message),
            place: placeAt(e.pos[0]),
            help: syntaxHelp(text, lines.linePos(e.pos[0]).line),
          }),
      ),
    );
  }
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
  return new Located({ data: document.toJS(), values, keys, variables, top: { file, line: 1, column: 1 } });
}

function syntaxHelp(text: string, line: number): string {
  if (text.split('\n')[line - 1]?.includes('${')) {
    return `Inside { } and [ ], put quotes around a variable: { samples: "\${SAMPLES:-8}" }.`;
  }
  return 'Two spaces a level, `key: value` with a space after the colon; see docs/pipeline.md.';
}

function firstSentence(message: string): string {
  const line = message.split('\n')[0]!.trim();
  return line.endsWith('.') ? line : `${line}.`;
}
