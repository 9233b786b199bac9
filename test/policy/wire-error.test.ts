import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { RlevError, RlevErrors } from '../../src/core/errors.ts';
import { fromWire, toWire } from '../../src/policy/wire-error.ts';

const cross = (error: unknown): RlevError => fromWire(structuredClone(toWire(error)));

describe('policy/wire-error', () => {
  it('carries code, sentence, value, place and way out across', () => {
    const error = new RlevError({
      code: 'policy/checkpoint',
      message: 'A tensor is missing.',
      value: { shape: [2, 3] },
      place: { file: 'model.safetensors', line: 3 },
      help: 'Copy it again.',
    });
    const other = cross(error);
    const { cause, ...details } = other.details();
    const { cause: _, ...expected } = error.details();
    expect(details).to.deep.equal(expected);
    expect(other.message).to.equal(error.message);
    expect(cause).to.contain('wire-error.test');
  });

  it('carries the text of a chain of causes', () => {
    const cause = new TypeError('x is undefined', { cause: new Error('deepest') });
    const other = cross(new RlevError({ code: 'stage/failed', message: 'It failed.', cause }));
    expect(other.cause).to.contain('TypeError: x is undefined').and.to.contain('deepest');
  });

  it('makes engine/failed of any other error', () => {
    const other = cross(new RangeError('too long'));
    expect(other.code).to.equal('engine/failed');
    expect(other.summary).to.contain('too long');
  });

  it('makes run/io of a failed file operation, with the file', async () => {
    const missing = cross(await readFile('/nowhere/at/all').catch((error: unknown) => error));
    expect(missing.code).to.equal('run/io');
    expect(missing.place).to.deep.equal({ file: '/nowhere/at/all' });
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      errno: -28,
      syscall: 'write',
    });
    expect(cross(full).summary).to.equal('The disk is full.');
  });

  it('keeps several errors several', () => {
    const errors = ['one', 'two'].map((message) => new RlevError({ code: 'policy/checkpoint', message }));
    const other = cross(new RlevErrors(errors));
    expect(other).to.be.instanceOf(RlevErrors);
    expect((other as RlevErrors).errors.map((e) => e.summary)).to.deep.equal(['one', 'two']);
  });

  it('turns a value that cannot be cloned into text', () => {
    const value = (): number => 1;
    const other = cross(new RlevError({ code: 'usage/arguments', message: 'A function.', value }));
    expect(other.value).to.equal(String(value));
  });
});
