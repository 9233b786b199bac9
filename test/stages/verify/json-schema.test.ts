import { expect } from 'chai';
import fc from 'fast-check';
import { batchOf } from '../../../src/core/batch.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { jsonIn } from '../../../src/stages/verify/json-in.ts';
import {
  jsonSchema,
  loadCompiler,
  type Validator,
  verifyJson,
} from '../../../src/stages/verify/json-schema.ts';
import { errorOf, temporaryFile } from '../../support/stage.ts';
import { survives } from './adversarial.ts';

const person = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: { name: { type: 'string', pattern: '^(\\w+\\s?)+$' }, age: { type: 'integer', minimum: 0 } },
};

describe('verify/json-schema', () => {
  let compile: Awaited<ReturnType<typeof loadCompiler>>;
  let isPerson: Validator;
  before(async () => {
    compile = await loadCompiler();
    isPerson = compile(person);
  });

  const ways: readonly ((json: string) => string)[] = [
    (json) => json,
    (json) => `\n ${json}\n`,
    (json) => `\`\`\`json\n${json}\n\`\`\``,
    (json) => `Here it is:\n\`\`\`\n${json}\n\`\`\`\nI hope that {this} helps.`,
    (json) => `First [1], then \`\`\`js\nlet x = {}\n\`\`\` and now\n\`\`\`json\n${json}\`\`\``,
    (json) => `The answer is ${json}.`,
    (json) => `Take {x} and "{" and then ${json}`,
  ];

  it('finds an object or a list in every way of giving it', () => {
    const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));
    fc.assert(
      fc.property(value, fc.constantFrom(...ways.slice(0, 3)), (given, state) => {
        expect(jsonIn(state(JSON.stringify(given)))).to.deep.equal(JSON.parse(JSON.stringify(given)));
      }),
    );
    for (const state of ways) expect(jsonIn(state('{"a":["}"]}')), state('...')).to.deep.equal({ a: ['}'] });
  });

  it('takes the last of several, and nothing where there is none', () => {
    expect(jsonIn('{"a":1} or rather {"a":2}')).to.deep.equal({ a: 2 });
    for (const text of ['', 'none', '{', '{"a":1', '[1,', '{x}'])
      expect(jsonIn(text), text).to.equal(undefined);
  });

  it('knows what the schema allows, and what it does not', () => {
    const right = (text: string) => verifyJson(text, isPerson).correct;
    expect(right('{"name":"Ada Lovelace","age":36}')).to.equal(1);
    expect(right('{"name":"Ada","age":-1}')).to.equal(0);
    expect(right('{"age":36}')).to.equal(0);
    expect(right('{"name":"Ada","born":1815}')).to.equal(0);
    expect(right('["name"]')).to.equal(0);
    expect(right('name: Ada')).to.equal(0);
  });

  it('survives any response, and patterns of the schema that would explode', function () {
    this.timeout(60_000);
    survives((response) => expect(verifyJson(response, isPerson).correct).to.equal(0));
    expect(verifyJson(JSON.stringify({ name: `${'a'.repeat(5000)}!` }), isPerson).correct).to.equal(0);
    expect(JSON.stringify(jsonIn(`${'['.repeat(100)}1${']'.repeat(100)}`)), 'levels').to.have.length(129);
  });

  it('counts the references of a schema, and says where they are too many', () => {
    const twice = { type: 'array', items: { $ref: '#' } };
    const endless = compile({ oneOf: [twice, twice, { type: 'number' }] });
    const { answer, correct } = verifyJson(`${'['.repeat(40)}1${']'.repeat(40)}`, endless);
    expect(answer).to.match(/^\[stopped after 25000 references of the schema\] \[\[/);
    expect(correct).to.equal(0);
    expect(verifyJson('[1]', compile({ anyOf: [twice, { type: 'number' }] })).correct).to.equal(1);
  });

  it('holds every response to one schema, inline or in a file', async () => {
    const response = ['{"name":"Ada"}', '{}', 'no'];
    const expected = { answer: ['{"name":"Ada"}', '{}', null], correct: Float32Array.of(1, 0, 0) };
    const inline = await createStage(jsonSchema, { schema: person });
    expect(await inline.run({ response, reference: [] }, stageEvent())).to.deep.equal(expected);
    const { path, remove } = temporaryFile('person.json', JSON.stringify(person));
    const filed = await createStage(jsonSchema, { file: path });
    expect(await filed.run({ response, reference: [] }, stageEvent())).to.deep.equal(expected);
    remove();
    expect(jsonSchema.needs({ file: path } as never)).to.deep.equal(['response']);
  });

  it('takes the reference of each question for its schema where it has none', async () => {
    const stage = await createStage(jsonSchema);
    const reference = [['{"type":"array"}'], ['{"required":["a"]}']];
    const made = await stage.run({ response: ['[1]', '{"b":1}'], reference }, stageEvent());
    expect(made.correct).to.deep.equal(Float32Array.of(1, 0));
  });

  it('refuses what is no schema, before a run', async () => {
    await errorOf(() => createStage(jsonSchema, { schema: { type: 'objct' } }), 'config/type');
    await errorOf(() => createStage(jsonSchema, { schema: { pattern: '(?=a)' } }), 'config/type');
    await errorOf(() => createStage(jsonSchema, { file: 'nowhere.json' }), 'data/missing-file');
    const stage = await createStage(jsonSchema);
    const place = (row: number) => ({ file: 'exam.jsonl', line: row + 1 });
    const batch = batchOf({ reference: [['{}'], ['42'], ['{"type":']] });
    const error = await errorOf(() => stage.prepare!({ batch, hash: '', place }));
    expect(error.message).to.match(/exam\.jsonl:2: [\s\S]*exam\.jsonl:3: /);
  });
});
