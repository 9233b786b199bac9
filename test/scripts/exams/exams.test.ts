import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { alphabet } from '../../../scripts/exams/alphabet.ts';
import { examFiles, type FileName } from '../../../scripts/exams/files.ts';
import { kinds } from '../../../scripts/exams/kinds/index.ts';
import { summary } from '../../../scripts/exams/summary.ts';

interface ExamRecord {
  readonly id: string;
  readonly exam: string;
  readonly subject: string;
  readonly kind: string;
  readonly question: string;
  readonly reference: string;
  readonly points: number;
  readonly exam_total: number;
  readonly solution: string;
  readonly solution_terse: string;
  readonly solution_worked: string;
}

const folder = join(import.meta.dirname, '../../../fixtures/exams');
const fixture = (name: string) => readFileSync(join(folder, name), 'utf8');
const records = (name: FileName) =>
  fixture(name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ExamRecord);

const train = records('train.jsonl');
const heldout = records('heldout.jsonl');
const sft = records('sft.jsonl');
const all = [...train, ...heldout, ...sft];

describe('scripts/exams', () => {
  it('regenerates the committed files byte for byte from their seed', () => {
    for (const [name, text] of Object.entries(examFiles(7))) {
      expect(text === fixture(name), name).to.equal(true);
    }
  });

  it('sets other papers for another seed', () => {
    expect(examFiles(8)['heldout.jsonl']).not.to.equal(fixture('heldout.jsonl'));
  });

  it('gives every paper exactly its full marks, in whole points of 1 to 10', () => {
    const totals = new Map<string, number>();
    for (const { exam, points } of [...train, ...heldout]) {
      totals.set(exam, (totals.get(exam) ?? 0) + points);
    }
    expect([...new Set(totals.values())]).to.deep.equal([100]);
    expect([...new Set(all.map((record) => record.exam_total))]).to.deep.equal([100]);
    const whole = ({ points }: ExamRecord) => Number.isInteger(points) && points >= 1 && points <= 10;
    expect(all.filter((record) => !whole(record))).to.deep.equal([]);
  });

  it('holds enough questions, none of them twice and no id twice', () => {
    expect(train.length).to.be.at.least(4000);
    expect(heldout.length).to.be.at.least(1200);
    expect(new Set(all.map(({ question }) => question)).size).to.equal(all.length);
    expect(new Set(all.map(({ id }) => id)).size).to.equal(all.length);
  });

  it('stays within the alphabet, 63 characters of question and 31 of solution', () => {
    const used = new Set(all.flatMap(({ question, solution }) => [...question, ...solution]));
    expect([...alphabet]).to.include.members([...used]);
    expect(Math.max(...all.map(({ question }) => question.length))).to.be.at.most(63);
    expect(Math.max(...all.map(({ solution }) => solution.length))).to.be.at.most(31);
    expect([...alphabet]).to.deep.equal([...new Set(alphabet)].sort());
  });

  it('ends every solution with # and the reference, a whole number', () => {
    const terse = ({ solution, reference }: ExamRecord) => solution === `#${reference}`;
    const worked = ({ solution, reference }: ExamRecord) =>
      solution.endsWith(` #${reference}`) && solution.indexOf('#') === solution.lastIndexOf('#');
    expect(all.filter(({ reference }) => !/^\d+$/.test(reference))).to.deep.equal([]);
    expect(sft.filter((r) => !(r.id.endsWith('-worked') ? worked(r) : terse(r)))).to.deep.equal([]);
    const questions = [...train, ...heldout];
    expect(questions.filter((r) => !worked(r) || r.solution !== r.solution_worked)).to.deep.equal([]);
    expect(questions.filter((r) => !terse({ ...r, solution: r.solution_terse }))).to.deep.equal([]);
  });

  it('writes only true equations', () => {
    const equations = all.flatMap(({ solution }) => [...solution.matchAll(/(\d+)([-+*/])(\d+)=(\d+)/g)]);
    const isTrue = ([, a, sign, b, c]: RegExpExecArray) =>
      Number(c) === { '+': +a! + +b!, '-': +a! - +b!, '*': +a! * +b!, '/': +a! / +b! }[sign!];
    expect(equations).not.to.have.length(0);
    expect(equations.filter((equation) => !isTrue(equation)).map(String)).to.deep.equal([]);
  });

  const solvers: Record<string, (numbers: number[], question: string) => number> = {
    place: ([k, ...n]) => n[k! - 1]!,
    largest: (n) => Math.max(...n),
    rounding: ([n], question) => {
      const unit = question.includes('hundred') ? 100 : 10;
      return unit * Math.round(n! / unit);
    },
    missing: ([a, b]) => Math.abs(b! - a!),
    sum: ([a, b, c]) => a! + b! + c!,
    product: ([a, b]) => a! * b!,
    mean: ([a, b, c]) => (a! + b! + c!) / 3,
    bags: ([a, b, c]) => a! * b! + c!,
    change: ([a, b, c]) => c! - a! * b!,
    share: ([a, b, c]) => a! / b! - c!,
    journey: ([a, b, c, d]) => a! * b! + c! * d!,
  };
  for (const { name, points } of kinds) {
    it(`refers to the right answer for ${name}, and stays within its points`, () => {
      const own = all.filter(({ kind }) => kind === name);
      expect(own).not.to.have.length(0);
      const solve = (question: string) =>
        solvers[name]!([...question.matchAll(/\d+/g)].map(Number), question);
      expect(own.filter((r) => solve(r.question) !== Number(r.reference))).to.deep.equal([]);
      expect(own.filter((r) => r.points < points[0] || r.points > points[1])).to.deep.equal([]);
    });
  }

  it('mixes both styles of every kind in the supervised data, near the share that the kind asks for', () => {
    for (const { name, workedShare } of kinds) {
      const own = sft.filter(({ kind }) => kind === name);
      const share = own.filter(({ id }) => id.endsWith('-worked')).length / own.length;
      expect(share, name).to.be.closeTo(workedShare, 4 * Math.sqrt(0.25 / own.length));
    }
  });

  it('documents its kinds with a table of the training file', () => {
    expect(fixture('README.md')).to.include(summary(fixture('train.jsonl')));
  });
});
