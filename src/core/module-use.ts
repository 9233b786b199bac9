/** Whether `use` names an export of a user's module, `./stages/mine.js#name`, and not something of a catalogue. */
export function namesExport(use: string): boolean {
  return use.includes('#');
}

/** The module's path and the name of its export in such a `use`; the name is empty where there is none. */
export function partsOfUse(use: string): { readonly path: string; readonly name: string } {
  const cut = use.lastIndexOf('#');
  return cut < 0 ? { path: use, name: '' } : { path: use.slice(0, cut), name: use.slice(cut + 1) };
}
