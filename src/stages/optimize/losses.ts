import type { LossCatalogue } from '../../policy/losses/loss.ts';

/** The losses that the package brings. They bring the tensor library with them, which takes half a second to load. */
export async function losses(): Promise<LossCatalogue> {
  return (await import('../../policy/losses/catalogue.ts')).standardLosses;
}
