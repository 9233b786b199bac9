import { expect } from 'chai';
import { verifyAuto } from '../../../src/stages/verify/auto.ts';

describe('verify/auto', () => {
  const cases: [string, string, string[], number][] = [
    ['a choice by its letters', 'The answer is (B).', ['B'], 1],
    ['a choice of other letters', 'The answer is (C).', ['B'], 0],
    ['several letters in any order', 'A and C', ['AC'], 1],
    ['a number by its value', 'so it is 0.50', ['1/2'], 1],
    ['another number', '#41', ['42'], 0],
    ['text by its letters', 'The answer is Paris.', ['paris'], 1],
    ['other text', 'The answer is Rome.', ['paris'], 0],
    ['parts each', '1. B 2. D', ['B', 'C'], 0.5],
  ];
  for (const [what, response, reference, correct] of cases) {
    it(`reads ${what}`, () => {
      expect(verifyAuto(response, reference).correct).to.equal(correct);
    });
  }
});
