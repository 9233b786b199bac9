import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { batchOf, columnOf } from '../../../src/core/batch.ts';
import type { RlevError } from '../../../src/core/errors.ts';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { exam } from '../../../src/stages/prompts/exam.ts';
import { errorOf, scriptedPolicy, temporaryFile } from '../../support/stage.ts';

const record = (id: string, more: object = {}) => ({
  id,
  exam: 'paper 1',
  question: `What is ${id}?`,
  reference: '1',
  points: 4,
  exam_total: 100,
  ...more,
});
const jsonl = (...records: object[]) => records.map((r) => JSON.stringify(r)).join('\n');

describe('prompts/exam', () => {
  const files: { remove(): void }[] = [];
  const write = (name: string, content: string | Uint8Array): string => {
    const file = temporaryFile(name, content);
    files.push(file);
    return file.path;
  };
  afterEach(() => {
    for (const file of files.splice(0)) file.remove();
  });

  const open = (content: string | Uint8Array, params: object = {}, name = 'exam.jsonl', setup: object = {}) =>
    createStage(exam, { file: write(name, content), perStep: 'all', ...params }, setup);
  const failure = async (
    content: string | Uint8Array,
    params: object = {},
    name?: string,
  ): Promise<RlevError> => {
    const stage = await open(content, params, name);
    return errorOf(() => stage.dataset());
  };

  it('makes a row of every question', async () => {
    const stage = await open(
      jsonl(record('a', { solution: '1 = 1' }), record('b', { reference: ['2', '3'] })),
    );
    const rows = await stage.next(stageEvent({ step: 5 }));
    expect(rows.row_id).to.deep.equal(['5.0.0.0', '5.0.1.0']);
    expect(rows.prompt_id).to.deep.equal(['a', 'b']);
    expect(rows.exam).to.deep.equal(['paper 1', 'paper 1']);
    expect(rows.prompt).to.deep.equal(['What is a?\n', 'What is b?\n']);
    expect(rows.reference).to.deep.equal([['1'], ['2', '3']]);
    expect(rows.solution).to.deep.equal(['1 = 1', null]);
    expect([...rows.points]).to.deep.equal([4, 4]);
    expect([...rows.exam_total]).to.deep.equal([100, 100]);
    expect([...rows.group]).to.deep.equal([0, 1]);
    expect(batchOf(rows).numRows).to.equal(2);
  });

  it('says where each question stands, and hashes the bytes it read', async () => {
    const content = `\n${jsonl(record('a'), record('b'))}\n\n`;
    const stage = await open(content);
    const { batch, hash, place } = await stage.dataset();
    expect(batch.numRows).to.equal(2);
    expect(place(1).line).to.equal(3);
    expect(hash).to.equal(createHash('sha256').update(content).digest('hex'));
  });

  it('takes a byte order mark, carriage returns and empty lines', async () => {
    const stage = await open(`\ufeff${jsonl(record('a'), record('b')).replace('\n', '\r\n\r\n')}\r\n`);
    expect((await stage.dataset()).batch.numRows).to.equal(2);
  });

  it("carries the user's own fields along with their types", async () => {
    const stage = await open(
      jsonl(
        record('a', { level: 2, topic: 'sum', hard: true, tags: ['x'], mixed: 1 }),
        record('b', { level: 2.5, hard: null, tags: { y: 1 }, mixed: 'one' }),
      ),
    );
    const rows: Record<string, unknown> = await stage.next(stageEvent());
    expect(rows['data.level']).to.deep.equal([2, 2.5]);
    expect(rows['data.topic']).to.deep.equal(['sum', null]);
    expect(rows['data.hard']).to.deep.equal([true, null]);
    expect(rows['data.tags']).to.deep.equal(['["x"]', '{"y":1}']);
    expect(rows['data.mixed']).to.deep.equal(['1', '"one"']);
    expect(stage.specs!['data.level']).to.include({ kind: 'float64', nullable: true });
    expect(stage.specs!['data.hard']).to.include({ kind: 'bool' });
    expect(batchOf(rows as never, stage.specs).numRows).to.equal(2);
  });

  describe('a template', () => {
    it('is filled with fields of the record', async () => {
      const stage = await open(jsonl(record('a', { unit: 'kg', n: 3 })), {
        template: '[{exam}, {points}] {question} in {unit} ({n}); {{x}} \\boxed{}\n',
      });
      const { prompt } = await stage.next(stageEvent());
      expect(prompt).to.deep.equal(['[paper 1, 4] What is a? in kg (3); {x} \\boxed{}\n']);
    });

    it('does not fill what a question says', async () => {
      const stage = await open(jsonl(record('a', { question: '{points} $& {{' })));
      expect((await stage.next(stageEvent())).prompt).to.deep.equal(['{points} $& {{\n']);
    });

    it('with a field that no record has is an error where the template stands', async () => {
      const place = { file: 'p.yaml', line: 7, column: 3 };
      const stage = await open(jsonl(record('a', { unit: 'kg' })), { template: '{qestion}' }, undefined, {
        place,
      });
      const error = await errorOf(() => stage.dataset(), 'config/unknown-key');
      expect(error.place).to.deep.equal(place);
      expect(error.help).to.contain('question').and.to.contain('unit');
    });

    it('with a brace that has no other, or without any field, is an error where it stands', async () => {
      const place = { file: 'p.yaml', line: 7, column: 3 };
      for (const [template, message] of [
        ['{question\n', 'has a { without its }'],
        ['question}\n', 'has a } without its {'],
        ['hello', 'names no field'],
        ['{{question}}', 'names no field'],
      ]) {
        const stage = await open(jsonl(record('a')), { template }, undefined, { place });
        const error = await errorOf(() => stage.dataset(), 'config/type');
        expect(error.message).to.contain(message);
        expect(error.place).to.deep.equal(place);
        expect(error.help).to.contain('{question}');
      }
    });

    it('with a field that a record lacks is an error at the record', async () => {
      const error = await failure(jsonl(record('a', { unit: 'kg' }), record('b')), {
        template: '{question} {unit}',
      });
      expect(error.code).to.equal('data/value');
      expect(error.place!.line).to.equal(2);
    });

    it('is wrapped in the chat template of the policy where chat says so', async () => {
      const policy = scriptedPolicy();
      const stage = await open(jsonl(record('a')), { chat: true }, undefined, { policy: () => policy });
      expect((await stage.next(stageEvent())).prompt).to.deep.equal(['<user>What is a?\n']);
    });
  });

  describe('the cohorts of a run', () => {
    const ids = Array.from({ length: 10 }, (_, i) => `q${i}`);
    const data = jsonl(...ids.map((id) => record(id)));
    const draw = async (params: object, events: object[]) => {
      const stage = await open(data, params);
      const cohorts: (readonly string[])[] = [];
      for (const event of events) cohorts.push((await stage.next(stageEvent(event))).prompt_id);
      return cohorts;
    };
    const steps = (n: number) => Array.from({ length: n }, (_, step) => ({ step, seed: 3 }));

    it('go through all questions once an epoch, in another order each', async () => {
      const cohorts = (await draw({ perStep: 4 }, steps(5))).flat();
      const epochs = [cohorts.slice(0, 10), cohorts.slice(10)];
      for (const epoch of epochs) expect([...epoch].sort()).to.deep.equal(ids);
      expect(epochs[0]).to.not.deep.equal(epochs[1]);
      expect(epochs[0]).to.not.deep.equal(ids);
    });

    it('depend on the step alone, so that a resumed run goes on as it would have', async () => {
      const whole = await draw({ perStep: 4 }, steps(5));
      const resumed = await draw({ perStep: 4 }, steps(5).slice(3));
      expect(resumed).to.deep.equal(whole.slice(3));
    });

    it('differ with the seed', async () => {
      const [one, other] = await draw({ perStep: 10 }, [{ seed: 1 }, { seed: 2 }]);
      expect(one).to.not.deep.equal(other);
    });

    it('keep the order of the file without shuffling', async () => {
      const cohorts = await draw({ perStep: 4, shuffle: false }, steps(3));
      expect(cohorts.flat()).to.deep.equal([...ids, 'q0', 'q1']);
      expect(await draw({ perStep: 'all' }, steps(1))).to.deep.equal([ids]);
    });

    it('are refilled with questions that the step has not had, in groups of their own', async () => {
      const stage = await open(data, { perStep: 4 });
      const first = await stage.next(stageEvent({ step: 2 }));
      const refill = await stage.next(stageEvent({ step: 2, round: 1 }));
      expect(first.prompt_id.filter((id) => refill.prompt_id.includes(id))).to.deep.equal([]);
      expect([...refill.group]).to.deep.equal([4, 5, 6, 7]);
      expect(refill.row_id[0]).to.equal('2.1.4.0');
    });

    it('are the same at every evaluation', async () => {
      const scope = 'eval:heldOut';
      const [one, other] = await draw({ perStep: 4 }, [
        { step: 0, scope },
        { step: 20, scope },
      ]);
      expect(one).to.deep.equal(other);
    });
  });

  describe('bad data', () => {
    it('names a file that is not there, and the place that names it', async () => {
      const stage = await createStage(
        exam,
        { file: 'no/such.jsonl' },
        { place: { file: 'p.yaml', line: 3 } },
      );
      const error = await errorOf(() => stage.dataset(), 'data/missing-file');
      expect(error.message).to.match(/^p\.yaml:3: data\/missing-file: There is no file .*no\/such\.jsonl/);
    });

    it('is reported all at once, by line', async () => {
      const error = await failure(
        [
          JSON.stringify(record('a')),
          '{"id": "b", ',
          JSON.stringify(record('c', { points: undefined })),
          JSON.stringify(record('d', { points: -1 })),
          JSON.stringify(record('e', { points: '4' })),
          JSON.stringify(record('f', { points: 101 })),
          JSON.stringify(record('g')).replace('"points":4', '"points":NaN'),
          JSON.stringify(record('h', { exam_total: 0 })),
          JSON.stringify(record('a')),
          JSON.stringify({ ...record('i'), reference: [], question: ' ' }),
          '[1]',
          JSON.stringify({ question: 'What?' }),
        ].join('\n'),
      );
      const { message } = error;
      const finding = (line: number, text: RegExp) =>
        expect(message).to.match(new RegExp(`exam\\.jsonl:${line}(:\\d+)?: data/[^\\n]*${text.source}`));
      finding(2, /not JSON/);
      finding(3, /"c": points is missing/);
      finding(4, /"d": points is -1, below 0/);
      finding(5, /"e": points is "4", not a number/);
      finding(6, /"f": points is 101, above the exam_total of 100/);
      finding(7, /not JSON/);
      expect(message).to.contain('JSON has no NaN');
      finding(8, /"h": exam_total is 0, not above 0/);
      finding(9, /The id "a" is taken by line 1/);
      finding(10, /"i": question is empty/);
      finding(10, /"i": reference is an empty list/);
      finding(11, /one JSON object/);
      finding(12, /id is missing/);
      finding(12, /exam_total is missing/);
      expect(message).to.not.contain('exam.jsonl:1:');
    });

    it('is reported up to twenty findings, with the number of the rest', async () => {
      const error = await failure(
        jsonl(...Array.from({ length: 50 }, (_, i) => record(`q${i}`, { points: -1 }))),
      );
      expect(error.message.match(/below 0/g)).to.have.length(20);
      expect(error.message).to.contain('and 30 more findings');
    });

    it('is an error where there is none', async () => {
      for (const [name, content] of [
        ['exam.jsonl', ''],
        ['exam.jsonl', '\ufeff\n \n'],
        ['exam.csv', 'id,question,reference,points,exam_total\n'],
      ] as const) {
        expect((await failure(content, {}, name)).code, name).to.equal('data/empty');
      }
    });

    it('in another encoding is an error', async () => {
      expect((await failure(Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d))).code).to.equal('data/syntax');
    });
  });

  describe('CSV', () => {
    const header = 'id,exam,question,reference,points,exam_total,level,easy,solution';

    it('holds the same fields as columns', async () => {
      const stage = await open(
        `\ufeff${header}\r\n1,p,"What, then?\r\nSay it.",7,4,100,2,true,"3+4=7"\r\n\r\n2,p,Why?,a|b,5.5,100,,false,\r\n3,p,How?,"[""x|y""]",1,100,1,true,\r\n`,
        {},
        'exam.csv',
      );
      const { batch, place } = await stage.dataset();
      expect(columnOf(batch, 'prompt_id')).to.deep.equal(['1', '2', '3']);
      expect(columnOf(batch, 'prompt')[0]).to.equal('What, then?\nSay it.\n');
      expect(columnOf(batch, 'reference')).to.deep.equal([['7'], ['a', 'b'], ['x|y']]);
      expect([...columnOf(batch, 'points')]).to.deep.equal([4, 5.5, 1]);
      expect(columnOf(batch, 'solution')).to.deep.equal(['3+4=7', null, null]);
      expect(columnOf(batch, 'data.level')).to.deep.equal([2, null, 1]);
      expect(columnOf(batch, 'data.easy')).to.deep.equal([true, false, true]);
      expect([0, 1, 2].map((row) => place(row).line)).to.deep.equal([2, 5, 6]);
    });

    it('is checked like JSONL', async () => {
      const error = await failure(`${header}\n1,p,Q?,7,many,100,,,\n2,p,Q?,7,,100,,,\n`, {}, 'exam.csv');
      expect(error.message).to.match(/exam\.csv:2: data\/value: .*points is "many", not a number/);
      expect(error.message).to.match(/exam\.csv:3: data\/value: .*points is missing/);
    });

    it('with a line of another length is an error with its line', async () => {
      const error = await failure('id,question\n1,2\n1,2,3\n', {}, 'exam.csv');
      expect(error.code).to.equal('data/syntax');
      expect(error.place!.line).to.equal(3);
      expect(error.message).to.contain('3 cells, and the header line names 2 columns: id, question');
      expect(error.help).to.contain('double quotes');
      const short = await failure('id,question,points\n1,2,3\n1\n', {}, 'exam.csv');
      expect(short.message).to.contain('1 cell, and the header line names 3 columns');
      expect(short.help).to.contain('a comma for every cell');
    });

    it('with another separator is one error that names it', async () => {
      for (const [sign, name] of [
        [';', 'semicolons'],
        ['\t', 'tabs'],
      ] as const) {
        const rows = `${header}\n1,p,Q?,7,4,100,,,\n2,p,What. is it?,7,4,100,,,\n`.replaceAll(',', sign);
        const error = await failure(rows, {}, 'exam.csv');
        expect(error).to.include({ code: 'data/syntax' });
        expect(error.place!.line).to.equal(1);
        expect(error.message).to.contain(`separated by ${name}`);
      }
      const commas = `${header.replaceAll(',', ';')}\n1;p;"Well, then?";7;4;100;;;\n2;p;a, b;7;4;100;;;\n`;
      expect((await failure(commas, {}, 'exam.csv')).message).to.contain('separated by semicolons');
    });
  });

  it('reads the GAOKAO-Bench questions, where they stand beside the clone', async function () {
    const file = fileURLToPath(
      new URL('../../../../shared/data/gaokao-bench/objective.jsonl', import.meta.url),
    );
    if (!existsSync(file)) {
      this.skip();
    }
    const stage = await createStage(exam, { file, perStep: 'all' });
    const { batch } = await stage.dataset();
    expect(batch.numRows).to.equal(1948);
    const values = columnOf(batch, 'points').map((p, i) => p / columnOf(batch, 'exam_total')[i]!);
    expect(Math.min(...values)).to.be.closeTo(1 / 150, 1e-12);
    expect(Math.max(...values)).to.be.closeTo(30 / 150, 1e-12);
    expect(stage.specs).to.have.keys('data.subject', 'data.kind');
  });
});
