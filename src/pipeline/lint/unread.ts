import { changePolicy } from '../../core/stage.ts';
import { columnsOf } from '../file/flow.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import { evaluationColumns } from '../run/evaluation.ts';
import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

/** Columns that people look at, whether or not a stage reads them. */
const reported: readonly string[] = [...evaluationColumns, 'answer', 'scale', 'reward'];

/** A stage whose columns no later stage reads does not bear on the training that it stands in. */
export const unreadColumns: Rule = ({ pipeline: { stages } }) => {
  if (!changePolicy(stages)) return [];
  return stages.flatMap((stage, i): Finding[] => {
    if (stage.definition.kind !== 'map' || stage.definition.expands) return [];
    const { adds, replaces } = columnsOf(stage);
    const later = stages.slice(i + 1);
    const isRead = (column: string): boolean => later.some((s) => reads(s, column));
    const isShown = (column: string): boolean =>
      column.startsWith('data.') || (reported.includes(column) && !(replaces as string[]).includes(column));
    if (adds.length === 0 || adds.some((column) => isRead(column) || isShown(column))) return [];
    const columns = adds.map((column) => `\`${column}\``).join(', ');
    return [
      {
        severity: 'warning',
        code: 'columns/unread',
        place: stage.place,
        message: `${stage.id} (${stage.use}) has no effect: no stage behind it reads ${columns}.`,
        help: waysOut(adds, stages.slice(0, i), later),
      },
    ];
  });
};

function reads(stage: PlacedStage, column: string): boolean {
  return (columnsOf(stage).needs as readonly string[]).includes(column);
}

function waysOut(
  columns: readonly string[],
  before: readonly PlacedStage[],
  after: readonly PlacedStage[],
): string {
  const earlier = before.find((s) => columns.some((column) => reads(s, column)));
  const ways = [
    ...after.flatMap((s) => columns.flatMap((column) => switchesOn(s, column))),
    ...(earlier ? [`move it above ${earlier.id}, which reads what was there before`] : []),
    'leave the stage out',
  ];
  const text = [...new Set(ways)].join(', or ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Flags of a stage that make it read a column: `set lossMask: true of optimize`. */
function switchesOn({ id, definition, params }: PlacedStage, column: string): string[] {
  if (definition.kind === 'source') return [];
  const given = params as Readonly<Record<string, unknown>>;
  return Object.keys(given).flatMap((key) => {
    if (typeof given[key] !== 'boolean') return [];
    const needs = definition.needs({ ...given, [key]: !given[key] }) as readonly string[];
    return needs.includes(column) ? [`set ${key}: ${!given[key]} of ${id}`] : [];
  });
}
