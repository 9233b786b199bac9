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
