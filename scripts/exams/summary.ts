import { kinds } from './kinds/index.ts';
import { fullMarks } from './paper.ts';

interface ExamRecord {
  readonly kind: string;
  readonly question: string;
  readonly points: number;
  readonly solution_terse: string;
  readonly solution_worked: string;
}

/** A Markdown table of the kinds in an exam file: how many, their points, their share of its value, mean lengths. */
export function summary(jsonl: string): string {
  const all = jsonl
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ExamRecord);
  const total = all.reduce((sum, { points }) => sum + points, 0);
  const rows = kinds.map((kind) => {
    const own = all.filter((record) => record.kind === kind.name);
    const mean = (f: (record: ExamRecord) => number) => own.reduce((sum, r) => sum + f(r), 0) / own.length;
    return [
      kind.name,
      kind.subject,
      kind.better,
      own.length,
      kind.points.join(' to '),
      mean((r) => r.points).toFixed(2),
      `${((fullMarks * own.reduce((sum, r) => sum + r.points, 0)) / total).toFixed(1)}%`,
      mean((r) => r.question.length).toFixed(1),
      mean((r) => r.solution_terse.length).toFixed(1),
      mean((r) => r.solution_worked.length).toFixed(1),
    ];
  });
  const heads = ['kind', 'subject', 'made for', 'count', 'points', 'mean points', 'share of value'];
  const lengths = ['question', 'terse', 'worked'];
  return [[...heads, ...lengths], [...heads, ...lengths].map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
