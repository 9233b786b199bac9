import { expect } from 'chai';
import { lengthBucket, rowBucket } from '../../src/policy/buckets.ts';

describe('policy/buckets', () => {
  it('holds every number of rows in a bucket of whole vector registers', () => {
    for (let rows = 1; rows <= 600; rows++) {
      expect(rowBucket(rows)).to.be.at.least(rows);
      expect(rowBucket(rows) % 4).to.equal(0);
      expect(rowBucket(rowBucket(rows))).to.equal(rowBucket(rows));
    }
  });

  it('wastes at most a quarter of a length beyond the smallest buckets', () => {
    for (let length = 1; length <= 5000; length++) {
      const bucket = lengthBucket(length, 32);
      expect(bucket % 32).to.equal(0);
      expect(bucket).to.be.at.least(length);
      expect(bucket - length).to.be.below(Math.max(32, length / 4 + 1));
      expect(lengthBucket(length + 1, 32)).to.be.at.least(bucket);
    }
  });
});
