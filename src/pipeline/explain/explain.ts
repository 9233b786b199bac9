import { dirname, relative, resolve as resolvePath } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Document, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import type { Place } from '../../core/errors.ts';
import { columnsOf } from '../file/flow.ts';
import type { Path } from '../file/located.ts';
import type { Pipeline } from '../file/resolve.ts';
import type { PlacedStage, ResolvedBranch } from '../file/resolve-stage.ts';
import { pipelineData } from '../file/to-yaml.ts';

/** Where a value came from. */
interface Origin {
  /** Undefined for a default. */
  readonly place: Place | undefined;
  readonly variable: string | undefined;
}

type OriginOf = (path: Path) => Origin;

/**
 * The resolved pipeline as YAML that would run the same. Each line that did not come from the file itself says where
 * it is from: `# base.yaml:12`, `# --set`, `# default`, `# ${NAME}`; above each stage stands what it does, reads and adds.
 */
export function explainPipeline(pipeline: Pipeline): string {
  const base = relative(resolvePath(dirname(pipeline.file)), pipeline.base) || '.';
  const data = pipelineData(pipeline, base) as Record<string, unknown>;
  if (base === '.') delete data.base;
  if (pipeline.evaluate.length > 0) {
    data.evaluate = Object.fromEntries(pipeline.evaluate.map((b) => [b.id, branchData(b, pipeline.stages)]));
  }
  const document = new Document(data, { aliasDuplicateObjects: false });
  const { source } = pipeline;
  annotate(document.contents, [], pipeline.file, (path) => originIn(path, pipeline, source));
  const readers = new Map<string, PlacedStage>();
  for (const stage of pipeline.stages) {
    describeAbove(document.getIn(['stages'], true), stage, readers);
    for (const column of columnsOf(stage).adds) readers.set(column, stage);
  }
  const notices = pipeline.notices.map((notice) => ` ${notice}\n`).join('');
  if (notices) document.commentBefore = notices.trimEnd();
  return document.toString({ lineWidth: 0 });
}

/** An evaluation as the changes to the stages above that it makes. */
function branchData({ every, stages }: ResolvedBranch, above: readonly PlacedStage[]): object {
  const changed = stages.flatMap((stage) => {
    const before = above.find((s) => s.id === stage.id)!;
    const params = Object.entries(stage.params as object).filter(
      ([key, value]) =>
        stage.use !== before.use ||
        !isDeepStrictEqual(value, (before.params as Record<string, unknown>)[key]),
    );
    if (params.length === 0 && stage.use === before.use) return [];
    const use = stage.use === before.use ? {} : { use: stage.use };
    return [[stage.id, { ...use, ...Object.fromEntries(params) }] as const];
  });
  return {
    ...(every !== undefined && { every }),
    through: stages.at(-1)!.id,
    ...(changed.length > 0 && { stages: Object.fromEntries(changed) }),
  };
}

function originIn(path: Path, { stages, evaluate }: Pipeline, source: Pipeline['source']): Origin {
  const [section, id, , stageId] = path;
  const stage =
    section === 'stages'
      ? stages.find((s) => s.id === id)
      : section === 'evaluate' && path[2] === 'stages'
        ? evaluate.find((b) => b.id === id)?.stages.find((s) => s.id === stageId)
        : undefined;
  if (stage) {
    const below = path.slice(section === 'stages' ? 2 : 4);
    return { place: stage.placeOf(below), variable: stage.variableOf(below) };
  }
  return {
    place: source.at(path) === undefined ? undefined : source.placeOf(path),
    variable: source.variableOf(path),
  };
}

function annotate(node: unknown, path: Path, file: string, originOf: OriginOf): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      annotate(value, [...path, String(isScalar(key) ? key.value : key)], file, originOf);
    }
  } else if (isScalar(node) || isSeq(node)) {
    if (isSeq(node)) node.flow = true;
    else if (typeof node.value === 'string' && node.value.includes('\n')) node.type = 'QUOTE_DOUBLE';
    const text = originText(originOf(path), file);
    if (text) (node as Node).comment = ` ${text}`;
  }
}

function originText({ place, variable }: Origin, file: string): string | undefined {
  if (!place) return 'default';
  if (place.file.startsWith('--set ')) return '--set';
  const variables = variable && `\${${variable}}`;
  if (place.file === file) return variables;
  return `${place.file}:${place.line}${variables ? ` ${variables}` : ''}`;
}

function describeAbove(stages: unknown, stage: PlacedStage, addedBy: ReadonlyMap<string, PlacedStage>): void {
  const pair = (stages as YAMLMap).items.find(({ key }) => isScalar(key) && key.value === stage.id);
  if (!pair) return;
  const { needs, adds, replaces } = columnsOf(stage);
  const froms = new Map<string, string[]>();
  for (const column of needs) {
    const from = addedBy.get(column)?.id ?? '';
    froms.set(from, [...(froms.get(from) ?? []), column]);
  }
  const reads = [...froms].map(([from, columns]) => columns.join(', ') + (from && ` from ${from}`));
  const added = adds.filter((column) => !replaces.includes(column));
  const lines = [
    stage.definition.summary,
    ...(reads.length > 0 ? [`reads ${reads.join('; ')}`] : []),
    ...(added.length > 0 ? [`adds ${added.join(', ')}`] : []),
    ...(replaces.length > 0 ? [`replaces ${replaces.join(', ')}`] : []),
  ];
  (pair.key as Node).commentBefore = lines.map((line) => ` ${line}`).join('\n');
  // A blank line before the first would have the blanks of its level in it.
  (pair.key as Node).spaceBefore = addedBy.size > 0;
}
