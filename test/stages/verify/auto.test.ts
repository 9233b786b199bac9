import { expect } from 'chai';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { auto, formOf, verifyAuto } from '../../../src/stages/verify/auto.ts';
import { loadReader } from '../../../src/stages/verify/math.ts';

describe('verify/auto', () => {
  const cases: [string, string, string[], number][] = [
    ['a choice by its letters', 'The answer is (B).', ['B'], 1],
    ['a choice of other letters', 'The answer is (C).', ['B'], 0],
    ['several letters in any order', 'A and C', ['AC'], 1],
    ['a number by its value', 'so it is 0.50', ['1/2'], 1],
    ['another number', '#41', ['42'], 0],
    ['text by its letters', 'The answer is Paris.', ['paris'], 1],
    ['other text', 'The answer is Rome.', ['paris'], 0],
    ['mathematics by its meaning', '\\boxed{\\sqrt{12}}', ['$2\\sqrt{3}$'], 1],
    ['other mathematics', '\\boxed{\\sqrt{13}}', ['$2\\sqrt{3}$'], 0],
    ['an equation', 'so $2x - y = 2$', ['y=2x-2'], 1],
    ['parts each', '1. B 2. D', ['B', 'C'], 0.5],
  ];
  for (const [what, response, reference, correct] of cases) {
    it(`reads ${what}`, async () => {
      expect(verifyAuto(response, reference, await loadReader()).correct).to.equal(correct);
    });
  }

  it('says of a reference what it is', () => {
    const forms = { choice: ['B', 'ACD'], numeric: ['42', '3/4', '50%'], math: ['x^2', '\\pi', 'x=3', '√2'] };
    for (const [form, references] of Object.entries({ ...forms, exact: ['Paris', '分层抽样', 'x'] })) {
      for (const reference of references) expect(formOf([reference]), reference).to.equal(form);
    }
    expect(formOf(['B', '42'])).to.equal('exact');
  });

  it('adds answer and correct to responses of every kind', async () => {
    const stage = await createStage(auto);
    const reference = [['B'], ['0.5'], ['\\frac{\\pi}{2}'], ['Paris']];
    const response = ['B.', '1/2', '\\boxed{\\pi/2}', 'paris'];
    const made = await stage.run({ response, reference }, stageEvent());
    expect(made).to.deep.equal({
      answer: ['B', '1/2', '\\pi/2', 'paris'],
      correct: Float32Array.of(1, 1, 1, 1),
    });
  });
});
