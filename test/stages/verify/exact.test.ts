import { expect } from 'chai';
import fc from 'fast-check';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { exact, verifyExact } from '../../../src/stages/verify/exact.ts';
import { survives } from './adversarial.ts';

const right = (response: string, ...reference: string[]) => verifyExact(response, reference).correct;

describe('verify/exact', () => {
  it('compares letters, whatever their case, width and spaces', () => {
    expect(right('  Paris \n', 'paris')).to.equal(1);
    expect(right('ＰＡＲＩＳ', 'Paris')).to.equal(1);
    expect(right('New   York', 'new york')).to.equal(1);
    expect(right('caf\u0065\u0301', 'café')).to.equal(1);
    expect(right('newyork', 'new york')).to.equal(0);
    expect(right('Par', 'Paris')).to.equal(0);
  });

  it('takes what the response states, else all of it', () => {
    expect(right('I think of France.\nThe answer is Paris.', 'Paris')).to.equal(1);
    expect(right('\\boxed{x^{2}+1}', '$x^{2}+1$')).to.equal(1);
    expect(right('so #Paris\nwhich is nice', 'Paris')).to.equal(1);
    expect(right('Paris, I think', 'Paris')).to.equal(0);
    expect(right('The answer is (B).', 'B')).to.equal(1);
  });

  it('knows a text in any of the ways of stating it, and takes no other for it', () => {
    const words = fc.stringMatching(/^[b-z]{1,12}( [b-z]{1,8})?$/);
    const ways = fc.constantFrom(
      (x: string) => x,
      (x: string) => `#${x}`,
      (x: string) => `\\boxed{${x}}`,
      (x: string) => `The answer is ${x.toUpperCase()}.`,
    );
    fc.assert(
      fc.property(
        words,
        ways,
        (word, state) => right(state(word), word) === 1 && right(state(`${word}a`), word) === 0,
      ),
    );
  });

  it('scores the share of the parts that is right, in order', () => {
    expect(right('#red; green; blue', 'red', 'green', 'blue')).to.equal(1);
    expect(right('#red, blue', 'red', 'green')).to.equal(0.5);
    expect(right('\\boxed{red} then \\boxed{green}', 'red', 'green')).to.equal(1);
    expect(right('red', 'red', 'green')).to.equal(0.5);
  });

  it('takes any of several answers, tells letters of another case apart, and looks where it is told to', () => {
    const say = (response: string, reference: string[], options = {}) =>
      verifyExact(response, reference, options).correct;
    expect(say('USA', ['United States', 'USA'], { references: 'any' })).to.equal(1);
    expect(say('#Paris; 1789', ['paris || paris, France', '1789'], { alternatives: ['||'] })).to.equal(1);
    expect(say('#London; 1789', ['paris || paris, France', '1789'], { alternatives: ['||'] })).to.equal(0.5);
    expect(say('NaCl', ['NACL'])).to.equal(1);
    expect(say('NaCl', ['NACL'], { case: 'keep' })).to.equal(0);
    expect(say('STRASSE', ['Straße'])).to.equal(1);
    expect(say('ﬁne', ['fine'])).to.equal(1);
    expect(say('x\nParis', ['Paris'], { extract: 'last-line' })).to.equal(1);
    expect(say('ANSWER> Paris', ['Paris'], { extract: { after: 'ANSWER>' } })).to.equal(1);
    expect(say('Paris', ['Paris'], { extract: { after: 'ANSWER>' } })).to.equal(0);
  });

  it('survives any response, bounded by its size', function () {
    this.timeout(60_000);
    survives((response) => {
      expect(right(response, 'Paris')).to.equal(0);
      expect(right(response, 'Paris', 'London')).to.equal(0);
    });
  });

  it('keeps no megabyte of answer', async () => {
    const stage = await createStage(exact);
    const made = await stage.run(
      { response: ['x'.repeat(1e6), ''], reference: [['y'], ['y']] },
      stageEvent(),
    );
    expect(made.answer[0]).to.have.length(200);
    expect(made.answer[1]).to.equal(null);
  });
});
