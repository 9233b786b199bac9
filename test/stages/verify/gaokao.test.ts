import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { verifyChoice } from '../../../src/stages/verify/choice.ts';
import { verifyExact } from '../../../src/stages/verify/exact.ts';

const file = new URL('../../../../shared/data/gaokao-bench/objective.jsonl', import.meta.url);

interface Question {
  readonly id: string;
  readonly kind: 'choice' | 'short';
  readonly reference: string | readonly string[];
}

describe('the verifiers on GAOKAO-Bench, where it stands beside the clone', () => {
  const read = (kind: string) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Question)
      .filter((question) => question.kind === kind)
      .map(({ id, reference }) => ({ id, parts: [reference].flat() as readonly string[] }));

  before(function () {
    if (!existsSync(file)) this.skip();
  });

  it('find every choice right in several ways of answering it, and another choice wrong', () => {
    for (const { id, parts } of read('choice')) {
      const ways = [
        parts.join(' '),
        parts.map((part, i) => `${i + 1}. ${part}`).join('\n'),
        parts.map((part) => `\\boxed{${part}}`).join(' '),
        parts.length > 1 ? parts.join('') : `故选${parts[0]}。`,
        `A 项错误，B 项正确。\n因此，答案是 ${parts.join(', ')}。`,
      ];
      for (const response of ways)
        expect(verifyChoice(response, parts).correct, `${id}: ${response}`).to.equal(1);
      const other = parts.map((part) => (part.includes('A') ? 'H' : 'A'));
      expect(verifyChoice(other.join(' '), parts).correct, id).to.equal(0);
    }
  });

  it('find every short answer right, alone and stated', () => {
    for (const { id, parts } of read('short')) {
      const answer = parts.join('; ');
      expect(verifyExact(answer, parts).correct, id).to.equal(1);
      expect(verifyExact(`So the answer is ${answer}`, parts).correct, id).to.equal(1);
    }
  });
});
