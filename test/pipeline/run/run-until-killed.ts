import { existsSync } from 'node:fs';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { smallRun, watchedStages } from '../replay/recorded.ts';

/**
 * A process to be killed: starts the run that is named with the settings that follow, or resumes it where it has
 * begun, and prints a line for each stage that is done and each cohort that is sampled.
 */
const [directory, ...set] = process.argv.slice(2) as [string, ...string[]];
const options = {
  onEvent: (event: { readonly type: string }) => {
    if (event.type === 'stage') process.stdout.write('stage\n');
  },
};
if (existsSync(directory)) {
  const catalogue = watchedStages((cohort) => void process.stdout.write(`sampled ${cohort}\n`));
  await resume(directory, { ...options, catalogue });
} else await train(await smallRun(...set), { ...options, directory });
