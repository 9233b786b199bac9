import Module from 'node:module';

// Node keeps source maps with the coverage, 25 MB of them of TensorFlow.js: a process that mocha ends, and kills where
// it does not end within a second, could not always write its coverage.
const modules = Module.prototype as unknown as { _compile(content: string, file: string): unknown };
const { _compile } = modules;
modules._compile = function (content, file) {
  const code = file.includes('/node_modules/')
    ? content.replace(/\/\/# sourceMappingURL=.*\s*$/, '')
    : content;
  return _compile.call(this, code, file);
};

/**
 * Policies run in the worker that was built (`npm run build`), which starts in a third of the time of its source. Like
 * that of the command line its coverage is not counted; the services are covered in the tests' own thread.
 */
export const mochaHooks = {
  beforeAll(): void {
    process.env.RLEV_WORKER = new URL('../../dist/policy/worker.js', import.meta.url).href;
    // read by threads and processes as they start: of this one it is counted all the same
    delete process.env.NODE_V8_COVERAGE;
  },
};
