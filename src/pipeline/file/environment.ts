import { parse } from 'yaml';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface FilledIn {
  /** Text; or, where the whole was one variable, what it reads as in YAML: a number for `8`. */
  readonly value: unknown;
  /** Names of the variables in it. */
  readonly variables: readonly string[];
  /** Those that are neither set nor have a default. */
  readonly missing: readonly string[];
}

const variable = /(\$)?\$\{([A-Za-z_]\w*)(?::-((?:[^}\\]|\\.)*))?\}/g;

/** Fills `${NAME}` and `${NAME:-default}` in; `$${` stands for `${` itself. An empty variable counts as not set. */
export function fillIn(text: string, environment: Environment): FilledIn {
  const variables: string[] = [];
  const missing: string[] = [];
  const filled = text.replace(variable, (match, escaped, name: string, otherwise: string | undefined) => {
    if (escaped) return match.slice(1);
    variables.push(name);
    const value = environment[name] || otherwise;
    if (value === undefined) missing.push(name);
    return value ?? '';
  });
  const whole = variables.length === 1 && /^\$\{[^}]*\}$/.test(text) && missing.length === 0;
  return { value: whole ? scalarOf(filled) : filled, variables, missing };
}

function scalarOf(text: string): unknown {
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null ? text : value;
  } catch {
    return text;
  }
}
