import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { contentHash } from '../../src/core/encode.ts';
import { identityOf } from '../../src/log/identity.ts';
import { columnsDraft } from './events.ts';

describe('log/identity', () => {
  it('is the documented hash', () => {
    const draft = columnsDraft(3, { params: { b: [1.5], a: { y: null, x: 'ü' } }, parents: ['bb', 'aa'] });
    const content = contentHash(draft.columns!);
    const text = `["rlev event 1","train",3,0,"columns","rollout/policy",{"a":{"x":"ü","y":null},"b":[1.5]},["aa","bb"],"${content}",null]`;
    expect(identityOf(draft)).to.equal(createHash('sha256').update(text).digest('hex'));
  });

  it('does not change with the stage id, the part, the order of keys or of parents', () => {
    const base = columnsDraft(0, { params: { a: 1, b: 2 }, parents: ['a', 'b'] });
    const key = { ...base.key, stage: 'other', part: 3 };
    const same = columnsDraft(0, { key, params: { b: 2, c: undefined, a: 1 }, parents: ['b', 'a'] });
    expect(identityOf(same)).to.equal(identityOf(base));
  });

  it('changes with anything else', () => {
    const base = columnsDraft(0);
    const others = [
      base,
      columnsDraft(0, { key: { ...base.key, step: 1 } }),
      columnsDraft(0, { key: { ...base.key, round: 1 } }),
      columnsDraft(0, { key: { ...base.key, scope: 'eval:a' } }),
      columnsDraft(0, { use: 'other' }),
      columnsDraft(0, { params: {} }),
      columnsDraft(0, { parents: ['a'] }),
      columnsDraft(0, { data: {} }),
      columnsDraft(0, { columns: columnsDraft(1).columns }),
    ];
    expect(new Set(others.map(identityOf)).size).to.equal(others.length);
  });
});
