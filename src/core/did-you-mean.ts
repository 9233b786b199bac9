import { distance } from 'fastest-levenshtein';

/** The candidate nearest to a misspelt word, where one is near enough to be meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(word.length / 3));
  const ranked = candidates
    .map((candidate) => ({ candidate, d: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.d - b.d);
  return ranked[0] && ranked[0].d <= limit ? ranked[0].candidate : undefined;
}

/** `Did you mean X?`, or the list of what there is. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  if (near) return `Did you mean \`${near}\`?`;
  return candidates.length > 0 ? `There are: ${candidates.join(', ')}.` : 'It takes no keys.';
}
