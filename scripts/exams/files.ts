import { foldIn, type RandomKey, randomKey, uniform } from '../../src/core/random.ts';
import { terse, worked } from './kind.ts';
import { fullMarks, type Question, setPaper } from './paper.ts';

/** How many papers each file holds. */
export const papers = { heldout: 64, train: 200, sft: 700 } as const;

/** The record of one question, where it has one; `key` is for what the record itself draws. */
type WriteRecord = (id: string, exam: string, question: Question, key: RandomKey) => object | undefined;

export type FileName = `${keyof typeof papers}.jsonl`;

/**
 * The exam's files as text, one JSON object a line. No question stands twice, in one file or in two.
 */
export function examFiles(seed: number): Record<FileName, string> {
  const asked = new Set<string>();
  const set = (name: keyof typeof papers, record: WriteRecord) => {
    const key = randomKey(seed, `exams/${name}`);
    const lines: string[] = [];
    for (let paper = 0; paper < papers[name]; paper++) {
      const paperKey = foldIn(key, paper);
      const exam = `${name}-${number(paper + 1, 3)}`;
      setPaper(paperKey, asked).forEach((question, i) => {
        const id = `${exam}-${number(i + 1, 2)}`;
        const line = record(id, exam, question, foldIn(paperKey, i, 0, 2));
        if (line) lines.push(JSON.stringify(line));
      });
    }
    return `${lines.join('\n')}\n`;
  };
  return {
    'heldout.jsonl': set('heldout', examRecord),
    'train.jsonl': set('train', examRecord),
    'sft.jsonl': set('sft', supervisedRecord),
  };
}

function examRecord(id: string, exam: string, question: Question) {
  return {
    id,
    exam,
    subject: question.kind.subject,
    kind: question.kind.name,
    question: question.question,
    reference: String(question.answer),
    points: question.points,
    exam_total: fullMarks,
    solution: worked(question),
    solution_terse: terse(question),
    solution_worked: worked(question),
  };
}

function supervisedRecord(id: string, exam: string, question: Question, key: RandomKey) {
  if (uniform(key, 1) >= question.kind.practised) return undefined;
  const style = uniform(key, 0) < question.kind.workedShare ? 'worked' : 'terse';
  return {
    id: `${id}-${style}`,
    exam,
    kind: question.kind.name,
    question: question.question,
    reference: String(question.answer),
    points: question.points,
    exam_total: fullMarks,
    solution: style === 'worked' ? worked(question) : terse(question),
  };
}

function number(n: number, digits: number): string {
  return String(n).padStart(digits, '0');
}
