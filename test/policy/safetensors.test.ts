import { expect } from 'chai';
import type { RlevError } from '../../src/core/errors.ts';
import { parseSafetensors } from '../../src/policy/safetensors.ts';

type Header = Record<string, { dtype: string; shape: number[]; data_offsets: number[] }>;

/** A file made by hand, as the format's description has it. */
function file(header: Header | string, data: Uint8Array, headerLength?: number): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerLength ?? json.length));
  return Buffer.concat([length, json, data]);
}

const bytes = (array: Uint16Array | Float32Array): Uint8Array => new Uint8Array(array.buffer);

describe('policy/safetensors', () => {
  it('widens F32, F16 and BF16 exactly, at any alignment', () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x3555);
    const brains = Uint16Array.of(0x3f80, 0xc049, 0x0080);
    const data = Buffer.concat([bytes(halves), bytes(brains), bytes(Float32Array.of(1.5, -0.1))]);
    const tensors = parseSafetensors(
      file(
        {
          half: { dtype: 'F16', shape: [2, 3], data_offsets: [0, 12] },
          brain: { dtype: 'BF16', shape: [3], data_offsets: [12, 18] },
          float: { dtype: 'F32', shape: [2], data_offsets: [18, 26] },
        },
        data,
      ),
      'x',
    );
    expect(tensors.get('half')!.shape).to.deep.equal([2, 3]);
    expect([...tensors.get('half')!.values]).to.deep.equal([1, -2, 2 ** -24, 65504, -0, 0.333251953125]);
    expect([...tensors.get('brain')!.values]).to.deep.equal([1, -3.140625, 2 ** -126]);
    expect([...tensors.get('float')!.values]).to.deep.equal([1.5, Math.fround(-0.1)]);
  });

  it('passes over metadata and takes an empty tensor', () => {
    const header =
      '{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]}}   ';
    const tensors = parseSafetensors(file(header, new Uint8Array(0)), 'x');
    expect([...tensors.keys()]).to.deep.equal(['a']);
    expect(tensors.get('a')!.values).to.have.length(0);
  });

  const tensor = (changes: object): Header => ({
    'a.weight': { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...changes },
  });
  const data = new Uint8Array(8);
  for (const [what, malformed, part] of [
    ['a file of a few bytes', new Uint8Array(5), '5 bytes'],
    ['a header longer than the file', file(tensor({}), data, 10_000), 'claims 10000 bytes'],
    ['a header that is not JSON', file('{"a":', data), 'not JSON'],
    ['a header that is not an object', file('[1]', data), 'not a JSON object'],
    ['a type it cannot read', file(tensor({ dtype: 'I64' }), data), 'a.weight is of type "I64"'],
    ['a shape that does not fit its bytes', file(tensor({ shape: [3] }), data), 'a.weight of shape [3]'],
    ['a negative size', file(tensor({ shape: [-2] }), data), 'a.weight is malformed'],
    ['offsets that run backwards', file(tensor({ data_offsets: [8, 0] }), data), 'a.weight of shape [2]'],
    ['a file cut short', file(tensor({}), data.subarray(3)), 'cut short'],
    ['an entry without offsets', file(tensor({ data_offsets: null }), data), 'a.weight is malformed'],
  ] as const) {
    it(`refuses ${what}, naming file and tensor`, () => {
      try {
        parseSafetensors(malformed, '/models/x/model.safetensors');
      } catch (error) {
        expect((error as RlevError).code).to.equal('policy/checkpoint');
        expect((error as Error).message)
          .to.contain(part)
          .and.to.contain('/models/x/model.safetensors');
        return;
      }
      expect.fail('nothing was thrown');
    });
  }
});
