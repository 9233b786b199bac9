import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { verifyAuto } from '../../../src/stages/verify/auto.ts';
import { verifyChoice } from '../../../src/stages/verify/choice.ts';
import { verifyExact } from '../../../src/stages/verify/exact.ts';
import type { MathReader } from '../../../src/stages/verify/math/reader.ts';
import { loadReader, unreadOf, verifyMath } from '../../../src/stages/verify/math.ts';
import { answering } from '../../../src/stages/verify/parts.ts';

const file = new URL('../../../../shared/data/gaokao-bench/objective.jsonl', import.meta.url);

interface Question {
  readonly id: string;
  readonly kind: 'choice' | 'short';
  readonly reference: string | readonly string[];
}

/** What separates answers of which any is right, as docs/verifiers.md gives it for these papers. */
const alternatives = ['\\# \\#', '或'];

/** Ways of stating a letter, or several. */
const choosing: readonly ((letters: string) => string)[] = [
  (x) => x,
  (x) => `${x}.`,
  (x) => `The answer is (${x}).`,
  (x) => `\\boxed{\\text{${x}}}`,
  (x) => `**Answer:** ${x}`,
  (x) => `Answer: **${x}**`,
  (x) => `A 项错误。\n因此，答案是${x}。`,
  (x) => `故选：${x}．`,
  (x) => `【答案】${x}\n【解析】A 与题意不符。`,
  (x) => `Not A. So #### ${[...x].join(', ')}`,
  (x) => `I choose ${[...x].join(' and ')}`,
];

/** Ways of stating a short answer, which may hold dollar signs itself. */
const stating: readonly ((answer: string) => string)[] = [
  (x) => x,
  (x) => `#### ${x}`,
  (x) => `We get 3, so \\boxed{${x.replaceAll('$', '')}}`,
  (x) => `Thus $x = 2$.\nThe answer is ${x}.`,
  (x) => `所以答案是${x}。`,
  (x) => `Let us see.\n\n${x}`,
  (x) => `**Final Answer:** ${x}`,
  (x) => `#### ${x.replace(/\s+/g, '')}`,
  (x) => `The answer is ${x.replaceAll('\\frac', '\\dfrac')}`,
  (x) => `So the answer is \\(${x.replace(/\$|\.$/g, '')}\\), as was to be shown.`,
];

describe('the verifiers on GAOKAO-Bench, where it stands beside the clone', () => {
  let reader: MathReader;
  const read = (kind: string) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Question)
      .filter((question) => question.kind === kind)
      .map(({ id, reference }) => ({ id, parts: [reference].flat() as readonly string[] }));

  before(async function () {
    if (!existsSync(file)) this.skip();
    reader = await loadReader();
  });

  /** Questions with the same reference are verified alike. */
  const distinct = (kind: string) => [
    ...new Map(read(kind).map((question) => [question.parts.join('|'), question])).values(),
  ];

  it('find every choice right in eleven ways of answering it', () => {
    for (const { id, parts } of distinct('choice')) {
      const ways =
        parts.length === 1
          ? choosing.map((choose) => choose(parts[0]!))
          : [
              parts.join(' '),
              parts.join(''),
              parts.map((part, i) => `${i + 1}. ${part}`).join('\n'),
              parts.map((part) => `\\boxed{${part}}`).join(' '),
              `A 项错误。\n因此，答案是 ${parts.join(', ')}。`,
              `The answers are ${parts.map((part) => `(${part})`).join(', ')}.`,
            ];
      for (const response of ways) {
        expect(verifyChoice(response, parts).correct, `${id}: ${response}`).to.equal(1);
        expect(verifyAuto(response, parts, reader).correct, `auto, ${id}: ${response}`).to.equal(1);
      }
    }
  });

  it('find no choice right by another letter', () => {
    for (const { id, parts } of distinct('choice')) {
      if (parts.length > 1) {
        const other = parts.map((part) => (part.includes('A') ? 'H' : 'A'));
        expect(verifyChoice(other.join(' '), parts).correct, id).to.equal(0);
        continue;
      }
      for (const letter of [...'ABCDEFGH', 'AB', 'ABCD'].filter((letters) => letters !== parts[0])) {
        for (const choose of choosing) {
          expect(verifyChoice(choose(letter), parts).correct, `${id}: ${choose(letter)}`).to.equal(0);
        }
      }
    }
  });

  it('find every short answer right in ten ways of stating it, but one with a stray brace', () => {
    const wrong: string[] = [];
    for (const { id, parts } of read('short')) {
      const answer = closed(
        parts
          .join('; ')
          .split(/\\# \\#|或/)[0]!
          .trim(),
      );
      for (const state of stating) {
        if (verifyMath(state(answer), parts, reader, { alternatives }).correct !== 1)
          wrong.push(`${id}: ${state(answer)}`);
      }
    }
    expect(wrong).to.deep.equal(['2010-2022_Math_I_Fill-in-the-Blank-68: We get 3, so \\boxed{36}}']);
  });

  it('find no short answer right by that of any of 9 other questions', () => {
    const bare = (text: string) => text.replace(/[\s.]+$/, '');
    const answers = [...new Set(read('short').map(({ parts }) => bare(parts.join('; '))))];
    const taken = answers.flatMap((reference, i) =>
      [...answers, ...answers]
        .slice(i + 1, i + 10)
        .filter((answer) => verifyMath(`#### ${answer}`, [reference], reader, { alternatives }).correct > 0)
        .map((answer) => `${answer} for ${reference}`),
    );
    expect(taken).to.deep.equal([]);
  });

  it('read as mathematics all but what docs/verifiers.md lists', () => {
    const unread = read('short').flatMap(({ parts }) =>
      unreadOf(parts, { ...answering, alternatives }, reader),
    );
    const docs = readFileSync(new URL('../../../docs/verifiers.md', import.meta.url), 'utf8');
    for (const reference of new Set(unread)) expect(docs).to.contain(`\`${reference}\``);
  });

  it('find every short answer right as text, alone and stated', () => {
    for (const { id, parts } of read('short')) {
      const answer = parts.join('; ');
      expect(verifyExact(answer, parts).correct, id).to.equal(1);
      expect(verifyExact(`So the answer is ${answer}`, parts).correct, id).to.equal(1);
    }
  });
});

/** A part of a text with as many dollar signs as it opens. */
function closed(text: string): string {
  return text.split('$').length % 2 === 0 ? `${text}$` : text;
}
