import { mostRounds } from '../../core/stage.ts';
import { columnsOf } from '../file/flow.ts';
import type { Pipeline } from '../file/resolve.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';

/** Columns that one stage adds and another reads. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly columns: readonly string[];
}

/** A pipeline as a picture shows it. */
export interface Graph {
  readonly stages: readonly {
    readonly id: string;
    readonly use: string;
    /** What it does with rows, where it is not to add columns to them: `source`, `8 rows of each`, `select`, `update`. */
    readonly note: string;
  }[];
  /** In order of the reading stage, then of the one that adds. */
  readonly edges: readonly Edge[];
  /**
   * Back to what begins: from the update the credit to start the next cohort and the policy that samples it, from a
   * select the wish for another round.
   */
  readonly credits: readonly { readonly from: string; readonly to: string; readonly label: string }[];
  readonly evaluations: readonly { readonly id: string; readonly label: string }[];
}

export function graphOf({ stages, evaluate, run }: Pipeline): Graph {
  return {
    stages: stages.map((stage) => ({ id: stage.id, use: stage.use, note: noteOf(stage) })),
    edges: edgesOf(stages),
    credits: creditsOf(stages, run.inFlight),
    evaluations: evaluate.map((branch) => {
      const often = branch.every === undefined ? '' : `every ${branch.every} steps, `;
      return {
        id: branch.id,
        label: `${branch.stages.map((s) => s.id).join(', ')}: ${often}before the first step and after the last`,
      };
    }),
  };
}

function noteOf({ definition, params }: PlacedStage): string {
  if (definition.kind !== 'map') return definition.kind;
  const rows = definition.expands?.(params) ?? 1;
  return rows === 1 ? '' : `${rows} rows of each`;
}

function edgesOf(stages: readonly PlacedStage[]): Edge[] {
  const addedBy = new Map<string, string>();
  return stages.flatMap((stage) => {
    const { needs, adds } = columnsOf(stage);
    const froms = stages.map((s) => s.id).filter((id) => needs.some((column) => addedBy.get(column) === id));
    const edges = froms.map((from) => ({
      from,
      to: stage.id,
      columns: needs.filter((column) => addedBy.get(column) === from),
    }));
    for (const column of adds) addedBy.set(column, stage.id);
    return edges;
  });
}

function creditsOf(stages: readonly PlacedStage[], inFlight: number): Graph['credits'] {
  const update = stages.findLast(({ definition }) => definition.kind === 'update');
  const [first] = stages;
  if (!first) return [];
  const rounds = stages.flatMap((stage) => {
    const most = mostRounds(stage);
    return most > 1 ? [{ from: stage.id, to: first.id, label: `another round, ${most} at most` }] : [];
  });
  if (!update) return rounds;
  const sampler = stages.find(({ definition }) => definition.kind === 'map' && definition.sampling);
  const cohorts = inFlight === 1 ? 'one cohort under way' : `${inFlight} cohorts under way`;
  return [
    ...rounds,
    { from: update.id, to: first.id, label: `credit: ${cohorts}` },
    ...(sampler ? [{ from: update.id, to: sampler.id, label: 'the new policy' }] : []),
  ];
}

/** The graph in Mermaid, which GitHub and many editors draw. */
export function mermaid({ stages, edges, credits, evaluations }: Graph): string {
  const name = (id: string): string => `s_${id.replaceAll('-', '_')}`;
  const lines = [
    ...stages.map(({ id, use, note }) => `${name(id)}["${id}<br/>${use}${note && `<br/><i>${note}</i>`}"]`),
    ...edges.map(({ from, to, columns }) => `${name(from)} -->|"${columns.join('<br/>')}"| ${name(to)}`),
    ...credits.map(({ from, to, label }) => `${name(from)} -. "${label}" .-> ${name(to)}`),
    ...evaluations.map(({ id, label }) => `e_${id.replaceAll('-', '_')}(["evaluate ${id}<br/>${label}"])`),
  ];
  return `flowchart TB\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
